// The W5500-EVB-Pico: an RP2040 by rp2040js with the image in its flash, the W5500 on SPI0, the light on GPIO 25.

import { readFileSync } from 'node:fs';
import { GPIOPinState, Simulator } from 'rp2040js';
import { loadElf } from './elf.mjs';
import { patch } from './patches.mjs';
import { Rom } from './rom.mjs';
import { Rtt } from './rtt.mjs';
import { loadUf2 } from './uf2.mjs';
import { W5500 } from './w5500.mjs';

const FLASH = 0x1000_0000;
const FLASH_SIZE = 2 * 1024 * 1024;
// The boot loader's second stage has the octets before; the boot ROM, which runs it at start-up, is not there.
const VECTORS = FLASH + 0x100;
const PIN = { SELECT: 17, RESET: 20, INTERRUPT: 21, LIGHT: 25 };
const CYCLE = 8; // ns, at the 125 MHz that embassy-rp sets
// RP2040 datasheet §4.9.5: 0.706 V at 27 degrees, of 3.3 V in 4096 steps.
const ROOM_TEMPERATURE = Math.round((0.706 / 3.3) * 4096);

export class Board {
  /**
   * `image`: an ELF file. `files`: UF2 files that are written over it. `onFrame(octets)`: a frame leaves the board.
   * `onLight(on)`: the light changes.
   */
  constructor(image, files, { onFrame, onLight }) {
    this.instructions = 0;
    /** What the emulator was asked for and has not, and how often. */
    this.warnings = new Map();
    /** BKPT or UDF was executed: a panic, or a fault that was caught. */
    this.halted = false;
    /** ns until it was reset. */
    this.before = 0;
    this.outside = { onFrame, onLight };

    this.#power(undefined);
    loadElf(readFileSync(image), this.mcu.flash, FLASH, FLASH_SIZE);
    for (const file of files) loadUf2(readFileSync(file), this.mcu.flash, FLASH, FLASH_SIZE);
    this.#start();
  }

  /** Takes the power away, and gives it again: what is in the flash stays. The cable is where it was. */
  reset() {
    const { flash } = this.mcu;
    const { cable } = this.chip;
    this.before = this.nanos;
    this.#power(flash);
    this.#start();
    this.chip.plug(cable);
  }

  #power(flash) {
    this.simulator = new Simulator();
    this.mcu = this.simulator.rp2040;
    if (flash) this.mcu.flash.set(flash);
    patch(this.mcu, this.warnings);
    const rom = new Rom(this.mcu, (text) => {
      this.warnings.set(`boot ROM: ${text}`, 1);
      this.halted = true;
    });
    this.mcu.onBreak = (number) => {
      if (!rom.call(number)) this.halted = true;
    };
    this.rtt = new Rtt(this.mcu.sram);
    this.mcu.adc.channelValues[4] = ROOM_TEMPERATURE;
    const { onFrame, onLight } = this.outside;
    this.#connect(onFrame);
    this.#pin(PIN.LIGHT).addListener((state) => {
      if (state === GPIOPinState.High || state === GPIOPinState.Low) onLight(state === GPIOPinState.High);
    });
  }

  #start() {
    const { mcu } = this;
    mcu.core.VTOR = VECTORS;
    mcu.core.SP = mcu.readUint32(VECTORS);
    mcu.core.PC = mcu.readUint32(VECTORS + 4) & ~1;
  }

  #connect(onFrame) {
    const interrupt = this.#pin(PIN.INTERRUPT);
    interrupt.setInputValue(true);
    this.chip = new W5500({ onFrame, onInterrupt: (asserted) => interrupt.setInputValue(!asserted) });
    const low = (pin, then) => this.#pin(pin).addListener((state) => state === GPIOPinState.Low && then());
    low(PIN.SELECT, () => this.chip.select());
    low(PIN.RESET, () => this.chip.reset());

    const spi = this.mcu.spi[0];
    const select = this.#pin(PIN.SELECT);
    let answer = 0;
    const clocked = this.simulator.clock.createAlarm(() => spi.completeTransmit(answer));
    // An octet takes its time on the wire. At once would be before DMA could take the one before it from the FIFO.
    spi.onTransmit = (octet) => {
      answer = select.value === GPIOPinState.Low ? this.chip.transfer(octet) : 0xff;
      clocked.schedule(8e9 / spi.clockFrequency);
    };
  }

  #pin(number) {
    return this.mcu.gpio[number];
  }

  /** ns since start-up by the board's clock. */
  get nanos() {
    return this.before + this.simulator.clock.nanos;
  }

  /** Runs until the board's clock is at `until`, or `budget` instructions ran, or it halted. */
  run(until, budget) {
    const { clock } = this.simulator;
    const { core } = this.mcu;
    until -= this.before;
    let left = budget;
    while (clock.nanos < until && left > 0 && !this.halted) {
      if (core.waiting) {
        clock.tick(Math.min(Math.max(this.#alarm(), CYCLE), until - clock.nanos));
      } else {
        clock.tick(core.executeInstruction() * CYCLE);
        left--;
      }
    }
    this.instructions += budget - left;
  }

  /** ns for which nothing happens unless something comes from outside; 0 while the processor runs. */
  get idle() {
    return this.mcu.core.waiting ? this.#alarm() : 0;
  }

  #alarm() {
    const { clock } = this.simulator;
    return clock.nextAlarm ? clock.nanosToNextAlarm : Infinity;
  }
}
