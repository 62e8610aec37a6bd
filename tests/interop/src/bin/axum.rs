//! An echo server: axum, which speaks WebSocket by tungstenite over hyper.
//!
//! `axum --port N --tls-port N --cert FILE --key FILE`, until it is killed.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::Listener;
use bare_ws_interop::{CLOSE, Options, STATUS, SUBPROTOCOL};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::from_env()?;
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let secure = Secure {
        listener: TcpListener::bind((Ipv4Addr::LOCALHOST, options.tls_port)).await?,
        acceptor: TlsAcceptor::from(Arc::new(options.tls)),
    };
    let app = Router::new().route("/", any(upgrade));
    let secure = axum::serve(secure, app.clone());
    tokio::try_join!(axum::serve(plain, app), secure)?;
    Ok(())
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols([SUBPROTOCOL]).on_upgrade(|socket| async {
        if let Err(error) = echo(socket).await {
            eprintln!("{error}");
        }
    })
}

async fn echo(mut socket: WebSocket) -> Result<(), axum::Error> {
    while let Some(message) = socket.recv().await {
        match message? {
            Message::Text(text) if text == CLOSE => {
                let (code, reason) = STATUS;
                let reason = reason.into();
                socket
                    .send(Message::Close(Some(CloseFrame { code, reason })))
                    .await?;
            }
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}

struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (tcp, address) = Listener::accept(&mut self.listener).await;
            match self.acceptor.accept(tcp).await {
                Ok(stream) => return (stream, address),
                Err(error) => eprintln!("{error}"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
