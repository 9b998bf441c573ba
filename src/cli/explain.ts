/** `muster explain NAMESPACE/POD`: asks a running extender why a pod waits, and shows it to people or machines. */
import { Command, InvalidArgumentError } from 'commander';
import { type Explanation, explanationText } from '../extender/explanation.ts';
import { UsageError } from './errors.ts';

const DEFAULT_URL = 'http://127.0.0.1:8888';
const TIMEOUT_MS = 10_000;
/** nodes named per reason; thousands would hide the reasons */
const NODES_SHOWN = 5;

const HELP = `
In a cluster, ask an extender in its pod:
  $ kubectl -n muster-system exec deploy/muster-scheduler -c extender -- muster explain team/train-0

Examples:
  $ muster explain team/train-0
  $ muster explain team/train-0 --all
  $ muster explain team/train-0 -o json | jq -r '.nodes[] | select(.code == "gpu-full") | .node'
`;

type ExplainOptions = { url: URL; output: 'text' | 'json'; all: boolean };

export function explainCommand(): Command {
  return new Command('explain')
    .description('why a pod waits: every reason, its nodes, and how much is free there')
    .argument('<namespace/pod>', 'the pod', podName)
    .option('--url <address>', 'of the extender', httpUrl, new URL(DEFAULT_URL))
    .option('-o, --output <format>', 'text or json', format, 'text')
    .option('--all', 'name all nodes under a reason, not only the first few', false)
    .addHelpText('after', HELP)
    .action(async (pod: string, { url, output, all }: ExplainOptions) => {
      const explanation = await ask(pod, url);
      process.stdout.write(
        output === 'json'
          ? `${JSON.stringify(explanation, null, 2)}\n`
          : explanationText(explanation, all ? Number.POSITIVE_INFINITY : NODES_SHOWN),
      );
    });
}

/** Throws UsageError with what to do. */
async function ask(pod: string, base: URL): Promise<Explanation> {
  const url = new URL(`${base.pathname.replace(/\/$/, '')}/explain`, base);
  url.searchParams.set('pod', pod);
  url.searchParams.set('output', 'json');
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch (error) {
    throw new UsageError(
      `no extender answers at ${base.origin} (${causeOf(error)}): give its address with --url, or run this in its pod (muster explain --help)`,
    );
  }
  if (response.ok) {
    try {
      return JSON.parse(text) as Explanation;
    } catch {
      throw new UsageError(`${base.origin} answered, but not as an extender does; is --url right?`);
    }
  }
  if (response.status === 503) throw new UsageError(`the extender at ${base.origin} is ${text.trim()}`);
  if (response.status === 404 && text.startsWith('pod ')) {
    throw new UsageError(`${text.trim()}: does \`kubectl get pod\` show it, in this namespace and cluster?`);
  }
  throw new UsageError(`${base.origin} answered ${response.status}: ${text.trim().slice(0, 300)}`);
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
  if (error.name === 'TimeoutError') return `nothing within ${TIMEOUT_MS / 1000} s`;
  return code === 'ECONNREFUSED' ? 'connection refused' : (code ?? error.message);
}

function podName(text: string): string {
  if (!/^[^/\s]+\/[^/\s]+$/.test(text)) throw new InvalidArgumentError('expected NAMESPACE/POD, e.g. default/train-0.');
  return text;
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError(`expected an address such as ${DEFAULT_URL}.`);
  }
  return url;
}

function format(text: string): 'text' | 'json' {
  if (text !== 'text' && text !== 'json') throw new InvalidArgumentError('expected text or json.');
  return text;
}
