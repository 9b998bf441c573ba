/**
 * Runs a Dockerfile's stages without Docker: each stage is a folder, absolute paths lead into it, and RUN is the shell. Knows what
 * Muster's own Dockerfile uses and throws at everything else, so that a new instruction is not skipped in silence.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export type Instruction = { readonly word: string; readonly rest: string };

export function instructionsOf(dockerfile: string): Instruction[] {
  return readFileSync(dockerfile, 'utf8')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [word = '', ...rest] = line.split(' ');
      return { word, rest: rest.join(' ') };
    });
}

/** Resolves with the folder that stands for the last stage's root. `context` is the build context, read through its .dockerignore. */
export async function runDockerfile(context: string, folder: string): Promise<string> {
  const stages = new Map<string, string>();
  let root = '';
  let workdir = '/';
  for (const { word, rest } of instructionsOf(join(context, 'Dockerfile'))) {
    if (word === 'FROM') {
      root = join(folder, `stage-${stages.size}`);
      stages.set(/ AS (\S+)$/.exec(rest)?.[1] ?? 'last', root);
      for (const there of ['usr/local/bin', 'tmp']) mkdirSync(join(root, there), { recursive: true });
      workdir = '/';
    } else if (word === 'WORKDIR') {
      workdir = rest;
      mkdirSync(join(root, workdir), { recursive: true });
    } else if (word === 'COPY') {
      copy(rest, stages, context, (path) => join(root, path.startsWith('/') ? path : join(workdir, path)));
    } else if (word === 'RUN') {
      // absolute paths of the image, not parts of relative ones
      const command = rest.replaceAll(/(?<=^|\s)\/(?=\w)/g, `${root}/`);
      await exec('sh', ['-euc', command], { cwd: join(root, workdir), maxBuffer: 64 * 1024 * 1024 });
    } else if (!['ENV', 'USER', 'ENTRYPOINT'].includes(word)) {
      throw new Error(`the Dockerfile uses ${word}, which is not known here`);
    }
  }
  return root;
}

function copy(
  rest: string,
  stages: ReadonlyMap<string, string>,
  context: string,
  inStage: (path: string) => string,
): void {
  const words = rest.split(' ');
  const from = /^--from=(.+)$/.exec(words.find((each) => each.startsWith('--from=')) ?? '')?.[1];
  const paths = words.filter((each) => !each.startsWith('--'));
  const to = inStage(paths.at(-1)!);
  mkdirSync(to, { recursive: true });
  for (const path of paths.slice(0, -1)) {
    if (from !== undefined) {
      cpSync(join(stages.get(from)!, path), to, { recursive: true, verbatimSymlinks: true });
      continue;
    }
    const source = join(context, path);
    if (!existsSync(source)) throw new Error(`the Dockerfile copies ${path}, which is not there`);
    if (!statSync(source).isDirectory()) cpSync(source, join(to, basename(path)));
    else for (const name of included(context)) cpSync(join(context, name), join(to, name), { recursive: true });
  }
}

/** What .dockerignore leaves of the context's top folder. */
function included(context: string): string[] {
  const ignored = readFileSync(join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => new RegExp(`^${line.replaceAll('.', '\\.').replaceAll('*', '.*')}$`));
  return readdirSync(context).filter((name) => !ignored.some((pattern) => pattern.test(name)));
}
