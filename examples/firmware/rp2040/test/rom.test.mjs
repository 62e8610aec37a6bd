// What stands for the boot ROM, called as embassy-rp does: found by its code, from RAM, without interrupts.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Board } from '../src/board.mjs';
import { BKPT, LOOP, UDF, workshop } from '../support/programs.mjs';

const { elf, remove } = workshop();
after(remove);

const RAM = 0x2000_0000;
const FLASH = 0x1000_0000;
const AT = 0x10_0000; // Of the flash.

function board() {
  const it = new Board(elf([LOOP]), [], { onFrame() {}, onLight() {} });
  const { mcu } = it;
  // Where calls return to: a loop in RAM.
  mcu.writeUint16(RAM, LOOP);
  mcu.core.PM = true;
  return it;
}

/** Calls a function at an address; what it gives. */
function call({ mcu, ...it }, address, words, from = RAM) {
  const { core } = mcu;
  words.forEach((word, i) => { core.registers[i] = word; });
  core.LR = from | 1;
  core.PC = address & ~1;
  core.executeInstruction(); // Ours
  core.executeInstruction(); // BX LR
  assert.equal(core.PC, from, 'it returns');
  return core.registers[0] >>> 0;
}

/** As the datasheet says: half-words at 0x14 and 0x18 lead to the table and to what searches it. */
function find(it, code) {
  const { mcu } = it;
  const word = code.charCodeAt(0) | (code.charCodeAt(1) << 8);
  return call(it, mcu.readUint16(0x18), [mcu.readUint16(0x14), word]);
}

test('functions are found by their codes, and others are not', () => {
  const it = board();
  const found = ['C4', 'IF', 'EX', 'RE', 'RP', 'FC', 'CX'].map((code) => find(it, code));
  assert.equal(new Set(found).size, 7);
  for (const address of found) assert.equal(address & 1, 1, 'Thumb');
  assert.equal(find(it, 'P3'), 0);
  assert.ok(!it.halted);
});

test('a sector is erased, and written by making zeros of ones', () => {
  const it = board();
  const { flash } = it.mcu;
  flash.fill(0, AT - 1, AT + 4097);
  call(it, find(it, 'RE'), [AT, 4096, 0x8000_0000, 0]);
  assert.deepEqual([AT - 1, AT, AT + 4095, AT + 4096].map((at) => flash[at]), [0, 0xff, 0xff, 0]);
  const write = (value) => {
    for (let i = 0; i < 256; i++) it.mcu.writeUint8(RAM + 0x100 + i, value);
    call(it, find(it, 'RP'), [AT, RAM + 0x100, 256]);
  };
  write(0xf0);
  write(0x3c);
  assert.equal(flash[AT + 255], 0x30);
  assert.equal(flash[AT + 256], 0xff);
  assert.ok(!it.halted);
});

test('octets are copied', () => {
  const it = board();
  it.mcu.writeUint32(RAM + 0x100, 0x1234_5678);
  assert.equal(call(it, find(it, 'C4'), [RAM + 0x200, RAM + 0x100, 4]), RAM + 0x200);
  assert.equal(it.mcu.readUint32(RAM + 0x200), 0x1234_5678);
});

for (const [what, change, words, from] of [
  ['from code in flash', () => {}, [AT, 4096], FLASH + 0x108],
  ['with interrupts', (it) => { it.mcu.core.PM = false; }, [AT, 4096], RAM],
  ['for a part of a sector', () => {}, [AT, 256], RAM],
  ['for a sector that begins elsewhere', () => {}, [AT + 256, 4096], RAM],
]) {
  test(`erasing ${what} halts`, () => {
    const it = board();
    const erase = find(it, 'RE');
    change(it);
    call(it, erase, words, from);
    assert.ok(it.halted);
    assert.match([...it.warnings.keys()].join(), /boot ROM/);
  });
}

test('a BKPT of the program is none of the ROM\'s', () => {
  const it = new Board(elf([BKPT | 5, LOOP]), [], { onFrame() {}, onLight() {} });
  it.run(1e6, 10);
  assert.ok(it.halted);
});

test('a reset keeps the flash and the clock, and nothing else', () => {
  const it = new Board(elf([UDF]), [], { onFrame() {}, onLight() {} });
  it.chip.plug(false);
  it.run(1e6, 10);
  assert.ok(it.halted);
  const { nanos } = it;
  it.mcu.flash[AT] = 7;
  it.mcu.writeUint32(RAM, 1);
  it.halted = false;
  it.reset();
  assert.deepEqual([it.mcu.flash[AT], it.mcu.readUint32(RAM), it.chip.cable, it.nanos], [7, 0, false, nanos]);
  it.run(it.nanos + 1e6, 10);
  assert.ok(it.halted, 'it started again');
  assert.ok(it.nanos > nanos);
});
