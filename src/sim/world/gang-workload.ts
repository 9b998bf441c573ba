/** The gangs of a world: how they are declared, what their members ask for, how near they must be, and what happens when one is lost. */

import { POD_GROUP_VERSION } from '../../cluster/crd/pod-group.ts';
import { GPU_COUNT, GPU_FRACTION, GROUP, MIN_MEMBER, POD_GROUP_LABEL } from '../../core/names.ts';
import type { JsonObject } from '../api/object.ts';
import type { Chance } from './chance.ts';
import { RACK, ZONE } from './nodes.ts';
import { GANG, type GangOf } from './oracle/gang-of.ts';
import { type Ask, drawnAsk, drawnPod, fraction, NAMESPACE } from './workload.ts';

/** How the gangs of a day are declared: all by label and annotation, or most by PodGroups of ours, or most by native ones. */
export type Forms = 'short' | 'object' | 'native';
export const FORMS: readonly Forms[] = ['short', 'short', 'object', 'object', 'native'];

/** What the pods of a gang have in common. */
export type DrawnGang = {
  readonly name: string;
  readonly form: Forms;
  /** how many members are made, and how many of them start together: more can never start, fewer is elastic */
  readonly size: number;
  readonly minMember: number;
  /** null: each member asks for what it likes */
  readonly ask: Ask | null;
  /** the first member launches the others and wants no GPU */
  readonly launcher: boolean;
  readonly priorityClassName: string | null;
  /** only of our PodGroups */
  readonly topology: { readonly required?: string; readonly preferred?: string };
  readonly loss: GangOf['loss'];
  /** its controller makes members anew that are gone */
  readonly controlled: boolean;
};

export function drawnGang(chance: Chance, name: string, forms: Forms): DrawnGang {
  const purpose = `gang ${name}`;
  const size = chance.whole(purpose, 2, 6);
  const kind = chance.draw(purpose);
  const minMember = kind < 0.12 ? size + 1 : kind < 0.4 ? Math.max(2, size - chance.whole(purpose, 1, 2)) : size;
  const ask = chance.draw(purpose) < 0.15 ? null : drawnGangAsk(chance, purpose);
  const launcher = chance.draw(purpose) < 0.2;
  const priority = chance.draw(purpose);
  const form = chance.draw(`form ${name}`) < 0.65 ? forms : 'short';
  return {
    name,
    form,
    size,
    minMember,
    ask,
    launcher,
    priorityClassName: priority < 0.3 ? 'high' : null,
    topology: form === 'object' ? drawnTopology(chance, `topology ${name}`) : {},
    loss: form === 'object' ? chance.pick(`loss ${name}`, ['keep', 'keep', 'restart', 'evict']) : 'keep',
    controlled: chance.draw(`controlled ${name}`) < 0.5,
  };
}

function drawnTopology(chance: Chance, purpose: string): DrawnGang['topology'] {
  const kind = chance.draw(purpose);
  if (kind < 0.3) return { required: ZONE };
  if (kind < 0.5) return { required: RACK };
  if (kind < 0.65) return { required: ZONE, preferred: RACK };
  return kind < 0.8 ? { preferred: RACK } : {};
}

/** Mostly small, so that several gangs start in a day; sometimes so large that none of its kind ever will. */
function drawnGangAsk(chance: Chance, purpose: string): Ask {
  const kind = chance.draw(purpose);
  const tenths = chance.whole(purpose, 2, 6);
  if (kind < 0.55) return { annotations: { [GPU_FRACTION]: `0.${tenths}` }, wants: fraction(1, tenths * 100) };
  if (kind < 0.9) return { annotations: { [GPU_COUNT]: '1' }, wants: fraction(1, 1000) };
  return { annotations: { [GPU_COUNT]: '2' }, wants: fraction(2, 1000) };
}

/** A member of a gang, its `at`th. */
export function drawnMember(chance: Chance, gang: DrawnGang, at: number, name: string, serial: number): JsonObject {
  const { form, minMember, topology, loss } = gang;
  const ask = gang.launcher && at === 0 ? { annotations: {}, wants: null } : gang.ask;
  const said: GangOf = { name: gang.name, min: minMember, form, required: topology.required ?? null, loss };
  const pod = drawnPod(chance, name, serial, {
    ask: ask ?? drawnAsk(chance, `pod ${serial}`),
    priorityClassName: gang.priorityClassName,
    annotations: { [GANG]: JSON.stringify(said), ...(form === 'short' ? { [MIN_MEMBER]: String(minMember) } : {}) },
  });
  if (form === 'native') return { ...pod, spec: { ...pod.spec, schedulingGroup: { podGroupName: gang.name } } };
  return { ...pod, metadata: { ...pod.metadata, labels: { [POD_GROUP_LABEL]: gang.name } } };
}

/** Path and object of its PodGroup; null where pods say everything. */
export function podGroupOf({ name, form, minMember, topology, loss }: DrawnGang): readonly [string, JsonObject] | null {
  if (form === 'short') return null;
  const version = form === 'native' ? 'scheduling.k8s.io/v1beta1' : `${GROUP}/${POD_GROUP_VERSION}`;
  const spec: JsonObject =
    form === 'native'
      ? { schedulingPolicy: { gang: { minCount: minMember } } }
      : {
          minMember,
          ...(Object.keys(topology).length === 0 ? {} : { topology }),
          ...(loss === 'keep' ? {} : { onMemberLoss: loss }),
        };
  const object: JsonObject = { apiVersion: version, kind: 'PodGroup', metadata: { name }, spec };
  return [`/apis/${version}/namespaces/${NAMESPACE}/podgroups`, object];
}
