/** What one dialect makes of one pod. `ask.ts` lays the readings of all dialects side by side. */
import type { DevicePolicy, NodePolicy, ShareNeed } from '../core/gpu/request.ts';
import { malformed } from './errors.ts';
import type { ContainerView, PodView } from './pod-like.ts';

/** Amounts said for one container, with the lines that said them. */
export type Stated = {
  readonly container: ContainerView;
  /** different devices, ≥ 1 */
  readonly count: number;
  readonly share: ShareNeed;
  readonly line: string;
  /** the vendor's device plugin serves it too, so it may leave for nodes that are not managed */
  readonly vendors: boolean;
};

/** One wish about the whole pod, with the line that said it. */
export type Wish<T> = { readonly value: T; readonly line: string };
export type DeviceWish = { readonly policy: DevicePolicy; readonly required: boolean };

export type Reading = {
  readonly needs: readonly Stated[];
  readonly allowModels?: Wish<readonly string[]>;
  readonly denyModels?: Wish<readonly string[]>;
  readonly allowUuids?: Wish<readonly string[]>;
  readonly denyUuids?: Wish<readonly string[]>;
  readonly devicePolicy?: Wish<DeviceWish>;
  readonly nodePolicy?: Wish<NodePolicy>;
};

export const NOTHING: Reading = { needs: [] };

/** Deployment choices that change what a line means. */
export type DialectOptions = {
  /** what one `aliyun.com/gpu-mem` is; gpushare's device plugin has the same flag */
  readonly aliyunUnit: 'MiB' | 'GiB';
};
export const DEFAULT_DIALECT_OPTIONS: DialectOptions = { aliyunUnit: 'GiB' };

export const WHOLE_SHARE: ShareNeed = { milli: 1000, memory: { milli: 1000 } };

/** The container a line without a container name speaks of: the first app container (KAI's rule). */
export function firstApp(pod: PodView, line: string): ContainerView {
  const first = pod.containers.find((container) => container.role === 'app');
  if (first === undefined) throw malformed(line, 'the pod has no container');
  return first;
}

/** The app or init container of that name. */
export function containerNamed(pod: PodView, name: string, line: string): ContainerView {
  const found = pod.containers.find((container) => container.name === name && container.slot !== null);
  if (name === '' || found === undefined) {
    throw malformed(
      line,
      'it names a container that the pod does not have; name one of its containers or init containers',
    );
  }
  return found;
}
