//! What can go wrong between a socket and a verified TLS connection.

use core::fmt;

use embedded_tls::TlsError;
use embedded_tls::alert::AlertDescription;

/// Why a TLS connection was not made, or why it failed. `T` is the transport's own error.
///
/// Nothing was written to, and nothing read from, a peer that did not prove who it is.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<T> {
    /// The server's certificates do not make it the server that was asked for.
    Certificate(CertificateError),
    /// The transport ended inside the handshake.
    CutInHandshake,
    /// The transport ended without close_notify: what arrived may be cut short (RFC 8446 §6.1).
    Truncated,
    /// A record longer than a buffer: `needed` octets of record payload, `limit` fit.
    RecordTooLarge {
        /// Octets of the record behind its header.
        needed: usize,
        /// Octets that the smallest buffer on the way takes.
        limit: usize,
    },
    /// A buffer handed in is too small to begin with.
    BufferTooSmall {
        /// Octets needed.
        needed: usize,
    },
    /// The server ended the handshake with an alert.
    Alert(AlertDescription),
    /// The name of the server is neither a DNS name nor an IP address.
    ServerName,
    /// The source of entropy failed. Nothing was sent.
    Entropy,
    /// The connection was closed, or failed before.
    Closed,
    /// What the peer sent is not TLS 1.3 as this end speaks it.
    Protocol(TlsError),
    /// The transport's own error.
    Transport(T),
}

/// Why a chain of certificates is refused (RFC 5280, RFC 6125, RFC 8446 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateError {
    /// The server sent no certificate.
    Missing,
    /// More certificates than [`MAX_INTERMEDIATES`](super::MAX_INTERMEDIATES) and a leaf.
    TooMany,
    /// Not a certificate, or one outside RFC 5280.
    Malformed,
    /// Not a version 3 certificate.
    Version,
    /// The certificate is not for this server: no dNSName or iPAddress of its subjectAltName
    /// matches. The common name is never looked at (RFC 6125 §6.4.4).
    WrongName,
    /// No path leads to a trust anchor.
    UnknownIssuer,
    /// A certificate of the path has expired.
    Expired,
    /// A certificate of the path is not valid yet.
    NotYetValid,
    /// A certificate whose validity ends before it begins.
    Validity,
    /// An issuer that is no certification authority (RFC 5280 §4.2.1.9): what a forger has who
    /// holds any certificate of the same authority.
    IssuerNotCa,
    /// The certificate of the server is one of a certification authority.
    CaAsServer,
    /// More authorities below an issuer than it allows (RFC 5280 §4.2.1.9).
    PathLength,
    /// A name outside what an issuer may certify (RFC 5280 §4.2.1.10).
    NameConstraint,
    /// The key must not be used so: keyCertSign for an issuer, digitalSignature for the server
    /// (RFC 5280 §4.2.1.3).
    KeyUsage,
    /// The key must not be used for server authentication (RFC 5280 §4.2.1.12).
    ExtendedKeyUsage,
    /// A critical extension that is not understood (RFC 5280 §4.2).
    CriticalExtension,
    /// A signature of the chain does not verify.
    BadSignature,
    /// A key or signature algorithm that this build does not have.
    Algorithm,
    /// Building the path took more signatures than a board should be made to check.
    TooComplex,
    /// The key of the server is not the pinned one.
    NotPinned,
    /// The server did not prove that it holds the key of its certificate: its CertificateVerify
    /// does not verify, or it sent none (RFC 8446 §4.4.3).
    Unproven,
}

impl<T> Error<T> {
    /// An error of embedded-tls, once the certificates are known not to be the cause.
    pub(super) fn from_tls(error: TlsError) -> Self {
        match error {
            TlsError::HandshakeAborted(_, description) => Self::Alert(description),
            TlsError::ConnectionClosed | TlsError::MissingHandshake => Self::Closed,
            other => Self::Protocol(other),
        }
    }
}

impl<T: embedded_io_async::Error> embedded_io_async::Error for Error<T> {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        use embedded_io_async::ErrorKind;
        match self {
            Self::CutInHandshake | Self::Truncated => ErrorKind::ConnectionAborted,
            Self::RecordTooLarge { .. } | Self::BufferTooSmall { .. } => ErrorKind::OutOfMemory,
            Self::Closed => ErrorKind::NotConnected,
            Self::ServerName => ErrorKind::InvalidInput,
            Self::Certificate(_) => ErrorKind::PermissionDenied,
            Self::Alert(_) | Self::Protocol(_) => ErrorKind::InvalidData,
            Self::Entropy => ErrorKind::Other,
            Self::Transport(error) => error.kind(),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Error<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(error) => return error.fmt(f),
            Self::CutInHandshake => "the transport ended inside the TLS handshake",
            Self::Truncated => "the transport ended without close_notify",
            Self::RecordTooLarge { needed, limit } => {
                return write!(
                    f,
                    "a TLS record of {needed} octets, the buffers take {limit}"
                );
            }
            Self::BufferTooSmall { needed } => {
                return write!(f, "the buffer must hold {needed} octets");
            }
            Self::Alert(description) => return write!(f, "TLS alert {description:?}"),
            Self::ServerName => "the server name is neither a DNS name nor an IP address",
            Self::Entropy => "the source of entropy failed",
            Self::Closed => "the TLS connection is closed",
            Self::Protocol(error) => return write!(f, "TLS: {error:?}"),
            Self::Transport(error) => return error.fmt(f),
        })
    }
}

impl<T: fmt::Debug + fmt::Display> core::error::Error for Error<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Certificate(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the server sent no certificate",
            Self::TooMany => "the server sent too many certificates",
            Self::Malformed => "a malformed certificate",
            Self::Version => "not a version 3 certificate",
            Self::WrongName => "the certificate is for another name",
            Self::UnknownIssuer => "no path to a trust anchor",
            Self::Expired => "a certificate has expired",
            Self::NotYetValid => "a certificate is not valid yet",
            Self::Validity => "a certificate whose validity ends before it begins",
            Self::IssuerNotCa => "an issuer is no certification authority",
            Self::CaAsServer => "the certificate of an authority in the place of a server's",
            Self::PathLength => "more authorities in the path than allowed",
            Self::NameConstraint => "a name outside what its issuer may certify",
            Self::KeyUsage => "a key used against its keyUsage",
            Self::ExtendedKeyUsage => "a key that is not for server authentication",
            Self::CriticalExtension => "a critical extension that is not understood",
            Self::BadSignature => "a signature of the chain does not verify",
            Self::Algorithm => "a signature algorithm that is not supported",
            Self::TooComplex => "too many signatures to check",
            Self::NotPinned => "the key of the server is not the pinned one",
            Self::Unproven => "the server did not prove that it holds its key",
        })
    }
}

impl core::error::Error for CertificateError {}
