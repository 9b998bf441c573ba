/** Amounts in a container's `resources`: limits count, requests only where the limit is missing. Whole numbers ≥ 0. */
import { wholeNumber } from './amounts.ts';
import { contradiction } from './errors.ts';
import type { ContainerView } from './pod-like.ts';
import { quote } from './words.ts';

export type Amount = { readonly value: number; readonly line: string };

function line(container: ContainerView, kind: 'limit' | 'request', key: string, text: string): string {
  return `container ${quote(container.name)} ${kind} ${key}: ${quote(text)}`;
}

/**
 * What the container asks of the resource, read by `parse` (a whole number unless told); null when it does not name it.
 * Throws AskError when a line is no amount, or when limit and request differ (Kubernetes wants them equal).
 */
export function amountOf(
  container: ContainerView,
  key: string,
  parse: (line: string, text: string) => number = wholeNumber,
): Amount | null {
  const limit = container.limits.get(key);
  const request = container.requests.get(key);
  if (limit === undefined && request === undefined) return null;
  const read = (kind: 'limit' | 'request', text: string): Amount => {
    const written = line(container, kind, key, text);
    return { value: parse(written, text), line: written };
  };
  if (limit === undefined) return read('request', request ?? '');
  const limited = read('limit', limit);
  if (request === undefined) return limited;
  const requested = read('request', request);
  if (requested.value !== limited.value) {
    throw contradiction(limited.line, requested.line, 'write the same amount in both or leave the request out');
  }
  return limited;
}

/** The same, with an amount of 0 read as "not asked". */
export function positiveAmountOf(
  container: ContainerView,
  key: string,
  parse?: (line: string, text: string) => number,
): Amount | null {
  const amount = amountOf(container, key, parse);
  return amount === null || amount.value === 0 ? null : amount;
}
