//! A server's octets as a client would send them.

/// Masks every frame of `octets`, whole or cut, legal or not.
#[must_use]
pub fn masked(mut octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number = 0_u32;
    while let [first, rest @ ..] = octets {
        out.push(*first);
        let [second, rest @ ..] = rest else { break };
        out.push(second | 0x80);
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some((length, rest)) = rest.split_at_checked(extended) else {
            out.extend_from_slice(rest);
            break;
        };
        out.extend_from_slice(length);
        number += 1;
        let key = number.wrapping_mul(0x85eb_ca6b).to_be_bytes();
        out.extend_from_slice(&key);
        let len = if extended == 0 {
            usize::from(second & 0x7f)
        } else {
            let len = length
                .iter()
                .fold(0_u64, |sum, &octet| sum << 8 | u64::from(octet));
            usize::try_from(len).unwrap_or(usize::MAX)
        };
        let (payload, rest) = rest.split_at(len.min(rest.len()));
        out.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(octet, key)| octet ^ key),
        );
        octets = rest;
    }
    out
}
