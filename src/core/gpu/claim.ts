/** What a pod takes of the devices of its node, decided to the byte. `ledger.ts` adds and removes it, `claim-json.ts` writes it down. */
import type { DeviceRef } from './device.ts';
import type { ContainerSlot } from './request.ts';

/** Shares taken of one device by one container. Integer MiB and integer milli (thousandths of the device's compute). */
export type DeviceShare = DeviceRef & { readonly mib: number; readonly milli: number };

export type ContainerClaim = {
  readonly name: string;
  readonly slot: ContainerSlot;
  /** an init container that runs on beside the app containers */
  readonly sidecar: boolean;
  readonly devices: readonly DeviceShare[];
};

/** Everything one pod takes of the devices of one node. Written at bind as the annotation `muster.dev/claim`. */
export type Claim = { readonly containers: readonly ContainerClaim[] };
