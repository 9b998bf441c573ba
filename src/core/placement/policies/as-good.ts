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
