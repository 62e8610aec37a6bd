//! A TLS 1.3 server that says what it is told to: honest messages and forged ones, in any order.
#![allow(
    dead_code,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts, and each test target uses a part"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bare_ws::entropy::{Entropy, EntropyError};
use embedded_io_async::{ErrorType, Read, Write};
use rcgen::SigningKey;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{aead, agreement, digest, hmac};

use crate::tls_pki::Node;

/// One handshake message of the server after its EncryptedExtensions.
pub(crate) enum Said<'n> {
    /// This one, or none.
    Certificate(Option<&'n Node>),
    /// Signed by this key, over the transcript so far, under this context string.
    CertificateVerify(&'n Node, &'static [u8; 33]),
    Finished,
    /// The same, with a header that counts so many octets more than there are.
    Longer(&'n Self, usize),
    /// The same, with these octets behind what belongs into it, which its header counts.
    Stuffed(&'n Self, Vec<u8>),
    /// Any octets.
    Raw(Vec<u8>),
}

pub(crate) const SERVER: &[u8; 33] = b"TLS 1.3, server CertificateVerify";
pub(crate) const CLIENT: &[u8; 33] = b"TLS 1.3, client CertificateVerify";

impl Said<'_> {
    /// RFC 8446 §4: the message, its header first.
    pub(crate) fn encode(&self, transcript: &[u8], finished_key: &[u8]) -> Vec<u8> {
        match self {
            Self::Certificate(node) => {
                let mut list = Vec::new();
                if let Some(node) = node {
                    list.extend(with_length(3, &node.der));
                    list.extend([0, 0]);
                }
                let mut body = vec![0];
                body.extend(with_length(3, &list));
                message(11, &body)
            }
            Self::CertificateVerify(node, context) => {
                let mut signed = vec![0x20; 64];
                signed.extend(*context);
                signed.push(0);
                signed.extend(sha256(transcript));
                let scheme: u16 = if node.key.algorithm() == &rcgen::PKCS_ECDSA_P384_SHA384 {
                    0x0503
                } else {
                    0x0403
                };
                let mut body = scheme.to_be_bytes().to_vec();
                body.extend(with_length(2, &node.key.sign(&signed).unwrap()));
                message(15, &body)
            }
            Self::Finished => message(20, &mac(finished_key, &sha256(transcript))),
            Self::Longer(said, more) => {
                let mut said = said.encode(transcript, finished_key);
                let length = u32::try_from(said.len() - 4 + more).unwrap();
                said[1..4].copy_from_slice(&length.to_be_bytes()[1..]);
                said
            }
            Self::Stuffed(said, more) => {
                let said = said.encode(transcript, finished_key);
                message(said[0], &[&said[4..], more].concat())
            }
            Self::Raw(octets) => octets.clone(),
        }
    }
}

/// What a server answers a ClientHello.
pub(crate) struct Answer {
    /// ServerHello in the clear, and one record of all the rest.
    pub(crate) octets: Vec<u8>,
    /// For what comes after: the server's application traffic secret.
    pub(crate) secret: Vec<u8>,
}

/// RFC 8446 §5.2: the record with this number under this secret.
pub(crate) fn seal(secret: &[u8], number: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    sealed(secret, number, [content, &[kind]].concat())
}

/// [`seal`] with the content type, and padding perhaps, behind the content.
pub(crate) fn sealed(secret: &[u8], number: u8, mut plain: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(plain.len() + 16).unwrap().to_be_bytes();
    let header = [23, 3, 3, length[0], length[1]];
    let key = aead::UnboundKey::new(&aead::AES_128_GCM, &expand(secret, "key", &[], 16)).unwrap();
    // RFC 8446 §5.3: the number goes into the last octets.
    let mut nonce: [u8; 12] = expand(secret, "iv", &[], 12).try_into().unwrap();
    nonce[11] ^= number;
    aead::LessSafeKey::new(key)
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(header),
            &mut plain,
        )
        .unwrap();
    [&header[..], &plain].concat()
}

/// What the server answers that says so.
pub(crate) fn answer(client_hello: &[u8], flight: &[Said<'_>]) -> Answer {
    let random = SystemRandom::new();
    let key = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &random).unwrap();
    let own = key.compute_public_key().unwrap();
    let at = client_hello
        .windows(4)
        .position(|window| window == [0, 23, 0, 65])
        .unwrap();
    let theirs = &client_hello[at + 4..at + 69];
    let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, theirs);
    let shared = agreement::agree_ephemeral(key, &theirs, <[u8]>::to_vec).unwrap();

    let mut share = vec![0, 23];
    share.extend(with_length(2, own.as_ref()));
    let mut extensions = vec![0, 43, 0, 2, 3, 4, 0, 51];
    extensions.extend(with_length(2, &share));
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.extend([0, 0x13, 0x01, 0]);
    body.extend(with_length(2, &extensions));
    let server_hello = message(2, &body);

    // RFC 8446 §7.1
    let mut transcript = [client_hello, &server_hello].concat();
    let early = mac(&[0; 32], &[0; 32]);
    let handshake = mac(&expand(&early, "derived", &sha256(&[]), 32), &shared);
    let traffic = expand(&handshake, "s hs traffic", &sha256(&transcript), 32);
    let finished_key = expand(&traffic, "finished", &[], 32);

    let mut plain = message(8, &[0, 0]);
    transcript.extend(&plain);
    for said in flight {
        let message = said.encode(&transcript, &finished_key);
        transcript.extend(&message);
        plain.extend(message);
    }
    let master = mac(&expand(&handshake, "derived", &sha256(&[]), 32), &[0; 32]);
    let secret = expand(&master, "s ap traffic", &sha256(&transcript), 32);

    let mut octets = vec![22, 3, 3];
    octets.extend(with_length(2, &server_hello));
    octets.extend(seal(&traffic, 0, 22, &plain));
    Answer { octets, secret }
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(with_length(3, body));
    message
}

pub(crate) fn with_length(octets: usize, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    [&length[4 - octets..], value].concat()
}

fn sha256(octets: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, octets).as_ref().to_vec()
}

fn mac(key: &[u8], octets: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, octets).as_ref().to_vec()
}

/// RFC 8446 §7.1 `HKDF-Expand-Label`, of one block.
fn expand(secret: &[u8], label: &str, context: &[u8], length: u8) -> Vec<u8> {
    let mut info = vec![0, length];
    info.extend(with_length(1, format!("tls13 {label}").as_bytes()));
    info.extend(with_length(1, context));
    info.push(1);
    mac(secret, &info)[..usize::from(length)].to_vec()
}

/// What went over the transport, and what is coming.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) sent: Vec<u8>,
    pub(crate) coming: VecDeque<u8>,
    pub(crate) ended: bool,
}

impl Wire {
    pub(crate) fn shared() -> Rc<RefCell<Self>> {
        Rc::default()
    }

    /// The client's reading and writing half.
    pub(crate) fn halves(wire: &Rc<RefCell<Self>>) -> (End, End) {
        (End(wire.clone()), End(wire.clone()))
    }
}

/// The client's end of the wire, both halves alike.
pub(crate) struct End(Rc<RefCell<Wire>>);

impl ErrorType for End {
    type Error = Infallible;
}

impl Read for End {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| {
            let mut wire = self.0.borrow_mut();
            let length = buffer.len().min(wire.coming.len());
            if length == 0 && !wire.ended {
                return Poll::Pending; // until the server has answered, and it is polled again
            }
            for (to, octet) in buffer.iter_mut().zip(wire.coming.drain(..length)) {
                *to = octet;
            }
            Poll::Ready(Ok(length))
        })
        .await
    }
}

impl Write for End {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().sent.extend(buffer);
        Ok(buffer.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

pub(crate) struct Random(SystemRandom);

impl Default for Random {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for Random {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(octets).map_err(|_| EntropyError)
    }
}
