//! The fields that RFC 6455 §4.1 asks for, and the subprotocol.

use crate::*;

// row: RSP-06, RSP-09, RSP-10
#[test]
fn the_upgrade_field() {
    let wrong = Some(violation(ResponseError::Upgrade));
    let twice = Some(violation(ResponseError::UpgradeRepeated));
    let missing = Some(violation(ResponseError::UpgradeMissing));
    let field = Some(violation(ResponseError::Field));
    expect(
        &Setting::default(),
        &[
            (with_upgrade("Upgrade: WebSocket\r\n"), None),
            (with_upgrade("UPGRADE: WEBSOCKET\r\n"), None),
            (with_upgrade("upgrade:websocket\r\n"), None),
            (with_upgrade("Upgrade: \t websocket \t \r\n"), None),
            (with_upgrade(""), missing),
            (with_upgrade("Upgradex: websocket\r\n"), missing),
            (with_upgrade("Upgrad: websocket\r\n"), missing),
            (with_upgrade("X-Upgrade: websocket\r\n"), missing),
            (with_upgrade("Upgrade:\r\n"), wrong),
            (with_upgrade("Upgrade: websocke\r\n"), wrong),
            (with_upgrade("Upgrade: websocket, h2c\r\n"), wrong),
            (with_upgrade("Upgrade: websocketx\r\n"), wrong),
            (with_upgrade("Upgrade: web socket\r\n"), wrong),
            (with_upgrade("Upgrade: h2c\r\n"), wrong),
            (with_upgrade("Upgrade: websocket/13\r\n"), wrong),
            (
                with_upgrade("Upgrade: websocket\r\nUpgrade: websocket\r\n"),
                twice,
            ),
            (with_upgrade("Upgrade : websocket\r\n"), field),
            (with_upgrade(": websocket\r\n"), field),
            (with_upgrade("Upgrade\r\n"), field),
            (with_upgrade("Upgr\u{e9}de: websocket\r\n"), field),
        ],
    );
}

// row: RSP-07
#[test]
fn the_connection_field() {
    let missing = Some(violation(ResponseError::ConnectionMissing));
    let good = [
        "upgrade",
        "UPGRADE",
        "keep-alive, Upgrade",
        "Upgrade ,foo",
        ",Upgrade",
        "Upgrade,",
        ", ,\tUpgrade\t,,x",
        "a,Upgrade,Upgrade",
    ];
    let bad = [
        "upgraded",
        "no-upgrade",
        "keep-alive",
        "",
        ",",
        "upgrade x",
        "x upgrade",
        "up grade",
        "upgrade;x",
        "\"upgrade\"",
        "keep-alive upgrade",
        "upgrad",
        "a,upgrade x,b",
    ];
    let two = "Connection: keep-alive\r\nConnection: Upgrade\r\n";
    let reverse = "Connection: Upgrade\r\nConnection: keep-alive\r\n";
    let torn = "Connection: up\r\nConnection: grade\r\n";
    let mut table = vec![
        (with_connection(two), None),
        (with_connection(reverse), None),
        (with_connection(torn), missing),
        (with_connection(""), missing),
    ];
    table.extend(good.map(|v| (with_connection(&format!("Connection: {v}\r\n")), None)));
    table.extend(bad.map(|v| (with_connection(&format!("Connection: {v}\r\n")), missing)));
    expect(&Setting::default(), &table);
}

// row: RSP-08, RSP-09, TRAP-03
#[test]
fn the_accept_field() {
    let value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let field = |value: &str| with_accept(&format!("Sec-WebSocket-Accept: {value}\r\n"));
    let wrong = Some(violation(ResponseError::Accept));
    let mut table = vec![
        (
            with_accept(&format!("sec-websocket-accept: {value}\r\n")),
            None,
        ),
        (
            with_accept(&format!("SEC-WEBSOCKET-ACCEPT:{value}\r\n")),
            None,
        ),
        (
            with_accept(&format!("Sec-Websocket-Accept: \t{value}\t \r\n")),
            None,
        ),
        (
            with_accept(""),
            Some(violation(ResponseError::AcceptMissing)),
        ),
        (
            with_accept(&ACCEPT.repeat(2)),
            Some(violation(ResponseError::AcceptRepeated)),
        ),
        (field(""), wrong),
        (field(&value.to_lowercase()), wrong),
        (field(&value.to_uppercase()), wrong),
        (field(&format!("{value}=")), wrong),
        (field(&format!("{value} x")), wrong),
        (field(&format!("{value},{value}")), wrong),
        (field(&format!("\"{value}\"")), wrong),
        (field(&value.replace("LMB", "LM B")), wrong),
    ];
    for place in 0..value.len() {
        table.push((field(&value[..place]), wrong));
        table.push((field(&value[place + 1..]), wrong));
        let mut changed = value.to_owned().into_bytes();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        table.push((field(&changed), wrong));
    }
    expect(&Setting::default(), &table);
}

// row: RSP-18
#[test]
fn the_subprotocol_field() {
    let field = |value: &str| base(&format!("Sec-WebSocket-Protocol: {value}\r\n"));
    let not_offered = Some(violation(ResponseError::SubprotocolNotOffered));
    let repeated = Some(violation(ResponseError::SubprotocolRepeated));
    expect(
        &Setting::default(),
        &[(field("chat"), not_offered), (field(""), not_offered)],
    );

    let some = Setting {
        subprotocols: &["ab", "a", "abc", "b"],
        ..Setting::default()
    };
    let two = "Sec-WebSocket-Protocol: a\r\n".repeat(2);
    let mut table = vec![(base(&two), repeated), (base(""), None)];
    table.extend(
        ["c", "a, b", "a,b", "A", "", "abcd", "a b", "aa", "bc"].map(|v| (field(v), not_offered)),
    );
    expect(&some, &table);
    for name in some.subprotocols {
        for value in [(*name).to_owned(), format!("\t{name} ")] {
            let outcome = by_the_law(&some, field(&value).as_bytes());
            assert_eq!(outcome.map(|o| o.0), Ok(Some((*name).to_owned())), "{name}");
        }
    }
    let missing = Some(violation(ResponseError::SubprotocolMissing));
    let required = Setting {
        subprotocol_required: true,
        ..some
    };
    expect(&required, &[(base(""), missing), (field("b"), None)]);
}
