//! What errors say: what happened and what to do about it, each thing once.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts"
)]

mod lists;
mod texts;

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use bare_ws::close::{CloseCode, UnregisteredCode};
use bare_ws::deflate::negotiate::{Parameter, Refusal as OfferRefusal};
use bare_ws::entropy::EntropyError;
use bare_ws::error::{Error as ProtocolError, SendError, Usage, Violation as FrameViolation};
use bare_ws::exchange::ExchangeError;
use bare_ws::handshake::extension::Malformed;
use bare_ws::handshake::server::ServerError;
use bare_ws::handshake::{HandshakeError, Refusal, RequestError, ResponseError};
use bare_ws::opcode::Opcode;
use bare_ws::uri::{Uri, UriError};
use bare_ws_embassy::{ConnectError, tls as embassy_tls};
use bare_ws_std::tls::CertificateError;
use bare_ws_std::{
    Config, Error, ProxyError, ProxyUriError, RedirectError, SettingError, Timeout, TlsError,
};
use rustls::pki_types::pem;

type Boxed = Box<dyn StdError + Send + Sync>;

/// A transport's error with an error behind it.
fn transport() -> io::Error {
    io::Error::other(Outer(io::Error::from_raw_os_error(111)))
}

#[derive(Debug)]
struct Outer(io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the pipe is broken")
    }
}

impl StdError for Outer {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

fn uri_errors() -> Vec<UriError> {
    use UriError as E;
    vec![
        E::Scheme,
        E::Fragment,
        E::UserInfo,
        E::HostMissing,
        E::HostNotAscii,
        E::Host,
        E::Ipv6,
        E::Port,
        E::Resource,
        E::Escape,
    ]
}

fn request_errors() -> Vec<RequestError> {
    use RequestError as E;
    let mut all = vec![
        E::Subprotocol { index: 0 },
        E::SubprotocolRepeated { index: 1 },
        E::HeaderName { index: 0 },
        E::HeaderReserved { index: 0 },
        E::HeaderValue { index: 0 },
        E::Origin,
        E::Extensions,
    ];
    all.extend(
        uri_errors()
            .into_iter()
            .flat_map(|e| [E::Uri(e), E::Host(e)]),
    );
    all
}

fn response_errors() -> Vec<ResponseError> {
    use ResponseError as E;
    vec![
        E::StatusLine,
        E::NotHttp,
        E::Tls,
        E::Field,
        E::LineEnd,
        E::TooManyInterim,
        E::UpgradeMissing,
        E::Upgrade,
        E::UpgradeRepeated,
        E::ConnectionMissing,
        E::AcceptMissing,
        E::Accept,
        E::AcceptRepeated,
        E::SubprotocolMissing,
        E::SubprotocolNotOffered,
        E::SubprotocolRepeated,
        E::ExtensionsMalformed,
        E::ExtensionsRepeated,
    ]
}

fn refusals() -> [Refusal; 5] {
    use Refusal as E;
    [
        E::NotOffered,
        E::Repeated,
        E::UnknownParameter,
        E::Parameter("x"),
        E::Memory("x"),
    ]
}

fn handshake_errors<T>(transport: T) -> Vec<HandshakeError<T>> {
    use HandshakeError as E;
    let mut all = vec![
        E::Entropy,
        E::HeadTooLarge { limit: 9 },
        E::Lost,
        E::Transport(transport),
    ];
    all.extend([200, 302, 401, 404, 503].map(|status| E::Rejected { status }));
    all.extend(request_errors().into_iter().map(E::Request));
    all.extend(response_errors().into_iter().map(E::Response));
    all.extend(refusals().map(E::Extension));
    all
}

fn timeouts() -> [Timeout; 7] {
    use Timeout as E;
    [
        E::Connect,
        E::Handshake,
        E::Silence,
        E::Stall,
        E::KeepAlive,
        E::Close,
        E::Call,
    ]
}

fn usages() -> [Usage; 14] {
    use Usage as E;
    [
        E::NotOpen,
        E::ControlTooLong,
        E::ControlFragmented,
        E::CloseFrame,
        E::ReasonTooLong,
        E::CloseCode(CloseCode::NORMAL),
        E::ReasonWithoutCode,
        E::MessageOpen,
        E::NothingToContinue,
        E::InterruptedMessage,
        E::BufferTooSmall { needed: 14 },
        E::Busy,
        E::MixedLevels,
        E::PiecesOnly,
    ]
}

fn frame_violations() -> [FrameViolation; 15] {
    use FrameViolation as E;
    [
        E::ReservedBit,
        E::ReservedOpcode,
        E::Masked,
        E::NotMasked,
        E::LengthNotMinimal,
        E::LengthTopBit,
        E::ControlTooLong,
        E::ControlFragmented,
        E::UnexpectedContinuation,
        E::ExpectedContinuation,
        E::ClosePayload,
        E::CloseCode(CloseCode::NORMAL),
        E::CloseReason,
        E::InvalidUtf8,
        E::CorruptCompression,
    ]
}

fn protocol_errors<T>(transport: T) -> Vec<ProtocolError<T>> {
    use ProtocolError as E;
    let mut all = vec![
        E::TooLong {
            needed: 9,
            limit: 8,
        },
        E::TooManyFragments { limit: 8 },
        E::OutOfMemory { needed: 9 },
        E::Entropy,
        E::Lost,
        E::Transport(transport),
    ];
    all.extend(timeouts().map(E::Timeout));
    all.extend(frame_violations().map(E::Peer));
    all.extend(usages().map(E::Usage));
    all
}

fn tls_errors() -> Vec<TlsError> {
    use CertificateError as C;
    use TlsError as E;
    let path = || PathBuf::from("/there/roots.pem");
    let file = |error| E::File {
        path: path(),
        error,
    };
    let mut all = vec![
        file(pem::Error::NoItemsFound),
        file(pem::Error::Io(transport())),
        E::Environment {
            variable: "SSL_CERT_FILE",
            path: path(),
            error: pem::Error::Io(transport()),
        },
        E::Setup(rustls::Error::General("x".to_owned())),
        E::ServerName {
            host: "a_b".to_owned(),
        },
        E::NotTls,
        E::Root(rustls::CertificateError::BadEncoding.into()),
        E::ClientCertificate(rustls::CertificateError::BadEncoding.into()),
        E::CutInHandshake,
        E::Truncated,
        E::Alert(rustls::AlertDescription::CertificateRequired),
        E::Protocol(rustls::Error::HandshakeNotComplete),
    ];
    let other = rustls::OtherError(std::sync::Arc::new(transport()));
    let other = rustls::CertificateError::Other(other);
    for error in [
        C::WrongName { names: Vec::new() },
        C::WrongName {
            names: (0..9).map(|n| format!("{n}.example")).collect(),
        },
        C::UnknownIssuer,
        C::Expired { not_after: None },
        C::Expired {
            not_after: Some(UNIX_EPOCH),
        },
        C::NotYetValid { not_before: None },
        C::NotYetValid {
            not_before: Some(UNIX_EPOCH),
        },
        C::CaAsServer,
        C::IssuerNotCa,
        C::BadSignature,
        C::ExtendedKeyUsage,
        C::NameConstraint,
        C::Revoked,
        C::Other(rustls::CertificateError::BadEncoding),
        C::Other(other),
    ] {
        all.push(E::Certificate {
            host: "host.example".to_owned(),
            error,
        });
    }
    all
}

fn std_errors() -> Vec<Error> {
    let host = || "host.example".to_owned();
    let address = "[::1]:80".parse().expect("an address");
    let mut all = vec![
        Error::Credentials,
        Error::Offer(OfferRefusal::Unknown),
        Error::Header {
            name: "X-App".to_owned(),
            error: RequestError::HeaderValue { index: 0 },
        },
        Error::Setting(SettingError::WindowBits { bits: 3 }),
        Error::Setting(SettingError::KeepAlive {
            interval: Duration::from_secs(30),
            dead_after: Duration::from_secs(10),
        }),
        Error::Setting(SettingError::KeepAlive {
            interval: Duration::ZERO,
            dead_after: Duration::from_secs(10),
        }),
        Error::Setting(SettingError::TransmitBuffer {
            octets: 1,
            least: 131,
        }),
        Error::Resolve {
            host: host(),
            proxy: false,
            error: transport(),
        },
        Error::Connect {
            host: host(),
            port: 80,
            proxy: true,
            attempts: vec![(address, transport()), (address, transport())],
        },
        Error::NoTls,
        Error::NotSecure,
        Error::Aborted,
        Error::Redirect(RedirectError::TooMany { limit: 3 }),
        Error::Redirect(RedirectError::Insecure {
            location: "ws://there.example/".to_owned(),
        }),
        Error::Redirect(RedirectError::NoLocation),
        Error::Redirect(RedirectError::Location {
            location: "ftp://there.example/".to_owned(),
        }),
        Error::LostInHandshake { secure: true },
        Error::Io(transport()),
        Error::Io(io::ErrorKind::BrokenPipe.into()),
    ];
    all.extend([
        Error::Proxy(ProxyError::NotHttp),
        Error::Proxy(ProxyError::HeadTooLarge { limit: 9 }),
        Error::Proxy(ProxyError::EarlyOctets),
        Error::Proxy(ProxyError::Lost),
        Error::Proxy(ProxyError::Io(transport())),
    ]);
    for error in [
        ProxyUriError::Scheme,
        ProxyUriError::UserInfo,
        ProxyUriError::Host(UriError::Port),
        ProxyUriError::Path,
    ] {
        for variable in [None, Some("all_proxy")] {
            all.push(Error::ProxyUri { variable, error });
        }
    }
    all.push(Error::Subprotocol {
        name: "a b".to_owned(),
        error: RequestError::Subprotocol { index: 0 },
    });
    all.extend(uri_errors().into_iter().map(Error::Uri));
    all.extend(request_errors().into_iter().map(Error::Request));
    all.extend(tls_errors().into_iter().map(Error::Tls));
    let own = handshake_errors(())
        .into_iter()
        .filter_map(|e| e.narrow().ok());
    all.extend(own.map(Error::from));
    let own = protocol_errors(())
        .into_iter()
        .filter_map(|e| e.narrow().ok());
    all.extend(own.map(Error::from));
    all
}

fn embassy_certificate_errors() -> [embassy_tls::CertificateError; 21] {
    use embassy_tls::CertificateError as E;
    [
        E::Missing,
        E::TooMany,
        E::Malformed,
        E::Version,
        E::WrongName,
        E::UnknownIssuer,
        E::Expired {
            not_after: embassy_tls::Date::from_unix_seconds(0),
            at: embassy_tls::Date::from_unix_seconds(951_782_400),
        },
        E::NotYetValid {
            not_before: embassy_tls::Date::from_unix_seconds(4_102_444_800),
            at: embassy_tls::Date::from_unix_seconds(u64::MAX),
        },
        E::Validity,
        E::IssuerNotCa,
        E::CaAsServer,
        E::PathLength,
        E::NameConstraint,
        E::KeyUsage,
        E::ExtendedKeyUsage,
        E::CriticalExtension,
        E::BadSignature,
        E::Algorithm,
        E::TooComplex,
        E::NotPinned,
        E::Unproven,
    ]
}

fn embassy_tls_errors() -> Vec<embassy_tls::Error<io::Error>> {
    use embassy_tls::Error as E;
    let mut all = vec![
        E::CutInHandshake,
        E::Truncated,
        E::RecordTooLarge {
            needed: 9,
            limit: 8,
        },
        E::BufferTooSmall { needed: 9 },
        E::Alert(embassy_tls::AlertDescription::HandshakeFailure),
        E::ServerName,
        E::Entropy,
        E::Closed,
        E::Protocol(embedded_tls::TlsError::DecodeError),
        E::Transport(transport()),
    ];
    all.extend(embassy_certificate_errors().map(E::Certificate));
    all
}

fn embassy_errors() -> Vec<ConnectError<embassy_tls::Error<io::Error>>> {
    use ConnectError as E;
    let mut all = vec![
        E::Timeout(Timeout::Connect),
        E::Resolve,
        E::Connect(embassy_tls::Error::Transport(transport())),
        E::NotSecure,
        E::NotWss,
    ];
    all.extend(embassy_tls_errors().into_iter().map(E::Tls));
    let handshake = handshake_errors(transport()).into_iter();
    all.extend(handshake.map(|error| E::Handshake(error).map(embassy_tls::Error::Transport)));
    all
}

fn offer_refusals() -> [OfferRefusal; 6] {
    let parameter = Parameter::ServerMaxWindowBits;
    [
        OfferRefusal::Unknown,
        OfferRefusal::Repeated(parameter),
        OfferRefusal::Value(parameter),
        OfferRefusal::NotOffered(parameter),
        OfferRefusal::TooLarge(parameter),
        OfferRefusal::Window(parameter),
    ]
}

fn server_errors() -> [ServerError; 2] {
    [ServerError::Refused { status: 400 }, ServerError::Lost]
}

fn send_errors() -> [SendError; 2] {
    [SendError::Usage(Usage::Busy), SendError::Entropy]
}

fn exchange_errors() -> [ExchangeError<io::Error>; 2] {
    [
        ExchangeError::Entropy,
        ExchangeError::Transport(transport()),
    ]
}

fn all() -> Vec<Boxed> {
    fn boxed<E: StdError + Send + Sync + 'static>(
        errors: impl IntoIterator<Item = E>,
    ) -> Vec<Boxed> {
        errors.into_iter().map(|error| error.into()).collect()
    }
    let reserved = (0..16).filter_map(|bits| Opcode::try_from(bits).err());
    [
        boxed(uri_errors()),
        boxed(request_errors()),
        boxed(response_errors()),
        boxed(handshake_errors(transport())),
        boxed(protocol_errors(transport())),
        boxed(usages()),
        boxed(frame_violations()),
        boxed(refusals()),
        boxed(offer_refusals()),
        boxed([EntropyError]),
        boxed(server_errors()),
        boxed(send_errors()),
        boxed(exchange_errors()),
        boxed(timeouts()),
        boxed([Malformed]),
        boxed([UnregisteredCode(CloseCode(4000))]),
        boxed(embassy_tls_errors()),
        boxed(embassy_errors()),
        boxed(reserved),
        boxed(tls_errors()),
        boxed(std_errors()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
