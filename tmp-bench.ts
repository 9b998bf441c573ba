import { Books } from './src/cluster/books.ts';
import { Picture } from './src/cluster/picture.ts';
import { Placer } from './src/placer/placer.ts';
import { nodeClock, nodeRng } from './src/kube/node-adapter.ts';
import { bound, fraction, node, pod, whole } from './test/build/facts.ts';
const picture = new Picture();
const books = new Books(picture, nodeClock, { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 30_000, envGuard: true, placer: true });
const NODES = Number(process.argv[2] ?? 500);
for (let at = 0; at < NODES; at++) picture.nodes.setFacts(`n${at}`, node(`n${at}`, 8));
const kind = process.argv[3] ?? 'gangs';
let calls = 0;
const placer = new Placer({
  picture, planner: books, clock: nodeClock, rng: nodeRng, schedulerNames: ['muster-scheduler'], mayDecide: () => true,
  onProblem: (m, d) => console.log(m, d),
  config: { concurrency: 64, nominateSeconds: 3, minNodes: 1000, minBacklog: 100, exposeHead: 4 },
  transport: { request: async () => { calls++; await new Promise((r) => setImmediate(r)); return { status: 200, body: Buffer.from('{}'), retryAfterSeconds: null }; }, stream: async () => { throw new Error(); }, close: async () => {} },
});
placer.begin();
// full
const running: ReturnType<typeof pod>[] = [];
for (let at = 0; at < NODES; at++) {
  for (let d = 0; d < 8; d++) {
  const p = pod(`r${at}-${d}`, whole);
  const b = bound(p, `n${at}`, { containers: [{ name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid: `GPU-n${at}-${d}`, index: d, mib: 80000, milli: 1000 }] }] } as never);
  running.push(b); picture.upsertPod(b);
  }
}
const cpu = () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000;
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
let c = cpu();
for (let at = 0; at < 10_000; at++) {
  const g = Math.floor(at / 4);
  const gang = kind === 'gangs' ? { gang: `team/g${g}`, gangSaid: { key: `team/g${g}`, dialect: 'muster', minMember: 4, total: null, subGroup: null, waitSeconds: null, strict: true, together: [], problem: null } } : {};
  picture.upsertPod(pod(`w${at}`, at % 3 ? whole : fraction(500), { gated: true, gates: ['muster.dev/placement'], createdMs: 1000 + at, ...gang } as never));
}
await sleep(3000);
console.log('10,000 arrive: ms CPU', Math.round(cpu() - c), 'calls', calls);
c = cpu(); calls = 0;
await sleep(5000);
console.log('5 s of nothing: ms CPU', Math.round(cpu() - c), 'calls', calls);
c = cpu(); calls = 0;
for (let at = 0; at < 100; at++) {
  const p = running[at * 37 % running.length]!;
  picture.removePod(p.uid); picture.upsertPod({ ...p, uid: p.uid + 'x', name: p.name + 'x' });
  await sleep(50);
}
console.log('5 s of 20 churns/s: ms CPU', Math.round(cpu() - c), 'calls', calls, picture.holds.countByCause());
await placer.close();
process.exit(0);
