/**
 * A zod schema as a CustomResourceDefinition: structural, pruned, with what CEL can check. Descriptions and `x-kubernetes-…` come from the
 * schema's own metadata, so that a field is described in one place.
 */
import { z } from 'zod';
import { GROUP } from '../../core/names.ts';

export type CelRule = { readonly rule: string; readonly message: string };

export type PrinterColumn = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: number;
};

export type CustomKind = {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly version: string;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly PrinterColumn[];
};

/** Metadata of a field: CEL rules over it. */
export const rules = (...list: readonly CelRule[]): Record<string, unknown> => ({ 'x-kubernetes-validations': list });

/** Metadata of a list whose items are told apart by a field. */
export const keyedBy = (key: string): Record<string, unknown> => ({
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': [key],
});

/** The definition as an object to be applied. */
export function definitionOf(kind: CustomKind): object {
  const { plural, singular, shortNames, version, description, columns } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${GROUP}`,
      labels: { 'app.kubernetes.io/name': 'muster', 'app.kubernetes.io/part-of': 'muster' },
    },
    spec: {
      group: GROUP,
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural, singular, shortNames, categories: ['muster'] },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structural(kind.spec),
                status: structural(kind.status),
              },
            },
          },
        },
      ],
    },
  };
}

function structural(schema: z.ZodType): unknown {
  return pruned(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' }));
}

/** JSON Schema words that a structural schema may not hold, or that say what is the case anyway. */
const LEFT_OUT = new Set(['$schema', 'additionalProperties', '~standard', 'id']);

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    // names of fields are no words of the schema language
    if (key === 'properties')
      kept[key] = Object.fromEntries(Object.entries(item).map(([name, of]) => [name, pruned(of)]));
    else if (!LEFT_OUT.has(key)) kept[key] = pruned(item);
  }
  if (kept.type === 'integer') {
    kept.format = 'int32';
    if (Number(kept.maximum) > 2 ** 31 - 1) delete kept.maximum;
    if (Number(kept.minimum) < -(2 ** 31)) delete kept.minimum;
  }
  return kept;
}
