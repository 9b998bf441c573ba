/**
 * Admission webhooks: which of the configured ones a write concerns, the AdmissionReview that goes out, and what its answer means.
 * The wire is a port, so a simulator answers without sockets.
 */
import { ApiError, badRequest } from '../errors.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../object.ts';
import { applyPatchOf, JSON_PATCH } from '../patch.ts';
import type { Store } from '../store.ts';
import { type Condition, conditionsHold, readConditions } from './conditions.ts';
import { isExempt, namespaceSelected, objectSelected, rulesMatch } from './matching.ts';
import { isDryRun, type Review, requestOf } from './review.ts';

export type WebhookRequest = {
  readonly url: string;
  /** PEM, base64 as in the configuration; '' : the machine's own authorities */
  readonly caBundle: string;
  /** the name the certificate must have where it is not the host of the URL */
  readonly servername: string | null;
  readonly body: string;
  readonly timeoutMs: number;
};
/** Rejects when there is no answer in time. */
export type WebhookCall = (request: WebhookRequest) => Promise<{ readonly status: number; readonly body: Buffer }>;

export type ServiceReference = { readonly namespace: string; readonly name: string; readonly port: number };
/** Where a Service really is, as `host:port`; null when nobody knows. */
export type ServiceResolver = (service: ServiceReference) => string | null;

export type Webhook = {
  readonly name: string;
  readonly spec: JsonObject;
  readonly conditions: readonly Condition[];
  readonly ignore: boolean;
};

const DEFAULT_TIMEOUT_SECONDS = 10;

/** Throws CelError. */
export function readWebhooks(configuration: KubeObject): Webhook[] {
  return arrayAt(configuration, 'webhooks')
    .filter(isObject)
    .map((spec) => ({
      name: textAt(spec, 'name'),
      spec,
      conditions: readConditions(spec),
      ignore: textAt(spec, 'failurePolicy') === 'Ignore',
    }));
}

export type WebhookPorts = {
  readonly store: Store;
  readonly call: WebhookCall;
  readonly resolve: ServiceResolver;
  readonly newUid: () => string;
  /** the values of matchConditions for a review */
  readonly values: (review: Review) => Readonly<Record<string, unknown>>;
};

/** Throws 500 when a condition fails and the webhook must not be left out. */
export function concerns(webhook: Webhook, review: Review, ports: WebhookPorts): boolean {
  const { spec } = webhook;
  if (isExempt(review)) return false;
  if (!rulesMatch(arrayAt(spec, 'rules'), textAt(spec, 'matchPolicy') || 'Equivalent', review)) return false;
  if (!namespaceSelected(spec.namespaceSelector, ports.store, review)) return false;
  if (!objectSelected(spec.objectSelector, review)) return false;
  if (webhook.conditions.length === 0) return true;
  const { hold, error } = conditionsHold(webhook.conditions, ports.values(review));
  if (error === null) return hold;
  if (webhook.ignore) return false;
  throw new ApiError('InternalError', `Internal error occurred: failed calling webhook "${webhook.name}": ${error}`);
}

/** The object as the webhook wants it (the same one when it changes nothing). Throws its refusal, and 500 where it must not fail. */
export async function ask(webhook: Webhook, review: Review, mutating: boolean, ports: WebhookPorts) {
  if (isDryRun(review) && !['None', 'NoneOnDryRun'].includes(textAt(webhook.spec, 'sideEffects')))
    throw badRequest(`admission webhook "${webhook.name}" does not support dry run`);
  const uid = ports.newUid();
  let response: JsonObject;
  try {
    response = await exchange(webhook, review, uid, ports);
    if (textAt(response, 'uid') !== uid)
      throw new Error(`expected response.uid="${uid}", got "${textAt(response, 'uid')}"`);
    for (const warning of arrayAt(response, 'warnings')) review.route.context?.warnings.push(String(warning));
    if (response.allowed === true) return mutating ? patched(response, review.object) : review.object;
  } catch (error) {
    if (webhook.ignore) return review.object;
    const why = error instanceof Error ? error.message : String(error);
    throw new ApiError('InternalError', `Internal error occurred: failed calling webhook "${webhook.name}": ${why}`);
  }
  throw refusal(webhook.name, objectAt(response, 'status'));
}

async function exchange(webhook: Webhook, review: Review, uid: string, ports: WebhookPorts): Promise<JsonObject> {
  const { spec } = webhook;
  const seconds = numberAt(spec, 'timeoutSeconds') ?? DEFAULT_TIMEOUT_SECONDS;
  const body = JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: { uid, ...requestOf(review), object: review.object, oldObject: review.old },
  });
  const target = addressOf(spec, ports.resolve);
  const url = `${target.url}?timeout=${seconds}s`;
  const answer = await ports
    .call({
      url,
      servername: target.servername,
      caBundle: textAt(objectAt(spec, 'clientConfig'), 'caBundle'),
      body,
      timeoutMs: seconds * 1000,
    })
    .catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`failed to call webhook: Post "${target.shown}?timeout=${seconds}s": ${why}`);
    });
  const text = answer.body.toString();
  if (answer.status !== 200)
    throw new Error(`failed to call webhook: the server answered ${answer.status}: ${text.slice(0, 200)}`);
  const parsed: unknown = JSON.parse(text);
  if (textAt(parsed, 'kind') !== 'AdmissionReview' || textAt(parsed, 'apiVersion') !== 'admission.k8s.io/v1') {
    throw new Error(
      `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${textAt(parsed, 'apiVersion')}, Kind=${textAt(parsed, 'kind')}`,
    );
  }
  const response = objectAt(parsed, 'response');
  if (Object.keys(response).length === 0) throw new Error('webhook response was absent');
  return response;
}

/** `shown` is the URL as users know it: with the Service's name. */
function addressOf(
  spec: JsonObject,
  resolve: ServiceResolver,
): { url: string; servername: string | null; shown: string } {
  const config = objectAt(spec, 'clientConfig');
  const url = textAt(config, 'url');
  if (url !== '') return { url, servername: null, shown: url };
  const service = objectAt(config, 'service');
  const namespace = textAt(service, 'namespace');
  const name = textAt(service, 'name');
  const port = numberAt(service, 'port') ?? 443;
  const path = textAt(service, 'path') || '/';
  const servername = `${name}.${namespace}.svc`;
  const place = resolve({ namespace, name, port });
  if (place === null) throw new Error(`failed to call webhook: service "${name}" not found`);
  return { url: `https://${place}${path}`, servername, shown: `https://${servername}:${port}${path}` };
}

function patched(response: JsonObject, object: KubeObject | null): KubeObject | null {
  const patch = textAt(response, 'patch');
  if (patch === '' || object === null) return object;
  if (textAt(response, 'patchType') !== 'JSONPatch')
    throw new Error(`invalid response.patchType "${textAt(response, 'patchType')}"`);
  const operations: unknown = JSON.parse(Buffer.from(patch, 'base64').toString());
  if (!Array.isArray(operations) || operations.length === 0) return object;
  return applyPatchOf(JSON_PATCH, object, operations) as KubeObject;
}

function refusal(name: string, status: JsonObject): ApiError {
  const by = `admission webhook "${name}" denied the request`;
  const why = textAt(status, 'message') || textAt(status, 'reason');
  const code = numberAt(status, 'code') ?? 0;
  return ApiError.of({
    code: Math.max(code, 400),
    reason: textAt(status, 'reason'),
    message: why === '' ? `${by} without explanation` : `${by}: ${why}`,
    ...(isObject(status.details) ? { details: status.details } : {}),
  });
}
