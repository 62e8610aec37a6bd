// The chip's model, asked over SPI as a driver asks.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { W5500 } from '../src/w5500.mjs';

const COMMON = 0x00;
const SOCKET = 0x01;
const TRANSMIT = 0x02;
const RECEIVE = 0x03;

const MR = 0x00, SHAR = 0x09, SIR = 0x17, SIMR = 0x18, PHYCFGR = 0x2e, VERSIONR = 0x39;
const S_MR = 0x00, S_CR = 0x01, S_IR = 0x02, S_SR = 0x03, S_RXBUF_SIZE = 0x1e, S_TXBUF_SIZE = 0x1f;
const S_TX_FSR = 0x20, S_TX_RD = 0x22, S_TX_WR = 0x24, S_RX_RSR = 0x26, S_RX_RD = 0x28, S_RX_WR = 0x2a, S_IMR = 0x2c;
const OPEN = 0x01, CLOSE = 0x10, SEND = 0x20, RECV = 0x40;
const RECEIVED = 0x04, SENT = 0x10;
const MACRAW = 0x04, FILTERED = 0x80;

const MINE = [0x02, 0x12, 0x34, 0x56, 0x78, 0x9a];
const OTHER = [0x02, 0x12, 0x34, 0x56, 0x78, 0x9b];
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const MULTICAST = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x01];

let chip, sent, levels;

beforeEach(() => {
  sent = [];
  levels = [];
  chip = new W5500({ onFrame: (frame) => sent.push(Buffer.from(frame)), onInterrupt: (asserted) => levels.push(asserted) });
});

function transfer(address, block, writes, octets) {
  chip.select();
  for (const octet of [address >> 8, address & 0xff, (block << 3) | (writes ? 4 : 0)]) chip.transfer(octet);
  return octets.map((octet) => chip.transfer(octet));
}
const read = (block, address, count) => transfer(address, block, false, Array(count).fill(0));
const write = (block, address, ...octets) => transfer(address, block, true, octets);
const word = (address) => read(SOCKET, address, 2).reduce((high, low) => (high << 8) | low);
const writeWord = (address, value) => write(SOCKET, address, (value >> 8) & 0xff, value & 0xff);
const command = (code) => write(SOCKET, S_CR, code);

function open({ kilobytes = 16, filter = FILTERED } = {}) {
  write(COMMON, SHAR, ...MINE);
  write(COMMON, SIMR, 0x01);
  write(SOCKET, S_IMR, RECEIVED);
  write(SOCKET, S_RXBUF_SIZE, kilobytes, kilobytes);
  write(SOCKET, S_MR, MACRAW | filter);
  command(OPEN);
}

function frame(to, length, seed = 0) {
  return Uint8Array.from({ length }, (_, i) => (i < 6 ? to[i] : (i * 7 + seed) & 0xff));
}

/** Takes a frame as drivers do: its length, its octets, the pointer, RECV. */
function take() {
  const pointer = word(S_RX_RD);
  const [high, low] = read(RECEIVE, pointer, 2);
  const length = (high << 8) | low;
  const octets = read(RECEIVE, (pointer + 2) & 0xffff, length - 2);
  writeWord(S_RX_RD, pointer + length);
  command(RECV);
  return Uint8Array.from(octets);
}

function send(octets) {
  const pointer = word(S_TX_WR);
  write(TRANSMIT, pointer, ...octets);
  writeWord(S_TX_WR, pointer + octets.length);
  command(SEND);
}

describe('registers', () => {
  test('as after reset', () => {
    assert.deepEqual(read(COMMON, VERSIONR, 1), [0x04]);
    assert.deepEqual(read(COMMON, 0x19, 4), [0x07, 0xd0, 0x08, 0x28]);
    assert.deepEqual(read(SOCKET, S_RXBUF_SIZE, 2), [2, 2]);
    assert.equal(word(S_TX_FSR), 2048);
  });

  test('addresses go on by themselves', () => {
    write(COMMON, SHAR, ...MINE);
    assert.deepEqual(read(COMMON, SHAR + 2, 3), MINE.slice(2, 5));
  });

  test('a frame on SPI begins with the chip select, wherever the one before it was cut', () => {
    chip.select();
    chip.transfer(0x12);
    assert.deepEqual(read(COMMON, VERSIONR, 1), [0x04]);
  });

  test('what is only read cannot be written', () => {
    write(COMMON, VERSIONR, 0xff);
    write(SOCKET, S_SR, 0xff);
    assert.deepEqual(read(COMMON, VERSIONR, 1), [0x04]);
    assert.deepEqual(read(SOCKET, S_SR, 1), [0x00]);
  });

  test('the link is the cable', () => {
    for (const cable of [true, false, true]) {
      chip.plug(cable);
      assert.equal(read(COMMON, PHYCFGR, 1)[0] & 1, Number(cable));
    }
  });

  for (const [name, reset] of [['RST of MR', () => write(COMMON, MR, 0x80)], ['RSTn', () => chip.reset()]]) {
    test(`reset by ${name}`, () => {
      open();
      chip.deliver(frame(MINE, 100));
      reset();
      assert.deepEqual(read(COMMON, SHAR, 6), [0, 0, 0, 0, 0, 0]);
      assert.deepEqual(read(SOCKET, S_SR, 1), [0x00]);
      assert.equal(word(S_RX_RSR), 0);
      assert.deepEqual(levels, [true, false]);
    });
  }
});

describe('receive', () => {
  test('a frame comes after its length, and the interrupt with it', () => {
    open();
    const octets = frame(MINE, 100);
    chip.deliver(octets);
    assert.deepEqual(levels, [true]);
    assert.deepEqual(read(COMMON, SIR, 1), [0x01]);
    assert.equal(word(S_RX_RSR), 102);
    assert.equal(word(S_RX_WR), 102);
    assert.deepEqual(take(), octets);
    assert.equal(word(S_RX_RSR), 0);
  });

  test('a short frame is as long as Ethernet has them', () => {
    open();
    chip.deliver(frame(MINE, 42));
    const octets = take();
    assert.equal(octets.length, 60);
    assert.deepEqual(octets.subarray(0, 42), frame(MINE, 42));
    assert.ok(octets.subarray(42).every((octet) => octet === 0));
  });

  for (const [to, name, passes] of [
    [MINE, 'its own address', true], [BROADCAST, 'all', true], [MULTICAST, 'a group', true], [OTHER, 'another', false],
  ]) {
    test(`to ${name}, with the filter`, () => {
      open();
      chip.deliver(frame(to, 100));
      assert.equal(word(S_RX_RSR), passes ? 102 : 0);
    });
  }

  test('to another, without the filter', () => {
    open({ filter: 0 });
    chip.deliver(frame(OTHER, 100));
    assert.equal(word(S_RX_RSR), 102);
  });

  test('nothing while the socket is closed, or the cable is out', () => {
    chip.deliver(frame(BROADCAST, 100));
    open();
    chip.plug(false);
    chip.deliver(frame(MINE, 100));
    chip.plug(true);
    command(CLOSE);
    chip.deliver(frame(MINE, 100));
    assert.equal(word(S_RX_RSR), 0);
    assert.deepEqual(levels, []);
  });

  test('the interrupt is raised again while data remains', () => {
    open();
    chip.deliver(frame(MINE, 100, 1));
    chip.deliver(frame(MINE, 200, 2));
    write(SOCKET, S_IR, RECEIVED);
    assert.deepEqual(levels, [true, false]);
    assert.deepEqual(take(), frame(MINE, 100, 1));
    assert.deepEqual(levels, [true, false, true]);
    write(SOCKET, S_IR, RECEIVED);
    assert.deepEqual(take(), frame(MINE, 200, 2));
    assert.deepEqual(levels, [true, false, true, false]);
  });

  test('a mask keeps INTn still', () => {
    open();
    write(SOCKET, S_IMR, 0);
    chip.deliver(frame(MINE, 100));
    assert.deepEqual(levels, []);
    assert.equal(read(SOCKET, S_IR, 1)[0], RECEIVED);
    write(SOCKET, S_IMR, RECEIVED);
    assert.deepEqual(levels, [true]);
  });

  test('a frame for which there is no room is lost, and no part of it comes', () => {
    open({ kilobytes: 1 });
    chip.deliver(frame(MINE, 600, 1));
    chip.deliver(frame(MINE, 600, 2));
    chip.deliver(frame(MINE, 420, 3));
    chip.deliver(frame(MINE, 60, 4));
    assert.equal(word(S_RX_RSR), 1024);
    assert.equal(chip.counters.dropped, 2);
    assert.deepEqual(take(), frame(MINE, 600, 1));
    assert.deepEqual(take(), frame(MINE, 420, 3));
    chip.deliver(frame(MINE, 600, 5));
    assert.deepEqual(take(), frame(MINE, 600, 5));
  });

  test('pointers wrap at 2^16, and octets at the end of the buffer', () => {
    open({ kilobytes: 4 });
    for (let i = 0; i < 100; i++) {
      chip.deliver(frame(MINE, 1001, i));
      assert.deepEqual(take(), frame(MINE, 1001, i), `frame ${i}`);
    }
    assert.equal(word(S_RX_RD), (100 * 1003) & 0xffff);
  });
});

describe('transmit', () => {
  test('a frame goes out, and SENDOK says so', () => {
    open();
    send(frame(OTHER, 100));
    assert.deepEqual(sent, [Buffer.from(frame(OTHER, 100))]);
    assert.equal(read(SOCKET, S_IR, 1)[0], SENT);
    assert.equal(word(S_TX_RD), 100);
    assert.equal(word(S_TX_FSR), 16384);
  });

  test('what is written takes room until it is sent', () => {
    open({ kilobytes: 2 });
    writeWord(S_TX_WR, 100);
    assert.equal(word(S_TX_FSR), 1948);
    command(SEND);
    assert.equal(word(S_TX_FSR), 2048);
  });

  test('a short frame is filled up', () => {
    open();
    send(frame(OTHER, 42));
    assert.equal(sent[0].length, 60);
  });

  test('pointers wrap at 2^16, and octets at the end of the buffer', () => {
    open({ kilobytes: 4 });
    for (let i = 0; i < 100; i++) send(frame(OTHER, 1001, i));
    assert.deepEqual(sent, Array.from({ length: 100 }, (_, i) => Buffer.from(frame(OTHER, 1001, i))));
    assert.equal(word(S_TX_WR), (100 * 1001) & 0xffff);
  });

  test('nothing goes out while the cable is out, and the chip does not mind', () => {
    open();
    chip.plug(false);
    send(frame(OTHER, 100));
    assert.deepEqual(sent, []);
    assert.equal(word(S_TX_FSR), 16384);
  });

  for (const length of [13, 1515]) {
    test(`no frame has ${length} octets`, () => {
      open();
      send(frame(OTHER, length));
      assert.deepEqual(sent, []);
      assert.deepEqual([...chip.unmodelled], [`a frame of ${length} octets`]);
    });
  }
});

for (const kilobytes of [0, 3, 32]) {
  test(`a socket with buffers of ${kilobytes} KiB does not open`, () => {
    open({ kilobytes });
    assert.deepEqual(read(SOCKET, S_SR, 1), [0x00]);
    assert.deepEqual([...chip.unmodelled], [`buffers of ${kilobytes} and ${kilobytes} KiB`]);
  });
}

test('what is not modelled is told', () => {
  write(SOCKET, S_MR, 0x01);
  command(OPEN);
  read(0x04, 0, 1);
  transfer(VERSIONR, COMMON, false, [0]);
  assert.deepEqual([...chip.unmodelled], ['protocol 1', 'block 4']);
});
