// The board around programs of a few instructions: what is patched, and how a program ends.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Board } from '../src/board.mjs';
import { BKPT, FLASH, LOOP, SEV, UDF, WFE, workshop } from '../support/programs.mjs';

const { directory, elf, remove } = workshop();
after(remove);

const board = (instructions, light = () => {}) => new Board(elf(instructions), [], { onFrame() {}, onLight: light });

for (const [name, instruction] of [['BKPT', BKPT], ['UDF', UDF]]) {
  test(`${name} halts`, () => {
    const it = board([instruction]);
    it.run(1e6, 1000);
    assert.ok(it.halted);
  });
}

test('it runs no further than it is asked to, in instructions and in time', () => {
  const it = board([LOOP]);
  it.run(1e6, 1000);
  assert.equal(it.instructions, 1000);
  it.run(it.nanos, 1000);
  assert.equal(it.instructions, 1000);
});

test('a processor that waits costs nothing, and its clock goes on', () => {
  const it = board([WFE, UDF]);
  it.run(1e6, 1000);
  assert.equal(it.instructions, 1);
  assert.equal(it.nanos, 1e6);
});

test('SEV sets the event that WFE waits for', () => {
  const it = board([SEV, WFE, UDF]);
  it.run(1e6, 1000);
  assert.ok(it.halted);
});

test('the random bit is one', () => {
  const it = board([LOOP]);
  const ones = Array.from({ length: 20_000 }, () => it.mcu.readUint32(0x4006_001c)).reduce((sum, bit) => sum + bit, 0);
  // Ten standard deviations.
  assert.ok(Math.abs(ones - 10_000) < 710, `${ones} of 20000`);
});

test('nothing is streamed from the flash', () => {
  assert.equal(board([LOOP]).mcu.readUint32(0x1400_0018), 0);
});

test('the light is GPIO 25', () => {
  const told = [];
  const { mcu } = board([LOOP], (on) => told.push(on));
  mcu.writeUint32(0x4001_40cc, 5); // GPIO25_CTRL: SIO
  mcu.writeUint32(0xd000_0024, 1 << 25); // GPIO_OE_SET
  mcu.writeUint32(0xd000_0014, 1 << 25); // GPIO_OUT_SET
  mcu.writeUint32(0xd000_0018, 1 << 25); // GPIO_OUT_CLR
  assert.deepEqual(told, [false, true, false]);
});

test('an image that is none, or is not for the flash, is refused', () => {
  const open = (path) => () => new Board(path, [], { onFrame() {}, onLight() {} });
  assert.throws(open(elf([LOOP], FLASH - 4)), /outside the flash/);
  assert.throws(open(elf([LOOP], FLASH + 2 * 1024 * 1024 - 4)), /outside the flash/);
  const path = join(directory, 'none');
  writeFileSync(path, 'no image, but as long as the header of one would be');
  assert.throws(open(path), /no ELF image/);
});
