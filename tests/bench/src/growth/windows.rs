//! permessage-deflate, from a window of 9 bits to one of 15: what an octet takes, and what the windows hold.

use std::hint::black_box;

use bare_ws::buffer::Growing;
use bare_ws::compression::{Compress, Decompress};
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::deflate::{Compressor, Configure as _, Heap, InflateState, Inflater};
use bare_ws_std::{Deflate, Deflating, Inflating};

use super::{Counts, Line, Lines, NONE, Point, Series, line};
use crate::payload::Payload;

const SIZE: usize = 64 * 1024;

pub fn series() -> Vec<Series> {
    // zlib-rs holds tables of 128 KiB and a window of 32 KiB to receive, whatever was agreed.
    let zlib_rs = line(310.0 * 1024.0, 6.0);
    // The window and what is compressed, links, matches, and the window to receive.
    let own = line(32.0 * 1024.0, 6.0);
    vec![
        one("window to send, zlib-rs", zlib_rs, |bits| {
            sends(of_zlib_rs, bits)
        }),
        one("window to receive, zlib-rs", zlib_rs, |bits| {
            receives(of_zlib_rs, bits)
        }),
        one("window to send, own", own, |bits| sends(of_our_own, bits)),
        one("window to receive, miniz_oxide", own, |bits| {
            receives(of_our_own, bits)
        }),
    ]
}

fn one(name: &'static str, heap: Line, point: fn(u8) -> Point) -> Series {
    Series {
        name,
        unit: "octet",
        work: "octets of the window",
        setting: "64 KiB of text like JSON in one message; heap of both directions",
        lines: Lines {
            reads: NONE,
            writes: NONE,
            allocations: line(24.0, 0.0),
            heap,
        },
        factor: 4.0,
        points: (9..=15).map(point).collect(),
    }
}

fn sends<D: Decompress, C: Compress + 'static>(stages: fn(u8) -> (D, C), bits: u8) -> Point {
    let octets = Payload::json(SIZE, 1)[0].octets;
    let mut wire = vec![0; 2 * SIZE];
    let before = Counts::now();
    let (mut inflating, mut deflating) = stages(bits);
    let len = compress(&mut deflating, octets, &mut wire);
    assert!(len < SIZE / 2, "compressed");
    decompress(&mut inflating, &wire[..len]);
    point(bits, before, move || {
        compress(&mut deflating, octets, &mut wire);
    })
}

fn receives<D: Decompress + 'static, C: Compress>(stages: fn(u8) -> (D, C), bits: u8) -> Point {
    let octets = Payload::json(SIZE, 1)[0].octets;
    let mut wire = vec![0; 2 * SIZE];
    let before = Counts::now();
    let (mut inflating, mut deflating) = stages(bits);
    let len = compress(&mut deflating, octets, &mut wire);
    decompress(&mut inflating, &wire[..len]);
    point(bits, before, move || {
        decompress(&mut inflating, &wire[..len])
    })
}

fn point(bits: u8, before: Counts, run: impl FnMut() + 'static) -> Point {
    let counts = Counts::now().since(before);
    Point {
        units: SIZE as u64,
        ..Point::counted(1 << bits, counts, run)
    }
}

fn compress<C: Compress>(deflating: &mut C, octets: &[u8], wire: &mut [u8]) -> usize {
    let done = deflating.compress(black_box(octets), true, wire);
    assert!(done.finished);
    done.produced
}

/// By pieces of what the window holds.
fn decompress<D: Decompress>(inflating: &mut D, wire: &[u8]) {
    inflating.begin(false);
    let (mut consumed, mut produced) = (0, 0);
    loop {
        let done = inflating
            .decompress(&wire[consumed..], true)
            .expect("right");
        consumed += done.consumed;
        produced += black_box(inflating.output()).len();
        inflating.release();
        if done.finished {
            return assert_eq!(produced, SIZE);
        }
    }
}

/// Without context takeover, so that a message can be received again.
fn agreed(bits: u8) -> Agreed {
    Agreed {
        receive_window_bits: bits,
        receive_no_context_takeover: true,
        send_window_bits: bits,
        send_no_context_takeover: true,
    }
}

fn of_zlib_rs(bits: u8) -> (Inflating, Deflating) {
    let stages = Deflate::new()
        .window_bits(bits)
        .stages(&agreed(bits), 1 << 20);
    stages.expect("agreed")
}

fn of_our_own(bits: u8) -> (Inflater<Growing>, Compressor<Heap>) {
    let mut inflater = Inflater::new(InflateState::new(), Growing::with_len(0));
    inflater.configure(Some(&agreed(bits))).expect("agreed");
    let mut compressor = Compressor::new(Heap::new(bits));
    compressor.configure(Some(&agreed(bits)));
    (inflater, compressor)
}
