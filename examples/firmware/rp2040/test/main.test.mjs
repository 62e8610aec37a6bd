// The program as a whole: how it ends. `cat` is in the place of the log's decoder.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ends, runs } from '../support/processes.mjs';
import { LOOP, UDF, workshop } from '../support/programs.mjs';

const MAIN = fileURLToPath(new URL('../main.mjs', import.meta.url));
const { directory, elf, remove } = workshop();
after(remove);

// It takes the arguments of defmt-print's, and minds none.
const decoder = `${directory}/decoder`;
const environment = { ...process.env, DEFMT_PRINT: decoder };
writeFileSync(decoder, '#!/bin/sh\nexec cat\n', { mode: 0o755 });

function start(image, env = environment) {
  return spawn(process.execPath, [MAIN, image], { stdio: ['pipe', 'pipe', 'pipe'], env });
}
const status = (child) => new Promise((resolve) => child.on('exit', resolve));

test('with standard input, and that is no failure', async () => {
  const child = start(elf([LOOP]));
  child.stdin.end('link down\nlink up\ndhcp down\ndhcp up\n');
  assert.equal(await status(child), 0);
});

test('when the image panicked', async () => {
  assert.equal(await status(start(elf([UDF]))), 101);
});

test('when something happens that cannot', async () => {
  const child = start(elf([LOOP]));
  child.stdin.write('link sideways\n');
  assert.equal(await status(child), 1);
});

test('when there is no decoder, or it gives up', async () => {
  const image = elf([LOOP]);
  for (const program of [`${directory}/none`, '/bin/false']) {
    assert.equal(await status(start(image, { ...environment, DEFMT_PRINT: program })), 1, program);
  }
});

test('with the process that started it, however that ends', async () => {
  const program = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ${JSON.stringify([MAIN, elf([LOOP])])}, { stdio: ['pipe', 'ignore', 'inherit'] });
    console.log(child.pid);
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  assert.ok(runs(pid));
  parent.kill('SIGKILL');
  assert.ok(await ends(pid));
});
