/** A recording as a file: JSON lines, compressed by what the name ends in (`.gz`, `.zst`, else not at all). */
import { createReadStream, createWriteStream, renameSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { ExtenderError } from '../errors.ts';
import { FORMAT, type Header, type Line, RECORDING } from './format.ts';

/** bytes handed on at once: other work comes in between */
const BATCH = 64 * 1024;

/** The lines as bytes, a batch at a time. */
export function* batches(lines: readonly string[]): Generator<Buffer, void, void> {
  let batch: string[] = [];
  let bytes = 0;
  for (const line of lines) {
    batch.push(line, '\n');
    bytes += line.length;
    if (bytes < BATCH) continue;
    yield Buffer.from(batch.join(''));
    batch = [];
    bytes = 0;
  }
  yield Buffer.from(batch.join(''));
}

/** In place of a file of that name, once it is whole. Throws what the file system does. */
export async function writeRecording(path: string, lines: readonly string[]): Promise<void> {
  const part = `${path}.part`;
  const packed = packer(path);
  const source = Readable.from(batches(lines));
  const target = createWriteStream(part, { mode: 0o600 });
  await (packed === null ? pipeline(source, target) : pipeline(source, packed, target));
  renameSync(part, path);
}

/** Reads line by line. Throws ExtenderError('recording') with what is wrong with the file. */
export class RecordingFile {
  readonly header: Header;
  readonly #lines: AsyncIterator<string>;
  readonly #failed: () => unknown;
  readonly #path: string;

  private constructor(path: string, header: Header, lines: AsyncIterator<string>, failed: () => unknown) {
    this.#path = path;
    this.header = header;
    this.#lines = lines;
    this.#failed = failed;
  }

  static async open(path: string): Promise<RecordingFile> {
    const { lines, failed } = read(path);
    const first = await next(path, lines, failed);
    if (first === null) throw unreadable(path, 'is empty');
    const header = parse(first) as Partial<Header> | null;
    if (header === null || typeof header !== 'object' || header.recording !== RECORDING)
      throw unreadable(path, 'is not a recording of Muster: its first line is no header');
    if (header.format !== FORMAT)
      throw unreadable(
        path,
        `has format ${String(header.format)} (written by Muster ${String(header.version)}); this one reads format ${FORMAT}: replay it with the version that wrote it`,
      );
    if (typeof header.config !== 'object' || header.config === null)
      throw unreadable(path, 'is damaged: its header holds no configuration');
    return new RecordingFile(path, header as Header, lines, failed);
  }

  /** Ends after the `end` line. */
  async *entries(): AsyncGenerator<Line, void, void> {
    for (let count = 0; ; count++) {
      const text = await next(this.#path, this.#lines, this.#failed);
      if (text === null) throw unreadable(this.#path, `is cut off after line ${count + 1}: it has no end line`);
      const line = parse(text) as Line | null;
      if (line === null || typeof line !== 'object')
        throw unreadable(this.#path, `is damaged: line ${count + 2} is not JSON`);
      if (!('end' in line)) {
        yield line;
        continue;
      }
      if (line.end !== count)
        throw unreadable(this.#path, `is damaged: it should hold ${line.end} lines, not ${count}`);
      return;
    }
  }
}

function packer(path: string): Transform | null {
  if (path.endsWith('.gz')) return createGzip();
  return path.endsWith('.zst') ? createZstdCompress() : null;
}

function read(path: string): { lines: AsyncIterator<string>; failed: () => unknown } {
  let failure: unknown = null;
  const unpacked = path.endsWith('.gz') ? createGunzip() : path.endsWith('.zst') ? createZstdDecompress() : null;
  const source = createReadStream(path);
  const input = unpacked === null ? source : source.pipe(unpacked);
  const fail = (error: unknown): void => {
    failure ??= error;
    input.destroy();
  };
  source.on('error', fail);
  unpacked?.on('error', fail);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  return { lines: lines[Symbol.asyncIterator](), failed: () => failure };
}

async function next(path: string, lines: AsyncIterator<string>, failed: () => unknown): Promise<string | null> {
  let result: IteratorResult<string> | null = null;
  try {
    result = await lines.next();
  } catch (error) {
    throw unreadable(path, `cannot be read: ${textOf(failed() ?? error)}`);
  }
  if (result.done !== true) return result.value;
  if (failed() !== null) throw unreadable(path, `cannot be read: ${textOf(failed())}`);
  return null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const unreadable = (path: string, what: string): ExtenderError => new ExtenderError('recording', `${path} ${what}`);
