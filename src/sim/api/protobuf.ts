/**
 * Kubernetes' protobuf bodies: kubectl sends them for `create deployment`, `auth can-i`, `create token` and the like, Go controllers for
 * every built-in kind. Answers are JSON, which such clients take as well.
 *
 * protobuf-fields.ts is read as: `@apps/v1/Deployment Deployment`, the message of a kind; `Name number:field:type …`, a message. Types: s
 * text, i integer, b boolean, f float, y bytes, q quantity, t and u time, d duration, x integer or text, r JSON, l list of texts in a
 * message of its own; `[T]` list, `{T}` map; another name: a message. `?` is a pointer: what it points to is kept when it is zero.
 * `<` for the field: its fields are those of the message around it.
 */
import { isObject, type JsonObject } from './object.ts';
import { PROTOBUF_FIELDS } from './protobuf-fields.ts';
import { type ProtobufField, ProtobufReader } from './protobuf-reader.ts';

type Field = { readonly name: string; readonly type: string; readonly pointer: boolean };
type Message = ReadonlyMap<number, Field>;

const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0]);
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** the envelope around every body */
const ENVELOPE: Message = fieldsOf('1:typeMeta:TypeMeta 2:raw:raw');
const OWN: Readonly<Record<string, Message>> = { TypeMeta: fieldsOf('1:apiVersion:s 2:kind:s') };

type Known = { readonly byKind: ReadonlyMap<string, string>; readonly messages: Map<string, string | Message> };
let known: Known | null = null;

/** Read when the first such body comes: most servers never see one. */
function knownMessages(): Known {
  if (known === null) {
    const byKind = new Map<string, string>();
    const messages = new Map<string, string | Message>(Object.entries(OWN));
    for (const line of PROTOBUF_FIELDS.trim().split('\n')) {
      const [name = '', rest = ''] = /^(\S+) ?(.*)$/.exec(line)?.slice(1) ?? [];
      if (name.startsWith('@')) byKind.set(name.slice(1), rest);
      else messages.set(name, rest);
    }
    known = { byKind, messages };
  }
  return known;
}

function fieldsOf(text: string): Message {
  const parts = text.split(' ').filter((part) => part !== '');
  return new Map(
    parts.map((part) => {
      const [number = '', name = '', type = ''] = part.split(':');
      const pointer = type.endsWith('?');
      return [Number(number), { name, type: pointer ? type.slice(0, -1) : type, pointer }];
    }),
  );
}

function messageNamed(name: string): Message {
  const { messages } = knownMessages();
  const found = messages.get(name);
  if (found === undefined) throw new Error(`no protobuf message ${name}`);
  if (typeof found !== 'string') return found;
  const made = fieldsOf(found);
  messages.set(name, made);
  return made;
}

/** The body as JSON; null when it is of a kind that is not built in. Throws RangeError for what is no such body. */
export function fromProtobuf(body: Buffer): JsonObject | null {
  if (!body.subarray(0, 4).equals(MAGIC)) throw new RangeError('the body does not begin as Kubernetes protobuf does');
  const { typeMeta, raw } = message(body.subarray(4), ENVELOPE);
  const { apiVersion = '', kind = '' } = (typeMeta ?? {}) as { apiVersion?: string; kind?: string };
  const { byKind } = knownMessages();
  const name = byKind.get(kind === 'DeleteOptions' ? kind : `${apiVersion}/${kind}`);
  if (name === undefined) return null;
  return { apiVersion, kind, ...message(Buffer.isBuffer(raw) ? raw : Buffer.alloc(0), messageNamed(name)) };
}

/** Fields that are not known are left out, and so is what Go would leave out. */
function message(bytes: Buffer, fields: Message): JsonObject {
  const made: JsonObject = {};
  const reader = new ProtobufReader(bytes);
  while (!reader.done) {
    const { number, value } = reader.field();
    const field = fields.get(number);
    if (field === undefined) continue;
    const { name, type, pointer } = field;
    if (type.startsWith('{')) {
      made[name] = { ...(made[name] as JsonObject | undefined), ...mapEntry(value, type.slice(1, -1)) };
    } else if (type.startsWith('[')) {
      const list = (made[name] as unknown[] | undefined) ?? [];
      list.push(one(value, type.slice(1, -1)));
      made[name] = list;
    } else {
      const read = one(value, type);
      if (name === '<') Object.assign(made, read);
      else if (pointer || !isZero(read)) made[name] = read;
    }
  }
  return made;
}

function isZero(value: unknown): boolean {
  return (
    value === '' ||
    value === 0 ||
    value === false ||
    value === null ||
    (isObject(value) && !Buffer.isBuffer(value) && Object.keys(value).length === 0)
  );
}

function mapEntry(value: bigint | Buffer, type: string): JsonObject {
  const reader = new ProtobufReader(bytesOf(value));
  let key = '';
  let held: bigint | Buffer = Buffer.alloc(0);
  while (!reader.done) {
    const { number, value: part } = reader.field();
    if (number === 1) key = bytesOf(part).toString();
    else held = part;
  }
  return { [key]: one(held, type) };
}

function bytesOf(value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') throw new RangeError('the protobuf body has a number where a text belongs');
  return value;
}

function numberOf(value: bigint | Buffer | undefined): number {
  if (Buffer.isBuffer(value)) throw new RangeError('the protobuf body has a text where a number belongs');
  return Number(value ?? 0n);
}

function one(value: bigint | Buffer, type: string): unknown {
  switch (type) {
    case 'i':
      return numberOf(value);
    case 'b':
      return numberOf(value) !== 0;
    case 'f':
      return bytesOf(value).readDoubleLE(0);
    case 's':
      return bytesOf(value).toString();
    case 'y':
      return bytesOf(value).toString('base64');
    case 'raw':
      return bytesOf(value);
    default:
      return SPECIAL.has(type)
        ? special(ProtobufReader.fields(bytesOf(value)), type)
        : message(bytesOf(value), messageNamed(type));
  }
}

const SPECIAL: ReadonlySet<string> = new Set(['q', 't', 'u', 'd', 'x', 'r', 'l']);

/** Types that are messages on the wire and something else in JSON. */
function special(parts: readonly ProtobufField[], type: string): unknown {
  const part = (number: number) => parts.findLast((field) => field.number === number)?.value;
  const text = (number: number) => bytesOf(part(number) ?? Buffer.alloc(0)).toString();
  switch (type) {
    case 'q':
      return text(1) || '0';
    case 't':
      return timeOf(numberOf(part(1)), null);
    case 'u':
      return timeOf(numberOf(part(1)), numberOf(part(2)));
    case 'd':
      return `${numberOf(part(1)) / 1e9}s`;
    case 'x':
      return numberOf(part(1)) === 0 ? numberOf(part(2)) : text(3);
    case 'r':
      return text(1) === '' ? '' : (JSON.parse(text(1)) as unknown);
    default:
      return parts.flatMap(({ number, value }) => (number === 1 ? [bytesOf(value).toString()] : []));
  }
}

/** '' for no time. @param nanos null: whole seconds */
function timeOf(seconds: number, nanos: number | null): string {
  if (seconds === 0 && !nanos) return '';
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return nanos === null ? `${whole}Z` : `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}
