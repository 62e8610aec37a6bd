//! Each deadline, and the state that it leaves behind.

mod closing;

use std::future::pending;

use bare_ws::close::CloseCode;
use bare_ws::error::{Usage, Violation};
use bare_ws::opcode::Opcode;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use bare_ws_embassy::{Connection, Error, KeepAlive, Timeout, Timing};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer, with_timeout};
use embedded_io_async::{ErrorKind, ErrorType, Read};

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, Sent, sent};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{run, run_for};
use crate::support::{Client, Peer, clock, connected, now, seconds};

const LEN: usize = 256;

fn timing() -> Timing {
    Timing::default()
}

fn silence(after: u64) -> Timing {
    Timing {
        silence: Some(seconds(after)),
        ..timing()
    }
}

fn keepalive(interval: u64, dead_after: u64) -> Timing {
    Timing {
        keepalive: Some(KeepAlive {
            interval: seconds(interval),
            dead_after: seconds(dead_after),
        }),
        ..timing()
    }
}

fn client(timing: &Timing) -> (Client<LEN>, Peer) {
    connected(Manner::GOOD, timing)
}

#[test]
fn ready_made_limits_are_those_that_they_name() {
    let defaults = Timing {
        connect: seconds(10),
        handshake: seconds(10),
        silence: None,
        stall: None,
        keepalive: None,
        close: seconds(5),
    };
    assert_eq!(Timing::DEFAULT, defaults);
    let long_lived = Timing {
        handshake: seconds(30),
        stall: Some(seconds(20)),
        ..keepalive(30, 45)
    };
    assert_eq!(Timing::LONG_LIVED, long_lived);
}

/// What is the same after each deadline: nothing is received or sent any more, the same is said
/// again at once, and closing says so too.
async fn is_over(client: &mut Client<LEN>, timeout: Timeout) {
    let at = now();
    assert_eq!(client.recv().await, Err(Error::Timeout(timeout)));
    assert!(client.recv_chunk().await.is_err());
    assert_eq!(client.send("late").await, Err(Error::Timeout(timeout)));
    assert_eq!(
        client.close(Some(CloseCode::NORMAL), "").await,
        Err(Error::Timeout(timeout))
    );
    assert_eq!(client.close_status(), None);
    assert_eq!(now(), at);
}

fn going_away() -> Sent {
    Sent::new(Opcode::Close, &1001u16.to_be_bytes())
}

// row: STA-02, TRAP-28
#[test]
fn silence_ends_a_connection_in_time_wherever_the_clock_stands() {
    // Where a counter of 32 bits wraps in ticks, in milliseconds, and where 64 bits end.
    let wraps = [
        0,
        u64::from(u32::MAX) - 1_000_000,
        u64::from(u32::MAX) * 1000 - 1_000_000,
        u64::MAX - 60_000_000,
    ];
    for start in wraps {
        clock::set(Instant::from_ticks(start));
        let (mut client, peer) = client(&silence(30));
        run(async {
            assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::Silence)));
            let passed = Instant::now().as_ticks() - start;
            assert_eq!(passed, seconds(30).as_ticks());
            is_over(&mut client, Timeout::Silence).await;
            // What to do with the transport is the caller's choice: it has not ended yet.
            assert!(!peer.from_client.has_ended());
            let finished = client.finish().await;
            assert_eq!(finished, Err(Error::Timeout(Timeout::Silence)));
            let passed = Instant::now().as_ticks() - start;
            assert_eq!(passed, seconds(30 + 5).as_ticks());
            is_over(&mut client, Timeout::Silence).await;
        });
        assert_eq!(sent(&peer.from_client.written()), [going_away()]);
        assert!(peer.from_client.has_ended());
    }
}

// row: TRAP-28
#[test]
fn a_deadline_beyond_the_end_of_time_never_comes() {
    clock::set(Instant::from_ticks(u64::MAX - 1_000));
    let timing = Timing {
        silence: Some(Duration::MAX),
        stall: Some(Duration::MAX),
        close: Duration::MAX,
        ..keepalive(u64::MAX / 2_000_000, u64::MAX / 1_000_000)
    };
    let (mut client, peer) = client(&timing);
    peer.to_client.put(&frames::text("ok"));
    run(async {
        assert_eq!(client.recv().await, Ok(Some("ok".into())));
        assert_eq!(run_for(3, client.recv()), None);
    });
    assert!(peer.from_client.written().is_empty());
}

/// Silence is the absence of octets, not of messages: what drips in is no silence, and a receive
/// that begins late waits from then on.
// row: TRAP-07, STA-02
#[test]
fn silence_is_the_absence_of_octets() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&silence(30));
    let drip = async {
        peer.to_client.put(&frames::text("whole"));
        for octet in frames::text("12") {
            Timer::after(seconds(29)).await;
            peer.to_client.put(&[octet]);
        }
    };
    let receive = async {
        assert_eq!(client.recv().await, Ok(Some("whole".into())));
        assert_eq!(client.recv().await, Ok(Some("12".into())));
        assert_eq!(now(), 4.0 * 29.0);
        assert_eq!(client.last_heard(), Instant::now());
        Timer::after(seconds(100)).await;
        assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::Silence)));
        assert_eq!(now(), 4.0 * 29.0 + 100.0 + 30.0);
    };
    run(join(receive, drip));
}

/// To drop the future and call again gives no more time.
// row: STA-02, STA-04
#[test]
fn deadlines_do_not_move_when_futures_are_dropped() {
    let deadlines = [
        (silence(30), Timeout::Silence, 30.0),
        (keepalive(10, 25), Timeout::KeepAlive, 25.0),
    ];
    for (timing, timeout, ends) in deadlines {
        clock::set(Instant::MIN);
        let (mut client, _peer) = client(&timing);
        run(async {
            loop {
                match select(client.recv(), Timer::after(Duration::from_millis(700))).await {
                    Either::First(outcome) => break assert_eq!(outcome, Err(timeout.into())),
                    Either::Second(()) => assert!(now() <= ends),
                }
            }
            assert_eq!(now(), ends);
            is_over(&mut client, timeout).await;
        });
    }
}

// row: STA-03
#[test]
fn keepalive_pings_and_finds_a_dead_peer() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&keepalive(10, 35));
    run(async {
        assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::KeepAlive)));
        assert_eq!(now(), 35.0);
        is_over(&mut client, Timeout::KeepAlive).await;
    });
    let ping = Sent::new(Opcode::Ping, b"");
    let expected = [ping.clone(), ping.clone(), ping, going_away()];
    assert_eq!(sent(&peer.from_client.written()), expected);
}

/// Any octet is a sign of life, if it is only one of a header; and pings go on meanwhile.
// row: STA-03
#[test]
fn any_octet_keeps_a_connection_alive() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&keepalive(10, 35));
    let drip = async {
        for octet in frames::text("12") {
            Timer::after(seconds(34)).await;
            peer.to_client.put(&[octet]);
        }
    };
    let receive = async {
        assert_eq!(client.recv().await, Ok(Some("12".into())));
        assert_eq!(now(), 4.0 * 34.0);
        assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::KeepAlive)));
        assert_eq!(now(), 4.0 * 34.0 + 35.0);
    };
    run(join(receive, drip));
    let pings = sent(&peer.from_client.written());
    assert_eq!(
        pings.iter().filter(|f| f.opcode == Opcode::Ping).count(),
        // Each octet puts the next Ping off.
        5 * 3
    );
}

/// An application that did not receive for long must not take its own absence for the peer's: it
/// asks first, and waits as long as ever.
// row: STA-03
#[test]
fn keepalive_asks_before_it_gives_up() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&keepalive(10, 35));
    clock::advance(seconds(1000));
    let answer = async {
        Timer::after(seconds(34)).await;
        let ping = Sent::new(Opcode::Ping, b"");
        assert_eq!(sent(&peer.from_client.written()), vec![ping; 3]);
        peer.to_client.put(&frames::frame(Opcode::Pong, true, b""));
        Timer::after(seconds(1)).await;
        peer.to_client.put(&frames::text("here"));
    };
    let receive = async {
        assert_eq!(client.recv().await, Ok(Some("here".into())));
        assert_eq!(now(), 1035.0);
    };
    run(join(receive, answer));
}

/// Receives that are short and rare: the Ping is due late, and the peer has its time from then on.
// row: STA-03, LIV-30
#[test]
fn a_peer_that_was_not_asked_is_not_dead() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&keepalive(10, 35));
    run(async {
        for answers in [true, true, false] {
            assert!(with_timeout(seconds(1), client.recv()).await.is_err());
            clock::advance(seconds(1000));
            // It is asked now, for the first time since it was heard.
            assert!(with_timeout(seconds(1), client.recv()).await.is_err());
            if answers {
                peer.to_client.put(&frames::frame(Opcode::Pong, true, b""));
            }
            clock::advance(seconds(22));
            assert!(with_timeout(seconds(1), client.recv()).await.is_err());
        }
        let asked = now() - 24.0;
        assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::KeepAlive)));
        assert_eq!(now(), asked + 25.0);
    });
}

/// A keepalive that could not work is one that can.
// row: STA-03
#[test]
fn a_keepalive_that_makes_no_sense_asks_before_it_gives_up_too() {
    let interval = seconds(10);
    let least = interval + Duration::from_ticks(1);
    for (dead_after, at) in [
        (seconds(0), seconds(20)),
        (seconds(9), seconds(20)),
        (seconds(10), seconds(20)),
        (least, least),
        (seconds(11), seconds(11)),
    ] {
        clock::set(Instant::MIN);
        let (mut client, peer) = client(&Timing {
            keepalive: Some(KeepAlive {
                interval,
                dead_after,
            }),
            ..timing()
        });
        run(async {
            assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::KeepAlive)));
            assert_eq!(Instant::now(), Instant::MIN + at);
        });
        let sent = sent(&peer.from_client.written());
        assert_eq!(sent.first(), Some(&Sent::new(Opcode::Ping, b"")));
    }
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&Timing {
        keepalive: Some(KeepAlive {
            interval: Duration::MIN,
            dead_after: Duration::from_ticks(9),
        }),
        ..timing()
    });
    run(async {
        assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::KeepAlive)));
    });
    let pings = sent(&peer.from_client.written()).len() - 1;
    assert!((1..=9).contains(&pings), "{pings}");
}

/// A sender that waits for a peer that is gone is let go when the reader finds out.
// row: STA-02, STA-03, TRAP-26
#[test]
fn the_end_frees_a_blocked_sender() {
    clock::set(Instant::MIN);
    let manner = Manner::narrow(20);
    let (mut client, _peer) = connected::<LEN>(manner, &keepalive(10, 35));
    let (mut reader, writer) = client.split();
    run(join(
        async {
            let sent = writer.send("more than the pipe holds").await;
            assert_eq!(sent, Err(Error::Timeout(Timeout::KeepAlive)));
            assert_eq!(now(), 35.0);
        },
        async {
            let received = reader.recv().await;
            assert_eq!(received, Err(Error::Timeout(Timeout::KeepAlive)));
        },
    ));
}

// row: CLS-15, STA-07
#[test]
fn a_lost_transport_is_told_at_once_and_stays_lost() {
    for breaks in [false, true] {
        clock::set(Instant::MIN);
        let (mut client, peer) = client(&keepalive(10, 35));
        run(async {
            let error = if breaks {
                peer.to_client.break_down();
                Error::Transport(ErrorKind::ConnectionReset)
            } else {
                peer.to_client.put(&[0x81]).end();
                Error::Lost
            };
            assert_eq!(client.recv().await, Err(error));
            assert_eq!(client.recv().await, Err(error));
            assert_eq!(client.send("x").await, Err(error));
            assert_eq!(client.ping(b"").await, Err(error));
            assert_eq!(client.close(None, "").await, Err(error));
            assert_eq!(client.finish().await, Err(error));
            assert_eq!(client.recv().await, Err(error));
            assert_eq!(now(), 0.0);
        });
        assert!(peer.from_client.has_ended());
    }
}

/// Why a connection is over is told from then on, whatever becomes of the transport while the rest of it is done.
// row: STA-07
#[test]
fn a_transport_that_fails_after_a_deadline_does_not_take_its_place() {
    for (timing, timeout) in [
        (silence(30), Timeout::Silence),
        (keepalive(20, 30), Timeout::KeepAlive),
    ] {
        for breaks_output in [false, true] {
            clock::set(Instant::MIN);
            let (mut client, peer) = client(&timing);
            run(async {
                assert!(with_timeout(seconds(25), client.recv()).await.is_err());
                if breaks_output {
                    // The Close that says why finds it so.
                    peer.from_client.break_down();
                }
                assert_eq!(client.recv().await, Err(Error::Timeout(timeout)));
                assert_eq!(now(), 30.0);
                if !breaks_output {
                    peer.to_client.break_down();
                }
                is_over(&mut client, timeout).await;
                assert_eq!(client.finish().await, Err(Error::Timeout(timeout)));
                is_over(&mut client, timeout).await;
            });
        }
    }
}

/// What a send has found, each later one tells; what has arrived is still received.
// row: CLS-15, STA-07
#[test]
fn an_output_that_fails_is_told_by_every_send() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&keepalive(10, 35));
    run(async {
        peer.from_client.break_down();
        let error = Err(Error::Transport(ErrorKind::ConnectionReset));
        assert_eq!(client.send("x").await, error);
        assert_eq!(client.send("x").await, error);
        assert_eq!(client.ping(b"").await, error);
        peer.to_client.put(&frames::text("before"));
        assert_eq!(client.recv().await, Ok(Some("before".into())));
        // The reason that came first is the one that counts.
        peer.to_client.break_down();
        assert_eq!(client.recv().await.err(), error.err());
        assert_eq!(client.send("x").await, error);
        assert_eq!(client.finish().await, error);
        assert_eq!(now(), 0.0);
    });
}
