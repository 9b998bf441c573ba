/** One shape on one node: a score if it fits, a reason if not, in one integer so that thousands of them cost nothing to keep. */
import { claimOf, fits, type Placement, place, verdict } from '../gpu/fit.ts';
import type { DeviceLedger } from '../gpu/ledger.ts';
import type { NodePolicy } from '../gpu/request.ts';
import { newVerdict } from '../gpu/verdict.ts';
import type { Work } from '../gpu/work.ts';
import { REASON_CODES, type ReasonCode } from '../reasons.ts';
import type { NodeInfo } from './node-info.ts';
import { BLIND, type Outlook } from './outlook.ts';
import { isAsGood } from './policies/as-good.ts';
import type { NodeFit } from './policies/node-fit.ts';
import { FORESIGHT, isForesighted, SCORES } from './policies/node-policies.ts';
import type { Shape } from './shape.ts';
import { weigh } from './weigh.ts';

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

/**
 * ≥ 0: fits, higher is better (policy score × 1024 + preference); < 0: `reasonOf` it. Looks at GPUs and constraints, not at
 * memory, and at CPU only to score. What it cost is added to `spent`.
 */
export function judge(shape: Shape, node: NodeInfo, spent: Work, outlook: Outlook = BLIND): number {
  spent.work++;
  const { facts, ledger } = node;
  const { request, nodePolicy } = shape;
  if (facts === null) return refusal('node-unknown');
  if (!facts.managed) return refusal('node-unmanaged');
  const barred = shape.constraints.admits(facts);
  if (barred !== null) return refusal(barred);
  if (request === null) out.touched = 0;
  else {
    if (node.useUnknown) return refusal('gpu-unknown-use');
    const found = verdict(ledger, request, shape.devicePolicy, shape.devicePolicyRequired, out);
    spent.work += out.work;
    if (!found) return refusal(out.reason!);
  }
  const preference = Math.min(PREFERENCE_LIMIT - 1, Math.max(0, shape.constraints.preference(facts)));
  const score = isForesighted(nodePolicy)
    ? weigh(FORESIGHT[nodePolicy], shape, node, outlook, out, spent)
    : SCORES[nodePolicy](fitOf(ledger));
  return score * PREFERENCE_LIMIT + preference;
}

/** Two values of fitting nodes: is the first as good as the second, in the eyes of this policy? Preferences break ties only. */
export const isAsGoodAs = (policy: NodePolicy, value: number, best: number): boolean =>
  isAsGood(policy, Math.floor(value / PREFERENCE_LIMIT), Math.floor(best / PREFERENCE_LIMIT));

/** The claim of the same decision on the chosen node. */
export function placeOn(shape: Shape, node: NodeInfo, outlook: Outlook = BLIND): Placement {
  const { request, nodePolicy, devicePolicy, devicePolicyRequired } = shape;
  const { ledger } = node;
  if (request === null) return { fits: false, reason: 'request-invalid' };
  if (!shape.deviceByNodePolicy || request.containers.length > 1 || !isForesighted(nodePolicy))
    return place(ledger, request, devicePolicy, devicePolicyRequired);
  const chosen = newVerdict();
  if (!verdict(ledger, request, devicePolicy, devicePolicyRequired, chosen))
    return { fits: false, reason: chosen.reason! };
  weigh(FORESIGHT[nodePolicy], shape, node, outlook, chosen, { work: 0 });
  const positions = Array.from(chosen.positions.subarray(0, chosen.touched));
  return { fits: true, claim: claimOf(ledger, request, [positions]), verdict: chosen };
}

function fitOf(ledger: DeviceLedger): NodeFit {
  fit.openedIdle = out.touched === 0 ? 0 : out.opened;
  fit.leftover = out.touched === 0 ? 0 : Math.floor(out.leftover / out.touched);
  fit.nodeFill = fillAfter(ledger);
  return fit;
}

/** The same answer without a score or a reason. */
export function allows(shape: Shape, node: NodeInfo, spent: Work): boolean {
  const { facts, ledger } = node;
  spent.work++;
  const { request } = shape;
  if (request === null || facts === null || !facts.managed || node.useUnknown) return false;
  if (shape.constraints.admits(facts) !== null) return false;
  const found = fits(ledger, request, shape.devicePolicy, shape.devicePolicyRequired, out);
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
