import { describe, expect, it } from 'vitest';
import { shortReason } from './reason.ts';

describe('a reason', () => {
  it.each([
    [
      '1 GPU devices are full, 10 Insufficient muster.dev/gpu-milli.',
      'too little GPU is free in sum (10 nodes), GPU devices are full (1 node)',
    ],
    ["1 node(s) didn't match Pod's node affinity/selector, 2 GPU devices are full.", 'GPU devices are full (2 nodes)'],
    [
      "12 node(s) didn't match Pod's node affinity/selector.",
      "node(s) didn't match Pod's node affinity/selector (12 nodes)",
    ],
    [
      '2 too little free CPU, memory, pods or other resources.',
      'too little free CPU, memory, pods or other resources (2 nodes)',
    ],
    [
      '11 Insufficient muster.dev/gpu-milli. preemption: 0/12 nodes are available: 4 No preemption victims found for incoming pod, 8 Preemption is not helpful for scheduling.',
      'too little GPU is free in sum (11 nodes)',
    ],
    ['extender decisions: status 500', 'extender decisions: status 500'],
    ['extender decisions: POST /filter: connection refused', 'the extender does not answer'],
  ])('%s is told as: %s', (message, expected) => {
    expect(shortReason(message)).toBe(expected);
  });
});
