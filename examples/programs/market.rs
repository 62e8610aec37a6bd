//! How do I receive and send on a timer in one tokio task? A market feed whose subscription is
//! renewed: `market ws://127.0.0.1:9001/`

use std::env;
use std::error::Error;
use std::time::Duration;

use bare_ws_std::tokio::{WebSocket, connect_with};
use bare_ws_std::{Config, KeepAlive};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri = env::args().nth(1).ok_or("usage: market URI")?;
    let config = Config::new()
        .stall_timeout(Duration::from_secs(20))
        .keepalive(KeepAlive {
            interval: Duration::from_secs(30),
            dead_after: Duration::from_secs(45),
        });
    let socket = connect_with(&config, &uri).await?;
    let WebSocket {
        mut reader, writer, ..
    } = socket;
    let mut renewal = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            // At once, and then every minute.
            _ = renewal.tick() => writer.send(r#"{"subscribe":"BTC"}"#).await?,
            message = reader.recv() => match message? {
                Some(price) => println!("{price}"),
                None => break,
            },
        }
    }
    println!("closed with {:?}", reader.finish().await?);
    Ok(())
}
