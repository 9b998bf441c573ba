/** How lines of a pod are quoted in messages, and the small texts (lists, switches, policies) that dialects share. */
import { printable } from '../core/printable.ts';
import { malformed } from './errors.ts';

const LONGEST_QUOTE = 60;

/** The text as JSON, cut where it is long: pods may hold 256 KiB of annotations, messages must not. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text));
}

/** An annotation as it stands in the pod. Keys are cut too. */
export function annotationLine(key: string, value: string): string {
  return `annotation ${printable(key.length > 80 ? `${key.slice(0, 80)}…` : key)}: ${quote(value)}`;
}

/** As many words, and as long ones, as the request form holds. */
const MOST_WORDS = 64;
const WORD = /^[\x20-\x7e]{1,253}$/;

/** Comma-separated words, trimmed, empty ones left out, in the order written, each once. */
export function commaList(line: string, text: string): readonly string[] {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length > MOST_WORDS) throw malformed(line, `name at most ${MOST_WORDS}`);
  if (!words.every((word) => WORD.test(word))) throw malformed(line, 'write words of plain ASCII, at most 253 letters');
  return words;
}

/** A switch as Go programs read it (strconv.ParseBool): HAMi and Kubernetes tools accept these and no others. */
export function switchText(line: string, text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw malformed(line, 'write "true" or "false"');
}

/** The word as one of `known` (exact text). */
export function oneOf<T extends string>(line: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found === undefined) throw malformed(line, `write one of ${known.join(', ')}`);
  return found;
}
