/** What a key means. */
export type Action = 'add' | 'kill' | 'drain' | 'uncordon' | 'preempt' | 'pause' | 'help' | 'quit' | 'up' | 'down';

/** in the order of the footer; the arrow keys belong to `d` and `u` */
export const KEYS: readonly {
  readonly key: string;
  readonly action: Action;
  /** for wide and for narrow terminals */
  readonly short: string;
  readonly shorter: string;
  readonly long: string;
}[] = [
  { key: 'a', action: 'add', short: 'add load', shorter: 'load', long: '30 pods more, at once' },
  {
    key: 'k',
    action: 'kill',
    short: 'kill extender',
    shorter: 'kill',
    long: 'SIGKILL; a new one rebuilds its books from the API, nothing is lost',
  },
  {
    key: 'd',
    action: 'drain',
    short: 'drain node',
    shorter: 'drain',
    long: 'the node marked ▸ (move it with ↑ ↓): cordon it, evict its pods',
  },
  { key: 'u', action: 'uncordon', short: 'uncordon', shorter: 'uncordon', long: 'the marked node takes pods again' },
  {
    key: 'p',
    action: 'preempt',
    short: 'preempt',
    shorter: 'preempt',
    long: 'a pod of high priority that wants 4 whole GPUs: lower ones make room',
  },
  { key: 'space', action: 'pause', short: 'pause', shorter: 'pause', long: 'no new pods until pressed again' },
  { key: '?', action: 'help', short: 'help', shorter: 'help', long: 'this; again to go back' },
  { key: 'q', action: 'quit', short: 'quit', shorter: 'quit', long: 'ends the demo, so does Ctrl-C' },
];

/** The part of a terminal's key report that is looked at. */
export type KeyReport = { readonly upArrow?: boolean; readonly downArrow?: boolean; readonly ctrl?: boolean };

/** The actions of one report: fast typing, and pasted text, come as several characters in one. */
export function actionsOf(input: string, key: KeyReport): readonly Action[] {
  if (key.upArrow) return ['up'];
  if (key.downArrow) return ['down'];
  if (key.ctrl) return input === 'c' ? ['quit'] : [];
  return [...input].flatMap((one) => {
    const name = one === ' ' ? 'space' : one;
    return KEYS.find((row) => row.key === name)?.action ?? [];
  });
}
