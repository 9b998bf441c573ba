/** Decodes on the calling thread, at once: for small collections (leases, classes) and for runs that must be deterministic. */
import { decodePage, decodeWatchLine, LineSplitter } from './decode.ts';
import type { Decoder, Projection, WatchEvent } from './decoder.ts';
import { DecodeError } from './errors.ts';

export function inlineDecoder<T>(project: Projection<T>): Decoder<T> {
  return {
    async page(body, deliver) {
      const { items, end } = decodePage(body, project);
      deliver([...items]);
      return end;
    },
    watch(deliver) {
      const lines = new LineSplitter();
      let aborted = false;
      return {
        async write(chunk) {
          const batch: WatchEvent<T>[] = [];
          try {
            if (!aborted) for (const line of lines.push(chunk)) batch.push(decodeWatchLine(line, project));
          } finally {
            if (batch.length > 0) deliver(batch);
          }
        },
        async end() {
          if (!aborted && lines.pendingBytes > 0) throw new DecodeError('malformed', 'the stream ended inside a line');
        },
        abort() {
          aborted = true;
        },
      };
    },
  };
}
