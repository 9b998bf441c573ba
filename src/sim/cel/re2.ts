/** Regular expressions as Kubernetes has them (RE2): their time grows with the text, whatever the pattern is. */
import { RE2JS } from 're2js';

/** Throws RE2JSException, whose message says what is wrong, for what is no regular expression. */
export const regex = (pattern: string): RE2JS => RE2JS.compile(pattern);

/** The first `limit` parts of a text that a pattern describes, in order. */
export function found(text: string, pattern: string, limit = Number.POSITIVE_INFINITY): string[] {
  const matcher = regex(pattern).matcher(text);
  const all: string[] = [];
  while (all.length < limit && matcher.find()) all.push(matcher.group()!);
  return all;
}
