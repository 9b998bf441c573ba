/** Cells that several kinds share. */
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../object.ts';
import type { Column } from '../resources.ts';
import { age } from './age.ts';

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';

export const NONE = '<none>';
export const UNSET = '<unset>';

export const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: NAME_DESCRIPTION,
  cell: (object) => object.metadata.name,
};

export const createdAgo = (object: KubeObject, nowMs: number): string => age(object.metadata.creationTimestamp, nowMs);

export const AGE: Column = { name: 'Age', type: 'string', cell: createdAgo };

/** what kinds without columns of their own have */
export const CREATED_AT: Column = {
  name: 'Created At',
  type: 'date',
  cell: (object) => object.metadata.creationTimestamp,
};

export function text(name: string, cell: Column['cell']): Column {
  return { name, type: 'string', cell };
}

export function integer(name: string, cell: Column['cell']): Column {
  return { name, type: 'integer', cell };
}

export function boolean(name: string, cell: Column['cell']): Column {
  return { name, type: 'boolean', cell };
}

/** shown only by `-o wide` */
export function wide(column: Column): Column {
  return { ...column, priority: 1 };
}

export const specText =
  (key: string, otherwise = ''): Column['cell'] =>
  (object) =>
    textAt(object.spec, key) || otherwise;

export const count =
  (part: 'spec' | 'status', key: string): Column['cell'] =>
  (object) =>
    numberAt(object[part], key) ?? 0;

export function labelsText(labels: unknown): string {
  const pairs = isObject(labels) ? Object.entries(labels).map(([key, value]) => `${key}=${value}`) : [];
  return pairs.length === 0 ? NONE : pairs.sort().join(',');
}

/** `spec.selector` of workloads, as a selector on the command line. */
export function selectorText(selector: unknown): string {
  if (!isObject(selector)) return NONE;
  const expressions = arrayAt(selector, 'matchExpressions').map((one) => {
    const operator = textAt(one, 'operator');
    const key = textAt(one, 'key');
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${arrayAt(one, 'values').join(',')})`;
  });
  const labels = Object.entries(objectAt(selector, 'matchLabels')).map(([key, value]) => `${key}=${value}`);
  const all = [...labels.sort(), ...expressions];
  return all.length === 0 ? NONE : all.join(',');
}

const podSpec = (object: KubeObject): JsonObject => {
  const template = objectAt(object.spec ?? object, 'template');
  return objectAt(template, 'spec');
};
const containers = (object: KubeObject) => arrayAt(podSpec(object), 'containers');

/** the three wide columns of everything that makes pods */
export const CONTAINERS = wide(
  text('Containers', (object) =>
    containers(object)
      .map((one) => textAt(one, 'name'))
      .join(','),
  ),
);
export const IMAGES = wide(
  text('Images', (object) =>
    containers(object)
      .map((one) => textAt(one, 'image'))
      .join(','),
  ),
);
export const SELECTOR = wide(text('Selector', (object) => selectorText(object.spec?.selector)));

/** `[ReadWriteOnce …]` as RWO,ROX,RWX,RWOP */
export function accessModes(modes: readonly unknown[]): string {
  const short: Readonly<Record<string, string>> = {
    ReadWriteOnce: 'RWO',
    ReadOnlyMany: 'ROX',
    ReadWriteMany: 'RWX',
    ReadWriteOncePod: 'RWOP',
  };
  return ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']
    .filter((mode) => modes.includes(mode))
    .map((mode) => short[mode])
    .join(',');
}
