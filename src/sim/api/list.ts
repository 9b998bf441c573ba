/**
 * Lists: filtered, in pages that all show the version of the first one, encoded piece by piece so that a list of the whole
 * cluster never holds the loop for long.
 */
import type { Clock } from '../../kube/ports.ts';
import { ApiError, badRequest } from './errors.ts';
import type { Representation } from './representation.ts';
import type { Predicate } from './selectors.ts';
import type { Store, Table, Version, View } from './store.ts';
import { type ApiResponse, jsonText } from './wire.ts';

/** objects encoded in one turn of the loop: about 2 ms of work */
const SLICE = 250;

type Continue = { rv: number; after: string };

function parseContinue(token: string): Continue {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    const { rv, after } = value as Continue;
    if (Number.isSafeInteger(rv) && typeof after === 'string') return { rv, after };
  } catch {
    // answered below
  }
  throw badRequest('continue key is not valid');
}

/** Throws 504 for a version that this server has not reached, 400 for one that is not a number. */
export function checkVersion(text: string | null, store: Store): number {
  if (text === null || text === '') return 0;
  const rv = Number(text);
  if (!Number.isSafeInteger(rv) || rv < 0) throw badRequest(`invalid resource version "${text}"`);
  if (rv > store.version) {
    throw new ApiError('Timeout', `Too large resource version: ${rv}, current: ${store.version}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
  return rv;
}

function firstAfter(keys: readonly string[], after: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

export type Page = {
  readonly items: readonly Version[];
  readonly rv: number;
  readonly next: string;
  readonly remaining: number | null;
};

/** Throws 400 and 410. */
export function page(store: Store, table: Table, matches: Predicate | null, query: URLSearchParams): Page {
  const limit = Number(query.get('limit') ?? 0);
  const token = query.get('continue') ?? '';
  const exact =
    query.get('resourceVersionMatch') === 'Exact' ? checkVersion(query.get('resourceVersion'), store) : null;
  if (token === '' && exact === null) checkVersion(query.get('resourceVersion'), store);
  const from = token === '' ? null : parseContinue(token);
  const rv = from?.rv ?? exact ?? store.version;
  const view = viewAt(table, rv, from !== null);
  const { keys } = view;
  let index = from === null ? 0 : firstAfter(keys, from.after);
  const items: Version[] = [];
  let more = false;
  for (; index < keys.length && !more; index += 1) {
    const one = view.get(keys[index]!);
    if (one === undefined || (matches !== null && !matches(one.object))) continue;
    if (limit > 0 && items.length === limit) more = true;
    else items.push(one);
  }
  if (!more) return { items, rv, next: '', remaining: null };
  const next = Buffer.from(JSON.stringify({ rv, after: items.at(-1)!.key })).toString('base64url');
  return { items, rv, next, remaining: matches === null ? keys.length - index + 1 : null };
}

function viewAt(table: Table, rv: number, continued: boolean): View {
  try {
    return table.at(rv);
  } catch (error) {
    if (!(error instanceof ApiError) || !continued) throw error;
    const message =
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.';
    throw new ApiError('Expired', message);
  }
}

function head(form: Representation, found: Page): string {
  const metadata = {
    resourceVersion: String(found.rv),
    ...(found.next === '' ? {} : { continue: found.next }),
    ...(found.remaining === null ? {} : { remainingItemCount: found.remaining }),
  };
  return form.head({ metadata: JSON.stringify(metadata) });
}

export function listResponse(form: Representation, found: Page, clock: Clock): ApiResponse {
  const start = head(form, found);
  const element = (version: Version) => form.element(version);
  if (found.items.length <= 2 * SLICE) return jsonText(200, `${start}${found.items.map(element).join(',')}]}\n`);
  return {
    ...jsonText(200, ''),
    body: {
      start(sink) {
        let at = 0;
        let stopped = false;
        const writeSlice = () => {
          if (stopped) return;
          const slice = found.items
            .slice(at, at + SLICE)
            .map(element)
            .join(',');
          sink.write(at === 0 ? start + slice : `,${slice}`);
          at += SLICE;
          if (at < found.items.length) {
            clock.after(0, () => (sink.whenDrained ? sink.whenDrained(writeSlice) : writeSlice()));
          } else {
            sink.write(']}\n');
            sink.end();
          }
        };
        writeSlice();
        return {
          stop() {
            stopped = true;
          },
        };
      },
    },
  };
}
