/**
 * What a request wants, read from method and path alone: access is decided before anybody knows whether such a resource exists,
 * so that a refusal tells nothing.
 */
import { parseFieldSelector } from '../selectors.ts';

export type Attributes = {
  readonly verb: string;
  /** false: `path` counts, and the rest is empty */
  readonly isResource: boolean;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** '' at the scope of the cluster and for all namespaces */
  readonly namespace: string;
  /** '' for collections */
  readonly name: string;
};

export type AccessQuery = Partial<Omit<Attributes, 'isResource' | 'verb'>> & { readonly verb: string };

/** Attributes of a question about a resource (no `path`) or about a path. */
export function attributesOf(query: AccessQuery): Attributes {
  const isResource = query.path === undefined || query.path === '';
  return {
    path: '',
    group: '',
    version: '',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    ...query,
    isResource,
  };
}

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const SUBRESOURCES_OF_NAMESPACES = new Set(['status', 'finalize']);

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function readAttributes(method: string, path: string, query: URLSearchParams): Attributes {
  const parts = path.split('/').filter((part) => part !== '');
  const root = parts.shift();
  const nonResource = attributesOf({ verb: method.toLowerCase(), path: path === '' ? '/' : path });
  if (root !== 'api' && root !== 'apis') return nonResource;
  if (parts.length < (root === 'api' ? 2 : 3)) return nonResource;
  const group = root === 'api' ? '' : parts.shift()!;
  const version = parts.shift()!;
  let verb = VERBS[method] ?? method.toLowerCase();
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = decoded(parts[1]!);
    // `/namespaces/x/status` is about the namespace itself
    if (parts.length > 2 && !SUBRESOURCES_OF_NAMESPACES.has(parts[2]!)) parts.splice(0, 2);
  }
  const [resource = '', rawName = '', subresource = ''] = parts;
  let name = decoded(rawName);
  const watch = query.get('watch');
  const watching = watch !== null && watch !== 'false' && watch !== '0';
  if (name === '' && verb === 'get') {
    verb = watching ? 'watch' : 'list';
    name = onlyName(query.get('fieldSelector'));
  } else if (name === '' && verb === 'delete') verb = 'deletecollection';
  return { verb, isResource: true, path, group, version, resource, subresource, namespace, name };
}

/** A list of one name is a question about that name: roles with resourceNames allow it. */
function onlyName(selector: string | null): string {
  if (selector === null || !selector.includes('metadata.name')) return '';
  try {
    parseFieldSelector({ kind: '', rules: null }, selector);
  } catch {
    return '';
  }
  return /(?:^|,)\s*metadata\.name\s*==?\s*([^,\s]+)\s*(?:,|$)/.exec(selector)?.[1] ?? '';
}
