//! A connection, of the blocking calls or of those in tokio.

use ::tokio::runtime::Runtime;
use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::{
    CloseCode, Config, Error, Message, MessageKind, OwnedMessage, Response, Stream, WebSocket,
    tokio,
};

/// What the checks need of it.
pub(crate) trait Peer {
    fn response(&self) -> &Response;
    fn subprotocol(&self) -> Option<&str>;
    fn send(&mut self, message: Message<'_>) -> Result<(), Error>;
    fn send_fragment(&mut self, kind: MessageKind, payload: &[u8], fin: bool) -> Result<(), Error>;
    fn ping(&mut self, payload: &[u8]) -> Result<(), Error>;
    fn recv(&mut self) -> Result<Option<OwnedMessage>, Error>;
    /// The octets of a piece; its kind, and whether it is the last.
    fn recv_chunk(&mut self, octets: &mut Vec<u8>) -> Result<Option<(MessageKind, bool)>, Error>;
    fn recv_frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, Error>;
    /// How many Pongs have come.
    fn pongs(&self) -> u16;
    /// Closes unless that has begun; gives the peer's Close as `CODE REASON`.
    fn finish(&mut self, code: Option<CloseCode>, reason: &str) -> Result<String, Error>;
}

impl<S: Stream> Peer for WebSocket<S> {
    fn response(&self) -> &Response {
        self.response()
    }

    fn subprotocol(&self) -> Option<&str> {
        self.subprotocol()
    }

    fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
        self.send(message)
    }

    fn send_fragment(&mut self, kind: MessageKind, payload: &[u8], fin: bool) -> Result<(), Error> {
        self.writer.send_fragment(kind, payload, fin)
    }

    fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.ping(payload)
    }

    fn recv(&mut self) -> Result<Option<OwnedMessage>, Error> {
        self.recv_owned()
    }

    fn recv_chunk(&mut self, octets: &mut Vec<u8>) -> Result<Option<(MessageKind, bool)>, Error> {
        let chunk = self.recv_chunk()?;
        Ok(chunk.map(|chunk| {
            octets.extend_from_slice(chunk.octets);
            (chunk.kind, chunk.fin)
        }))
    }

    fn recv_frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, Error> {
        let frame = self.recv_frame()?;
        Ok(frame.map(|frame| (frame.header, frame.payload.to_vec())))
    }

    fn pongs(&self) -> u16 {
        self.reader.receiver().pongs()
    }

    fn finish(&mut self, code: Option<CloseCode>, reason: &str) -> Result<String, Error> {
        let status = self.finish(code, reason)?;
        Ok(shown(status.map(|status| (status.code, status.reason))))
    }
}

/// With the only task that there is: each call runs until it is ready.
pub(crate) struct Task {
    runtime: Runtime,
    socket: tokio::WebSocket,
}

impl Task {
    /// As [`Config::connect`] does.
    pub(crate) fn connect(config: &Config, url: &str) -> Result<Self, Error> {
        let runtime = ::tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(Error::Io)?;
        let socket = runtime.block_on(tokio::connect_with(config, url))?;
        Ok(Self { runtime, socket })
    }
}

impl Peer for Task {
    fn response(&self) -> &Response {
        self.socket.response()
    }

    fn subprotocol(&self) -> Option<&str> {
        self.socket.subprotocol()
    }

    fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
        self.runtime.block_on(self.socket.send(message))
    }

    fn send_fragment(&mut self, kind: MessageKind, payload: &[u8], fin: bool) -> Result<(), Error> {
        let sent = self.socket.writer.send_fragment(kind, payload, fin);
        self.runtime.block_on(sent)
    }

    fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.runtime.block_on(self.socket.ping(payload))
    }

    fn recv(&mut self) -> Result<Option<OwnedMessage>, Error> {
        self.runtime.block_on(self.socket.recv_owned())
    }

    fn recv_chunk(&mut self, octets: &mut Vec<u8>) -> Result<Option<(MessageKind, bool)>, Error> {
        let chunk = self.runtime.block_on(self.socket.recv_chunk())?;
        Ok(chunk.map(|chunk| {
            octets.extend_from_slice(chunk.octets);
            (chunk.kind, chunk.fin)
        }))
    }

    fn recv_frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, Error> {
        let frame = self.runtime.block_on(self.socket.recv_frame())?;
        Ok(frame.map(|frame| (frame.header, frame.payload.to_vec())))
    }

    fn pongs(&self) -> u16 {
        self.socket.reader.receiver().pongs()
    }

    fn finish(&mut self, code: Option<CloseCode>, reason: &str) -> Result<String, Error> {
        let status = self.runtime.block_on(self.socket.finish(code, reason))?;
        Ok(shown(status.map(|status| (status.code, status.reason))))
    }
}

fn shown(status: Option<(CloseCode, &str)>) -> String {
    match status {
        Some((code, reason)) => format!("{} {reason}", code.0).trim_end().to_owned(),
        None => "without a Close".to_owned(),
    }
}
