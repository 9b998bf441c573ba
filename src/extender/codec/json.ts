/** Reading JSON the way kube-scheduler's Go side does: keys in any case, and nothing so deep that walking it could hurt. */
import { isUtf8 } from 'node:buffer';
import { ExtenderError, malformed } from '../errors.ts';

/** Kubernetes objects stay below 100; the API server itself refuses 10,000. */
const DEEPEST = 512;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Throws ExtenderError: not UTF-8, nested too deeply, no JSON, no object. `cut`: text to read in place of body[end …]. */
export function parseObject(body: Buffer, end = body.length, cut = ''): Record<string, unknown> {
  const part = end === body.length ? body : body.subarray(0, end);
  if (part.length === 0 && cut === '') throw malformed('request body is empty');
  if (!isUtf8(part)) throw malformed('request body is not UTF-8');
  // what opens seldom cannot be deep: true of every real pod
  if (opens(part) > DEEPEST) refuseDeep(part);
  let value: unknown;
  try {
    value = JSON.parse(part.toString('utf8') + cut);
  } catch {
    throw malformed('request body is not JSON');
  }
  if (!isObject(value)) throw malformed('request body is not a JSON object');
  return value;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The value under `key`, written in any case. The exact spelling wins over others, of several other spellings the last one;
 * undefined without any.
 */
export function anyCase(object: Record<string, unknown>, key: string): unknown {
  if (Object.hasOwn(object, key)) return object[key];
  const folded = key.toLowerCase();
  let found: unknown;
  for (const other of Object.keys(object)) {
    if (other.length === key.length && other.toLowerCase() === folded) found = object[other];
  }
  return found;
}

/** Hot. How many `{` and `[` there are, in texts or not, four bytes at a time; it stops where there are more than DEEPEST. */
function opens(body: Buffer): number {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const words = body.length & ~3;
  let count = 0;
  for (let at = 0; at < words; at += 4) {
    // the two differ in one bit; a zero byte of `other` is one of them
    const other = (view.getInt32(at, true) | 0x20202020) ^ 0x7b7b7b7b;
    if (((other - 0x01010101) & ~other & 0x80808080) === 0) continue;
    for (let byte = at; byte < at + 4; byte++) if ((body[byte]! | 0x20) === 0x7b) count++;
    if (count > DEEPEST) return count;
  }
  for (let byte = words; byte < body.length; byte++) if ((body[byte]! | 0x20) === 0x7b) count++;
  return count;
}

/**
 * JSON.parse keeps a frame per open bracket: 64 MiB of them would cost gigabytes before it fails. Byte by byte: whole Node objects are
 * megabytes of short texts, and looking for the end of each by `indexOf` costs three times as much as parsing them.
 */
function refuseDeep(body: Buffer): void {
  const { length } = body;
  let depth = 0;
  for (let at = 0; at < length; at++) {
    const byte = body[at]!;
    if (byte === QUOTE) {
      for (at++; at < length && body[at] !== QUOTE; at++) if (body[at] === BACKSLASH) at++;
    } else if ((byte | 0x20) === 0x7b) {
      // { and [
      if (++depth > DEEPEST)
        throw new ExtenderError('too-large', `request body is nested deeper than ${DEEPEST} levels`);
    } else if ((byte | 0x20) === 0x7d) depth--;
  }
}
