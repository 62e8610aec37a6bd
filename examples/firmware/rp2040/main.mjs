// node main.mjs [--lease SECONDS] [--capture FILE] [--report] IMAGE [FILE.uf2]...
//
// Runs an image (ELF), with what else is on the board's flash (UF2): its settings. Standard output has the log, decoded by
// defmt-print, and a line for each change of the light. Standard input has what happens to the board, a line each:
// `link down`, `link up`, `dhcp down`, `dhcp up`, `reset`. Ends with standard input, and so with the process that started it; with
// status 101 when the image panicked.
//
//     --lease SECONDS   addresses of DHCP are for so long
//     --capture FILE    a file that gets every frame on the wire
//     --report          at the end, on standard error: instructions, frames, and what was asked for that is not modelled
//     DEFMT_PRINT       in the environment: the program defmt-print if it is not in PATH

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Board } from './src/board.mjs';
import { Pace } from './src/pace.mjs';
import { Router } from './src/router.mjs';

const PANICKED = 101;

const { values: options, positionals } = parseArgs({
  options: { lease: { type: 'string' }, capture: { type: 'string' }, report: { type: 'boolean' } },
  allowPositionals: true,
});
const [image, ...files] = positionals;
if (image === undefined) {
  console.error('usage: node main.mjs [--lease SECONDS] [--capture FILE] [--report] IMAGE [FILE.uf2]...');
  process.exit(2);
}

const decoder = spawn(process.env.DEFMT_PRINT ?? 'defmt-print', ['-e', image, '--log-format', '{t} {s}'], {
  stdio: ['pipe', 'inherit', 'inherit'],
});
decoder.on('error', fail);
decoder.on('exit', (code, signal) => pace.stopped || fail(new Error(`defmt-print ended: ${signal ?? code}`)));
decoder.stdin.on('error', fail);
const router = new Router((frame) => pace.interrupt(() => board.chip.deliver(frame)), {
  capture: options.capture,
  lease: options.lease && Number(options.lease),
});
router.failed.catch(fail);
const board = new Board(image, files, {
  onFrame: (frame) => router.send(frame),
  onLight: (on) => console.log(`light ${on ? 'on' : 'off'}`),
});
const pace = new Pace(board, () => {
  const octets = board.rtt.read();
  if (octets.length > 0) decoder.stdin.write(octets);
  if (board.halted) end(PANICKED);
});

const EVENTS = {
  'link down': () => board.chip.plug(false),
  'link up': () => board.chip.plug(true),
  'dhcp down': () => { router.dhcp.listening = false; },
  'dhcp up': () => { router.dhcp.listening = true; },
  // What was logged in part is ended, so that what follows can be read.
  reset: () => { board.reset(); decoder.stdin.write(Buffer.of(0)); },
};
createInterface({ input: process.stdin })
  .on('line', (line) => (EVENTS[line] ? pace.interrupt(EVENTS[line]) : fail(new Error(`no such event: ${line}`))))
  .on('close', () => end(0));

function end(status) {
  if (pace.stopped) return;
  pace.stop();
  router.close();
  if (options.report) report();
  process.exitCode = status;
  process.stdin.destroy();
  // It ends when it has decoded what it got, and so do we.
  decoder.stdin.end();
}

/** What ran, and what it asked of the emulator in vain. */
function report() {
  const { nanos, instructions, chip, warnings } = board;
  const { user, system } = process.cpuUsage();
  const seconds = (it) => it.toFixed(1);
  console.error(`${seconds(nanos / 1e9)} s of the board's clock, ${seconds((user + system) / 1e6)} s of this host's processor`);
  console.error(`${instructions} instructions; frames ${JSON.stringify(chip.counters)}`);
  for (const what of chip.unmodelled) console.error(`W5500: not modelled: ${what}`);
  for (const [what, times] of warnings) console.error(`rp2040js: ${times} times ${what}`);
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}
