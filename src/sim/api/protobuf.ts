/**
 * Kubernetes' protobuf bodies, as far as kubectl insists on sending them: `auth can-i`, `auth whoami`, `create token`, `create role` and
 * the like. Answers are JSON, which such clients take as well. A kind is a row of its fields by number.
 */
import type { JsonObject } from './object.ts';

/** `s` string, `i` int64, `b` bool, `y` bytes; `[s]` many; `{s}` map of strings; a name: a message of that name, `[name]` many of it */
type Fields = Readonly<Record<number, readonly [name: string, type: string]>>;

const REVIEW: Fields = { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'ReviewSpec'] };
const MESSAGES: Readonly<Record<string, Fields>> = {
  ObjectMeta: {
    1: ['name', 's'],
    2: ['generateName', 's'],
    3: ['namespace', 's'],
    5: ['uid', 's'],
    6: ['resourceVersion', 's'],
    11: ['labels', '{s}'],
    12: ['annotations', '{s}'],
    14: ['finalizers', '[s]'],
  },
  SelfSubjectReview: { 1: ['metadata', 'ObjectMeta'] },
  SelfSubjectAccessReview: REVIEW,
  SubjectAccessReview: REVIEW,
  LocalSubjectAccessReview: REVIEW,
  ReviewSpec: {
    1: ['resourceAttributes', 'ResourceAttributes'],
    2: ['nonResourceAttributes', 'NonResourceAttributes'],
    3: ['user', 's'],
    4: ['groups', '[s]'],
    6: ['uid', 's'],
  },
  ResourceAttributes: {
    1: ['namespace', 's'],
    2: ['verb', 's'],
    3: ['group', 's'],
    4: ['version', 's'],
    5: ['resource', 's'],
    6: ['subresource', 's'],
    7: ['name', 's'],
  },
  NonResourceAttributes: { 1: ['path', 's'], 2: ['verb', 's'] },
  SelfSubjectRulesReview: { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'RulesSpec'] },
  RulesSpec: { 1: ['namespace', 's'] },
  TokenReview: { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'TokenReviewSpec'] },
  TokenReviewSpec: { 1: ['token', 's'], 2: ['audiences', '[s]'] },
  TokenRequest: { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'TokenRequestSpec'] },
  TokenRequestSpec: {
    1: ['audiences', '[s]'],
    3: ['boundObjectRef', 'BoundObjectReference'],
    4: ['expirationSeconds', 'i'],
  },
  BoundObjectReference: { 1: ['kind', 's'], 2: ['apiVersion', 's'], 3: ['name', 's'], 4: ['uid', 's'] },
  Eviction: { 1: ['metadata', 'ObjectMeta'], 2: ['deleteOptions', 'DeleteOptions'] },
  DeleteOptions: {
    1: ['gracePeriodSeconds', 'i'],
    2: ['preconditions', 'Preconditions'],
    4: ['propagationPolicy', 's'],
    5: ['dryRun', '[s]'],
  },
  Preconditions: { 1: ['uid', 's'], 2: ['resourceVersion', 's'] },
  Namespace: { 1: ['metadata', 'ObjectMeta'] },
  ServiceAccount: { 1: ['metadata', 'ObjectMeta'] },
  ConfigMap: { 1: ['metadata', 'ObjectMeta'], 2: ['data', '{s}'], 3: ['binaryData', '{y}'], 4: ['immutable', 'b'] },
  Secret: { 1: ['metadata', 'ObjectMeta'], 2: ['data', '{y}'], 3: ['type', 's'], 4: ['stringData', '{s}'] },
  Role: { 1: ['metadata', 'ObjectMeta'], 2: ['rules', '[PolicyRule]'] },
  ClusterRole: { 1: ['metadata', 'ObjectMeta'], 2: ['rules', '[PolicyRule]'] },
  PolicyRule: {
    1: ['verbs', '[s]'],
    2: ['apiGroups', '[s]'],
    3: ['resources', '[s]'],
    4: ['resourceNames', '[s]'],
    5: ['nonResourceURLs', '[s]'],
  },
  RoleBinding: { 1: ['metadata', 'ObjectMeta'], 2: ['subjects', '[Subject]'], 3: ['roleRef', 'RoleRef'] },
  ClusterRoleBinding: { 1: ['metadata', 'ObjectMeta'], 2: ['subjects', '[Subject]'], 3: ['roleRef', 'RoleRef'] },
  Subject: { 1: ['kind', 's'], 2: ['apiGroup', 's'], 3: ['name', 's'], 4: ['namespace', 's'] },
  RoleRef: { 1: ['apiGroup', 's'], 2: ['kind', 's'], 3: ['name', 's'] },
  // the envelope around every body
  Unknown: { 1: ['typeMeta', 'TypeMeta'], 2: ['raw', 'y'] },
  TypeMeta: { 1: ['apiVersion', 's'], 2: ['kind', 's'] },
};

const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0]);
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** The body as JSON; null when it is of a kind that has no row. Throws RangeError for what is no such body. */
export function fromProtobuf(body: Buffer): JsonObject | null {
  if (!body.subarray(0, 4).equals(MAGIC)) throw new RangeError('the body does not begin as Kubernetes protobuf does');
  const { typeMeta = {}, raw } = message(body.subarray(4), 'Unknown');
  const { apiVersion = '', kind = '' } = typeMeta as { apiVersion?: string; kind?: string };
  if (MESSAGES[kind] === undefined || !(raw === undefined || Buffer.isBuffer(raw))) return null;
  return { apiVersion, kind, ...message(raw ?? Buffer.alloc(0), kind) };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new RangeError('the protobuf body ends inside a number');
  }
  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError('the protobuf body ends inside a field');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

/** Fields without a row are left out. */
function message(bytes: Buffer, name: string): JsonObject {
  const fields = MESSAGES[name]!;
  const made: JsonObject = {};
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = fields[tag >> 3];
    const value =
      wire === 0 ? reader.varint() : reader.bytes(wire === 2 ? Number(reader.varint()) : wire === 1 ? 8 : 4);
    if (field === undefined) continue;
    const [key, type] = field;
    if (type.startsWith('{')) {
      const entry = mapEntry(value as Buffer, type.slice(1, -1));
      made[key] = { ...(made[key] as JsonObject | undefined), ...entry };
    } else if (type.startsWith('[')) {
      const list = (made[key] as unknown[] | undefined) ?? [];
      list.push(scalar(value, type.slice(1, -1)));
      made[key] = list;
    } else {
      const read = scalar(value, type);
      // Go writes empty strings too
      if (read !== '') made[key] = read;
    }
  }
  return made;
}

/** One entry of a map. */
function mapEntry(bytes: Buffer, type: string): JsonObject {
  const reader = new Reader(bytes);
  let key = '';
  let value: unknown = '';
  while (!reader.done) {
    const tag = Number(reader.varint());
    const part = reader.bytes(Number(reader.varint()));
    if (tag >> 3 === 1) key = part.toString();
    else value = type === 'y' ? part.toString('base64') : part.toString();
  }
  return { [key]: value };
}

function scalar(value: bigint | Buffer, type: string): unknown {
  if (type === 'i') return Number(value);
  if (type === 'b') return value !== 0n;
  if (typeof value === 'bigint') throw new RangeError('the protobuf body has a number where a text belongs');
  if (type === 's') return value.toString();
  return type === 'y' ? value : message(value, type);
}
