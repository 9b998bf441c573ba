/** The path of a request → which resource, namespace, object and subresource it means. */
import type { RequestContext } from './admission/context.ts';
import type { Catalog } from './catalog.ts';
import { ApiError } from './errors.ts';
import { type Resource, resourceId } from './resources.ts';

export type Route = {
  readonly resource: Resource;
  /** the table of its objects: all versions of a resource share one */
  readonly id: string;
  /** null: all namespaces, or a resource of the cluster */
  readonly namespace: string | null;
  /** '' for the collection */
  readonly name: string;
  /** '' for the object itself */
  readonly subresource: string;
  readonly query: URLSearchParams;
  /** who asks and how; absent where nobody looks (bootstrap, tests of single functions) */
  readonly context?: RequestContext;
  /** fields that the body names twice */
  readonly duplicates: readonly string[];
};

function pageNotFound(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource');
}

/** Throws 404. */
export function parseRoute(path: string, query: URLSearchParams, catalog: Catalog): Route {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map((part) => (part.includes('%') ? decodeURIComponent(part) : part));
  const root = parts.shift();
  if (root !== 'api' && root !== 'apis') throw pageNotFound();
  const version = root === 'api' ? parts.shift() : `${parts.shift()}/${parts.shift()}`;
  const inNamespace = parts[0] === 'namespaces' && parts.length >= 3;
  // `/namespaces/x/status` is a subresource of the namespace itself
  const ofNamespaceItself =
    inNamespace && version === 'v1' && parts.length === 3 && (parts[2] === 'status' || parts[2] === 'finalize');
  const namespace = inNamespace && !ofNamespaceItself ? (parts.splice(0, 2)[1] ?? null) : null;
  const [plural = '', name = '', subresource = '', ...rest] = parts;
  const served = catalog.get(resourceId(version ?? '', plural));
  if (served === undefined || rest.length > 0) throw pageNotFound();
  const { resource, table } = served;
  if (resource.namespaced ? name !== '' && namespace === null : namespace !== null) throw pageNotFound();
  return { resource, id: table, namespace, name, subresource, query, duplicates: [] };
}
