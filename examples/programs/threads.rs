//! How do I receive while I send? One thread sends what is typed, line by line, and the other prints
//! what arrives: `threads ws://127.0.0.1:9001/`

use std::error::Error;
use std::{env, io, thread};

use bare_ws_std::{CloseCode, connect};

fn main() -> Result<(), Box<dyn Error>> {
    let uri = env::args().nth(1).ok_or("usage: threads URI")?;
    let (mut reader, writer) = connect(&uri)?.split();
    let sending = thread::spawn(move || -> Result<(), bare_ws_std::Error> {
        for line in io::stdin().lines().map_while(Result::ok) {
            writer.send(line)?;
        }
        writer.close(Some(CloseCode::NORMAL), "")
    });
    for message in reader.messages() {
        println!("{}", message?);
    }
    let status = reader.finish()?;
    println!("closed with {status:?}");
    sending.join().expect("it does not panic")?;
    Ok(())
}
