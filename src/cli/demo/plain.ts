/** The demo where there is no terminal: a line a second, and one line in the end (that one on terminals too). */
import { allocatedOf, type DemoState, runningOf, waitingOf } from './model.ts';
import { shortReason } from './reason.ts';

const FAULTS_SHOWN = 3;

export const percent = (milli: number): string => `${Math.floor(milli / 10)} %`;

export function progressLine(state: DemoState, elapsedMs: number, podsPerSecond: number): string {
  const waiting = waitingOf(state);
  const first = waiting.find((pod) => pod.reason !== '');
  return [
    `${String(Math.round(elapsedMs / 1000)).padStart(3)} s`,
    `placed ${state.placed}`,
    `${podsPerSecond.toFixed(1)} pods/s`,
    `running ${runningOf(state)}`,
    `GPUs ${percent(allocatedOf(state, state.nodes))} full`,
    `waiting ${waiting.length}${first ? ` (${first.name}: ${shortReason(first.reason)})` : ''}`,
  ].join('  ');
}

export function summaryLine(state: DemoState, elapsedMs: number): string {
  const rate = state.placed / Math.max(0.001, elapsedMs / 1000);
  const faults = [...state.faults];
  const more = faults.length > FAULTS_SHOWN ? ` and ${faults.length - FAULTS_SHOWN} more` : '';
  const over =
    faults.length === 0 ? 'none ever over 100 %' : `FAULTS: ${faults.slice(0, FAULTS_SHOWN).join('; ')}${more}`;
  return `placed ${state.placed} pods on ${state.used.size} devices (${rate.toFixed(1)} pods/s), ${waitingOf(state).length} waiting, max device ${percent(state.fullest)}, ${over}`;
}
