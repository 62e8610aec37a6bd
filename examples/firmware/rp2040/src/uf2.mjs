// UF2, the files that are dropped on the board's drive: blocks of 512 octets, each with up to 476 for an address.

const BLOCK = 512;
const MAGIC = [[0, 0x0a324655], [4, 0x9e5d5157], [508, 0x0ab16f30]];
const ADDRESS = 12;
const SIZE = 16;
const FAMILY = 28;
const DATA = 32;
const DATA_SIZE = 476;
const RP2040 = 0xe48bff56;

/** Copies the blocks of `file` into `flash`, which begins at address `base` and has `size` octets. */
export function loadUf2(file, flash, base, size) {
  if (file.length === 0 || file.length % BLOCK !== 0) throw new Error('no UF2 file');
  for (let at = 0; at < file.length; at += BLOCK) {
    const block = file.subarray(at, at + BLOCK);
    const word = (place) => block.readUInt32LE(place);
    if (MAGIC.some(([place, value]) => word(place) !== value)) throw new Error('no UF2 file');
    if (word(FAMILY) !== RP2040) throw new Error('a UF2 file of another processor');
    const length = word(SIZE);
    const place = word(ADDRESS) - base;
    if (length > DATA_SIZE || place < 0 || place + length > size) throw new Error('a UF2 block outside the flash');
    flash.set(block.subarray(DATA, DATA + length), place);
  }
}
