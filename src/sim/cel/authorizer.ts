/** `authorizer` and `authorizer.requestResource` of admission policies, over one question that the API server answers. */
import type { Environment } from '@marcbachmann/cel-js';

export type AccessQuestion = {
  readonly verb: string;
  /** set for paths that are no resources; then the rest is empty */
  readonly path: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** null: the user of the request */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | null;
};
/** The answer is needed at once: expressions do not wait. */
export type Decide = (question: AccessQuestion) => { readonly allowed: boolean; readonly reason: string };

const NOTHING: AccessQuestion = {
  verb: '',
  path: '',
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  serviceAccount: null,
};

class Step {
  readonly decide: Decide;
  readonly question: AccessQuestion;
  constructor(decide: Decide, question: AccessQuestion) {
    this.decide = decide;
    this.question = question;
  }
}
class PathCheck extends Step {}
class GroupCheck extends Step {}
class ResourceCheck extends Step {}
class Authorizer extends Step {
  /** the check of what the request itself asks for */
  readonly requestResource: ResourceCheck;
  constructor(decide: Decide, question: AccessQuestion, requested: Partial<AccessQuestion>) {
    super(decide, question);
    this.requestResource = new ResourceCheck(decide, { ...NOTHING, ...requested });
  }
}
class Decision {
  readonly allowed: boolean;
  readonly reason: string;
  constructor(step: Step, verb: string) {
    const { allowed, reason } = step.decide({ ...step.question, verb });
    this.allowed = allowed;
    this.reason = reason;
  }
}

/** The value of the variable `authorizer`, declared as `AUTHORIZER`. @param requested what `authorizer.requestResource` checks */
export function authorizer(decide: Decide, requested: Partial<AccessQuestion> = {}): object {
  return new Authorizer(decide, NOTHING, requested);
}

export const AUTHORIZER = 'kubernetes.authorization.Authorizer';

export function registerAuthorizer(env: Environment): void {
  const base = 'kubernetes.authorization';
  const types = { PathCheck, GroupCheck, ResourceCheck, Decision };
  for (const [name, ctor] of Object.entries(types)) env.registerType(`${base}.${name}`, { ctor, fields: {} });
  env.registerType(AUTHORIZER, { ctor: Authorizer, fields: { requestResource: `${base}.ResourceCheck` } });
  const on =
    <Next extends Step>(Made: new (decide: Decide, question: AccessQuestion) => Next, key: keyof AccessQuestion) =>
    (step: Step, value: string) =>
      new Made(step.decide, { ...step.question, [key]: value });
  env
    .registerFunction(`${base}.Authorizer.path(string): ${base}.PathCheck`, on(PathCheck, 'path'))
    .registerFunction(`${base}.Authorizer.group(string): ${base}.GroupCheck`, on(GroupCheck, 'group'))
    .registerFunction(
      `${base}.Authorizer.serviceAccount(string, string): ${base}.Authorizer`,
      (step: Authorizer, namespace: string, name: string) =>
        new Authorizer(
          step.decide,
          { ...step.question, serviceAccount: { namespace, name } },
          step.requestResource.question,
        ),
    )
    .registerFunction(`${base}.GroupCheck.resource(string): ${base}.ResourceCheck`, on(ResourceCheck, 'resource'))
    .registerFunction(
      `${base}.ResourceCheck.subresource(string): ${base}.ResourceCheck`,
      on(ResourceCheck, 'subresource'),
    )
    .registerFunction(`${base}.ResourceCheck.namespace(string): ${base}.ResourceCheck`, on(ResourceCheck, 'namespace'))
    .registerFunction(`${base}.ResourceCheck.name(string): ${base}.ResourceCheck`, on(ResourceCheck, 'name'));
  for (const kind of ['PathCheck', 'ResourceCheck']) {
    env.registerFunction(
      `${base}.${kind}.check(string): ${base}.Decision`,
      (step: Step, verb: string) => new Decision(step, verb),
    );
  }
  env
    .registerFunction(`${base}.Decision.allowed(): bool`, (decision: Decision) => decision.allowed)
    .registerFunction(`${base}.Decision.reason(): string`, (decision: Decision) => decision.reason)
    .registerFunction(`${base}.Decision.errored(): bool`, () => false)
    .registerFunction(`${base}.Decision.error(): string`, () => '');
}
