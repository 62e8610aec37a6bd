//! Who sees what passes.

use std::sync::Arc;

use super::Config;
use crate::observer::Observed;

/// What is shown of connections.
impl Config {
    /// Calls this function with the header of each frame that passes, in both directions, control
    /// frames and the fragments of messages among them; it sees no payload. If a header from the server
    /// breaks a rule, neither it nor anything after it is shown: the receive's error says which rule.
    /// Default: none.
    ///
    /// The call that sends or receives the frame waits for the function, and other calls on that
    /// connection may have to wait, too. The function must not use the connection itself.
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
