//! seeds DIR: writes what the fuzzer starts from, a folder a target: the vectors of the tests, and
//! what else gets it past the first gates.

use std::path::Path;
use std::{env, fs, io};

use bare_ws_fuzz::certificates::{chains, encoded};
use bare_ws_tests::vectors::{From, VECTORS};

// The library is built with coverage counters, which the fuzzer's runtime takes.
libfuzzer_sys::fuzz_target!(|_data: &[u8]| {});

fn main() -> io::Result<()> {
    let dir = env::args_os().nth(1).expect("seeds DIR");
    let dir = Path::new(&dir);
    for (target, seeds) in [
        ("receive", receive()),
        ("differential", frames(2, 1500)),
        ("certificate", certificate()),
        ("handshake", handshake()),
        ("request", request()),
        ("negotiate", negotiate()),
        ("inflate", inflate()),
    ] {
        let dir = dir.join(target);
        fs::create_dir_all(&dir)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(dir.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}

/// Every vector that is not long, behind so many octets of parameters.
fn frames(parameters: usize, most: usize) -> Vec<Vec<u8>> {
    let vectors = VECTORS.iter().filter(|vector| vector.from != From::Client);
    let all = vectors.map(|vector| {
        vec![0; parameters]
            .into_iter()
            .chain(vector.wire.iter())
            .collect()
    });
    all.filter(|seed: &Vec<u8>| seed.len() < most).collect()
}

/// As a server's and, masked, as a client's; in each delivery.
fn receive() -> Vec<Vec<u8>> {
    let mut seeds = frames(8, 700);
    for (number, seed) in seeds.iter_mut().enumerate() {
        seed[0] = [0, 3][number % 2];
        seed[1] = (number / 2) as u8;
        seed[2] = [0, 7, 4][number / 6 % 3];
    }
    // Compressed: "Hello" twice, in two fragments, with takeover and without (RFC 7692 §7.2.3).
    for takeover in [128, 160] {
        let wire = [0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0];
        let parts = [0x41, 3, 0xf2, 0x48, 0xcd, 0x80, 4, 0xc9, 0xc9, 7, 0];
        seeds.push([&[0, 1, 0, 0, 0, takeover, 0, 0], &wire[..], &parts].concat());
    }
    seeds
}

fn certificate() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, chain) in chains().iter().enumerate() {
        for signed_again in [false, true] {
            let signer = |signer: usize| if signed_again { signer as u8 + 1 } else { 0 };
            let chain: Vec<_> = chain
                .iter()
                .map(|(der, by)| (der.clone(), signer(*by)))
                .collect();
            seeds.push(encoded(number % 2, signed_again.into(), &chain));
        }
    }
    seeds
}

fn texts(parameters: &[u8], texts: &[&str]) -> Vec<Vec<u8>> {
    texts
        .iter()
        .map(|text| [parameters, text.as_bytes()].concat())
        .collect()
}

fn handshake() -> Vec<Vec<u8>> {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let mut seeds = Vec::new();
    for more in [
        "",
        "Sec-WebSocket-Protocol: chat\r\n",
        "Sec-WebSocket-Extensions: x; a=\"b\", permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: ,, x ;a = \"\\b\" ; c\t, \r\n",
        "Sec-WebSocket-Extensions: x, x\r\n",
    ] {
        for choice in [0, 2, 6, 8] {
            seeds.extend(texts(&[choice, 0, 0], &[&format!("{answer}{more}\r\n")]));
            let interim = format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{answer}{more}\r\n");
            seeds.extend(texts(&[choice, 0, 0], &[&interim]));
        }
    }
    let request = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://h\r\n\r\n";
    seeds.extend(texts(&[1, 0, 0], &[request]));
    seeds
}

fn request() -> Vec<Vec<u8>> {
    let all = "wss://[::1]:8443/a/b?c=%20d\u{1}h:1\u{1}https://o\u{1}chat\u{1}v2.x\u{1}Cookie\u{1}a=b\u{1}X-Y\u{1}z\
        \u{1}permessage-deflate; client_max_window_bits";
    let mut seeds = texts(
        &[0, 0],
        &[
            "ws://h/",
            "wss://h.example:8443?q",
            "ws://192.0.2.1:81/%7Ea",
        ],
    );
    seeds.extend(texts(&[61, 9], &[all]));
    seeds
}

fn negotiate() -> Vec<Vec<u8>> {
    texts(
        &[0x84, 0x87, 0, 0x80, 0x86, 0x85, 1, 2, 4, 1],
        &[
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=\"12\"",
            "x; y=\"\\z\", permessage-deflate;client_max_window_bits=15",
        ],
    )
}

fn inflate() -> Vec<Vec<u8>> {
    let payloads: [&[u8]; 4] = [
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ];
    let mut seeds = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let with_len = [&[0, payload.len() as u8][..], payload].concat();
        let way = [
            number as u8,
            1 - number as u8 % 2,
            number as u8 / 2,
            0,
            3,
            2,
        ];
        seeds.push([&way[..], &with_len, &[0, 5, 0xf2, 0, 0x11, 0, 0]].concat());
    }
    seeds
}
