//! Who sees what passes.

use std::sync::Arc;

use super::Config;
use crate::observer::Observed;

/// What is shown of connections.
impl Config {
    /// Calls this function with the header of each frame that passes, in both directions, control
    /// frames and the fragments of messages among them; it sees no payload. A header of the server's
    /// that breaks a rule is not shown, and nothing behind it: the error of the receive says which
    /// rule. Default: none.
    ///
    /// It is called by whoever sends or receives, who waits for it, as everybody else on that
    /// connection may have to. It must not use the connection itself.
    ///
    /// ```
    /// use bare_ws_std::{Config, Direction};
    ///
    /// let config = Config::new().observer(|frame| {
    ///     let arrow = match frame.direction {
    ///         Direction::Sent => "->",
    ///         Direction::Received => "<-",
    ///     };
    ///     let header = frame.header;
    ///     eprintln!("{arrow} {:?} fin={} {} octets", header.opcode, header.fin, header.len);
    /// });
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn observer(mut self, observe: impl Fn(&Observed) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observe));
        self
    }
}
