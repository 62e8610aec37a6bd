import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rtt } from '../src/rtt.mjs';

const RAM = 0x2000_0000;
const BLOCK = 0x100;
const CHANNEL = BLOCK + 24;
const BUFFER = 0x400;
const SIZE = 16;

/** A board's end of the channel. */
function channel() {
  const ram = new Uint8Array(4096);
  const words = Buffer.from(ram.buffer);
  let write = 0;
  return {
    ram,
    start() {
      words.write('SEGGER RTT\0', BLOCK, 'latin1');
      words.writeUInt32LE(RAM + BUFFER, CHANNEL + 4);
      words.writeUInt32LE(SIZE, CHANNEL + 8);
    },
    log(text) {
      for (const octet of Buffer.from(text)) {
        ram[BUFFER + write] = octet;
        write = (write + 1) % SIZE;
      }
      words.writeUInt32LE(write, CHANNEL + 12);
    },
    flags: () => words.readUInt32LE(CHANNEL + 20),
  };
}

test('nothing before the board has begun', () => {
  assert.equal(new Rtt(channel().ram).read().length, 0);
});

test('each octet once, across the end of the buffer', () => {
  const board = channel();
  const rtt = new Rtt(board.ram);
  board.start();
  let told = '';
  let heard = '';
  for (let i = 0; i < 20; i++) {
    const text = `line ${i}\n`;
    board.log(text);
    told += text;
    heard += rtt.read();
    assert.equal(rtt.read().length, 0);
  }
  assert.equal(heard, told);
});

test('the board waits for room from then on', () => {
  const board = channel();
  board.start();
  new Rtt(board.ram).read();
  assert.equal(board.flags(), 2);
});
