//! The opening handshake.

use crate::*;

/// "the sample nonce" of RFC 6455 §1.3.
struct SampleNonce;

impl Entropy for SampleNonce {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.copy_from_slice(b"the sample nonce");
        Ok(())
    }
}

type Opened<'t> = (
    asynch::Connection<&'t mut Transport, Client, [u8; 140], [u8; 139], Keys>,
    Established,
);

fn open<'t>(request: &Request<'_>, io: &'t mut Transport, polls: usize) -> Option<Opened<'t>> {
    let handshake = ClientHandshake::new(request, (), &mut SampleNonce).unwrap();
    let receiver = Receiver::new([0xa5; 140]);
    let sender = Sender::new([0xa5; 139], Keys::default());
    let opened = poll_times(
        polls,
        asynch::Connection::open(io, handshake, receiver, sender),
    );
    opened.map(|opened| opened.expect("open"))
}

// row: STA-05, REQ-11, RSP-16
#[test]
fn opening_dropped_at_any_point_sends_a_part_of_the_request_and_nothing_else() {
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello";
    let request = Request::new(Uri::parse("ws://h/").unwrap());
    for schedule in 0..SCHEDULES.len() {
        let mut whole = transport(answer, schedule);
        let (mut connection, _) = open(&request, &mut whole, 100_000).expect("ready");
        let hello = block_on(connection.recv())
            .unwrap()
            .map(|message| message.octets().to_vec());
        assert_eq!(hello, Some(b"Hello".to_vec()));
        let wanted = whole.written.clone();
        assert!(wanted.starts_with(b"GET / HTTP/1.1\r\n") && wanted.ends_with(b"\r\n\r\n"));
        let mut opened = 0;
        for polls in 0..2000 {
            let mut io = transport(answer, schedule);
            opened += u32::from(open(&request, &mut io, polls).is_some());
            assert!(wanted.starts_with(&io.written));
            if opened > 3 {
                break;
            }
        }
        assert!(opened > 3);
    }
}
