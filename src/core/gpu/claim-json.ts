/**
 * The annotation `muster.dev/claim`: JSON of a Claim, and its strict reader. What it reads may be forged or cut off: every
 * size is bounded, nothing is guessed, unknown keys are ignored, and nothing throws.
 */
import { isDeviceUuid, MAX_CONTAINERS, MAX_COUNT, MAX_INDEX, MAX_MIB, MAX_TEXT } from './bounds.ts';
import type { Claim, ContainerClaim, DeviceShare } from './claim.ts';
import { type ContainerSlot, WHOLE_MILLI } from './request.ts';
import { bySlot, isSlot } from './slots.ts';

const MAX_NAME = 253;

export type ClaimReading =
  | { readonly ok: true; readonly claim: Claim }
  /** says what is wrong and where */
  | { readonly ok: false; readonly error: string };

export function encodeClaim(claim: Claim): string {
  return JSON.stringify({
    containers: claim.containers.map(({ name, slot, sidecar, devices }) => ({
      name,
      slot,
      ...(sidecar ? { sidecar } : {}),
      devices: devices.map(({ uuid, index, mib, milli }) => ({ uuid, index, mib, milli })),
    })),
  });
}

/** Containers come back in the order of a Claim, whatever order the text has. */
export function decodeClaim(text: string): ClaimReading {
  if (text.length > MAX_TEXT) return { ok: false, error: `claim is longer than ${MAX_TEXT} characters` };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, error: 'claim is not JSON' };
  }
  const list = isRecord(json) ? json.containers : undefined;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_CONTAINERS) {
    return { ok: false, error: `claim.containers must be a list of 1 to ${MAX_CONTAINERS} containers` };
  }
  const containers: ContainerClaim[] = [];
  for (const [at, item] of list.entries()) {
    const container = readContainer(item, `containers[${at}]`);
    if (typeof container === 'string') return { ok: false, error: `claim.${container}` };
    if (containers.some((other) => other.slot === container.slot)) {
      return { ok: false, error: `claim.containers[${at}].slot ${container.slot} appears twice` };
    }
    containers.push(container);
  }
  return { ok: true, claim: { containers: containers.sort(bySlot) } };
}

function readContainer(item: unknown, at: string): ContainerClaim | string {
  if (!isRecord(item)) return `${at} is not an object`;
  const { name, slot, sidecar, devices } = item;
  if (typeof name !== 'string' || name.length === 0 || name.length > MAX_NAME) return `${at}.name is not a name`;
  if (!isSlot(slot)) return `${at}.slot must be c<n> or i<n>`;
  if (sidecar !== undefined && typeof sidecar !== 'boolean') return `${at}.sidecar must be true or false`;
  if (sidecar === true && slot.startsWith('c')) return `${at}.sidecar: only init containers are sidecars`;
  if (!Array.isArray(devices) || devices.length === 0 || devices.length > MAX_COUNT) {
    return `${at}.devices must be a list of 1 to ${MAX_COUNT} devices`;
  }
  const shares: DeviceShare[] = [];
  for (const [position, device] of devices.entries()) {
    const share = readShare(device, `${at}.devices[${position}]`);
    if (typeof share === 'string') return share;
    const twice = shares.some((o) =>
      share.uuid === null ? o.uuid === null && o.index === share.index : o.uuid === share.uuid,
    );
    if (twice) return `${at}.devices[${position}] appears twice`;
    shares.push(share);
  }
  return { name, slot: slot satisfies ContainerSlot, sidecar: sidecar === true, devices: shares };
}

function readShare(item: unknown, at: string): DeviceShare | string {
  if (!isRecord(item)) return `${at} is not an object`;
  const { uuid = null, index, mib, milli } = item;
  if (uuid !== null && !isDeviceUuid(uuid)) return `${at}.uuid is not a device uuid`;
  if (!isInteger(index, 0, MAX_INDEX)) return `${at}.index must be an integer from 0 to ${MAX_INDEX}`;
  if (!isInteger(mib, 1, MAX_MIB)) return `${at}.mib must be an integer from 1 to ${MAX_MIB}`;
  if (!isInteger(milli, 0, WHOLE_MILLI)) return `${at}.milli must be an integer from 0 to ${WHOLE_MILLI}`;
  return { uuid, index, mib, milli };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isInteger = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0) && value >= least && value <= most;
