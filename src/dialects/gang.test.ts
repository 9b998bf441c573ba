import { expect, it } from 'vitest';
import { pod } from '../../test/build/asking-pods.ts';
import { gangOf } from './gang.ts';

type Said = { native?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
const cases: [Said, string | null][] = [
  [{}, null],
  [{ native: 'n' }, 'lab/n'],
  [{ native: 'n', labels: { 'scheduling.x-k8s.io/pod-group': 'l' }, annotations: { 'pod-group-name': 'a' } }, 'lab/n'],
  [{ labels: { 'scheduling.x-k8s.io/pod-group': 'l' }, annotations: { 'pod-group-name': 'a' } }, 'lab/l'],
  [{ labels: { 'muster.dev/pod-group': 'm' } }, 'lab/m'],
  [{ labels: { 'pod-group.scheduling.sigs.k8s.io': 'old' } }, 'lab/old'],
  [{ labels: { 'pod-group.scheduling.sigs.k8s.io/name': 'light' } }, 'lab/light'],
  [{ annotations: { 'pod-group-name': 'kai' } }, 'lab/kai'],
  [{ annotations: { 'scheduling.k8s.io/group-name': 'v' } }, 'lab/v'],
  [{ annotations: { 'scheduling.volcano.sh/group-name': 'v' } }, 'lab/v'],
  [{ annotations: { 'gang.scheduling.koordinator.sh/name': 'k' } }, 'lab/k'],
  [{ labels: { 'kueue.x-k8s.io/pod-group-name': 'q' } }, 'lab/q'],
  [{ labels: { 'kueue.x-k8s.io/pod-group-name': 'q' }, annotations: { 'pod-group-name': 'kai' } }, 'lab/kai'],
  [{ labels: { 'scheduling.x-k8s.io/pod-group': '' }, annotations: { 'pod-group-name': 'kai' } }, 'lab/kai'],
];
it.each(cases)('%j is in gang %s', ({ native = '', labels = {}, annotations = {} }, gang) => {
  const spec = native === '' ? {} : { schedulingGroup: { podGroupName: native } };
  expect(gangOf(pod(annotations, spec, labels))).toBe(gang);
});
