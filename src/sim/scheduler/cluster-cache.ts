/**
 * The scheduler's picture of the cluster: nodes with the pods on them, pods assumed while their bind is under way, and
 * nominations. Informers write to it; the cycle reads it.
 */
import type { KubeObject } from '../api/object.ts';
import { NodeState } from './node-state.ts';
import type { PodInfo } from './pod-info.ts';

export class ClusterCache {
  readonly nodes = new Map<string, NodeState>();
  /** every pod known, by uid */
  readonly pods = new Map<string, PodInfo>();
  /** uid → node: chosen, its bind not yet seen by the informer */
  readonly assumed = new Map<string, string>();
  /** uid → node */
  readonly #nominated = new Map<string, string>();

  upsertNode(node: KubeObject): NodeState {
    const known = this.nodes.get(node.metadata.name);
    if (known) {
      known.update(node);
      return known;
    }
    const state = new NodeState(node);
    this.nodes.set(node.metadata.name, state);
    for (const info of this.pods.values()) {
      const place = info.node || this.assumed.get(info.uid);
      if (place === node.metadata.name && !info.terminal) state.add(info);
    }
    return state;
  }

  removeNode(name: string): void {
    this.nodes.delete(name);
  }

  upsertPod(info: PodInfo): void {
    const before = this.pods.get(info.uid);
    this.pods.set(info.uid, info);
    if (info.node === '' || info.terminal) {
      if (before?.node) this.nodes.get(before.node)?.remove(info.uid);
      // it ran and ended while no watch told of it: nothing will show it bound any more
      if (info.terminal) this.forget(info.uid);
    } else {
      const assumed = this.assumed.get(info.uid);
      if (assumed !== undefined && assumed !== info.node) this.nodes.get(assumed)?.remove(info.uid);
      this.assumed.delete(info.uid);
      this.nodes.get(info.node)?.add(info);
    }
    if (info.nominated !== '' && info.node === '') this.#nominated.set(info.uid, info.nominated);
    // a nomination of our own stands before the API shows it
    else if (info.node !== '' || before === undefined || before.nominated !== '') this.#nominated.delete(info.uid);
  }

  removePod(uid: string): PodInfo | undefined {
    const info = this.pods.get(uid);
    if (info === undefined) return undefined;
    const place = info.node || this.assumed.get(uid);
    if (place) this.nodes.get(place)?.remove(uid);
    this.pods.delete(uid);
    this.assumed.delete(uid);
    this.#nominated.delete(uid);
    return info;
  }

  assume(info: PodInfo, node: string): void {
    this.assumed.set(info.uid, node);
    this.#nominated.delete(info.uid);
    this.nodes.get(node)?.add(info);
  }

  /** Undoes `assume`, unless the informer has shown meanwhile that the pod is bound. */
  forget(uid: string): void {
    const node = this.assumed.get(uid);
    if (node === undefined) return;
    this.assumed.delete(uid);
    this.nodes.get(node)?.remove(uid);
  }

  nominate(uid: string, node: string): void {
    this.#nominated.set(uid, node);
  }

  withdrawNomination(uid: string): void {
    this.#nominated.delete(uid);
  }

  nominatedNode(uid: string): string {
    return this.#nominated.get(uid) ?? '';
  }

  nominatedTo(node: string): PodInfo[] {
    const found: PodInfo[] = [];
    for (const [uid, place] of this.#nominated) {
      const info = place === node ? this.pods.get(uid) : undefined;
      if (info) found.push(info);
    }
    return found;
  }

  /** Pods of the same native group that have not ended. */
  members(of: PodInfo): PodInfo[] {
    return [...this.pods.values()].filter(
      (one) => one.group === of.group && one.namespace === of.namespace && !one.terminal && !one.terminating,
    );
  }

  /** The node with the pods nominated to it that `info` must respect: those of equal or higher priority. */
  withNominated(state: NodeState, info: PodInfo): NodeState {
    const respected = this.nominatedTo(state.node.metadata.name).filter(
      (one) => one.uid !== info.uid && one.priority >= info.priority,
    );
    if (respected.length === 0) return state;
    const copy = state.copy();
    for (const one of respected) copy.add(one);
    return copy;
  }
}
