/**
 * Admission of one write, in Kubernetes' order: mutating webhooks one after the other (again, once, those that want to see what
 * later ones changed), rules against escalation, validating policies, validating webhooks all at once. A cluster that has
 * configured nothing pays nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AccessQuestion, authorizer } from '../../cel/authorizer.ts';
import { CelError } from '../../cel/errors.ts';
import { attributesOf } from '../access/attributes.ts';
import { checkEscalation } from '../access/escalation.ts';
import type { Gate } from '../access/gate.ts';
import { RBAC_GROUP } from '../access/rbac.ts';
import { serviceAccountGroups, serviceAccountName, type User } from '../access/user.ts';
import { invalid } from '../errors.ts';
import { type KubeObject, textAt } from '../object.ts';
import { resourceId } from '../resources.ts';
import type { Store, Table } from '../store.ts';
import { namespaceOf } from './matching.ts';
import { type Policy, readPolicy, validate } from './policies.ts';
import { type Review, requestOf } from './review.ts';
import {
  ask,
  concerns,
  readWebhooks,
  type ServiceResolver,
  type Webhook,
  type WebhookCall,
  type WebhookPorts,
} from './webhooks.ts';

const VERSION = 'admissionregistration.k8s.io/v1';

export type AdmissionOptions = {
  readonly store: Store;
  readonly gate: Gate;
  /** refuse escalation of rights */
  readonly escalation: boolean;
  /** null: webhooks are configured in vain, and fail as their failurePolicy says */
  readonly call: WebhookCall | null;
  readonly resolve: ServiceResolver;
  readonly newUid: () => string;
};

export class AdmissionChain {
  readonly #options: AdmissionOptions;
  readonly #ports: WebhookPorts;
  readonly #mutating: Table;
  readonly #validating: Table;
  readonly #policies: Table;
  readonly #bindings: Table;
  readonly #webhooksOf = new WeakMap<KubeObject, Webhook[]>();
  readonly #policyOf = new WeakMap<KubeObject, Policy>();
  #bindingsByPolicy: Map<string, KubeObject[]> | null = null;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { store, resolve, newUid } = options;
    const call = options.call ?? (() => Promise.reject(new Error('this cluster has no way to call webhooks')));
    this.#ports = { store, call, resolve, newUid, values: (review) => this.#values(review) };
    this.#mutating = store.table(resourceId(VERSION, 'mutatingwebhookconfigurations'));
    this.#validating = store.table(resourceId(VERSION, 'validatingwebhookconfigurations'));
    this.#policies = store.table(resourceId(VERSION, 'validatingadmissionpolicies'));
    this.#bindings = store.table(resourceId(VERSION, 'validatingadmissionpolicybindings'));
    const forget = () => {
      this.#bindingsByPolicy = null;
    };
    this.#bindings.watch(forget);
    this.#policies.watch(forget);
  }

  /** false: nothing that is configured could look at a write to `group` */
  concerns(group: string): boolean {
    return (
      this.#mutating.size + this.#validating.size + this.#bindings.size > 0 ||
      group === 'admissionregistration.k8s.io' ||
      (this.#options.escalation && group === RBAC_GROUP)
    );
  }

  /** The object as it shall be stored. Throws the refusal. */
  async admit(review: Review & { readonly object: KubeObject }): Promise<KubeObject> {
    const { group, plural } = review.route.resource;
    const object = (await this.#mutate(review)) ?? review.object;
    const mutated = { ...review, object };
    if (group === 'admissionregistration.k8s.io') checkExpressions(plural, object);
    if (this.#options.escalation && group === RBAC_GROUP && review.route.subresource === '')
      checkEscalation(this.#options.gate, review.user, plural, object, review.old);
    await this.#validate(mutated);
    return object;
  }

  /** Throws the refusal of a deletion. */
  async admitDeletion(review: Review): Promise<void> {
    await this.#mutate(review);
    await this.#validate(review);
  }

  async #mutate(review: Review): Promise<KubeObject | null> {
    const webhooks = this.#configured(this.#mutating);
    let object = review.object;
    const seen: { webhook: Webhook; result: KubeObject | null }[] = [];
    const turn = async (webhook: Webhook): Promise<void> => {
      const next = { ...review, object };
      if (!concerns(webhook, next, this.#ports)) return;
      object = await ask(webhook, next, true, this.#ports);
      seen.push({ webhook, result: object });
    };
    for (const webhook of webhooks) await turn(webhook);
    const before = [...seen];
    for (const { webhook, result } of before) {
      if (textAt(webhook.spec, 'reinvocationPolicy') !== 'IfNeeded' || result === object) continue;
      if (!isDeepStrictEqual(result, object)) await turn(webhook);
    }
    return object;
  }

  async #validate(review: Review): Promise<void> {
    if (this.#bindings.size > 0) {
      let values: Readonly<Record<string, unknown>> | null = null;
      const once = () => {
        values ??= this.#values(review);
        return values;
      };
      for (const { policy, bindings } of this.#bound()) validate(policy, bindings, review, this.#options.store, once);
    }
    if (this.#validating.size === 0) return;
    const concerned = this.#configured(this.#validating).filter((webhook) => concerns(webhook, review, this.#ports));
    const answers = await Promise.allSettled(concerned.map((webhook) => ask(webhook, review, false, this.#ports)));
    const refused = answers.find((answer) => answer.status === 'rejected');
    if (refused) throw refused.reason;
  }

  #configured(table: Table): Webhook[] {
    if (table.size === 0) return [];
    return table.keys().flatMap((key) => {
      const { object } = table.get(key)!;
      let webhooks = this.#webhooksOf.get(object);
      if (webhooks === undefined) {
        webhooks = readWebhooks(object);
        this.#webhooksOf.set(object, webhooks);
      }
      return webhooks;
    });
  }

  #bound(): { policy: Policy; bindings: KubeObject[] }[] {
    if (this.#bindingsByPolicy === null) {
      const all = this.#bindings.keys().map((key) => this.#bindings.get(key)!.object);
      this.#bindingsByPolicy = Map.groupBy(all, (binding) => textAt(binding.spec, 'policyName'));
    }
    const found: { policy: Policy; bindings: KubeObject[] }[] = [];
    for (const key of this.#policies.keys()) {
      const { object } = this.#policies.get(key)!;
      const bindings = this.#bindingsByPolicy.get(object.metadata.name);
      if (bindings === undefined) continue;
      let policy = this.#policyOf.get(object);
      if (policy === undefined) {
        policy = readPolicy(object);
        this.#policyOf.set(object, policy);
      }
      found.push({ policy, bindings });
    }
    return found;
  }

  #values(review: Review): Readonly<Record<string, unknown>> {
    const { gate, store } = this.#options;
    const { route, user } = review;
    const { group, plural } = route.resource;
    const namespace = route.namespace ?? '';
    const decide = (question: AccessQuestion) => {
      const account = question.serviceAccount;
      const who = account === null ? user : accountUser(account.namespace, account.name);
      const { serviceAccount: _account, ...query } = question;
      return gate.decide(who, attributesOf(query));
    };
    const requested = { group, resource: plural, subresource: route.subresource, namespace, name: route.name };
    return {
      object: review.object,
      oldObject: review.old,
      request: requestOf(review),
      namespaceObject: route.namespace === null ? null : namespaceOf(store, review),
      authorizer: authorizer(decide, requested),
    };
  }
}

function accountUser(namespace: string, name: string): User {
  return { name: serviceAccountName(namespace, name), uid: '', groups: serviceAccountGroups(namespace), extra: {} };
}

/** Throws 422 for a configuration whose expressions do not compile. */
function checkExpressions(plural: string, object: KubeObject): void {
  try {
    if (plural === 'validatingadmissionpolicies') readPolicy(object);
    else if (plural.endsWith('webhookconfigurations')) readWebhooks(object);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const field = plural === 'validatingadmissionpolicies' ? 'spec' : 'webhooks';
    const message = `Invalid value: ${error.message}`;
    throw invalid(`${object.kind}.admissionregistration.k8s.io`, object.metadata.name, [
      { reason: 'FieldValueInvalid', message, field },
    ]);
  }
}
