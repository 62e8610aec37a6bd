//! AES-128-GCM that inspects what it has decrypted before embedded-tls sees it.
//!
//! A cipher suite is a trait in embedded-tls, and the plaintext of every record passes through it.
//! So records that embedded-tls would mishandle can be kept from it. During the handshake:
//!
//! - it takes the length of a message from its contents, whatever its header says.
//!
//! After the handshake:
//!
//! - it panics at a handshake message that is not NewSessionTicket;
//! - it no longer takes the connection for open once the peer's close_notify has come, and would
//!   answer in the clear.
//!
//! The [`Link`](super::Link) knows which records come after the handshake. It marks them in the one
//! field of the record header that carries no information and is read nowhere else.

use aead::{AeadCore, AeadInPlace, Error, Key, KeyInit, KeySizeUser, Nonce, Tag};
use embedded_tls::{Aes128GcmSha256, TlsCipherSuite, TlsError};
use sha2::Sha256;

/// TLS_AES_128_GCM_SHA256, with the gate.
pub(super) struct Suite;

impl TlsCipherSuite for Suite {
    const CODE_POINT: u16 = Aes128GcmSha256::CODE_POINT;
    type Cipher = Gated;
    type KeyLen = <Aes128GcmSha256 as TlsCipherSuite>::KeyLen;
    type IvLen = <Aes128GcmSha256 as TlsCipherSuite>::IvLen;
    type Hash = Sha256;
    type LabelBufferSize = <Aes128GcmSha256 as TlsCipherSuite>::LabelBufferSize;
}

type Cipher = <Aes128GcmSha256 as TlsCipherSuite>::Cipher;

/// The cipher, with the gate behind it.
pub(super) struct Gated(Cipher);

/// RFC 8446 §5.2: "legacy_record_version: The legacy_record_version field is always 0x0303."
const LEGACY_VERSION: [u8; 2] = [3, 3];
/// What the link puts there for the gate once the handshake is over.
const OPEN: [u8; 2] = [0, 0];

/// Marks the header of a record that came after the handshake.
pub(super) fn mark(header: &mut [u8; 5]) {
    let [_, major, minor, ..] = header;
    [*major, *minor] = OPEN;
}

/// Whether this is what reading gives when the peer's close_notify has come.
pub(super) fn is_end(error: &TlsError) -> bool {
    // Nothing but an alert is parsed behind the gate, and only the empty one comes up short.
    matches!(error, TlsError::ParseError(_))
}

impl KeySizeUser for Gated {
    type KeySize = <Cipher as KeySizeUser>::KeySize;
}

impl KeyInit for Gated {
    fn new(key: &Key<Self>) -> Self {
        Self(Cipher::new(key))
    }
}

impl AeadCore for Gated {
    type NonceSize = <Cipher as AeadCore>::NonceSize;
    type TagSize = <Cipher as AeadCore>::TagSize;
    type CiphertextOverhead = <Cipher as AeadCore>::CiphertextOverhead;
}

impl AeadInPlace for Gated {
    fn encrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        record: &mut [u8],
    ) -> Result<Tag<Self>, Error> {
        self.0.encrypt_in_place_detached(nonce, header, record)
    }

    fn decrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        record: &mut [u8],
        tag: &Tag<Self>,
    ) -> Result<(), Error> {
        let &[kind, major, minor, high, low] = header else {
            return Err(Error);
        };
        let [three, again] = LEGACY_VERSION;
        let header = [kind, three, again, high, low];
        self.0
            .decrypt_in_place_detached(nonce, &header, record, tag)?;
        if [major, minor] == OPEN {
            pass(record)
        } else {
            pass_in_handshake(record)
        }
    }
}

const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
/// RFC 8446 §4.4.4: as long as the hash.
const VERIFY_DATA: usize = 32;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
const CLOSE_NOTIFY: u8 = 0;

/// The content type of a record, and its content.
fn opened(record: &[u8]) -> Result<(u8, &[u8]), Error> {
    // RFC 8446 §5.4: "scans the field from the end toward the beginning until it finds a non-zero
    // octet. This non-zero octet is the content type of the message."
    let padding = record.iter().rev().take_while(|&&octet| octet == 0).count();
    let length = record.len().saturating_sub(padding);
    let inner = record.get(..length).unwrap_or_default();
    let (&kind, content) = inner.split_last().ok_or(Error)?;
    Ok((kind, content))
}

/// What embedded-tls gets to see of a record of the handshake.
fn pass_in_handshake(record: &mut [u8]) -> Result<(), Error> {
    if let (HANDSHAKE, messages) = opened(record)?
        && !are_whole(messages)
    {
        // In their place a message of unknown type, which embedded-tls refuses as such.
        record.fill(0);
        if let [first, second, ..] = record {
            [*first, *second] = [0, HANDSHAKE];
        }
    }
    Ok(())
}

/// What embedded-tls gets to see of a record after the handshake.
fn pass(record: &mut [u8]) -> Result<(), Error> {
    match opened(record)? {
        (APPLICATION_DATA, _) => Ok(()),
        // embedded-tls refuses it with an error of its own.
        (HANDSHAKE, [KEY_UPDATE, ..]) => Ok(()),
        // Sessions are not resumed: an empty record in their place.
        (HANDSHAKE, messages) if are_tickets(messages) => {
            empty(record, APPLICATION_DATA);
            Ok(())
        }
        // An empty alert in place of close_notify: see `is_end`.
        (ALERT, [_, CLOSE_NOTIFY]) => {
            empty(record, ALERT);
            Ok(())
        }
        (ALERT, [_, _]) => Ok(()),
        _ => Err(Error),
    }
}

fn empty(record: &mut [u8], kind: u8) {
    record.fill(0);
    if let Some(first) = record.first_mut() {
        *first = kind;
    }
}

/// Whether these are whole NewSessionTickets, one after the other (RFC 8446 §4, §4.6.1).
fn are_tickets(messages: &[u8]) -> bool {
    !messages.is_empty() && are_all(messages, |kind, _| kind == NEW_SESSION_TICKET)
}

/// RFC 8446 §6: "Peers which receive a message which cannot be parsed according to the syntax
/// (e.g., have a length extending beyond the message boundary or contain an out-of-range length)
/// MUST terminate the connection". To embedded-tls, a message that is spread over two records is
/// such a message.
fn are_whole(messages: &[u8]) -> bool {
    are_all(messages, |kind, body| match (kind, body) {
        (ENCRYPTED_EXTENSIONS, [high, low, rest @ ..]) => is(&[*high, *low], rest),
        // §4.4.2: "in the case of server authentication, this field SHALL be zero length"
        (CERTIFICATE, [0, high, middle, low, rest @ ..]) => is(&[*high, *middle, *low], rest),
        (CERTIFICATE_REQUEST, [context, rest @ ..]) => match rest.get(usize::from(*context)..) {
            Some([high, low, rest @ ..]) => is(&[*high, *low], rest),
            _ => false,
        },
        (CERTIFICATE_VERIFY, [_, _, high, low, rest @ ..]) => is(&[*high, *low], rest),
        (FINISHED, body) => body.len() == VERIFY_DATA,
        (ENCRYPTED_EXTENSIONS | CERTIFICATE | CERTIFICATE_REQUEST | CERTIFICATE_VERIFY, _) => false,
        // embedded-tls accepts no others.
        _ => true,
    })
}

/// Whether the rest has this length.
fn is(length: &[u8], rest: &[u8]) -> bool {
    let length = length
        .iter()
        .fold(0, |all, octet| all << 8 | usize::from(*octet));
    length == rest.len()
}

/// Whether these are whole messages, one after the other, each of which satisfies `each`.
fn are_all(mut messages: &[u8], each: impl Fn(u8, &[u8]) -> bool) -> bool {
    while let [kind, high, middle, low, rest @ ..] = messages {
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        let body = usize::try_from(length).ok();
        match body.and_then(|length| rest.split_at_checked(length)) {
            Some((body, after)) if each(*kind, body) => messages = after,
            _ => return false,
        }
    }
    messages.is_empty()
}
