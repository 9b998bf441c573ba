/** Figures as replays print them. */

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export const spread = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

export const two = (value: number): string => value.toFixed(2);

/** With its sign. */
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${two(Math.abs(value))}`;

/** For JSON. */
export const rounded = (value: number): number => Number(value.toFixed(3));
