//! The outside world of an image that runs: a server that answers as the case at hand says, a count of the client's
//! instructions, and a verdict.
//!
//! The number of the case is at `_case`, where the emulator puts it (`-device loader`), outside of the image. Case 0 measures; each other
//! case is one thing that RFC 6455 asks of a client.

mod board;
mod cases;
mod count;
mod wire;

use core::fmt::{self, Write};
use core::slice;

use cases::{CASES, Case, Expected};
use count::Part;

/// Calls of `io_read` after everything was read, before the client counts as hung.
const PATIENCE: u32 = 100;

unsafe extern "C" {
    static _case: u32;
    fn client();
}

/// Everything that the world knows. One core, no interrupts: one `&mut` at a time.
struct World {
    case: &'static Case,
    server: wire::Server,
    counter: count::Counter,
    /// The payload that the client is to send next.
    next: usize,
    /// Data messages of a case that were delivered and as they should be.
    delivered: usize,
    /// A data message was delivered that is not what the case says.
    strange: bool,
    outcome: Option<bool>,
    reads_at_the_end: u32,
}

static mut WORLD: Option<World> = None;

/// 16 KiB of text such as boards send: also what is received.
pub(crate) static PAYLOAD: [u8; 16384] = payload_octets();

const fn payload_octets() -> [u8; 16384] {
    let mut octets = [0; 16384];
    let mut n = 0;
    while n < octets.len() {
        octets[n] = b"{\"temperature_millidegrees\":21375}\n"[n % 35];
        n += 1;
    }
    octets
}

/// Lengths of the messages of case 0, each sent and received once.
pub(crate) const LENGTHS: [usize; 4] = [16, 125, 1024, 16384];

/// Called by the board with a stack.
fn run() -> ! {
    // SAFETY: a word of the board's memory.
    let number = unsafe { core::ptr::addr_of!(_case).read_volatile() };
    if number as usize > CASES.len() {
        say(format_args!("cases {}\n", CASES.len()));
        board::exit();
    }
    let case = match (number as usize).checked_sub(1) {
        Some(index) => &CASES[index],
        None => &cases::MEASURE,
    };
    let world = World {
        case,
        server: wire::Server::new(case),
        counter: count::Counter::new(),
        next: 0,
        delivered: 0,
        strange: false,
        outcome: None,
        reads_at_the_end: 0,
    };
    // SAFETY: nothing else holds the world yet.
    unsafe { *core::ptr::addr_of_mut!(WORLD) = Some(world) };
    let stack = board::paint_stack();
    inside(|world| world.counter.begin());
    // SAFETY: the client of this image.
    unsafe { client() };
    inside(|world| finish(world, stack))
}

fn finish(world: &mut World, stack: usize) -> ! {
    if number_is_measure(world) {
        world.counter.report();
        say(format_args!("stack {}\n", board::deepest_stack(stack)));
    }
    let verdict = match (&world.case.expected, world.outcome) {
        (_, None) => "did not end",
        (Expected::Refusal, Some(false))
            if !world.strange && world.delivered == world.case.before =>
        {
            "ok"
        }
        (Expected::Refusal, _) => "accepted",
        _ if world.strange => "delivered wrongly",
        (Expected::Close, Some(true)) if world.delivered == world.case.before => {
            if world.server.answered(world.case) {
                "ok"
            } else {
                "answered wrongly"
            }
        }
        (Expected::Close, _) => "refused",
    };
    say(format_args!("verdict {}: {verdict}\n", world.case.name));
    board::exit()
}

fn number_is_measure(world: &World) -> bool {
    core::ptr::eq(world.case, &cases::MEASURE)
}

/// Runs in the world, whose instructions do not count.
#[inline(never)]
fn inside<T>(work: impl FnOnce(&mut World) -> T) -> T {
    let now = board::ticks();
    // SAFETY: see `World`; the calls of the world do not nest.
    let world = unsafe { (*core::ptr::addr_of_mut!(WORLD)).as_mut() };
    let Some(world) = world else { board::exit() };
    world.counter.left_client(now);
    let result = work(world);
    world.counter.enters_client();
    result
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn io_read(octets: *mut u8, len: usize) -> usize {
    // SAFETY: the client lends `len` octets.
    let octets = unsafe { slice::from_raw_parts_mut(octets, len) };
    inside(|world| {
        let read = world.server.read(octets);
        if read == 0 {
            world.reads_at_the_end += 1;
            if world.reads_at_the_end > PATIENCE {
                say(format_args!("verdict {}: hung\n", world.case.name));
                board::exit();
            }
        }
        read
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn io_write(octets: *const u8, len: usize) {
    // SAFETY: the client lends `len` octets.
    let octets = unsafe { slice::from_raw_parts(octets, len) };
    inside(|world| world.server.write(octets));
}

/// The same octets each time: what is measured must not depend on chance.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn entropy_fill(octets: *mut u8, len: usize) {
    // SAFETY: the client lends `len` octets.
    let octets = unsafe { slice::from_raw_parts_mut(octets, len) };
    inside(|_| octets.fill(0x5A));
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn on_open() {
    inside(|world| world.counter.part(Part::Send(0)));
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn payload(len: *mut usize) -> *const u8 {
    inside(|world| {
        let lengths: &[usize] = if number_is_measure(world) {
            &LENGTHS
        } else {
            &[]
        };
        let next = world.next;
        world.next += 1;
        match lengths.get(next) {
            Some(&length) => {
                world.counter.part(Part::Send(next));
                // SAFETY: the client lends a place for the length.
                unsafe { len.write(length) };
                PAYLOAD.as_ptr()
            }
            None => {
                world.counter.part(Part::Receive(0));
                core::ptr::null()
            }
        }
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn on_text(octets: *const u8, len: usize) {
    delivered(true, octets, len);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn on_binary(octets: *const u8, len: usize) {
    delivered(false, octets, len);
}

#[inline(always)]
fn delivered(text: bool, octets: *const u8, len: usize) {
    // SAFETY: the client lends `len` octets.
    let octets = unsafe { slice::from_raw_parts(octets, len) };
    inside(|world| {
        let expected = if number_is_measure(world) {
            LENGTHS
                .get(world.delivered)
                .map(|&length| (false, &PAYLOAD[..length]))
        } else {
            Some((world.case.text, world.case.payload))
                .filter(|_| world.delivered < world.case.before)
        };
        if expected != Some((text, octets)) {
            world.strange = true;
        }
        world.delivered += 1;
        world.counter.part(Part::Receive(world.delivered));
    });
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn on_end(well: bool) {
    inside(|world| world.outcome = Some(well));
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn on_size(what: u32, octets: usize) {
    inside(|world| {
        if number_is_measure(world) {
            world.counter.size(what, octets);
        }
    });
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn panicked() {
    inside(|world| {
        say(format_args!("verdict {}: panicked\n", world.case.name));
        board::exit()
    })
}

fn say(text: fmt::Arguments<'_>) {
    struct Console;
    impl Write for Console {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            text.bytes().for_each(board::put_octet);
            Ok(())
        }
    }
    let _ = Console.write_fmt(text);
}
