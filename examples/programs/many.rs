//! How do I hold many connections in one set of tokio tasks, and close all of them in order? Until a
//! line is typed: `many ws://127.0.0.1:9001/ 100`

use std::error::Error;
use std::{env, io};

use bare_ws_std::CloseCode;
use bare_ws_std::tokio::{WebSocket, connect};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};

async fn hold(uri: String, mut stop: watch::Receiver<()>) -> Result<u32, bare_ws_std::Error> {
    let WebSocket {
        mut reader, writer, ..
    } = connect(&uri).await?;
    let mut received = 0;
    loop {
        tokio::select! {
            message = reader.recv() => match message? {
                Some(_) => received += 1,
                None => break,
            },
            _ = stop.changed() => {
                writer.close(Some(CloseCode::GOING_AWAY), "").await?;
                break;
            }
        }
    }
    // What was on its way is passed over; the server ends the transport.
    reader.finish().await?;
    Ok(received)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [uri, count] = arguments.as_slice() else {
        return Err("usage: many URI COUNT".into());
    };
    let (stop, stopped) = watch::channel(());
    let mut tasks = JoinSet::new();
    for _ in 0..count.parse()? {
        tasks.spawn(hold(uri.clone(), stopped.clone()));
    }
    spawn_blocking(|| io::stdin().lines().next()).await?;
    stop.send_replace(());
    while let Some(received) = tasks.join_next().await {
        println!("received {}", received??);
    }
    Ok(())
}
