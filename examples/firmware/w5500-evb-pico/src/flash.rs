//! The part of the flash that an update goes to.

use embassy_embedded_hal::{adapter::BlockingAsync, flash::partition::Partition};
use embassy_rp::{
    Peri,
    flash::{Blocking, ERASE_SIZE, FLASH_BASE, Flash},
    peripherals::FLASH,
};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use static_cell::StaticCell;

const SIZE: usize = 2 << 20;
/// What is erased at a time.
pub const SECTOR: usize = ERASE_SIZE;

type Chip = BlockingAsync<Flash<'static, FLASH, Blocking, SIZE>>;

/// The room for an update.
pub type Room = Partition<'static, NoopRawMutex, Chip>;

unsafe extern "C" {
    /// Where the linker's memory map keeps room.
    #[link_name = "update_start"]
    static UPDATE_START: u8;
    #[link_name = "update_end"]
    static UPDATE_END: u8;
}

/// The room for an update. While a sector is erased or written, which takes tens of milliseconds, nothing else runs: the
/// program's code is in the same flash.
#[must_use]
pub fn room(flash: Peri<'static, FLASH>) -> Room {
    static CHIP: StaticCell<Mutex<NoopRawMutex, Chip>> = StaticCell::new();
    let chip = CHIP.init(Mutex::new(BlockingAsync::new(Flash::new_blocking(flash))));
    let base = FLASH_BASE as usize;
    let start = (&raw const UPDATE_START).addr() - base;
    let end = (&raw const UPDATE_END).addr() - base;
    Partition::new(chip, start as u32, (end - start) as u32)
}
