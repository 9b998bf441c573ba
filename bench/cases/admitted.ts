/** A pod as the webhook leaves it: resources that only other device plugins know are gone, the request stands. */
import { projectPod } from '../../src/cluster/projection/pod.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { DIALECT_RESOURCES } from '../../src/dialects/normalise.ts';

/** Throws where the object is no pod at all: then the runner is wrong, not the case. */
export function admitted(object: unknown): PodFacts {
  const pod = projectPod(object);
  if (pod === null) throw new Error('a pod without uid, name or namespace');
  const needs = Object.entries(pod.needs).filter(([resource]) => !DIALECT_RESOURCES.includes(resource));
  return { ...pod, needs: Object.fromEntries(needs) };
}
