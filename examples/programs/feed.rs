//! How do I talk JSON over `wss` to a server whose certificate my own CA has signed, with
//! credentials, a subprotocol, compression, and a limit on how long it may be silent?

use std::env;
use std::error::Error;
use std::time::Duration;

use bare_ws_std::{CloseCode, Config, Deflate, KeepAlive, Tls};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Subscribe<'a> {
    subscribe: &'a str,
}

#[derive(Deserialize)]
struct Price {
    symbol: String,
    price: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [uri, ca, token] = arguments.as_slice() else {
        return Err("usage: feed URI CA.pem TOKEN".into());
    };
    let mut socket = Config::new()
        .tls(Tls::builder().root_file(ca)?.build()?)
        .header("Authorization", format!("Bearer {token}"))
        .subprotocol("prices.v1")
        .deflate(Deflate::new())
        .keepalive(KeepAlive {
            interval: Duration::from_secs(30),
            dead_after: Duration::from_secs(45),
        })
        .connect(uri)?;
    socket.send(serde_json::to_string(&Subscribe { subscribe: "BTC" })?)?;
    while let Some(message) = socket.recv()? {
        let price: Price = serde_json::from_slice(message.as_bytes())?;
        println!("{}: {}", price.symbol, price.price);
    }
    socket.finish(Some(CloseCode::NORMAL), "")?;
    Ok(())
}
