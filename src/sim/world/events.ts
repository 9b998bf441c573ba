/** What users, administrators and machines do in a world: drawn from the seed before it begins, carried out at its time. */

import type { Api } from '../api/api.ts';
import type { JsonObject, KubeObject } from '../api/object.ts';
import type { Chance, Fault } from './chance.ts';
import { FAULTS, type FaultKind } from './faults.ts';
import { type DrawnGang, drawnGang, drawnMember, type Forms, podGroupOf } from './gang-workload.ts';
import type { Machine, Member, Wiring } from './member.ts';
import { drawnNode, withHealth } from './nodes.ts';
import { NODES, PODS, SLICES } from './oracle/facts.ts';
import { gpusOf } from './oracle/gpus.ts';
import { type Day, drawnContender, drawnEdit, drawnPod, drawnRival, NAMESPACE } from './workload.ts';

export const MERGE = 'application/merge-patch+json';

export type EventsOptions = {
  readonly api: Api;
  readonly wiring: Wiring;
  /** whatever can crash, stall or stand still */
  readonly members: readonly Member[];
  readonly length: Length;
  readonly forms: Forms;
};

/**
 * How long faults happen, virtual ms, and how many pods come by themselves in that time, at least; those that are made in place of others
 * come on top.
 */
export type Length = { readonly span: number; readonly pods: number };

/** Most days are as large as a seed must be, some are long and full: there are bugs for which it takes either. */
export function drawnLength(chance: Chance): Length {
  const draw = chance.draw('length');
  if (draw < 0.88) return { span: 12_000, pods: 26 };
  return draw < 0.96 ? { span: 30_000, pods: 28 } : { span: 60_000, pods: 44 };
}

/** of a device: more than is free beside what fills a contended day, less than is free on an empty one */
const RIVALS_PART = 0.45;
const RIVALS_AFTER_MS = [500, 3_000, 9_000, 18_000];
const PODS_PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;
/** part of the days that are contended */
const CONTENDED = 0.35;
/** planned faults are as many as their rates say in a day of this length, ms */
const RATED_MS = 36_000;
/** a day that is still too small goes on for so long after each of its further faults, ms */
const OVERTIME_MS = 2_000;
/** a late PodGroup comes so long after the first of its pods, at most, ms */
const GROUP_LATE_MS = 8_000;
/** a controller makes a lost member anew within, ms */
const ANEW_MS = 3_000;
/** podgc deletes the pods of a node that has been away for so long, ms */
const POD_GC_MS = 8_000;

export class Events {
  /** how many were made in all */
  readonly made = { nodes: 0, pods: 0 };
  readonly #options: EventsOptions;
  #serial = 0;
  #contenders = 0;
  #day: Day = 'mixed';
  readonly #lives = new Map<string, number>();
  /** name of a pod → the gang that it is in, and the how manieth there */
  readonly #members = new Map<string, { readonly gang: DrawnGang; readonly at: number }>();

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** Nodes at once; pods in bursts and one by one over two thirds of the span; planned faults anywhere in it. */
  plan(): void {
    const { span, pods: least } = this.#options.length;
    const { chance, time, rates } = this.#options.wiring;
    this.#day = chance.draw('day') < CONTENDED ? 'contended' : 'mixed';
    const nodes = this.#day === 'contended' ? 6 : chance.pick('nodes', [6, 6, 7, 8]);
    for (let at = 0; at < nodes; at++) void this.#createNode(`n${at}`);
    const gangs = this.#day === 'contended' ? 1 : chance.whole('gangs', 2, least > 30 ? 5 : 4);
    const pods = chance.whole('pods', least, least + 2) - this.#planGangs(gangs);
    for (let at = 0; at < pods; at++) {
      const burst = chance.whole('arrivals', 0, 9);
      const apart = chance.draw('arrivals') < 0.4 ? (span * 2) / 3 : 50;
      const when = 2_000 + (apart > 50 ? 0 : (burst * span) / 15) + chance.whole('arrivals', 0, apart);
      time.after(when, () => void this.#createPod(`p${at}`));
    }
    for (const kind of Object.keys(FAULTS) as FaultKind[]) {
      if (FAULTS[kind].per !== 'seed') continue;
      const times = Math.floor(((rates[kind] * span) / RATED_MS) * 2 * chance.draw(`plan ${kind}`) + 0.5);
      for (let count = 1; count <= times; count++) {
        const when = 3_000 + Math.floor(chance.draw(`plan ${kind}`) * (span - 6_000));
        time.after(when, () => {
          const fault = chance.planned(kind, 'plan', count);
          if (fault !== null) this.#happens(fault);
        });
      }
    }
  }

  /** Members come together, but for some that take seconds; how many come in all. */
  #planGangs(count: number): number {
    const { length, forms } = this.#options;
    const { chance, time } = this.#options.wiring;
    const gangs = Array.from({ length: count }, (_, at) => drawnGang(chance, `g${at}`, forms));
    for (const gang of gangs) {
      const begins = 2_500 + chance.whole('gangs', 0, length.span / 2);
      const group = podGroupOf(gang);
      // mostly before its pods, as a tool would make it; people forget it, and see their pods wait
      const late = chance.draw('late groups') < 0.2 ? chance.whole('late groups', 100, GROUP_LATE_MS) : -100;
      if (group !== null) time.after(begins + late, () => void this.#call('POST', ...group));
      for (let at = 0; at < gang.size; at++) {
        const name = `${gang.name}-${at}`;
        this.#members.set(name, { gang, at });
        const delay = chance.draw('gangs') < 0.15 ? chance.whole('gangs', 500, 12_000) : chance.whole('gangs', 0, 80);
        time.after(begins + delay, () => void this.#createPod(name));
      }
    }
    this.#makeAnew();
    return gangs.reduce((sum, { size }) => sum + size, 0);
  }

  /** As controllers do with members that are gone, as long as the day lasts. */
  #makeAnew(): void {
    const { api, length } = this.#options;
    const { chance, time } = this.#options.wiring;
    api.store.table(PODS).watch(({ type, next }) => {
      const { name } = next.object.metadata;
      if (type !== 'DELETED' || time.now > length.span || this.#members.get(name)?.gang.controlled !== true) return;
      time.after(chance.whole(`anew ${name}`, 10, ANEW_MS), () => void this.#createPod(name));
    });
  }

  /** One more fault, and with it load, of a day that is too small; the `count`th. Says how long the day goes on for it, ms; null: it ends. */
  goOn(count: number): number | null {
    const fault = this.#options.wiring.chance.planned<FaultKind>('pod-replaced', 'overtime', count);
    if (fault === null) return null;
    this.#happens(fault);
    return OVERTIME_MS;
  }

  /** Load without a fault, of a day that ended with too few steps. */
  goOnInPeace(): void {
    this.#podDeleted(this.#options.wiring.chance.draw('in peace'), true);
  }

  #happens({ kind, size }: Fault<FaultKind>): void {
    const { api, members, wiring } = this.#options;
    const { network, time, trace } = wiring;
    trace.note('world', kind);
    const any = <T>(from: readonly T[]): T => from[Math.floor(size * 997) % from.length]!;
    const crash = (which: Member['kind']) => () => any(members.filter((one) => one.kind === which)).crash();
    const extenders = members.filter((one) => one.kind === 'extender');
    // where a leader may be, mostly
    const machine: Machine = any((size * 29) % 1 < 0.85 ? extenders : members).machine;
    const actions: Partial<Record<FaultKind, () => void>> = {
      compaction: () => api.compact(),
      outage: () => network.outage(500 + Math.floor(size * 12_000)),
      stall: () =>
        network.stall(any((size * 23) % 1 < 0.75 ? extenders : members).name, 3_000 + Math.floor(size * 37_000)),
      'crash-extender': crash('extender'),
      'crash-scheduler': crash('scheduler'),
      'crash-kubelet': crash('kubelet'),
      pause: () => {
        const until = time.now + 2_000 + Math.floor(size * 38_000);
        for (const member of members) if (member.machine === machine) member.pause(until);
      },
      'clock-jump': () => {
        machine.wall.offsetMs += size < 0.5 ? -Math.floor(size * 8_000) : Math.floor((size - 0.5) * 120_000);
      },
      'node-gone': () => this.#nodeGone(size),
      'node-unready': () => this.#nodeUnready(size),
      'gpu-unhealthy': () => this.#gpuUnhealthy(size),
      'pod-deleted': () => this.#podDeleted(size, false),
      'pod-replaced': () => this.#podDeleted(size, true),
      'pod-edited': () => this.#podEdited(size),
      'gang-restarted': () => this.#gangRestarted(size),
    };
    actions[kind]?.();
  }

  // ---- nodes

  async #createNode(name: string): Promise<void> {
    const life = this.#lives.get(name) ?? 0;
    this.#lives.set(name, life + 1);
    const { node, slices } = drawnNode(this.#options.wiring.chance, name, life, this.#day === 'contended' ? 2 : 3);
    this.made.nodes++;
    for (const slice of slices) await this.#call('POST', '/apis/resource.k8s.io/v1/resourceslices', slice);
    await this.#call('POST', '/api/v1/nodes', node);
  }

  #nodeGone(size: number): void {
    const node = this.#any(NODES, size);
    if (node === undefined) return;
    const { name } = node.metadata;
    const { time } = this.#options.wiring;
    void this.#call('DELETE', `/api/v1/nodes/${name}`);
    void this.#call('DELETE', `/apis/resource.k8s.io/v1/resourceslices/${name}-gpu.nvidia.com`);
    const away = Math.floor(size * 20_000);
    time.after(away, () => {
      // the same machine came back, or another one under its name
      if (size > 0.3) void this.#createNode(name);
      else {
        const { resourceVersion: _version, uid: _uid, ...metadata } = node.metadata;
        if ((this.#lives.get(name) ?? 0) > 0) void this.#call('POST', '/api/v1/nodes', { ...node, metadata });
      }
    });
    time.after(POD_GC_MS, () => {
      if (this.#objects(NODES).some((one) => one.metadata.name === name)) return;
      for (const pod of this.#objects(PODS)) {
        if (pod.spec?.nodeName !== name) continue;
        void this.#call('DELETE', podPath(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
      }
    });
  }

  #nodeUnready(size: number): void {
    const node = this.#any(NODES, size);
    if (node === undefined) return;
    const path = `/api/v1/nodes/${node.metadata.name}`;
    const cordon = size < 0.5;
    const write = (bad: boolean): void => {
      if (cordon) void this.#call('PATCH', path, { spec: { unschedulable: bad ? true : null } });
      else
        void this.#call('PATCH', `${path}/status`, {
          status: { conditions: [{ type: 'Ready', status: bad ? 'Unknown' : 'True', reason: 'World', message: '' }] },
        });
    };
    write(true);
    this.#options.wiring.time.after(1_000 + Math.floor(size * 20_000), () => write(false));
  }

  #gpuUnhealthy(size: number): void {
    const told = this.#objects(NODES).filter((node) => withHealth(node, size, false) !== null);
    const node = told[Math.floor(size * 7919) % Math.max(1, told.length)];
    if (node === undefined) return;
    const { name } = node.metadata;
    const write = (healthy: boolean): void => {
      const now = this.#objects(NODES).find((one) => one.metadata.name === name);
      const patch = now === undefined ? null : withHealth(now, size, healthy);
      if (patch !== null) void this.#call('PATCH', `/api/v1/nodes/${name}`, patch);
    };
    write(false);
    // a quarter of them never recover
    if ((size * 41) % 1 > 0.25) this.#options.wiring.time.after(500 + Math.floor(size * 25_000), () => write(true));
  }

  // ---- pods

  /** A node is being freed for somebody. Who comes now must not get what is freed, though kube-scheduler's own sums would let it. */
  promised(node: string): void {
    const { chance, rates, time } = this.#options.wiring;
    const fault = chance.fault('users', [['rivals-come', rates['rivals-come']]]);
    const object = this.#objects(NODES).find(({ metadata }) => metadata.name === node);
    if (fault === null || object === undefined) return;
    const mib = Math.floor((gpusOf(object, this.#objects(SLICES))[0]?.mib ?? 0) * RIVALS_PART);
    for (const after of RIVALS_AFTER_MS) {
      const serial = this.#serial++;
      const pod = drawnRival(chance, `r${serial}`, serial, mib);
      this.made.pods++;
      time.after(Math.floor(fault.size * after), () => void this.#call('POST', PODS_PATH, pod));
    }
  }

  async #createPod(name: string): Promise<void> {
    const { chance } = this.#options.wiring;
    const member = this.#members.get(name);
    const serial = this.#serial++;
    const pod =
      member !== undefined
        ? drawnMember(chance, member.gang, member.at, name, serial)
        : this.#day === 'contended'
          ? drawnContender(chance, this.#contenders++, name, serial)
          : drawnPod(chance, name, serial);
    // somebody else may have made one of its name before
    if ((await this.#call('POST', PODS_PATH, pod)) === 201) this.made.pods++;
  }

  #podDeleted(size: number, replace: boolean): void {
    const pods = this.#objects(PODS).filter((pod) => pod.metadata.deletionTimestamp === undefined);
    // those on their way are the interesting ones
    const waiting = pods.filter((pod) => !pod.spec?.nodeName);
    const from = waiting.length > 0 && (size * 13) % 1 < 0.6 ? waiting : pods;
    const pod = from[Math.floor(size * 7919) % Math.max(1, from.length)];
    if (pod === undefined) return;
    const force = replace || (size * 17) % 1 < 0.3;
    const options = force ? { gracePeriodSeconds: 0 } : {};
    void this.#call('DELETE', podPath(pod), options).then(() =>
      replace ? this.#createPod(pod.metadata.name) : undefined,
    );
  }

  /** As a job's controller does when one of its pods failed. */
  #gangRestarted(size: number): void {
    const members = [...this.#members.keys()];
    const picked = this.#members.get(members[Math.floor(size * members.length)] ?? '');
    if (picked === undefined) return;
    for (const [name, { gang }] of this.#members) {
      if (gang !== picked.gang) continue;
      const pod = this.#objects(PODS).find((one) => one.metadata.name === name);
      if (pod === undefined) continue;
      void this.#call('DELETE', podPath(pod), { gracePeriodSeconds: 0 }).then(() => this.#createPod(name));
    }
  }

  #podEdited(size: number): void {
    const pod = this.#any(PODS, (size * 31) % 1);
    if (pod !== undefined) void this.#call('PATCH', podPath(pod), drawnEdit(pod, size));
  }

  // ---- objects

  /** Returns the status of the answer. */
  async #call(method: string, path: string, body?: JsonObject): Promise<number> {
    const answer = await this.#options.api.handle({
      method,
      path,
      contentType: method === 'PATCH' ? MERGE : 'application/json',
      body: body === undefined ? null : Buffer.from(JSON.stringify(body)),
    });
    this.#options.wiring.trace.note('world', `${method} ${path} → ${answer.status}`);
    return answer.status;
  }

  #objects(id: string): KubeObject[] {
    const table = this.#options.api.store.table(id);
    return table.keys().map((key) => table.get(key)!.object);
  }

  #any(id: string, size: number): KubeObject | undefined {
    const objects = this.#objects(id);
    return objects[Math.floor(size * objects.length)];
  }
}

const podPath = (pod: KubeObject): string => `/api/v1/namespaces/${NAMESPACE}/pods/${pod.metadata.name}`;
