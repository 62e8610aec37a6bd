// The log of a board, as a debug probe takes it: the up channel 0 of SEGGER's RTT, a ring in the board's RAM.

const RAM = 0x2000_0000;
const MAGIC = 'SEGGER RTT\0';
// The control block: 16 octets of name, the numbers of channels up and down, then the channels.
const CHANNEL = 24;
const BUFFER = 4;
const SIZE = 8;
const WRITE = 12;
const READ = 16;
const FLAGS = 20;
const BLOCK_IF_FULL = 2;

export class Rtt {
  constructor(ram) {
    this.ram = Buffer.from(ram.buffer, ram.byteOffset, ram.length);
  }

  /** The octets since the last call. */
  read() {
    const { ram } = this;
    if (!this.#find()) return Buffer.alloc(0);
    const word = (at) => ram.readUInt32LE(this.channel + at);
    const [buffer, size, write, read] = [word(BUFFER) - RAM, word(SIZE), word(WRITE), word(READ)];
    if (write === read || buffer < 0 || write >= size || read >= size) return Buffer.alloc(0);
    const octets = write > read
      ? Buffer.from(ram.subarray(buffer + read, buffer + write))
      : Buffer.concat([ram.subarray(buffer + read, buffer + size), ram.subarray(buffer, buffer + write)]);
    ram.writeUInt32LE(write, this.channel + READ);
    return octets;
  }

  #find() {
    if (this.channel === undefined) {
      const block = this.ram.indexOf(MAGIC);
      if (block < 0) return false;
      this.channel = block + CHANNEL;
      // As probes do while they listen: the board waits instead of leaving something out.
      this.ram.writeUInt32LE(BLOCK_IF_FULL, this.channel + FLAGS);
    }
    return true;
  }
}
