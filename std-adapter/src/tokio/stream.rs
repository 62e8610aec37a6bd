//! `Stream` and `Sink` of messages that borrow nothing.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::error::Error as ProtocolError;
use bare_ws::message::OwnedMessage;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::reader::Reader;
use super::sending::{Sending, Took};
use super::websocket::WebSocket;
use super::writer::{Whole, Writer, took};
use crate::error::Error;
use crate::state::CoreSender;

/// [`recv_owned`](Reader::recv_owned), until the peer has closed. An error is yielded once, as the
/// last item.
impl<S: AsyncRead + AsyncWrite + Unpin, B: Storage + Unpin> Stream for Reader<S, B> {
    type Item = Result<OwnedMessage, Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reader = self.get_mut();
        if reader.ended {
            return Poll::Ready(None);
        }
        let look = reader.look();
        // A receive that is dropped loses nothing: the next poll goes on.
        let received = if look.is_announced() {
            reader.take().map(|it| it.map(|it| it.to_owned()))
        } else {
            ready!(pin!(reader.resume_owned(look)).poll(cx))
        };
        reader.ended = !matches!(received, Ok(Some(_)));
        Poll::Ready(received.transpose())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, B: Storage + Unpin> FusedStream for Reader<S, B> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

/// What a sink has accepted and not yet sent.
pub(crate) struct Outgoing {
    what: What,
    sending: Sending,
}

enum What {
    Message(OwnedMessage, Whole),
    /// What is queued.
    Queued,
    Close,
}

impl Outgoing {
    fn new(what: What) -> Self {
        let mut sending = Sending::default();
        sending.passes = matches!(what, What::Queued);
        sending.closes = matches!(what, What::Close);
        Self { what, sending }
    }
}

impl What {
    fn queue(&mut self, sender: &mut CoreSender) -> Result<Took, ProtocolError> {
        match self {
            Self::Message(message, whole) => whole.queue(sender, message.as_message()),
            Self::Queued => Ok(Took::All),
            Self::Close => {
                let closed = sender.close(Some(CloseCode::NORMAL), "")?;
                Ok(took(closed, false))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    /// Sends `outgoing`; with `queued`, it is ready as soon as all of it is queued.
    fn poll_outgoing(
        &self,
        cx: &mut Context<'_>,
        outgoing: &mut Outgoing,
        queued: bool,
    ) -> Poll<Result<(), Error>> {
        let core = self.shared.core();
        let Outgoing { what, sending } = outgoing;
        let sent = core.poll_send_in_turn(cx, sending, &mut |sender| what.queue(sender), 0);
        let sent = match sent {
            Poll::Pending if !queued || !sending.is_queued() => return Poll::Pending,
            Poll::Pending => Ok(()),
            Poll::Ready(sent) => sent,
        };
        core.end(sending);
        Poll::Ready(sent.map_err(|error| core.told(error)))
    }

    /// The same for what an earlier poll left.
    #[inline]
    fn poll_left(&mut self, cx: &mut Context<'_>, queued: bool) -> Poll<Result<(), Error>> {
        let Some(mut outgoing) = self.outgoing.take() else {
            return Poll::Ready(Ok(()));
        };
        let polled = self.poll_outgoing(cx, &mut outgoing, queued);
        if polled.is_pending() {
            self.outgoing = Some(outgoing);
        }
        polled
    }

    /// The same for something new; what cannot be done at once is kept.
    fn poll_new(
        &mut self,
        cx: &mut Context<'_>,
        mut outgoing: Outgoing,
    ) -> Poll<Result<(), Error>> {
        let polled = self.poll_outgoing(cx, &mut outgoing, false);
        if polled.is_pending() {
            self.outgoing = Some(Box::new(outgoing));
        }
        polled
    }
}

/// Messages are accepted as long as they fit the transmit buffer, and one more. Closing the sink sends
/// what is left and a Close with 1000; the [`Reader`] waits for the peer's Close.
///
/// With `SinkExt` in scope, `send` and `close` on a `&mut Writer` are the sink's; on a `Writer` and a
/// `&Writer` they are its own.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<OwnedMessage> for Writer<S> {
    type Error = Error;

    #[inline]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let writer = self.get_mut();
        if let Some(message) = writer.held.take() {
            if writer.queue(message.as_message())? {
                return Poll::Ready(Ok(()));
            }
            let what = What::Message(message, Whole::default());
            writer.outgoing = Some(Box::new(Outgoing::new(what)));
        }
        writer.poll_left(cx, true)
    }

    /// The message is queued by the next call: another message, or a flush, which sends it at once.
    #[inline]
    fn start_send(self: Pin<&mut Self>, message: OwnedMessage) -> Result<(), Error> {
        self.get_mut().held = Some(message);
        Ok(())
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let writer = self.get_mut();
        if writer.outgoing.is_some() {
            // It comes after all that was queued before.
            return writer.poll_left(cx, false);
        }
        // It comes after all that was queued before, which leaves with it.
        let Some(message) = writer.held.take() else {
            return writer.poll_new(cx, Outgoing::new(What::Queued));
        };
        let core = writer.shared.core();
        let (mut whole, mut sending) = (Whole::default(), Sending::default());
        let mut queue = |sender: &mut CoreSender| whole.queue(sender, message.as_message());
        if core.send_at_once(&mut sending, &mut queue) {
            return Poll::Ready(Ok(()));
        }
        let what = What::Message(message, whole);
        writer.poll_new(cx, Outgoing { what, sending })
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let writer = self.get_mut();
        if writer.held.is_some() || writer.outgoing.is_some() {
            ready!(Pin::new(&mut *writer).poll_flush(cx))?;
        }
        if !writer.is_open() {
            return Poll::Ready(Ok(()));
        }
        writer.shared.core().tell_closing(Some(CloseCode::NORMAL));
        writer.poll_new(cx, Outgoing::new(What::Close))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Writer<S> {
    fn drop(&mut self) {
        if let Some(mut outgoing) = self.outgoing.take() {
            self.shared.core().end(&mut outgoing.sending);
        }
    }
}

/// As its [`Reader`] does.
impl<S: AsyncRead + AsyncWrite + Unpin, B: Storage + Unpin> Stream for WebSocket<S, B> {
    type Item = Result<OwnedMessage, Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.get_mut().reader).poll_next(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, B: Storage + Unpin> FusedStream for WebSocket<S, B> {
    fn is_terminated(&self) -> bool {
        self.reader.is_terminated()
    }
}

/// As its [`Writer`] does.
impl<S: AsyncRead + AsyncWrite + Unpin, B: Unpin> Sink<OwnedMessage> for WebSocket<S, B> {
    type Error = Error;

    #[inline]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().writer).poll_ready(cx)
    }

    #[inline]
    fn start_send(self: Pin<&mut Self>, message: OwnedMessage) -> Result<(), Error> {
        Pin::new(&mut self.get_mut().writer).start_send(message)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().writer).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().writer).poll_close(cx)
    }
}
