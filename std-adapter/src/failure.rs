//! What a stream's error was, to be told again: a connection says the same from then on.

use std::io;

#[cfg(feature = "rustls")]
use crate::tls::TlsError;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The operating system's, by its code.
    System(i32),
    #[cfg(feature = "rustls")]
    Tls(TlsError),
    /// A stream's own, by its kind and its words.
    Other(io::ErrorKind, String),
}

impl Failure {
    pub(crate) fn of(error: &io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return Self::System(code);
        }
        #[cfg(feature = "rustls")]
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref())
            && let Some(error) = TlsError::again(error)
        {
            return Self::Tls(error);
        }
        Self::Other(error.kind(), error.to_string())
    }

    pub(crate) fn again(&self) -> io::Error {
        match self {
            Self::System(code) => io::Error::from_raw_os_error(*code),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => match error.again() {
                Some(error) => error.into_io(),
                None => io::ErrorKind::Other.into(),
            },
            Self::Other(kind, words) => io::Error::new(*kind, words.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_again_by_its_code_or_its_words() {
        for error in [
            io::Error::from_raw_os_error(104),
            io::ErrorKind::TimedOut.into(),
            io::Error::other("a proxy's own words"),
        ] {
            let failure = Failure::of(&error);
            for again in [failure.again(), failure.again()] {
                assert_eq!(again.kind(), error.kind());
                assert_eq!(again.raw_os_error(), error.raw_os_error());
                assert_eq!(again.to_string(), error.to_string());
            }
        }
    }

    #[cfg(feature = "rustls")]
    #[test]
    fn one_of_tls_stays_one_of_tls() {
        use rustls::{AlertDescription, Error};

        for error in [
            TlsError::Truncated,
            TlsError::CutInHandshake,
            TlsError::Alert(AlertDescription::BadRecordMac),
            TlsError::Protocol(Error::DecryptError),
            TlsError::NotTls,
            TlsError::of_server(
                Error::InvalidCertificate(rustls::CertificateError::Expired),
                true,
            ),
        ] {
            let told = format!("{error:?}");
            let failure = Failure::of(&error.into_io());
            let again: TlsError = failure.again().downcast().unwrap();
            assert_eq!(format!("{again:?}"), told);
        }
    }
}
