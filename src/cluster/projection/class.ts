/** A scheduling.k8s.io/v1 PriorityClass → its value. Never throws. */
import { fieldsOf, integerOf, own, textOf } from './shapes.ts';

export type ClassFacts = { readonly name: string; readonly value: number };

/** null without a name, and where the value is no integer */
export function projectClass(object: unknown): ClassFacts | null {
  const name = textOf(own(fieldsOf(own(object, 'metadata')), 'name'));
  const value = integerOf(own(object, 'value'), Number.NaN);
  return name === '' || Number.isNaN(value) ? null : { name, value };
}
