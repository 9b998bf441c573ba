/** What `muster cluster` has on disk. Written files are whole or not there: beside the place first, then renamed. */
import {
  accessSync,
  closeSync,
  constants,
  createReadStream,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { parse, stringify } from 'yaml';
import type { JsonObject } from '../../sim/api/object.ts';
import type { Store } from '../../sim/api/store.ts';
import { readNodeList } from '../../sim/node-list.ts';
import type { NodeObjects } from '../../sim/nodes.ts';
import { readSave, type Save, saveLines } from '../../sim/save.ts';
import { UsageError } from '../errors.ts';

/** readable by its owner only: tokens and Secrets are inside */
const PRIVATE = 0o600;

function reading(file: string, error: unknown): UsageError {
  const { code } = error as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'not allowed to read it' : String(code);
  return new UsageError(`cannot read ${file}: ${why}`);
}

/** Throws UsageError and NodeListError. */
export function nodesFrom(file: string): NodeObjects[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw reading(file, error);
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new UsageError(`${file} is neither YAML nor JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readNodeList(value, file);
}

/** Throws UsageError and SaveError. */
export async function saveFrom(file: string): Promise<Save> {
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity }))
      lines.push(line);
  } catch (error) {
    throw reading(file, error);
  }
  return readSave(lines, file);
}

/** Said at the start: at the end it would be too late. @param what the file is, in the error. Throws UsageError. */
export function checkWritable(file: string, what: 'save' | 'kubeconfig'): void {
  const refused = (why: string) => new UsageError(`cannot write the ${what} ${file}: ${why}`);
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw refused(code === 'EACCES' || code === 'EROFS' ? 'not allowed to write there' : 'there is no such folder');
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw refused('it is a folder');
}

/** Writes the cluster as it is now, in turns of the loop so that it goes on serving. Returns bytes. */
export async function writeSave(file: string, store: Store, kept: JsonObject): Promise<number> {
  return await replaceFile(file, saveLines(store, kept, new Date().toISOString()));
}

async function replaceFile(file: string, pieces: Iterable<string>): Promise<number> {
  // one name: what a killed process left is overwritten by the next
  const beside = `${file}.tmp`;
  let bytes = 0;
  try {
    const out = openSync(beside, 'w', PRIVATE);
    try {
      for (const piece of pieces) {
        bytes += writeSync(out, piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      fsyncSync(out);
    } finally {
      closeSync(out);
    }
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  return bytes;
}

export type KubeconfigParts = { server: string; ca: string | null; token: string | null };

export async function writeKubeconfig(file: string, { server, ca, token }: KubeconfigParts): Promise<void> {
  const name = 'muster-cluster';
  const cluster = {
    server,
    // without it @kubernetes/client-node does not speak plain HTTP; to kubectl it says nothing there
    ...(ca === null
      ? { 'insecure-skip-tls-verify': true }
      : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
  };
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name: 'admin', user: token === null ? {} : { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin' } }],
    'current-context': name,
  });
  await replaceFile(file, [text]);
}
