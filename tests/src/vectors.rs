//! What a receiver must make of octets: every rule on frames, messages, control frames, text and
//! limits as rows of one table.
//!
//! The frames are written as a server sends them. Those of [`From::Either`] are masked by the
//! harness to be a client's as well. Nothing here needs an allocator or an operating system.

use bare_ws::close::CloseCode;
use bare_ws::error::{Error, Violation};
use bare_ws::receiver::Limits;

use crate::octets::Octets;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// What it shows.
    pub name: &'static str,
    /// Whose frames these are.
    pub from: From,
    /// What arrives.
    pub wire: Octets,
    /// What is to be seen, in order.
    pub seen: &'static [Seen],
    /// What the connection has come to after the last octet.
    pub end: End,
    /// The limits that are set.
    pub limits: Limits,
}

/// Whose frames they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// As they stand a server's; masked, a client's.
    Either,
    /// Only as they stand, from a server.
    Server,
    /// Only as they stand, from a client.
    Client,
}

/// What is to be seen of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// A text message.
    Text(&'static str),
    /// A binary message.
    Binary(Octets),
    /// A long text, of one letter.
    LongText(u8, usize),
    /// A Pong that is sent.
    Pong(Octets),
    /// A Pong that is received.
    Heard(Octets),
}

/// What the connection has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes on.
    Open,
    /// The peer closed, with this code and reason; a code but 1005 is sent back, and nothing else.
    Closed(u16, &'static str),
    /// The peer is at fault; the code is sent.
    Violation(Violation, u16),
    /// It is too much for us; the code is sent.
    Exceeds(Error, u16),
}

const NO_LIMITS: Limits = Limits {
    message: u64::MAX,
    fragments: 1_000_000,
};

const fn row(name: &'static str, wire: &'static str, seen: &'static [Seen], end: End) -> Vector {
    Vector {
        name,
        from: From::Either,
        wire: Octets(wire),
        seen,
        end,
        limits: NO_LIMITS,
    }
}

const fn limited(message: u64, fragments: u32, vector: Vector) -> Vector {
    Vector {
        limits: Limits { message, fragments },
        ..vector
    }
}

const fn only(from: From, vector: Vector) -> Vector {
    Vector { from, ..vector }
}

const fn fails(name: &'static str, wire: &'static str, violation: Violation) -> Vector {
    row(name, wire, &[], End::Violation(violation, 1002))
}

const fn not_text(name: &'static str, wire: &'static str) -> Vector {
    row(
        name,
        wire,
        &[],
        End::Violation(Violation::InvalidUtf8, 1007),
    )
}

const fn is_text(name: &'static str, wire: &'static str, seen: &'static [Seen]) -> Vector {
    row(name, wire, seen, End::Open)
}

const fn bad_code(name: &'static str, wire: &'static str, code: u16) -> Vector {
    fails(name, wire, Violation::CloseCode(CloseCode(code)))
}

const fn too_big(needed: u64, limit: u64) -> End {
    End::Exceeds(Error::TooLong { needed, limit }, 1009)
}

use Seen::{Binary, Heard, LongText, Pong, Text};

/// The rows.
pub const VECTORS: &[Vector] = &[
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
    // row: FRG-01
    row("Hello whole", "810548656c6c6f", &[Text("Hello")], End::Open),
    row(
        "Hello in two",
        "010348656c 80026c6f",
        &[Text("Hello")],
        End::Open,
    ),
    row(
        "binary in three",
        "020101 000102 800103",
        &[Binary(Octets("010203"))],
        End::Open,
    ),
    row(
        "empty fragments first, between and last",
        "0100 0003616263 0000 0000 000164 8000",
        &[Text("abcd")],
        End::Open,
    ),
    row(
        "five octets in five frames",
        "010148 000165 00016c 00016c 80016f",
        &[Text("Hello")],
        End::Open,
    ),
    row(
        "only empty fragments",
        "0200 0000 8000",
        &[Binary(Octets(""))],
        End::Open,
    ),
    // row: FRG-01, FRM-09
    row(
        "fragments of 16-bit length",
        "027e0080 61*128 807e0100 62*256",
        &[Binary(Octets("61*128 62*256"))],
        End::Open,
    ),
    // row: FRG-02
    fails(
        "a final continuation of nothing",
        "8003616263",
        Violation::UnexpectedContinuation,
    ),
    fails(
        "a continuation of nothing",
        "0003616263",
        Violation::UnexpectedContinuation,
    ),
    row(
        "a continuation after a whole message",
        "810161 800162",
        &[Text("a")],
        End::Violation(Violation::UnexpectedContinuation, 1002),
    ),
    row(
        "a continuation after a complete one",
        "010161 800162 800163",
        &[Text("ab")],
        End::Violation(Violation::UnexpectedContinuation, 1002),
    ),
    // row: FRG-03
    fails(
        "a final text inside a text",
        "010161 810162",
        Violation::ExpectedContinuation,
    ),
    fails(
        "a final binary inside a text",
        "010161 820162",
        Violation::ExpectedContinuation,
    ),
    // row: FRG-04
    fails(
        "a first text inside a text",
        "010161 010162",
        Violation::ExpectedContinuation,
    ),
    fails(
        "a first binary inside a text",
        "010161 020162",
        Violation::ExpectedContinuation,
    ),
    fails(
        "a first text inside an empty one",
        "0100 0100",
        Violation::ExpectedContinuation,
    ),
    // row: FRG-05, CTL-02
    row(
        "control frames between fragments",
        "010161 8900 8a00 890178 800162",
        &[
            Pong(Octets("")),
            Heard(Octets("")),
            Pong(Octets("78")),
            Text("ab"),
        ],
        End::Open,
    ),
    // row: FRG-06
    row(
        "text, binary, text",
        "810161 820162 01016d 80016e 820101",
        &[
            Text("a"),
            Binary(Octets("62")),
            Text("mn"),
            Binary(Octets("01")),
        ],
        End::Open,
    ),
    // row: FRG-07
    row(
        "a Close inside a message",
        "010161 880203e8",
        &[],
        End::Closed(1000, ""),
    ),
    row(
        "a Close inside a message, more behind it",
        "010161 880203e8 800162",
        &[],
        End::Closed(1000, ""),
    ),
    // row: FRG-08, LIM-01, LIM-02, TRAP-12
    limited(
        10,
        9,
        row(
            "three fragments of 4 under a limit of 10, third header",
            "020461626364 000465666768 8004",
            &[],
            too_big(12, 10),
        ),
    ),
    limited(
        10,
        9,
        row(
            "10 under a limit of 10",
            "020461626364 800665666768696a",
            &[Binary(Octets("6162636465666768696a"))],
            End::Open,
        ),
    ),
    limited(
        10,
        9,
        row(
            "11 under a limit of 10, header alone",
            "820b",
            &[],
            too_big(11, 10),
        ),
    ),
    limited(
        10,
        9,
        row(
            "10 in one, then 10 in one",
            "820a 61*10 820a 62*10",
            &[Binary(Octets("61*10")), Binary(Octets("62*10"))],
            End::Open,
        ),
    ),
    limited(
        10,
        9,
        row(
            "1 octet, then 2^63 - 1",
            "020161 007f7fffffffffffffff",
            &[],
            too_big(0x8000_0000_0000_0000, 10),
        ),
    ),
    limited(
        0,
        9,
        row(
            "nothing under a limit of nothing",
            "8200 0100 8000",
            &[Binary(Octets("")), Text("")],
            End::Open,
        ),
    ),
    // row: LIM-01, LIM-02, TRAP-10
    limited(
        99,
        3,
        row(
            "3 fragments under a limit of 3",
            "010161 000162 800163",
            &[Text("abc")],
            End::Open,
        ),
    ),
    limited(
        99,
        3,
        row(
            "3 fragments, twice",
            "010161 000162 800163 0100 0000 8000",
            &[Text("abc"), Text("")],
            End::Open,
        ),
    ),
    limited(
        99,
        3,
        row(
            "4 fragments under a limit of 3",
            "010161 000162 000163 8000",
            &[],
            End::Exceeds(Error::TooManyFragments { limit: 3 }, 1008),
        ),
    ),
    limited(
        99,
        3,
        row(
            "empty fragments count",
            "0100 0000 0000 0000",
            &[],
            End::Exceeds(Error::TooManyFragments { limit: 3 }, 1008),
        ),
    ),
    limited(
        99,
        1,
        row(
            "fragments forbidden",
            "8100 0100 8000",
            &[Text("")],
            End::Exceeds(Error::TooManyFragments { limit: 1 }, 1008),
        ),
    ),
    // row: CTL-02
    row(
        "a Ping with nothing",
        "8900",
        &[Pong(Octets(""))],
        End::Open,
    ),
    row(
        "a Ping with one octet",
        "8901ff",
        &[Pong(Octets("ff"))],
        End::Open,
    ),
    row(
        "a Ping with 125",
        "897d 80*125",
        &[Pong(Octets("80*125"))],
        End::Open,
    ),
    row(
        "a Ping with 124",
        "897c 01*124",
        &[Pong(Octets("01*124"))],
        End::Open,
    ),
    row(
        "three Pings",
        "890161 8900 89026263",
        &[Pong(Octets("61")), Pong(Octets("")), Pong(Octets("6263"))],
        End::Open,
    ),
    row(
        "a long Ping, then a short one",
        "897d 61*125 890162",
        &[Pong(Octets("61*125")), Pong(Octets("62"))],
        End::Open,
    ),
    // row: CTL-04
    row(
        "an unasked Pong",
        "8a0568656c6c6f",
        &[Heard(Octets("68656c6c6f"))],
        End::Open,
    ),
    row(
        "an unasked Pong of 125",
        "8a7d ff*125 890131",
        &[Heard(Octets("ff*125")), Pong(Octets("31"))],
        End::Open,
    ),
    // row: CLS-01
    row("an empty Close", "8800", &[], End::Closed(1005, "")),
    fails("a Close of one octet", "880103", Violation::ClosePayload),
    // row: CLS-02
    row(
        "a Close with a reason",
        "880403e8c3a9",
        &[],
        End::Closed(1000, "é"),
    ),
    row(
        "a Close with the longest reason",
        "887d03e8 78*123",
        &[],
        End::Closed(1000, X123),
    ),
    row(
        "a reason that is not UTF-8",
        "880403e8c328",
        &[],
        End::Violation(Violation::CloseReason, 1007),
    ),
    row(
        "a reason that is cut",
        "880303e8c3",
        &[],
        End::Violation(Violation::CloseReason, 1007),
    ),
    // row: CLS-03
    bad_code("code 0", "88020000", 0),
    bad_code("code 999", "880203e7", 999),
    row("code 1001", "880203e9", &[], End::Closed(1001, "")),
    row("code 1002", "880203ea", &[], End::Closed(1002, "")),
    row("code 1003", "880203eb", &[], End::Closed(1003, "")),
    bad_code("code 1004", "880203ec", 1004),
    bad_code("code 1005", "880203ed", 1005),
    bad_code("code 1006", "880203ee", 1006),
    row("code 1007", "880203ef", &[], End::Closed(1007, "")),
    row("code 1011", "880203f3", &[], End::Closed(1011, "")),
    row("code 1014", "880203f6", &[], End::Closed(1014, "")),
    bad_code("code 1015", "880203f7", 1015),
    bad_code("code 1016", "880203f8", 1016),
    bad_code("code 2999", "88020bb7", 2999),
    row("code 3000", "88020bb8", &[], End::Closed(3000, "")),
    row("code 4999", "88021387", &[], End::Closed(4999, "")),
    bad_code("code 5000", "88021388", 5000),
    bad_code("code 65535", "8802ffff", 65535),
    bad_code("a bad code with a bad reason", "880403edc328", 1005),
    // row: CLS-06, CLS-12
    row(
        "a Close is answered with its code alone",
        "880503e9627965",
        &[],
        End::Closed(1001, "bye"),
    ),
    row(
        "the first Close counts",
        "880203e8 880203e9",
        &[],
        End::Closed(1000, ""),
    ),
    // row: CLS-08
    row(
        "a message behind a Close",
        "880203e8 810161",
        &[],
        End::Closed(1000, ""),
    ),
    row(
        "a Ping behind a Close",
        "880203e8 890161",
        &[],
        End::Closed(1000, ""),
    ),
    row(
        "garbage behind a Close",
        "8800 ffffffffff",
        &[],
        End::Closed(1005, ""),
    ),
    // row: CLS-13
    fails(
        "a Close behind a violation",
        "8300 880203e8",
        Violation::ReservedOpcode,
    ),
    fails(
        "a message behind a violation",
        "c100 810161",
        Violation::ReservedBit,
    ),
    fails(
        "a Ping behind a violation",
        "8001 8900",
        Violation::UnexpectedContinuation,
    ),
    row(
        "what was whole before a violation is delivered",
        "810161 890162 820163 8300 810164",
        &[Text("a"), Pong(Octets("62")), Binary(Octets("63"))],
        End::Violation(Violation::ReservedOpcode, 1002),
    ),
    // row: UTF-01
    not_text("a lead without its continuation", "8102c328"),
    not_text("a continuation alone", "810180"),
    not_text("overlong, two octets", "8102c080"),
    not_text("overlong, two octets, c1", "8102c1bf"),
    not_text("overlong, three octets", "8103e08080"),
    not_text("overlong, four octets", "8104f0808080"),
    not_text("a surrogate", "8103eda080"),
    not_text("the last surrogate", "8103edbfbf"),
    not_text("above U+10FFFF", "8104f4908080"),
    not_text("five octets", "8105f888808080"),
    not_text("six octets", "8106fc8480808080"),
    not_text("fe", "8101fe"),
    not_text("ff", "8101ff"),
    not_text("good, bad, good", "8105 6162ff6364"),
    // row: UTF-02
    not_text("cut after one of two", "8101c3"),
    not_text("cut after two of three", "8102e282"),
    not_text("cut after three of four", "8103f09f98"),
    not_text("cut at the end of fragments", "0102e282 8000"),
    not_text("cut after the last fragment", "010161 8001c3"),
    // row: UTF-03
    row(
        "a letter of four in four fragments",
        "0101f0 00019f 000198 800180",
        &[Text("😀")],
        End::Open,
    ),
    row(
        "Greek, octet by octet",
        "0101ce 0001ba 0001e1 0001bd 0001b9 0001cf 000183 0001ce 0001bc 0001ce 8001b5",
        &[Text("κ\u{1f79}σμε")],
        End::Open,
    ),
    row(
        "cut inside a letter",
        "0103cebacf 800583cebcceb5",
        &[Text("κσμε")],
        End::Open,
    ),
    // row: UTF-04
    not_text(
        "at the first octet that cannot be, the frame incomplete",
        "810ecebacf8ccf83cebcceb5f490",
    ),
    not_text(
        "the same in the second fragment",
        "0104cebacf8c 800acf83cebcceb5f490",
    ),
    not_text("a surrogate's second octet", "817d eda0"),
    not_text("in a fragment, before the next", "0102c328"),
    not_text("in a fragment, a Ping behind it", "0102c328 890170 8000"),
    not_text("in a fragment, a Close behind it", "0102c328 880203e8"),
    not_text("in a fragment, a bad frame behind it", "0102c328 8300"),
    not_text(
        "the lead in one fragment, the rest wrong in the next",
        "0101c3 000128 890170",
    ),
    // row: UTF-05
    is_text("NUL", "810100", &[Text("\0")]),
    is_text("U+FEFF", "8103efbbbf", &[Text("\u{feff}")]),
    is_text(
        "U+FFFE and U+FFFF",
        "8106efbfbeefbfbf",
        &[Text("\u{fffe}\u{ffff}")],
    ),
    is_text(
        "U+1FFFF and U+10FFFF",
        "8108f09fbfbff48fbfbf",
        &[Text("\u{1ffff}\u{10ffff}")],
    ),
    is_text(
        "the ends of each length",
        "810a c280dfbfe0a080 ed9fbf",
        &[Text("\u{80}\u{7ff}\u{800}\u{d7ff}")],
    ),
    // row: UTF-06
    row(
        "a Ping that is no text between two halves of a letter",
        "0101c3 8901ff 8001a9",
        &[Pong(Octets("ff")), Text("é")],
        End::Open,
    ),
    row(
        "a binary message after a text does not continue its check",
        "810161 8201a9 8102c3a9",
        &[Text("a"), Binary(Octets("a9")), Text("é")],
        End::Open,
    ),
    // row: UTF-06
    row(
        "each text is checked from its own start",
        "8102c3a9 8102c3a9 0101c3 8001a9 0101e2 80028282",
        &[Text("é"), Text("é"), Text("é"), Text("\u{2082}")],
        End::Open,
    ),
    // row: UTF-07
    row(
        "binary is not text",
        "8202c328 020180 8001ff",
        &[Binary(Octets("c328")), Binary(Octets("80ff"))],
        End::Open,
    ),
    // row: SEED-09, SEED-13, SEED-14
    row(
        "a small session",
        "810548656c6c6f 8900 820400010203 880503e8627965",
        &[Text("Hello"), Pong(Octets("")), Binary(Octets("00010203"))],
        End::Closed(1000, "bye"),
    ),
];

const X123: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
