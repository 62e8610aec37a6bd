//! What is the least that I have to write? An echo client: `first ws://127.0.0.1:9001/`

use std::env;

use bare_ws_std::{Error, connect};

fn main() -> Result<(), Error> {
    let uri = env::args().nth(1).expect("usage: first URI");
    let mut socket = connect(&uri)?;
    while let Some(message) = socket.recv_owned()? {
        socket.send(message)?;
    }
    println!("closed with {:?}", socket.close_status());
    Ok(())
}
