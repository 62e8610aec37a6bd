//! The way from a URI to its server.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bare_ws::uri::Uri;

use super::Config;
use crate::gate::Remote;
use crate::proxy::Proxy;
use crate::resolve::Resolver;

/// The way to the server.
impl Config {
    /// Resolves host names with this function, which is given the name and the port as they are in
    /// the URI. An address in a URI is not looked up. Default: the operating system's resolver.
    ///
    /// Of several addresses, each is tried once, as RFC 8305 ("Happy Eyeballs") says: the two families
    /// take turns, beginning with that of the first address; the next attempt begins after 250 ms, or
    /// at once when those before have failed. The first TCP connection is taken, and the other attempts
    /// end at once. One call of `connect` therefore makes at most one connection to an address
    /// (RFC 6455 §4.1), and the handshakes with one alone. For several calls, see
    /// [`one_at_a_time`](Self::one_at_a_time).
    ///
    /// A lookup cannot be interrupted. One that takes longer than
    /// [`connect_timeout`](Self::connect_timeout) continues in its thread, and other connections to the
    /// same name and port wait for that same lookup: those of this `Config` and its clones or, with
    /// the default resolver, of the whole process. At most 16 lookups of a resolver run at a time;
    /// further names wait for one of them to end, and fail with
    /// [`Timeout::Connect`](crate::Timeout::Connect) if none does.
    ///
    /// ```
    /// use bare_ws_std::Config;
    ///
    /// // A test server on this host, whatever name the URI has.
    /// let config = Config::new().resolver(|_, port| Ok(vec![([127, 0, 0, 1], port).into()]));
    /// ```
    #[must_use]
    pub fn resolver(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Some(Resolver::new(lookup));
        self
    }

    /// Connects through this HTTP proxy, by CONNECT (RFC 9110 §9.3.6), for `ws` and `wss`, also after
    /// redirects. TLS is with the server, inside the tunnel, and the proxy looks up the server's name.
    /// Default: none, whatever the environment says; see [`Proxy::from_environment`].
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Calls this function with each TCP connection once it is made, before anything is sent, to
    /// set options of the socket: for `ws` and `wss`, to the server or to the proxy. An error it
    /// returns becomes [`Error::Io`](crate::Error::Io). Default: only `TCP_NODELAY` is set, which
    /// happens before this function is called, too.
    ///
    /// ```
    /// use bare_ws_std::Config;
    ///
    /// let config = Config::new().socket(|tcp| tcp.set_ttl(8));
    /// ```
    #[must_use]
    pub fn socket(
        mut self,
        prepare: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.socket = Some(Arc::new(prepare));
        self
    }

    /// Connects to this address, whatever the URI's host is: nothing is looked up. Host, the SNI and
    /// the name that the server's certificate must have still come from the URI. A
    /// [proxy](Self::proxy) is asked for this address. A different server that a redirect leads to is
    /// looked up. Default: the host's addresses.
    ///
    /// ```
    /// use bare_ws_std::Config;
    ///
    /// // One of several servers behind a name, or one that has no DNS name yet.
    /// let config = Config::new().address(([127, 0, 0, 1], 8443));
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Verifies the server of a `wss` URI by this name: a DNS name, which is also sent as SNI, or an IP
    /// address, which is not sent (RFC 6066 §3). Host stays the URI's; see [`host`](Self::host).
    /// A different server that a redirect leads to is verified by its own name. Default: the URI's
    /// host.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// While another connection of this process with this setting is connecting to one of the same
    /// addresses and ports, waits before connecting until that one is open or has failed, within
    /// [`connect_timeout`](Self::connect_timeout). Through a [proxy](Self::proxy), the names in the URIs
    /// are compared. [`dial`](Self::dial) waits too, and lets others go on when it returns.
    ///
    /// RFC 6455 §4.1 requires this of every client: "There MUST be no more than one connection in a
    /// CONNECTING state." Programs that open many connections to one server at the same time take
    /// longer with it. Default: no.
    #[must_use]
    pub fn one_at_a_time(mut self, waits: bool) -> Self {
        self.one_at_a_time = waits;
        self
    }

    /// The hosts that others must not connect to meanwhile.
    pub(crate) fn remotes(&self, uri: &Uri<'_>, addresses: &[SocketAddr]) -> Option<Vec<Remote>> {
        if !self.one_at_a_time {
            return None;
        }
        let name = || Remote::Name(uri.host().to_ascii_lowercase(), uri.port());
        Some(match (self.hop(uri), self.address) {
            (Some(_), None) => vec![name()],
            (_, Some(address)) => vec![Remote::Address(address)],
            (None, None) => addresses.iter().copied().map(Remote::Address).collect(),
        })
    }

    /// Takes user name and password from the URI, `wss://user:password@example.org/`, and sends
    /// them as Basic authentication (RFC 7617), in the clear over `ws`. In both, `%`, `:`, `@`, `/`,
    /// `?` and `#` must be percent-encoded. If an Authorization was set by [`header`](Self::header), it
    /// is sent instead. Credentials in a redirect's URI are never taken. Default: no; such a URI is
    /// [`UriError::UserInfo`](crate::UriError::UserInfo), since RFC 6455 §3 has no place for them.
    #[must_use]
    pub fn credentials_in_uri(mut self, taken: bool) -> Self {
        self.credentials_in_uri = taken;
        self
    }

    /// Converts international host names of URIs to A-labels (UTS #46, as browsers do):
    /// `wss://bücher.example/` connects to `xn--bcher-kva.example`. Different names may look the
    /// same; show the converted one where that matters. Default: no; such a URI is
    /// [`UriError::HostNotAscii`](crate::UriError::HostNotAscii).
    #[cfg(feature = "idna")]
    #[must_use]
    pub fn idna(mut self, converted: bool) -> Self {
        self.idna = converted;
        self
    }
}
