//! An echo server: actix-web, which has a WebSocket of its own.
//!
//! `actix --port N --tls-port N --cert FILE --key FILE`, until it is killed.

use std::error::Error;
use std::net::Ipv4Addr;

use actix_web::web::{self, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseReason, Session};
use bare_ws_interop::{CLOSE, Options, STATUS, SUBPROTOCOL};
use futures_util::StreamExt;

/// Of a message.
const MOST: usize = 4 << 20;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::from_env()?;
    HttpServer::new(|| App::new().route("/", web::get().to(upgrade)))
        .workers(1)
        .bind((Ipv4Addr::LOCALHOST, options.port))?
        .bind_rustls_0_23((Ipv4Addr::LOCALHOST, options.tls_port), options.tls)?
        .run()
        .await?;
    Ok(())
}

async fn upgrade(request: HttpRequest, body: Payload) -> Result<HttpResponse, actix_web::Error> {
    let (response, session, messages) =
        actix_ws::handle_with_protocols(&request, body, &[SUBPROTOCOL])?;
    let messages = messages.max_frame_size(MOST).aggregate_continuations();
    rt::spawn(echo(session, messages.max_continuation_size(MOST)));
    Ok(response)
}

async fn echo(mut session: Session, mut messages: AggregatedMessageStream) {
    while let Some(message) = messages.next().await {
        let sent = match message {
            Ok(AggregatedMessage::Text(text)) if text == CLOSE => {
                let (code, reason) = STATUS;
                let _ = session
                    .close(Some(CloseReason::from((code.into(), reason))))
                    .await;
                return;
            }
            Ok(AggregatedMessage::Text(text)) => session.text(text).await,
            Ok(AggregatedMessage::Binary(octets)) => session.binary(octets).await,
            Ok(AggregatedMessage::Ping(payload)) => session.pong(&payload).await,
            Ok(AggregatedMessage::Pong(_)) => Ok(()),
            Ok(AggregatedMessage::Close(status)) => {
                let _ = session.close(status).await;
                return;
            }
            Err(error) => {
                eprintln!("{error}");
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}
