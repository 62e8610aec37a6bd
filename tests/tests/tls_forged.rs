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
    CertificateError, Client, Clock, Error, Link, Records, Roots, anchor_from_trusted_cert,
};

use tls_forger::{CLIENT, Random, SERVER, Said, Wire, answer};
use tls_pki::{NOW, Node, server};

const HOST: &str = "host.example.test";

/// Connects to a server that says so. The verdict, and how many records the client sent.
fn verdict(root: &Node, flight: &[Said<'_>]) -> (Result<(), Error<Infallible>>, usize) {
    let wire = Wire::shared();
    let anchors = [anchor_from_trusted_cert(&root.der).unwrap()];
    let (mut read, mut write) = ([0; 4096], [0; 1024]);
    let (mut receive, mut transmit) = ([0; 4096], [0; 1024]);
    let link = Link::new(&mut receive, &mut transmit);
    let records = Records {
        read: &mut read,
        write: &mut write,
    };
    let client = Client::new(HOST, Roots::new(&anchors, Clock::UnixSeconds(NOW)));
    let mut entropy = Random::default();
    let halves = Wire::halves(&wire);
    let mut connect = pin!(client.connect(&link, records, halves, &mut entropy));
    let mut context = Context::from_waker(Waker::noop());
    let hello = connect.as_mut().poll(&mut context);
    assert!(hello.is_pending(), "before the server said anything");
    {
        let mut wire = wire.borrow_mut();
        let answer = answer(&wire.sent[5..], flight);
        wire.coming.extend(answer.octets);
        wire.ended = true;
    }
    let Poll::Ready(outcome) = connect.as_mut().poll(&mut context) else {
        panic!("a hang at the end of the transport");
    };
    let outcome = outcome.map(drop);
    let wire = wire.borrow();
    let (mut rest, mut records) = (&wire.sent[..], 0);
    while let [_, _, _, high, low, after @ ..] = rest {
        rest = &after[usize::from(u16::from_be_bytes([*high, *low]))..];
        records += 1;
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
            (Ok(()), Ok(())) => assert_eq!(records, 2, "{label}: ClientHello and Finished"),
            (Err(Error::Certificate(error)), Err(expected)) => {
                assert_eq!(error, *expected, "{label}");
                assert_eq!(records, 1, "{label}: a ClientHello and no more");
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
        assert_eq!(records, 1, "round {round}");
        refused += 1;
    }
    assert!(refused > 390);
}
