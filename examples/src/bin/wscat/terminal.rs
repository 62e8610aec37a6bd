//! A terminal is left as it was found, also when a connection ends while somebody types.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the terminal was in the beginning, and whether lines are being read from it.
pub(crate) struct Terminal {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
    typing: Mutex<Typing>,
}

#[derive(Default)]
struct Typing {
    /// The terminal is, or is just about to be, in the hands of the line editor.
    is_editing: bool,
    has_ended: bool,
}

impl Terminal {
    /// As it is now.
    pub(crate) fn remember() -> Self {
        Self {
            #[cfg(unix)]
            before: rustix::termios::tcgetattr(std::io::stdin()).ok(),
            typing: Mutex::default(),
        }
    }

    /// Whether a line may be read: not any more once the terminal has been restored. Behind it
    /// comes [`end_line`](Self::end_line).
    pub(crate) fn begin_line(&self) -> bool {
        let mut typing = self.typing();
        typing.is_editing = !typing.has_ended;
        typing.is_editing
    }

    /// The line has been read.
    pub(crate) fn end_line(&self) {
        self.typing().is_editing = false;
    }

    fn typing(&self) -> MutexGuard<'_, Typing> {
        self.typing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(unix)]
mod unix {
    use std::io::{self, Write};
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    use super::Terminal;

    /// The most that the line editor takes to get from being about to read to reading.
    const BEGINNING: Duration = Duration::from_millis(200);

    impl Terminal {
        /// Makes it what it was. The line that was being typed is gone.
        pub(crate) fn restore(&self) {
            let Some(before) = &self.before else {
                return;
            };
            self.typing().has_ended = true;
            let until = Instant::now() + BEGINNING;
            while self.typing().is_editing && !is_changed(before) && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            if is_changed(before) {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
                // Without the line, and without marks around what is pasted.
                let _ = io::stdout().write_all(b"\r\x1b[K\x1b[?2004l");
                let _ = io::stdout().flush();
            }
        }
    }

    fn is_changed(before: &Termios) -> bool {
        tcgetattr(io::stdin()).is_ok_and(|now| now.local_modes != before.local_modes)
    }
}

#[cfg(not(unix))]
impl Terminal {
    /// Where a terminal has other means, the shell sees to it.
    pub(crate) fn restore(&self) {
        self.typing().has_ended = true;
    }
}
