//! Connections over embassy-net: names by DNS, TCP, addresses of IPv4 and, with feature `ipv6`,
//! of IPv6.
//!
//! ```ignore
//! let socket = Socket::new(stack, &mut rx, &mut tx);
//! let uri = Uri::parse("ws://broker.example/telemetry")?;
//! let (mut connection, _) = net::connect(
//!     (stack, &socket),
//!     &Request::new(uri),
//!     (),
//!     Receiver::new(&mut receive[..]),
//!     Sender::new(&mut transmit[..], entropy),
//!     &Timing::default(),
//! )
//! .await?;
//! ```

mod connect;
mod socket;

pub use connect::{connect, dial};
pub use socket::Socket;

/// A connection over a [`Socket`], with its memory borrowed.
pub type Connection<'s, 'n, E> =
    crate::Connection<&'s Socket<'n>, &'s Socket<'n>, &'s mut [u8], &'s mut [u8], E>;
