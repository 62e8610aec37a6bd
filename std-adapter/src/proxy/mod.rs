//! HTTP proxies: which of them leads to a server, and what it is asked.

mod except;
mod tunnel;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bare_ws::handshake::accept::base64;
use bare_ws::uri::{Uri, UriError};

use crate::config::Config;
use crate::error::Error;
use except::Exceptions;
pub use tunnel::ProxyError;
pub(crate) use tunnel::tunnel;
#[cfg(feature = "tokio")]
pub(crate) use tunnel::{Answer, READ, read_some, written_some};

/// HTTP proxies that connections are tunnelled through, and the servers that need none.
///
/// ```no_run
/// use bare_ws_std::{Config, Error, Proxy};
///
/// fn main() -> Result<(), Error> {
///     let proxy = Proxy::new("http://user:password@proxy.example:3128")?.except("localhost, 10.0.0.0/8");
///     let mut socket = Config::new().proxy(proxy).connect("wss://example.org/feed")?;
///     println!("{:?}", socket.recv()?);
///     Ok(())
/// }
/// ```
///
/// Credentials are sent to the proxy alone, and `Debug` does not show them. A header field of the
/// [`Config`] is sent to the server alone.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    plain: Option<Arc<Hop>>,
    secure: Option<Arc<Hop>>,
    exceptions: Exceptions,
}

/// Why a text is not a proxy's URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyUriError {
    /// Its scheme is not `http`: a proxy that is reached by TLS, or speaks SOCKS, is not supported.
    Scheme,
    /// A `%` in the user name or the password is not followed by two hexadecimal digits, one of
    /// them contains a control character, or the user name contains a colon (RFC 7617 §2).
    UserInfo,
    /// The host or the port is invalid.
    Host(UriError),
    /// Something follows the port.
    Path,
}

impl Proxy {
    /// The proxy for all connections: `http://host:port`, or `http://user:password@host:port` for
    /// Basic authentication (RFC 7617). Port 80 and the scheme may be left out. In the user name and
    /// the password `%`, `@`, `:`, `/`, `?` and `#` are percent-encoded.
    ///
    /// # Errors
    /// [`Error::ProxyUri`].
    pub fn new(uri: &str) -> Result<Self, Error> {
        let hop = Hop::parse(uri).map_err(|error| Error::ProxyUri {
            variable: None,
            error,
        })?;
        let hop = Some(Arc::new(hop));
        Ok(Self {
            plain: hop.clone(),
            secure: hop,
            exceptions: Exceptions::default(),
        })
    }

    /// What the environment says, with the variables that curl knows: `http_proxy` for `ws`,
    /// `https_proxy` or `HTTPS_PROXY` for `wss`, `all_proxy` or `ALL_PROXY` for what those do not
    /// name, and `no_proxy` or `NO_PROXY` as in [`except`](Self::except). A variable that is empty
    /// counts as not set, and without any there is no proxy. `HTTP_PROXY` is not read: a CGI program
    /// is sent it by whoever sends it a request.
    ///
    /// # Errors
    /// [`Error::ProxyUri`].
    pub fn from_environment() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// Connects without the proxy to these servers, in addition to those of earlier calls: names,
    /// which include all names below them, addresses and networks (`10.0.0.0/8`), each with a port
    /// (`localhost:8080`) or for all, between commas or spaces. `*` is every server. Names are
    /// compared as they are written; nothing is looked up.
    #[must_use]
    pub fn except(mut self, servers: &str) -> Self {
        self.exceptions.add(servers);
        self
    }

    fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let value = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = get(name).filter(|value| !value.is_empty())?;
                Some((*name, value.to_string_lossy().into_owned()))
            })
        };
        let hop = |names: &[&'static str]| {
            let Some((name, value)) = value(names) else {
                return Ok(None);
            };
            let hop = Hop::parse(&value).map_err(|error| Error::ProxyUri {
                variable: Some(name),
                error,
            })?;
            Ok::<_, Error>(Some(Arc::new(hop)))
        };
        let proxy = Self {
            plain: hop(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            secure: hop(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            exceptions: Exceptions::default(),
        };
        Ok(match value(&["no_proxy", "NO_PROXY"]) {
            Some((_, servers)) => proxy.except(&servers),
            None => proxy,
        })
    }
}

impl Config {
    /// The proxy that leads to the server of `uri`.
    pub(crate) fn hop(&self, uri: &Uri<'_>) -> Option<&Hop> {
        let proxy = self.proxy.as_ref()?;
        let hop = if uri.is_secure() {
            &proxy.secure
        } else {
            &proxy.plain
        };
        let hop = hop.as_deref()?;
        let direct = proxy.exceptions.include(uri.host(), uri.port());
        (!direct).then_some(hop)
    }
}

/// One proxy.
pub(crate) struct Hop {
    host: String,
    port: u16,
    /// The value of Proxy-Authorization.
    authorization: Option<String>,
}

impl Hop {
    fn parse(text: &str) -> Result<Self, ProxyUriError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(ProxyUriError::Scheme),
            None => text,
        };
        let (rest, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(path, "" | "/") {
            return Err(ProxyUriError::Path);
        }
        let (userinfo, address) = match rest.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, rest),
        };
        let uri = format!("ws://{address}");
        let uri = Uri::parse(&uri).map_err(ProxyUriError::Host)?;
        Ok(Self {
            host: uri.host().to_owned(),
            port: uri.port(),
            authorization: userinfo.map(basic).transpose()?,
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The head of the request for a tunnel (RFC 9110 §9.3.6). RFC 9112 §3.2.3: "a client MUST send
    /// only the host and port of the tunnel destination"; the port is never left out.
    pub(crate) fn request(&self, uri: &Uri<'_>, address: Option<SocketAddr>) -> Vec<u8> {
        let server = match address {
            Some(address) => address.to_string(),
            None => format!("{}:{}", uri.host_literal(), uri.port()),
        };
        let authorization = match &self.authorization {
            Some(value) => format!("Proxy-Authorization: {value}\r\n"),
            None => String::new(),
        };
        format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n{authorization}\r\n").into_bytes()
    }
}

/// The credentials are a secret.
impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.authorization.is_some())
            .finish()
    }
}

/// RFC 7617 §2: the user name and the password with a colon between them, in base64.
pub(crate) fn basic(userinfo: &str) -> Result<String, ProxyUriError> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let (user, password) = (decoded(user)?, decoded(password)?);
    let is_control = |octet: &u8| octet.is_ascii_control();
    if user.contains(&b':') || user.iter().chain(&password).any(is_control) {
        return Err(ProxyUriError::UserInfo);
    }
    let pair = [user.as_slice(), b":", &password].concat();
    let mut letters = vec![0; pair.len().div_ceil(3) * 4];
    base64(&pair, &mut letters);
    Ok(format!("Basic {}", String::from_utf8_lossy(&letters)))
}

/// RFC 3986 §2.1.
fn decoded(text: &str) -> Result<Vec<u8>, ProxyUriError> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16);
        octets.push(match octet {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => (high << 4 | low) as u8,
                _ => return Err(ProxyUriError::UserInfo),
            },
            octet => octet,
        });
    }
    Ok(octets)
}

impl fmt::Display for ProxyUriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("only http:// proxies are supported"),
            Self::UserInfo => f.write_str(
                "the user name or password of the proxy is invalid; percent-encode % and :",
            ),
            Self::Host(error) => write!(f, "the address of the proxy is invalid: {error}"),
            Self::Path => f.write_str(
                "the URI of the proxy ends with its port; percent-encode / ? # in a password",
            ),
        }
    }
}

impl std::error::Error for ProxyUriError {}

#[cfg(test)]
mod tests {
    use super::*;
    use ProxyUriError as E;

    /// What the hop for a URI is, as `host:port authorization`.
    fn via(proxy: &Proxy, uri: &str) -> Option<String> {
        let config = Config::new().proxy(proxy.clone());
        let hop = config.hop(&Uri::parse(uri).unwrap())?;
        let authorization = hop.authorization.as_deref().unwrap_or_default();
        Some(format!("{}:{} {authorization}", hop.host, hop.port))
    }

    // row: REQ-15
    #[test]
    fn a_proxy_is_what_its_uri_says() {
        for (text, wanted) in [
            ("http://proxy:3128", "proxy:3128 "),
            ("HTTP://proxy/", "proxy:80 "),
            ("proxy.example:8080", "proxy.example:8080 "),
            ("http://[::1]:1", "::1:1 "),
            // RFC 7617 §2.
            (
                "http://Aladdin:open%20sesame@p:1",
                "p:1 Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            ("http://test:123%C2%A3@p:1", "p:1 Basic dGVzdDoxMjPCow=="),
            ("u@p:1", "p:1 Basic dTo="),
            ("u:a@b:c@p:1", "p:1 Basic dTphQGI6Yw=="),
        ] {
            let proxy = Proxy::new(text).unwrap();
            for uri in ["ws://a/", "wss://a/"] {
                assert_eq!(via(&proxy, uri).as_deref(), Some(wanted), "{text}");
            }
        }
        for (text, wanted) in [
            ("https://proxy:1", E::Scheme),
            ("socks5://proxy:1", E::Scheme),
            ("", E::Host(UriError::HostMissing)),
            ("http://", E::Host(UriError::HostMissing)),
            ("http://u:p@", E::Host(UriError::HostMissing)),
            ("http://p:0", E::Host(UriError::Port)),
            ("http://p:x", E::Host(UriError::Port)),
            ("http://p\r\nX: y:1", E::Host(UriError::Host)),
            ("http://[::1:1", E::Host(UriError::Ipv6)),
            ("http://p:1/path", E::Path),
            ("http://u:a/b@p:1", E::Path),
            ("http://u:%4@p:1", E::UserInfo),
            ("http://u:%zz@p:1", E::UserInfo),
            ("http://a%3Ab:c@p:1", E::UserInfo),
            ("http://u:%0d%0aX@p:1", E::UserInfo),
        ] {
            match Proxy::new(text) {
                Err(Error::ProxyUri {
                    variable: None,
                    error,
                }) => assert_eq!(error, wanted, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    // row: REQ-15
    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        // The variables, the proxy for ws, the proxy for wss.
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[], None, None),
            (&[("http_proxy", "a:1")], Some("a:1 "), None),
            (&[("HTTP_PROXY", "a:1")], None, None),
            (&[("https_proxy", "a:1")], None, Some("a:1 ")),
            (&[("HTTPS_PROXY", "a:1")], None, Some("a:1 ")),
            (
                &[("HTTPS_PROXY", "b:1"), ("https_proxy", "a:1")],
                None,
                Some("a:1 "),
            ),
            (&[("all_proxy", "a:1")], Some("a:1 "), Some("a:1 ")),
            (
                &[("ALL_PROXY", "a:1"), ("http_proxy", "b:1")],
                Some("b:1 "),
                Some("a:1 "),
            ),
            (
                &[("https_proxy", ""), ("ALL_PROXY", "a:1")],
                Some("a:1 "),
                Some("a:1 "),
            ),
            (&[("ALL_PROXY", "a:1"), ("no_proxy", "host")], None, None),
            (
                &[("ALL_PROXY", "a:1"), ("NO_PROXY", "host:443")],
                Some("a:1 "),
                None,
            ),
        ];
        for (variables, plain, secure) in cases {
            let get = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let proxy = Proxy::from_variables(get).unwrap();
            assert_eq!(
                via(&proxy, "ws://host/").as_deref(),
                *plain,
                "{variables:?}"
            );
            assert_eq!(
                via(&proxy, "wss://host/").as_deref(),
                *secure,
                "{variables:?}"
            );
        }
        let wrong =
            |name: &str| (name == "ALL_PROXY").then(|| OsString::from("socks5://u:s3cret@p"));
        let error = Proxy::from_variables(wrong).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("ALL_PROXY") && !text.contains("s3cret"),
            "{text}"
        );
    }

    // row: REQ-16
    #[test]
    fn credentials_are_not_shown() {
        let config = Config::new().proxy(Proxy::new("http://us3r:s3cret@p:1").unwrap());
        let shown = format!("{config:?}");
        assert!(shown.contains("has_credentials: true"), "{shown}");
        for secret in ["us3r", "s3cret", "Basic"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
