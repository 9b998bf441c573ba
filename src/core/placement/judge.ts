/** One shape on one node: a score if it fits, a reason if not, in one integer so that thousands of them cost nothing to keep. */
import { fits, verdict } from '../gpu/fit.ts';
import type { DeviceLedger } from '../gpu/ledger.ts';
import { newVerdict } from '../gpu/verdict.ts';
import type { Work } from '../gpu/work.ts';
import { REASON_CODES, type ReasonCode } from '../reasons.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeFit } from './policies/node-fit.ts';
import { packScore } from './policies/pack.ts';
import { spreadScore } from './policies/spread.ts';
import type { Shape } from './shape.ts';

const POLICIES = { pack: packScore, spread: spreadScore } as const;

/** Preferred node affinity only breaks ties of the policy's score: it fills these low bits. */
const PREFERENCE_LIMIT = 1024;

const CODE_VALUES = new Map(REASON_CODES.map((code, at) => [code, -at - 1]));

/** A reason as a value (< 0). */
export function refusal(code: ReasonCode): number {
  return CODE_VALUES.get(code)!;
}

/** The reason in a value, null for a score. */
export function reasonOf(value: number): ReasonCode | null {
  return value >= 0 ? null : REASON_CODES[-value - 1]!;
}

// one buffer each for all calls: judge is called for every changed node of every shape
const out = newVerdict();
const fit: NodeFit = { openedIdle: 0, leftover: 0, nodeFill: 0 };

/** What it cost is added to `spent`. ≥ 0: fits, higher is better (policy score × 1024 + preference); < 0: `reasonOf` it. Looks at GPUs and constraints, not at CPU and memory. */
export function judge(shape: Shape, node: NodeInfo, spent: Work): number {
  spent.work++;
  const { facts, ledger } = node;
  if (facts === null) return refusal('node-unknown');
  if (!facts.managed) return refusal('node-unmanaged');
  const barred = shape.constraints.admits(facts);
  if (barred !== null) return refusal(barred);
  if (node.useUnknown) return refusal('gpu-unknown-use');
  const found = verdict(ledger, shape.request, shape.devicePolicy, shape.devicePolicyRequired, out);
  spent.work += out.work;
  if (!found) return refusal(out.reason!);
  fit.openedIdle = out.opened;
  fit.leftover = Math.floor(out.leftover / out.touched);
  fit.nodeFill = fillAfter(ledger);
  const preference = Math.min(PREFERENCE_LIMIT - 1, Math.max(0, shape.constraints.preference(facts)));
  return POLICIES[shape.nodePolicy](fit) * PREFERENCE_LIMIT + preference;
}

/** The same answer without a score or a reason. */
export function allows(shape: Shape, node: NodeInfo, spent: Work): boolean {
  const { facts, ledger } = node;
  spent.work++;
  if (facts === null || !facts.managed || shape.constraints.admits(facts) !== null || node.useUnknown) return false;
  const found = fits(ledger, shape.request, shape.devicePolicy, shape.devicePolicyRequired, out);
  spent.work += out.work;
  return found;
}

/** Fill of the node with `out` on it, 0…1000: each device counts by the fuller of memory and compute, averaged over the healthy ones. */
function fillAfter(ledger: DeviceLedger): number {
  const { devices } = ledger;
  let sum = 0;
  let healthy = 0;
  for (let position = 0; position < devices.length; position++) {
    if (!devices[position]!.healthy) continue;
    healthy++;
    sum += fillOf(devices[position]!.mib, ledger.freeMib(position), ledger.freeMilli(position));
  }
  for (let at = 0; at < out.touched; at++) {
    const position = out.positions[at]!;
    const { mib } = devices[position]!;
    const freeMib = ledger.freeMib(position);
    const freeMilli = ledger.freeMilli(position);
    sum += fillOf(mib, freeMib - out.addMib[at]!, freeMilli - out.addMilli[at]!) - fillOf(mib, freeMib, freeMilli);
  }
  return healthy === 0 ? 0 : Math.floor(sum / healthy);
}

function fillOf(mib: number, freeMib: number, freeMilli: number): number {
  const byMemory = 1000 - Math.floor((1000 * freeMib) / mib);
  return Math.min(1000, Math.max(byMemory, 1000 - freeMilli));
}
