/**
 * How much a pod holds of each device at its worst moment, by Kubernetes' own rule for containers: while init container i
 * runs, itself and the sidecars started before it are there; afterwards all sidecars and all app containers. Per device the
 * largest of these stages counts, so an init container may use what an app container uses later.
 */
import type { Claim, DeviceShare } from './claim.ts';
import type { DeviceRef } from './device.ts';

/** Every device at most once, in the order of first mention. The only thing a ledger adds or removes. */
export type Peak = readonly DeviceShare[];

const sameDevice = (a: DeviceRef, b: DeviceRef): boolean =>
  a.uuid === null ? b.uuid === null && a.index === b.index : a.uuid === b.uuid;

type Stages = {
  readonly ref: DeviceRef;
  sidecarMib: number;
  sidecarMilli: number;
  appMib: number;
  appMilli: number;
  peakMib: number;
  peakMilli: number;
};

function allDifferent(devices: readonly DeviceRef[]): boolean {
  for (let at = 1; at < devices.length; at++)
    for (let before = 0; before < at; before++) if (sameDevice(devices[at]!, devices[before]!)) return false;
  return devices.length > 0;
}

/** Containers must be in the order of a Claim: init containers and sidecars as in the spec, then app containers. */
export function peakOf(claim: Claim): Peak {
  const only = claim.containers.length === 1 ? claim.containers[0]!.devices : null;
  if (only !== null && allDifferent(only)) return only;

  const stages: Stages[] = [];
  for (const container of claim.containers) {
    const init = container.slot.startsWith('i') && !container.sidecar;
    // a device named twice by one container counts twice: first the sums of this container, then its stage
    const touched = new Map<Stages, { mib: number; milli: number }>();
    for (const share of container.devices) {
      const stage = stageOf(stages, share);
      const sum = touched.get(stage);
      if (sum === undefined) touched.set(stage, { mib: share.mib, milli: share.milli });
      else {
        sum.mib += share.mib;
        sum.milli += share.milli;
      }
    }
    for (const [stage, sum] of touched) {
      if (init) {
        stage.peakMib = Math.max(stage.peakMib, stage.sidecarMib + sum.mib);
        stage.peakMilli = Math.max(stage.peakMilli, stage.sidecarMilli + sum.milli);
      } else if (container.sidecar) {
        stage.sidecarMib += sum.mib;
        stage.sidecarMilli += sum.milli;
      } else {
        stage.appMib += sum.mib;
        stage.appMilli += sum.milli;
      }
    }
  }
  return stages.map((stage) => ({
    uuid: stage.ref.uuid,
    index: stage.ref.index,
    mib: Math.max(stage.peakMib, stage.sidecarMib + stage.appMib),
    milli: Math.max(stage.peakMilli, stage.sidecarMilli + stage.appMilli),
  }));
}

function stageOf(stages: Stages[], ref: DeviceRef): Stages {
  for (const stage of stages) if (sameDevice(stage.ref, ref)) return stage;
  const stage: Stages = { ref, sidecarMib: 0, sidecarMilli: 0, appMib: 0, appMilli: 0, peakMib: 0, peakMilli: 0 };
  stages.push(stage);
  return stage;
}
