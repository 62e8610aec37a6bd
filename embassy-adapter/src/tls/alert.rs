//! What a server is told that is refused.

use core::pin::pin;

use embassy_futures::{poll_once, yield_now};
use embedded_io_async::Write;
use embedded_tls::TlsError;
use embedded_tls::alert::{AlertDescription, AlertLevel};

use super::error::{CertificateError, Error};

/// Sends an alert, as far as that goes without waiting: the reason is known, and the caller is told
/// at once.
///
/// It is in the clear, since embedded-tls keeps the keys to itself. A server cannot know whether its
/// client got as far as the keys, so it takes such an alert as long as nothing else was sent under
/// them.
pub(super) async fn send<Out: Write>(writer: &mut Out, description: AlertDescription) {
    // RFC 8446 §5.1 and §6: an alert of TLSPlaintext, legacy_record_version 0x0303, two octets.
    let record = [21, 3, 3, 0, 2, AlertLevel::Fatal as u8, description as u8];
    let mut sending = pin!(async {
        writer.write_all(&record).await?;
        writer.flush().await
    });
    if poll_once(sending.as_mut()).is_ready() {
        // The network's task may run after this one: it sends the alert before whoever made the
        // transport resets it.
        yield_now().await;
        yield_now().await;
    }
}

impl<T> Error<T> {
    /// What RFC 8446 §6.2 has for it. `None`: there is nobody to tell, or nothing.
    pub(super) fn alert(&self) -> Option<AlertDescription> {
        match self {
            Self::Certificate(error) => Some(error.alert()),
            Self::RecordTooLarge { .. } => Some(AlertDescription::RecordOverflow),
            Self::Protocol(TlsError::AbortHandshake(_, description)) => Some(*description),
            Self::Protocol(TlsError::DecodeError | TlsError::ParseError(_)) => {
                Some(AlertDescription::DecodeError)
            }
            Self::Protocol(TlsError::InvalidRecord | TlsError::UnknownContentType) => {
                Some(AlertDescription::UnexpectedMessage)
            }
            Self::Protocol(_) => Some(AlertDescription::HandshakeFailure),
            _ => None,
        }
    }
}

impl CertificateError {
    const fn alert(&self) -> AlertDescription {
        match self {
            // RFC 8446 §4.4.2.4: "If the server supplies an empty Certificate message, the client MUST
            // abort the handshake with a "decode_error" alert."
            Self::Missing => AlertDescription::DecodeError,
            Self::UnknownIssuer => AlertDescription::UnknownCa,
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::Validity => {
                AlertDescription::CertificateExpired
            }
            Self::Version
            | Self::KeyUsage
            | Self::ExtendedKeyUsage
            | Self::CriticalExtension
            | Self::Algorithm => AlertDescription::UnsupportedCertificate,
            Self::Malformed | Self::WrongName | Self::BadSignature => {
                AlertDescription::BadCertificate
            }
            Self::Unproven => AlertDescription::DecryptError,
            Self::TooMany
            | Self::IssuerNotCa
            | Self::CaAsServer
            | Self::PathLength
            | Self::NameConstraint
            | Self::TooComplex
            | Self::NotPinned => AlertDescription::CertificateUnknown,
        }
    }
}
