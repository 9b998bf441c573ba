/** HTTP load by autocannon, the floor beside what is measured: short turns of each, so that both see the same busy machine. */
import autocannon from 'autocannon';
import type { Child } from './child.ts';
import { median } from './row.ts';

export type Load = { readonly url: string; readonly path: string; readonly bodies: readonly Buffer[] };
export type Compared = {
  readonly value: number;
  readonly floor: number;
  readonly ratio: number;
  /** CPU of the server a request, all its threads, µs: what a busy machine does not blur */
  readonly cpu: number;
  readonly floorCpu: number;
};

const TURN_SECONDS = 0.6;
const TURNS = 7;

/** Requests per second of the load and of the echo in turns; medians, and the median of the turns' ratios. */
export async function compare(
  load: Load,
  server: Child,
  echo: Child,
  callers: number,
  turns = TURNS,
): Promise<Compared> {
  const answerOf = await fetch(load.url + load.path, {
    method: 'POST',
    body: load.bodies[0]! as Uint8Array<ArrayBuffer>,
  });
  await echo.ask('reply', new Uint8Array(await answerOf.arrayBuffer()));
  const floorUrl = await echo.ask<string>('url');
  const values: Turn[] = [];
  const floors: Turn[] = [];
  for (let turn = -1; turn < turns; turn++) {
    const floor = await turnOf({ ...load, url: floorUrl }, echo, callers);
    const value = await turnOf(load, server, callers);
    // the first turn compiles the code of both
    if (turn < 0) continue;
    floors.push(floor);
    values.push(value);
  }
  const rates = (of: readonly Turn[]): number[] => of.map(({ requests, seconds }) => requests / seconds);
  const cpu = (of: readonly Turn[]): number => median(of.map((turn) => turn.cpuMicros / turn.requests));
  return {
    value: median(rates(values)),
    floor: median(rates(floors)),
    ratio: median(rates(values).map((value, at) => value / rates(floors)[at]!)),
    cpu: cpu(values),
    floorCpu: cpu(floors),
  };
}

type Turn = { readonly requests: number; readonly seconds: number; readonly cpuMicros: number };

async function turnOf(load: Load, server: Child, callers: number): Promise<Turn> {
  const before = await server.ask<NodeJS.CpuUsage>('cpu');
  const { requests, seconds } = await drive(load, callers);
  const after = await server.ask<NodeJS.CpuUsage>('cpu');
  return { requests, seconds, cpuMicros: after.user + after.system - before.user - before.system };
}

async function drive({ url, path, bodies }: Load, callers: number): Promise<{ requests: number; seconds: number }> {
  const requests = bodies.map(
    (body): autocannon.Request => ({ method: 'POST', path, headers: { 'content-type': 'application/json' }, body }),
  );
  let caller = 0;
  const result = await autocannon({
    url,
    connections: callers,
    duration: TURN_SECONDS,
    sampleInt: 100,
    requests,
    // each caller begins elsewhere, so that no two send the same body at the same time
    setupClient(client) {
      const from = Math.floor((caller++ * bodies.length) / callers);
      client.setRequests([...requests.slice(from), ...requests.slice(0, from)]);
    },
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}${path}: ${result.non2xx} refused, ${result.errors} errors`);
  return { requests: result.requests.total, seconds: result.duration };
}
