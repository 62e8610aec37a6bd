//! Single frames: their headers, their masks and their lengths.

use super::*;

pub(super) const FRAMES: &[Vector] = &[
    // row: FRM-01
    fails("RSV1 without an extension", "c100", Violation::ReservedBit),
    fails("RSV1, first octet alone", "c1", Violation::ReservedBit),
    fails("RSV2", "a100", Violation::ReservedBit),
    fails("RSV3", "9100", Violation::ReservedBit),
    fails("RSV1 on a Ping", "c900", Violation::ReservedBit),
    fails("RSV2 on a Pong", "aa00", Violation::ReservedBit),
    fails("RSV3 on a Close", "9800", Violation::ReservedBit),
    fails("RSV1 on a continuation", "c000", Violation::ReservedBit),
    fails("all three", "f10568656c6c6f", Violation::ReservedBit),
    // row: TRAP-21
    fails(
        "compressed without negotiation",
        "c107f248cdc9c90700",
        Violation::ReservedBit,
    ),
    // row: FRM-02, TRAP-25
    fails(
        "opcode 3, long payload declared",
        "837f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode 4, long payload declared",
        "847f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode 5, long payload declared",
        "857f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode 6, long payload declared",
        "867f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode 7, long payload declared",
        "877f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode b, long payload declared",
        "8b7f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode c, long payload declared",
        "8c7f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode d, long payload declared",
        "8d7f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode e, long payload declared",
        "8e7f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode f, long payload declared",
        "8f7f00000000ffffffff",
        Violation::ReservedOpcode,
    ),
    fails(
        "opcode 3, first octet alone",
        "83",
        Violation::ReservedOpcode,
    ),
    fails("opcode b without FIN", "0b", Violation::ReservedOpcode),
    // row: FRM-03
    only(
        From::Server,
        fails(
            "a masked server",
            "818537fa213d7f9f4d5158",
            Violation::Masked,
        ),
    ),
    only(
        From::Server,
        fails("a masked empty Ping", "898000000000", Violation::Masked),
    ),
    only(
        From::Server,
        fails("a mask bit alone", "8180", Violation::Masked),
    ),
    // row: MSK-07, SRV-09
    only(
        From::Client,
        fails("an unmasked client", "810568656c6c6f", Violation::NotMasked),
    ),
    only(
        From::Client,
        fails("an unmasked empty Close", "8800", Violation::NotMasked),
    ),
    // row: FRM-04
    row("no octet of text", "8100", &[Text("")], End::Open),
    row(
        "125 octets of text",
        "817d 61*125",
        &[LongText(b'a', 125)],
        End::Open,
    ),
    // row: FRM-05
    row(
        "126 octets",
        "827e007e 61*126",
        &[Binary(Octets("61*126"))],
        End::Open,
    ),
    row(
        "127 octets",
        "827e007f 61*127",
        &[Binary(Octets("61*127"))],
        End::Open,
    ),
    row(
        "65535 octets",
        "827effff 00*65535",
        &[Binary(Octets("00*65535"))],
        End::Open,
    ),
    fails(
        "5 in 16 bits",
        "827e0005 6162636465",
        Violation::LengthNotMinimal,
    ),
    fails(
        "125 in 16 bits, header alone",
        "827e007d",
        Violation::LengthNotMinimal,
    ),
    fails("0 in 16 bits", "817e0000", Violation::LengthNotMinimal),
    // row: FRM-06
    row(
        "65536 octets",
        "827f0000000000010000 ff*65536",
        &[Binary(Octets("ff*65536"))],
        End::Open,
    ),
    row(
        "65537 octets of text",
        "817f0000000000010001 7a*65537",
        &[LongText(b'z', 65537)],
        End::Open,
    ),
    fails(
        "65535 in 64 bits",
        "827f000000000000ffff",
        Violation::LengthNotMinimal,
    ),
    fails(
        "5 in 64 bits",
        "827f0000000000000005",
        Violation::LengthNotMinimal,
    ),
    fails(
        "0 in 64 bits",
        "827f0000000000000000",
        Violation::LengthNotMinimal,
    ),
    // row: FRM-07
    fails("2^63", "827f8000000000000000", Violation::LengthTopBit),
    fails("2^64 - 1", "827fffffffffffffffff", Violation::LengthTopBit),
    // row: FRM-08, TRAP-12
    limited(
        1000,
        9,
        row(
            "2^63 - 1 at the header",
            "827f7fffffffffffffff",
            &[],
            too_big(0x7fff_ffff_ffff_ffff, 1000),
        ),
    ),
    limited(
        1000,
        9,
        row(
            "2^32, which cut to 32 bits is 0",
            "827f0000000100000000",
            &[],
            too_big(0x1_0000_0000, 1000),
        ),
    ),
    limited(
        1000,
        9,
        row(
            "2^32 + 5, which cut to 32 bits is 5",
            "827f0000000100000005",
            &[],
            too_big(0x1_0000_0005, 1000),
        ),
    ),
    limited(
        1000,
        9,
        row(
            "2^32 - 1",
            "827f00000000ffffffff",
            &[],
            too_big(0xffff_ffff, 1000),
        ),
    ),
    limited(
        1000,
        9,
        row(
            "2^31",
            "827f0000000080000000",
            &[],
            too_big(0x8000_0000, 1000),
        ),
    ),
    // row: FRM-10
    row(
        "an empty frame of each opcode, also inside a message",
        "8100 8200 0100 0000 8900 8a00 8000 8900 8a00 8800",
        &[
            Text(""),
            Binary(Octets("")),
            Pong(Octets("")),
            Heard(Octets("")),
            Text(""),
            Pong(Octets("")),
            Heard(Octets("")),
        ],
        End::Closed(1005, ""),
    ),
    // row: FRM-14, CTL-01, TRAP-25
    fails(
        "a Ping of 126, second octet alone",
        "897e",
        Violation::ControlTooLong,
    ),
    fails(
        "a Pong of 126",
        "8a7e007e 61*126",
        Violation::ControlTooLong,
    ),
    fails("a Close of 127", "887f", Violation::ControlTooLong),
    fails(
        "a Ping of 2^32",
        "897f0000000100000000",
        Violation::ControlTooLong,
    ),
    fails("a fragmented Ping", "0900", Violation::ControlFragmented),
    fails("a fragmented Close", "0800", Violation::ControlFragmented),
    fails("a fragmented Pong", "0a00", Violation::ControlFragmented),
    fails(
        "a fragmented Ping, first octet alone",
        "09",
        Violation::ControlFragmented,
    ),
];
