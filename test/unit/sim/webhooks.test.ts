/** Admission webhooks that are really called, over HTTPS, as a cluster's own configuration says. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { issueServing, makeAuthority } from '../../../src/kube/authority.ts';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { type JsonObject, objectAt, textAt } from '../../../src/sim/api/object.ts';
import { Kube } from '../../e2e/harness/kube.ts';
import { type SecuredApi, securedApi } from '../../kit/secured-api.ts';

type Reviewed = { path: string; request: JsonObject };
let secured: SecuredApi;
let kube: Kube;
let caBundle = '';
let port = 0;
let close = async () => {};
/** path → response fields */
const answers = new Map<string, (request: JsonObject) => JsonObject>();
const seen: Reviewed[] = [];

beforeAll(async () => {
  const authority = await makeAuthority(nodeClock.now(), 'webhooks');
  caBundle = Buffer.from(authority.certificate).toString('base64');
  const { certificate, key } = await issueServing(authority, ['hook.team.svc'], nodeClock.now());
  const server = createServer({ cert: certificate, key }, (request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      const review = JSON.parse(text) as JsonObject;
      const asked = objectAt(review, 'request');
      const path = new URL(request.url ?? '/', 'https://x').pathname;
      seen.push({ path, request: asked });
      const answer = { uid: asked.uid, allowed: true, ...answers.get(path)?.(asked) };
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  secured = await securedApi({}, { resolveService: ({ name }) => (name === 'hook' ? `127.0.0.1:${port}` : null) });
  kube = new Kube({ url: secured.url, ca: secured.authority.certificate, token: secured.token('admin') });
});
afterAll(async () => {
  await kube.close();
  await secured.close();
  await close();
});
beforeEach(async () => {
  const base = '/apis/admissionregistration.k8s.io/v1';
  for (const plural of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'])
    await kube.call('DELETE', `${base}/${plural}`);
  seen.length = 0;
  answers.clear();
});

const webhook = (path: string, more: JsonObject = {}) => ({
  name: `${path.slice(1)}.example.com`,
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: { service: { namespace: 'team', name: 'hook', path }, caBundle },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps'] }],
  ...more,
});
const configure = (kind: string, name: string, webhooks: object[]) =>
  kube.expect('POST', `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}configurations`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}Configuration`,
    metadata: { name },
    webhooks,
  });
const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';
let made = 0;
const create = async (labels: JsonObject = {}, query = '') =>
  await kube.call('POST', CONFIGMAPS + query, { metadata: { name: `c${++made}`, labels }, data: { a: '1' } });
const patch = (...operations: object[]) => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
const paths = () => seen.map(({ path }) => path);

it('a mutating webhook changes what is stored, and is told who, what and how', async () => {
  answers.set('/a', () => patch({ op: 'add', path: '/data/b', value: '2' }));
  await configure('MutatingWebhook', 'm', [webhook('/a')]);
  const { status, body } = await create();
  expect(status).toBe(201);
  expect(body).toMatchObject({ data: { a: '1', b: '2' } });
  expect(seen[0]?.request).toMatchObject({
    operation: 'CREATE',
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    resource: { group: '', version: 'v1', resource: 'configmaps' },
    namespace: 'default',
    userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    object: { data: { a: '1' } },
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  });
});

it('one that wants to see later changes is called again, once', async () => {
  answers.set('/second', () => patch({ op: 'add', path: '/data/b', value: '2' }));
  await configure('MutatingWebhook', 'm', [
    webhook('/first', { reinvocationPolicy: 'IfNeeded' }),
    webhook('/never'),
    webhook('/second'),
  ]);
  await create();
  expect(paths()).toEqual(['/first', '/never', '/second', '/first']);
});

it('a validating webhook refuses with its own code, reason and warnings', async () => {
  answers.set('/v', () => ({
    allowed: false,
    warnings: ['careful'],
    status: { code: 418, reason: 'Teapot', message: 'no' },
  }));
  await configure('ValidatingWebhook', 'v', [webhook('/v')]);
  const message = 'admission webhook "v.example.com" denied the request: no';
  expect(await create()).toMatchObject({ status: 418, body: { code: 418, reason: 'Teapot', message } });
  answers.set('/v', () => ({ allowed: false }));
  expect(await create()).toMatchObject({
    status: 400,
    body: { message: 'admission webhook "v.example.com" denied the request without explanation' },
  });
});

it('deletions are asked about with what will be gone', async () => {
  const { body } = await create();
  answers.set('/v', (request) => ({ allowed: request.operation !== 'DELETE', status: { message: 'kept' } }));
  await configure('ValidatingWebhook', 'v', [webhook('/v')]);
  const { name } = objectAt(body, 'metadata');
  const answer = await kube.call('DELETE', `${CONFIGMAPS}/${String(name)}`);
  expect(textAt(answer.body, 'message')).toMatch(/denied the request: kept$/);
  expect(seen[0]?.request).toMatchObject({ operation: 'DELETE', object: null, oldObject: { data: { a: '1' } } });
  expect((await kube.call('GET', `${CONFIGMAPS}/${String(name)}`)).status).toBe(200);
});

it.each([
  [
    'another resource',
    { rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['pods'] }] },
    [],
  ],
  [
    'another operation',
    { rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['*'] }] },
    [],
  ],
  [
    'the scope of the cluster',
    { rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'], scope: 'Cluster' }] },
    [],
  ],
  [
    'everything',
    { rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'], scope: 'Namespaced' }] },
    ['/v'],
  ],
  ['another namespace', { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'x' } } }, []],
  [
    'this namespace',
    {
      namespaceSelector: {
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['default'] }],
      },
    },
    ['/v'],
  ],
  ['other labels', { objectSelector: { matchLabels: { app: 'other' } } }, []],
  ['these labels', { objectSelector: { matchLabels: { app: 'this' } } }, ['/v']],
  ['a condition that is false', { matchConditions: [{ name: 'x', expression: "object.data.a == '2'" }] }, []],
  ['a condition that is true', { matchConditions: [{ name: 'x', expression: "object.data.a == '1'" }] }, ['/v']],
  [
    'a condition that fails, ignored',
    { failurePolicy: 'Ignore', matchConditions: [{ name: 'x', expression: "object.data.none == ''" }] },
    [],
  ],
  [
    'a condition that fails beside a false one',
    {
      matchConditions: [
        { name: 'x', expression: "object.data.none == ''" },
        { name: 'y', expression: 'false' },
      ],
    },
    [],
  ],
] as const)('one configured for %s is asked accordingly', async (_what, more, expected) => {
  await configure('ValidatingWebhook', 'v', [webhook('/v', more)]);
  expect((await create({ app: 'this' })).status).toBe(201);
  expect(paths()).toEqual(expected);
});

it('a dry run goes to webhooks without side effects only', async () => {
  await configure('ValidatingWebhook', 'v', [webhook('/v')]);
  expect((await create({}, '?dryRun=All')).status).toBe(201);
  expect(seen[0]?.request).toMatchObject({ dryRun: true });
  await configure('ValidatingWebhook', 'w', [webhook('/w', { sideEffects: 'Some' })]);
  expect(await create({}, '?dryRun=All')).toMatchObject({
    status: 400,
    body: { message: 'admission webhook "w.example.com" does not support dry run' },
  });
});

it.each([
  [
    'a certificate of somebody else',
    { clientConfig: { service: { namespace: 'team', name: 'hook', path: '/v' }, caBundle: '' } },
  ],
  ['a Service that nobody knows', { clientConfig: { service: { namespace: 'team', name: 'gone', path: '/v' } } }],
  ['a name that is not in the certificate', () => ({ clientConfig: { url: `https://127.0.0.1:${port}/v`, caBundle } })],
])('%s is a failure, and counts as failurePolicy says', async (_what, more) => {
  const fields = typeof more === 'function' ? more() : more;
  await configure('ValidatingWebhook', 'v', [webhook('/v', fields)]);
  const refused = await create();
  expect(refused.status).toBe(500);
  expect(textAt(refused.body, 'message')).toMatch(
    /^Internal error occurred: failed calling webhook "v\.example\.com": /,
  );
  await kube.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
  await configure('ValidatingWebhook', 'v', [webhook('/v', { ...fields, failurePolicy: 'Ignore' })]);
  expect((await create()).status).toBe(201);
});

it('an answer that is none fails too', async () => {
  answers.set('/v', () => ({ uid: 'other' }));
  await configure('ValidatingWebhook', 'v', [webhook('/v')]);
  expect(textAt((await create()).body, 'message')).toContain('expected response.uid=');
  await kube.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
});

it('configurations themselves stay writable', async () => {
  const rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }];
  answers.set('/v', () => ({ allowed: false }));
  await configure('ValidatingWebhook', 'v', [webhook('/v', { rules })]);
  expect((await create()).status).toBe(400);
  await kube.expect('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v');
  expect((await create()).status).toBe(201);
});
