//! The thread that receives.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bare_ws_examples::Closed;
use bare_ws_std::{CloseCode, Error, Message, Reader, Writer};
use indicatif::ProgressBar;

use crate::ending::Ending;
use crate::input::about;
use crate::show::{Event, Show};
use crate::tap::{Direction, Meter, Tap};

/// What it needs.
pub(crate) struct Receiving {
    pub(crate) reader: Reader<Tap>,
    pub(crate) writer: Writer<Tap>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) show: Arc<Show>,
    /// Where messages go, instead of being shown.
    pub(crate) output: Option<(File, ProgressBar)>,
    /// After how many messages to close.
    pub(crate) count: Option<u64>,
}

/// How many messages there were, and of those that were compressed the octets before and after.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) plain: u64,
    pub(crate) compressed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, plain: u64, compressed: Option<u64>) {
        self.messages += 1;
        if let Some(compressed) = compressed {
            self.plain += plain;
            self.compressed += compressed;
        }
    }
}

impl Receiving {
    /// Receives until the connection has come to its end: how, and what it has received.
    pub(crate) fn run(mut self) -> (Ending, Tally) {
        let mut tally = Tally::default();
        let received = match self.output.take() {
            None => self.messages(&mut tally),
            Some((file, bar)) => self.pieces(file, &bar, &mut tally),
        };
        let ending = match received {
            Ok(()) => self.finish(),
            Err(ending) => ending,
        };
        if matches!(ending, Ending::Local(_)) {
            // Nobody reads any more: the server need not send.
            self.writer.abort_handle().abort();
        }
        (ending, tally)
    }

    fn messages(&mut self, tally: &mut Tally) -> Result<(), Ending> {
        while let Some(message) = self.reader.recv().map_err(Ending::Failed)? {
            let compressed = self.meter.compressed(Direction::Received);
            tally.add(message.len() as u64, compressed);
            show(&self.show, message, compressed)?;
            if self.count == Some(tally.messages) {
                return close(&self.writer);
            }
        }
        Ok(())
    }

    /// Messages of any length, which need not fit into memory.
    fn pieces(
        &mut self,
        mut file: File,
        bar: &ProgressBar,
        tally: &mut Tally,
    ) -> Result<(), Ending> {
        while let Some(chunk) = self.reader.recv_chunk().map_err(Ending::Failed)? {
            file.write_all(chunk.octets).map_err(Ending::Local)?;
            bar.inc(chunk.octets.len() as u64);
            if !chunk.fin {
                continue;
            }
            let len = chunk.offset + chunk.octets.len() as u64;
            tally.add(len, self.meter.compressed(Direction::Received));
            if self.count == Some(tally.messages) {
                close(&self.writer)?;
                break;
            }
        }
        bar.finish();
        Ok(())
    }

    fn finish(&mut self) -> Ending {
        match self.reader.finish() {
            Ok(status) => Ending::Closed(status.map_or(Closed::NO_STATUS, Closed::from)),
            Err(error) => Ending::Failed(error),
        }
    }
}

fn show(show: &Show, message: Message<'_>, compressed: Option<u64>) -> Result<(), Ending> {
    let event = Event::Message {
        direction: Direction::Received,
        message,
        compressed,
    };
    show.event(&event).map_err(Ending::Local)
}

/// It may be closing already.
fn close(writer: &Writer<Tap>) -> Result<(), Ending> {
    match writer.close(Some(CloseCode::NORMAL), "") {
        Ok(()) | Err(Error::Usage(_)) => Ok(()),
        Err(error) => Err(Ending::Failed(error)),
    }
}

/// A file that messages are written to, new.
pub(crate) fn create(path: &Path, show: &Show) -> io::Result<(File, ProgressBar)> {
    let file = File::create(path).map_err(|error| about(path, &error))?;
    Ok((file, show.bar("receiving", None)))
}
