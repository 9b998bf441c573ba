/** What people and machines ask about the extender: /livez, /readyz, /metrics, and on the main port /explain. */
import type { FastifyInstance } from 'fastify';
import type { Oddity } from '../cluster/condition.ts';
import type { Decider } from '../cluster/decider.ts';
import { REASONS } from '../core/reasons.ts';

/** a namespace is a DNS label, a pod's name a DNS subdomain */
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const LONGEST_POD = 63 + 1 + 253;

export type ObserveOptions = {
  readonly synced: () => boolean;
  readonly draining: () => boolean;
  /** what hangs, null while nothing does */
  readonly stuck: () => string | null;
  readonly leadership: () => string;
  readonly oddities: () => readonly Oddity[];
  readonly metrics: () => Promise<string>;
  readonly metricsType: string;
};

export function addObserve(app: FastifyInstance, options: ObserveOptions): void {
  // That an answer comes at all says that the event loop turns: decisions are synchronous, a stuck one would keep this waiting.
  app.get('/livez', async (_request, reply) => {
    const stuck = options.stuck();
    return await reply
      .code(stuck === null ? 200 : 503)
      .type('text/plain')
      .send(`${stuck ?? 'ok'}\n`);
  });
  app.get('/readyz', async (request, reply) => {
    const why = options.draining() ? 'draining' : options.synced() ? null : 'not synced yet';
    const verbose = 'verbose' in (request.query as object);
    const odd = verbose ? options.oddities().map(({ kind, node, detail }) => `${kind}: node ${node}: ${detail}\n`) : [];
    return await reply
      .code(why === null ? 200 : 503)
      .type('text/plain')
      .send(`${why ?? 'ok'}\n${options.leadership()}\n${odd.join('')}`);
  });
  app.get('/metrics', async (_request, reply) => {
    // fastify adds its own charset to types without one; the exposition format names it
    return await reply.header('content-type', options.metricsType).send(await options.metrics());
  });
}

export function addExplain(app: FastifyInstance, decider: Pick<Decider, 'explain'>): void {
  app.get('/explain', async (request, reply) => {
    const { pod, output } = request.query as { pod?: unknown; output?: unknown };
    const [namespace, name, ...rest] = typeof pod === 'string' && pod.length <= LONGEST_POD ? pod.split('/') : [];
    // what is no name of Kubernetes is not repeated: the answer is read in terminals
    if (!NAME.test(namespace ?? '') || !NAME.test(name ?? '') || rest.length > 0) {
      return await reply.code(400).type('text/plain').send('usage: /explain?pod=<namespace>/<name>[&output=json]\n');
    }
    const explained = decider.explain(namespace!, name!);
    if (explained === null)
      return await reply.code(404).type('text/plain').send(`pod ${namespace}/${name} is not known\n`);
    if (output === 'json' || (request.headers.accept ?? '').includes('application/json')) {
      const { ask } = explained.pod;
      return await reply.send({
        pod: `${namespace}/${name}`,
        uid: explained.pod.uid,
        ask,
        hold: explained.hold,
        nodes: explained.rows,
      });
    }
    return await reply.type('text/plain').send(explainText(`${namespace}/${name}`, explained));
  });
}

/** Reasons first, most common first; under each its nodes with amounts. */
function explainText(pod: string, { pod: facts, rows, hold }: NonNullable<ReturnType<Decider['explain']>>): string {
  const lines = [`pod ${pod}`];
  if (facts.nodeName !== null) lines.push(`bound to ${facts.nodeName}`);
  if (hold !== null) lines.push(hold);
  if (facts.ask.kind === 'invalid') lines.push(`request invalid: ${facts.ask.message}`);
  const groups = new Map<string, string[]>();
  for (const { node, code, detail } of rows) {
    const title = code === null ? 'fits' : REASONS[code].text;
    const group = groups.get(title) ?? [];
    group.push(detail === '' ? `  ${node}` : `  ${node}: ${detail}`);
    groups.set(title, group);
  }
  for (const [title, group] of [...groups].sort((a, b) => b[1].length - a[1].length)) {
    lines.push('', `${title} (${group.length} of ${rows.length} nodes)`, ...group);
  }
  return `${lines.join('\n')}\n`;
}
