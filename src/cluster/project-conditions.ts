/** status.conditions of any kind. */
import { listOf, own } from './project-shapes.ts';

export function hasTrueCondition(status: unknown, type: string): boolean {
  return listOf(own(status, 'conditions')).some(
    (condition) => own(condition, 'type') === type && own(condition, 'status') === 'True',
  );
}

export function hasConditionReason(status: unknown, type: string, reason: string): boolean {
  return listOf(own(status, 'conditions')).some(
    (condition) => own(condition, 'type') === type && own(condition, 'reason') === reason,
  );
}
