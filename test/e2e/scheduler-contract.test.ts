/** The contract that the model of kube-scheduler is held to, run against a real one: where they differ, the model is wrong. */
import { afterAll, describe } from 'vitest';
import { connect } from '../../src/kube/undici-adapter.ts';
import { Client } from '../contract/client.ts';
import { schedulerContract } from '../contract/scheduler/cases.ts';
import { type Plane, SCHEDULER } from '../contract/scheduler/plane.ts';
import { podGroupContract } from '../contract/scheduler/pod-groups.ts';
import { preemptionContract } from '../contract/scheduler/preemption.ts';
import { ControlPlane, type ControlPlaneOptions } from './harness/control-plane.ts';

const planes: ControlPlane[] = [];
const gangs: ControlPlaneOptions = {
  featureGates: { GenericWorkload: true },
  apiserverArgs: ['--runtime-config=scheduling.k8s.io/v1beta1=true'],
};

async function real(podGroups: boolean): Promise<Plane> {
  const plane = await ControlPlane.start(podGroups ? gangs : {});
  planes.push(plane);
  let serial = 0;
  return {
    client: new Client(await connect({ component: 'e2e', kubeconfig: plane.kubeconfig('admin') })),
    secondMs: 1000,
    async startScheduler(url, entries) {
      serial += 1;
      const { process } = await plane.startScheduler({
        name: `contract-${serial}`,
        ...(podGroups ? { args: ['--feature-gates=GenericWorkload=true'] } : {}),
        config: {
          apiVersion: 'kubescheduler.config.k8s.io/v1',
          kind: 'KubeSchedulerConfiguration',
          percentageOfNodesToScore: 100,
          leaderElection: { leaderElect: false },
          profiles: [{ schedulerName: SCHEDULER }],
          extenders: entries.map((entry) => ({ urlPrefix: url, nodeCacheCapable: true, httpTimeout: '5s', ...entry })),
        },
      });
      return async () => {
        await process.stop(3_000);
      };
    },
  };
}

afterAll(async () => {
  for (const plane of planes) await plane.stop();
});

describe('a real kube-scheduler', () => {
  schedulerContract(() => real(false));
  preemptionContract(() => real(false));
  podGroupContract(() => real(true));
});
