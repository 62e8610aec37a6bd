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
pub fn accept(key: &[u8; KEY_LEN]) -> [u8; ACCEPT_LEN] {
    let mut blocks = PADDED;
    if let Some(start) = blocks[0].first_chunk_mut() {
        *start = *key;
    }
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    sha1::block_api::compress(&mut state, &blocks);
    let mut digest = [0; 20];
    for (octets, word) in digest.chunks_exact_mut(4).zip(state) {
        octets.copy_from_slice(&word.to_be_bytes());
    }
    let mut accept = [0; ACCEPT_LEN];
    base64(&digest, &mut accept);
    accept
}

/// The two blocks that SHA-1 hashes, less the key: room for it, the GUID, the padding, and the
/// length of both in bits (FIPS 180-4 §5.1.1). They never differ in more than the key.
static PADDED: [[u8; 64]; 2] = padded();

const fn padded() -> [[u8; 64]; 2] {
    let guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let mut blocks = [[0; 64]; 2];
    let mut at = 0;
    while at < guid.len() {
        blocks[0][KEY_LEN + at] = guid[at];
        at += 1;
    }
    blocks[0][KEY_LEN + guid.len()] = 0x80;
    let [high, low] = (((KEY_LEN + guid.len()) * 8) as u16).to_be_bytes();
    blocks[1][62] = high;
    blocks[1][63] = low;
    blocks
}

/// RFC 4648 §4. `out` is as long as the encoding.
fn base64(octets: &[u8], out: &mut [u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (group, letters) in octets.chunks(3).zip(out.chunks_mut(4)) {
        let mut bits = 0u32;
        for place in 0..3 {
            bits = bits << 8 | u32::from(group.get(place).copied().unwrap_or(0));
        }
        for (place, letter) in letters.iter_mut().enumerate() {
            *letter = if place > group.len() {
                b'='
            } else {
                ALPHABET[(bits >> 18 & 63) as usize]
            };
            bits <<= 6;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    // row: RSP-08
    #[test]
    fn the_key_of_the_rfc() {
        assert_eq!(&key(b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(
            String::from_utf8_lossy(&accept(b"dGhlIHNhbXBsZSBub25jZQ==")),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
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
