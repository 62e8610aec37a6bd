// A buffer of the W5500: memory of 1 to 16 KiB, and two pointers of 16 bits that run on and wrap by themselves.

export class Ring {
  constructor(kilobytes = 2) {
    /** A power of two. */
    this.size = kilobytes * 1024;
    this.memory = new Uint8Array(this.size);
    /** Where the next octet is written. */
    this.head = 0;
    /** Where the next octet is read. */
    this.tail = 0;
  }

  /** Octets that wait. */
  get length() {
    return (this.head - this.tail) & 0xffff;
  }

  get free() {
    return this.size - this.length;
  }

  /** The octet that a pointer means. */
  at(pointer) {
    return this.memory[pointer & (this.size - 1)];
  }

  put(pointer, octet) {
    this.memory[pointer & (this.size - 1)] = octet;
  }

  append(octets) {
    for (const octet of octets) {
      this.put(this.head, octet);
      this.head = (this.head + 1) & 0xffff;
    }
  }

  /** All that waits, taken out. */
  take() {
    const octets = Uint8Array.from({ length: this.length }, (_, i) => this.at(this.tail + i));
    this.tail = this.head;
    return octets;
  }

  releaseTo(pointer) {
    this.tail = pointer;
  }
}
