//! Sec-WebSocket-Key and the answer that proves it was read (RFC 6455 §1.3, §4.1, §4.2.2).

/// Octets of a Sec-WebSocket-Key: base64 of sixteen.
pub const KEY_LEN: usize = 24;
/// Octets of a Sec-WebSocket-Accept: base64 of a SHA-1 digest.
pub const ACCEPT_LEN: usize = 28;

/// The value of Sec-WebSocket-Key for `nonce`.
///
/// RFC 6455 §4.1: "a nonce consisting of a randomly selected 16-byte value that has been
/// base64-encoded"
#[must_use]
pub fn key(nonce: &[u8; 16]) -> [u8; KEY_LEN] {
    let mut key = [0; KEY_LEN];
    base64(nonce, &mut key);
    key
}

/// The value of Sec-WebSocket-Accept that answers `key`.
///
/// RFC 6455 §4.2.2: "concatenating this value with the string
/// "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this concatenated value to
/// obtain a 20-byte value and base64-encoding this 20-byte hash"
#[must_use]
#[inline(never)] // so that its memory is not part of a longer frame
pub fn accept(key: &[u8; KEY_LEN]) -> [u8; ACCEPT_LEN] {
    let mut accept = [0; ACCEPT_LEN];
    base64(&digest(key), &mut accept);
    accept
}

const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// SHA-1 of `key` and [`GUID`].
#[cfg(not(target_os = "none"))]
fn digest(key: &[u8; KEY_LEN]) -> [u8; 20] {
    use sha1::{Digest, Sha1};
    Sha1::new()
        .chain_update(key)
        .chain_update(GUID)
        .finalize()
        .into()
}

/// On a board the unrolled rounds of the `sha1` crate would be the largest part of the client (3.0 KB of
/// flash against 0.6 KB on thumbv6m), for a digest that is taken once a connection.
#[cfg(target_os = "none")]
use looped::digest;

/// FIPS 180-4 §6.1, as a loop, for the one length of message there is.
#[cfg(any(test, target_os = "none"))]
mod looped {
    use super::{GUID, KEY_LEN};

    pub(super) fn digest(key: &[u8; KEY_LEN]) -> [u8; 20] {
        let mut words = PADDED;
        for (at, octet) in key.iter().enumerate() {
            if let Some(word) = words.get_mut(at / 4) {
                *word = *word << 8 | u32::from(*octet);
            }
        }
        let mut state = [
            0x6745_2301,
            0xefcd_ab89,
            0x98ba_dcfe,
            0x1032_5476,
            0xc3d2_e1f0,
        ];
        compress(&mut state, &mut words);
        words.fill(0);
        if let Some(last) = words.last_mut() {
            *last = BITS;
        }
        compress(&mut state, &mut words);

        let mut digest = [0; 20];
        let (fours, _) = digest.as_chunks_mut();
        for (four, word) in fours.iter_mut().zip(&state) {
            *four = word.to_be_bytes();
        }
        digest
    }

    const BITS: u32 = ((KEY_LEN + GUID.len()) * 8) as u32;

    /// §5.1.1: the message of 60 octets fills two blocks with its padding, which is a one bit,
    /// zeros, and the length in bits. This is the first of them, less the key.
    #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
    static PADDED: [u32; 16] = {
        let mut words = [0; 16];
        let mut at = 0;
        while at < GUID.len() {
            let place = (KEY_LEN + at) / 4;
            words[place] = words[place] << 8 | GUID[at] as u32;
            at += 1;
        }
        words[15] = 0x8000_0000;
        words
    };

    /// One of the sixteen words of the schedule, counted round and round.
    fn at(words: &[u32; 16], t: usize) -> u32 {
        words.get(t & 15).copied().unwrap_or_default()
    }

    /// §6.1.2, with the message schedule in sixteen words (§6.1.3).
    #[inline(never)]
    fn compress(state: &mut [u32; 5], words: &mut [u32; 16]) {
        let [mut a, mut b, mut c, mut d, mut e] = *state;
        for t in 0..80 {
            // Each is a choice between two of the three, or their parity.
            let (mixed, constant) = match t {
                0..20 => (d ^ (b & (c ^ d)), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b ^ ((b ^ c) & (b ^ d)), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let word = at(words, t);
            // The word of sixteen rounds later, in the place of this one.
            let later = at(words, t + 13) ^ at(words, t + 8) ^ at(words, t + 2) ^ word;
            if let Some(place) = words.get_mut(t & 15) {
                *place = later.rotate_left(1);
            }
            let next = a
                .rotate_left(5)
                .wrapping_add(mixed)
                .wrapping_add(constant)
                .wrapping_add(e)
                .wrapping_add(word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
}

/// Encodes `octets` in base64 (RFC 4648 §4), as far as `out` has room: it is to be as long as the
/// encoding, four letters for each three octets begun.
pub fn base64(octets: &[u8], out: &mut [u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rest = octets.iter();
    for letters in out.chunks_exact_mut(4) {
        let mut bits = 0u32;
        let mut count = 0;
        for _ in 0..3 {
            bits <<= 8;
            if let Some(&octet) = rest.next() {
                bits |= u32::from(octet);
                count += 1;
            }
        }
        for (place, letter) in letters.iter_mut().enumerate() {
            let six_bits = (bits >> 18 & 63) as usize;
            *letter = match ALPHABET.get(six_bits) {
                Some(letter) if place <= count => *letter,
                _ => b'=',
            };
            bits <<= 6;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // row: RSP-08
    #[test]
    fn the_key_of_the_rfc() {
        assert_eq!(&key(b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(
            &accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    // row: RSP-08
    #[test]
    fn the_loop_is_sha_1() {
        let mut nonce = [0; 16];
        for round in 0..1000u16 {
            nonce[usize::from(round % 16)] ^= round as u8 | 1;
            let key = key(&nonce);
            assert_eq!(looped::digest(&key), digest(&key));
        }
    }

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (octets, text) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = [0; 8];
            base64(octets.as_bytes(), &mut out[..text.len()]);
            assert_eq!(&out[..text.len()], text.as_bytes());
        }
    }
}
