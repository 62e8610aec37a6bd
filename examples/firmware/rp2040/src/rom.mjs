// What stands for the boot ROM: the functions that write to the flash, and what finds them. RP2040 datasheet §2.8.3.
//
// Each is a BKPT that comes to us, and a return. They are as strict as the chip: from the call on that ends execution from the
// flash until it is possible again, nothing may run from there, be it an interrupt.

const MAGIC = 0x01_75_4d; // 'M', 'u', version 1
const WORDS = { MAGIC: 0x10, FUNCTIONS: 0x14, DATA: 0x16, LOOKUP: 0x18 };
const CODE = 0x40;
const BKPT = 0xbe00;
const RETURN = 0x4770; // BX LR
const SECTOR = 4096;
const PAGE = 256;
const RAM = 0x2; // The highest four bits of an address.

export class Rom {
  /** The functions by their codes, in the ROM's order; the first finds the others. */
  #functions = [
    ['', (_, code) => this.#lookup(code)],
    ['C4', (to, from, length) => this.#copy(to, from, length)],
    ['MC', (to, from, length) => this.#copy(to, from, length)],
    ['IF', () => {}],
    ['EX', () => {}],
    ['RE', (offset, length) => this.#erase(offset, length)],
    ['RP', (offset, from, length) => this.#program(offset, from, length)],
    ['FC', () => {}],
    ['CX', () => {}],
  ];

  /** `fault(text)`: what is called in a way that the chip does not bear. */
  constructor(mcu, fault) {
    this.mcu = mcu;
    this.fault = fault;
    const rom = new DataView(mcu.bootrom.buffer);
    rom.setUint32(WORDS.MAGIC, MAGIC | (2 << 24), true);
    rom.setUint16(WORDS.FUNCTIONS, CODE, true);
    rom.setUint16(WORDS.DATA, CODE, true);
    rom.setUint16(WORDS.LOOKUP, address(0), true);
    this.#functions.forEach((_, number) => {
      rom.setUint16(address(number) & ~1, BKPT | number, true);
      rom.setUint16((address(number) & ~1) + 2, RETURN, true);
    });
  }

  /** BKPT with this number was executed. Whether it is one of ours. */
  call(number) {
    const { core } = this.mcu;
    if (core.PC >= this.mcu.bootrom.byteLength) return false;
    const [name, run] = this.#functions[number] ?? [];
    if (name === undefined) return false;
    if (['EX', 'RE', 'RP', 'CX'].includes(name)) this.#mayLeaveFlash(name);
    const result = run(...core.registers.slice(0, 4).map((it) => it >>> 0));
    if (result !== undefined) core.registers[0] = result;
    return true;
  }

  #mayLeaveFlash(name) {
    const { core } = this.mcu;
    if (core.LR >>> 28 !== RAM) this.fault(`${name} returns to flash, which is not there`);
    if (!core.PM) this.fault(`${name} with interrupts, whose code is in flash`);
  }

  #lookup(code) {
    const wanted = String.fromCharCode(code & 0xff, code >> 8);
    const number = this.#functions.findIndex(([name]) => name === wanted);
    return number > 0 ? address(number) : 0;
  }

  #copy(to, from, length) {
    for (let i = 0; i < length; i++) this.mcu.writeUint8(to + i, this.mcu.readUint8(from + i));
    return to;
  }

  #erase(offset, length) {
    if (offset % SECTOR || length % SECTOR) this.fault(`erases ${length} octets at ${offset}`);
    this.mcu.flash.fill(0xff, offset, offset + length);
  }

  /** Writing makes zeros of ones, and never the other way round. */
  #program(offset, from, length) {
    if (offset % PAGE || length % PAGE) this.fault(`writes ${length} octets at ${offset}`);
    const { flash } = this.mcu;
    for (let i = 0; i < length; i++) flash[offset + i] &= this.mcu.readUint8(from + i);
  }
}

/** Where a function is, as a pointer to code. */
const address = (number) => (CODE + 8 + 4 * number) | 1;
