/** Colours, or none: every panel paints through this, so that a terminal without colours gets none at all. */
export type Paint = {
  readonly colour: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  /** xterm-256 colour of the letters */
  tint(colour: number, text: string): string;
};

export function paintOf(colour: boolean): Paint {
  const style =
    (on: string, off: string) =>
    (text: string): string =>
      colour && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    colour,
    bold: style('1', '22'),
    dim: style('2', '22'),
    red: style('1;31', '22;39'),
    green: style('32', '39'),
    yellow: style('33', '39'),
    tint: (code, text) => style(`38;5;${code}`, '39')(text),
  };
}
