/** Names as the API takes them: traces call their nodes and pods what they like. */
import type { NodeFacts } from '../../../src/core/placement/node-facts.ts';
import { type TracePod, withName } from '../trace.ts';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Of the API's 253; pods that come again get an ending of their own. */
const LONGEST = 200;
const DIGITS = 6;

const isName = (name: string): boolean => name.length <= LONGEST && DNS_SUBDOMAIN.test(name);

/** As they are, if all of them will do; else numbered in the order of their names, so that ties go the same way. */
export function named(
  nodes: readonly NodeFacts[],
  pods: readonly TracePod[],
): { nodes: readonly NodeFacts[]; pods: readonly TracePod[] } {
  const nodeNames = numbered(
    nodes.map(({ name }) => name),
    'node',
  );
  const podNames = numbered(
    pods.map(({ facts }) => facts.name),
    'pod',
  );
  return {
    nodes: nodeNames === null ? nodes : nodes.map((node) => withName(node, nodeNames.get(node.name)!)),
    pods:
      podNames === null
        ? pods
        : pods.map((pod) => {
            const name = podNames.get(pod.facts.name)!;
            return { ...pod, facts: { ...pod.facts, uid: name, name } };
          }),
  };
}

/** null: there is no need. */
function numbered(names: readonly string[], prefix: string): ReadonlyMap<string, string> | null {
  if (names.every(isName)) return null;
  const sorted = [...names].sort();
  return new Map(sorted.map((name, at) => [name, `${prefix}-${String(at).padStart(DIGITS, '0')}`]));
}
