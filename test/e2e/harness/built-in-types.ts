/**
 * The types of the built-in kinds as a real kube-apiserver's OpenAPI v3 tells them, in the notation of
 * src/sim/api/types/notation.ts: one line per type, sorted.
 */

import { arrayAt, isObject, type JsonObject, objectAt, textAt } from '../../../src/sim/api/object.ts';
import { groupVersion, RESOURCES } from '../../../src/sim/api/resources.ts';
import type { Kube } from './kube.ts';

const FREE_FORM = /(RawExtension|FieldsV1|\.JSON|JSONSchemaProps\w*)$/;

/** kinds that come in bodies of subresources */
const FURTHER_KINDS = ['autoscaling/v1/Scale', 'policy/v1/Eviction', 'v1/Binding'];

export async function builtInTypes(admin: Kube): Promise<string> {
  const definitions = new Map<string, JsonObject>();
  const index = (await admin.call('GET', '/openapi/v3')).body as JsonObject;
  for (const entry of Object.values(objectAt(index, 'paths'))) {
    const url = textAt(entry, 'serverRelativeURL');
    if (!/\/v3\/(api|apis\/[^/]+)\/v\d+(beta\d+)?(\?|$)/.test(url)) continue;
    const document = (await admin.call('GET', url)).body as JsonObject;
    for (const [name, schema] of Object.entries(objectAt(objectAt(document, 'components'), 'schemas')))
      if (isObject(schema) && !definitions.has(name)) definitions.set(name, schema);
  }
  return new Notation(definitions).text();
}

class Notation {
  readonly #definitions: ReadonlyMap<string, JsonObject>;
  readonly #names = new Map<string, string>();
  readonly #lines = new Map<string, string>();

  constructor(definitions: ReadonlyMap<string, JsonObject>) {
    this.#definitions = definitions;
  }

  text(): string {
    const wanted = new Set([
      ...RESOURCES.map((resource) => `${groupVersion(resource)}/${resource.kind}`),
      ...FURTHER_KINDS,
    ]);
    const kinds: string[] = [];
    for (const [full, schema] of [...this.#definitions].sort()) {
      for (const gvk of arrayAt(schema, 'x-kubernetes-group-version-kind')) {
        const group = textAt(gvk, 'group');
        const id = `${group === '' ? '' : `${group}/`}${textAt(gvk, 'version')}/${textAt(gvk, 'kind')}`;
        if (wanted.has(id)) kinds.push(`@${id} ${this.#struct(full)}`);
      }
    }
    return [...kinds.sort(), ...[...this.#lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line)].join(
      '\n',
    );
  }

  /** The short name of a struct, writing its line at first sight. */
  #struct(full: string): string {
    const known = this.#names.get(full);
    if (known !== undefined) return known;
    const parts = full.split('.');
    const taken = new Set(this.#names.values());
    const short = parts.at(-1)!;
    const name = taken.has(short) ? `${parts.at(-3)}.${short}` : short;
    this.#names.set(full, name);
    const schema = this.#definitions.get(full)!;
    const required = new Set(arrayAt(schema, 'required'));
    const fields = Object.entries(objectAt(schema, 'properties')).map(([field, property]) => {
      const { type, struct } = this.#type(property as JsonObject);
      const retain =
        struct && textAt(property, 'x-kubernetes-patch-strategy').split(',').includes('retainKeys') ? '^' : '';
      const fallback = (property as JsonObject).default;
      const always = struct && fallback !== undefined ? '!!' : required.has(field) ? '!' : '';
      const shown = !struct && typeof fallback === 'string' && fallback !== '' ? `=${fallback}` : '';
      return `${field}${always}:${type}${retain}${shown}`;
    });
    this.#lines.set(name, `${name} ${fields.join(' ')}`);
    return name;
  }

  #type(schema: JsonObject): { type: string; struct: boolean } {
    const atomic = schema['x-kubernetes-map-type'] === 'atomic' ? '#' : '';
    const reference = textAt(schema, '$ref') || textAt(arrayAt(schema, 'allOf')[0], '$ref');
    if (reference !== '') {
      const full = reference.split('/').at(-1)!;
      if (full.endsWith('.Quantity')) return { type: 'q', struct: false };
      if (full.endsWith('.IntOrString')) return { type: 'x', struct: false };
      if (full.endsWith('.Time') || full.endsWith('.MicroTime')) return { type: 't', struct: false };
      if (FREE_FORM.test(full)) return { type: '*', struct: false };
      const target = this.#definitions.get(full)!;
      const own = target['x-kubernetes-map-type'] === 'atomic' ? '#' : '';
      const inner = target.properties === undefined ? this.#type(target).type : this.#struct(full);
      return { type: inner + (atomic || own), struct: target.properties !== undefined };
    }
    const kind = textAt(schema, 'type');
    if (kind === 'array') return { type: this.#list(schema), struct: false };
    if (kind === 'object' && isObject(schema.additionalProperties))
      return { type: `{${this.#type(schema.additionalProperties).type}}${atomic}`, struct: false };
    if (kind === 'object') return { type: `*`, struct: false };
    const scalar = ({ string: 's', integer: 'i', boolean: 'b', number: 'n' } as Record<string, string>)[kind];
    return { type: scalar ?? '*', struct: false };
  }

  #list(schema: JsonObject): string {
    const list = textAt(schema, 'x-kubernetes-list-type');
    const keys = arrayAt(schema, 'x-kubernetes-list-map-keys').join(',');
    const strategy = textAt(schema, 'x-kubernetes-patch-strategy').split(',');
    const mergeKey = textAt(schema, 'x-kubernetes-patch-merge-key');
    const apply = list === 'map' ? `|${keys}` : list === 'set' ? '|*' : '';
    const patch = strategy.includes('merge') ? `~${mergeKey}` : '';
    const retain = strategy.includes('retainKeys') ? '^' : '';
    return `[${this.#type(objectAt(schema, 'items')).type}${apply}${patch}${retain}]`;
  }
}
