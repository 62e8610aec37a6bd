// What an ELF image has for the flash.

const MACHINE_ARM = 40;
const PT_LOAD = 1;

/** Copies the segments of `elf` into `flash`, which begins at address `base` and has `size` octets for them. */
export function loadElf(elf, flash, base, size) {
  if (elf.toString('latin1', 0, 4) !== '\x7fELF' || elf.readUInt16LE(18) !== MACHINE_ARM) throw new Error('no ELF image for Arm');
  const table = elf.readUInt32LE(28);
  const entry = elf.readUInt16LE(42);
  const count = elf.readUInt16LE(44);
  for (let i = 0; i < count; i++) {
    const field = (at) => elf.readUInt32LE(table + i * entry + at);
    const [type, offset, physical, length] = [field(0), field(4), field(12), field(16)];
    if (type !== PT_LOAD || length === 0) continue;
    const place = physical - base;
    if (place < 0 || place + length > size) throw new Error(`a segment outside the flash: ${physical.toString(16)}`);
    flash.set(elf.subarray(offset, offset + length), place);
  }
}
