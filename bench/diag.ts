import { fullBooks } from './gang-victims.ts';
import { gangSaid, need, pod, request, whole } from '../test/build/facts.ts';
for (const size of [1, 8]) {
  const books = fullBooks(size, 0);
  for (const [n, s] of [[512, 8], [8, 1]] as const) {
    const members = Array.from({ length: n }, (_, at) => pod(`gang-${at}`, request([need(whole, s)]), { priority: 100, gangSaid: gangSaid('gang', n) }));
    for (const m of members) books.picture.upsertPod(m);
    books.planGang('team/gang');
    for (let round = 0; round < 3; round++) {
      const steps = books.searchRoom('team/gang');
      const long: string[] = [];
      let total = 0, count = 0;
      for (;;) {
        const c0 = process.threadCpuUsage();
        const next = steps.next();
        const c1 = process.threadCpuUsage();
        const ms = (c1.user + c1.system - c0.user - c0.system) / 1000;
        total += ms; count++;
        if (ms > 2) long.push(`#${count}:${ms.toFixed(1)}`);
        if (next.done) break;
      }
      console.log(size, n, s, 'round', round, 'steps', count, 'cpu', total.toFixed(0), long.join(' '));
    }
    for (const m of members) books.picture.removePod(m.uid);
  }
}
