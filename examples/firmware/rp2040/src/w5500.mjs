// A WIZnet W5500, after its datasheet (version 1.1.0): the host's SPI frames with data of variable length (§2.2.2, §2.3),
// the common registers, and socket 0 in MACRAW mode (§4.1, §4.2), which is all that a driver of whole Ethernet frames
// asks for. The other sockets have registers and no commands; the TCP/IP in hardware is not there.

import { Ring } from './ring.mjs';

const COMMON = { MR: 0x00, SHAR: 0x09, IR: 0x15, IMR: 0x16, SIR: 0x17, SIMR: 0x18, PHYCFGR: 0x2e, VERSIONR: 0x39 };
const COMMON_LENGTH = 0x3a;
const SOCKET = {
  MR: 0x00, CR: 0x01, IR: 0x02, SR: 0x03, RXBUF_SIZE: 0x1e, TXBUF_SIZE: 0x1f, TX_FSR: 0x20, TX_RD: 0x22, TX_WR: 0x24,
  RX_RSR: 0x26, RX_RD: 0x28, RX_WR: 0x2a, IMR: 0x2c,
};
const SOCKET_LENGTH = 0x30;
const SOCKETS = 8;
const BUFFER_KILOBYTES = [1, 2, 4, 8, 16];

const MR_RESET = 0x80;
const VERSION = 0x04;
// Reset is over, all modes allowed, full duplex at 100 Mbit/s; the lowest bit is the link.
const PHY = { SETTLED: 0xbe, LINK: 0x01 };
const SOCKET_MR = { PROTOCOL: 0x0f, MACRAW: 0x04, MAC_FILTER: 0x80 };
const COMMAND = { OPEN: 0x01, CLOSE: 0x10, SEND: 0x20, RECV: 0x40 };
const INTERRUPT = { RECV: 0x04, SENDOK: 0x10 };
const STATUS = { CLOSED: 0x00, MACRAW: 0x42 };

// Without the frame check sequence, which the chip adds and takes away.
const SHORTEST_FRAME = 60;
const LONGEST_FRAME = 1514;
const HEADER = 14;
/** In MACRAW mode each frame in the receive buffer comes after its length, these octets included. */
const LENGTH_PREFIX = 2;

export class W5500 {
  /** `onFrame(octets)`: a frame goes out on the wire. `onInterrupt(asserted)`: INTn changes. */
  constructor({ onFrame, onInterrupt }) {
    this.onFrame = onFrame;
    this.onInterrupt = onInterrupt;
    this.cable = true;
    this.asserted = false;
    this.counters = { sent: 0, received: 0, filtered: 0, dropped: 0 };
    /** What a driver asked for that is not modelled: a set of texts. */
    this.unmodelled = new Set();
    this.reset();
  }

  /** RSTn goes low, or MR is written with RST. */
  reset() {
    this.common = new Uint8Array(COMMON_LENGTH);
    this.common.set([0x07, 0xd0, 0x08, 0x28], 0x19); // RTR, RCR, PTIMER (§4.1)
    this.sockets = Array.from({ length: SOCKETS }, () => {
      const registers = new Uint8Array(SOCKET_LENGTH);
      registers[SOCKET.RXBUF_SIZE] = registers[SOCKET.TXBUF_SIZE] = 2;
      registers[SOCKET.IMR] = 0xff;
      return registers;
    });
    this.transmit = new Ring();
    this.receive = new Ring();
    this.phase = 0;
    this.#updateInterrupt();
  }

  /** SCSn goes low: a frame on SPI begins. */
  select() {
    this.phase = 0;
  }

  /** One octet on SPI each way. The address and the control octet first, then as much data as the driver clocks. */
  transfer(octet) {
    switch (this.phase) {
      case 0:
        this.address = octet << 8;
        this.phase = 1;
        return 0;
      case 1:
        this.address |= octet;
        this.phase = 2;
        return 0;
      case 2:
        this.block = octet >> 3;
        this.writes = (octet & 4) !== 0;
        if ((octet & 3) !== 0) this.#note(`data of fixed length, mode ${octet & 3}`);
        this.phase = 3;
        return 0;
    }
    const { address } = this;
    this.address = (address + 1) & 0xffff;
    if (!this.writes) return this.#read(address);
    this.#write(address, octet);
    return 0;
  }

  /** The cable is plugged in, or pulled. The chip has no interrupt for it: a driver reads PHYCFGR. */
  plug(cable) {
    this.cable = cable;
  }

  /** A frame comes from the wire, without its check sequence. */
  deliver(frame) {
    const registers = this.sockets[0];
    if (!this.cable || registers[SOCKET.SR] !== STATUS.MACRAW || !this.#accepts(frame)) {
      this.counters.filtered++;
      return;
    }
    const length = LENGTH_PREFIX + Math.max(frame.length, SHORTEST_FRAME);
    if (length > this.receive.free) {
      this.counters.dropped++;
      return;
    }
    const octets = new Uint8Array(length);
    octets.set([length >> 8, length & 0xff]);
    octets.set(frame, LENGTH_PREFIX);
    this.receive.append(octets);
    this.counters.received++;
    this.#raise(INTERRUPT.RECV);
  }

  #accepts(frame) {
    if (!(this.sockets[0][SOCKET.MR] & SOCKET_MR.MAC_FILTER)) return true;
    const group = (frame[0] & 1) !== 0;
    return group || this.common.subarray(COMMON.SHAR, COMMON.SHAR + 6).every((octet, i) => octet === frame[i]);
  }

  // ---- registers and buffers, an octet at a time ----

  // The blocks: 0 are the common registers; then of each socket the registers, the transmit and the receive buffer.
  #read(address) {
    const socket = this.block >> 2;
    switch (this.block & 3) {
      case 0: return this.block === 0 ? this.#readCommon(address) : this.#unknown(`block ${this.block}`);
      case 1: return this.#readSocket(socket, address);
      case 2: return socket === 0 ? this.transmit.at(address) : 0;
      default: return socket === 0 ? this.receive.at(address) : 0;
    }
  }

  #write(address, octet) {
    const socket = this.block >> 2;
    switch (this.block & 3) {
      case 0:
        if (this.block === 0) this.#writeCommon(address, octet);
        else this.#note(`block ${this.block}`);
        return;
      case 1: return this.#writeSocket(socket, address, octet);
      case 2: if (socket === 0) this.transmit.put(address, octet);
    }
  }

  #readCommon(address) {
    switch (address) {
      case COMMON.SIR: return this.#socketInterrupts();
      case COMMON.PHYCFGR: return PHY.SETTLED | (this.cable ? PHY.LINK : 0);
      case COMMON.VERSIONR: return VERSION;
    }
    return this.common[address] ?? this.#unknown(`common register ${address}`);
  }

  #writeCommon(address, octet) {
    switch (address) {
      case COMMON.MR:
        if (octet & MR_RESET) return this.reset();
        this.common[address] = octet;
        return;
      case COMMON.IR: this.common[address] &= ~octet; break;
      case COMMON.SIR: case COMMON.VERSIONR: return;
      case COMMON.PHYCFGR: return this.#note('a mode of the PHY is set');
      default:
        if (address >= COMMON_LENGTH) return this.#note(`common register ${address}`);
        this.common[address] = octet;
    }
    this.#updateInterrupt();
  }

  #readSocket(socket, address) {
    if (socket === 0) {
      const part = (word) => (address & 1 ? word & 0xff : word >> 8);
      switch (address & ~1) {
        case SOCKET.TX_FSR: return part(this.#transmitRoom());
        case SOCKET.TX_RD: return part(this.transmit.tail);
        case SOCKET.RX_RSR: return part(this.receive.length);
        case SOCKET.RX_WR: return part(this.receive.head);
      }
    }
    return this.sockets[socket][address] ?? this.#unknown(`socket register ${address}`);
  }

  /** What a driver has written counts before SEND does: TX_WR minus TX_RD (§4.2). */
  #transmitRoom() {
    const { size, tail } = this.transmit;
    return (size - ((word(this.sockets[0], SOCKET.TX_WR) - tail) & 0xffff)) & 0xffff;
  }

  #writeSocket(socket, address, octet) {
    const registers = this.sockets[socket];
    switch (address) {
      case SOCKET.CR: return this.#command(socket, octet); // Reads as 0 at once: every command is done at once.
      case SOCKET.SR: return;
      case SOCKET.IR: registers[address] &= ~octet; break;
      default:
        if (address >= SOCKET_LENGTH) return this.#note(`socket register ${address}`);
        registers[address] = octet;
    }
    this.#updateInterrupt();
  }

  // ---- commands of socket 0 ----

  #command(socket, command) {
    if (socket !== 0) return this.#note(`a command of socket ${socket}`);
    const registers = this.sockets[0];
    switch (command) {
      case COMMAND.OPEN: return this.#open(registers);
      case COMMAND.CLOSE: registers[SOCKET.SR] = STATUS.CLOSED; return;
      case COMMAND.SEND: return this.#send(registers);
      case COMMAND.RECV:
        this.receive.releaseTo(word(registers, SOCKET.RX_RD));
        // Raised anew while data remains: a driver may take one frame for each.
        if (this.receive.length > 0) this.#raise(INTERRUPT.RECV);
        return;
      default: this.#note(`command ${command}`);
    }
  }

  #open(registers) {
    if ((registers[SOCKET.MR] & SOCKET_MR.PROTOCOL) !== SOCKET_MR.MACRAW) {
      return this.#note(`protocol ${registers[SOCKET.MR] & SOCKET_MR.PROTOCOL}`);
    }
    const sizes = [registers[SOCKET.TXBUF_SIZE], registers[SOCKET.RXBUF_SIZE]];
    if (!sizes.every((size) => BUFFER_KILOBYTES.includes(size))) return this.#note(`buffers of ${sizes.join(' and ')} KiB`);
    this.transmit = new Ring(registers[SOCKET.TXBUF_SIZE]);
    this.receive = new Ring(registers[SOCKET.RXBUF_SIZE]);
    registers.fill(0, SOCKET.TX_WR, SOCKET.TX_WR + 2);
    registers.fill(0, SOCKET.RX_RD, SOCKET.RX_RD + 2);
    registers[SOCKET.SR] = STATUS.MACRAW;
  }

  #send(registers) {
    if (registers[SOCKET.SR] !== STATUS.MACRAW) return this.#note('a frame for a socket that is not open');
    this.transmit.head = word(registers, SOCKET.TX_WR);
    const frame = this.transmit.take();
    if (frame.length < HEADER || frame.length > LONGEST_FRAME) return this.#note(`a frame of ${frame.length} octets`);
    this.counters.sent++;
    this.#raise(INTERRUPT.SENDOK);
    if (!this.cable) return;
    const padded = new Uint8Array(Math.max(frame.length, SHORTEST_FRAME));
    padded.set(frame);
    this.onFrame(padded);
  }

  // ---- INTn ----

  #raise(interrupt) {
    this.sockets[0][SOCKET.IR] |= interrupt;
    this.#updateInterrupt();
  }

  #socketInterrupts() {
    return this.sockets.reduce((bits, it, i) => bits | (it[SOCKET.IR] & it[SOCKET.IMR] ? 1 << i : 0), 0);
  }

  #updateInterrupt() {
    const sockets = this.#socketInterrupts() & this.common[COMMON.SIMR];
    const asserted = (sockets | (this.common[COMMON.IR] & this.common[COMMON.IMR])) !== 0;
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    this.onInterrupt(asserted);
  }

  #unknown(what) {
    this.#note(what);
    return 0;
  }

  #note(what) {
    this.unmodelled.add(what);
  }
}

const word = (registers, at) => (registers[at] << 8) | registers[at + 1];
