// Images of a few instructions.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const FLASH = 0x1000_0000;
export const SEV = 0xbf40, WFE = 0xbf20, UDF = 0xde00, BKPT = 0xbe00, LOOP = 0xe7fe;

const VECTORS = 0x100;
const CODE = 0x108;

/** A directory for images; to be removed after. */
export function workshop() {
  const directory = mkdtempSync(join(tmpdir(), 'rp2040-'));
  return {
    directory,
    /** An ELF file with one segment, which begins at the flash's first octet unless told otherwise. */
    elf(instructions, address = FLASH) {
      const path = join(directory, 'image');
      writeFileSync(path, elf(instructions, address));
      return path;
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}

function elf(instructions, address) {
  const segment = Buffer.alloc(CODE + 2 * instructions.length);
  segment.writeUInt32LE(0x2004_0000, VECTORS);
  segment.writeUInt32LE((FLASH + CODE) | 1, VECTORS + 4);
  instructions.forEach((instruction, i) => segment.writeUInt16LE(instruction, CODE + 2 * i));
  const header = Buffer.alloc(52 + 32);
  header.write('\x7fELF', 'latin1');
  header.writeUInt16LE(40, 18);
  header.writeUInt32LE(52, 28);
  header.writeUInt16LE(32, 42);
  header.writeUInt16LE(1, 44);
  [1, header.length, address, address, segment.length].forEach((field, i) => header.writeUInt32LE(field, 52 + 4 * i));
  return Buffer.concat([header, segment]);
}
