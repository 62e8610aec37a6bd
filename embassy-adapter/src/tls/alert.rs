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

#[cfg(test)]
mod tests {
    use embedded_tls::alert::AlertDescription as A;

    use super::*;
    use crate::tls::Date;

    /// RFC 8446 §6.2: what each reason is told as. What is not a server's fault is told to nobody.
    #[test]
    fn each_reason_has_its_alert() {
        use CertificateError as C;
        let [not_after, not_before, at] = [Date::from_unix_seconds(0); 3];
        let certificates = [
            (C::Missing, A::DecodeError),
            (C::TooMany, A::CertificateUnknown),
            (C::Malformed, A::BadCertificate),
            (C::Version, A::UnsupportedCertificate),
            (C::WrongName, A::BadCertificate),
            (C::UnknownIssuer, A::UnknownCa),
            (C::Expired { not_after, at }, A::CertificateExpired),
            (C::NotYetValid { not_before, at }, A::CertificateExpired),
            (C::Validity, A::CertificateExpired),
            (C::IssuerNotCa, A::CertificateUnknown),
            (C::CaAsServer, A::CertificateUnknown),
            (C::PathLength, A::CertificateUnknown),
            (C::NameConstraint, A::CertificateUnknown),
            (C::KeyUsage, A::UnsupportedCertificate),
            (C::ExtendedKeyUsage, A::UnsupportedCertificate),
            (C::CriticalExtension, A::UnsupportedCertificate),
            (C::BadSignature, A::BadCertificate),
            (C::Algorithm, A::UnsupportedCertificate),
            (C::TooComplex, A::CertificateUnknown),
            (C::NotPinned, A::CertificateUnknown),
            (C::Unproven, A::DecryptError),
        ];
        let certificates =
            certificates.map(|(error, alert)| (Error::Certificate(error), Some(alert)));
        let (needed, limit) = (9, 8);
        let others = [
            (
                Error::RecordTooLarge { needed, limit },
                Some(A::RecordOverflow),
            ),
            (Error::Protocol(TlsError::DecodeError), Some(A::DecodeError)),
            (
                Error::Protocol(TlsError::AbortHandshake(
                    AlertLevel::Fatal,
                    A::IllegalParameter,
                )),
                Some(A::IllegalParameter),
            ),
            (
                Error::Protocol(TlsError::InvalidRecord),
                Some(A::UnexpectedMessage),
            ),
            (
                Error::Protocol(TlsError::UnknownContentType),
                Some(A::UnexpectedMessage),
            ),
            (
                Error::Protocol(TlsError::InvalidCipherSuite),
                Some(A::HandshakeFailure),
            ),
            (Error::CutInHandshake, None),
            (Error::Truncated, None),
            (Error::BufferTooSmall { needed }, None),
            (Error::Alert(A::HandshakeFailure), None),
            (Error::ServerName, None),
            (Error::Entropy, None),
            (Error::Closed, None),
            (Error::Transport(embedded_io_async::ErrorKind::Other), None),
        ];
        for (error, alert) in certificates.into_iter().chain(others) {
            let told = error.alert().map(|alert| alert as u8);
            assert_eq!(told, alert.map(|alert| alert as u8), "{error:?}");
        }
    }
}
