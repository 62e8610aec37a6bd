//! The two ends of a connection, as zero-sized markers.

/// Which end of the connection a machine plays.
///
/// A client image is built with [`Client`] alone, so it carries no server code.
/// Sealed: RFC 6455 knows two ends.
pub trait Role: sealed::Sealed + Copy + Default + core::fmt::Debug + 'static {
    /// Whether frames that this end sends are masked, and frames that it receives are not.
    ///
    /// RFC 6455 §5.1: "a client MUST mask all frames that it sends to the server"; "A server
    /// MUST NOT mask any frames that it sends to the client."
    const MASKS: bool;
}

/// The end that opened the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client;

/// The end that accepted the connection. It exists as the test peer first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server;

impl Role for Client {
    const MASKS: bool = true;
}

impl Role for Server {
    const MASKS: bool = false;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Client {}
    impl Sealed for super::Server {}
}
