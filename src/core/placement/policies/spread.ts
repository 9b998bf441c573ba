/**
 * spread: the emptiest node first, then the emptiest device on it: neighbours disturb each other least. Costs whole nodes
 * early; meant for inference and notebooks.
 */
import type { NodeFit } from './node-fit.ts';

const LEVELS = 101;

export function spreadScore(fit: NodeFit): number {
  const empty = 100 - Math.ceil(fit.nodeFill / 10);
  const roomy = Math.floor(fit.leftover / 10);
  return empty * LEVELS + roomy;
}
