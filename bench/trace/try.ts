import { arrivalsOf, replayArrivals } from './arrivals.ts';
import { TraceCluster, typicalOf } from './cluster.ts';
import { readNodes, readPods } from './trace.ts';
const dir='../shared/data/alibaba-openb';
const [,, ws, ps, seeds='42', until='100'] = process.argv;
const nodes = readNodes(dir);
for (const w of ws!.split(',')) { const pods = readPods(dir, w); for (const p of ps!.split(',')) {
 const out=[]; let t=0, d=0; let s0=0; let p99=0, max=0; const T=Date.now();
 for (const s of seeds.split(',')) { const c = new TraceCluster(nodes, p as never, p==='fgd'&&!process.env.LEARN?typicalOf(pods):null);
  const arr=arrivalsOf(pods, +s, c.gpuMilli*(+until)/100); const curve=replayArrivals(c, arr); out.push(curve[100]!); t+=c.decisionNs; d+=c.decisions; c.times.sort((a,b)=>a-b); p99=c.times[Math.floor(c.times.length*.99)]!; max=c.times.at(-1)!; }
 console.log(w,p,'mean',(out.reduce((a,b)=>a+b)/out.length).toFixed(2), out.map(x=>x.toFixed(2)).join(' '), 'us/dec', (t/d/1e3).toFixed(0), 'p99us', (p99/1e3).toFixed(0),'max', (max/1e3).toFixed(0), 'wall', ((Date.now()-T)/1e3).toFixed(1));
}}
