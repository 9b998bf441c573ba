/** What Muster wrote on a bound pod, read for assertions. */
import type { Pod } from './kube.ts';

export type ClaimedDevice = { uuid: string | null; index: number; mib: number; milli: number };

/** container name → its devices; throws when the pod carries no claim */
export function claimOf(pod: Pod): Record<string, ClaimedDevice[]> {
  const raw = pod.metadata.annotations?.['muster.dev/claim'];
  if (raw === undefined) throw new Error(`${pod.metadata.name} carries no claim: ${JSON.stringify(pod.metadata)}`);
  const { containers } = JSON.parse(raw) as { containers: { name: string; devices: ClaimedDevice[] }[] };
  return Object.fromEntries(containers.map(({ name, devices }) => [name, devices]));
}

/** the one device of the container `main` */
export function deviceOf(pod: Pod): ClaimedDevice {
  const devices = claimOf(pod).main ?? [];
  if (devices.length !== 1) throw new Error(`${pod.metadata.name} has ${devices.length} devices in main, wanted 1`);
  return devices[0]!;
}

/** `node/device index`, to compare where pods went */
export function placeOf(pod: Pod): string {
  return `${pod.spec.nodeName}/${deviceOf(pod).index}`;
}
