//! How do I move a file of any size in bounded memory? Sends a file as one message, in fragments,
//! while the answer is received in pieces: `transfer ws://127.0.0.1:9001/ FILE COPY`

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::{env, thread};

use bare_ws_std::{CloseCode, MessageKind, connect};
use indicatif::ProgressBar;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [uri, from, to] = arguments.as_slice() else {
        return Err("usage: transfer URI FILE COPY".into());
    };
    let (mut source, mut copy) = (File::open(from)?, File::create(to)?);
    let (mut reader, writer) = connect(uri)?.split();
    let bar = ProgressBar::new(2 * source.metadata()?.len());
    let (uploader, sent) = (writer.clone(), bar.clone());
    let upload = thread::spawn(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut piece = [0; 16 * 1024];
        loop {
            let len = source.read(&mut piece)?;
            uploader.send_fragment(MessageKind::Binary, &piece[..len], len == 0)?;
            sent.inc(len as u64);
            if len == 0 {
                return Ok(());
            }
        }
    });
    while let Some(chunk) = reader.recv_chunk()? {
        copy.write_all(chunk.octets)?;
        bar.inc(chunk.octets.len() as u64);
        if chunk.fin {
            writer.close(Some(CloseCode::NORMAL), "")?;
        }
    }
    upload.join().expect("it does not panic")?;
    reader.finish()?;
    println!("{} octets, up and down", bar.position());
    Ok(())
}
