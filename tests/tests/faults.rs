//! Whatever a transport does at whichever call: no panic, no hang, a legal beginning of a stream
//! on the wire, and a state that says what happened.

use bare_ws::close::CloseCode;
use bare_ws::error::{Error, Usage, Violation};
use bare_ws_tests::io::{Fault, IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::loops::{self, BOTH, Calls, Loop, Result};
use bare_ws_tests::stream::{Sent, Stream};

const FAULTS: [Fault; 8] = [
    Fault::Broken,
    Fault::Once,
    Fault::Zero,
    Fault::Short,
    Fault::Eof,
    Fault::Claims(1),
    Fault::Claims(250),
    Fault::Claims(usize::MAX),
];

/// What a scenario saw.
#[derive(Default)]
struct Log {
    received: Vec<Vec<u8>>,
    errors: Vec<Error<IoError>>,
    closed: bool,
}

impl Log {
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// Receives until the connection says that it is over, or says the same error again and again.
    fn receive_all(
        &mut self,
        connection: &mut dyn Calls,
        mut next: impl FnMut(&mut dyn Calls) -> Result<Option<Vec<u8>>>,
    ) {
        let mut failed = 0;
        while failed < 5 {
            match next(connection) {
                Ok(Some(octets)) => self.received.push(octets),
                Ok(None) => {
                    self.closed = true;
                    return;
                }
                Err(error) => {
                    failed += 1;
                    self.errors.push(error);
                }
            }
        }
    }
}

struct Scenario {
    name: &'static str,
    incoming: &'static [u8],
    run: fn(&mut dyn Calls, &mut Log),
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "messages, a Ping, a Close",
        incoming: b"\x81\x02ab\x89\x01p\x82\x02cd\x88\x02\x03\xe8",
        run: |c, log| log.receive_all(c, |c| c.recv()),
    },
    Scenario {
        name: "in pieces",
        incoming: b"\x01\x02ab\x89\x01p\x80\x02cd\x88\x02\x03\xe8",
        run: |c, log| log.receive_all(c, |c| c.recv_chunk()),
    },
    Scenario {
        name: "frame by frame",
        incoming: b"\x01\x02ab\x89\x01p\x80\x02cd\x8a\x00\x88\x02\x03\xe8",
        run: |c, log| log.receive_all(c, |c| c.recv_frame()),
    },
    Scenario {
        name: "we send and close first",
        incoming: b"\x82\x01a\x88\x02\x03\xe8",
        run: |c, log| {
            log.note(c.send(b"one"));
            log.note(c.ping(b"p"));
            log.note(c.send(b"two"));
            log.note(c.close(CloseCode::NORMAL, "bye"));
            log.receive_all(c, |c| c.recv());
        },
    },
    Scenario {
        name: "a message longer than the buffer",
        incoming: b"\x89\x00\x88\x00",
        run: |c, log| {
            log.note(c.send(&[7; 500]));
            log.note(c.send(b"after"));
            log.note(c.close(CloseCode::NORMAL, "bye"));
            log.receive_all(c, |c| c.recv());
        },
    },
    Scenario {
        name: "fragments",
        incoming: b"\x89\x00\x88\x00",
        run: |c, log| {
            log.note(c.send_fragment(b"one", false));
            log.note(c.ping(b"p"));
            log.note(c.send_fragment(&[7; 300], false));
            log.note(c.send_fragment(b"", true));
            log.receive_all(c, |c| c.recv());
        },
    },
    Scenario {
        name: "a violation",
        incoming: b"\x81\x02ab\xc1\x00\x81\x01x",
        run: |c, log| log.receive_all(c, |c| c.recv()),
    },
    Scenario {
        name: "text that is none",
        incoming: b"\x81\x02ab\x81\x02\xff\xff\x81\x01x",
        run: |c, log| log.receive_all(c, |c| c.recv()),
    },
    Scenario {
        name: "too long",
        incoming: b"\x81\x02ab\x82\x7e\x01\x00\x00\x00\x00",
        run: |c, log| log.receive_all(c, |c| c.recv()),
    },
    Scenario {
        name: "Pings as long as may be",
        incoming: &{
            let mut octets = [7; 381];
            octets[0] = 0x89;
            octets[1] = 125;
            octets[127] = 0x89;
            octets[128] = 125;
            octets[254] = 0x89;
            octets[255] = 125;
            octets
        },
        run: |c, log| log.receive_all(c, |c| c.recv()),
    },
    Scenario {
        name: "an end in the middle",
        incoming: b"\x81\x02ab\x89\x01p\x82\x05cd",
        run: |c, log| log.receive_all(c, |c| c.recv()),
    },
    Scenario {
        name: "closing, then draining",
        incoming: b"\x88\x02\x03\xe8garbage",
        run: |c, log| {
            log.note(c.close(CloseCode::NORMAL, "bye"));
            log.receive_all(c, |c| c.recv());
            let _ = c.finish();
            log.receive_all(c, |c| c.recv());
        },
    },
];

fn connect(which: Loop, transport: Transport) -> Box<dyn Calls> {
    loops::connect(which, transport, [0xa5; 64], 131, Keys::default())
}

fn run(
    scenario: &Scenario,
    which: Loop,
    fault: Option<(usize, Fault)>,
    pace: usize,
) -> (Log, Box<dyn Calls>) {
    let mut transport = Transport::new(scenario.incoming);
    transport.fault = fault;
    transport.reads = vec![pace];
    transport.writes = vec![pace];
    let mut connection = connect(which, transport);
    let mut log = Log::default();
    (scenario.run)(&mut *connection, &mut log);
    (log, connection)
}

// row: TRAP-16, TRAP-26, REQ-12, CLS-14, STA-07
#[test]
fn every_fault_at_every_call_of_every_scenario() {
    let mut runs = 0;
    for scenario in SCENARIOS {
        for which in BOTH {
            for pace in [usize::MAX, 3] {
                let (whole, connection) = run(scenario, which, None, pace);
                let calls = connection.io().calls;
                let written = connection.io().written.clone();
                let _ = Stream::of_client(&written);
                for call in 0..calls + 2 {
                    for fault in FAULTS {
                        runs += 1;
                        let (log, mut connection) = run(scenario, which, Some((call, fault)), pace);
                        let what = format!(
                            "{}, {which:?}, call {call} {fault:?}: {:?}",
                            scenario.name, log.errors
                        );
                        assert!(connection.io().calls < calls + 200, "{what}: does not end");
                        // What the transport says about octets it was not given cannot be true, nor what it
                        // says it wrote and did not; all else stands.
                        if !matches!(fault, Fault::Claims(_)) {
                            let stream = Stream::read(&connection.io().written, true);
                            assert!(
                                whole.received.concat().starts_with(&log.received.concat()),
                                "{what}: {:?}",
                                log.received
                            );
                            let closes = stream
                                .messages()
                                .iter()
                                .filter(|sent| matches!(sent, Sent::Close(..)))
                                .count();
                            assert!(closes <= 1, "{what}");
                        }
                        if matches!(fault, Fault::Short) {
                            assert_eq!(log.errors, whole.errors, "{what}");
                            assert_eq!(connection.io().written, written, "{what}");
                        }
                        // The same answer for ever.
                        let again = connection.recv();
                        if log.closed {
                            assert_eq!(again, Ok(None), "{what}");
                        } else if let Some(failure) = connection.failure() {
                            assert_eq!(again, Err(failure.widen()), "{what}");
                        } else {
                            assert!(
                                matches!(
                                    again,
                                    Err(Error::Transport(_) | Error::Usage(_) | Error::Lost)
                                ),
                                "{what}: {again:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(runs > 5000, "{runs} runs");
}

// row: CLS-14, TRAP-26
#[test]
fn a_close_that_cannot_be_written_hides_no_error() {
    for (incoming, error) in [
        (&b"\xc1\x00"[..], Violation::ReservedBit),
        (&b"\x81\x01\xff"[..], Violation::InvalidUtf8),
        (&b"\x88\x01x"[..], Violation::ClosePayload),
    ] {
        for fault in [Fault::Broken, Fault::Once, Fault::Zero] {
            for which in BOTH {
                for call in 1..3 {
                    let mut transport = Transport::new(incoming);
                    transport.fault = Some((call, fault));
                    let mut connection = connect(which, transport);
                    for _ in 0..3 {
                        assert_eq!(connection.recv(), Err(Error::Peer(error)));
                    }
                    assert_eq!(connection.send(b"x"), Err(Usage::NotOpen.into()));
                }
            }
        }
    }
}

// row: CLS-15, TRAP-18, STA-07, FRM-13
#[test]
fn the_end_of_the_transport_is_an_error_until_both_have_closed() {
    // Nothing, half a header, half a payload, between frames; and the same after our Close.
    for incoming in [
        &b""[..],
        b"\x81",
        b"\x81\x05He",
        b"\x81\x02ab",
        b"\x01\x02ab",
    ] {
        for ours in [false, true] {
            for which in BOTH {
                let transport = Transport::new(incoming);
                let mut connection = connect(which, transport);
                if ours {
                    connection.close(CloseCode::NORMAL, "bye").unwrap();
                }
                let sent = connection.io().written.len();
                let mut log = Log::default();
                log.receive_all(&mut *connection, |c| c.recv());
                assert_eq!(log.errors, [Error::Lost; 5]);
                let whole = incoming == b"\x81\x02ab";
                assert_eq!(
                    log.received,
                    if whole { vec![b"ab".to_vec()] } else { vec![] }
                );
                assert_eq!(
                    connection.io().written.len(),
                    sent,
                    "something was sent to nobody"
                );
                assert_eq!(connection.send(b"x"), Err(Usage::NotOpen.into()));
            }
        }
    }
}

// row: CLS-08, CLS-17, TRAP-27
#[test]
fn what_comes_after_the_close_is_drained_and_never_looked_at() {
    let mut incoming = b"\x88\x02\x03\xe8".to_vec();
    incoming.extend([0x81; 10_000]);
    for which in BOTH {
        let transport = Transport::new(&incoming);
        let mut connection = connect(which, transport);
        assert_eq!(connection.recv(), Ok(None));
        // The loops do not wait for the end by themselves: for how long is their caller's to say.
        assert!(connection.io().incoming.len() > 9000);
        connection.finish().unwrap();
        assert_eq!(connection.io().incoming.len(), 0);
        assert_eq!(connection.recv(), Ok(None));
        assert_eq!(
            Stream::of_client(&connection.io().written).messages(),
            [Sent::Close(Some(1000), String::new())]
        );
    }
}

// row: CLS-09, SEED-20
#[test]
fn data_is_delivered_after_our_close_until_the_answer() {
    for which in BOTH {
        let transport =
            Transport::new(b"\x81\x01a\x89\x01p\x01\x01b\x80\x01c\x88\x04\x03\xe8ok\x81\x01d");
        let mut connection = connect(which, transport);
        connection.close(CloseCode::NORMAL, "bye").unwrap();
        let mut log = Log::default();
        log.receive_all(&mut *connection, |c| c.recv());
        assert!(log.closed && log.errors.is_empty());
        assert_eq!(log.received, [b"a".to_vec(), b"bc".to_vec()]);
        // row: CTL-07, CLS-07
        let sent = Stream::of_client(&connection.io().written);
        assert_eq!(sent.messages(), [Sent::Close(Some(1000), "bye".into())]);
    }
}
