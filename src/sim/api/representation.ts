/**
 * In what form a client wants objects: whole, as rows of a Table, or their metadata only. The form decides how one object, one
 * element of a list and one event of a watch are written; lists and watches know no more of it.
 */
import { ApiError, badRequest } from './errors.ts';
import { inVersion } from './kind-rules.ts';
import type { KubeObject } from './object.ts';
import { type Column, groupVersion, type Resource } from './resources.ts';
import { encoded, type Version } from './store.ts';
import { columnsFor } from './table/built-in.ts';

type ListHead = { readonly metadata: string };

export type Representation = {
  /** what a get or a write answers */
  one(version: Version): string;
  /** everything of a list before its elements; after them comes `]}` */
  head(list: ListHead): string;
  element(version: Version): string;
  /** the object of a watch's event */
  event(version: Version): string;
  /** the object of a bookmark; `metadata` is JSON */
  bookmark(metadata: string): string;
};

type Form = 'object' | 'table' | 'partial';

const META = 'meta.k8s.io/v1';

function formOf(part: string): Form | null {
  const [type, ...given] = part.split(';').map((one) => one.trim());
  if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') return null;
  const parameters = new Map(given.map((one) => one.split('=') as [string, string]));
  const as = parameters.get('as');
  if (as === undefined) return 'object';
  if (parameters.get('g') !== 'meta.k8s.io' || parameters.get('v') !== 'v1') return null;
  if (as === 'Table') return 'table';
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? 'partial' : null;
}

/** The first form of an Accept header that is served. Throws 406 when there is none. */
export function acceptedForm(accept: string): Form {
  if (accept === '' || accept === 'application/json') return 'object';
  for (const part of accept.split(',')) {
    const form = formOf(part);
    if (form !== null) return form;
  }
  throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
}

/** Throws 406, and 400 for an `includeObject` that is none. */
export function representation(
  accept: string,
  resource: Resource,
  query: URLSearchParams,
  now: () => number,
): Representation {
  const form = acceptedForm(accept);
  if (form === 'object') return wholeObjects(resource);
  if (form === 'partial') return metadataOnly();
  const include = query.get('includeObject') ?? '';
  if (!['', 'None', 'Metadata', 'Object'].includes(include)) {
    throw badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
    );
  }
  return new Rows(resource, include, now);
}

const wholeForms = new WeakMap<Resource, Representation>();

function wholeObjects(resource: Resource): Representation {
  let form = wholeForms.get(resource);
  if (form === undefined) {
    form = wholeForm(resource);
    wholeForms.set(resource, form);
  }
  return form;
}

/** Objects of a custom resource are stored in the version they were written in, Events in `v1`. */
function wholeForm(resource: Resource): Representation {
  const apiVersion = groupVersion(resource);
  const single = resource.rules === null && resource.kind !== 'Event';
  const whole = single
    ? encoded
    : (version: Version) =>
        version.object.apiVersion === apiVersion
          ? encoded(version)
          : JSON.stringify(inVersion(resource, version.object));
  return {
    one: whole,
    head: ({ metadata }) =>
      `{"kind":"${resource.kind}List","apiVersion":"${apiVersion}","metadata":${metadata},"items":[`,
    element: resource.rules === null ? (version) => untyped(whole(version), apiVersion, resource.kind) : whole,
    event: whole,
    bookmark: (metadata) => `{"kind":"${resource.kind}","apiVersion":"${apiVersion}","metadata":${metadata}}`,
  };
}

/** Built-in objects do not say in a list what they are; both orders of the two fields occur. */
function untyped(text: string, apiVersion: string, kind: string): string {
  for (const start of [
    `{"kind":"${kind}","apiVersion":"${apiVersion}",`,
    `{"apiVersion":"${apiVersion}","kind":"${kind}",`,
  ])
    if (text.startsWith(start)) return `{${text.slice(start.length)}`;
  return text;
}

function partial(object: KubeObject): string {
  return `{"kind":"PartialObjectMetadata","apiVersion":"${META}","metadata":${JSON.stringify(object.metadata)}}`;
}

function metadataOnly(): Representation {
  const one = (version: Version) => partial(version.object);
  return {
    one,
    head: ({ metadata }) =>
      `{"kind":"PartialObjectMetadataList","apiVersion":"${META}","metadata":${metadata},"items":[`,
    element: one,
    event: one,
    bookmark: (metadata) => `{"kind":"PartialObjectMetadata","apiVersion":"${META}","metadata":${metadata}}`,
  };
}

class Rows implements Representation {
  readonly #resource: Resource;
  readonly #include: string;
  readonly #now: () => number;
  readonly #columns: readonly Column[];
  /** a watch names the columns in its first event only */
  #named = false;

  constructor(resource: Resource, include: string, now: () => number) {
    this.#resource = resource;
    this.#include = include;
    this.#now = now;
    this.#columns = columnsFor(resource);
  }

  one(version: Version): string {
    return `${this.#head(version.object.metadata.resourceVersion)}${this.element(version)}]}`;
  }

  head({ metadata }: ListHead): string {
    const columns = this.#columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
      name,
      type,
      format,
      description,
      priority,
    }));
    return `{"kind":"Table","apiVersion":"${META}","metadata":${metadata},"columnDefinitions":${JSON.stringify(columns)},"rows":[`;
  }

  element(version: Version): string {
    const { object } = version;
    const now = this.#now();
    const cells = this.#columns.map((column) => column.cell(object, now));
    const shown =
      this.#include === 'None'
        ? 'null'
        : this.#include === 'Object'
          ? wholeObjects(this.#resource).one(version)
          : partial(object);
    return `{"cells":${JSON.stringify(cells)},"object":${shown}}`;
  }

  event(version: Version): string {
    const head = this.#eventHead(`{"resourceVersion":"${version.object.metadata.resourceVersion}"}`);
    return `${head}${this.element(version)}]}`;
  }

  bookmark(metadata: string): string {
    const cells = JSON.stringify(this.#columns.map(() => ''));
    const object = `{"kind":"PartialObjectMetadata","apiVersion":"${META}","metadata":${metadata}}`;
    return `${this.#eventHead(metadata)}{"cells":${cells},"object":${object}}]}`;
  }

  #head(resourceVersion: string): string {
    return this.head({ metadata: `{"resourceVersion":"${resourceVersion}"}` });
  }

  #eventHead(metadata: string): string {
    if (!this.#named) {
      this.#named = true;
      return this.head({ metadata });
    }
    return `{"kind":"Table","apiVersion":"${META}","metadata":${metadata},"columnDefinitions":null,"rows":[`;
  }
}
