/** Tells the API server which authorities to trust: `caBundle` of every webhook in our MutatingWebhookConfiguration. */
import { type JsonPatchOperation, jsonPatch } from '../kube/patch.ts';
import type { Transport } from '../kube/ports.ts';
import { readStatus } from '../kube/status-error.ts';
import { AdmissionError } from './errors.ts';
import { fieldOf, listOf } from './json-value.ts';

const TIMEOUT_MS = 10_000;

/**
 * Writes `bundle` (PEM) wherever it differs; true when it had to. Throws AdmissionError `api` (also when the configuration
 * does not exist) and TransportError. Safe to repeat; a write that raced with another is refused by its resourceVersion.
 */
export async function publishBundle(transport: Transport, configuration: string, bundle: string): Promise<boolean> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${configuration}`;
  const current = await transport.request({ method: 'GET', path, timeoutMs: TIMEOUT_MS });
  if (current.status !== 200) throw refused('read', configuration, current);
  const object: unknown = JSON.parse(current.body.toString('utf8'));
  const value = Buffer.from(bundle, 'utf8').toString('base64');
  const stale = listOf(fieldOf(object, 'webhooks')).flatMap((webhook, at): JsonPatchOperation[] =>
    fieldOf(fieldOf(webhook, 'clientConfig'), 'caBundle') === value
      ? []
      : [{ op: 'add', path: `/webhooks/${at}/clientConfig/caBundle`, value }],
  );
  if (stale.length === 0) return false;
  const seen = fieldOf(fieldOf(object, 'metadata'), 'resourceVersion');
  const operations: JsonPatchOperation[] = [{ op: 'test', path: '/metadata/resourceVersion', value: seen }, ...stale];
  const written = await transport.request(jsonPatch({ path, timeoutMs: TIMEOUT_MS }, operations));
  if (written.status !== 200) throw refused('write', configuration, written);
  return true;
}

function refused(what: string, name: string, response: Parameters<typeof readStatus>[0]): AdmissionError {
  return new AdmissionError(
    'api',
    `cannot ${what} MutatingWebhookConfiguration ${name}: ${readStatus(response).message}`,
  );
}
