/**
 * The condition `muster.dev/Placed`: False with one reason while nothing is found for a pod that waits for us. Its text is constant per
 * reason, so that it changes only when the reason does; amounts are for `muster explain`.
 */
import { PLACED_CONDITION } from '../core/names.ts';
import { conditionReason, REASONS, type ReasonCode } from '../core/reasons.ts';

export const reported = (code: ReasonCode, now: number): object =>
  condition(PLACED_CONDITION, 'False', conditionReason(code), REASONS[code].text, now);

/** `now`: ms since the epoch. */
export function condition(
  type: string,
  status: 'True' | 'False',
  reason: string,
  message: string,
  now: number,
): object {
  // the API's times have seconds
  const lastTransitionTime = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  return { type, status, reason, message, lastTransitionTime };
}
