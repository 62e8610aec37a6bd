//! Received messages as an iterator.

use std::iter::FusedIterator;

use bare_ws::buffer::{Growing, Storage};
use bare_ws::message::OwnedMessage;

use crate::error::Error;
use crate::reader::Reader;
use crate::stream::{Socket, Stream};
use crate::websocket::WebSocket;

/// The messages of a connection, until the peer closes: [`Reader::messages`].
///
/// An error is given once and is the last item.
#[derive(Debug)]
pub struct Messages<'r, S: Stream = Socket, B = Growing> {
    reader: &'r mut Reader<S, B>,
    ended: bool,
}

/// The messages of a connection that is given away: `for message in reader`.
///
/// An error is given once and is the last item. With the iterator the receive side is dropped, and so
/// is the connection unless there is a [`Writer`](crate::Writer): to know that everything arrived,
/// iterate over `&mut reader` and call [`Reader::finish`].
#[derive(Debug)]
pub struct IntoMessages<S: Stream = Socket, B = Growing> {
    reader: Reader<S, B>,
    ended: bool,
}

fn next<S: Stream, B: Storage>(
    reader: &mut Reader<S, B>,
    ended: &mut bool,
) -> Option<Result<OwnedMessage, Error>> {
    if *ended {
        return None;
    }
    let received = reader.recv_owned();
    *ended = !matches!(received, Ok(Some(_)));
    received.transpose()
}

impl<'r, S: Stream, B: Storage> Messages<'r, S, B> {
    pub(crate) fn new(reader: &'r mut Reader<S, B>) -> Self {
        Self {
            reader,
            ended: false,
        }
    }
}

impl<S: Stream, B: Storage> Iterator for Messages<'_, S, B> {
    type Item = Result<OwnedMessage, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        next(self.reader, &mut self.ended)
    }
}

impl<S: Stream, B: Storage> Iterator for IntoMessages<S, B> {
    type Item = Result<OwnedMessage, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.reader, &mut self.ended)
    }
}

impl<S: Stream, B: Storage> FusedIterator for Messages<'_, S, B> {}
impl<S: Stream, B: Storage> FusedIterator for IntoMessages<S, B> {}

impl<'r, S: Stream, B: Storage> IntoIterator for &'r mut Reader<S, B> {
    type Item = Result<OwnedMessage, Error>;
    type IntoIter = Messages<'r, S, B>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages()
    }
}

impl<S: Stream, B: Storage> IntoIterator for Reader<S, B> {
    type Item = Result<OwnedMessage, Error>;
    type IntoIter = IntoMessages<S, B>;

    fn into_iter(self) -> Self::IntoIter {
        IntoMessages {
            reader: self,
            ended: false,
        }
    }
}

impl<'r, S: Stream, B: Storage> IntoIterator for &'r mut WebSocket<S, B> {
    type Item = Result<OwnedMessage, Error>;
    type IntoIter = Messages<'r, S, B>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages()
    }
}

impl<S: Stream, B: Storage> IntoIterator for WebSocket<S, B> {
    type Item = Result<OwnedMessage, Error>;
    type IntoIter = IntoMessages<S, B>;

    fn into_iter(self) -> Self::IntoIter {
        self.reader.into_iter()
    }
}
