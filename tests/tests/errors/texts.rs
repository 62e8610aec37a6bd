//! What each error says, of what kind it is to `embedded_io_async`, and that no conversion makes another one of it.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use bare_ws::deflate::MemoryTooSmall;
use bare_ws::utf8::InvalidUtf8;
use bare_ws_embassy::SessionError;
use bare_ws_embassy::stream::StreamError;
use embedded_io_async::ErrorKind;

use crate::*;

const BROKEN: ErrorKind = ErrorKind::BrokenPipe;

fn stream_errors() -> Vec<StreamError> {
    let mut all = vec![StreamError::Text];
    all.extend(
        protocol_errors(BROKEN)
            .into_iter()
            .map(StreamError::Connection),
    );
    all
}

fn board_tls_errors() -> Vec<embassy_tls::Error> {
    let plain = |error| match error {
        embassy_tls::Error::Transport(_) => embassy_tls::Error::Transport(BROKEN),
        embassy_tls::Error::Certificate(error) => embassy_tls::Error::Certificate(error),
        embassy_tls::Error::CutInHandshake => embassy_tls::Error::CutInHandshake,
        embassy_tls::Error::Truncated => embassy_tls::Error::Truncated,
        embassy_tls::Error::RecordTooLarge { needed, limit } => {
            embassy_tls::Error::RecordTooLarge { needed, limit }
        }
        embassy_tls::Error::BufferTooSmall { needed } => {
            embassy_tls::Error::BufferTooSmall { needed }
        }
        embassy_tls::Error::Alert(alert) => embassy_tls::Error::Alert(alert),
        embassy_tls::Error::ServerName => embassy_tls::Error::ServerName,
        embassy_tls::Error::Entropy => embassy_tls::Error::Entropy,
        embassy_tls::Error::Closed => embassy_tls::Error::Closed,
        embassy_tls::Error::Protocol(error) => embassy_tls::Error::Protocol(error),
        other => panic!("{other:?}"),
    };
    embassy_tls_errors().into_iter().map(plain).collect()
}

fn connect_errors() -> Vec<ConnectError> {
    let mut all = vec![
        ConnectError::Resolve,
        ConnectError::Connect(BROKEN),
        ConnectError::NotSecure,
        ConnectError::NotWss,
        ConnectError::Tls(BROKEN),
    ];
    all.extend(timeouts().map(ConnectError::Timeout));
    let handshake = handshake_errors(BROKEN).into_iter();
    all.extend(handshake.map(ConnectError::from));
    all
}

/// Those that say more than what is in them.
const fn is_own(error: &ConnectError) -> bool {
    !matches!(error, ConnectError::Timeout(_) | ConnectError::Handshake(_))
}

/// Each error on a line: its type, itself, its kind if it has one, its text.
fn lines() -> Vec<String> {
    fn of<E: Debug + Display>(name: &str, errors: impl IntoIterator<Item = E>) -> Vec<String> {
        let line = |error| format!("{name} {error:?}: {error}");
        errors.into_iter().map(line).collect()
    }
    fn kinds<E: Display + embedded_io_async::Error>(
        name: &str,
        errors: impl IntoIterator<Item = E>,
    ) -> Vec<String> {
        let line = |error: E| format!("{name} {error:?}, {:?}: {error}", error.kind());
        errors.into_iter().map(line).collect()
    }
    let reserved = [3, 7, 11, 16, 255].map(|value| Opcode::try_from(value).expect_err("reserved"));
    let too_small = MemoryTooSmall {
        needed: 9,
        given: 8,
    };
    [
        of("Error", protocol_errors(BROKEN)),
        of("SendError", send_errors()),
        of("HandshakeError", handshake_errors(BROKEN)),
        of("RequestError", request_errors()),
        of("UriError", uri_errors()),
        of("Refusal", refusals()),
        of("negotiate::Refusal", offer_refusals()),
        of("ServerError", server_errors()),
        of("Timeout", timeouts()),
        of("EntropyError", [EntropyError]),
        of("Malformed", [Malformed]),
        of("InvalidUtf8", [InvalidUtf8]),
        of("MemoryTooSmall", [too_small]),
        of("UnregisteredCode", [UnregisteredCode(CloseCode(4000))]),
        of("ReservedOpcode", reserved),
        of(
            "ExchangeError",
            [ExchangeError::Entropy, ExchangeError::Transport(BROKEN)],
        ),
        of("ConnectError", connect_errors().into_iter().filter(is_own)),
        kinds("StreamError", stream_errors()),
        kinds("tls::Error", board_tls_errors()),
    ]
    .concat()
}

/// `BARE_WS_TEXTS=write cargo test -p bare-ws-tests --test errors` writes down what they say now, for whoever looks at
/// the difference.
#[test]
fn each_error_says_what_is_written_down() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors/texts.txt");
    let said = lines();
    if std::env::var("BARE_WS_TEXTS").is_ok_and(|how| how == "write") {
        fs::write(&path, said.join("\n") + "\n").expect("to be written");
    }
    let written = fs::read_to_string(path).expect("the texts");
    for (said, written) in said.iter().zip(written.lines()) {
        assert_eq!(said, written);
    }
    assert_eq!(said.len(), written.lines().count());
    assert!(said.len() > 180, "{}", said.len());
}

#[test]
fn no_conversion_makes_another_error_of_one() {
    for error in connect_errors() {
        assert_eq!(error.map(|it| it), error);
        let mapped = error.map(|_| ErrorKind::NotFound);
        let is_inside = error.to_string().contains("BrokenPipe");
        assert_eq!(mapped != error, is_inside, "{error:?}");
        let status = match error {
            ConnectError::Handshake(HandshakeError::Rejected { status }) => Some(status),
            _ => None,
        };
        assert_eq!(error.status(), status);
        let session = SessionError::from(error);
        assert_eq!(session, SessionError::Connect(error));
        assert_eq!(session.to_string(), error.to_string());
        match error {
            ConnectError::Handshake(inside) => assert_eq!(error.to_string(), inside.to_string()),
            ConnectError::Timeout(inside) => assert_eq!(error.to_string(), inside.to_string()),
            _ => assert!(is_own(&error)),
        }
    }
    for error in protocol_errors(BROKEN) {
        let through = error
            .narrow()
            .map_or_else(ProtocolError::Transport, ProtocolError::widen);
        assert_eq!(through, error);
        let is_over = matches!(
            error,
            ProtocolError::Timeout(_) | ProtocolError::Lost | ProtocolError::Usage(Usage::NotOpen)
        );
        assert_eq!(error.is_over(), is_over, "{error:?}");
        let session = SessionError::from(error);
        assert_eq!(session, SessionError::Connection(error));
        assert_eq!(session.to_string(), error.to_string());
        let stream = StreamError::Connection(error);
        assert_eq!(stream.connection(), Some(&error));
        assert_eq!(stream.to_string(), error.to_string());
    }
    assert_eq!(StreamError::<ErrorKind>::Text.connection(), None);
    for error in handshake_errors(BROKEN) {
        let through = error
            .narrow()
            .map_or_else(HandshakeError::Transport, HandshakeError::widen);
        assert_eq!(through, error);
    }
    for error in uri_errors() {
        let session: SessionError = error.into();
        assert_eq!(session, SessionError::Uri(error));
        assert_eq!(session.to_string(), error.to_string());
        let into: HandshakeError = error.into();
        assert_eq!(into, HandshakeError::Request(RequestError::Uri(error)));
    }
    for error in send_errors() {
        let whole = ProtocolError::<ErrorKind>::from(error);
        assert_eq!(whole.to_string(), error.to_string());
    }
    for error in exchange_errors() {
        let text = error.to_string();
        assert_eq!(ProtocolError::from(error).to_string(), text);
    }
}

/// What lies behind a transport's error is behind each error that has it in it.
#[test]
fn nothing_that_is_behind_an_error_is_lost_on_the_way() {
    let behind = |error: &dyn StdError| error.source().map(ToString::to_string);
    let expected = Some(io::Error::from_raw_os_error(111).to_string());
    let tls = || embassy_tls::Error::Transport(transport());
    assert_eq!(behind(&ProtocolError::Transport(transport())), expected);
    assert_eq!(behind(&HandshakeError::Transport(transport())), expected);
    assert_eq!(behind(&ExchangeError::Transport(transport())), expected);
    assert_eq!(behind(&tls()), expected);
    for error in [
        ConnectError::Connect(tls()),
        ConnectError::Tls(tls()),
        ConnectError::Handshake(HandshakeError::Transport(tls())),
    ] {
        assert_eq!(behind(&error), expected, "{error:?}");
        assert_eq!(behind(&SessionError::Connect(error)), expected);
    }
    let open = || ProtocolError::Transport(transport());
    assert_eq!(behind(&SessionError::Connection(open())), expected);
    assert_eq!(behind(&StreamError::Connection(open())), expected);
}

/// Feature `defmt`: each error can be logged, and so can what stands in this list.
#[test]
fn what_is_logged_has_a_format() {
    const OTHERS: &[&str] = &[
        "Agreed",
        "Backoff",
        "Chunk",
        "Clock",
        "CloseCode",
        "CloseStatus",
        "Date",
        "End",
        "Event",
        "Frame",
        "FrameHeader",
        "KeepAlive",
        "MaskingKey",
        "Message",
        "MessageKind",
        "Offer",
        "Opcode",
        "Parameter",
        "Phase",
        "Progress",
        "Timing",
    ];
    let mut formatted = BTreeSet::new();
    let mut errors = BTreeSet::new();
    for package in ["core/src", "embassy-adapter/src"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(package);
        let mut folders = vec![root];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = fs::read_to_string(&path).expect("a source");
                let mut derives = false;
                for line in source.lines() {
                    let line = line.trim_start();
                    let of = |prefix: &str| {
                        let name = line.strip_prefix(prefix)?.rsplit("for ").next()?;
                        Some(
                            name.chars()
                                .take_while(|c| c.is_alphanumeric())
                                .collect::<String>(),
                        )
                    };
                    derives |= line.contains("derive(defmt::Format)");
                    for kind in ["pub enum ", "pub struct ", "impl defmt::Format for "] {
                        if let Some(name) = of(kind).filter(|_| derives || kind.contains("Format"))
                        {
                            formatted.insert((path.clone(), name));
                            derives = false;
                        }
                    }
                    let is_error =
                        line.starts_with("impl") && line.contains("core::error::Error for ");
                    if let Some(name) = of("impl").filter(|_| is_error) {
                        errors.insert((path.clone(), name));
                    }
                }
            }
        }
    }
    let without: Vec<_> = errors.difference(&formatted).collect();
    assert!(without.is_empty(), "{without:?}");
    let others: Vec<_> = formatted
        .difference(&errors)
        .map(|(_, name)| name.as_str())
        .collect();
    let expected: BTreeSet<_> = OTHERS.iter().copied().collect();
    assert_eq!(others.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(errors.len() > 15, "{errors:?}");
}
