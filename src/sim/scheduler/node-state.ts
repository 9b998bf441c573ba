/** One node as a scheduling cycle sees it: the object, and what its pods (bound and assumed) have requested. */
import { type KubeObject, objectAt } from '../api/object.ts';
import { type Amounts, amountsOf, type PodInfo } from './pod-info.ts';

export class NodeState {
  readonly pods = new Map<string, PodInfo>();
  readonly requested: Amounts = new Map();
  node: KubeObject;
  allocatable: Amounts;

  /** `allocatable`: of this very object, where it was read before */
  constructor(node: KubeObject, allocatable = amountsOf(objectAt(node, 'status').allocatable)) {
    this.node = node;
    this.allocatable = allocatable;
  }

  update(node: KubeObject): void {
    this.node = node;
    this.allocatable = amountsOf(objectAt(node, 'status').allocatable);
  }

  add(info: PodInfo): void {
    this.remove(info.uid);
    this.pods.set(info.uid, info);
    for (const [name, amount] of info.requests) this.requested.set(name, (this.requested.get(name) ?? 0) + amount);
  }

  remove(uid: string): void {
    const info = this.pods.get(uid);
    if (info === undefined) return;
    this.pods.delete(uid);
    for (const [name, amount] of info.requests) this.requested.set(name, (this.requested.get(name) ?? 0) - amount);
  }

  /** A copy to try evictions and nominated pods on. */
  copy(): NodeState {
    const copy = new NodeState(this.node, this.allocatable);
    for (const info of this.pods.values()) copy.add(info);
    return copy;
  }
}
