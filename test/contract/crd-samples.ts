/** The definition that the cases of crd.ts work with: one field per thing a schema can say. */
import type { JsonObject } from '../../src/sim/api/object.ts';

const text = { type: 'string' };

export const specSchema: JsonObject = {
  type: 'object',
  required: ['replicas'],
  properties: {
    replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
    size: { ...text, enum: ['small', 'large'] },
    name: { ...text, pattern: '^[a-z]+$', minLength: 2, maxLength: 5 },
    port: { 'x-kubernetes-int-or-string': true },
    free: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { known: { type: 'object', properties: { a: text } } },
    },
    template: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: text, maxItems: 3 },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: text, protocol: { ...text, default: 'TCP' } },
      },
    },
    when: { ...text, format: 'date-time' },
    maybe: { ...text, nullable: true },
    labels: { type: 'object', additionalProperties: text },
    ratio: { type: 'number', multipleOf: 0.5 },
    fixed: {
      ...text,
      maxLength: 20,
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'fixed is immutable' }],
    },
    growing: {
      type: 'integer',
      'x-kubernetes-validations': [
        {
          rule: 'oldSelf.optMap(o, self >= o).orValue(self == 1)',
          optionalOldSelf: true,
          message: 'begins at 1 and grows',
        },
      ],
    },
    one: {
      type: 'object',
      properties: { a: text, b: text },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
  },
  'x-kubernetes-validations': [
    {
      rule: "!has(self.size) || self.size != 'small' || self.replicas <= 3",
      message: 'small things have at most 3',
      reason: 'FieldValueForbidden',
      fieldPath: '.replicas',
    },
    { rule: 'self.replicas != 7', messageExpression: "'seven ' + 'is bad'" },
    { rule: "!has(self.port) || type(self.port) != string || self.port.endsWith('%')" },
  ],
};

export const schema: JsonObject = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: specSchema,
    status: {
      type: 'object',
      properties: {
        ready: { type: 'integer' },
        selector: text,
        conditions: {
          type: 'array',
          items: { type: 'object', properties: { type: text, status: text, at: { ...text, format: 'date-time' } } },
        },
      },
    },
  },
};

export const columns = [
  { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Since', type: 'date', jsonPath: '.status.conditions[?(@.type=="Ready")].at' },
  { name: 'Size', type: 'string', priority: 1, jsonPath: '.spec.size', description: 'how big' },
  { name: 'Tags', type: 'string', jsonPath: '.spec.tags' },
  { name: 'First', type: 'string', jsonPath: '.spec.tags[0]' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

export function mainVersion(): JsonObject {
  return {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: schema },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.ready',
        labelSelectorPath: '.status.selector',
      },
    },
    selectableFields: [{ jsonPath: '.spec.size' }],
    additionalPrinterColumns: columns,
  };
}

export function olderVersion(): JsonObject {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return { name: 'v1beta1', served: true, storage: false, schema: { openAPIV3Schema: open } };
}

/** Every call must name another kind: names of a group are taken by the first. */
export function definition(group: string, kind: string, versions: readonly JsonObject[], scope = 'Namespaced') {
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}` },
    spec: {
      group,
      scope,
      names: { plural: `${singular}s`, kind, shortNames: [`${singular}x`], categories: ['toys', 'all'] },
      versions,
    },
  };
}
