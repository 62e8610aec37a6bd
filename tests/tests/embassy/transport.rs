//! Writing halves of a transport: how each of them ends.

use bare_ws_embassy::transport::{Endless, Shutdown};
use embedded_io_async::ErrorKind;

use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::run;

/// What can be done with a writing half.
fn written<Out: Shutdown<Error = ErrorKind>>(mut out: Out, aborts: bool) {
    assert_eq!(run(out.write(b"octets")), Ok(6));
    match aborts {
        true => out.abort(),
        false => assert_eq!(run(out.shutdown()), Ok(())),
    }
}

/// One that can be ended, by itself or by reference, is; one that cannot is flushed, so that what was written is out.
// row: CLS-10
#[test]
fn each_kind_of_writing_half_ends_as_it_can() {
    type Half = fn(Pipe, bool);
    // How often it is flushed by a shutdown, and whether it has an end.
    let table: [(&str, Half, usize, bool); 4] = [
        ("by itself", written, 0, true),
        (
            "by reference",
            |mut pipe, aborts| written(&mut pipe, aborts),
            0,
            true,
        ),
        (
            "endless",
            |pipe, aborts| written(Endless(pipe), aborts),
            1,
            false,
        ),
        (
            "endless, by reference",
            |pipe, aborts| written(&mut Endless(pipe), aborts),
            1,
            false,
        ),
    ];
    for (name, half, flushes, ends) in table {
        for aborts in [false, true] {
            let pipe = Pipe::new(Manner::GOOD);
            half(pipe.clone(), aborts);
            let seen = (pipe.flushes(), pipe.has_ended(), pipe.was_aborted());
            let flushes = if aborts { 0 } else { flushes };
            assert_eq!(seen, (flushes, ends, ends && aborts), "{name}, {aborts}");
            assert_eq!(pipe.written(), b"octets", "{name}");
        }
    }
}
