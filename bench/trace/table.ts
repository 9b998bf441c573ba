/**
 * The CSV files of a trace as rows by column name, whatever the order of the columns. Cells may be quoted; a row that ends early has empty
 * cells. What cannot be read is a TraceError that names file, line and remedy.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { TraceError } from './errors.ts';

export class Row {
  readonly #cells: ReadonlyMap<string, string>;
  /** for messages */
  readonly place: string;

  constructor(cells: ReadonlyMap<string, string>, place: string) {
    this.#cells = cells;
    this.place = place;
  }

  /** '' where there is nothing. */
  text(column: string): string {
    return this.#cells.get(column) ?? '';
  }

  /** Throws where there is nothing. */
  name(column: string): string {
    const text = this.text(column);
    if (text === '') throw this.fault(`${column} is empty; every row needs one`);
    return text;
  }

  /** A number from 0 on. Throws where there is none, or something else. `empty`: what an empty cell means. */
  amount(column: string, empty: number | null = null): number {
    const text = this.text(column);
    if (text === '' && empty !== null) return empty;
    const value = text === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < 0)
      throw this.fault(`${column} is ${JSON.stringify(text)}; write a number from 0 on`);
    return value;
  }

  fault(what: string): TraceError {
    return new TraceError('data', `${this.place}: ${what}`);
  }
}

/** At least one row; `needed` are the columns without which nothing can be read. */
export function readTable(path: string, needed: readonly string[]): Row[] {
  const file = basename(path);
  const lines = readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const columns = cellsOf(lines[0]!);
  const missing = needed.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    const found = columns.filter((name) => name !== '').join(', ') || 'none';
    throw new TraceError(
      'data',
      `${file}: no column ${missing.join(', ')}; the first line must name it (found: ${found})`,
    );
  }
  const rows = lines.flatMap((line, at) => {
    if (at === 0 || line.trim() === '') return [];
    const cells = cellsOf(line);
    return new Row(new Map(columns.map((name, column) => [name, cells[column] ?? ''])), `${file}, line ${at + 1}`);
  });
  if (rows.length === 0) throw new TraceError('data', `${file} has no rows; give it at least one`);
  return rows;
}

/** Throws where two rows have the same name. */
export function distinct(rows: readonly Row[], column: string): void {
  const seen = new Map<string, Row>();
  for (const row of rows) {
    const name = row.name(column);
    const first = seen.get(name);
    if (first !== undefined) throw row.fault(`${column} ${name} was there before (${first.place}); names must differ`);
    seen.set(name, row);
  }
}

/** No cell of these files spans lines. */
function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim());
  return Array.from(line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain = '']) =>
    quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"').trim(),
  );
}
