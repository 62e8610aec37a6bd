// What the board's `settings` makes, as its boot loader would take it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { loadUf2 } from '../src/uf2.mjs';

const SETTINGS = fileURLToPath(new URL('../../w5500-evb-pico/settings', import.meta.url));
const FLASH = 0x1000_0000;
const SIZE = 2 * 1024 * 1024;
const PAGE = SIZE - 4096;

const settings = (...words) => spawnSync(SETTINGS, words, { maxBuffer: 1 << 20 });

test('settings fill the last sector, and no more', () => {
  const flash = new Uint8Array(SIZE).fill(0x55);
  loadUf2(settings('uri=ws://10.0.2.2:80/', 'period=200').stdout, flash, FLASH, SIZE);
  const text = 'uri=ws://10.0.2.2:80/\nperiod=200';
  assert.equal(Buffer.from(flash.subarray(PAGE, PAGE + text.length)).toString(), text);
  assert.ok(flash.subarray(PAGE + text.length).every((octet) => octet === 0xff));
  assert.ok(flash.subarray(0, PAGE).every((octet) => octet === 0x55));
});

for (const [words, why] of [
  [[], 'none'], [['uri'], 'no value'], [['uri=a b'], 'a blank in a value'], [[`uri=${'x'.repeat(4096)}`], 'too long'],
]) {
  test(`settings that are refused: ${why}`, () => {
    const made = settings(...words);
    assert.notEqual(made.status, 0);
    assert.equal(made.stdout.length, 0);
  });
}

test('a file that is none is refused, and so is what is outside the flash', () => {
  const flash = new Uint8Array(SIZE);
  const load = (file) => () => loadUf2(file, flash, FLASH, SIZE);
  const good = settings('a=b').stdout;
  assert.throws(load(Buffer.alloc(0)), /no UF2/);
  assert.throws(load(good.subarray(1)), /no UF2/);
  assert.throws(load(Buffer.alloc(512)), /no UF2/);
  for (const [place, value, message] of [[28, 1, /another/], [12, FLASH + SIZE, /outside/], [12, 0x2000_0000, /outside/], [16, 477, /outside/]]) {
    const bad = Buffer.from(good);
    bad.writeUInt32LE(value, place);
    assert.throws(load(bad), message);
  }
});
