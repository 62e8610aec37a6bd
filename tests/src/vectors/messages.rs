//! Messages of several frames, control frames between them, and limits.

use super::*;

pub(super) const MESSAGES: &[Vector] = &[
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
];
