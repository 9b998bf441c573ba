import { applyPatch } from 'rfc6902';
import { describe, expect, it } from 'vitest';
import { mutateEphemeral } from './ephemeral.ts';

const OPTIONS = { schedulerNames: ['muster-scheduler'] };
const own = {
  name: 'NVIDIA_VISIBLE_DEVICES',
  valueFrom: { fieldRef: { fieldPath: "metadata.annotations['muster.dev/visible-devices.c0']" } },
};
const voided = { name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' };
const all = { name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' };
const other = { name: 'A', value: '1' };

const pod = (ephemeralContainers: unknown, schedulerName = 'muster-scheduler'): unknown => ({
  spec: { schedulerName, nodeName: 'n1', containers: [{ name: 'main' }], ephemeralContainers },
});

function after(containers: unknown, before: unknown = []): unknown {
  const object = structuredClone(pod(containers)) as { spec: { ephemeralContainers: unknown } };
  const mutation = mutateEphemeral(object, pod(before), OPTIONS);
  if (mutation.kind === 'patched')
    expect(applyPatch(object, [...mutation.patch])).toEqual(mutation.patch.map(() => null));
  return object.spec.ephemeralContainers;
}

describe('the environment of an ephemeral container', () => {
  it.each([
    ['without one is void', undefined, [voided]],
    ['that says nothing of devices is void', [other], [voided, other]],
    ['with `all` is void', [other, all], [voided, other]],
    ['that is void stays', [other, voided], [other, voided]],
    ['with the pod’s own devices stays', [own], [own]],
    ['with the pod’s own devices, and then all, is void', [own, all], [voided]],
  ])('%s', (_, env, expected) => {
    expect(after([{ name: 'd', ...(env && { env }) }])).toEqual([{ name: 'd', env: expected }]);
  });

  it('is not touched where it was there before: the API server would refuse the change', () => {
    const old = { name: 'old', env: [all] };
    expect(after([old, { name: 'new' }], [old])).toEqual([old, { name: 'new', env: [voided] }]);
  });
});

describe('left alone', () => {
  it.each([
    ['pods of other schedulers', pod([{ name: 'd' }], 'default-scheduler')],
    ['a pod without ephemeral containers', pod([])],
    ['what is no list', pod({ name: 'd' })],
    ['containers that are no objects', pod([1, null, 'x'])],
    ['what is no pod', 'pod'],
    ['nothing', undefined],
  ])('%s', (_, object) => {
    expect(mutateEphemeral(object, undefined, OPTIONS)).toEqual({ kind: 'untouched' });
  });
});
