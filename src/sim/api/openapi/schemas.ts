/**
 * The schemas of one OpenAPI document: of built-in kinds from the types that the API works with (names and types of all
 * fields, no descriptions), of custom kinds from their definitions.
 */
import { type JsonObject, objectAt } from '../object.ts';
import type { Resource } from '../resources.ts';
import type { ListType, Scalar, Struct, Type } from '../types/type.ts';
import { builtInType, typeOfResource } from '../types/types.ts';

const TYPES = 'io.k8s.api.types';
const SCALARS: Readonly<Record<Scalar, JsonObject>> = {
  text: { type: 'string' },
  integer: { type: 'integer', format: 'int64' },
  boolean: { type: 'boolean' },
  number: { type: 'number', format: 'double' },
  quantity: { type: 'string' },
  time: { type: 'string', format: 'date-time' },
  'integer-or-text': { type: 'string', format: 'int-or-string' },
};
const ANY: JsonObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const TYPE_META: JsonObject = {
  apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
  kind: { type: 'string', description: 'What this object is.' },
};

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** `com.example.v1.Gizmo`: how Kubernetes names the schema of a kind. */
export function schemaName({ group, version, kind }: Resource): string {
  const domain = group === '' ? 'io.k8s.api.core' : group.split('.').reverse().join('.');
  return `${domain}.${version}.${kind}`;
}

/** Whatever has no schema of its own. */
const FREE_KIND: JsonObject = {
  properties: {
    spec: { ...ANY, description: 'What is wanted.' },
    status: { ...ANY, description: 'What was last seen.' },
  },
};

export class Schemas {
  readonly all: Record<string, JsonObject> = {};

  /** Adds the kind, its list, and all they refer to. */
  add(resource: Resource): void {
    const name = schemaName(resource);
    const { group, version, kind } = resource;
    const metadata = { description: 'Metadata that all objects have.', ...this.#metadata() };
    this.all[name] = {
      ...this.#kind(resource),
      properties: { ...TYPE_META, ...objectAt(this.#kind(resource), 'properties'), metadata },
      'x-kubernetes-group-version-kind': [{ group, version, kind }],
    };
    this.all[`${name}List`] = {
      description: `A list of ${kind}.`,
      type: 'object',
      required: ['items'],
      properties: {
        ...TYPE_META,
        items: { type: 'array', items: { allOf: [ref(name)], default: {} } },
        metadata: { type: 'object', properties: { continue: SCALARS.text, resourceVersion: SCALARS.text } },
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind: `${kind}List` }],
    };
  }

  #metadata(): JsonObject {
    const loose = typeOfResource({ group: '', version: '', kind: '' } as Resource, null);
    const type = loose.kind === 'struct' ? loose.struct.fields.get('metadata')?.type : undefined;
    return type === undefined ? ANY : this.#of(type);
  }

  #kind(resource: Resource): JsonObject {
    const custom = resource.rules?.schema ?? null;
    if (custom !== null) return custom;
    const type = builtInType(resource);
    return type?.kind === 'struct' ? this.#fields(type.struct) : { type: 'object', ...FREE_KIND };
  }

  #of(type: Type): JsonObject {
    if (type.kind === 'scalar') return SCALARS[type.scalar];
    if (type.kind === 'map') return { type: 'object', additionalProperties: this.#of(type.of) };
    if (type.kind === 'list') return { type: 'array', items: this.#of(type.of), ...listKeys(type) };
    return type.kind === 'struct' ? { allOf: [this.#refTo(type.struct)] } : ANY;
  }

  /** Structs may contain themselves: the name is taken before the fields are read. */
  #refTo(struct: Struct): JsonObject {
    const name = `${TYPES}.${struct.name}`;
    if (!Object.hasOwn(this.all, name)) {
      this.all[name] = {};
      this.all[name] = this.#fields(struct);
    }
    return ref(name);
  }

  #fields(struct: Struct): JsonObject {
    const properties = [...struct.fields].map(([field, { type }]) => [field, this.#of(type)] as const);
    return { type: 'object', properties: Object.fromEntries(properties) };
  }
}

function listKeys({ keys, set }: ListType): JsonObject {
  if (set) return { 'x-kubernetes-list-type': 'set' };
  if (keys === null) return { 'x-kubernetes-list-type': 'atomic' };
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [...keys] };
}
