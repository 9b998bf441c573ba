/**
 * The nodes of a cluster from a list that people write. An entry is a Node object as `kubectl get node -o yaml` shows it, or the
 * compact form: `{count: 4, gpus: 8, model: A100-SXM4-80GB, memoryMiB: 81920}`; without `gpus` a node for everything else.
 */
import { isObject, type JsonObject, objectAt, textAt } from './api/object.ts';
import { cpuNode, GPU_MODELS, type GpuModel, gpuNode, type InventorySource, type NodeObjects } from './nodes.ts';

/** `message` names file, entry and key. */
export class NodeListError extends Error {
  override readonly name = 'NodeListError';
  readonly code = 'node-list';
}

const KEYS = ['count', 'name', 'gpus', 'model', 'memoryMiB', 'cpu', 'memoryGiB', 'source', 'managed', 'labels'];
const SOURCES: readonly InventorySource[] = ['annotation', 'slices', 'labels'];
const MOST_NODES = 100_000;
const MOST_GPUS = 64;

/** What GFD says of families, by the beginning of a model's name. */
const FAMILIES: readonly (readonly [prefix: string, family: string, compute: string])[] = [
  ['GB', 'blackwell', '10.0'],
  ['B', 'blackwell', '10.0'],
  ['H', 'hopper', '9.0'],
  ['L', 'ada-lovelace', '8.9'],
  ['A', 'ampere', '8.0'],
  ['T4', 'turing', '7.5'],
  ['V100', 'volta', '7.0'],
];

/** @param value what the YAML or JSON says: a list, or a Kubernetes List. @param file names it in errors. Throws NodeListError. */
export function readNodeList(value: unknown, file: string): NodeObjects[] {
  const entries = isObject(value) && textAt(value, 'kind').endsWith('List') ? value.items : value;
  if (!Array.isArray(entries)) throw new NodeListError(`${file}: expected a list of nodes`);
  const nodes: NodeObjects[] = [];
  const seen = new Set<string>();
  const numbers = new Map<string, number>();
  entries.forEach((entry: unknown, index) => {
    const where = `${file}, entry ${index + 1}`;
    if (!isObject(entry)) throw new NodeListError(`${where}: expected an object`);
    const made = textAt(entry, 'kind') === '' ? compact(entry, where, numbers) : [whole(entry, where)];
    for (const one of made) {
      const name = textAt(objectAt(one.node, 'metadata'), 'name');
      if (seen.has(name)) throw new NodeListError(`${where}: there are two nodes ${name}`);
      seen.add(name);
      nodes.push(one);
    }
    if (nodes.length > MOST_NODES) throw new NodeListError(`${where}: with it there are more than ${MOST_NODES} nodes`);
  });
  return nodes;
}

function whole(entry: JsonObject, where: string): NodeObjects {
  if (entry.kind !== 'Node') throw new NodeListError(`${where}: kind ${String(entry.kind)} is not Node`);
  const metadata = objectAt(entry, 'metadata');
  if (textAt(metadata, 'name') === '') throw new NodeListError(`${where}: metadata.name is missing`);
  const { resourceVersion: _rv, uid: _uid, creationTimestamp: _at, managedFields: _fields, ...kept } = metadata;
  return { node: { ...entry, metadata: kept }, slices: [], gpus: null };
}

function compact(entry: JsonObject, where: string, numbers: Map<string, number>): NodeObjects[] {
  const unknown = Object.keys(entry).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new NodeListError(`${where}: unknown key "${unknown}"; there are ${KEYS.join(', ')}`);
  const integer = (key: string, least: number, otherwise: number): number => {
    const value = entry[key] ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
    throw new NodeListError(
      `${where}: ${key} must be a whole number of at least ${least}, not ${JSON.stringify(value)}`,
    );
  };
  const text = (key: string, otherwise: string): string => {
    const value = entry[key] ?? otherwise;
    if (typeof value === 'string') return value;
    throw new NodeListError(`${where}: ${key} must be a text, not ${JSON.stringify(value)}`);
  };
  const atMost = (key: string, most: number, value: number): number => {
    if (value <= most) return value;
    throw new NodeListError(`${where}: ${key} must be at most ${most}, not ${value}`);
  };
  const count = atMost('count', MOST_NODES, integer('count', 1, 1));
  const gpus = atMost('gpus', MOST_GPUS, integer('gpus', 0, 0));
  const labels = isObject(entry.labels)
    ? Object.fromEntries(Object.entries(entry.labels).map(([key, label]) => [key, String(label)]))
    : {};
  const model = gpus === 0 ? null : modelOf(text('model', 'h100'), entry, where, integer);
  const prefix = text(
    'name',
    model === null
      ? 'cpu'
      : model.product
          .replace(/^(NVIDIA|Tesla)-/, '')
          .split('-')[0]!
          .toLowerCase(),
  );
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(prefix))
    throw new NodeListError(`${where}: name "${prefix}" must be lower case letters, digits, '-' and '.'`);
  const source = text('source', 'annotation') as InventorySource;
  if (!SOURCES.includes(source)) throw new NodeListError(`${where}: source must be one of ${SOURCES.join(', ')}`);
  return Array.from({ length: count }, () => {
    const number = numbers.get(prefix) ?? 0;
    numbers.set(prefix, number + 1);
    const name = entry.name !== undefined && entry.count === undefined ? prefix : `${prefix}-${number}`;
    if (model === null) return cpuNode(name, integer('cpu', 1, 32), integer('memoryGiB', 1, 128));
    return gpuNode({
      name,
      model,
      count: gpus,
      source,
      managed: entry.managed !== false,
      labels,
      ...(entry.cpu === undefined ? {} : { cpu: integer('cpu', 1, 1) }),
      ...(entry.memoryGiB === undefined ? {} : { memoryGib: integer('memoryGiB', 1, 1) }),
    });
  });
}

function modelOf(
  name: string,
  entry: JsonObject,
  where: string,
  integer: (key: string, least: number, otherwise: number) => number,
): GpuModel {
  const models: readonly GpuModel[] = Object.values(GPU_MODELS);
  const wanted = name.toLowerCase();
  const known =
    (GPU_MODELS as Readonly<Record<string, GpuModel>>)[wanted] ??
    models.find((one) => one.product.toLowerCase() === wanted || one.product.toLowerCase().endsWith(`-${wanted}`));
  if (known !== undefined) return { ...known, mib: integer('memoryMiB', 1, known.mib) };
  if (entry.memoryMiB === undefined) {
    const short = Object.keys(GPU_MODELS).join(', ');
    throw new NodeListError(`${where}: model ${name} is not known by its name (${short} are): say its memoryMiB`);
  }
  const bare = name.replace(/^(NVIDIA|Tesla)-/i, '').toUpperCase();
  const [, family = 'unknown', compute = '0.0'] = FAMILIES.find(([prefix]) => bare.startsWith(prefix)) ?? [];
  return { product: name, mib: integer('memoryMiB', 1, 1), family, compute };
}
