//! How well our compressors do beside zlib, on JSON telemetry. Exits with 1 if a bar is missed:
//! the full form within 1.1x of zlib level 6, the lean form within 1.15x of zlib-rs level 1
//! wherever the context is taken over.

use std::process::ExitCode;

use bare_ws::compression::Compress;
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::deflate::{Compressor, CompressorMemory, Configure as _, Heap, Lean};
use bare_ws_tests::telemetry::Telemetry;

const FULL_BAR: f64 = 1.1;
const LEAN_BAR: f64 = 1.15;

fn main() -> ExitCode {
    let sets = [
        ("160 B", messages(1000, Telemetry::reading)),
        ("811 B", messages(400, Telemetry::report)),
        ("3.6 KB", messages(200, Telemetry::batch)),
    ];
    let mut missed = 0;
    println!("Octets after compression, in % of those before, without the tail.");
    for takeover in [true, false] {
        for (name, set) in &sets {
            let plain: usize = set.iter().map(Vec::len).sum();
            println!(
                "\n{name} (mean {} octets), {} context takeover",
                plain / set.len(),
                if takeover { "with" } else { "without" }
            );
            println!("bits  zlib-1 zlib-6  zrs-1  zrs-6   lean   full | lean/zrs-1 full/zlib-6");
            for bits in 9..=15 {
                let percent = |octets: usize| 100.0 * octets as f64 / plain as f64;
                let zlib1 = zlib(set, 1, bits, takeover);
                let zlib6 = zlib(set, 6, bits, takeover);
                let zrs1 = zlib_rs(set, 1, bits, takeover);
                let zrs6 = zlib_rs(set, 6, bits, takeover);
                let lean = lean(set, bits, takeover);
                let full = own(Heap::new(bits), set, bits, takeover);
                let lean_ratio = lean as f64 / zrs1 as f64;
                let full_ratio = full as f64 / zlib6 as f64;
                let lean_misses = takeover && lean_ratio > LEAN_BAR;
                let full_misses = full_ratio > FULL_BAR;
                missed += u32::from(lean_misses) + u32::from(full_misses);
                println!(
                    "{bits:>4} {:7.1} {:6.1} {:6.1} {:6.1} {:6.1} {:6.1} | {lean_ratio:10.3}{} {full_ratio:10.3}{}",
                    percent(zlib1),
                    percent(zlib6),
                    percent(zrs1),
                    percent(zrs6),
                    percent(lean),
                    percent(full),
                    if lean_misses { "!" } else { " " },
                    if full_misses { "!" } else { " " },
                );
            }
        }
    }
    if missed == 0 {
        println!("\nEvery bar is met.");
        ExitCode::SUCCESS
    } else {
        println!("\n{missed} bars are missed (!).");
        ExitCode::FAILURE
    }
}

fn messages(count: usize, next: fn(&mut Telemetry) -> String) -> Vec<Vec<u8>> {
    let mut telemetry = Telemetry::new(7692);
    (0..count)
        .map(|_| next(&mut telemetry).into_bytes())
        .collect()
}

fn lean(set: &[Vec<u8>], bits: u8, takeover: bool) -> usize {
    match bits {
        9 => own(Box::new(Lean::<768, 512>::new()), set, bits, takeover),
        10 => own(Box::new(Lean::<1536, 1024>::new()), set, bits, takeover),
        11 => own(Box::new(Lean::<3072, 1024>::new()), set, bits, takeover),
        12 => own(Box::new(Lean::<6144, 2048>::new()), set, bits, takeover),
        13 => own(Box::new(Lean::<12_288, 4096>::new()), set, bits, takeover),
        14 => own(Box::new(Lean::<24_576, 4096>::new()), set, bits, takeover),
        _ => own(Box::new(Lean::<49_152, 8192>::new()), set, bits, takeover),
    }
}

fn own<F: CompressorMemory>(form: F, set: &[Vec<u8>], bits: u8, takeover: bool) -> usize {
    let mut compressor = Compressor::new(form);
    compressor.configure(Some(&Agreed {
        receive_window_bits: 15,
        receive_no_context_takeover: false,
        send_window_bits: bits,
        send_no_context_takeover: !takeover,
    }));
    let mut output = vec![0; 16 * 1024];
    set.iter()
        .map(|message| {
            let done = compressor.compress(message, true, &mut output);
            assert!(done.finished);
            done.produced
        })
        .sum()
}

fn zlib(set: &[Vec<u8>], level: u32, bits: u8, takeover: bool) -> usize {
    let mut zlib =
        flate2::Compress::new_with_window_bits(flate2::Compression::new(level), false, bits);
    let mut output = vec![0; 16 * 1024];
    set.iter()
        .map(|message| {
            if !takeover {
                zlib.reset();
            }
            let before = zlib.total_out();
            zlib.compress(message, &mut output, flate2::FlushCompress::Sync)
                .expect("compresses");
            (zlib.total_out() - before) as usize - 4
        })
        .sum()
}

fn zlib_rs(set: &[Vec<u8>], level: i32, bits: u8, takeover: bool) -> usize {
    let mut zlib = zlib_rs::Deflate::new(level, false, bits);
    let mut output = vec![0; 16 * 1024];
    set.iter()
        .map(|message| {
            if !takeover {
                zlib.reset();
            }
            let before = zlib.total_out();
            zlib.compress(message, &mut output, zlib_rs::DeflateFlush::SyncFlush)
                .expect("compresses");
            (zlib.total_out() - before) as usize - 4
        })
        .sum()
}
