/** Which resources the server has now, definitions of users included: what collectors have to look at. */
import { arrayAt, textAt } from '../api/object.ts';
import type { Calls } from './calls.ts';

export type DiscoveredResource = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
};

/** A collector needs all of them. */
const VERBS = ['delete', 'list', 'watch'];

/** One version per resource: the group's preferred one first. Throws what a call throws. */
export async function discovered(calls: Calls): Promise<DiscoveredResource[]> {
  const groups = arrayAt(await calls.call('GET', '/apis'), 'groups');
  const paths = ['/api/v1'];
  for (const group of groups) {
    const preferred = textAt((group as { preferredVersion?: unknown }).preferredVersion, 'groupVersion');
    const all = arrayAt(group, 'versions').map((version) => textAt(version, 'groupVersion'));
    for (const version of [preferred, ...all.filter((one) => one !== preferred)])
      if (version !== '') paths.push(`/apis/${version}`);
  }
  const found = new Map<string, DiscoveredResource>();
  for (const path of paths) {
    const apiVersion = path.replace(/^\/apis?\//, '');
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
    for (const one of arrayAt(await calls.call('GET', path), 'resources')) {
      const plural = textAt(one, 'name');
      const verbs = arrayAt(one, 'verbs');
      if (plural.includes('/') || !VERBS.every((verb) => verbs.includes(verb))) continue;
      const id = `${group}/${plural}`;
      if (!found.has(id))
        found.set(id, {
          apiVersion,
          kind: textAt(one, 'kind'),
          plural,
          namespaced: (one as { namespaced?: unknown }).namespaced === true,
        });
    }
  }
  return [...found.values()];
}

export function collectionPath(resource: DiscoveredResource, namespace = ''): string {
  const root = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  return `${root}${namespace === '' ? '' : `/namespaces/${namespace}`}/${resource.plural}`;
}
