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

type Opened = (
    asynch::Connection<
        (Half, Half),
        Receiver<Client, [u8; 140]>,
        Sender<Client, [u8; 139], SampleNonce>,
    >,
    Established<'static>,
);

fn open(request: &Request<'static>, io: &(Half, Half), polls: usize) -> Option<Opened> {
    let buffers = Buffers {
        receive: [0xa5; 140],
        transmit: [0xa5; 139],
    };
    let opening = asynch::Connection::open(io.clone(), request, buffers, SampleNonce, Uncompressed);
    poll_times(polls, opening).map(|opened| opened.expect("open"))
}

// row: STA-05, REQ-11, RSP-16
#[test]
fn opening_dropped_at_any_point_sends_a_part_of_the_request_and_nothing_else() {
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello";
    let request = Request::new(Uri::parse("ws://h/").unwrap());
    for schedule in 0..SCHEDULES.len() {
        let whole = transport(answer, schedule).halves();
        let (mut connection, _) = open(&request, &whole, 100_000).expect("ready");
        let hello = block_on(connection.recv())
            .unwrap()
            .map(|message| message.as_bytes().to_vec());
        assert_eq!(hello, Some(b"Hello".to_vec()));
        let wanted = whole.0.get().written.clone();
        assert!(wanted.starts_with(b"GET / HTTP/1.1\r\n") && wanted.ends_with(b"\r\n\r\n"));
        let mut opened = 0;
        for polls in 0..2000 {
            let io = transport(answer, schedule).halves();
            opened += u32::from(open(&request, &io, polls).is_some());
            assert!(wanted.starts_with(&io.0.get().written));
            if opened > 3 {
                break;
            }
        }
        assert!(opened > 3);
    }
}
