//! What can go wrong with TLS, sorted by who can do something about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem;

/// Why there is no TLS connection, or why it failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file of certificates or of a key cannot be used.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// An environment variable that says whom to trust names nothing of the kind.
    Environment {
        /// `SSL_CERT_FILE` or `SSL_CERT_DIR`.
        variable: &'static str,
        /// What it says.
        path: PathBuf,
        /// Why that cannot be used.
        error: pem::Error,
    },
    /// What was configured cannot be.
    Setup(rustls::Error),
    /// The host of the URI is neither a DNS name nor an IP address.
    ServerName,
    /// The server's certificates do not make it the server that was asked for.
    Certificate {
        /// The host of the URI; empty where the caller made the connection.
        host: String,
        /// Why.
        error: CertificateError,
    },
    /// The transport ended inside the handshake.
    CutInHandshake,
    /// The transport ended without close_notify: what arrived may be cut short (RFC 8446 §6.1).
    Truncated,
    /// The peer ended the connection with an alert.
    Alert(rustls::AlertDescription),
    /// Anything else that rustls would not go on with.
    Protocol(rustls::Error),
}

/// Why a chain of certificates is refused (RFC 5280, RFC 6125).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate is not for this server's name or address.
    WrongName,
    /// No path leads to a trusted root.
    UnknownIssuer,
    /// A certificate of the path has expired.
    Expired,
    /// A certificate of the path is not valid yet.
    NotYetValid,
    /// An issuer that is no certification authority.
    IssuerNotCa,
    /// A signature does not verify.
    BadSignature,
    /// The key must not be used for server authentication.
    ExtendedKeyUsage,
    /// A name outside what an issuer may certify.
    NameConstraint,
    /// A certificate was revoked.
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

    /// Whether the transport ended too early.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self, Self::CutInHandshake | Self::Truncated)
    }

    /// The same, of a connection to `host`.
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
            Self::ServerName => Self::ServerName,
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

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::Certificate {
                host: String::new(),
                error: error.into(),
            },
            rustls::Error::AlertReceived(alert) => Self::Alert(alert),
            error => Self::Protocol(error),
        }
    }
}

impl From<rustls::CertificateError> for CertificateError {
    fn from(error: rustls::CertificateError) -> Self {
        use rustls::CertificateError as E;
        match error {
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::WrongName,
            E::UnknownIssuer => Self::UnknownIssuer,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::BadSignature => Self::BadSignature,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::ExtendedKeyUsage,
            E::Revoked => Self::Revoked,
            E::Other(other) => match other.0.downcast_ref() {
                Some(webpki::Error::EndEntityUsedAsCa) => Self::IssuerNotCa,
                Some(webpki::Error::NameConstraintViolation) => Self::NameConstraint,
                _ => Self::Other(E::Other(other)),
            },
            error => Self::Other(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Environment {
                variable,
                path,
                error,
            } => write!(f, "{variable} is {:?}: {error}", path.display()),
            Self::Setup(error) | Self::Protocol(error) => error.fmt(f),
            Self::ServerName => f.write_str("the host is neither a DNS name nor an IP address"),
            Self::Certificate { host, error } if host.is_empty() => error.fmt(f),
            Self::Certificate { host, error } => {
                write!(f, "the certificate of {host:?} is refused: {error}")
            }
            Self::CutInHandshake => f.write_str("the transport ended inside the TLS handshake"),
            Self::Truncated => f.write_str("the transport ended without close_notify"),
            Self::Alert(alert) => write!(f, "TLS alert {alert:?}"),
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongName => "it is for another name",
            Self::UnknownIssuer => "no path to a trusted root",
            Self::Expired => "a certificate of the path has expired",
            Self::NotYetValid => "a certificate of the path is not valid yet",
            Self::IssuerNotCa => "an issuer is no certification authority",
            Self::BadSignature => "a signature of the chain does not verify",
            Self::ExtendedKeyUsage => "a key that is not for server authentication",
            Self::NameConstraint => "a name outside what its issuer may certify",
            Self::Revoked => "a certificate was revoked",
            Self::Other(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Each is shown already.
            Self::File { error, .. } | Self::Environment { error, .. } => error.source(),
            Self::Setup(error) | Self::Protocol(error) => error.source(),
            Self::Certificate { .. }
            | Self::ServerName
            | Self::CutInHandshake
            | Self::Truncated
            | Self::Alert(_) => None,
        }
    }
}

impl std::error::Error for CertificateError {}
