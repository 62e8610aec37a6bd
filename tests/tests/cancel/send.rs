//! One owner that sends, and echoes.

use crate::*;

// row: STA-05, TRAP-14
#[test]
fn a_send_dropped_at_any_point_tears_nothing() {
    let mut torn = 0;
    for schedule in 0..SCHEDULES.len() {
        // One call after the other is dropped, all others run to their end; or all are.
        for victim in (0..CALLS).map(Some).chain([None]) {
            for polls in 0..60 {
                let mut writer = asynch::Writer::new(
                    transport(&[], schedule).halves(),
                    Sender::new([0xa5; 139], Keys::default()),
                );
                let mut outcomes = Vec::new();
                for number in 0..CALLS {
                    let times = if victim.is_none_or(|victim| victim == number) {
                        polls
                    } else {
                        100_000
                    };
                    outcomes.push(match poll_times(times, call(&mut writer, number)) {
                        None => Outcome::Dropped,
                        Some(Ok(())) => Outcome::Done,
                        Some(Err(Error::Usage(Usage::InterruptedMessage))) => Outcome::Refused,
                        Some(Err(error)) => panic!("{error:?}"),
                    });
                }
                // A Close can follow whatever was dropped.
                match block_on(writer.close(Some(CloseCode::NORMAL), "done")) {
                    Ok(()) => outcomes[CALLS - 1] = Outcome::Done,
                    Err(error) => assert_eq!(error, Usage::NotOpen.into()),
                }
                block_on(writer.flush()).unwrap();
                let what = format!("schedule {schedule}, {victim:?} after {polls} polls");
                let stream = Stream::of_client(&writer.io().0.get().written);
                judge(&outcomes, stream.messages())
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(
                    matches!(stream.messages().last(), Some(Sent::Close(Some(1000), _))),
                    "{what}"
                );
                assert_eq!(
                    writer.io().0.get().flushed,
                    writer.io().0.get().written.len(),
                    "{what}"
                );
                // The long message alone can be given up in its middle.
                let refused = outcomes.contains(&Outcome::Refused);
                assert_eq!(refused, stream.is_open(), "{what}");
                if victim.is_some_and(|victim| victim != 3) {
                    assert!(!refused, "{what}");
                }
                torn += u32::from(refused);
            }
        }
    }
    assert!(
        torn > 20,
        "the long message was interrupted {torn} times only"
    );
}

// row: STA-04, STA-05, SEED-16
#[test]
fn an_echo_dropped_at_random_points() {
    let runs = bare_ws_tests::runs(600);
    for seed in 0..runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut connection = connection(transport(&script(), random.usize(..SCHEDULES.len())));
        let mut echoes = Vec::new();
        let mut idle = 0;
        loop {
            let got = poll_times(random.usize(1..6), connection.recv());
            let got = match got {
                None => {
                    idle += 1;
                    assert!(idle < 100_000);
                    continue;
                }
                Some(got) => got.unwrap().map(|message| message.as_bytes().to_vec()),
            };
            let Some(octets) = got else { break };
            let done = poll_times(random.usize(1..6), connection.send(&octets[..]));
            assert!(matches!(done, None | Some(Ok(()))), "{done:?}");
            // It fits the buffer, so it was queued at once, and goes out whatever happens.
            echoes.push(Sent::Binary(octets));
        }
        block_on(connection.finish()).unwrap();
        let sent = Stream::of_client(&connection.writer.io().0.get().written);
        let (data, control): (Vec<_>, Vec<_>) = sent
            .messages()
            .iter()
            .cloned()
            .partition(|sent| matches!(sent, Sent::Binary(_)));
        assert_eq!(data, echoes, "seed {seed}");
        assert_eq!(control, script_sent(), "seed {seed}");
    }
}
