/** The commands of a page: its fenced `sh` blocks, each with the heading it stands under. A block marked `sh cluster` is left out. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Step = { readonly heading: string; readonly commands: string; readonly line: number };

export function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  let heading = '';
  let block: { marks: string; line: number; commands: string[] } | null = null;
  readFileSync(page, 'utf8')
    .split('\n')
    .forEach((text, at) => {
      if (block !== null && text === '```') {
        if (block.marks === 'sh') steps.push({ heading, commands: `${block.commands.join('\n')}\n`, line: block.line });
        block = null;
      } else if (block !== null) block.commands.push(text);
      else if (text.startsWith('```')) block = { marks: text.slice(3), line: at + 1, commands: [] };
      else if (text.startsWith('## ')) heading = text.slice(3);
    });
  return steps;
}

/** One shell for all steps, as a user has it: what is exported stays. Files are written to `folder`. */
export class UserShell {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Resolves with what was printed; throws, with all of it, at the first command that fails. */
  async run({ commands, line }: Step): Promise<string> {
    const state = join(this.#folder, '.exported');
    const script = `touch ${state}; . ${state}\n${commands}export -p > ${state}`;
    return await new Promise((resolve, reject) => {
      const options = { cwd: this.#folder, env: this.#env, timeout: 120_000 };
      execFile('bash', ['-euo', 'pipefail', '-c', script], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`the commands at line ${line} failed: ${error.message}\n${stdout}${stderr}`));
      });
    });
  }
}
