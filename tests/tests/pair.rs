//! A client's and a server's machines, joined in memory: random calls at both ends, held against
//! a simple model of what must arrive.

extern crate alloc;

use alloc::collections::VecDeque;

use bare_ws::close::CloseCode;
use bare_ws::closing::Reply;
use bare_ws::error::{SendError, Usage};
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::{Client, Role, Server};
use bare_ws::sender::{MIN_TRANSMIT, Sender};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::stream::{Sent, Stream};
use fastrand::Rng;

/// One end, and what the model knows of it.
struct End<R> {
    receiver: Receiver<R, Vec<u8>>,
    sender: Sender<R, Vec<u8>, Keys>,
    delivery: Delivery,
    /// All octets that left, and how many of them have arrived.
    wire: Vec<u8>,
    arrived: usize,
    /// The message that is being sent: kind, octets, how many are queued, whether by fragments.
    job: Option<Job>,
    /// Messages that were queued whole, in order: the peer must see them.
    queued: VecDeque<(MessageKind, Vec<u8>)>,
    /// The message that is being received.
    open: Option<(MessageKind, Vec<u8>)>,
    /// Payloads of the Pings that were queued.
    pings: Vec<Vec<u8>>,
    /// What our Close said.
    closed: Option<Option<u16>>,
    ended: Option<Option<u16>>,
}

struct Job {
    kind: MessageKind,
    octets: Vec<u8>,
    queued: usize,
    /// Pieces that are still to be given: lengths.
    pieces: Option<VecDeque<usize>>,
    first: bool,
}

impl<R: Role> End<R> {
    fn new(random: &mut Rng) -> Self {
        let delivery = [Delivery::Message, Delivery::Chunk, Delivery::Frame][random.usize(..3)];
        let receive = match delivery {
            Delivery::Chunk => random.usize(14..80),
            Delivery::Message | Delivery::Frame => random.usize(LONGEST + 14..LONGEST + 60),
        };
        let transmit = random.usize(MIN_TRANSMIT..LONGEST + 40);
        Self {
            receiver: Receiver::new(vec![random.u8(..); receive]),
            sender: Sender::new(vec![random.u8(..); transmit], Keys::default()),
            delivery,
            wire: Vec::new(),
            arrived: 0,
            job: None,
            queued: VecDeque::new(),
            open: None,
            pings: Vec::new(),
            closed: None,
            ended: None,
        }
    }

    /// Some octets leave.
    fn write(&mut self, most: usize) {
        let n = self.sender.pending().len().min(most);
        self.wire.extend_from_slice(&self.sender.pending()[..n]);
        self.sender.advance(n);
    }

    /// Some octets arrive at the peer.
    fn arrive<P: Role>(&mut self, peer: &mut End<P>, most: usize) {
        let spare = peer.receiver.spare();
        let n = most.min(spare.len()).min(self.wire.len() - self.arrived);
        spare[..n].copy_from_slice(&self.wire[self.arrived..self.arrived + n]);
        peer.receiver.commit(n);
        self.arrived += n;
    }

    fn begin(&mut self, random: &mut Rng) {
        if self.job.is_some() {
            return;
        }
        let kind = if random.bool() {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        let len = if random.bool() {
            random.usize(..10)
        } else {
            random.usize(..=LONGEST)
        };
        let octets = match kind {
            MessageKind::Binary => (0..len).map(|_| random.u8(..)).collect(),
            MessageKind::Text => {
                let mut text: String = (0..len / 2)
                    .map(|_| ['a', 'é', 'z'][random.usize(..3)])
                    .collect();
                if text.len() > len {
                    text = "a".repeat(len);
                }
                text.into_bytes()
            }
        };
        let pieces = random.bool().then(|| {
            let mut rest = octets.len();
            let mut pieces: VecDeque<usize> = core::iter::from_fn(|| {
                let piece = random.usize(..=rest);
                rest -= piece;
                (rest > 0).then_some(piece)
            })
            .take(6)
            .collect();
            pieces.push_back(octets.len() - pieces.iter().sum::<usize>());
            pieces
        });
        self.job = Some(Job {
            kind,
            octets,
            queued: 0,
            pieces,
            first: true,
        });
    }

    /// Gives the sender more of the message.
    fn go_on(&mut self) {
        let Some(job) = &mut self.job else { return };
        let rest = &job.octets[job.queued..];
        let (result, last) = match &job.pieces {
            None => (self.sender.message(job.kind, rest, job.first), true),
            Some(pieces) => {
                let last = pieces.len() == 1;
                (
                    self.sender
                        .fragment(job.kind, &rest[..pieces[0]], job.first, last),
                    last,
                )
            }
        };
        let queued = match result {
            Ok(queued) => queued,
            Err(error) => {
                // §6.1: after our Close nothing is sent, and nothing else is refused.
                assert_eq!(error, SendError::Usage(Usage::NotOpen));
                assert!(self.closed.is_some(), "refused while open");
                self.job = None;
                return;
            }
        };
        assert_eq!(self.closed, None, "queued after Close");
        job.queued += queued.taken;
        if let Some(pieces) = &mut job.pieces {
            pieces[0] -= queued.taken;
            if queued.complete {
                assert_eq!(pieces.pop_front(), Some(0));
            }
        }
        // Something of it is on its way: the next piece continues it.
        if self.sender.in_message() || self.sender.in_fragments() {
            job.first = false;
        }
        if queued.complete && last {
            assert_eq!(job.queued, job.octets.len());
            let job = self.job.take().expect("a job");
            self.queued.push_back((job.kind, job.octets));
        }
    }

    fn control(&mut self, random: &mut Rng) {
        let payload: Vec<u8> = (0..random.usize(..=125)).map(|_| random.u8(..)).collect();
        match self.sender.ping(&payload) {
            Ok(true) => self.pings.push(payload),
            Ok(false) => assert!(!self.sender.pending().is_empty(), "nothing is in the way"),
            Err(error) => {
                assert_eq!(error, SendError::Usage(Usage::NotOpen));
                assert!(self.closed.is_some());
            }
        }
    }

    fn close(&mut self, random: &mut Rng) {
        let code = [None, Some(1000), Some(1001), Some(4000)][random.usize(..4)];
        match self.sender.close(code.map(CloseCode), "") {
            Ok(true) => {
                assert_eq!(self.closed, None, "a second Close");
                self.closed = Some(code);
            }
            Ok(false) => assert!(!self.sender.pending().is_empty()),
            Err(error) => {
                assert_eq!(error, SendError::Usage(Usage::NotOpen));
                assert!(self.closed.is_some());
            }
        }
    }

    fn reply(&mut self) {
        let Some(reply) = self.receiver.owed().reply() else {
            return;
        };
        let close = match reply {
            Reply::Close([]) => Some(None),
            Reply::Close([high, low]) => Some(Some(u16::from_be_bytes([*high, *low]))),
            Reply::Pong(_) => None,
            other => panic!("{other:?}"),
        };
        if self.sender.reply(reply).unwrap() {
            self.receiver.owed().mark_queued();
            if self.closed.is_none() {
                self.closed = close;
            }
        } else {
            assert!(!self.sender.pending().is_empty());
        }
    }

    /// Looks at what has arrived.
    fn step<P: Role>(&mut self, peer: &mut End<P>, lazy: bool) {
        let piece = match self.receiver.step(self.delivery).unwrap() {
            Step::NeedOctets => None,
            Step::ReplyDue => {
                if !lazy {
                    self.reply();
                }
                None
            }
            Step::Message => self
                .receiver
                .message()
                .unwrap()
                .map(|message| (message.kind(), message.as_bytes().to_vec(), true)),
            Step::Chunk => self
                .receiver
                .chunk()
                .map(|chunk| (chunk.kind, chunk.octets.to_vec(), chunk.fin)),
            Step::Frame => {
                let frame = self.receiver.frame().expect("a frame");
                let kind = match frame.header.opcode {
                    Opcode::Text => Some(MessageKind::Text),
                    Opcode::Binary => Some(MessageKind::Binary),
                    Opcode::Continuation => Some(self.open.as_ref().expect("an open message").0),
                    _ => None,
                };
                kind.map(|kind| (kind, frame.payload.to_vec(), frame.header.fin))
            }
            Step::Closed => {
                let code = self.receiver.close_status().expect("a status").code.0;
                self.ended = Some((code != 1005).then_some(code));
                assert_eq!(self.ended, peer.closed, "another code arrived");
                // All that was sent before the Close has come.
                assert_eq!(peer.queued, []);
                None
            }
        };
        let Some((kind, octets, fin)) = piece else {
            return;
        };
        let (_, whole) = self.open.get_or_insert((kind, Vec::new()));
        whole.extend(octets);
        if fin {
            assert_eq!(
                self.open.take(),
                peer.queued.pop_front(),
                "another message arrived"
            );
        }
    }
}

const LONGEST: usize = 400;

fn act<R: Role, P: Role>(end: &mut End<R>, peer: &mut End<P>, random: &mut Rng) {
    match random.u8(..64) {
        0..6 => end.begin(random),
        6..20 => end.go_on(),
        20..23 => end.control(random),
        23 if random.u8(..8) == 0 => end.close(random),
        23..36 => end.write(random.usize(..200)),
        36..48 => end.arrive(peer, random.usize(..100)),
        48..60 => end.step(peer, random.bool()),
        _ => end.reply(),
    }
}

/// Everything that is begun ends, and both have closed.
fn finish<R: Role, P: Role>(end: &mut End<R>, peer: &mut End<P>, random: &mut Rng) {
    end.go_on();
    end.reply();
    end.write(usize::MAX);
    end.arrive(peer, usize::MAX);
    end.step(peer, false);
    if end.job.is_none() && end.closed.is_none() {
        end.close(random);
    }
}

// row: STA-01, SEED-11, FRM-12, FRG-05, FRG-11, FRG-12, CLS-06, CLS-07, CLS-09, CLS-12, CTL-02, CTL-03, CTL-07, MSK-01, MSK-02, MSK-07, TRAP-09, TRAP-19
#[test]
fn random_calls_at_both_ends() {
    for seed in 0..bare_ws_tests::runs(1500) {
        let mut random = Rng::with_seed(seed);
        let mut client = End::<Client>::new(&mut random);
        let mut server = End::<Server>::new(&mut random);
        for _ in 0..random.usize(..1500) {
            if random.bool() {
                act(&mut client, &mut server, &mut random);
            } else {
                act(&mut server, &mut client, &mut random);
            }
        }
        let mut rounds = 0;
        while client.ended.is_none() || server.ended.is_none() {
            finish(&mut client, &mut server, &mut random);
            finish(&mut server, &mut client, &mut random);
            rounds += 1;
            assert!(rounds < 2000, "seed {seed}: it does not end");
        }
        judge(&mut client, &server.pings, true, seed);
        judge(&mut server, &client.pings, false, seed);
    }
}

/// Reads all that an end sent.
fn judge<R: Role>(end: &mut End<R>, pings: &[Vec<u8>], client: bool, seed: u64) {
    end.write(usize::MAX);
    let stream = Stream::read(&end.wire, client);
    assert_eq!(stream.rest(), 0);
    // Exactly one Close, and it is the last frame: the stream has seen to that.
    assert!(
        matches!(stream.messages().last(), Some(Sent::Close(..))),
        "seed {seed}"
    );
    let mut pings = pings.iter();
    for sent in stream.messages() {
        if let Sent::Pong(payload) = sent {
            assert!(
                pings.any(|ping| ping == payload),
                "seed {seed}: a Pong for no Ping"
            );
        }
    }
    for _ in 0..3 {
        assert_eq!(end.receiver.step(end.delivery), Ok(Step::Closed));
    }
    assert_eq!(
        end.sender.entropy_mut().drawn(),
        if client { stream.frames() } else { 0 }
    );
}
