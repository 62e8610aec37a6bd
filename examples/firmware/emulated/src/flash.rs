//! A flash chip, in memory that the image leaves alone: it keeps what it holds over a reset.
//!
//! It is as strict as a chip: what is written must be erased, and begin and end where the chip writes and erases.

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use static_cell::ConstStaticCell;

const SIZE: usize = 2 << 20;
/// What is erased at a time.
pub const SECTOR: usize = 4096;
/// What is written at a time.
const WORD: usize = 4;
const ERASED: u8 = 0xFF;

/// The chip.
pub struct ModelFlash(&'static mut [u8]);

impl ModelFlash {
    /// The only one. `None` when it was taken.
    pub fn take() -> Option<Self> {
        static TAKEN: ConstStaticCell<()> = ConstStaticCell::new(());
        unsafe extern "C" {
            #[link_name = "model_flash"]
            static mut MODEL_FLASH: [u8; SIZE];
        }
        TAKEN.try_take()?;
        // SAFETY: `memory.x` puts the symbol at the beginning of 2 MiB of RAM that no section of the image is in, and
        // which the machine always has. Any octets are valid ones, and nobody else makes a reference: we do it once.
        unsafe { (&raw mut MODEL_FLASH).as_mut() }.map(|octets| Self(octets))
    }

    fn part(&mut self, from: u32, to: u32, unit: usize) -> Result<&mut [u8], NorFlashErrorKind> {
        let (from, to) = (from as usize, to as usize);
        if !from.is_multiple_of(unit) || !to.is_multiple_of(unit) {
            return Err(NorFlashErrorKind::NotAligned);
        }
        self.0
            .get_mut(from..to)
            .ok_or(NorFlashErrorKind::OutOfBounds)
    }
}

impl ErrorType for ModelFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for ModelFlash {
    const READ_SIZE: usize = WORD;

    async fn read(&mut self, offset: u32, octets: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let part = self.part(offset, offset + octets.len() as u32, WORD)?;
        octets.copy_from_slice(part);
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl NorFlash for ModelFlash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.part(from, to, SECTOR)?.fill(ERASED);
        Ok(())
    }

    async fn write(&mut self, offset: u32, octets: &[u8]) -> Result<(), NorFlashErrorKind> {
        let part = self.part(offset, offset + octets.len() as u32, WORD)?;
        if part.iter().any(|octet| *octet != ERASED) {
            return Err(NorFlashErrorKind::Other);
        }
        part.copy_from_slice(octets);
        Ok(())
    }
}
