//! The closing handshake, and text that is valid UTF-8 or is not.

use super::*;

pub(super) const CLOSING: &[Vector] = &[
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
