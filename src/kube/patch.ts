/** Requests that change an object in part. The four content types of the API server, and what each is good for. */
import type { KubeRequest } from './ports.ts';

export const PATCH_TYPE = {
  /** RFC 6902: a list of operations; the only one that can `test` */
  json: 'application/json-patch+json',
  /** RFC 7396: null deletes, lists are replaced whole; works for every kind */
  merge: 'application/merge-patch+json',
  /** knows merge keys of lists; built-in kinds only, custom resources answer 415 */
  strategic: 'application/strategic-merge-patch+json',
  /** server-side apply: the body is what we own, whole. JSON is valid YAML, so JSON goes out under this type */
  apply: 'application/apply-patch+yaml',
} as const;

export type JsonPatchOperation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; from: string; path: string };

type Target = { path: string; timeoutMs: number };

export const jsonPatch = (target: Target, operations: readonly JsonPatchOperation[]): KubeRequest =>
  patch(target, PATCH_TYPE.json, operations);

export const mergePatch = (target: Target, body: object): KubeRequest => patch(target, PATCH_TYPE.merge, body);

export const strategicPatch = (target: Target, body: object): KubeRequest => patch(target, PATCH_TYPE.strategic, body);

/** `force` takes fields over from other managers; controllers that own their fields set it. */
export function applyPatch(
  target: Target,
  body: object,
  options: { fieldManager: string; force?: boolean },
): KubeRequest {
  const query = new URLSearchParams({ fieldManager: options.fieldManager });
  if (options.force === true) query.set('force', 'true');
  const joint = target.path.includes('?') ? '&' : '?';
  return patch({ ...target, path: `${target.path}${joint}${query}` }, PATCH_TYPE.apply, body);
}

/** One step of a JSON pointer: annotation keys hold slashes. */
export const pointerStep = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

function patch(target: Target, contentType: string, body: object): KubeRequest {
  return { method: 'PATCH', path: target.path, body, contentType, timeoutMs: target.timeoutMs };
}
