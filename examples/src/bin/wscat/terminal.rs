//! A terminal is left as it was found, also when a connection ends while somebody types.

#[cfg(unix)]
use std::io::{self, Write};

/// How the terminal was in the beginning.
pub(crate) struct Terminal {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Terminal {
    #[cfg(unix)]
    pub(crate) fn remember() -> Self {
        let before = rustix::termios::tcgetattr(io::stdin()).ok();
        Self { before }
    }

    /// Where a terminal has other means, the shell sees to it.
    #[cfg(not(unix))]
    pub(crate) fn remember() -> Self {
        Self {}
    }

    /// The line that was being typed is gone.
    #[cfg(unix)]
    pub(crate) fn restore(self) {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let Some(before) = self.before else {
            return;
        };
        let now = tcgetattr(io::stdin());
        if now.is_ok_and(|now| now.local_modes != before.local_modes) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
            // Without the line, and without what marks what is pasted.
            let _ = io::stdout().write_all(b"\r\x1b[K\x1b[?2004l");
            let _ = io::stdout().flush();
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn restore(self) {}
}
