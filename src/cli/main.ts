#!/usr/bin/env node
/**
 * The command `muster`. Installed globally it runs on whatever Node the shell has, so that is checked before anything is loaded that
 * an older one cannot load.
 */
const LEAST_NODE = 26;

if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  process.stderr.write(
    `muster needs Node.js ${LEAST_NODE} or newer and runs on ${process.versions.node}: install it, or install muster in a folder and run \`npx muster\` there (it brings its own)\n`,
  );
  process.exitCode = 1;
} else {
  const { runProgram } = await import('./program.ts');
  await runProgram();
}

export {};
