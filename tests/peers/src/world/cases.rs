//! What RFC 6455 asks of a client, case by case: what the server does, and what has to become of it.

/// One case.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// The answer to the request, with `@` where Sec-WebSocket-Accept's value goes.
    pub(super) response: &'static [u8],
    /// Frames as they go over the wire. None: what is measured.
    pub(super) frames: &'static [&'static [u8]],
    pub(super) delivery: Delivery,
    pub(super) expected: Expected,
    /// Messages that the client has to deliver, and what each of them is.
    pub(super) before: usize,
    pub(super) text: bool,
    pub(super) payload: &'static [u8],
    /// Octets that the client has to send after its request.
    pub(super) answer: &'static [u8],
}

/// What a read gives.
pub(super) enum Delivery {
    /// One frame.
    Frames,
    /// One octet.
    Octets,
    /// All that there is.
    AtOnce,
}

pub(super) enum Expected {
    /// The client fails the connection (RFC 6455 §4.1, §7.1.7).
    Refusal,
    /// The client receives what was sent, and sees the peer close.
    Close,
}

const DONE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n";
const CLOSE: &[u8] = &[0x88, 2, 0x03, 0xE8];
/// Masked with the world's entropy, 5A: Close 1000, and a Pong with "hi".
const CLOSE_ANSWER: &[u8] = &[0x88, 0x82, 0x5A, 0x5A, 0x5A, 0x5A, 0x59, 0xB2];
const PONG_ANSWER: &[u8] = &[0x8A, 0x82, 0x5A, 0x5A, 0x5A, 0x5A, 0x32, 0x33];
const LONG_PING: [u8; 204] = {
    let mut frame = [b'x'; 204];
    [frame[0], frame[1], frame[2], frame[3]] = [0x89, 126, 0, 200];
    frame
};

pub(super) const fn measure() -> Case {
    Case {
        name: "measured",
        frames: &[],
        before: super::LENGTHS.len(),
        ..lawful("", &[])
    }
}

pub(super) static MEASURE: Case = measure();

/// The client has to fail the connection when it reads the response.
const fn refused_response(name: &'static str, response: &'static [u8]) -> Case {
    Case {
        name,
        response,
        // It never gets so far as to deliver this.
        frames: &[&[0x81, 2, b'h', b'i'], CLOSE],
        expected: Expected::Refusal,
        before: 0,
        ..lawful(name, &[])
    }
}

/// The client has to fail the connection when it reads the frames.
const fn refused(name: &'static str, frames: &'static [&'static [u8]]) -> Case {
    Case {
        expected: Expected::Refusal,
        before: 0,
        ..lawful(name, frames)
    }
}

/// The client has to deliver one text "hi", and to close when asked.
const fn lawful(name: &'static str, frames: &'static [&'static [u8]]) -> Case {
    Case {
        name,
        response: DONE,
        frames,
        delivery: Delivery::Frames,
        expected: Expected::Close,
        before: 1,
        text: true,
        payload: b"hi",
        answer: &[],
    }
}

pub(super) static CASES: [Case; 30] = [
    // RFC 6455 §4.1, on the server's response.
    refused_response(
        "status 200",
        b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n",
    ),
    refused_response(
        "no Upgrade",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n",
    ),
    refused_response(
        "no Connection",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: @\r\n\r\n",
    ),
    refused_response(
        "no Accept",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ),
    refused_response(
        "wrong Accept",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ),
    refused_response(
        "extension not offered",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    ),
    refused_response(
        "subprotocol not offered",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
    ),
    Case {
        response: b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-accept:@\r\n\r\n",
        ..lawful("Connection as a list", &[HI, CLOSE])
    },
    Case {
        response: b"HTTP/1.1 101 Switching Protocols\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\nI: 9\r\nJ: 10\r\nK: 11\r\nL: 12\r\nM: 13\r\nN: 14\r\nO: 15\r\nP: 16\r\nQ: 17\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n",
        ..lawful("20 fields", &[HI, CLOSE])
    },
    // §5, on transports that cut where they like.
    Case {
        delivery: Delivery::Octets,
        ..lawful("octet by octet", &[HI, CLOSE])
    },
    Case {
        delivery: Delivery::AtOnce,
        ..lawful("all in one read", &[HI, CLOSE])
    },
    // §5.1
    refused("masked frame", &[&[0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2], CLOSE]),
    // §5.2
    refused("RSV1", &[&[0xC1, 2, b'h', b'i'], CLOSE]),
    refused("opcode 3", &[&[0x83, 2, b'h', b'i'], CLOSE]),
    refused("opcode 11", &[&[0x8B, 0], CLOSE]),
    refused("length not minimal", &[&[0x81, 126, 0, 2, b'h', b'i'], CLOSE]),
    refused(
        "length of 2^63",
        &[&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0, b'h', b'i'], CLOSE],
    ),
    refused(
        "length of 2^64 - 1",
        &[&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255, b'h', b'i'], CLOSE],
    ),
    // §5.4
    refused("nothing to continue", &[&[0x80, 2, b'h', b'i'], CLOSE]),
    refused(
        "message in a message",
        &[&[0x01, 1, b'h'], &[0x81, 2, b'h', b'i'], CLOSE],
    ),
    Case {
        answer: PONG_ANSWER,
        ..lawful(
            "Ping in a message",
            &[&[0x01, 1, b'h'], &[0x89, 2, b'h', b'i'], &[0x80, 1, b'i'], CLOSE],
        )
    },
    // §5.5
    refused("Ping of 200 octets", &[&LONG_PING, CLOSE]),
    refused("Ping in fragments", &[&[0x09, 1, b'h'], &[0x80, 1, b'i'], CLOSE]),
    Case {
        before: 0,
        answer: CLOSE_ANSWER,
        ..lawful("Close answered", &[CLOSE])
    },
    // §5.5.1, §7.4
    refused("Close of one octet", &[&[0x88, 1, 3]]),
    refused("Close 1005", &[&[0x88, 2, 0x03, 0xED]]),
    refused("Close 999", &[&[0x88, 2, 0x03, 0xE7]]),
    refused("Close with no UTF-8", &[&[0x88, 4, 0x03, 0xE8, 0xC3, 0x28]]),
    // §8.1
    refused("text with no UTF-8", &[&[0x81, 2, 0xC3, 0x28], CLOSE]),
    Case {
        payload: "hü".as_bytes(),
        ..lawful("character in two frames", &[&[0x01, 2, b'h', 0xC3], &[0x80, 1, 0xBC], CLOSE])
    },
];

const HI: &[u8] = &[0x81, 2, b'h', b'i'];
