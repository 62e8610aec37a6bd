//! What is said of a state, by Debug and by errors.

use crate::*;

/// A generator with a state that nobody may see.
#[derive(Debug)]
struct Secret(#[expect(dead_code, reason = "it is for Debug")] &'static str);

impl Entropy for Secret {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(77);
        Ok(())
    }
}

// row: TRAP-30
#[test]
fn no_key_no_payload_and_no_generator_stands_in_debug_output() {
    assert_eq!(format!("{:?}", MaskingKey::new([77; 4])), "MaskingKey");
    let mut incoming = b"\x81\x09SECRETkey\x89\x09SECRETkey\x81\x03abc".to_vec();
    incoming.extend(b"\x01\x09SECRETkey");
    let mut connection = asynch::Connection::new(
        Transport::new(&incoming).halves(),
        Receiver::<Client, _>::new(vec![0xa5; 64]),
        Sender::<Client, _, _>::new(vec![0xa5; 139], Secret("SECRETkey")),
    );
    // The transport is its owner's to show.
    let mut shown = format!("{:?} {:?}", connection.reader, connection.writer.sender());
    block_on(connection.recv()).unwrap();
    let reader = &connection.reader;
    shown += &format!("{reader:?} {:?}", reader.receiver());
    block_on(connection.recv()).unwrap();
    connection
        .writer
        .sender_mut()
        .begin_frame(MessageKind::Text, 100)
        .unwrap();
    connection.writer.sender_mut().frame_payload(b"SECRETkey");
    let sender = connection.writer.sender();
    shown += &format!("{sender:?} {:?}", connection.reader);
    // As text, as octets, masked: in no form.
    let octets = format!("{:?}", b"SECRET");
    for secret in ["SECRET", "77, 77", octets.trim_matches(['[', ']'])] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("Receiver") && shown.contains("Sender"));
}

// row: SEED-30, TRAP-30
#[test]
fn every_error_says_something_and_has_its_close_code() {
    let errors: Vec<(Error, Option<u16>)> = vec![
        (Violation::ReservedBit.into(), Some(1002)),
        (Violation::ReservedOpcode.into(), Some(1002)),
        (Violation::Masked.into(), Some(1002)),
        (Violation::NotMasked.into(), Some(1002)),
        (Violation::LengthNotMinimal.into(), Some(1002)),
        (Violation::LengthTopBit.into(), Some(1002)),
        (Violation::ControlTooLong.into(), Some(1002)),
        (Violation::ControlFragmented.into(), Some(1002)),
        (Violation::UnexpectedContinuation.into(), Some(1002)),
        (Violation::ExpectedContinuation.into(), Some(1002)),
        (Violation::ClosePayload.into(), Some(1002)),
        (Violation::CloseCode(CloseCode(1005)).into(), Some(1002)),
        (Violation::CloseReason.into(), Some(1007)),
        (Violation::InvalidUtf8.into(), Some(1007)),
        (Violation::CorruptCompression.into(), Some(1007)),
        (
            Error::TooLong {
                needed: 11,
                limit: 10,
            },
            Some(1009),
        ),
        (Error::OutOfMemory { needed: 10 }, Some(1009)),
        (Error::TooManyFragments { limit: 3 }, Some(1008)),
        (Usage::NotOpen.into(), None),
        (Usage::ControlTooLong.into(), None),
        (Usage::ReasonTooLong.into(), None),
        (Usage::CloseCode(CloseCode(1006)).into(), None),
        (Usage::ReasonWithoutCode.into(), None),
        (Usage::MessageOpen.into(), None),
        (Usage::NothingToContinue.into(), None),
        (Usage::InterruptedMessage.into(), None),
        (Usage::BufferTooSmall { needed: 131 }.into(), None),
        (Usage::Busy.into(), None),
        (Usage::MixedLevels.into(), None),
        (Usage::PiecesOnly.into(), None),
        (Error::Entropy, None),
        (Error::Lost, None),
    ];
    let mut words: Vec<String> = errors.iter().map(|(error, _)| error.to_string()).collect();
    for (error, code) in &errors {
        assert_eq!(error.close_code().map(u16::from), *code, "{error:?}");
        assert!(
            error.to_string().is_ascii() && error.to_string().len() > 10,
            "{error:?}"
        );
    }
    words.sort();
    let all = words.len();
    words.dedup();
    assert_eq!(words.len(), all, "two errors in the same words");
    let transport: Error<bare_ws_tests::io::IoError> =
        Error::Transport(bare_ws_tests::io::IoError::Broken);
    assert_eq!(transport.to_string(), "broken");
    // What is shown is not told again.
    assert!(core::error::Error::source(&transport).is_none());
}
