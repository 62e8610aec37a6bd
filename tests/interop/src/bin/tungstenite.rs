//! An echo server: tungstenite, for wss over rustls.
//!
//! `tungstenite --port N --tls-port N --cert FILE --key FILE`, until it is killed. Prints `clean end` for each
//! TLS connection that ends with close_notify.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use lexopt::{Arg, ValueExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::{Message, accept};

fn main() -> Outcome {
    let (mut port, mut tls_port, mut cert, mut key) = (0, 0, String::new(), String::new());
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("port") => port = parser.value()?.parse()?,
            Arg::Long("tls-port") => tls_port = parser.value()?.parse()?,
            Arg::Long("cert") => cert = parser.value()?.string()?,
            Arg::Long("key") => key = parser.value()?.string()?,
            arg => return Err(arg.unexpected().into()),
        }
    }
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    let config = Arc::new(config);
    let secure = thread::spawn(move || {
        listen(tls_port, move |tcp| {
            let session = ServerConnection::new(Arc::clone(&config))?;
            let mut stream = StreamOwned::new(session, tcp);
            echo(&mut stream)?;
            stream.conn.send_close_notify();
            stream.flush()?;
            // An error unless the client says close_notify, too.
            stream.read_to_end(&mut Vec::new())?;
            println!("clean end");
            Ok(())
        })
    });
    listen(port, echo)?;
    secure.join().map_err(|_| "a thread panicked")??;
    Ok(())
}

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn listen(port: u16, serve: impl Fn(TcpStream) -> Outcome + Clone + Send + 'static) -> Outcome {
    for tcp in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
        let (tcp, serve) = (tcp?, serve.clone());
        thread::spawn(move || {
            if let Err(error) = serve(tcp) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn echo(stream: impl Read + Write) -> Outcome {
    let mut socket = accept(stream).map_err(|error| error.to_string())?;
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message)?,
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
