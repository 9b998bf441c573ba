/** PodGroups as a process sees them, over HTTP from the embedded API: CRDs that are there, come and go. */
import { randomUUID } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { gangSaid, pod, whole } from '../../../test/build/facts.ts';
import { CRDS, FOREIGN_GROUPS, foreignDefinition } from '../../../test/kit/gang-crds.ts';
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import { TransportError } from '../../kube/errors.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import type { Clock } from '../../kube/ports.ts';
import { connect } from '../../kube/undici-adapter.ts';
import { definitionOf } from '../crd/definition.ts';
import { POD_GROUP } from '../crd/pod-group.ts';
import type { Told } from '../kept/kinds.ts';
import { Picture } from '../picture.ts';
import { projectGang } from '../projection/gang.ts';
import { GangInformers } from './informers.ts';

const { Api } = await import('../../sim/api/api.ts');
const { listen } = await import('../../sim/api/server.ts');

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});
/** half minutes pass in a tenth of a second */
const hasty: Clock = { ...nodeClock, after: (ms, run) => nodeClock.after(ms >= 30_000 ? 100 : ms, run) };

async function stand() {
  const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
  const transport = await connect({ server: server.url, component: 'test' });
  cleanup.push(
    () => server.close(),
    () => transport.close(),
  );
  const send = async (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<void> => {
    const answer = await transport.request({
      method,
      path,
      timeoutMs: 5_000,
      ...(body !== undefined && { body }),
      ...(method === 'PATCH' && { contentType: 'application/merge-patch+json' }),
    });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  };
  const create = (apiVersion: string, name: string, spec: object): Promise<void> =>
    vi.waitFor(() =>
      send('POST', `/apis/${apiVersion}/namespaces/default/podgroups`, {
        apiVersion,
        kind: 'PodGroup',
        metadata: { name },
        spec,
      }),
    );
  /** `lost`: the first answer on this path never arrives */
  const watch = async (told?: Told, lost = '') => {
    let left = 1;
    const picture = new Picture();
    const errors: string[] = [];
    const informers = new GangInformers(picture, {
      transport: {
        close: () => transport.close(),
        stream: (request) => transport.stream(request),
        request: async (request) => {
          const answer = await transport.request(request);
          if (request.path === lost && left-- > 0) throw new TransportError('timeout', 'lost by the test');
          return answer;
        },
      },
      clock: hasty,
      rng: nodeRng,
      onError: (kind, { message }) => errors.push(`${kind}: ${message}`),
      told,
    });
    cleanup.push(() => informers.stop());
    await informers.start();
    const said = (name: string): Pick<GangObjectFacts, 'dialect' | 'minMember'>[] =>
      [...(picture.gangs.get(`default/${name}`)?.objects.values() ?? [])].map(({ dialect, minMember }) => ({
        dialect,
        minMember,
      }));
    return { picture, informers, errors, said };
  };
  return { send, create, watch };
}

it('a lost answer about one group is asked for again before the start is over', async () => {
  const { send, create, watch } = await stand();
  await send('POST', CRDS, definitionOf(POD_GROUP));
  await create('muster.dev/v1alpha1', 'g', { minMember: 3 });
  const { said } = await watch(undefined, '/apis/muster.dev/v1alpha1');
  expect(said('g')).toEqual([{ dialect: 'muster', minMember: 3 }]);
});

it('those of every CRD that is served are there after the start', async () => {
  const { send, create, watch } = await stand();
  for (const group of FOREIGN_GROUPS) await send('POST', CRDS, foreignDefinition(group));
  await send('POST', CRDS, definitionOf(POD_GROUP));
  for (const { group, version } of FOREIGN_GROUPS) await create(`${group}/${version}`, 'g', { minMember: 2 });
  await create('muster.dev/v1alpha1', 'g', { minMember: 3 });
  await create('scheduling.k8s.io/v1beta1', 'g', { schedulingPolicy: { gang: { minCount: 4 } } });
  const { said, errors } = await watch();
  expect(said('g').toSorted((a, b) => (a.dialect < b.dialect ? -1 : 1))).toEqual([
    { dialect: 'coscheduling', minMember: 2 },
    { dialect: 'coscheduling-old', minMember: 2 },
    { dialect: 'kai', minMember: 2 },
    { dialect: 'muster', minMember: 3 },
    { dialect: 'native', minMember: 4 },
    { dialect: 'volcano', minMember: 2 },
  ]);
  expect(errors).toEqual([]);
});

it('a CRD installed later is seen, and what it said is forgotten when it goes', async () => {
  const { send, create, watch } = await stand();
  const kept = new Map<string, string>();
  const { said, picture } = await watch({
    put: (kind, uid, text) => void (kind === 'podgroups' && kept.set(uid, text)),
    gone: (_, { uid }) => kept.delete(uid),
  });
  await send('POST', CRDS, definitionOf(POD_GROUP));
  await create('muster.dev/v1alpha1', 'g', { minMember: 3 });
  await vi.waitFor(() => expect(said('g')).toEqual([{ dialect: 'muster', minMember: 3 }]), 5_000);
  expect([...kept.values()].map((text) => projectGang(JSON.parse(text)))).toEqual([
    picture.gangs.get('default/g')!.objects.get('muster'),
  ]);
  await send('PATCH', '/apis/muster.dev/v1alpha1/namespaces/default/podgroups/g', { spec: { minMember: 4 } });
  await vi.waitFor(() => expect(said('g')).toEqual([{ dialect: 'muster', minMember: 4 }]));
  const { version } = picture.gangs.get('default/g')!;
  await send('PATCH', '/apis/muster.dev/v1alpha1/namespaces/default/podgroups/g/status', {
    status: { phase: 'Pending' },
  });
  await send('DELETE', `${CRDS}/podgroups.muster.dev`);
  await vi.waitFor(() => expect(said('g')).toEqual([]), 5_000);
  // its status was no news to anybody who plans
  expect(version).toBeGreaterThan(0);
  expect(kept.size).toBe(0);
});

it('PriorityClasses are seen, over a recording too: they say which place a gang has in the line', async () => {
  const { send, create, watch } = await stand();
  await send('POST', CRDS, definitionOf(POD_GROUP));
  await create('muster.dev/v1alpha1', 'g', { minMember: 3, priorityClassName: 'high' });
  const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await send('POST', CLASSES, { metadata: { name: 'high' }, value: 100 });
  const kept = new Map<string, string>();
  const { picture, errors } = await watch({
    put: (kind, uid, text) => void (kind === 'priorityclasses' && kept.set(uid, text)),
    gone: (_, { uid }) => kept.delete(uid),
  });
  const member = pod('m', whole, { gangSaid: gangSaid('g', null, { key: 'default/g' }), priority: 5 });
  const high = { metadata: expect.objectContaining({ name: 'high' }), value: 100 };
  await vi.waitFor(() => expect(picture.gangs.priorityOf(member)).toBe(100));
  expect([...kept.values()].map((text) => JSON.parse(text) as object)).toContainEqual(high);
  const { objectsVersion } = picture.gangs;
  await send('DELETE', `${CLASSES}/high`);
  await vi.waitFor(() => expect(picture.gangs.priorityOf(member)).toBe(5));
  expect(picture.gangs.objectsVersion).toBeGreaterThan(objectsVersion);
  expect(errors).toEqual([]);
});
