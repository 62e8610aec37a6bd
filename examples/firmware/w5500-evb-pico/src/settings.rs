//! What a user sets without building: words in the last sector of the flash.

use words::Words;

/// Octets of a sector, the least that flash is erased by.
const PAGE: usize = 4096;

unsafe extern "C" {
    /// Where the linker's memory map keeps the sector free.
    #[link_name = "settings_page"]
    static SETTINGS_PAGE: [u8; PAGE];
}

/// The text from the sector's beginning to the first octet that is zero, or erased. Empty if it is not UTF-8.
#[must_use]
pub fn read() -> Words {
    // SAFETY: `memory.x` puts the symbol at the beginning of a region of 4 KiB that is flash and in nothing else's
    // use. It is mapped whenever the processor runs from flash, and nothing here writes to flash.
    let page = unsafe { &SETTINGS_PAGE };
    let length = page
        .iter()
        .position(|octet| matches!(octet, 0 | 0xFF))
        .unwrap_or(PAGE);
    Words::new(str::from_utf8(&page[..length]).unwrap_or_default())
}
