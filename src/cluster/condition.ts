/** What is odd in the picture, counted: for metrics and for whoever asks why a node is not used. O(nodes); not for hot paths. */
import type { NodeInventory } from './inventory/node-inventory.ts';
import type { Picture } from './picture.ts';

export const ODDITIES = [
  'inventory-fault',
  'inventory-disagreement',
  'mig-devices',
  'use-unknown',
  'claim-lost',
  'over-allocated',
] as const;

export type Oddity = {
  readonly kind: (typeof ODDITIES)[number];
  readonly node: string;
  /** which object, what is wrong with it, what to do */
  readonly detail: string;
};

export type Condition = {
  readonly nodes: number;
  readonly managedNodes: number;
  readonly devices: number;
  readonly healthyDevices: number;
  readonly oddities: readonly Oddity[];
};

export function conditionOf(picture: Picture, inventory: NodeInventory): Condition {
  const oddities: Oddity[] = [];
  let managedNodes = 0;
  let devices = 0;
  let healthyDevices = 0;
  let nodes = 0;
  for (const { object, inventory: found } of inventory.values()) {
    nodes++;
    if (!object.managed) continue;
    managedNodes++;
    devices += found.devices.length;
    healthyDevices += found.devices.filter((device) => device.healthy).length;
    const report = (kind: Oddity['kind'], detail: string): void =>
      void oddities.push({ kind, node: object.name, detail });
    for (const fault of found.faults) report('inventory-fault', fault.message);
    if (found.disagreement !== null) report('inventory-disagreement', found.disagreement);
    if (found.migDevices > 0)
      report(
        'mig-devices',
        `${found.migDevices} MIG devices of the node are not served; switch MIG off or take the node back`,
      );
    const node = picture.nodes.get(object.name);
    if (node === undefined) continue;
    for (const occupant of node.occupants()) {
      if (occupant.unclaimed)
        report(
          'use-unknown',
          `${podText(picture, occupant.uid)} uses GPUs without a claim; no new claims here until it is gone`,
        );
    }
    for (const uid of node.lostClaims())
      report('claim-lost', `${podText(picture, uid)} holds a device that the node no longer has; delete the pod`);
    node.ledger.devices.forEach((device, position) => {
      if (node.ledger.isOver(position))
        report(
          'over-allocated',
          `device #${device.index} ${device.uuid ?? ''} holds more than 100 %; delete one of its pods`,
        );
    });
  }
  return { nodes, managedNodes, devices, healthyDevices, oddities };
}

function podText(picture: Picture, uid: string): string {
  const pod = picture.pod(uid);
  return pod === undefined ? `pod ${uid}` : `pod ${pod.namespace}/${pod.name}`;
}
