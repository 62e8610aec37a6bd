//! An image on its way into flash, which outlives a loss of power.
//!
//! The first sector says what image it is, and which sectors of it are written whole: a mark for each, so that nothing is
//! erased to say so. The image follows from the second sector on.

use embassy_futures::yield_now;
use embedded_storage_async::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};
use sha2::{Digest, Sha256};

/// What stands at the beginning of the first sector, padded: `MAGIC`, length, digest.
const HEADER: usize = 64;
const MAGIC: [u8; 4] = *b"ota1";
/// What erased flash reads as.
const ERASED: u8 = 0xFF;

/// An update, in a flash or a partition of one that is for nothing else. `SECTOR` is the flash's `ERASE_SIZE`, and one
/// sector is what it holds in memory.
///
/// A flash that is not asynchronous becomes so by `embassy_embedded_hal::adapter::BlockingAsync`.
pub struct Update<F, const SECTOR: usize> {
    flash: F,
    /// What is not in the flash yet, or a sector that is read back.
    sector: [u8; SECTOR],
    filled: usize,
    digest: [u8; 32],
    length: u32,
    /// Octets of the image in the flash, all of them but at the end a multiple of a sector.
    written: u32,
}

/// Why nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The flash failed.
    Flash(NorFlashErrorKind),
    /// The image is longer than the flash has room for, or the first sector for its marks.
    TooLong,
    /// There are more octets than the image has.
    TooMuch,
}

impl<F: NorFlash, const SECTOR: usize> Update<F, SECTOR> {
    /// No update has begun.
    #[must_use]
    pub const fn new(flash: F) -> Self {
        const {
            assert!(SECTOR == F::ERASE_SIZE, "SECTOR is what the flash erases");
            assert!(SECTOR >= 2 * HEADER, "there is room for marks");
            assert!(
                HEADER.is_multiple_of(F::WRITE_SIZE),
                "the header is written by itself"
            );
        }
        Self {
            flash,
            sector: [ERASED; SECTOR],
            filled: 0,
            digest: [0; 32],
            length: 0,
            written: 0,
        }
    }

    /// The image that comes next: from which octet on it is wanted. If a part of this very image is there, behind that.
    ///
    /// # Errors
    /// [`Fault::TooLong`], [`Fault::Flash`].
    pub async fn begin(&mut self, digest: &[u8; 32], length: u32) -> Result<u32, Fault> {
        let sectors = (length as usize).div_ceil(SECTOR);
        let marks = HEADER.saturating_add(sectors.saturating_mul(F::WRITE_SIZE));
        if marks > SECTOR || sectors >= self.flash.capacity() / SECTOR {
            return Err(Fault::TooLong);
        }
        self.filled = 0;
        (self.digest, self.length, self.written) = (*digest, length, 0);
        let mut header = [ERASED; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&length.to_le_bytes());
        header[8..40].copy_from_slice(digest);

        self.read(0).await?;
        if self.sector[..HEADER] == header {
            let marks = self.sector[HEADER..marks].chunks(F::WRITE_SIZE);
            let whole = marks.take_while(|mark| mark.iter().any(|octet| *octet != ERASED));
            self.written = length.min((whole.count() * SECTOR) as u32);
        } else {
            self.forget().await?;
            self.flash.write(0, &header).await.map_err(flash)?;
        }
        Ok(self.written)
    }

    /// The next octets of the image.
    ///
    /// # Errors
    /// [`Fault::TooMuch`], [`Fault::Flash`].
    pub async fn write(&mut self, mut octets: &[u8]) -> Result<(), Fault> {
        let missing = (self.length - self.written) as usize;
        if octets.len() > missing.saturating_sub(self.filled) {
            return Err(Fault::TooMuch);
        }
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(SECTOR - self.filled));
            self.sector[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            octets = later;
            let last = self.written as usize + self.filled == self.length as usize;
            if self.filled == SECTOR || last {
                self.store().await?;
            }
        }
        Ok(())
    }

    /// A sector of the image is whole: it goes into the flash, and then its mark does.
    async fn store(&mut self) -> Result<(), Fault> {
        let number = self.written as usize / SECTOR;
        let from = ((number + 1) * SECTOR) as u32;
        self.sector[self.filled..].fill(ERASED);
        // A sector of which some was written before is written anew.
        let erased = self.flash.erase(from, from + SECTOR as u32).await;
        erased.map_err(flash)?;
        self.flash.write(from, &self.sector).await.map_err(flash)?;
        let place = HEADER + number * F::WRITE_SIZE;
        let mark = &[0; HEADER][..F::WRITE_SIZE];
        self.flash.write(place as u32, mark).await.map_err(flash)?;
        self.written += self.filled as u32;
        self.filled = 0;
        Ok(())
    }

    /// How many octets of the image are in the flash.
    #[must_use]
    pub const fn written(&self) -> u32 {
        self.written
    }

    /// Whether the whole image is in the flash.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.written == self.length
    }

    /// Whether the flash has the image that was begun: its digest, of what is read back. If not, the image is forgotten.
    ///
    /// # Errors
    /// [`Fault::Flash`].
    pub async fn verify(&mut self) -> Result<bool, Fault> {
        let mut digest = Sha256::new();
        let mut left = self.length as usize;
        let mut number = 1;
        while left > 0 {
            self.read(number).await?;
            let here = left.min(SECTOR);
            digest.update(&self.sector[..here]);
            left -= here;
            number += 1;
            // A slow processor takes a second for a megabyte: others run between.
            yield_now().await;
        }
        let right = self.is_whole() && digest.finalize()[..] == self.digest;
        if !right {
            self.forget().await?;
            (self.length, self.written) = (0, 0);
        }
        Ok(right)
    }

    async fn read(&mut self, number: usize) -> Result<(), Fault> {
        let from = (number * SECTOR) as u32;
        self.flash.read(from, &mut self.sector).await.map_err(flash)
    }

    /// Nothing has begun, for whoever looks at the flash.
    async fn forget(&mut self) -> Result<(), Fault> {
        self.flash.erase(0, SECTOR as u32).await.map_err(flash)
    }
}

fn flash(error: impl NorFlashError) -> Fault {
    Fault::Flash(error.kind())
}
