/**
 * Who may do what: authentication, RBAC, reviews, impersonation, escalation, and admission by configured policies, as one suite for
 * the embedded API and a real kube-apiserver. Requests go over HTTPS with tokens, because that is what is tested.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isObject, type JsonObject, objectAt, textAt } from '../../src/sim/api/object.ts';

/** Users that the stand must know: `admin` (system:masters), `alice` (group team), `bob`. */
export type AccessStand = {
  readonly url: string;
  /** PEM */
  readonly ca: string;
  token(user: 'admin' | 'alice' | 'bob'): string;
};

type Answer = { status: number; body: JsonObject; headers: IncomingHttpHeaders };
type CallOptions = { body?: unknown; headers?: Record<string, string | string[]>; token?: string | null };

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const GROUP = 'rbac.authorization.k8s.io';
const SAR = '/apis/authorization.k8s.io/v1';
const PATCH = { 'content-type': 'application/merge-patch+json' };

export function accessContract(connect: () => Promise<AccessStand>): void {
  let stand: AccessStand;
  let agent: Agent;
  let made = 0;
  let last: Answer | null = null;
  const run = `a${process.pid}`;
  const next = () => `${run}-${++made}`;

  beforeAll(async () => {
    stand = await connect();
    agent = new Agent({ keepAlive: true });
  });
  afterAll(() => agent?.destroy());

  async function call(
    user: 'admin' | 'alice' | 'bob',
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer> {
    const token = options.token === undefined ? stand.token(user) : options.token;
    const headers = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const answer = await exchange(method, path, headers, options.body);
    const text = answer.bytes.toString();
    const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : { text };
    last = { status: answer.status, body: isObject(parsed) ? parsed : {}, headers: answer.headers };
    return last;
  }
  /** By node:https, which sends a list of values as that many headers. */
  function exchange(
    method: string,
    path: string,
    headers: Record<string, string | string[]>,
    body?: unknown,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; bytes: Buffer }> {
    return new Promise((resolve, reject) => {
      const out = request(stand.url + path, { agent, method, headers, ca: stand.ca }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(chunks) }),
        );
      });
      out.on('error', reject);
      out.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
  async function must(method: string, path: string, body?: unknown): Promise<JsonObject> {
    const answer = await call('admin', method, path, body === undefined ? {} : { body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${textAt(answer.body, 'message')}`);
    return answer.body;
  }
  async function namespace(): Promise<string> {
    const name = next();
    await must('POST', '/api/v1/namespaces', { metadata: { name } });
    return name;
  }
  /** Roles and policies take effect a moment later on a real server. */
  async function eventually(check: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (await check()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`did not become true; the last answer was ${last?.status} ${JSON.stringify(last?.body)}`);
  }
  const rule = (verbs: string[], resources: string[], more: JsonObject = {}) => ({
    apiGroups: [''],
    resources,
    verbs,
    ...more,
  });
  /** A role in the namespace and its binding to a user, in force when this resolves. */
  async function grant(
    where: string,
    user: 'alice' | 'bob',
    rules: JsonObject[],
    probe?: [string, string],
  ): Promise<string> {
    const name = next();
    await must('POST', `${RBAC}/namespaces/${where}/roles`, { metadata: { name }, rules });
    await must('POST', `${RBAC}/namespaces/${where}/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: GROUP, kind: 'Role', name },
      subjects: [{ apiGroup: GROUP, kind: 'User', name: user }],
    });
    if (probe) await eventually(async () => (await call(user, probe[0], probe[1])).status !== 403);
    return name;
  }
  const pod = (name: string, metadata: JsonObject = {}) => ({
    metadata: { name, ...metadata },
    spec: { automountServiceAccountToken: false, containers: [{ name: 'main', image: 'registry.k8s.io/pause' }] },
  });
  const status = (code: number, reason: string, message: string, details?: JsonObject) => ({
    status: code,
    body: { kind: 'Status', status: 'Failure', code, reason, message, ...(details ? { details } : {}) },
  });

  describe('who calls', () => {
    it('a token that nobody knows is refused', async () => {
      expect(await call('alice', 'GET', '/api/v1/pods', { token: 'nobody' })).toMatchObject(
        status(401, 'Unauthorized', 'Unauthorized'),
      );
    });

    it('without a token one is system:anonymous', async () => {
      expect(await call('alice', 'GET', '/api/v1/namespaces', { token: null })).toMatchObject(
        status(
          403,
          'Forbidden',
          'namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" at the cluster scope',
        ),
      );
      expect((await call('alice', 'GET', '/version', { token: null })).status).toBe(200);
    });

    it('the server says who one is', async () => {
      const { status: code, body } = await call('alice', 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        body: {},
      });
      expect(code).toBe(201);
      expect(objectAt(body.status, 'userInfo')).toMatchObject({
        username: 'alice',
        groups: ['team', 'system:authenticated'],
      });
    });

    it('a token review tells whose token it is, or that it is nobody’s', async () => {
      const path = '/apis/authentication.k8s.io/v1/tokenreviews';
      const known = await must('POST', path, { spec: { token: stand.token('alice') } });
      expect(known.status).toMatchObject({
        authenticated: true,
        user: { username: 'alice', groups: ['team', 'system:authenticated'] },
        audiences: ['https://kubernetes.default.svc'],
      });
      const unknown = await must('POST', path, { spec: { token: 'x' } });
      expect(unknown.status).toMatchObject({ user: {}, error: 'invalid bearer token' });
      expect(await call('admin', 'POST', path, { body: { spec: {} } })).toMatchObject(
        status(400, 'BadRequest', 'token is required for TokenReview in authentication'),
      );
    });
  });

  describe('tokens of service accounts', () => {
    const accounts = async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/serviceaccounts`;
      await must('POST', path, { metadata: { name: 'robot' } });
      return { where, path };
    };
    const tokenOf = (answer: JsonObject) => textAt(answer.status, 'token');

    it('are given out, tell who they are, and end with their account', async () => {
      const { where, path } = await accounts();
      const answer = await must('POST', `${path}/robot/token`, { spec: { expirationSeconds: 3600 } });
      expect(answer).toMatchObject({ kind: 'TokenRequest', spec: { expirationSeconds: 3600 } });
      const who = await call('admin', 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        body: {},
        token: tokenOf(answer),
      });
      expect(objectAt(who.body.status, 'userInfo')).toMatchObject({
        username: `system:serviceaccount:${where}:robot`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${where}`, 'system:authenticated'],
      });
      await must('DELETE', `${path}/robot`);
      await eventually(async () => (await call('admin', 'GET', '/version', { token: tokenOf(answer) })).status === 401);
    });

    it.each([
      ['of an account that is not there', 'none', {}, 404, 'NotFound', 'serviceaccounts "none" not found'],
      [
        'for less than ten minutes',
        'robot',
        { expirationSeconds: 36 },
        422,
        'Invalid',
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 36: may not specify a duration less than 10 minutes',
      ],
    ] as const)('%s are refused', async (_what, name, spec, code, reason, message) => {
      const { path } = await accounts();
      const answer = await call('admin', 'POST', `${path}/${name}/token`, { body: { spec } });
      expect(answer).toMatchObject(status(code, reason, message));
    });

    it('for another audience do not open this server', async () => {
      const { path } = await accounts();
      const answer = await must('POST', `${path}/robot/token`, { spec: { audiences: ['vault'] } });
      expect((await call('admin', 'GET', '/version', { token: tokenOf(answer) })).status).toBe(401);
    });
  });

  describe('refusals say what was wanted', () => {
    it.each([
      [
        'GET',
        '/api/v1/namespaces/default/pods',
        'pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"',
        { kind: 'pods' },
      ],
      [
        'GET',
        '/apis/apps/v1/namespaces/default/deployments/x',
        'deployments.apps "x" is forbidden: User "alice" cannot get resource "deployments" in API group "apps" in the namespace "default"',
        { name: 'x', group: 'apps', kind: 'deployments' },
      ],
      [
        'GET',
        '/api/v1/nodes',
        'nodes is forbidden: User "alice" cannot list resource "nodes" in API group "" at the cluster scope',
        { kind: 'nodes' },
      ],
      [
        'GET',
        '/api/v1/nodes?watch=true',
        'nodes is forbidden: User "alice" cannot watch resource "nodes" in API group "" at the cluster scope',
        { kind: 'nodes' },
      ],
      [
        'DELETE',
        '/api/v1/namespaces/default/pods',
        'pods is forbidden: User "alice" cannot deletecollection resource "pods" in API group "" in the namespace "default"',
        { kind: 'pods' },
      ],
      [
        'DELETE',
        '/api/v1/namespaces/default',
        'namespaces "default" is forbidden: User "alice" cannot delete resource "namespaces" in API group "" in the namespace "default"',
        { name: 'default', kind: 'namespaces' },
      ],
      [
        'POST',
        '/api/v1/namespaces/default/pods/x/binding',
        'pods "x" is forbidden: User "alice" cannot create resource "pods/binding" in API group "" in the namespace "default"',
        { name: 'x', kind: 'pods' },
      ],
      [
        'GET',
        '/api/v1/gizmos',
        'gizmos is forbidden: User "alice" cannot list resource "gizmos" in API group "" at the cluster scope',
        { kind: 'gizmos' },
      ],
      ['GET', '/metrics', 'forbidden: User "alice" cannot get path "/metrics"', {}],
      ['GET', '/', 'forbidden: User "alice" cannot get path "/"', {}],
    ] as const)('%s %s', async (method, path, message, details) => {
      const answer = await call('alice', method, path, method === 'POST' ? { body: {} } : {});
      expect(answer).toMatchObject(status(403, 'Forbidden', message));
      expect(answer.body.details).toEqual(details);
    });
  });

  describe('roles', () => {
    it('a role counts in its namespace and for its verbs only', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      await grant(where, 'alice', [rule(['get', 'list'], ['configmaps'])], ['GET', path]);
      expect((await call('alice', 'GET', path)).status).toBe(200);
      expect((await call('alice', 'GET', `${path}/none`)).status).toBe(404);
      expect((await call('alice', 'POST', path, { body: { metadata: { name: 'x' } } })).status).toBe(403);
      expect((await call('alice', 'GET', '/api/v1/namespaces/default/configmaps')).status).toBe(403);
      expect((await call('bob', 'GET', path)).status).toBe(403);
    });

    it('resourceNames allow one object, and a list of exactly that one', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/secrets`;
      await grant(
        where,
        'alice',
        [rule(['get', 'list', 'watch'], ['secrets'], { resourceNames: ['mine'] })],
        ['GET', `${path}/mine`],
      );
      expect((await call('alice', 'GET', `${path}/mine`)).status).toBe(404);
      expect((await call('alice', 'GET', `${path}/other`)).status).toBe(403);
      expect((await call('alice', 'GET', path)).status).toBe(403);
      expect((await call('alice', 'GET', `${path}?fieldSelector=metadata.name%3Dmine`)).status).toBe(200);
    });

    it('a subresource is a right of its own', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/pods`;
      await must('POST', path, pod('one'));
      await grant(where, 'alice', [rule(['patch'], ['pods/status'])]);
      const patch = { headers: PATCH, body: { metadata: { labels: { a: '1' } } } };
      await eventually(async () => (await call('alice', 'PATCH', `${path}/one/status`, patch)).status === 200);
      expect((await call('alice', 'PATCH', `${path}/one`, patch)).status).toBe(403);
    });

    it('groups have rights, and a binding to a missing role says so', async () => {
      const where = await namespace();
      const name = next();
      await must('POST', `${RBAC}/namespaces/${where}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: GROUP, kind: 'Group', name: 'team' }],
      });
      const path = `/api/v1/namespaces/${where}/pods`;
      const missing = `pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "${where}": rbac: RBAC: clusterrole.rbac.authorization.k8s.io "${name}" not found`;
      await eventually(async () => textAt((await call('alice', 'GET', path)).body, 'message') === missing);
      await must('POST', `${RBAC}/clusterroles`, { metadata: { name }, rules: [rule(['list'], ['pods'])] });
      await eventually(async () => (await call('alice', 'GET', path)).status === 200);
      expect((await call('bob', 'GET', path)).status).toBe(403);
    });

    it('paths that are no resources have rights too', async () => {
      const name = next();
      await must('POST', `${RBAC}/clusterroles`, {
        metadata: { name },
        rules: [{ nonResourceURLs: ['/metrics*'], verbs: ['get'] }],
      });
      await must('POST', `${RBAC}/clusterrolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: GROUP, kind: 'User', name: 'bob' }],
      });
      await eventually(async () => (await call('bob', 'GET', '/metrics')).status !== 403);
      expect((await call('bob', 'POST', '/metrics', { body: {} })).status).toBe(403);
      await must('DELETE', `${RBAC}/clusterrolebindings/${name}`);
    });
  });

  describe('questions about rights', () => {
    const attributes = (where: string) => ({ verb: 'list', resource: 'pods', namespace: where });

    it('may I, may they, and by which role', async () => {
      const where = await namespace();
      const name = await grant(where, 'alice', [rule(['list'], ['pods'])], ['GET', `/api/v1/namespaces/${where}/pods`]);
      const spec = { resourceAttributes: attributes(where) };
      const reason = `RBAC: allowed by RoleBinding "${name}/${where}" of Role "${name}" to User "alice"`;
      const mine = await call('alice', 'POST', `${SAR}/selfsubjectaccessreviews`, { body: { spec } });
      expect(mine).toMatchObject({ status: 201, body: { status: { allowed: true, reason } } });
      const theirs = await must('POST', `${SAR}/subjectaccessreviews`, { spec: { ...spec, user: 'bob' } });
      expect(theirs.status).toEqual({ allowed: false });
      const local = await must('POST', `${SAR}/namespaces/${where}/localsubjectaccessreviews`, {
        metadata: { namespace: where },
        spec: { ...spec, user: 'alice' },
      });
      expect(local.status).toMatchObject({ allowed: true });
      const admin = await must('POST', `${SAR}/selfsubjectaccessreviews`, { spec });
      expect(admin.status).toEqual({ allowed: true });
    });

    it('a question about nothing is refused, and asking about others is a right', async () => {
      const path = `${SAR}/subjectaccessreviews`;
      expect((await call('admin', 'POST', path, { body: { spec: { user: 'bob' } } })).status).toBe(422);
      const spec = { user: 'bob', resourceAttributes: attributes('default') };
      expect((await call('alice', 'POST', path, { body: { spec } })).status).toBe(403);
    });

    it('all my rights in a namespace', async () => {
      const where = await namespace();
      await grant(
        where,
        'alice',
        [rule(['list'], ['pods'], { resourceNames: ['x'] })],
        ['GET', `/api/v1/namespaces/${where}/pods?fieldSelector=metadata.name%3Dx`],
      );
      const { body } = await call('alice', 'POST', `${SAR}/selfsubjectrulesreviews`, {
        body: { spec: { namespace: where } },
      });
      const { resourceRules, nonResourceRules, incomplete } = body.status as JsonObject;
      expect(incomplete).toBe(false);
      expect(resourceRules).toContainEqual({
        verbs: ['list'],
        apiGroups: [''],
        resources: ['pods'],
        resourceNames: ['x'],
      });
      expect(resourceRules).toContainEqual({
        verbs: ['create'],
        apiGroups: ['authentication.k8s.io'],
        resources: ['selfsubjectreviews'],
      });
      expect(nonResourceRules).toContainEqual({
        verbs: ['get'],
        nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'],
      });
    });
  });

  describe('impersonation', () => {
    const as = (user: string, ...groups: string[]) => ({
      headers: { 'impersonate-user': user, ...(groups.length > 0 ? { 'impersonate-group': groups } : {}) },
    });
    const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

    it('an admin may be anybody', async () => {
      const { body } = await call('admin', 'POST', whoami, { body: {}, ...as('carol', 'a', 'b') });
      expect(objectAt(body.status, 'userInfo')).toMatchObject({
        username: 'carol',
        groups: ['a', 'b', 'system:authenticated'],
      });
    });

    it('a service account brings its groups', async () => {
      const { body } = await call('admin', 'POST', whoami, { body: {}, ...as('system:serviceaccount:x:robot') });
      expect(objectAt(body.status, 'userInfo').groups).toEqual([
        'system:serviceaccounts',
        'system:serviceaccounts:x',
        'system:authenticated',
      ]);
    });

    it.each([
      ['bob', 'forbidden: User "alice" cannot impersonate-on:user-info:get path "/version"'],
      [
        'system:serviceaccount:x:robot',
        'forbidden: User "alice" cannot impersonate-on:serviceaccount:get path "/version"',
      ],
    ] as const)('others may not be %s', async (user, message) => {
      expect(await call('alice', 'GET', '/version', as(user))).toMatchObject(status(403, 'Forbidden', message));
    });

    it('the older right to impersonate counts, and the newer one for one verb', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/pods`;
      const name = next();
      const users = { apiGroups: ['authentication.k8s.io'], resources: ['users'], resourceNames: ['bob'] };
      await must('POST', `${RBAC}/clusterroles`, {
        metadata: { name },
        rules: [
          { ...users, verbs: ['impersonate:user-info'] },
          rule(['impersonate-on:user-info:list'], ['pods']),
          rule(['impersonate'], ['users'], { resourceNames: ['carol'] }),
        ],
      });
      await must('POST', `${RBAC}/clusterrolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: GROUP, kind: 'User', name: 'alice' }],
      });
      const saying = async (user: string, on: string) =>
        textAt((await call('alice', 'GET', on, as(user))).body, 'message');
      await eventually(async () => (await saying('carol', path)).includes('User "carol" cannot list'));
      await eventually(async () => (await saying('bob', path)).includes('User "bob" cannot list'));
      expect(await saying('bob', `${path}/x`)).toContain(
        'User "alice" cannot impersonate-on:user-info:get resource "pods"',
      );
      expect(await saying('dave', path)).toBe(
        'users.authentication.k8s.io "dave" is forbidden: User "alice" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
      );
      await must('DELETE', `${RBAC}/clusterrolebindings/${name}`);
    });

    it('rights are then those of the other', async () => {
      const { body } = await call('admin', 'GET', '/api/v1/nodes', as('carol'));
      expect(textAt(body, 'message')).toContain('User "carol" cannot list resource "nodes"');
    });
  });

  describe('nobody grants what they do not have', () => {
    const roles = async () => {
      const where = await namespace();
      const path = `${RBAC}/namespaces/${where}`;
      await grant(
        where,
        'alice',
        [
          { apiGroups: [GROUP], resources: ['roles', 'rolebindings'], verbs: ['get', 'list', 'create'] },
          rule(['get'], ['configmaps']),
        ],
        ['GET', `${path}/roles`],
      );
      return { where, path };
    };

    it('a role with more than one has is refused with what is missing', async () => {
      const { path } = await roles();
      const name = next();
      const role = { metadata: { name }, rules: [rule(['get', 'list'], ['configmaps']), rule(['get'], ['secrets'])] };
      const answer = await call('alice', 'POST', `${path}/roles`, { body: role });
      expect(answer).toMatchObject(
        status(
          403,
          'Forbidden',
          `roles.rbac.authorization.k8s.io "${name}" is forbidden: user "alice" (groups=["team" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["configmaps"], Verbs:["list"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`,
        ),
      );
      const held = { metadata: { name }, rules: [rule(['get'], ['configmaps'])] };
      expect((await call('alice', 'POST', `${path}/roles`, { body: held })).status).toBe(201);
    });

    it('a binding to a role with more is refused, unless one may bind that role', async () => {
      const { where, path } = await roles();
      const name = next();
      await must('POST', `${RBAC}/clusterroles`, { metadata: { name }, rules: [rule(['list'], ['secrets'])] });
      const binding = {
        metadata: { name },
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: GROUP, kind: 'User', name: 'bob' }],
      };
      const refused = async () => {
        const answer = await call('alice', 'POST', `${path}/rolebindings`, { body: binding });
        return answer.status === 403 && textAt(answer.body, 'message').includes('permissions not currently held');
      };
      await eventually(refused);
      await grant(where, 'alice', [
        { apiGroups: [GROUP], resources: ['clusterroles'], resourceNames: [name], verbs: ['bind'] },
      ]);
      await eventually(
        async () => (await call('alice', 'POST', `${path}/rolebindings`, { body: binding })).status === 201,
      );
    });
  });

  describe('validating policies', () => {
    const VAP = '/apis/admissionregistration.k8s.io/v1';
    /** A policy on configmaps of one namespace. */
    async function policy(where: string, spec: JsonObject, actions = ['Deny']): Promise<string> {
      const name = next();
      const matchConstraints = {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': where } },
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: ['configmaps'],
          },
        ],
      };
      await must('POST', `${VAP}/validatingadmissionpolicies`, {
        metadata: { name },
        spec: { matchConstraints, ...spec },
      });
      await must('POST', `${VAP}/validatingadmissionpolicybindings`, {
        metadata: { name },
        spec: { policyName: name, validationActions: actions },
      });
      return name;
    }
    const sample = (name: string, data: JsonObject = {}) => ({ metadata: { name }, data });

    it('a denied write says which policy and why, in the words of the policy', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      const name = await policy(where, {
        variables: [{ name: 'keys', expression: 'has(object.data) ? object.data.map(k, k) : []' }],
        validations: [
          {
            expression: "!('bad' in variables.keys)",
            messageExpression: "'no ' + variables.keys.filter(k, k == 'bad').join(', ')",
            message: 'otherwise',
            reason: 'Forbidden',
          },
          { expression: 'variables.keys.size() < 3', message: 'too many' },
          { expression: "!('plain' in variables.keys)" },
        ],
      });
      const write = async (data: JsonObject) =>
        await call('admin', 'POST', `${path}?dryRun=All`, { body: sample('x', data) });
      await eventually(async () => (await write({ bad: '1' })).status === 403);
      const by = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request`;
      expect(await write({ bad: '1' })).toMatchObject(
        status(403, 'Forbidden', `configmaps "x" is forbidden: ${by}: no bad`),
      );
      expect(await write({ a: '1', b: '2', c: '3' })).toMatchObject(
        status(422, 'Invalid', `configmaps "x" is forbidden: ${by}: too many`),
      );
      expect(await write({ plain: '' })).toMatchObject(
        status(422, 'Invalid', `configmaps "x" is forbidden: ${by}: failed expression: !('plain' in variables.keys)`),
      );
      expect((await write({ good: '1' })).status).toBe(201);
    });

    it('conditions, the user and what was there before count; deletions are seen', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      await grant(where, 'alice', [rule(['*'], ['configmaps'])], ['GET', path]);
      await policy(where, {
        matchConditions: [{ name: 'not-admin', expression: "request.userInfo.username != 'admin'" }],
        validations: [
          { expression: "request.operation != 'DELETE' || !('keep' in oldObject.data)", message: 'kept' },
          { expression: 'oldObject == null || object == null || object.data == oldObject.data', message: 'fixed' },
        ],
      });
      await must('POST', path, sample('one', { keep: '1' }));
      const patch = { headers: PATCH, body: { data: { more: '1' } } };
      await eventually(async () =>
        textAt((await call('alice', 'PATCH', `${path}/one?dryRun=All`, patch)).body, 'message').endsWith('fixed'),
      );
      expect(textAt((await call('alice', 'DELETE', `${path}/one`)).body, 'message')).toMatch(/kept$/);
      expect((await call('admin', 'PATCH', `${path}/one`, patch)).status).toBe(200);
      expect((await call('admin', 'DELETE', `${path}/one`)).status).toBe(200);
    });

    it('Warn lets the write through with a Warning header', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      const name = await policy(where, { validations: [{ expression: 'false', message: 'mind this' }] }, [
        'Warn',
        'Audit',
      ]);
      const text = `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}': mind this`;
      await eventually(async () => {
        const answer = await call('admin', 'POST', `${path}?dryRun=All`, { body: sample(next()) });
        return answer.headers.warning === `299 - "${text}"` && answer.status === 201;
      });
    });

    it.each([
      ['Fail', 422],
      ['Ignore', 201],
    ] as const)('an expression that breaks counts as failurePolicy %s says', async (failurePolicy, code) => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      await policy(where, { failurePolicy, validations: [{ expression: "object.data['none'] == ''" }] });
      await policy(where, { validations: [{ expression: "object.metadata.name != 'probe'" }] });
      await eventually(
        async () =>
          (await call('admin', 'POST', `${path}?dryRun=All`, { body: sample('probe', { a: '' }) })).status === 422,
      );
      await eventually(
        async () => (await call('admin', 'POST', path, { body: sample(next(), { a: '' }) })).status === code,
      );
    });

    it('a policy may ask whether the user has a right', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      await grant(where, 'alice', [rule(['create', 'get'], ['configmaps'])], ['GET', `${path}/x`]);
      await policy(where, {
        validations: [
          {
            expression: "authorizer.group('').resource('secrets').namespace(request.namespace).check('get').allowed()",
            message: 'no secrets',
          },
        ],
      });
      await eventually(async () =>
        textAt((await call('alice', 'POST', path, { body: sample(next()) })).body, 'message').endsWith('no secrets'),
      );
      expect((await call('admin', 'POST', path, { body: sample(next()) })).status).toBe(201);
    });

    it('an expression that does not compile is refused when it is written', async () => {
      const answer = await call('admin', 'POST', `${VAP}/validatingadmissionpolicies`, {
        body: {
          metadata: { name: next() },
          spec: {
            matchConstraints: {
              resourceRules: [{ apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: ['pods'] }],
            },
            validations: [{ expression: 'object.spec.' }],
          },
        },
      });
      expect(answer).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
      expect(textAt(answer.body, 'message')).toContain('compilation failed');
    });
  });

  describe('a webhook that cannot be reached', () => {
    it.each([
      ['Fail', 500],
      ['Ignore', 201],
    ] as const)('counts as failurePolicy %s says', async (failurePolicy, code) => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      const name = next();
      const webhook = (port: number, policy: string) => ({
        name: `${policy.toLowerCase()}.example.com`,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: policy,
        clientConfig: { url: `https://127.0.0.1:${port}/x` },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': where } },
        objectSelector: { matchLabels: { probe: policy } },
        timeoutSeconds: 1,
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      });
      await must('POST', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
        metadata: { name },
        webhooks: [webhook(1, 'Fail'), webhook(1, 'Ignore')],
      });
      const write = async (probe: string) =>
        await call('admin', 'POST', path, { body: { metadata: { name: next(), labels: { probe } } } });
      await eventually(async () => (await write('Fail')).status === 500);
      const answer = await write(failurePolicy);
      expect(answer.status).toBe(code);
      if (code === 500) {
        expect(textAt(answer.body, 'message')).toMatch(
          /^Internal error occurred: failed calling webhook "fail\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\/x\?timeout=1s": /,
        );
      }
      await must('DELETE', `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${name}`);
    });
  });

  describe('the wire', () => {
    it('an answer that the client does not take is 406', async () => {
      const answer = await call('admin', 'GET', '/api/v1/nodes', { headers: { accept: 'text/plain' } });
      expect(answer).toMatchObject({ status: 406, body: { reason: 'NotAcceptable', code: 406 } });
    });

    it('a long list is packed for who takes gzip, and not for others', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      await must('POST', path, sampleOf(300_000));
      const packed = await raw(path, { 'accept-encoding': 'gzip' });
      expect(packed.headers['content-encoding']).toBe('gzip');
      expect(packed.bytes).toBeLessThan(100_000);
      const plain = await raw(path, {});
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(plain.bytes).toBeGreaterThan(300_000);
      const small = await raw('/version', { 'accept-encoding': 'gzip' });
      expect(small.headers['content-encoding']).toBeUndefined();
    });

    it('a body over 1 MiB may be refused for what it is, over 3 MiB it is too large', async () => {
      const where = await namespace();
      const path = `/api/v1/namespaces/${where}/configmaps`;
      const answer = await call('admin', 'POST', path, { body: sampleOf(3 * 1024 * 1024 + 1) });
      expect(answer).toMatchObject(status(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'));
    });

    const sampleOf = (bytes: number) => ({ metadata: { name: 'large' }, data: { text: 'x'.repeat(bytes) } });
    async function raw(path: string, headers: Record<string, string>) {
      const answer = await exchange('GET', path, { authorization: `Bearer ${stand.token('admin')}`, ...headers });
      return { headers: answer.headers, bytes: answer.bytes.length };
    }
  });
}
