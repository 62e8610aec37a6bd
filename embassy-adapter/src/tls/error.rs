//! Everything that can go wrong between a socket and a verified TLS connection.

use core::fmt;

use bare_ws::entropy::EntropyError;
use embedded_io_async::ErrorKind;
use embedded_tls::TlsError;
use embedded_tls::alert::AlertDescription;

/// Why a TLS connection was not made, or why it failed. `T` is the transport's own error: over
/// embassy-net an [`ErrorKind`].
///
/// No application data was sent to a server that did not prove who it is, nor read from one.
/// `Display` includes the error inside, so `source` gives that error's own source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<T = ErrorKind> {
    /// The certificate does not prove that the server is the one that was asked for.
    Certificate(CertificateError),
    /// The transport ended during the handshake.
    CutInHandshake,
    /// The transport ended without close_notify, so what arrived may be incomplete (RFC 8446 §6.1).
    Truncated,
    /// A record is longer than the buffers.
    RecordTooLarge {
        /// The length of the record without its header, in octets.
        needed: usize,
        /// The longest record that the smallest of the buffers holds, in octets.
        limit: usize,
    },
    /// A buffer is too small for any handshake.
    BufferTooSmall {
        /// The smallest size that would do, in octets.
        needed: usize,
    },
    /// The server ended the handshake with an alert.
    Alert(AlertDescription),
    /// The name of the server is neither a DNS name nor an IP address.
    ServerName,
    /// The entropy source failed. Nothing was sent.
    Entropy,
    /// The connection was closed, or has failed before.
    Closed,
    /// The server violated the TLS protocol, or does not speak TLS 1.3 with the parameters that
    /// this end supports.
    Protocol(TlsError),
    /// The transport's own error.
    Transport(T),
}

/// Why a chain of certificates is rejected (RFC 5280, RFC 6125, RFC 8446 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateError {
    /// The server sent no certificate.
    Missing,
    /// More certificates than [`MAX_INTERMEDIATES`](super::MAX_INTERMEDIATES) and a leaf.
    TooMany,
    /// A certificate is malformed by the rules of RFC 5280.
    Malformed,
    /// A certificate is not of version 3.
    Version,
    /// The certificate is not valid for the name of the server: no dNSName or iPAddress of its
    /// subjectAltName matches. The common name is never looked at (RFC 6125 §6.4.4).
    WrongName,
    /// No path leads to a trust anchor.
    UnknownIssuer,
    /// A certificate of the chain has expired.
    Expired {
        /// The date on which it expired.
        not_after: Date,
        /// The date that it was checked for: that of [`Clock`](super::Clock), or without a clock the
        /// beginning of another certificate's validity.
        at: Date,
    },
    /// A certificate of the chain is not valid yet.
    NotYetValid {
        /// The date from which it is valid.
        not_before: Date,
        /// The date that it was checked for, as in [`Expired`](Self::Expired).
        at: Date,
    },
    /// The validity of a certificate ends before it begins.
    Validity,
    /// An issuer is not a certification authority (RFC 5280 §4.2.1.9). Whoever holds any certificate
    /// of an authority could forge others this way.
    IssuerNotCa,
    /// The server's certificate belongs to a certification authority.
    CaAsServer,
    /// More authorities below an issuer than it allows (RFC 5280 §4.2.1.9).
    PathLength,
    /// A name is outside what an issuer may certify (RFC 5280 §4.2.1.10).
    NameConstraint,
    /// The key must not be used this way: keyCertSign for an issuer, digitalSignature for the server
    /// (RFC 5280 §4.2.1.3).
    KeyUsage,
    /// The key must not be used for server authentication (RFC 5280 §4.2.1.12).
    ExtendedKeyUsage,
    /// A critical extension is not supported (RFC 5280 §4.2).
    CriticalExtension,
    /// A signature of the chain is wrong.
    BadSignature,
    /// A key or signature algorithm is not part of this build.
    Algorithm,
    /// The path takes more signatures than a board should be made to verify.
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
    fn kind(&self) -> ErrorKind {
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
            Self::CutInHandshake => "the connection ended during the TLS handshake",
            Self::Truncated => "the connection ended without close_notify; data may be missing",
            Self::RecordTooLarge { needed, limit } => {
                return write!(
                    f,
                    "the server sent a TLS record of {needed} octets, and the buffers hold {limit}"
                );
            }
            Self::BufferTooSmall { needed } => {
                return write!(f, "the TLS buffer must hold at least {needed} octets");
            }
            Self::Alert(description) => {
                return write!(f, "the server sent a TLS alert: {description:?}");
            }
            Self::ServerName => "the host is neither a DNS name nor an IP address",
            Self::Entropy => return EntropyError.fmt(f),
            Self::Closed => "the TLS connection is closed",
            Self::Protocol(error) => return write!(f, "TLS failed: {error:?}"),
            Self::Transport(error) => return error.fmt(f),
        })
    }
}

impl<T: core::error::Error> core::error::Error for Error<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the server sent no certificate",
            Self::TooMany => "the server sent too many certificates",
            Self::Malformed => "the server sent a malformed certificate",
            Self::Version => "the server sent a certificate that is not of version 3",
            Self::WrongName => "the certificate is not valid for the name of the server",
            Self::UnknownIssuer => "no path leads to a trust anchor",
            Self::Expired { not_after, at } => {
                return write!(
                    f,
                    "a certificate of the chain expired on {not_after}; it was checked for {at}"
                );
            }
            Self::NotYetValid { not_before, at } => {
                return write!(
                    f,
                    "a certificate of the chain is not valid before {not_before}; it was checked for {at}"
                );
            }
            Self::Validity => "a certificate ends before it begins",
            Self::IssuerNotCa => "an issuer is not a certification authority",
            Self::CaAsServer => "the certificate is that of an authority, not of a server",
            Self::PathLength => "the path has more authorities than one of them allows",
            Self::NameConstraint => "a name is outside what its issuer may certify",
            Self::KeyUsage => "a key is used in a way that its certificate does not allow",
            Self::ExtendedKeyUsage => "the certificate must not be used for server authentication",
            Self::CriticalExtension => {
                "a certificate has a critical extension that is not supported"
            }
            Self::BadSignature => "a signature of the chain is wrong",
            Self::Algorithm => "a key or signature algorithm is not supported",
            Self::TooComplex => "the chain takes too many signatures to verify",
            Self::NotPinned => "the key of the server is not the pinned one",
            Self::Unproven => "the server did not prove that it holds its key",
        })
    }
}

impl core::error::Error for CertificateError {}

/// A day, in UTC. Shown as `2026-02-28`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Date {
    /// Days since 1970-01-01.
    days: u32,
}

impl Date {
    /// The day of a moment, in seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn from_unix_seconds(seconds: u64) -> Self {
        // A day has 675 times 128 seconds, so no 64-bit division is needed.
        let days = u32::try_from(seconds >> 7).unwrap_or(u32::MAX) / 675;
        Self { days }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counted from 0000-03-01, so that a leap day is the last day of its year. Every 400 years
        // have the same number of days.
        let (eras, day) = (
            (self.days + 719_468) / 146_097,
            (self.days + 719_468) % 146_097,
        );
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // Five months have 153 days.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = 400 * eras + year + next;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// As [`Display`](fmt::Display) shows it, so that `{:?}` of an error has a readable date, too.
impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
