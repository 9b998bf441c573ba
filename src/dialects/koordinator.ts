/**
 * Koordinator's GPU resources, totals of a container: `gpu-core` and `gpu-memory-ratio` in per cent of one card (`gpu` is
 * both at once), or `gpu-memory` in bytes; `gpu.shared` says over how many cards the totals are split. Without it everything
 * up to 100 is one card, and multiples of 100 are whole cards.
 */
import { deviceCount, mibOfBytes } from './amounts.ts';
import { contradiction, malformed } from './errors.ts';
import type { ContainerView, PodView } from './pod-like.ts';
import type { Reading, Stated } from './reading.ts';
import { type Amount, positiveAmountOf } from './resources.ts';

const BOTH = 'koordinator.sh/gpu';
const CORE = 'koordinator.sh/gpu-core';
const RATIO = 'koordinator.sh/gpu-memory-ratio';
const MEMORY = 'koordinator.sh/gpu-memory';
const SHARED = 'koordinator.sh/gpu.shared';
export const KOORDINATOR_RESOURCES = [BOTH, CORE, RATIO, MEMORY, SHARED] as const;

const bytesOrZero = (line: string, text: string): number => (text === '0' ? 0 : mibOfBytes(line, text));

export function readKoordinator(pod: PodView): Reading {
  const needs: Stated[] = [];
  for (const container of pod.containers) {
    const need = container.slot === null ? null : readContainer(container);
    if (need !== null) needs.push(need);
  }
  return { needs };
}

function readContainer(container: ContainerView): Stated | null {
  const both = positiveAmountOf(container, BOTH);
  const core = positiveAmountOf(container, CORE) ?? both;
  const ratio = positiveAmountOf(container, RATIO) ?? both;
  const memory = positiveAmountOf(container, MEMORY, bytesOrZero);
  const shared = positiveAmountOf(container, SHARED, deviceCount);
  if (memory !== null && ratio !== null) throw contradiction(memory.line, ratio.line, 'keep one of them');
  const said = [...new Set([core, ratio, memory, shared])].filter((amount) => amount !== null);
  const first = said[0];
  if (first === undefined) return null;
  if (memory === null && ratio === null) {
    throw malformed(first.line, `it says nothing of memory; write ${RATIO} or ${MEMORY} beside it`);
  }
  if (shared === null) for (const total of [core, ratio]) wholeCards(total);
  const cards = Math.ceil(Math.max(core?.value ?? 0, ratio?.value ?? 0) / 100);
  const count = shared?.value ?? Math.max(1, cards);
  return {
    container,
    count,
    share: {
      milli: perCard(core, count),
      memory: memory === null ? { milli: perCard(ratio, count) } : { mib: Math.ceil(memory.value / count) },
    },
    line: said.map((amount) => amount.line).join(' with '),
    vendors: false,
  };
}

function wholeCards(total: Amount | null): void {
  if (total === null || total.value <= 100 || total.value % 100 === 0) return;
  throw malformed(total.line, `write at most 100, a multiple of 100, or ${SHARED} beside it`);
}

/** Milli of each card. Per cent that cannot be split evenly are refused, as Koordinator's own webhook does. */
function perCard(total: Amount | null, count: number): number {
  if (total === null) return 0;
  const each = total.value / count;
  if (!Number.isInteger(each) || each > 100 || (count > 1 && total.value < count)) {
    throw malformed(
      total.line,
      `it is not split evenly over ${count} cards of at most 100 each; write ${SHARED} or another amount`,
    );
  }
  return each * 10;
}
