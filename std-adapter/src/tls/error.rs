//! What can go wrong with TLS, sorted by who can do something about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::InvalidMessage;
use rustls::pki_types::{UnixTime, pem};

/// Why there is no TLS connection, or why it failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file of certificates, or of a key, cannot be used.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// An environment variable that says whom to trust names no certificates.
    Environment {
        /// `SSL_CERT_FILE` or `SSL_CERT_DIR`.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
        /// Why that cannot be used.
        error: pem::Error,
    },
    /// A root certificate given to [`TlsBuilder`](super::TlsBuilder) cannot be used.
    Root(rustls::Error),
    /// The client certificate given to [`TlsBuilder`](super::TlsBuilder), or its key, cannot be
    /// used.
    ClientCertificate(rustls::Error),
    /// TLS cannot be configured.
    Setup(rustls::Error),
    /// The host is neither a DNS name nor an IP address.
    ServerName {
        /// The host, as it was given.
        host: String,
    },
    /// What the server sent is not TLS. Perhaps the port expects `ws://`.
    NotTls,
    /// The server's certificate does not prove that it is the one that was asked for.
    Certificate {
        /// The host that was asked for.
        host: String,
        /// Why.
        error: CertificateError,
    },
    /// The transport ended during the handshake.
    CutInHandshake,
    /// The transport ended without close_notify, so what arrived may be incomplete (RFC 8446 §6.1).
    Truncated,
    /// The server ended the connection with an alert.
    Alert(rustls::AlertDescription),
    /// The server violated the TLS protocol, or has no parameters in common with us.
    Protocol(rustls::Error),
}

/// Why a chain of certificates is rejected (RFC 5280, RFC 6125).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate is not valid for the server's name or address.
    WrongName {
        /// The names and addresses that it is valid for.
        names: Vec<String>,
    },
    /// No path leads to a trusted root: the certificate is self-signed, its authority is not trusted,
    /// or the server did not send the certificates in between.
    UnknownIssuer,
    /// A certificate of the chain has expired.
    Expired {
        /// Until when it was valid, if that is known.
        not_after: Option<SystemTime>,
    },
    /// A certificate of the chain is not valid yet.
    NotYetValid {
        /// From when it is valid, if that is known.
        not_before: Option<SystemTime>,
    },
    /// An issuer is not a certification authority.
    IssuerNotCa,
    /// The server's certificate is that of a certification authority.
    CaAsServer,
    /// A signature of the chain is wrong.
    BadSignature,
    /// The certificate must not be used for server authentication.
    ExtendedKeyUsage,
    /// A name is outside what an issuer may certify.
    NameConstraint,
    /// A certificate of the chain was revoked.
    Revoked,
    /// Anything else.
    Other(rustls::CertificateError),
}

impl TlsError {
    pub(super) fn file(path: &Path, error: pem::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }

    pub(super) fn environment(variable: &'static str, path: &Path, error: pem::Error) -> Self {
        Self::Environment {
            variable,
            path: path.to_owned(),
            error,
        }
    }

    /// An error of rustls about what the server sent. The `host` is known to whoever connects.
    pub(crate) fn of_server(error: rustls::Error, is_handshaking: bool) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::Certificate {
                host: String::new(),
                error: error.into(),
            },
            rustls::Error::AlertReceived(alert) => Self::Alert(alert),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) if is_handshaking => {
                Self::NotTls
            }
            error => Self::Protocol(error),
        }
    }

    /// Whether the transport ended too early.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self, Self::CutInHandshake | Self::Truncated)
    }

    /// The same error, of a connection to `host`.
    pub(crate) fn with_host(self, host: &str) -> Self {
        match self {
            Self::Certificate { error, .. } => Self::Certificate {
                host: host.to_owned(),
                error,
            },
            error => error,
        }
    }

    /// The same once more, for one that an open connection can give.
    pub(crate) fn again(&self) -> Option<Self> {
        Some(match self {
            Self::Certificate { host, error } => Self::Certificate {
                host: host.clone(),
                error: error.clone(),
            },
            Self::CutInHandshake => Self::CutInHandshake,
            Self::Truncated => Self::Truncated,
            Self::Alert(alert) => Self::Alert(*alert),
            Self::Setup(error) => Self::Setup(error.clone()),
            Self::Protocol(error) => Self::Protocol(error.clone()),
            Self::Root(error) => Self::Root(error.clone()),
            Self::ClientCertificate(error) => Self::ClientCertificate(error.clone()),
            Self::ServerName { host } => Self::ServerName { host: host.clone() },
            Self::NotTls => Self::NotTls,
            Self::File { .. } | Self::Environment { .. } => return None,
        })
    }

    pub(crate) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Truncated | Self::CutInHandshake => io::ErrorKind::UnexpectedEof,
            Self::Alert(_) => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

impl From<rustls::CertificateError> for CertificateError {
    fn from(error: rustls::CertificateError) -> Self {
        use rustls::CertificateError as E;
        match error {
            E::NotValidForName => Self::WrongName { names: Vec::new() },
            E::NotValidForNameContext { presented, .. } => Self::WrongName {
                names: presented.iter().map(|name| bare(name)).collect(),
            },
            E::UnknownIssuer => Self::UnknownIssuer,
            E::Expired => Self::Expired { not_after: None },
            E::ExpiredContext { not_after, .. } => Self::Expired {
                not_after: moment(not_after),
            },
            E::NotValidYet => Self::NotYetValid { not_before: None },
            E::NotValidYetContext { not_before, .. } => Self::NotYetValid {
                not_before: moment(not_before),
            },
            E::BadSignature => Self::BadSignature,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::ExtendedKeyUsage,
            E::Revoked => Self::Revoked,
            E::Other(other) => match other.0.downcast_ref() {
                Some(webpki::Error::EndEntityUsedAsCa) => Self::IssuerNotCa,
                Some(webpki::Error::CaUsedAsEndEntity) => Self::CaAsServer,
                Some(webpki::Error::NameConstraintViolation) => Self::NameConstraint,
                _ => Self::Other(E::Other(other)),
            },
            error => Self::Other(error),
        }
    }
}

/// webpki gives `DnsName("host.example")` and `IpAddress(127.0.0.1)`.
fn bare(name: &str) -> String {
    let name = name.split_once('(').map_or(name, |(_, name)| name);
    name.trim_end_matches(')').trim_matches('"').to_owned()
}

fn moment(time: UnixTime) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()))
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => {
                write!(f, "cannot use the file {:?}: {}", path.display(), Pem(error))
            }
            Self::Environment {
                variable,
                path,
                error,
            } => write!(
                f,
                "{variable} names {:?}, which cannot be used: {}",
                path.display(),
                Pem(error)
            ),
            Self::Root(error) => write!(f, "cannot use a root certificate: {}", Own(error)),
            Self::ClientCertificate(error) => {
                write!(f, "cannot use the client certificate: {}", Own(error))
            }
            Self::Setup(error) => write!(f, "cannot configure TLS: {error}"),
            Self::ServerName { host } => {
                write!(f, "{host:?} is neither a DNS name nor an IP address")
            }
            Self::NotTls => {
                f.write_str("the response is not TLS; if the port expects none, use ws://")
            }
            Self::Certificate { host, error } => {
                write!(f, "the certificate of {host:?} is rejected: {error}")
            }
            Self::CutInHandshake => f.write_str(
                "the connection ended during the TLS handshake; if the port expects no TLS, use ws://",
            ),
            Self::Truncated => {
                f.write_str("the connection ended without close_notify; data may be missing")
            }
            Self::Alert(alert) => write!(f, "the server sent a TLS alert: {}", Words(alert)),
            Self::Protocol(error) => write!(f, "TLS failed: {error}"),
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongName { names } => {
                f.write_str("it is not valid for that name")?;
                for (number, name) in names.iter().take(NAMES).enumerate() {
                    f.write_str(if number == 0 { ", only for " } else { ", " })?;
                    write!(f, "{name:?}")?;
                }
                return match names.len().checked_sub(NAMES) {
                    Some(more @ 1..) => write!(f, " and {more} more"),
                    _ => Ok(()),
                };
            }
            Self::UnknownIssuer => {
                "no path leads to a trusted root (Tls::builder can trust another one)"
            }
            Self::Expired { not_after } => {
                f.write_str("it or one of its issuers has expired")?;
                return not_after.map_or(Ok(()), |time| write!(f, " on {}", Utc(time)));
            }
            Self::NotYetValid { not_before } => {
                f.write_str("it or one of its issuers is not valid yet")?;
                return not_before.map_or(Ok(()), |time| {
                    write!(f, ", but from {} on; is the clock right?", Utc(time))
                });
            }
            Self::IssuerNotCa => "an issuer is not a certification authority",
            Self::CaAsServer => {
                "it is that of a certification authority, not of a server (see TlsBuilder::pin)"
            }
            Self::BadSignature => "a signature of the chain is wrong",
            Self::ExtendedKeyUsage => "it must not be used for server authentication",
            Self::NameConstraint => "a name is outside what its issuer may certify",
            Self::Revoked => "it or one of its issuers was revoked",
            Self::Other(error) => return Own(error).fmt(f),
        })
    }
}

/// The most names of a certificate that are shown.
const NAMES: usize = 5;

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // rustls shows the system's error, and says nothing of what lies behind it.
            Self::File { error, .. } | Self::Environment { error, .. } => match error {
                pem::Error::Io(error) => error.source(),
                error => error.source(),
            },
            _ => None,
        }
    }
}

impl std::error::Error for CertificateError {}

/// An error of a PEM file, which must say what was looked for.
struct Pem<'a>(&'a pem::Error);

impl fmt::Display for Pem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            pem::Error::NoItemsFound => f.write_str("no PEM block of the expected kind in it"),
            error => error.fmt(f),
        }
    }
}

/// An error of rustls about a certificate, without what rustls says before it: that it is a peer's,
/// which one of our own is not.
struct Own<'a, E>(&'a E);

impl fmt::Display for Own<'_, rustls::Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rustls::Error::InvalidCertificate(error) => Own(error).fmt(f),
            rustls::Error::InconsistentKeys(_) => f.write_str("it does not match the key"),
            error => error.fmt(f),
        }
    }
}

impl fmt::Display for Own<'_, rustls::CertificateError> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rustls::CertificateError::Other(other) => Words(&other.0).fmt(f),
            error => Words(error).fmt(f),
        }
    }
}

/// The name of a variant in words: `BadEncoding` is "bad encoding". What is in it is not shown.
struct Words<E>(E);

impl<E: fmt::Debug> fmt::Display for Words<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let shown = format!("{:?}", self.0);
        let name = shown.split(|c: char| !c.is_alphanumeric()).next();
        for (place, character) in name.unwrap_or_default().char_indices() {
            if place > 0 && character.is_uppercase() {
                f.write_char(' ')?;
            }
            f.write_char(character.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// A time as RFC 3339 has it, in UTC and to the second.
struct Utc(SystemTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        // Years begin in March, so that the leap day is their last, and are counted in cycles of
        // 400 from the year 0 on: 719 468 days before 1970.
        let days = days + 719_468;
        let (cycle, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // March is 0. Five months have 153 days.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..10 => (400 * cycle + year, month + 3),
            _ => (400 * cycle + year + 1, month - 9),
        };
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_786_123, "2000-02-29T01:02:03Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let time = moment(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
            assert_eq!(Utc(time.unwrap()).to_string(), shown);
        }
    }

    #[test]
    fn what_a_server_sent_has_its_name_and_its_kind() {
        let lawless = || rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        let alert = rustls::AlertDescription::HandshakeFailure;
        let other = |error| {
            let other = rustls::OtherError(std::sync::Arc::new(error));
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))
        };
        let is_constraint = |error: &TlsError| {
            let TlsError::Certificate { error, .. } = error else {
                return false;
            };
            matches!(error, CertificateError::NameConstraint)
        };
        type Row = (rustls::Error, bool, fn(&TlsError) -> bool, io::ErrorKind);
        let table: [Row; 4] = [
            (
                lawless(),
                true,
                |error| matches!(error, TlsError::NotTls),
                io::ErrorKind::InvalidData,
            ),
            (
                lawless(),
                false,
                |error| matches!(error, TlsError::Protocol(_)),
                io::ErrorKind::InvalidData,
            ),
            (
                rustls::Error::AlertReceived(alert),
                false,
                |error| matches!(error, TlsError::Alert(_)),
                io::ErrorKind::ConnectionAborted,
            ),
            (
                other(webpki::Error::NameConstraintViolation),
                true,
                is_constraint,
                io::ErrorKind::InvalidData,
            ),
        ];
        for (given, is_handshaking, is_right, kind) in table {
            let error = TlsError::of_server(given, is_handshaking);
            assert!(is_right(&error), "{error:?}");
            assert_eq!(error.into_io().kind(), kind);
        }
    }

    #[test]
    fn certificates_are_refused_in_words() {
        let root = TlsError::Root(rustls::CertificateError::BadEncoding.into());
        assert!(root.to_string().contains("bad encoding"), "{root}");
    }

    #[test]
    fn a_file_without_certificates_is_said_to_have_none() {
        let error = TlsError::file(Path::new("ca.der"), pem::Error::NoItemsFound);
        assert_eq!(
            error.to_string(),
            "cannot use the file \"ca.der\": no PEM block of the expected kind in it"
        );
    }

    #[test]
    fn names_of_certificates_are_bare() {
        for (given, shown) in [
            ("DnsName(\"*.host.example\")", "*.host.example"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("IpAddress(::1)", "::1"),
            ("DirectoryName", "DirectoryName"),
        ] {
            assert_eq!(bare(given), shown);
        }
    }
}
