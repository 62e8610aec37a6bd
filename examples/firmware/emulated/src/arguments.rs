//! The command line given to the emulator, as `key=value` words.

use core::{cell::Cell, mem::MaybeUninit};

use critical_section::Mutex;
use semihosting::sys::arm_compat::sys_get_cmdline_uninit;
use static_cell::ConstStaticCell;
use words::Words;

/// The longest command line in octets, the terminating NUL included.
const LIMIT: usize = 512;

/// Asks the emulator for the command line. Empty if there is none, if it is longer than
/// 511 octets, or if it is not UTF-8.
pub fn read() -> Words {
    static READ: Mutex<Cell<Option<Words>>> = Mutex::new(Cell::new(None));
    critical_section::with(|cs| {
        let read = READ.borrow(cs);
        let words = read.get().unwrap_or_else(ask);
        read.set(Some(words));
        words
    })
}

fn ask() -> Words {
    static LINE: ConstStaticCell<[MaybeUninit<u8>; LIMIT]> =
        ConstStaticCell::new([MaybeUninit::uninit(); LIMIT]);
    let line = LINE
        .try_take()
        .and_then(|line| sys_get_cmdline_uninit(line).ok());
    Words::new(line.map_or("", |line| str::from_utf8(line).unwrap_or_default()))
}

/// The argument `uri`, empty if there is none.
pub fn uri() -> &'static str {
    read().value("uri").unwrap_or_default()
}

/// The argument `pin`, 64 hexadecimal digits, as a device has it in a constant. Empty if it
/// is anything else.
pub fn pins() -> &'static [[u8; 32]] {
    static PINS: ConstStaticCell<[[u8; 32]; 1]> = ConstStaticCell::new([[0; 32]]);
    let digits = read().value("pin").unwrap_or_default();
    let Some(pins) = PINS.try_take().filter(|_| digits.len() == 64) else {
        return &[];
    };
    for (octet, place) in pins[0].iter_mut().zip((0..).step_by(2)) {
        let digits = digits.get(place..place + 2).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(value) => *octet = value,
            Err(_) => return &[],
        }
    }
    pins
}
