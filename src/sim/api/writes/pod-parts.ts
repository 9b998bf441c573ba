/** PATCH and PUT on `pods/x/ephemeralcontainers` and `pods/x/resize`: only that part of the pod changes. */
import { isDeepStrictEqual } from 'node:util';
import { invalid } from '../errors.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, textAt } from '../object.ts';

export const POD_PARTS: ReadonlySet<string> = new Set(['ephemeralcontainers', 'resize']);

/** Throws 422. */
export function withPart(subresource: string, given: KubeObject, old: KubeObject): KubeObject {
  return subresource === 'resize' ? resized(given, old) : debugged(given, old);
}

function debugged(given: KubeObject, old: KubeObject): KubeObject {
  const now = arrayAt(given.spec, 'ephemeralContainers');
  for (const before of arrayAt(old.spec, 'ephemeralContainers')) {
    const name = textAt(before, 'name');
    const kept = now.find((one) => textAt(one, 'name') === name);
    if (kept !== undefined && isDeepStrictEqual(kept, before)) continue;
    const what = kept === undefined ? 'removed' : 'changed';
    const message = `Forbidden: existing ephemeral containers "${name}" may not be ${what}`;
    throw invalid('Pod', old.metadata.name, [
      { reason: 'FieldValueForbidden', message, field: 'spec.ephemeralContainers' },
    ]);
  }
  if (now.length === 0) return old;
  return { ...old, spec: { ...old.spec, ephemeralContainers: now.map(ephemeralDefaults) } };
}

function ephemeralDefaults(container: unknown): unknown {
  if (!isObject(container)) return container;
  return {
    imagePullPolicy: 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
    ...container,
  };
}

/** Only `resources` of containers that are there already. */
function resized(given: KubeObject, old: KubeObject): KubeObject {
  const spec: JsonObject = { ...old.spec };
  for (const field of ['containers', 'initContainers']) {
    if (!Array.isArray(spec[field])) continue;
    const wanted = arrayAt(given.spec, field);
    spec[field] = arrayAt(old.spec, field).map((before) => {
      const now = wanted.find((one) => textAt(one, 'name') === textAt(before, 'name'));
      return isObject(before) && isObject(now) && isObject(now.resources)
        ? { ...before, resources: now.resources }
        : before;
    });
  }
  return isDeepStrictEqual(spec, old.spec) ? old : { ...old, spec };
}
