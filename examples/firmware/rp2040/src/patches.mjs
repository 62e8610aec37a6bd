// What rp2040js 1.4.1 does otherwise than the chip, mended from outside. README.md has the list, with what each is for.

import { randomBytes } from 'node:crypto';
import { BasePeripheral } from 'rp2040js';

const RAM_PAGE = 0x20; // The address's highest octet.
const ROSC = 0x4006_0000;
const ROSC_RANDOMBIT = 0x1c;
const XIP_CTRL = 0x1400_0000;
const XIP_STREAM_CTR = 0x18;

/** Mends `mcu`, and has what it warns of counted in `warnings`: a map from text to number. */
export function patch(mcu, warnings) {
  const count = (component, message) => {
    const text = `${component}: ${message}`;
    warnings.set(text, (warnings.get(text) ?? 0) + 1);
  };
  mcu.logger = {
    debug() {},
    warn: count,
    error: count,
    info(_, message) {
      if (message === 'SEV') sendEvent(mcu.core);
    },
  };
  findRamFirst(mcu);
  drawBits(mcu.findPeripheral(ROSC));
  addCacheControl(mcu);
}

/** SEV sets the event register (ARMv6-M ARM, B1.5.19): an executor that wakes itself must not sleep after. */
function sendEvent(core) {
  core.eventRegistered = true;
  core.waiting = false;
}

/** Each write asks whether its address is a peripheral's. RAM, of which that is never true, need not be looked up. */
function findRamFirst(mcu) {
  const find = mcu.findPeripheral.bind(mcu);
  mcu.findPeripheral = (address) => (address >>> 24 === RAM_PAGE ? undefined : find(address));
}

/**
 * The cache between processor and flash has registers, of which one is asked for before the flash is written to: how much is
 * still to be streamed from it, which is nothing.
 */
function addCacheControl(mcu) {
  const registers = new BasePeripheral(mcu, 'XIP_CTRL');
  const read = registers.readUint32.bind(registers);
  registers.readUint32 = (offset) => (offset === XIP_STREAM_CTR ? 0 : read(offset));
  mcu.peripherals[XIP_CTRL >>> 12] = registers;
}

/** The ring oscillator's random bit, from the host's generator. */
function drawBits(rosc) {
  const read = rosc.readUint32.bind(rosc);
  let pool = Buffer.alloc(0);
  let drawn = 0;
  rosc.readUint32 = (offset) => {
    if (offset !== ROSC_RANDOMBIT) return read(offset);
    if (drawn === pool.length * 8) {
      pool = randomBytes(1024);
      drawn = 0;
    }
    const bit = (pool[drawn >> 3] >> (drawn & 7)) & 1;
    drawn++;
    return bit;
  };
}
