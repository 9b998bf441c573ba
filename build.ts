/** `npm run build`: compiles src/ to dist/, which is what the package and the image run (types are not stripped under node_modules). */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

rmSync(at('dist'), { recursive: true, force: true });
const compiler = at('node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [compiler, '-p', at('tsconfig.build.json')], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const main = at('dist/cli/main.js');
const text = readFileSync(main, 'utf8');
if (!text.startsWith('#!')) writeFileSync(main, `#!/usr/bin/env node\n${text}`);
chmodSync(main, 0o755);
