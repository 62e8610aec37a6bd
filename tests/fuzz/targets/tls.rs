//! Any octets from a TLS server: in the clear, as messages of a real handshake, and as records after
//! one. Nobody is connected to who did not prove who it is, and nothing is delivered that was
//! changed on its way.
#![no_main]

#[path = "../../tests/tls_forger/mod.rs"]
mod tls_forger;
#[path = "../../tests/tls_pki/mod.rs"]
mod tls_pki;

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bare_ws_embassy::tls::{
    Client, Clock, Error, Link, MaxFragmentLength, PinnedKey, Records, Roots, Stream, Trust,
    anchor_from_trusted_cert,
};
use bare_ws_fuzz::{Input, planted, show};
use embedded_io_async::Read;
use libfuzzer_sys::fuzz_target;

use tls_forger::{CLIENT, End, Random, SERVER, Said, Wire, answer, seal};
use tls_pki::{NOW, Node, server};

/// Of a record: header, content type, tag.
const OVERHEAD: usize = 22;

const HOST: &str = "host.example.test";

struct Servers {
    root: Node,
    honest: Node,
    thief: Node,
}

thread_local! {
    static SERVERS: Servers = {
        let root = Node::root("root");
        let honest = root.issue(server(&[HOST]));
        Servers { root, honest, thief: Node::self_signed(server(&[HOST])) }
    };
}

fuzz_target!(|data: &[u8]| {
    SERVERS.with(|servers| {
        let mut input = Input(data);
        let (mode, choice) = (input.octet() % 4, input.octet());
        let anchors = [anchor_from_trusted_cert(&servers.root.der).expect("an anchor")];
        let pins = [PinnedKey::pin_of(&servers.honest.der).expect("a key")];
        if choice & 1 == 0 {
            let trust = Roots::new(&anchors, Clock::UnixSeconds(NOW));
            run(servers, trust, mode, choice, &mut input);
        } else {
            run(servers, PinnedKey::new(&pins), mode, choice, &mut input);
        }
    });
});

fn run(servers: &Servers, trust: impl Trust, mode: u8, choice: u8, input: &mut Input<'_>) {
    let len = [64, 1046, 4118, 16_645][usize::from(choice >> 1 & 3)];
    let wire = Wire::shared();
    let (mut read, mut write) = (vec![0; len], vec![0; 1152]);
    let (mut receive, mut transmit) = (vec![0; len], vec![0; 1152]);
    let mut link = Link::new(&mut receive, &mut transmit);
    let records = Records {
        read: &mut read,
        write: &mut write,
    };
    let mut client = Client::new(HOST, trust);
    if choice & 8 != 0 {
        client = client.with_max_fragment_length(MaxFragmentLength::Bits10);
    }
    let mut entropy = Random::default();
    let mut connect = pin!(client.connect(&mut link, records, Wire::halves(&wire), &mut entropy));
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        connect.as_mut().poll(&mut context).is_pending(),
        "before the server said anything"
    );
    let hello = wire.borrow().sent[5..].to_vec();
    let (flight, is_honest) = match mode {
        0 => (Vec::new(), false),
        1 => flight(servers, input),
        _ => (honest(servers), true),
    };
    let answer = answer(&hello, &flight);
    {
        let mut wire = wire.borrow_mut();
        match mode {
            0 => wire.coming.extend(input.0),
            2 => wire.coming.extend(changed(&answer.octets, input)),
            _ => wire.coming.extend(&answer.octets),
        }
        wire.ended = true;
    }
    // It lets other tasks run after each read of the handshake.
    let outcome = (0..100_000).find_map(|_| match connect.as_mut().poll(&mut context) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    });
    let outcome = outcome.expect("an end at the end of the transport");
    show!(
        "mode {mode}, buffers of {len}, honest {is_honest}: {:?}",
        outcome.as_ref().err()
    );
    match outcome {
        Ok(stream) => {
            assert!(
                is_honest && !planted("tls"),
                "connected to who did not prove who it is"
            );
            if mode == 3 {
                records_after(stream, &wire, &answer.secret, input);
            }
        }
        Err(error) => {
            // Where nothing was changed the buffers alone may be too small.
            let is_small = matches!(error, Error::RecordTooLarge { .. } | Error::Protocol(_));
            assert!(mode != 3 || len < 4118 && is_small, "{error:?}");
            // A fatal alert in the clear, or nothing.
            let wire = wire.borrow();
            let behind = &wire.sent[hello.len() + 5..];
            assert!(
                matches!(behind, [] | [21, 3, 3, 0, 2, 2, _]),
                "more than a ClientHello and an alert: {behind:?}"
            );
        }
    }
}

fn honest(servers: &Servers) -> Vec<Said<'_>> {
    vec![
        Said::Certificate(Some(&servers.honest)),
        Said::CertificateVerify(&servers.honest, SERVER),
        Said::Finished,
    ]
}

/// Handshake messages of any kind and number; whether they prove anything.
fn flight<'s>(servers: &'s Servers, input: &mut Input<'_>) -> (Vec<Said<'s>>, bool) {
    let mut flight = Vec::new();
    let mut choices = Vec::new();
    while !input.is_empty() && flight.len() < 8 {
        let choice = input.octet() % 9;
        choices.push(choice);
        flight.push(match choice {
            0 => Said::Certificate(Some(&servers.honest)),
            1 => Said::CertificateVerify(&servers.honest, SERVER),
            2 => Said::Finished,
            3 => Said::Certificate(Some(&servers.thief)),
            4 => Said::CertificateVerify(&servers.thief, SERVER),
            5 => Said::CertificateVerify(&servers.honest, CLIENT),
            6 => Said::Certificate(None),
            7 => Said::Raw(input.octets().to_vec()),
            _ => {
                let message = Said::Certificate(Some(&servers.honest)).encode(&[], &[]);
                Said::Raw(changed(&message, input))
            }
        });
    }
    show!("{choices:?}");
    // Before the proof and behind it other messages may stand, but none that would be another's. Of
    // a certificate that was changed the key may be left as it was.
    let proof: Vec<u8> = choices
        .iter()
        .copied()
        .filter(|choice| !matches!(choice, 2 | 7))
        .collect();
    let is_proven = proof.contains(&8) || proof.starts_with(&[0, 1]);
    (flight, is_proven)
}

/// Octets of which some are others, or missing, or more.
fn changed(octets: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for _ in 0..1 + input.octet() % 4 {
        let (what, at, value) = (
            input.octet() % 4,
            usize::from(input.number()),
            input.octet(),
        );
        let at = at % (octets.len() + 1);
        match what {
            0 => octets.truncate(at),
            1 => octets.insert(at, value),
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= value;
                }
            }
        }
    }
    octets
}

/// Records after the handshake, of which one is changed, doubled, left away or brought forward:
/// what is delivered is what was sent before it.
fn records_after(
    mut stream: Stream<'_, '_, End, End>,
    wire: &Rc<RefCell<Wire>>,
    secret: &[u8],
    input: &mut Input<'_>,
) {
    let mut records = Vec::new();
    let mut sent = Vec::new();
    let count = usize::from(input.octet() % 5);
    for number in 0..count {
        let content = input.octets();
        let content = &content[..content.len().min(900)];
        records.push(seal(secret, number as u8, 23, content));
        sent.extend_from_slice(content);
    }
    let mut intact = sent.len();
    let at = usize::from(input.octet());
    if let Some(octets) = records.get(at).cloned() {
        let original = records.clone();
        match input.octet() % 4 {
            0 => records[at] = changed(&octets, input),
            1 => records.insert(at, octets),
            2 => drop(records.remove(at)),
            _ => records.swap(at, count - 1),
        }
        // Records that arrive as they were sent, before the first octet that does not. The version in a
        // header is none: RFC 8446 §5.1 has it "ignored for all purposes".
        let mut seen = records.clone();
        if let (Some([_, seen @ ..]), Some([_, version @ ..])) = (
            seen.get_mut(at)
                .and_then(|record| record.first_chunk_mut::<3>()),
            original[at].first_chunk::<3>(),
        ) {
            *seen = *version;
        }
        let (now, then) = (seen.iter().flatten(), original.iter().flatten());
        let mut same = now.zip(then).take_while(|(now, then)| now == then).count();
        let arrives = |record: &&Vec<u8>| {
            let rest = same.checked_sub(record.len());
            same = rest.unwrap_or(0);
            rest.is_some()
        };
        let arrived = original.iter().take_while(arrives);
        intact = arrived.map(|record| record.len() - OVERHEAD).sum();
    }
    wire.borrow_mut().coming.extend(records.iter().flatten());
    let mut delivered = Vec::new();
    let mut buffer = vec![0; 1 + usize::from(input.octet())];
    for _ in 0..10_000 {
        let read = {
            let mut read = pin!(stream.read(&mut buffer));
            match read.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(read) => read,
                Poll::Pending => panic!("a hang at the end of the transport"),
            }
        };
        match read {
            Ok(0) => break,
            Ok(n) => delivered.extend_from_slice(&buffer[..n]),
            Err(error) => {
                let _: Error<Infallible> = error;
                break;
            }
        }
    }
    assert!(sent.starts_with(&delivered), "octets that were not sent");
    assert!(
        delivered.len() <= intact,
        "octets behind a record that was changed"
    );
}
