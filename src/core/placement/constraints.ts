/**
 * Which nodes a pod allows: cordon, readiness, taints, node selector and node affinity, each with Kubernetes' meaning
 * (component-helpers nodeaffinity, api/core/v1 toleration.go, plugin nodeunschedulable). Compiled once per shape of pod, since
 * it runs over thousands of nodes.
 */
import type { ReasonCode } from '../reasons.ts';
import type { NodeFacts, Taint } from './node-facts.ts';
import type { NodeConstraints, NodeRequirement, NodeTerm, PreferredTerm, Toleration } from './pod-facts.ts';

/** What `admits` reads of a node. */
export type ConstrainedNode = Pick<NodeFacts, 'name' | 'labels' | 'taints' | 'cordoned' | 'ready'>;
/** What affinity reads of a node. */
export type LabelledNode = Pick<NodeFacts, 'name' | 'labels'>;

export type CompiledConstraints = {
  /** null: the pod may run there */
  admits(node: ConstrainedNode): ReasonCode | null;
  /** Σ weights of the preferred terms that match, ≥ 0 */
  preference(node: LabelledNode): number;
};

export const NO_CONSTRAINTS: NodeConstraints = Object.freeze({
  nodeSelector: Object.freeze({}),
  requiredTerms: null,
  preferredTerms: Object.freeze([]),
  tolerations: Object.freeze([]),
});

const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' };
/**
 * Kubernetes says it with taints of these keys. Which of the two it would be is not in the facts, so a pod that tolerates
 * either goes on to the node's real taints.
 */
const UNREADY: readonly Taint[] = [
  { key: 'node.kubernetes.io/not-ready', value: '', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unreachable', value: '', effect: 'NoSchedule' },
];

type Test = (node: LabelledNode) => boolean;

export function compileConstraints(constraints: NodeConstraints): CompiledConstraints {
  const { tolerations } = constraints;
  const selector = Object.entries(constraints.nodeSelector);
  const required = constraints.requiredTerms?.map(compileTerm).filter((test) => test !== null) ?? null;
  const preferred = compilePreferred(constraints.preferredTerms);
  const toleratesCordon = tolerates(tolerations, CORDON);
  const toleratesUnready = UNREADY.some((taint) => tolerates(tolerations, taint));

  return {
    admits(node) {
      if (node.cordoned && !toleratesCordon) return 'node-cordoned';
      if (!node.ready && !toleratesUnready) return 'node-not-ready';
      for (const taint of node.taints) {
        if (repels(taint) && !tolerates(tolerations, taint)) return 'node-taint';
      }
      // what a prototype offers is never a text, so equality needs no own-property check
      for (const [key, value] of selector) if (node.labels[key] !== value) return 'node-selector';
      if (required !== null && !required.some((test) => test(node))) return 'node-selector';
      return null;
    },
    preference(node) {
      let total = 0;
      for (const { weight, test } of preferred) if (test(node)) total += weight;
      return total;
    },
  };
}

/** One node, one pod; `compileConstraints` for more. */
export const admits = (node: ConstrainedNode, constraints: NodeConstraints): ReasonCode | null =>
  compileConstraints(constraints).admits(node);

/** Σ weights of the preferred terms that match. */
export function preference(node: LabelledNode, terms: readonly PreferredTerm[]): number {
  let total = 0;
  for (const { weight, test } of compilePreferred(terms)) if (test(node)) total += weight;
  return total;
}

/** The same text exactly for constraints that differ at most in the order of what has no order. */
export function constraintsKey(constraints: NodeConstraints): string {
  const { nodeSelector, requiredTerms, preferredTerms, tolerations } = constraints;
  const selector = Object.entries(nodeSelector).map((pair) => JSON.stringify(pair));
  if (selector.length + preferredTerms.length + tolerations.length === 0 && requiredTerms === null) return '';
  return JSON.stringify([
    selector.sort(),
    requiredTerms === null ? null : uniqueSorted(requiredTerms.map(termKey)),
    // weights add up: a preferred term that appears twice counts twice
    preferredTerms.map(({ weight, term }) => JSON.stringify([weight, termKey(term)])).sort(),
    uniqueSorted(tolerations.map((t) => JSON.stringify([t.key, t.operator, t.value, t.effect]))),
  ]);
}

const termKey = (term: NodeTerm): string =>
  JSON.stringify(
    uniqueSorted(term.map((r) => JSON.stringify([r.key, r.operator, uniqueSorted(r.values), r.field ? 1 : 0]))),
  );

const uniqueSorted = (texts: readonly string[]): string[] => [...new Set(texts)].sort();

/** PreferNoSchedule only lowers scores. */
const repels = (taint: Taint): boolean => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute';

function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  for (const toleration of tolerations) if (toleratesTaint(toleration, taint)) return true;
  return false;
}

function toleratesTaint({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  if (operator === 'Equal') return value === taint.value;
  // KEP-5471: the taint's number against the toleration's
  const left = int64(taint.value);
  const right = int64(value);
  if (left === null || right === null) return false;
  return operator === 'Gt' ? left > right : left < right;
}

function compilePreferred(terms: readonly PreferredTerm[]): readonly { weight: number; test: Test }[] {
  const compiled: { weight: number; test: Test }[] = [];
  for (const { weight, term } of terms) {
    const test = weight === 0 ? null : compileTerm(term);
    if (test !== null) compiled.push({ weight, test });
  }
  return compiled;
}

/** null: the term matches no node (it is empty, or one of its requirements is malformed). */
function compileTerm(term: NodeTerm): Test | null {
  const tests: Test[] = [];
  for (const requirement of term) {
    const test = requirement.field ? compileField(requirement) : compileLabel(requirement);
    if (test === null) return null;
    tests.push(test);
  }
  if (tests.length === 0) return null;
  return tests.length === 1 ? tests[0]! : (node) => tests.every((test) => test(node));
}

function compileField({ key, operator, values }: NodeRequirement): Test | null {
  const [name] = values;
  if (key !== 'metadata.name' || name === undefined || values.length !== 1) return null;
  if (operator === 'In') return (node) => node.name === name;
  if (operator === 'NotIn') return (node) => node.name !== name;
  return null;
}

function compileLabel({ key, operator, values }: NodeRequirement): Test | null {
  switch (operator) {
    case 'In':
    case 'NotIn': {
      if (values.length === 0) return null;
      const wanted = operator === 'In';
      const [only] = values;
      if (values.length === 1) return (node) => (node.labels[key] === only) === wanted;
      const set: ReadonlySet<unknown> = new Set(values);
      return (node) => set.has(node.labels[key]) === wanted;
    }
    case 'Exists':
    case 'DoesNotExist': {
      if (values.length !== 0) return null;
      const wanted = operator === 'Exists';
      return (node) => (typeof node.labels[key] === 'string') === wanted;
    }
    case 'Gt':
    case 'Lt': {
      const bound = values.length === 1 ? int64(values[0]!) : null;
      if (bound === null) return null;
      return (node) => {
        const label: unknown = node.labels[key];
        const number = typeof label === 'string' ? int64(label) : null;
        if (number === null) return false;
        return operator === 'Gt' ? number > bound : number < bound;
      };
    }
  }
}

const INT64 = /^[+-]?\d{1,64}$/;
const MAX_INT64 = 2n ** 63n - 1n;

/** What Go's strconv.ParseInt(text, 10, 64) takes; null for everything else. */
function int64(text: string): bigint | null {
  if (!INT64.test(text)) return null;
  const value = text.startsWith('+') ? BigInt(text.slice(1)) : BigInt(text);
  return value > MAX_INT64 || value < -MAX_INT64 - 1n ? null : value;
}
