//! A firmware image over a WebSocket connection into flash. Nothing here knows which board it is, which flash, or whether
//! the connection is TLS's.
//!
//! The server offers an image; the board says from which octet on it wants it; the image comes in binary messages of any
//! length, which are taken in pieces: what it takes is one sector of memory. Whatever cuts it, a lost
//! connection or lost power, the next offer of the same image goes on behind the last sector that was written whole.
//!
//! | who | what | |
//! |---|---|---|
//! | server | `{"digest":"<64 hexadecimal digits of SHA-256>","length":1048576}` | an offer |
//! | board | `{"state":"receiving","from":409600}` | go on there; 0: from the beginning |
//! | | `{"state":"too_long","from":0}` | there is no room for it |
//! | server | binary messages | the image from there on |
//! | board | `{"state":"verified","from":1048576}` | it is whole: this is SHA-256 of what the flash gives back |
//! | | `{"state":"wrong_digest","from":0}` | it is not; the next offer begins anew |
//!
//! **The digest proves that the image is the one that was offered, not who offered it**: let that be a server that is
//! verified, by `wss`, or sign images and verify the signature before they are started. What starts them is a boot loader,
//! such as `embassy-boot`, whose partition this may write to.

#![no_std]
#![forbid(unsafe_code)]

mod messages;
mod update;

pub use update::{Fault, Update};

use bare_ws::{handshake::Request, message::MessageKind, receiver::Receive, sender::Transmit};
use bare_ws_embassy::{
    Connection, Error, Supervisor,
    supervisor::{self, Connect},
    transport::Transport,
};
use embedded_storage_async::nor_flash::{NorFlash, NorFlashErrorKind};

use messages::{Answer, LONGEST, Offer, State};

/// What happened. `C` says why there is no connection, `T` is the transport's own error.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<C, T> {
    /// With the connection.
    Link(supervisor::Event<C, Result<(), Failure<T>>>),
    /// An image is offered, and comes from this octet on.
    Receiving {
        /// How much of it was there before.
        from: u32,
        /// How many octets it has.
        length: u32,
    },
    /// It is longer than the flash.
    TooLong,
    /// It is in the flash, whole.
    Verified,
    /// It is not what was offered.
    WrongDigest,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure<T> {
    /// The connection failed.
    Connection(Error<T>),
    /// The flash did.
    Flash(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] NorFlashErrorKind),
    /// The server sent what is no offer, or more of an image than it has.
    NotUnderstood,
}

/// Takes whatever images the server offers, until the board is switched off. Connections that are lost are opened again.
pub async fn run<C, T, F: NorFlash, const SECTOR: usize>(
    client: &mut C,
    request: &Request<'_>,
    supervisor: &Supervisor,
    update: &mut Update<F, SECTOR>,
    log: impl Fn(Event<C::Error, T>),
) where
    C: for<'c> Connect<Io<'c>: Transport<Error = T>>,
{
    let told = |event| log(Event::Link(event));
    let kept = supervisor.run(client, request, told, async |connection| {
        session(connection, update, |event| {
            if let Event::Receiving { .. } = event {
                supervisor.succeeded();
            }
            log(event);
        })
        .await
    });
    kept.await;
}

/// Takes the images that one connection brings, until the server closes it.
///
/// # Errors
/// See [`Failure`].
pub async fn session<Io, Rx, Tx, C, F, const SECTOR: usize>(
    connection: &mut Connection<Io, Rx, Tx>,
    update: &mut Update<F, SECTOR>,
    log: impl Fn(Event<C, Io::Error>),
) -> Result<(), Failure<Io::Error>>
where
    Io: Transport,
    Rx: Receive,
    Tx: Transmit,
    F: NorFlash,
{
    let (mut text, mut length) = ([0; LONGEST], 0);
    while let Some(chunk) = connection.recv_chunk().await.map_err(Failure::Connection)? {
        let fin = chunk.fin;
        let state = match chunk.kind {
            MessageKind::Binary => {
                update.write(chunk.octets).await.map_err(fault)?;
                if chunk.octets.is_empty() || !update.is_whole() {
                    continue;
                }
                let right = update.verify().await.map_err(fault)?;
                if right {
                    State::Verified
                } else {
                    State::WrongDigest
                }
            }
            MessageKind::Text => {
                let end = length + chunk.octets.len();
                text.get_mut(length..end)
                    .ok_or(Failure::NotUnderstood)?
                    .copy_from_slice(chunk.octets);
                length = end;
                if !fin {
                    continue;
                }
                let offer = Offer::parse(&text[..length]).ok_or(Failure::NotUnderstood)?;
                length = 0;
                match update.begin(&offer.digest, offer.length).await {
                    Ok(from) => {
                        let length = offer.length;
                        log(Event::Receiving { from, length });
                        State::Receiving
                    }
                    Err(Fault::TooLong) => State::TooLong,
                    Err(why) => return Err(fault(why)),
                }
            }
        };
        answer(connection, state, update.written()).await?;
        match state {
            // All of it may have been there before.
            State::Receiving if update.is_whole() => {
                let right = update.verify().await.map_err(fault)?;
                let state = if right {
                    State::Verified
                } else {
                    State::WrongDigest
                };
                answer(connection, state, update.written()).await?;
            }
            State::Receiving => {}
            State::TooLong => log(Event::TooLong),
            State::Verified => log(Event::Verified),
            State::WrongDigest => log(Event::WrongDigest),
        }
    }
    Ok(())
}

async fn answer<Io: Transport>(
    connection: &mut Connection<Io, impl Receive, impl Transmit>,
    state: State,
    from: u32,
) -> Result<(), Failure<Io::Error>> {
    let mut text = [0; LONGEST];
    let answer = Answer { state, from }.write(&mut text);
    connection.send(answer).await.map_err(Failure::Connection)
}

const fn fault<T>(fault: Fault) -> Failure<T> {
    match fault {
        Fault::Flash(kind) => Failure::Flash(kind),
        Fault::TooLong | Fault::TooMuch => Failure::NotUnderstood,
    }
}
