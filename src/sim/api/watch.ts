/**
 * Watches. A watch begins with what its client does not know yet (everything, or the changes since a version), then passes
 * each change on as it is stored. While the beginning is still being written, changes queue up behind it.
 *
 * A selector turns a change into what it means for this client: an object that stops matching is DELETED, one that starts to
 * match is ADDED.
 */
import type { Clock, Timer } from '../../kube/ports.ts';
import { ApiError, badRequest, invalid } from './errors.ts';
import { checkVersion } from './list.ts';
import type { Representation } from './representation.ts';
import type { Predicate } from './selectors.ts';
import type { Change, Store, Table, Version } from './store.ts';
import { type ApiResponse, jsonText, type Sink } from './wire.ts';

/** Kubernetes ends a watch without a wish of its client after 30 to 60 minutes. */
const DEFAULT_TIMEOUT_SECONDS = 1800;
/** objects of the beginning written in one turn of the loop */
const SLICE = 250;
/** changes that may wait behind a beginning that is still being written */
const QUEUED_AT_MOST = 50_000;

const event = (type: string, json: string) => `{"type":"${type}","object":${json}}\n`;

/** What a change means behind a selector; null: nothing. A leaving object is shown with the version of its change. */
function seenAs(change: Change, { matches, form }: WatchTarget): string | null {
  const shown = () => form.event(change.next);
  if (matches === null) return event(change.type, shown());
  const before = change.previous !== null && matches(change.previous.object);
  const after = change.type !== 'DELETED' && matches(change.next.object);
  if (after) return event(before ? 'MODIFIED' : 'ADDED', shown());
  if (!before) return null;
  return event('DELETED', shown());
}

type Beginning =
  | { readonly kind: 'objects'; readonly versions: readonly Version[]; readonly announceEnd: boolean }
  | { readonly kind: 'changes'; readonly changes: readonly Change[] }
  | { readonly kind: 'error'; readonly error: ApiError };

function beginning(store: Store, table: Table, matches: Predicate | null, query: URLSearchParams): Beginning {
  const initial = query.get('sendInitialEvents');
  if (initial !== null && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    throw invalid('ListOptions.meta.k8s.io', '', [
      {
        reason: 'FieldValueForbidden',
        message: 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        field: 'resourceVersionMatch',
      },
    ]);
  }
  const wanted = query.get('resourceVersion') ?? '';
  const current = () =>
    table.keys().flatMap((key) => {
      const one = table.get(key);
      return one && (matches === null || matches(one.object)) ? [one] : [];
    });
  if (initial === 'true') {
    checkVersion(wanted, store);
    return { kind: 'objects', versions: current(), announceEnd: query.get('allowWatchBookmarks') === 'true' };
  }
  if (wanted === '' || wanted === '0')
    return { kind: 'objects', versions: initial === 'false' ? [] : current(), announceEnd: false };
  const rv = Number(wanted);
  if (!Number.isSafeInteger(rv)) throw badRequest(`invalid resource version "${wanted}"`);
  try {
    return { kind: 'changes', changes: table.since(rv) };
  } catch (error) {
    // like the real watch cache: the stream opens with 200 and says that the version is gone
    if (error instanceof ApiError) return { kind: 'error', error };
    throw error;
  }
}

export type WatchTarget = {
  form: Representation;
  store: Store;
  table: Table;
  matches: Predicate | null;
  query: URLSearchParams;
};

export function watchResponse(target: WatchTarget, clock: Clock, bookmarkEveryMs: number): ApiResponse {
  const { query, store } = target;
  const first = beginning(store, target.table, target.matches, query);
  const from = Math.max(store.version, Number(query.get('resourceVersion') ?? 0) || 0);
  const queued: Change[] = [];
  let overrun = () => {};
  // registered before the answer starts: nothing stored in between may be missed
  let deliver = (change: Change): void => {
    // a client that does not even take the beginning is not waited for
    if (queued.push(change) > QUEUED_AT_MOST) overrun();
  };
  const unwatch = target.table.watch((change) => {
    if (change.rv > from) deliver(change);
  });
  return {
    ...jsonText(200, ''),
    body: {
      start: (sink) =>
        startWatch(target, first, clock, bookmarkEveryMs, sink, {
          unwatch,
          onOverrun(stop) {
            overrun = stop;
          },
          goLive(handler) {
            for (const change of queued.splice(0)) handler(change);
            deliver = handler;
          },
        }),
    },
  };
}

type Feed = { unwatch(): void; onOverrun(stop: () => void): void; goLive(handler: (change: Change) => void): void };

function startWatch(
  target: WatchTarget,
  first: Beginning,
  clock: Clock,
  bookmarkEveryMs: number,
  sink: Sink,
  feed: Feed,
): { stop(): void } {
  const { query, store, form } = target;
  const timers = new Map<string, Timer>();
  let stopped = false;
  const stop = () => {
    stopped = true;
    feed.unwatch();
    undrop();
    for (const timer of timers.values()) timer.cancel();
  };
  const end = () => {
    stop();
    sink.end();
  };
  feed.onOverrun(end);
  // the definition of the kind was deleted
  const undrop = target.table.onDrop(end);
  const bookmark = (annotations?: Record<string, string>) => {
    const metadata = {
      resourceVersion: String(store.version),
      creationTimestamp: null,
      ...(annotations ? { annotations } : {}),
    };
    sink.write(event('BOOKMARK', form.bookmark(JSON.stringify(metadata))));
  };
  const wantsBookmarks = query.get('allowWatchBookmarks') === 'true';
  const again = () => {
    bookmark();
    timers.set('bookmark', clock.after(bookmarkEveryMs, again));
  };
  const goLive = () => {
    feed.goLive((change) => {
      const line = seenAs(change, target);
      if (line !== null) sink.write(line);
    });
    if (first.kind === 'objects' && first.announceEnd) bookmark({ 'k8s.io/initial-events-end': 'true' });
    if (wantsBookmarks) timers.set('bookmark', clock.after(bookmarkEveryMs, again));
  };

  if (first.kind === 'error') {
    sink.write(event('ERROR', JSON.stringify(first.error.toStatus())));
    stop();
    sink.end();
    return { stop };
  }
  const seconds = Number(query.get('timeoutSeconds') ?? 0) || DEFAULT_TIMEOUT_SECONDS;
  timers.set(
    'end',
    clock.after(seconds * 1000, () => {
      if (wantsBookmarks) bookmark();
      stop();
      sink.end();
    }),
  );
  const lines =
    first.kind === 'changes'
      ? first.changes.map((change) => () => seenAs(change, target))
      : first.versions.map((version) => () => event('ADDED', form.event(version)));
  const writeSlice = (at: number) => {
    if (stopped) return;
    const piece = lines
      .slice(at, at + SLICE)
      .map((line) => line() ?? '')
      .join('');
    if (piece !== '') sink.write(piece);
    const next = () => writeSlice(at + SLICE);
    if (at + SLICE < lines.length)
      timers.set(
        'slice',
        clock.after(0, () => (sink.whenDrained ? sink.whenDrained(next) : next())),
      );
    else goLive();
  };
  writeSlice(0);
  return { stop };
}
