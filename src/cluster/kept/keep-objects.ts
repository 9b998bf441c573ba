/** The parts of Nodes, disruption budgets and ResourceSlices that their projections read. */
import { GPU_MILLI, NODE_DEVICES } from '../../core/names.ts';
import { fieldsOf, listOf, own } from '../projection/shapes.ts';
import { each, type Plain, plain, put, texts, values } from './keep-shapes.ts';

export function keepNode(node: unknown): Plain {
  const metadata = own(node, 'metadata');
  const keptMetadata = plain(metadata, ['uid', 'name']);
  put(keptMetadata, 'labels', texts(own(metadata, 'labels')));
  put(
    keptMetadata,
    'annotations',
    texts(own(metadata, 'annotations'), (key) => key === NODE_DEVICES),
  );
  const spec = plain(own(node, 'spec'), ['unschedulable']);
  put(
    spec,
    'taints',
    each(own(own(node, 'spec'), 'taints'), (taint) => plain(taint, ['key', 'value', 'effect'])),
  );
  const status = own(node, 'status');
  const allocatable = own(status, 'allocatable') ?? undefined;
  const keptStatus: Plain = {
    // without allocatable it is capacity that counts
    capacity: texts(own(status, 'capacity'), (key) => allocatable === undefined || key === GPU_MILLI),
    conditions: listOf(own(status, 'conditions'))
      .filter((condition) => own(condition, 'type') === 'Ready')
      .map((condition) => plain(condition, ['type', 'status'])),
  };
  if (allocatable !== undefined) keptStatus.allocatable = texts(allocatable);
  return { metadata: keptMetadata, spec, status: keptStatus };
}

export function keepPdb(budget: unknown): Plain {
  const selector = own(own(budget, 'spec'), 'selector');
  const selects = typeof selector === 'object' && selector !== null && !Array.isArray(selector);
  return {
    metadata: plain(own(budget, 'metadata'), ['uid', 'namespace', 'name']),
    spec: {
      ...(selects && {
        selector: {
          matchLabels: texts(own(selector, 'matchLabels')),
          matchExpressions: each(own(selector, 'matchExpressions'), (item) => ({
            ...plain(item, ['key', 'operator']),
            values: values(own(item, 'values')),
          })),
        },
      }),
    },
    status: {
      ...plain(own(budget, 'status'), ['disruptionsAllowed']),
      disruptedPods: texts(own(own(budget, 'status'), 'disruptedPods')),
    },
  };
}

export function keepClass(object: unknown): Plain {
  return { metadata: plain(own(object, 'metadata'), ['uid', 'name']), ...plain(object, ['value']) };
}

/** Nothing in the spec of a slice is anybody's but the driver's. */
export function keepSlice(slice: unknown): Plain {
  return { metadata: plain(own(slice, 'metadata'), ['uid', 'name']), spec: fieldsOf(own(slice, 'spec')) };
}

/** The part of a PodGroup, of whichever CRD, that says who starts together. */
export function keepGang(group: unknown): Plain {
  const spec = own(group, 'spec');
  return {
    ...plain(group, ['apiVersion']),
    metadata: plain(own(group, 'metadata'), ['uid', 'namespace', 'name', 'generation']),
    status: plain(own(group, 'status'), ['phase']),
    spec: {
      ...plain(spec, [
        'minMember',
        'minSubGroup',
        'scheduleTimeoutSeconds',
        'queue',
        'priorityClassName',
        'onMemberLoss',
      ]),
      ...keepPlace(spec),
      schedulingPolicy: { gang: plain(own(own(spec, 'schedulingPolicy'), 'gang'), ['minCount']) },
      schedulingConstraints: {
        topology: each(own(own(spec, 'schedulingConstraints'), 'topology'), (item) => plain(item, ['key'])),
      },
      subGroups: each(own(spec, 'subGroups'), (item) => ({
        ...plain(item, ['name', 'parent', 'minMember', 'minSubGroup']),
        ...keepPlace(item),
      })),
    },
  };
}

const keepPlace = (item: unknown): Plain => ({
  topology: plain(own(item, 'topology'), ['required', 'preferred']),
  topologyConstraint: plain(own(item, 'topologyConstraint'), ['requiredTopologyLevel', 'preferredTopologyLevel']),
});
