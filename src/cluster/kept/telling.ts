/** While a recording runs: the decoder and the sink of one collection, between which the recording hears of every object. */
import { type Decoder, moduleBeside } from '../../kube/decoder.ts';
import type { Sink } from '../../kube/delivered.ts';
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import type { DecodeThread } from '../../kube/worker-decoder.ts';
import { isKept, type Kept, type Told, toldAs } from './kinds.ts';

/** decoded on this thread, with a recording and without */
const FEW: ReadonlySet<string> = new Set(['poddisruptionbudgets', 'podgroups', 'priorityclasses']);

export type ToldOptions = {
  readonly thread: DecodeThread | null;
  readonly aliyunUnit: 'MiB' | 'GiB';
  /** what is done to an object before anything reads it; only for kinds that are decoded on this thread */
  readonly before?: ((object: unknown) => unknown) | undefined;
};

/** null for kinds that are not recorded. The facts reach `sink` exactly as they would without a recording. */
export function toldCollection<T>(
  kind: string,
  sink: Sink<T>,
  told: Told,
  { thread, aliyunUnit, before = (object) => object }: ToldOptions,
): { decoder: Decoder<Kept<T>>; sink: Sink<Kept<T>> } | null {
  if (!isKept(kind)) return null;
  const { name, project } = toldAs(kind, aliyunUnit);
  // as informers decode the kind without a recording
  const inline = thread === null || FEW.has(kind);
  const decoder = (inline
    ? inlineDecoder((object) => project(before(object)))
    : thread.decoder({ module: moduleBeside(import.meta.url, './kinds'), name })) as unknown as Decoder<Kept<T>>;
  return {
    decoder,
    sink: {
      upsert(item) {
        told.put(kind, item.uid, item.object.kept);
        sink.upsert({ ...item, object: item.object.facts });
      },
      remove(key) {
        told.gone(kind, key);
        sink.remove(key);
      },
      synced: () => sink.synced(),
    },
  };
}
