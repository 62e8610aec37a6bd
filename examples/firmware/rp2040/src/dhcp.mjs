// What QEMU's DHCP cannot be told: leases that end within a test, and a service that does not answer.

const ETHERNET = { TYPE: 12, LENGTH: 14, IPV4: 0x0800 };
const IPV4 = { PROTOCOL: 9, UDP: 17 };
const UDP = { SOURCE: 0, DESTINATION: 2, CHECKSUM: 6, LENGTH: 8 };
const PORT = { SERVER: 67, CLIENT: 68 };
// RFC 2131 §2: the options follow the fixed fields and the magic cookie. RFC 2132: their numbers.
const OPTIONS = 240;
const OPTION = { PAD: 0, LEASE_TIME: 51, RENEWAL_TIME: 58, REBINDING_TIME: 59, END: 255 };

export class DhcpService {
  /** `lease`: seconds, or undefined to leave them as they are. */
  constructor({ lease } = {}) {
    this.lease = lease;
    /** Whether it hears what boards ask. */
    this.listening = true;
  }

  /** Whether a frame of the board's goes on. */
  fromBoard(frame) {
    return this.listening || udp(frame)?.readUInt16BE(UDP.DESTINATION) !== PORT.SERVER;
  }

  /** A frame for the board as it goes on. */
  toBoard(frame) {
    const datagram = this.lease === undefined ? undefined : udp(frame);
    if (datagram?.readUInt16BE(UDP.SOURCE) !== PORT.SERVER) return frame;
    const copy = Buffer.from(frame);
    setLease(udp(copy), this.lease);
    return copy;
  }
}

/** The UDP datagram in a frame, if there is one. */
function udp(octets) {
  const frame = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  if (frame.length < ETHERNET.LENGTH + 20 || frame.readUInt16BE(ETHERNET.TYPE) !== ETHERNET.IPV4) return undefined;
  const packet = frame.subarray(ETHERNET.LENGTH);
  const header = (packet[0] & 0x0f) * 4;
  const isUdp = packet[IPV4.PROTOCOL] === IPV4.UDP && packet.length >= header + UDP.LENGTH;
  return isUdp ? packet.subarray(header) : undefined;
}

function setLease(datagram, seconds) {
  const message = datagram.subarray(UDP.LENGTH);
  let at = OPTIONS;
  while (at < message.length && message[at] !== OPTION.END) {
    const kind = message[at];
    if (kind === OPTION.PAD) {
      at++;
      continue;
    }
    const length = message[at + 1];
    if (kind === OPTION.LEASE_TIME) message.writeUInt32BE(seconds, at + 2);
    // A client that is not told these takes 0.5 and 0.875 of the lease (RFC 2131 §4.4.5).
    if (kind === OPTION.RENEWAL_TIME || kind === OPTION.REBINDING_TIME) message.fill(OPTION.PAD, at, at + 2 + length);
    at += 2 + length;
  }
  // RFC 768: zero where the sender made no checksum.
  datagram.writeUInt16BE(0, UDP.CHECKSUM);
}
