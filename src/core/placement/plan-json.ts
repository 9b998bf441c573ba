/** The annotation `muster.dev/plan`: JSON of a Plan, and its strict reader. What it reads may be forged or cut off; nothing throws. */
import { MAX_TEXT } from '../gpu/bounds.ts';
import { decodeClaim, encodeClaim } from '../gpu/claim-json.ts';
import type { Plan } from './plan.ts';

const LONGEST_NAME = 253;
const LONGEST_KEY = 2 * LONGEST_NAME + 1;

export function encodePlan({ node, claim, gang, until }: Plan): string {
  return JSON.stringify({
    node,
    ...(gang !== null && { gang }),
    until: new Date(until).toISOString(),
    ...(claim !== null && { claim: JSON.parse(encodeClaim(claim)) }),
  });
}

/** null: not a plan of ours. */
export function decodePlan(text: string): Plan | null {
  if (text.length > MAX_TEXT) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
  const { node, gang = null, until, claim } = json as Record<string, unknown>;
  if (!isText(node, LONGEST_NAME) || typeof until !== 'string') return null;
  const ends = Date.parse(until);
  if (!Number.isSafeInteger(ends) || ends < 0) return null;
  if (gang !== null && !isText(gang, LONGEST_KEY)) return null;
  if (claim === undefined) return { node, gang, until: ends, claim: null };
  const reading = decodeClaim(JSON.stringify(claim));
  return reading.ok ? { node, gang, until: ends, claim: reading.claim } : null;
}

const isText = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= longest;
