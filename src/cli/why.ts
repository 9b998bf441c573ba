/** `muster why NAMESPACE/NAME`: asks a running extender why a pod or a gang waits, and shows it to people or machines. */
import { Command, InvalidArgumentError } from 'commander';
import { type Explanation, explanationText } from '../extender/explanation.ts';
import { type GangExplanation, gangText } from '../extender/gang-explanation.ts';
import { type Output, outputOption, urlOption } from './asking.ts';
import { UsageError } from './errors.ts';

const TIMEOUT_MS = 10_000;
/** nodes named per reason; thousands would hide the reasons */
const NODES_SHOWN = 5;

const HELP = `
In a cluster, ask an extender in its pod:
  $ kubectl -n muster-system exec deploy/muster-scheduler -c extender -- muster why team/train-0

Examples:
  $ muster why team/train-0                 a pod: every reason, its nodes, what is free there, and its gang
  $ muster why team/train                   a gang: how many members fit now, what is missing, where it comes closest
  $ muster why team/train --gang            the gang, where a pod has the same name
  $ muster why team/train-0 --all           all nodes under a reason
  $ muster why team/train-0 -o json | jq -r '.nodes[] | select(.code == "gpu-full") | .node'
  $ muster why team/train -o json | jq '.fit'

A gang is named as its members name it (label muster.dev/pod-group, or that of another tool). It
  waits for members    fewer pods than its minimum exist: is the Job complete, does a quota refuse pods?
  waits for room       not all of its minimum fit at the same time; nothing is held for it meanwhile
  can never start      its declaration contradicts itself: the lines that disagree are shown
`;

type WhyOptions = { url: URL; output: Output; all: boolean; gang: boolean };
/** what was asked about, as the endpoint names it */
type Asked = { readonly kind: 'pod' | 'gang'; readonly name: string };

export function whyCommand(): Command {
  return new Command('why')
    .alias('explain')
    .description('why a pod or a gang waits: every reason, its nodes, what is missing and where it comes closest')
    .argument('<namespace/name>', 'a pod, or a gang', podName)
    .option('--gang', 'the name is a gang’s, even where a pod has the same one', false)
    .addOption(urlOption())
    .addOption(outputOption())
    .option('--all', 'name all nodes under a reason, not only the first few', false)
    .addHelpText('after', HELP)
    .action(async (name: string, { url, output, all, gang }: WhyOptions) => {
      const most = all ? Number.POSITIVE_INFINITY : NODES_SHOWN;
      const answer = await whichever(name, gang, url);
      const { explanation } = answer;
      const text = () =>
        answer.kind === 'pod' ? explanationText(answer.explanation, most) : gangText(answer.explanation, most);
      process.stdout.write(output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : text());
    });
}

type Answer =
  | { readonly kind: 'pod'; readonly explanation: Explanation }
  | { readonly kind: 'gang'; readonly explanation: GangExplanation };

/** The pod of that name, else the gang. */
async function whichever(name: string, gang: boolean, url: URL): Promise<Answer> {
  if (!gang) {
    const explanation = await ask<Explanation>({ kind: 'pod', name }, url);
    if (explanation !== null) return { kind: 'pod', explanation };
  }
  const explanation = await ask<GangExplanation>({ kind: 'gang', name }, url);
  if (explanation !== null) return { kind: 'gang', explanation };
  throw new UsageError(
    gang
      ? `gang ${name} is not known: do its pods name it, in this namespace and cluster?`
      : `pod ${name} is not known: does \`kubectl get pod\` show it, in this namespace and cluster? (no gang has that name either)`,
  );
}

/** null: not known. Throws UsageError with what to do. */
async function ask<T>({ kind, name }: Asked, base: URL): Promise<T | null> {
  const url = new URL(`${base.pathname.replace(/\/$/, '')}/explain`, base);
  url.searchParams.set(kind, name);
  url.searchParams.set('output', 'json');
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch (error) {
    throw new UsageError(
      `no extender answers at ${base.origin} (${causeOf(error)}): give its address with --url, or run this in its pod (muster why --help)`,
    );
  }
  if (response.ok) {
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new UsageError(`${base.origin} answered, but not as an extender does; is --url right?`);
    }
  }
  if (response.status === 503) throw new UsageError(`the extender at ${base.origin} is ${text.trim()}`);
  if (response.status === 404 && text.startsWith(`${kind} `)) return null;
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
  if (!/^[^/\s]+\/[^/\s]+$/.test(text))
    throw new InvalidArgumentError('expected NAMESPACE/POD or NAMESPACE/GANG, e.g. default/train-0.');
  return text;
}
