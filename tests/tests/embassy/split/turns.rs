//! Whose turn it is to send: calls that wait for it, woken in every order.

use bare_ws::sender::Transmit;
use bare_ws_embassy::Writer;
use bare_ws_embassy::stream::OctetWriter;
use bare_ws_embassy::transport::Transport;
use embedded_io_async::ErrorKind;

use super::*;
use crate::support::Client;

/// A call that sends data.
#[derive(Clone, Copy, Debug)]
enum Call {
    Message,
    Piece,
    Frame,
    Octets,
}

const CALLS: [Call; 4] = [Call::Message, Call::Piece, Call::Frame, Call::Octets];

/// The transmit buffer, which [`Call::Frame`] has to fit.
const LEN: usize = 150;

impl Call {
    /// How many octets it sends.
    const fn octets(self) -> usize {
        match self {
            Self::Frame => LEN / 2,
            _ => 4 * LEN,
        }
    }

    async fn send<Io, Tx>(self, writer: Writer<'_, Io, Tx>, letter: u8)
    where
        Io: Transport<Error = ErrorKind>,
        Tx: Transmit,
    {
        let octets = vec![letter; self.octets()];
        let sent = match self {
            Self::Message => writer.send(&octets[..]).await,
            Self::Piece => {
                let sending = writer.send_fragment(MessageKind::Binary, &octets, true);
                sending.await
            }
            Self::Frame => {
                let header = FrameHeader::new(Opcode::Binary, true, octets.len() as u64);
                writer.send_frame(header, &octets).await
            }
            Self::Octets => {
                let mut stream = OctetWriter::new(writer);
                stream.write_all(&octets).await.expect("to be written");
                stream.flush().await.expect("to be flushed");
                Ok(())
            }
        };
        assert_eq!(sent, Ok(()), "{self:?}");
    }
}

/// While a Ping that nobody takes holds the sender, one call comes, and then another. Whichever of
/// them is woken first, both are sent, and no message has octets of the other.
// row: STA-06, FRG-11, TRAP-20
#[test]
fn two_that_wait_for_the_sender_keep_their_messages_apart() {
    const ORDERS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for (first, second) in CALLS
        .iter()
        .flat_map(|first| CALLS.map(|second| (*first, second)))
    {
        for order in ORDERS {
            let sent = beside_a_ping([first, second], order);
            let mut octets = [0; 2];
            let mut message: Vec<u8> = Vec::new();
            for frame in sent.iter().filter(|frame| !frame.opcode.is_control()) {
                message.extend(&frame.payload);
                if frame.fin {
                    let letter = message[0];
                    let own = message.iter().all(|octet| *octet == letter);
                    assert!(own, "{first:?}, {second:?}, {order:?}: {sent:?}");
                    octets[usize::from(letter - b'a')] += message.len();
                    message.clear();
                }
            }
            let expected = [first, second].map(Call::octets);
            assert_eq!(octets, expected, "{first:?}, {second:?}, {order:?}");
        }
    }
}

/// The frames that are sent. `order`: in which the tasks are looked at, the Ping's and those of the
/// two calls.
fn beside_a_ping(calls: [Call; 2], order: [usize; 3]) -> Vec<Sent> {
    clock::set(Instant::MIN);
    let (mut client, peer): (Client<LEN>, _) = connected(Manner::narrow(40), &Timing::default());
    let (_reader, writer) = client.split();
    let mut tasks = Tasks::new();
    for task in order {
        tasks.spawn(async move {
            Timer::after(seconds(task as u64)).await;
            match task {
                0 => assert_eq!(writer.ping(&[b'?'; 125]).await, Ok(())),
                _ => calls[task - 1].send(writer, [b'a', b'b'][task - 1]).await,
            }
        });
    }
    tasks.spawn(async {
        Timer::after(seconds(3)).await;
        let mut from_client = peer.from_client.clone();
        let all = 125 + calls.map(Call::octets).iter().sum::<usize>();
        let taken = || -> usize {
            let (frames, _) = sent_so_far(&peer.from_client.written());
            frames.iter().map(|frame| frame.payload.len()).sum()
        };
        while taken() < all {
            let _ = from_client.read(&mut [0; 64]).await;
        }
    });
    tasks.run();
    sent(&peer.from_client.written())
}
