/**
 * Which of two scores is as good as the other: kube-scheduler offers a sample of the nodes, and a node that was not offered costs a
 * write. Equal scores are; where a policy scores finely, `pack` does, so are nodes that open as many devices and fill as well but for a
 * tenth.
 */
import type { NodePolicy } from '../../gpu/request.ts';
import { sameButForATenth } from './pack.ts';

/** `best` ≥ `offered`, both scores of one policy. */
export const isAsGood = (policy: NodePolicy, offered: number, best: number): boolean =>
  offered >= best || (policy === 'pack' && sameButForATenth(offered, best));

/**
 * Among nodes that this policy holds for equal, does a pod without GPUs go by their order alone? `fgd` fills the first of them, and the first of
 * a sample is another one each time: nodes lose their CPU here and there, two points of GPUs with it (docs/packing.md).
 */
export const goesByOrder = (policy: NodePolicy): boolean => policy === 'fgd';
