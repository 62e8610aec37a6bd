//! The command line given to the emulator, as `key=value` words.

use core::{cell::Cell, mem::MaybeUninit, str::FromStr};

use critical_section::Mutex;
use semihosting::sys::arm_compat::sys_get_cmdline_uninit;
use static_cell::ConstStaticCell;

/// The longest command line in octets, the terminating NUL included.
const LIMIT: usize = 512;

/// `key=value` words separated by blanks.
#[derive(Clone, Copy, Debug)]
pub struct Arguments(&'static str);

impl Arguments {
    /// Asks the emulator for the command line. Empty if there is none, if it is longer than
    /// 511 octets, or if it is not UTF-8.
    pub fn read() -> Self {
        static READ: Mutex<Cell<Option<Arguments>>> = Mutex::new(Cell::new(None));
        critical_section::with(|cs| {
            let read = READ.borrow(cs);
            let arguments = read.get().unwrap_or_else(Self::ask);
            read.set(Some(arguments));
            arguments
        })
    }

    fn ask() -> Self {
        static LINE: ConstStaticCell<[MaybeUninit<u8>; LIMIT]> =
            ConstStaticCell::new([MaybeUninit::uninit(); LIMIT]);
        let line = LINE
            .try_take()
            .and_then(|line| sys_get_cmdline_uninit(line).ok());
        Self(line.map_or("", |line| str::from_utf8(line).unwrap_or_default()))
    }

    /// The value of `key`, if it was given.
    pub fn value(&self, key: &str) -> Option<&'static str> {
        self.0
            .split_ascii_whitespace()
            .filter_map(|word| word.split_once('='))
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The value of `key` as a number, or whatever else it can be parsed into.
    pub fn parsed<T: FromStr>(&self, key: &str) -> Option<T> {
        self.value(key)?.parse().ok()
    }
}
