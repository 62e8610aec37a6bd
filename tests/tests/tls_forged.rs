//! A TLS 1.3 server that leaves out, doubles or forges its proof: what only a server of one's own
//! making can do.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts"
)]

mod tls_forger;
mod tls_pki;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bare_ws_embassy::tls::{
    CertificateError, Client, Clock, Error, Link, Records, Roots, Stream, anchor_from_trusted_cert,
};

use embedded_io_async::Read;
use embedded_tls::TlsError;
use tls_forger::{CLIENT, End, Random, SERVER, Said, Wire, answer, message, sealed, with_length};
use tls_pki::{NOW, Node, server};

const HOST: &str = "host.example.test";

/// A record of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    ClientHello,
    /// In the clear, with its description.
    Alert(u8),
    Protected,
}

impl Sent {
    /// Nothing but what a server that is refused may hear.
    fn is_refusal(records: &[Self]) -> bool {
        matches!(records, [Self::ClientHello, Self::Alert(_)])
    }
}

/// Connects to a server that says so. The verdict, and the records that the client sent.
fn verdict(root: &Node, flight: &[Said<'_>]) -> (Result<(), Error<Infallible>>, Vec<Sent>) {
    connected(root, flight, &[], |_| ())
}

/// Connects to a server that says so, and then sends records of its own making (what is in them,
/// the content type last). What came of the connection, and the records that the client sent.
fn connected<T>(
    root: &Node,
    flight: &[Said<'_>],
    after: &[Vec<u8>],
    then: impl FnOnce(Stream<'_, '_, End, End>) -> T,
) -> (Result<T, Error<Infallible>>, Vec<Sent>) {
    let wire = Wire::shared();
    let anchors = [anchor_from_trusted_cert(&root.der).unwrap()];
    let (mut read, mut write) = ([0; 4096], [0; 1024]);
    let (mut receive, mut transmit) = ([0; 4096], [0; 1024]);
    let mut link = Link::new(&mut receive, &mut transmit);
    let records = Records {
        read: &mut read,
        write: &mut write,
    };
    let client = Client::new(HOST, Roots::new(&anchors, Clock::UnixSeconds(NOW)));
    let mut entropy = Random::default();
    let halves = Wire::halves(&wire);
    let mut connect = pin!(client.connect(&mut link, records, halves, &mut entropy));
    let mut context = Context::from_waker(Waker::noop());
    let hello = connect.as_mut().poll(&mut context);
    assert!(hello.is_pending(), "before the server said anything");
    {
        let mut wire = wire.borrow_mut();
        let answer = answer(&wire.sent[5..], flight);
        wire.coming.extend(answer.octets);
        for (number, plain) in (0..).zip(after) {
            let record = sealed(&answer.secret, number, plain.clone());
            wire.coming.extend(record);
        }
        wire.ended = true;
    }
    let outcome = run(connect).map(then);
    let wire = wire.borrow();
    let (mut rest, mut records) = (&wire.sent[..], Vec::new());
    while let [kind, _, _, high, low, after @ ..] = rest {
        let (record, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        records.push(match (kind, record) {
            (22, [1, ..]) => Sent::ClientHello,
            // Fatal.
            (21, [2, description]) => Sent::Alert(*description),
            (23, _) => Sent::Protected,
            other => panic!("{other:?}"),
        });
        rest = next;
    }
    (outcome, records)
}

// row: SEED-06, REQ-14
#[test]
fn a_handshake_without_proof_is_no_connection() {
    use CertificateError as E;
    use Said::{Certificate, CertificateVerify, Finished};
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    let thief = Node::self_signed(server(&[HOST]));
    let p384 = root.issue_with(server(&[HOST]), &rcgen::PKCS_ECDSA_P384_SHA384);

    let table: Vec<(&str, Vec<Said<'_>>, Result<(), E>)> = vec![
        (
            "as the RFC asks",
            vec![
                Certificate(Some(&honest)),
                CertificateVerify(&honest, SERVER),
                Finished,
            ],
            Ok(()),
        ),
        (
            "as the RFC asks, by P-384",
            vec![
                Certificate(Some(&p384)),
                CertificateVerify(&p384, SERVER),
                Finished,
            ],
            Ok(()),
        ),
        ("nothing but Finished", vec![Finished], Err(E::Missing)),
        (
            "an honest server's certificate, and no proof of the key",
            vec![Certificate(Some(&honest)), Finished],
            Err(E::Unproven),
        ),
        (
            "an honest server's certificate, and another's proof",
            vec![
                Certificate(Some(&honest)),
                CertificateVerify(&thief, SERVER),
                Finished,
            ],
            Err(E::Unproven),
        ),
        (
            "an honest server's certificate, and a proof on another curve",
            vec![
                Certificate(Some(&honest)),
                CertificateVerify(&p384, SERVER),
                Finished,
            ],
            Err(E::Unproven),
        ),
        (
            "a proof made as a client",
            vec![
                Certificate(Some(&honest)),
                CertificateVerify(&honest, CLIENT),
                Finished,
            ],
            Err(E::Unproven),
        ),
        (
            "a proof of no certificate",
            vec![CertificateVerify(&thief, SERVER), Finished],
            Err(E::Unproven),
        ),
        (
            "the proof before the certificate",
            vec![
                CertificateVerify(&honest, SERVER),
                Certificate(Some(&honest)),
                Finished,
            ],
            Err(E::Unproven),
        ),
        (
            "two certificates, the proof of the second",
            vec![
                Certificate(Some(&honest)),
                Certificate(Some(&thief)),
                CertificateVerify(&thief, SERVER),
                Finished,
            ],
            Err(E::Malformed),
        ),
        (
            "another certificate after the proof",
            vec![
                Certificate(Some(&honest)),
                CertificateVerify(&honest, SERVER),
                Certificate(Some(&thief)),
                Finished,
            ],
            Err(E::Malformed),
        ),
        (
            "two proofs, the second another's",
            vec![
                Certificate(Some(&honest)),
                CertificateVerify(&honest, SERVER),
                CertificateVerify(&thief, SERVER),
                Finished,
            ],
            Err(E::Unproven),
        ),
        (
            "the certificate after Finished",
            vec![Finished, Certificate(Some(&honest))],
            Err(E::Unproven),
        ),
        (
            "an empty Certificate",
            vec![Certificate(None), Finished],
            Err(E::Missing),
        ),
    ];
    for (label, flight, expected) in &table {
        let (outcome, records) = verdict(&root, flight);
        match (outcome, expected) {
            (Ok(()), Ok(())) => {
                assert_eq!(
                    records,
                    [Sent::ClientHello, Sent::Protected],
                    "{label}: Finished"
                );
            }
            (Err(Error::Certificate(error)), Err(expected)) => {
                assert_eq!(error, *expected, "{label}");
                let description = match expected {
                    E::Missing => 50,   // decode_error
                    E::Unproven => 51,  // decrypt_error
                    E::Malformed => 42, // bad_certificate
                    other => panic!("{label}: {other:?}"),
                };
                let refused = [Sent::ClientHello, Sent::Alert(description)];
                assert_eq!(records, refused, "{label}: and no more");
            }
            (outcome, _) => panic!("{label}: {outcome:?}"),
        }
    }
}

// row: SEED-06
#[test]
fn no_handshake_message_makes_the_client_panic_or_trust() {
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    let certificate = Said::Certificate(Some(&honest)).encode(&[], &[]);
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(below).unwrap()).unwrap()
    };
    let kinds = [1, 2, 4, 5, 8, 11, 13, 15, 20, 24, 254, 99];
    let mut refused = 0;
    for round in 0..400 {
        let mut octets = certificate.clone();
        match round % 4 {
            // Changed in place.
            0 => {
                for _ in 0..=next(4) {
                    let at = next(octets.len());
                    octets[at] ^= u8::try_from(next(255) + 1).unwrap();
                }
            }
            // Cut short, its length with it or not.
            1 => octets.truncate(1 + next(octets.len() - 1)),
            // Another type of message.
            2 => octets[0] = kinds[next(kinds.len())],
            // Noise behind a header that fits.
            _ => {
                octets = (0..4 + next(200))
                    .map(|_| u8::try_from(next(256)).unwrap())
                    .collect();
                octets[0] = kinds[next(kinds.len())];
                let length = u8::try_from(octets.len() - 4).unwrap();
                octets[1..4].copy_from_slice(&[0, 0, length]);
            }
        }
        if octets == certificate {
            continue;
        }
        let flight = [
            Said::Raw(octets),
            Said::CertificateVerify(&honest, SERVER),
            Said::Finished,
        ];
        let (outcome, records) = verdict(&root, &flight);
        assert!(outcome.is_err(), "round {round}");
        assert!(Sent::is_refusal(&records), "round {round}");
        refused += 1;
    }
    assert!(refused > 390);
}

/// Of a Certificate message no octet can be another, though the server itself has made it so and its
/// CertificateVerify and Finished are right: neither in a length, which embedded-tls does not look at in
/// a header of RFC 8446 §4, nor in what the authority has signed.
// row: SEED-06
#[test]
fn no_octet_of_a_certificate_message_can_be_another() {
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    let certificate = Said::Certificate(Some(&honest)).encode(&[], &[]);
    let length = u32::try_from(certificate.len() - 4).unwrap();
    let mut changed = Vec::new();
    // Type, length, the length of the context, of the list, of the certificate.
    const HEADERS: usize = 4 + 1 + 3 + 3;
    for at in 0..certificate.len() {
        let bits = if at < HEADERS {
            0..8
        } else {
            at % 8..at % 8 + 1
        };
        for bit in bits {
            let mut octets = certificate.clone();
            octets[at] ^= 1 << bit;
            changed.push((format!("bit {bit} of octet {at}"), octets));
        }
    }
    // As long as if the CertificateVerify behind it were a part of it; it has one of three lengths.
    for behind in 78..=80 {
        let mut octets = certificate.clone();
        octets[1..4].copy_from_slice(&(length + behind).to_be_bytes()[1..]);
        changed.push((format!("{behind} octets longer"), octets));
    }
    for (label, octets) in changed {
        let flight = [
            Said::Raw(octets),
            Said::CertificateVerify(&honest, SERVER),
            Said::Finished,
        ];
        let (outcome, records) = verdict(&root, &flight);
        assert!(outcome.is_err(), "{label}");
        assert!(Sent::is_refusal(&records), "{label}");
    }
}

/// RFC 8446 §6: a message that goes on behind what is in it ends the handshake.
// row: SEED-06
#[test]
fn no_message_of_the_handshake_can_be_shorter_than_its_header_says() {
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    let flight = || {
        [
            Said::Certificate(Some(&honest)),
            Said::CertificateVerify(&honest, SERVER),
            Said::Finished,
        ]
    };
    assert!(verdict(&root, &flight()).0.is_ok());
    let lawful = flight();
    for place in 0..lawful.len() {
        for more in [1, 4, 40] {
            let mut flight = flight();
            flight[place] = Said::Longer(&lawful[place], more);
            let (outcome, records) = verdict(&root, &flight);
            assert!(
                matches!(outcome, Err(Error::Protocol(TlsError::InvalidHandshake))),
                "{place}: {outcome:?}"
            );
            assert!(Sent::is_refusal(&records), "{place}");
        }
    }
}

/// RFC 8446 §4.4: nothing but what belongs into a message is in it, though the rest were a message of its
/// own, and only a certificate for a request has a context.
// row: SEED-06
#[test]
fn no_message_of_the_handshake_holds_more_than_belongs_into_it() {
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    let [certificate, proof] = [
        Said::Certificate(Some(&honest)),
        Said::CertificateVerify(&honest, SERVER),
    ];
    let extensions = || message(8, &[0, 0]);
    let plain = certificate.encode(&[], &[]);
    let with_context = message(11, &[&[2, 7, 7], &plain[5..]].concat());
    let flights = [
        [
            Said::Stuffed(&certificate, extensions()),
            Said::Raw(vec![]),
            Said::Finished,
        ],
        [
            Said::Raw(plain),
            Said::Stuffed(&proof, extensions()),
            Said::Finished,
        ],
        [
            Said::Certificate(Some(&honest)),
            Said::CertificateVerify(&honest, SERVER),
            Said::Stuffed(&Said::Finished, extensions()),
        ],
        [
            Said::Raw(with_context),
            Said::CertificateVerify(&honest, SERVER),
            Said::Finished,
        ],
    ];
    for (number, flight) in flights.iter().enumerate() {
        let (outcome, records) = verdict(&root, flight);
        assert!(
            matches!(outcome, Err(Error::Protocol(TlsError::InvalidHandshake))),
            "{number}: {outcome:?}"
        );
        assert!(Sent::is_refusal(&records), "{number}");
    }
}

/// RFC 8446 §4.4.2: a client without a certificate answers a request with an empty Certificate. Whether
/// that will do is for the server to say.
// row: SEED-06
#[test]
fn a_server_may_ask_for_a_certificate_that_there_is_not() {
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    // ecdsa_secp256r1_sha256
    const EXTENSIONS: [u8; 10] = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    let asking = |context: &[u8], extensions: &[u8]| {
        let request = [&with_length(1, context), extensions].concat();
        let flight = [
            Said::Raw(message(13, &request)),
            Said::Certificate(Some(&honest)),
            Said::CertificateVerify(&honest, SERVER),
            Said::Finished,
        ];
        verdict(&root, &flight)
    };
    for context in [&[][..], &[7], &[7; 40]] {
        let (outcome, records) = asking(context, &EXTENSIONS);
        assert!(outcome.is_ok(), "{context:?}: {outcome:?}");
        // Certificate and Finished.
        let answer = [Sent::ClientHello, Sent::Protected, Sent::Protected];
        assert_eq!(records, answer, "{context:?}");
    }
    for length in 0..EXTENSIONS.len() {
        let (outcome, records) = asking(&[7], &EXTENSIONS[..length]);
        assert!(
            matches!(outcome, Err(Error::Protocol(TlsError::InvalidHandshake))),
            "{length}: {outcome:?}"
        );
        assert!(Sent::is_refusal(&records), "{length}");
    }
}

/// What anybody on the way can send: a message in the clear, in the place of ServerHello.
// row: SEED-06
#[test]
fn no_server_hello_makes_the_client_panic() {
    let root = Node::root("root");
    let anchors = [anchor_from_trusted_cert(&root.der).unwrap()];
    let greet = |answer: &dyn Fn(&[u8]) -> Vec<u8>| {
        let wire = Wire::shared();
        let (mut read, mut write) = ([0; 1024], [0; 1024]);
        let (mut receive, mut transmit) = ([0; 1024], [0; 1024]);
        let mut link = Link::new(&mut receive, &mut transmit);
        let records = Records {
            read: &mut read,
            write: &mut write,
        };
        let client = Client::new(HOST, Roots::new(&anchors, Clock::UnixSeconds(NOW)));
        let mut entropy = Random::default();
        let halves = Wire::halves(&wire);
        let mut connect = pin!(client.connect(&mut link, records, halves, &mut entropy));
        let mut context = Context::from_waker(Waker::noop());
        assert!(connect.as_mut().poll(&mut context).is_pending());
        {
            let mut wire = wire.borrow_mut();
            let message = answer(&wire.sent[5..]);
            wire.coming.extend([22, 3, 3]);
            wire.coming.extend(with_length(2, &message));
            wire.ended = true;
        }
        run(connect).map(drop)
    };
    let lawful = |hello: &[u8]| {
        let records = answer(hello, &[]).octets;
        let length = usize::from(u16::from_be_bytes([records[3], records[4]]));
        records[5..5 + length].to_vec()
    };
    let outcome = greet(&lawful);
    assert!(matches!(outcome, Err(Error::CutInHandshake)), "{outcome:?}");
    let mut changed = 0;
    for at in 0..130 {
        for change in 0..4 {
            let outcome = greet(&|hello| {
                let mut message = lawful(hello);
                if at < message.len() {
                    match change {
                        0 => message.truncate(at + 1),
                        1 => message[at] ^= 0x80,
                        2 => message[at] = message[at].wrapping_add(1),
                        _ => message[at] = 0xFF,
                    }
                }
                message
            });
            // The RFC lets a few octets be anything, such as the random ones.
            let error = outcome.expect_err("the transport ends");
            changed += usize::from(!matches!(error, Error::CutInHandshake));
        }
    }
    assert!(changed > 200, "{changed} were refused for what they are");
}

/// A server that proved itself is still a stranger's program.
// row: SEED-06
#[test]
fn no_record_of_a_proven_server_makes_the_client_panic() {
    let root = Node::root("root");
    let honest = root.issue(server(&[HOST]));
    let flight = [
        Said::Certificate(Some(&honest)),
        Said::CertificateVerify(&honest, SERVER),
        Said::Finished,
    ];
    let of = |kind: u8, content: &[u8]| [content, &[kind]].concat();
    let ticket = message(4, &[0, 0, 1, 0, 9, 9, 9, 9, 1, 0, 0, 2, 7, 7, 0, 0]);
    // Two extensions, and one that nobody knows.
    let extended = message(
        4,
        &[
            0, 0, 1, 0, 9, 9, 9, 9, 0, 0, 1, 7, 0, 12, 0, 42, 0, 4, 0, 0, 4, 0, 0xFE, 0xED, 0, 0,
        ],
    );
    let data = of(23, b"data");
    let read = |records: &[Vec<u8>]| {
        let (outcome, sent) = connected(&root, &flight, records, |mut stream| {
            let mut seen = Vec::<u8>::new();
            let end = loop {
                let mut octets = [0; 64];
                match run(stream.read(&mut octets)) {
                    Ok(0) => break Ok(()),
                    Ok(length) => seen.extend(&octets[..length]),
                    Err(error) => break Err(error),
                }
            };
            // What was refused stays refused.
            match end {
                Ok(()) => assert_eq!(run(stream.read(&mut [0; 64])).unwrap(), 0),
                Err(_) => assert!(matches!(run(stream.read(&mut [0; 64])), Err(Error::Closed))),
            }
            (seen, end)
        });
        assert_eq!(
            sent,
            [Sent::ClientHello, Sent::Protected],
            "nothing is answered"
        );
        outcome.unwrap()
    };

    let lawful: &[(&str, Vec<u8>)] = &[
        ("a ticket", of(22, &ticket)),
        (
            "two in one record",
            of(22, &[&ticket[..], &extended].concat()),
        ),
        ("a padded ticket", [of(22, &ticket), vec![0; 40]].concat()),
        ("nothing", of(23, &[])),
        ("padding of nothing", [of(23, &[]), vec![0; 40]].concat()),
    ];
    for (label, record) in lawful {
        let end = of(21, &[1, 0]);
        let (seen, end) = read(&[
            data.clone(),
            record.clone(),
            record.clone(),
            data.clone(),
            end,
        ]);
        assert!(end.is_ok(), "{label}: {end:?}");
        assert_eq!(seen, b"datadata", "{label}");
    }

    let mut refused: Vec<(String, Vec<u8>)> = vec![
        ("half a ticket".into(), of(22, &ticket[..9])),
        ("a header".into(), of(22, &ticket[..4])),
        ("half a header".into(), of(22, &ticket[..3])),
        ("no message".into(), of(22, &[])),
        ("a fatal alert".into(), of(21, &[2, 40])),
        ("an alert of no number".into(), of(21, &[2, 254])),
        ("an alert of no level".into(), of(21, &[3, 80])),
        ("half an alert".into(), of(21, &[1])),
        ("no alert".into(), of(21, &[])),
        ("two alerts".into(), of(21, &[1, 0, 1, 0])),
        ("change_cipher_spec".into(), of(20, &[1])),
        ("no content type".into(), vec![0; 30]),
        ("a content type of nothing".into(), of(99, b"what")),
        (
            "a CertificateRequest".into(),
            of(22, &message(13, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3])),
        ),
        ("a Finished".into(), of(22, &message(20, &[5; 32]))),
        (
            "a ticket and a Finished".into(),
            of(22, &[&ticket[..], &message(20, &[5; 32])].concat()),
        ),
        ("a KeyUpdate".into(), of(22, &message(24, &[0]))),
        (
            "a KeyUpdate and a Finished".into(),
            of(22, &[message(24, &[0]), message(20, &[5; 32])].concat()),
        ),
    ];
    for kind in [0, 1, 2, 3, 5, 8, 11, 13, 15, 20, 24, 25, 99, 254, 255] {
        for body in [&[][..], &[0; 1], &[0; 40], &honest.der] {
            let label = format!("message {kind} of {} octets", body.len());
            refused.push((label, of(22, &message(kind, body))));
        }
    }
    for (label, record) in &refused {
        let (seen, end) = read(&[data.clone(), record.clone(), data.clone()]);
        assert!(matches!(end, Err(Error::Protocol(_))), "{label}: {end:?}");
        assert_eq!(seen, b"data", "{label}");
    }
    // What a server may say is not told as a forgery, though it ends the connection.
    for (label, record) in [
        ("a KeyUpdate", of(22, &message(24, &[0]))),
        ("a fatal alert", of(21, &[2, 40])),
    ] {
        let (_, end) = read(&[record]);
        assert!(
            !matches!(end, Err(Error::Protocol(TlsError::CryptoError))),
            "{label}: {end:?}"
        );
    }
}

/// The wire has all that will come.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // It lets others run after each record.
    for _ in 0..16 {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
    panic!("a hang at the end of the transport");
}
