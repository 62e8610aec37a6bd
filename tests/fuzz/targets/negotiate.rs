//! Any text as the answer to any offers of permessage-deflate: it is accepted if and only if an
//! offer permits it and our memory can decode whatever it permits.
#![no_main]

use bare_ws::deflate::negotiate::{Agreed, NAME, Offer, WindowMemory, accept, answer};
use bare_ws::handshake::extension::Extensions;
use bare_ws_fuzz::{Input, planted, show};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let bits = |octet: u8| (octet & 128 != 0).then_some(8 + octet % 8);
    let mut offer = |from: u8| Offer {
        server_no_context_takeover: from & 1 != 0,
        client_no_context_takeover: from & 2 != 0,
        server_max_window_bits: bits(input.octet()),
        client_max_window_bits: (from & 4 != 0).then_some(bits(input.octet())),
    };
    let offers = [offer(0), offer(1), offer(7)];
    let offers = [
        offers[usize::from(input.octet()) % 3],
        offers[usize::from(input.octet()) % 3],
    ];
    let held = WindowMemory {
        window_bits: input.pick(&[None, Some(9), Some(10), Some(12), Some(15)]),
        whole: input.flag(),
    };
    let value = input.0;
    show!("{offers:?} {held:?} {:?}", String::from_utf8_lossy(value));

    let mut memory = vec![0; value.len()];
    let scanned = Extensions::parse(value, &mut memory).map(|extensions| {
        let parameters = |extension: bare_ws::handshake::extension::Extension<'_>| {
            let parameters = extension.parameters();
            let owned = parameters.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
            (extension.name().to_owned(), owned.collect())
        };
        extensions.map(parameters).collect::<Vec<_>>()
    });
    let expected = list(value);
    assert_eq!(scanned.as_ref().ok(), expected.as_ref());
    for (name, parameters) in expected.iter().flatten().filter(|(name, _)| name == NAME) {
        let _ = name;
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (&name[..], value.as_deref()))
            .collect();
        let ours = accept(&offers, held, parameters.iter().copied());
        let mut expected = parse(&parameters).and_then(|response| {
            offers
                .iter()
                .find_map(|offer| permits(offer, &response, held))
        });
        if planted("negotiate") && parameters.contains(&("server_max_window_bits", Some("11"))) {
            expected = None;
        }
        show!("{ours:?}, {expected:?}");
        assert_eq!(ours.ok(), expected);
        // What a server of ours answers, a client of ours accepts.
        if let Ok(offer) = Offer::from_parameters(parameters.iter().copied())
            && let Some((response, server)) = answer(&offer, held)
        {
            let text = response.to_string();
            let response = Offer::parse(
                text.strip_prefix(NAME)
                    .unwrap_or_default()
                    .trim_start_matches(';'),
            );
            let response = response.expect("what it answers");
            let client = permits(&offer, &response, WindowMemory::ALL).expect("what was offered");
            assert_eq!(client.receive_window_bits, server.send_window_bits);
            assert_eq!(client.send_window_bits, server.receive_window_bits);
            assert_eq!(
                client.send_no_context_takeover,
                server.receive_no_context_takeover
            );
        }
    }
});

type Elements = Vec<(String, Vec<(String, Option<String>)>)>;

/// RFC 6455 §9.1, by cutting the text at its commas and semicolons: none of them may stand in
/// quotes, since what is quoted must be a token too.
fn list(value: &[u8]) -> Option<Elements> {
    let mut elements = Vec::new();
    for element in value.split(|&octet| octet == b',') {
        let mut parts = element.split(|&octet| octet == b';').map(blanks_off);
        let name = parts.next().unwrap_or_default();
        if name.is_empty() && blanks_off(element).is_empty() {
            // RFC 2616 §2.1: "null elements are allowed, but do not contribute to the count".
            continue;
        }
        let name = token(name)?;
        let mut parameters = Vec::new();
        for part in parts {
            let (name, value) = match part.iter().position(|&octet| octet == b'=') {
                None => (part, None),
                Some(at) => (blanks_off(&part[..at]), Some(blanks_off(&part[at + 1..]))),
            };
            let value = match value {
                None => None,
                Some([b'"', quoted @ .., b'"']) => Some(token(&unescaped(quoted)?)?),
                Some(value) => Some(token(value)?),
            };
            parameters.push((token(name)?, value));
        }
        elements.push((name, parameters));
    }
    (!elements.is_empty()).then_some(elements)
}

fn unescaped(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut octets = quoted.iter();
    let mut plain = Vec::new();
    while let Some(&octet) = octets.next() {
        match octet {
            b'\\' => plain.push(*octets.next()?),
            b'"' => return None,
            octet => plain.push(octet),
        }
    }
    Some(plain)
}

fn token(octets: &[u8]) -> Option<String> {
    let is_token =
        |&octet: &u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&octet);
    (!octets.is_empty() && octets.iter().all(is_token))
        .then(|| String::from_utf8_lossy(octets).into_owned())
}

fn blanks_off(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// RFC 7692 §7.1, of a response.
fn parse(parameters: &[(&str, Option<&str>)]) -> Option<Offer> {
    let mut offer = Offer::default();
    let mut seen = Vec::new();
    for &(name, value) in parameters {
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        let bits = value.and_then(|value| (8..=15).find(|bits: &u8| bits.to_string() == value));
        match (name, value) {
            ("server_no_context_takeover", None) => offer.server_no_context_takeover = true,
            ("client_no_context_takeover", None) => offer.client_no_context_takeover = true,
            ("server_max_window_bits", Some(_)) => offer.server_max_window_bits = Some(bits?),
            ("client_max_window_bits", Some(_)) => offer.client_max_window_bits = Some(Some(bits?)),
            _ => return None,
        }
    }
    Some(offer)
}

/// Whether the offer permits the response, and the memory holds what the response permits.
fn permits(offer: &Offer, response: &Offer, held: WindowMemory) -> Option<Agreed> {
    let receive = response.server_max_window_bits.unwrap_or(15);
    if offer
        .server_max_window_bits
        .is_some_and(|most| response.server_max_window_bits.is_some() && receive > most)
    {
        return None;
    }
    let is_own_window = response.server_no_context_takeover && held.whole;
    if !is_own_window && held.window_bits.is_none_or(|held| receive.max(9) > held) {
        return None;
    }
    let asked = response.client_max_window_bits.flatten();
    let hinted = offer.client_max_window_bits;
    if asked.is_some()
        && (hinted.is_none() || hinted.flatten().is_some_and(|most| asked > Some(most)))
    {
        return None;
    }
    Some(Agreed {
        receive_window_bits: receive,
        receive_no_context_takeover: response.server_no_context_takeover,
        send_window_bits: asked.or(hinted.flatten()).unwrap_or(15),
        send_no_context_takeover: offer.client_no_context_takeover
            || response.client_no_context_takeover,
    })
}
