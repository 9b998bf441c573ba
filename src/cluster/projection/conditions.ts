/** status.conditions of any kind. */
import { listOf, own, textOf } from './shapes.ts';

export function hasTrueCondition(status: unknown, type: string): boolean {
  return listOf(own(status, 'conditions')).some(
    (condition) => own(condition, 'type') === type && own(condition, 'status') === 'True',
  );
}

/** Reason of a condition that is False; null without one, or when it is not. */
export function falseReason(status: unknown, type: string): string | null {
  const found = listOf(own(status, 'conditions')).find(
    (condition) => own(condition, 'type') === type && own(condition, 'status') === 'False',
  );
  return found === undefined ? null : textOf(own(found, 'reason'));
}

export function hasConditionReason(status: unknown, type: string, reason: string): boolean {
  return listOf(own(status, 'conditions')).some(
    (condition) => own(condition, 'type') === type && own(condition, 'reason') === reason,
  );
}
