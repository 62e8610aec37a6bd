// Frames in a stream as QEMU's `-netdev socket` has them: the length in four octets, then the frame.

const PREFIX = 4;

/** A frame as it goes into the stream. */
export function framed(frame) {
  const octets = Buffer.alloc(PREFIX + frame.length);
  octets.writeUInt32BE(frame.length);
  octets.set(frame, PREFIX);
  return octets;
}

/** Takes the stream as it comes, and calls `onFrame(octets)` for each frame. */
export class Frames {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.rest = Buffer.alloc(0);
  }

  push(octets) {
    let rest = Buffer.concat([this.rest, octets]);
    while (rest.length >= PREFIX && rest.length >= PREFIX + rest.readUInt32BE()) {
      const end = PREFIX + rest.readUInt32BE();
      this.onFrame(rest.subarray(PREFIX, end));
      rest = rest.subarray(end);
    }
    this.rest = rest;
  }
}
