//! Frame headers, found in octets as they pass.

use bare_ws::header::{FrameHeader, HeaderScan};
use bare_ws::mask::MaskingKey;
use bare_ws::opcode::Opcode;

/// The headers that are found when the octets come in pieces of that length.
fn found(octets: &[u8], masked: bool, piece: usize) -> Vec<FrameHeader> {
    let mut scan = HeaderScan::new(masked);
    let mut headers = Vec::new();
    for mut octets in octets.chunks(piece) {
        while let Some(header) = scan.next(&mut octets) {
            headers.push(header);
        }
        assert!(octets.is_empty());
    }
    headers
}

// row: SEED-11, SEED-22
#[test]
fn every_header_is_found_however_it_arrives() {
    let headers = [
        (Opcode::Text, false, true, 3),
        (Opcode::Ping, true, false, 0),
        (Opcode::Continuation, true, false, 125),
        (Opcode::Binary, true, false, 126),
        (Opcode::Binary, true, true, 65_535),
        (Opcode::Text, true, false, 65_536),
        (Opcode::Pong, true, false, 125),
        (Opcode::Text, true, false, 0),
        (Opcode::Close, true, false, 2),
    ];
    for masked in [false, true] {
        let key = masked.then(|| MaskingKey::new([0x81, 0xff, 0, 0x89]));
        let mut octets = Vec::new();
        let mut wanted = Vec::new();
        for (opcode, fin, rsv1, len) in headers {
            let header = FrameHeader {
                rsv1,
                masking_key: key,
                ..FrameHeader::new(opcode, fin, len)
            };
            octets.extend_from_slice(header.emit().as_ref());
            // A payload that looks like headers.
            octets.extend((0..len).map(|_| 0x81));
            wanted.push(header);
        }
        for piece in [1, 2, 3, 5, 13, 14, 15, 126, 4096, 65_540, octets.len()] {
            assert_eq!(found(&octets, masked, piece), wanted, "{masked} {piece}");
        }
    }
}

// row: SEED-11
#[test]
fn behind_a_header_that_breaks_a_rule_nothing_is_known() {
    for (octets, masked, count) in [
        // A reserved opcode, a reserved bit, a Ping in two, a long Ping, a length too long.
        (&[0x81, 0, 0x83, 0, 0x81, 0][..], false, 1),
        (&[0xa1, 0, 0x81, 0], false, 0),
        (&[0x09, 0, 0x81, 0], false, 0),
        (&[0x89, 126, 0, 200, 0x81, 0], false, 0),
        (&[0x81, 126, 0, 5, 0x81, 0], false, 0),
        (&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x81, 0], false, 0),
        // Masked where it must not be, and the other way round.
        (&[0x81, 0x80, 0, 0, 0, 0, 0x81, 0], false, 0),
        (&[0x81, 0, 0x81, 0], true, 0),
        // RSV1 of a message that is not compressed is for the receiver to judge.
        (&[0xc1, 0, 0x81, 0], false, 2),
        // The longest payload there is.
        (
            &[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0x81, 0],
            false,
            1,
        ),
    ] {
        for piece in [1, octets.len()] {
            assert_eq!(found(octets, masked, piece).len(), count, "{octets:?}");
        }
    }
}
