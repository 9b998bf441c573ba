import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { nodeClock, nodeRng } from '../../../src/kube/node-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { inProcess } from '../../../src/sim/api/in-process.ts';
import type { Controller } from '../../../src/sim/controllers/controller.ts';
import { startDisruptionController } from '../../../src/sim/controllers/disruption.ts';
import { startGarbageCollector } from '../../../src/sim/controllers/garbage-collector.ts';
import { startNamespaceController } from '../../../src/sim/controllers/namespaces.ts';
import { collectionContract, ownershipContract } from '../../contract/ownership.ts';

const newApi = () => new Api({ clock: nodeClock, newUid: randomUUID });

describe('the embedded API without controllers', () => {
  ownershipContract(async () => inProcess(newApi()));
});

describe('the embedded API with its controllers', () => {
  const api = newApi();
  const running: Controller[] = [];
  const errors: Error[] = [];
  beforeAll(async () => {
    const options = {
      transport: inProcess(api),
      clock: nodeClock,
      rng: nodeRng,
      onError: (error: Error) => void errors.push(error),
    };
    running.push(await startGarbageCollector(options));
    running.push(await startNamespaceController(options));
    running.push(await startDisruptionController(options));
  });
  afterAll(async () => {
    for (const one of running) await one.stop();
    // conflicts are part of the game, everything else is a defect
    expect(errors.filter((error) => !/modified|Precondition/.test(error.message))).toEqual([]);
  });
  collectionContract(async () => inProcess(api));
});
