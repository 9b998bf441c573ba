/** The command line of `npm run bench:trace`. */
import { Command, InvalidArgumentError } from 'commander';
import { NODE_POLICIES, type NodePolicy } from '../../src/core/gpu/request.ts';
import { TraceError } from './errors.ts';
import { ALL, SETUPS, type Setup } from './through/setups.ts';

export type Options = {
  readonly data: string;
  readonly workload: string;
  readonly policy: readonly NodePolicy[];
  readonly seeds: readonly number[];
  readonly until: number;
  readonly load: number;
  readonly names: number;
  readonly departures?: true;
  readonly through?: readonly Setup[];
  readonly sample: number;
  readonly learn?: true;
  readonly json?: true;
  readonly plot?: string;
};

/** The three that show what the sample costs and what the placer makes good. */
const USUAL_SETUPS = SETUPS.filter(({ name }) => name !== 'gated');
const MOST_SEEDS = 1_000;
/** exit status: what was asked for cannot be done */
export const UNUSABLE = 2;

const HELP = `
DIR holds openb_node_list_gpu_node.csv (sn, cpu_milli, memory_mib, gpu; optional: model) and openb_pod_list_<workload>.csv (name,
cpu_milli, memory_mib, num_gpu, gpu_milli; optional: gpu_spec, and for --departures creation_time, deletion_time), columns in any order.
fgd_expected_summary.csv, where it is there, has the published figures.

With --through pods go the whole way, one after the other: an embedded API with the webhook, a model of kube-scheduler that asks the real
extender, its placer, bind; all on virtual time. Printed beside the decision alone (fgd learns its shapes in both).
${SETUPS.map(({ name, text }) => `  ${name.padEnd(8)} ${text}`).join('\n')}

Examples:
  npm run bench:trace -- --data DIR --policy muster,fgd --seeds 42-51          the paper's drive, 1-2 s a seed
  npm run bench:trace -- --data DIR --departures --policy all --seeds 42-47    pods leave and wait, 10-30 s a seed
  npm run bench:trace -- --data DIR --policy muster --through                  the whole pipeline, about 30 s of CPU a set-up and seed
`;

/** Throws TraceError for options that do not go together; anything else that is wrong ends the process with a message. */
export function optionsOf(argv: readonly string[]): Options {
  const options = new Command('npm run bench:trace --')
    .description('Replays GPU traces through the real decisions: how many of the GPUs end up allocated.')
    .requiredOption('--data <dir>', 'directory with the trace')
    .option('--workload <name>', 'one workload, or all', 'default')
    .option('--policy <names>', `${NODE_POLICIES.join(', ')}, several by comma, or all`, policiesOf, [
      'muster',
    ] as const)
    .option('--seeds <a-b>', 'seeds of the order of arrival: one, or a range', seedsOf, [42])
    .option('--until <percent>', 'stop when arrived demand reaches this much of all GPUs', percentOf, 100)
    .option('--learn', 'fgd learns its typical shapes as muster does (the paper is given them)')
    .option('--departures', 'pods leave and wait: time-averaged figures')
    .option('--load <percent>', 'with --departures: demand in per cent of all GPUs', percentOf, 100)
    .option('--through [setups]', `the whole pipeline: ${SETUPS.map(({ name }) => name).join(', ')}, or all`, setupsOf)
    .option(
      '--sample <percent>',
      "with --through: percentageOfNodesToScore where nodes are sampled; 0: kube-scheduler's own",
      sampleOf,
      0,
    )
    .option('--names <seed>', "nodes under one another's names (ties go by name); 0: as they are", namesOf, 0)
    .option('--plot <file>', 'write allocation over arrival as SVG (of the last workload)')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : UNUSABLE))
    .parse(argv)
    .opts<Omit<Options, 'through'> & { readonly through?: readonly Setup[] | true }>();
  const { through, ...others } = options;
  if (through !== undefined && options.departures)
    throw new TraceError('usage', '--through replays arrivals; leave --departures away');
  if (options.plot !== undefined && (through !== undefined || options.departures))
    throw new TraceError('usage', '--plot draws arrivals alone; leave --through and --departures away');
  if (through === undefined) return others;
  const setups = through === true ? USUAL_SETUPS : through;
  return { ...others, through: setups.map((setup) => sampling(setup, options.sample)) };
}

function seedsOf(text: string): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (match === null || to < from || to - from >= MOST_SEEDS)
    throw new InvalidArgumentError(`a seed, or a range like 42-51 of at most ${MOST_SEEDS}`);
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function policiesOf(text: string): NodePolicy[] {
  const names = text === 'all' ? [...NODE_POLICIES] : text.split(',');
  return names.map((name) => {
    const policy = NODE_POLICIES.find((known) => known === name);
    if (policy === undefined) throw new InvalidArgumentError(`one of ${NODE_POLICIES.join(', ')}, or all`);
    return policy;
  });
}

function setupsOf(text: string): Setup[] {
  const names = text === 'all' ? SETUPS.map(({ name }) => name) : text.split(',');
  return names.map((name) => {
    const setup = SETUPS.find((known) => known.name === name);
    if (setup === undefined)
      throw new InvalidArgumentError(`one of ${SETUPS.map((known) => known.name).join(', ')}, or all`);
    return setup;
  });
}

const sampling = (setup: Setup, percentageOfNodesToScore: number): Setup =>
  setup.percentageOfNodesToScore === ALL ? setup : { ...setup, percentageOfNodesToScore };

function sampleOf(text: string): number {
  const percent = Number(text);
  if (!Number.isInteger(percent) || percent < 0 || percent >= ALL)
    throw new InvalidArgumentError('a whole number of per cent, from 1 to 99; 0: what kube-scheduler takes by itself');
  return percent;
}

function namesOf(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (!Number.isInteger(percent) || percent < 1 || percent > 1000)
    throw new InvalidArgumentError('a whole number of per cent, from 1 to 1000');
  return percent;
}
