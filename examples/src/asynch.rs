//! Echo by a task that waits.
use crate::Closed;
use crate::options::Options;
use bare_ws_std::Error;
/// [`crate::echo`] over the core's asynchronous loop.
///
/// # Errors
/// As there.
pub fn echo(options: &Options, uri: &str) -> Result<Closed, Error> {
    crate::blocking::echo(options, uri)
}
