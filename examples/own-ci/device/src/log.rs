//! A log that goes to the server.

use core::cell::RefCell;
use core::fmt::{self, Write as _};

use bare_ws_embassy::CriticalSectionRawMutex;
use embassy_sync::{blocking_mutex::Mutex, signal::Signal};
use heapless::{Deque, String};

/// The last `LINES` lines, of `LENGTH` octets each, that were not sent yet. When there is no room the oldest goes, and the next
/// line that is sent says how many went: a device that was away for long tells of the present.
///
/// It is a `log::Log`, to be kept in a `static` and given to `log::set_logger` (on a processor without compare-and-swap
/// `log::set_logger_racy`).
pub struct RemoteLog<const LINES: usize, const LENGTH: usize> {
    state: Mutex<CriticalSectionRawMutex, RefCell<State<LINES, LENGTH>>>,
    written: Signal<CriticalSectionRawMutex, ()>,
}

struct State<const LINES: usize, const LENGTH: usize> {
    lines: Deque<String<LENGTH>, LINES>,
    /// The number of the first of them, from start-up.
    first: u32,
    /// How many went that nobody was told of.
    lost: u32,
}

/// A line to be sent.
#[derive(Clone, Debug)]
pub struct Line<const LENGTH: usize> {
    text: String<LENGTH>,
    number: u32,
    lost: u32,
}

impl<const LINES: usize, const LENGTH: usize> RemoteLog<LINES, LENGTH> {
    /// An empty log.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: Mutex::new(RefCell::new(State {
                lines: Deque::new(),
                first: 0,
                lost: 0,
            })),
            written: Signal::new(),
        }
    }

    /// Adds a line; what is longer than `LENGTH` is cut. Never waits.
    pub fn add(&self, line: fmt::Arguments<'_>) {
        let mut cut = Cut(String::new());
        // What does not fit is left out, and a failing Display of the caller's is not worth more.
        let _ = cut.write_fmt(line);
        self.state.lock(|state| {
            let state = &mut *state.borrow_mut();
            if state.lines.is_full() {
                state.lines.pop_front();
                state.first = state.first.wrapping_add(1);
                state.lost = state.lost.saturating_add(1);
            }
            let _ = state.lines.push_back(cut.0);
        });
        self.written.signal(());
    }

    /// Waits for the oldest line. It stays until it was [`sent`](Self::sent).
    ///
    /// # Cancel safety
    /// Dropped at any point, nothing is lost. One task at a time waits.
    pub async fn next(&self) -> Line<LENGTH> {
        loop {
            let line = self.state.lock(|state| {
                let state = state.borrow();
                state.lines.front().map(|text| Line {
                    text: text.clone(),
                    number: state.first,
                    lost: state.lost,
                })
            });
            match line {
                Some(line) => return line,
                None => self.written.wait().await,
            }
        }
    }

    /// The line is out, and with it how many had gone before.
    pub fn sent(&self, line: &Line<LENGTH>) {
        self.state.lock(|state| {
            let state = &mut *state.borrow_mut();
            state.lost = state.lost.saturating_sub(line.lost);
            if state.first == line.number {
                state.lines.pop_front();
                state.first = state.first.wrapping_add(1);
            } else {
                // It went while it was on its way, and counts as lost.
                state.lost = state.lost.saturating_sub(1);
            }
        });
    }
}

impl<const LINES: usize, const LENGTH: usize> Default for RemoteLog<LINES, LENGTH> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const LINES: usize, const LENGTH: usize> log::Log for RemoteLog<LINES, LENGTH> {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.add(*record.args());
    }

    fn flush(&self) {}
}

impl<const LENGTH: usize> Line<LENGTH> {
    /// The line as it is sent: `temperature=21`, or `[3 lines lost] temperature=21`.
    pub fn write(&self, text: &mut impl fmt::Write) {
        // What does not fit is cut.
        let _ = match self.lost {
            0 => text.write_str(&self.text),
            lost => write!(text, "[{lost} lines lost] {}", self.text),
        };
    }
}

/// Takes what fits.
struct Cut<const LENGTH: usize>(String<LENGTH>);

impl<const LENGTH: usize> fmt::Write for Cut<LENGTH> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars()
            .try_for_each(|character| self.0.push(character))
            .map_err(|_| fmt::Error)
    }
}
