//! An echo server: tungstenite, for wss over rustls.
//!
//! `tungstenite --port N --tls-port N --cert FILE --key FILE`, until it is killed. Prints `clean end` for each
//! TLS connection that ends with close_notify.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use bare_ws_interop::{CLOSE, Options, STATUS, SUBPROTOCOL};
use rustls::{ServerConnection, StreamOwned};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, accept_hdr};

fn main() -> Outcome {
    let options = Options::from_env()?;
    let config = Arc::new(options.tls);
    let secure = thread::spawn(move || {
        listen(options.tls_port, move |tcp| {
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
    listen(options.port, echo)?;
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
    let mut socket = accept_hdr(stream, select).map_err(|error| error.to_string())?;
    loop {
        match socket.read() {
            Ok(Message::Text(text)) if text == CLOSE => {
                let (code, reason) = STATUS;
                socket.close(Some(CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                }))?;
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message)?,
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

#[allow(clippy::result_large_err, reason = "tungstenite's")]
fn select(
    request: &Request,
    mut response: Response,
) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    let offered = request
        .headers()
        .get(NAME)
        .and_then(|value| value.to_str().ok());
    let mut offered = offered.unwrap_or_default().split(", ");
    if offered.any(|name| name == SUBPROTOCOL) {
        let value = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(NAME, value);
    }
    Ok(response)
}
