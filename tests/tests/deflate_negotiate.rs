//! Negotiation of permessage-deflate, as tables.

use bare_ws::deflate::negotiate::{
    Agreed, Offer, Parameter, Refusal, WindowMemory, accept, answer, write_offers,
};

fn offers(texts: &[&str]) -> Vec<Offer> {
    texts
        .iter()
        .map(|text| Offer::parse(text).unwrap())
        .collect()
}

fn parameters(text: &str) -> Vec<(&str, Option<&str>)> {
    text.split(';')
        .map(str::trim)
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| match parameter.split_once('=') {
            None => (parameter, None),
            Some((name, value)) => (name, Some(value)),
        })
        .collect()
}

// row: PMD-01
#[test]
fn offers_are_written_as_they_are_read() {
    for text in [
        "",
        "client_max_window_bits",
        "server_max_window_bits=10; client_max_window_bits",
        "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; client_max_window_bits=8",
    ] {
        let written = Offer::parse(text).unwrap().to_string();
        let wanted = if text.is_empty() {
            "permessage-deflate".to_owned()
        } else {
            format!("permessage-deflate; {text}")
        };
        assert_eq!(written, wanted);
    }
    for bits in 8..=15 {
        let text = format!("server_max_window_bits={bits}; client_max_window_bits={bits}");
        let written = Offer::parse(&text).unwrap().to_string();
        assert_eq!(written, format!("permessage-deflate; {text}"));
    }
    let mut value = String::new();
    let all = offers(&[
        "server_max_window_bits=10; client_max_window_bits",
        "server_no_context_takeover",
        "",
    ]);
    write_offers(&all, &mut |piece| value.push_str(piece));
    assert_eq!(
        value,
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
         permessage-deflate; server_no_context_takeover, permessage-deflate"
    );
}

// row: PMD-02, PMD-03, PMD-04, TRAP-24
#[test]
fn bad_parameters_are_refused_by_name() {
    use Parameter::{
        ClientMaxWindowBits, ClientNoContextTakeover, ServerMaxWindowBits, ServerNoContextTakeover,
    };
    for bits in [
        "7",
        "16",
        "0",
        "08",
        "+9",
        "1e1",
        "\"\"",
        "",
        "99999999999",
        "-9",
        "9 ",
        "1O",
        "9.0",
        "٩",
    ] {
        for (name, parameter) in [
            ("server_max_window_bits", ServerMaxWindowBits),
            ("client_max_window_bits", ClientMaxWindowBits),
        ] {
            assert_eq!(
                Offer::from_parameters([(name, Some(bits))]),
                Err(Refusal::Value(parameter)),
                "{bits}"
            );
        }
    }
    for (text, refusal) in [
        ("foo", Refusal::Unknown),
        ("Server_Max_Window_Bits=10", Refusal::Unknown),
        (";", Refusal::Unknown),
        (
            "server_max_window_bits",
            Refusal::Value(ServerMaxWindowBits),
        ),
        (
            "server_max_window_bits=10; server_max_window_bits=10",
            Refusal::Repeated(ServerMaxWindowBits),
        ),
        (
            "client_max_window_bits; client_max_window_bits=9",
            Refusal::Repeated(ClientMaxWindowBits),
        ),
        (
            "client_no_context_takeover=1",
            Refusal::Value(ClientNoContextTakeover),
        ),
        (
            "server_no_context_takeover=",
            Refusal::Value(ServerNoContextTakeover),
        ),
        (
            "server_no_context_takeover; server_no_context_takeover",
            Refusal::Repeated(ServerNoContextTakeover),
        ),
    ] {
        assert_eq!(Offer::parse(text), Err(refusal), "{text}");
    }
    for (text, bits) in [
        ("=8", 8),
        ("=9", 9),
        ("=10", 10),
        ("=15", 15),
        (" = \"10\" ", 10),
    ] {
        let offer = Offer::parse(&format!("server_max_window_bits{text}")).unwrap();
        assert_eq!(offer.server_max_window_bits, Some(bits));
    }
    let words = Refusal::TooLarge(ServerMaxWindowBits).to_string();
    assert_eq!(
        words,
        "permessage-deflate: server_max_window_bits is larger than offered"
    );
}

// row: PMD-02, PMD-03, PMD-05, PMD-06, PMD-07, PMD-40
#[test]
fn responses_are_held_against_offer_and_memory() {
    use Parameter::{ClientMaxWindowBits as Client, ServerMaxWindowBits as Server};
    let ring10 = WindowMemory::pieces(1024);
    let ring12 = WindowMemory::pieces(4096);
    let whole10 = WindowMemory::whole(1024 + 2000, 2000);
    let whole0 = WindowMemory::whole(2000, 2000);
    let host = "client_max_window_bits";
    let small = "server_max_window_bits=10; client_max_window_bits";
    let linear = "server_no_context_takeover; client_max_window_bits";
    // Receive bits, receive without takeover, send bits, send without takeover.
    type Outcome = Result<(u8, bool, u8, bool), Refusal>;
    let table: &[(&[&str], WindowMemory, &str, Outcome)] = &[
        (&[host], WindowMemory::ALL, "", Ok((15, false, 15, false))),
        (
            &[host],
            WindowMemory::ALL,
            "server_no_context_takeover",
            Ok((15, true, 15, false)),
        ),
        (
            &[host],
            WindowMemory::ALL,
            "client_no_context_takeover",
            Ok((15, false, 15, true)),
        ),
        (
            &[host],
            WindowMemory::ALL,
            "server_max_window_bits=8",
            Ok((8, false, 15, false)),
        ),
        (
            &[host],
            WindowMemory::ALL,
            "client_max_window_bits=8",
            Ok((15, false, 8, false)),
        ),
        (
            &[host],
            WindowMemory::ALL,
            "client_max_window_bits",
            Err(Refusal::Value(Client)),
        ),
        (&[host], WindowMemory::ALL, "foo", Err(Refusal::Unknown)),
        (
            &[""],
            WindowMemory::ALL,
            "client_max_window_bits=10",
            Err(Refusal::NotOffered(Client)),
        ),
        (
            &["client_max_window_bits=10"],
            WindowMemory::ALL,
            "client_max_window_bits=11",
            Err(Refusal::TooLarge(Client)),
        ),
        (
            &["client_max_window_bits=10"],
            WindowMemory::ALL,
            "client_max_window_bits=9",
            Ok((15, false, 9, false)),
        ),
        (
            &["client_max_window_bits=10"],
            WindowMemory::ALL,
            "",
            Ok((15, false, 10, false)),
        ),
        (
            &["client_no_context_takeover"],
            WindowMemory::ALL,
            "",
            Ok((15, false, 15, true)),
        ),
        (
            &[small],
            ring10,
            "server_max_window_bits=10",
            Ok((10, false, 15, false)),
        ),
        (
            &[small],
            ring10,
            "server_max_window_bits=9",
            Ok((9, false, 15, false)),
        ),
        (
            &[small],
            ring10,
            "server_max_window_bits=11",
            Err(Refusal::TooLarge(Server)),
        ),
        (
            &[small],
            WindowMemory::ALL,
            "server_max_window_bits=11",
            Err(Refusal::TooLarge(Server)),
        ),
        (&[small], ring10, "", Err(Refusal::Window(Server))),
        (&[small], WindowMemory::ALL, "", Ok((15, false, 15, false))),
        // As gorilla answers whatever was offered.
        (
            &[small],
            ring10,
            "server_no_context_takeover; client_no_context_takeover",
            Err(Refusal::Window(Server)),
        ),
        (
            &[small],
            whole10,
            "server_no_context_takeover; client_no_context_takeover",
            Ok((15, true, 15, true)),
        ),
        (&[small], whole10, "", Err(Refusal::Window(Server))),
        (
            &[host],
            ring12,
            "server_max_window_bits=12",
            Ok((12, false, 15, false)),
        ),
        (
            &[host],
            ring12,
            "server_max_window_bits=13",
            Err(Refusal::Window(Server)),
        ),
        (
            &[linear],
            whole0,
            "server_no_context_takeover",
            Ok((15, true, 15, false)),
        ),
        (
            &[linear],
            whole0,
            "server_max_window_bits=9",
            Err(Refusal::Window(Server)),
        ),
        (
            &[linear],
            whole10,
            "server_max_window_bits=8",
            Ok((8, false, 15, false)),
        ),
        // The response may answer any of the offers.
        (
            &[small, ""],
            WindowMemory::ALL,
            "server_max_window_bits=12",
            Ok((12, false, 15, false)),
        ),
        (
            &[small, linear],
            whole10,
            "server_no_context_takeover",
            Ok((15, true, 15, false)),
        ),
        (
            &["", host],
            WindowMemory::ALL,
            "client_max_window_bits=12",
            Ok((15, false, 12, false)),
        ),
        (
            &["server_max_window_bits=9", small],
            ring10,
            "server_max_window_bits=11",
            Err(Refusal::TooLarge(Server)),
        ),
    ];
    for (texts, held, response, outcome) in table {
        let result = accept(&offers(texts), *held, parameters(response));
        let wanted = outcome.map(|(bits, forgets, send, send_forgets)| Agreed {
            receive_window_bits: bits,
            receive_no_context_takeover: forgets,
            send_window_bits: send,
            send_no_context_takeover: send_forgets,
        });
        assert_eq!(
            result, wanted,
            "{texts:?} with {held:?} answered {response:?}"
        );
    }
    assert!(
        accept(&[], WindowMemory::ALL, []).is_err(),
        "nothing was offered"
    );
}

// row: PMD-05, PMD-40
#[test]
fn sensible_offers_can_be_honoured() {
    for (held, wanted) in [
        (WindowMemory::ALL, vec!["client_max_window_bits"]),
        (
            WindowMemory::pieces(1 << 15),
            vec!["client_max_window_bits"],
        ),
        (
            WindowMemory::pieces(1500),
            vec!["server_max_window_bits=10; client_max_window_bits"],
        ),
        (
            WindowMemory::whole(8192, 4096),
            vec![
                "server_max_window_bits=12; client_max_window_bits",
                "server_no_context_takeover; client_max_window_bits",
            ],
        ),
        (
            WindowMemory::whole(4096, 4000),
            vec!["server_no_context_takeover; client_max_window_bits"],
        ),
        (WindowMemory::pieces(300), vec![]),
    ] {
        let sensible = Offer::sensible(held);
        assert_eq!(sensible.to_vec(), offers(&wanted), "{held:?}");
        for offer in sensible.iter() {
            assert_eq!(offer.check(held), Ok(()));
        }
    }
    let refusal = Err(Refusal::Window(Parameter::ServerMaxWindowBits));
    assert_eq!(Offer::HOST[0].check(WindowMemory::pieces(1024)), refusal);
}

// row: PMD-06, PMD-07, PMD-40
#[test]
fn a_server_asks_for_what_its_memory_needs_and_no_more() {
    let all = WindowMemory::ALL;
    let pieces = WindowMemory::pieces(1024);
    let whole = WindowMemory::whole(2048, 1024);
    let linear = WindowMemory::whole(1000, 1000);
    let nothing = WindowMemory::pieces(100);
    for (offer, held, response) in [
        ("", all, Some("")),
        ("client_max_window_bits", all, Some("")),
        (
            "client_max_window_bits=12",
            all,
            Some("client_max_window_bits=12"),
        ),
        (
            "client_max_window_bits",
            pieces,
            Some("client_max_window_bits=10"),
        ),
        (
            "client_max_window_bits=9",
            pieces,
            Some("client_max_window_bits=9"),
        ),
        ("", pieces, None),
        ("client_no_context_takeover", pieces, None),
        (
            "client_max_window_bits",
            whole,
            Some("client_max_window_bits=10"),
        ),
        // Without context takeover a message that is taken whole needs no window.
        ("", whole, Some("client_no_context_takeover")),
        (
            "client_no_context_takeover; client_max_window_bits",
            whole,
            Some("client_no_context_takeover"),
        ),
        (
            "client_no_context_takeover; client_max_window_bits=12",
            whole,
            Some("client_no_context_takeover; client_max_window_bits=12"),
        ),
        ("", linear, Some("client_no_context_takeover")),
        (
            "client_no_context_takeover; client_max_window_bits",
            linear,
            Some("client_no_context_takeover"),
        ),
        ("client_max_window_bits", nothing, None),
    ] {
        let answered = answer(&Offer::parse(offer).unwrap(), held);
        let written = answered.map(|(response, _)| response.to_string());
        let response = response.map(|response| {
            let separator = if response.is_empty() { "" } else { "; " };
            format!("permessage-deflate{separator}{response}")
        });
        assert_eq!(written, response, "{offer:?}, {held:?}");
    }
}

// row: PMD-02, PMD-07
#[test]
fn a_client_accepts_what_our_server_answers() {
    let texts = [
        "",
        "client_max_window_bits",
        "client_max_window_bits=9",
        "server_max_window_bits=9",
        "server_no_context_takeover; client_no_context_takeover",
        "client_no_context_takeover; client_max_window_bits=12; server_max_window_bits=8",
    ];
    let helds = [
        WindowMemory::ALL,
        WindowMemory::pieces(1024),
        WindowMemory::whole(5000, 1000),
        WindowMemory::whole(1000, 1000),
        WindowMemory::pieces(100),
    ];
    let mut answered = 0;
    for text in texts {
        for held in helds {
            let offer = Offer::parse(text).unwrap();
            let Some((response, server)) = answer(&offer, held) else {
                continue;
            };
            answered += 1;
            let value = response.to_string();
            let value = value.strip_prefix("permessage-deflate").unwrap();
            let client = accept(&[offer], WindowMemory::ALL, parameters(value)).unwrap();
            assert_eq!(
                client.send_window_bits,
                server.receive_window_bits.min(client.send_window_bits)
            );
            assert_eq!(client.receive_window_bits, server.send_window_bits);
            assert!(client.send_no_context_takeover || !server.receive_no_context_takeover);
            assert_eq!(
                client.receive_no_context_takeover,
                server.send_no_context_takeover
            );
        }
    }
    assert!(answered >= 15, "{answered}");
    assert!(answer(&offers(&[""])[0], WindowMemory::pieces(1024)).is_none());
}
