//! Chooses the board by the target's architecture and hands the linker that board's memory map.

use std::{env, fs, path::PathBuf};

fn main() {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it");
    let memory = match architecture.as_str() {
        "arm" => "../emulated/src/board/mps2/memory.x",
        "riscv32" => "../emulated/src/board/virt/memory.x",
        // The host, when a tool looks at the workspace as a whole: nothing to link.
        _ => return,
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::copy(memory, out.join("memory.x")).expect("the memory map is part of the package");
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    // Both run-time crates, cortex-m-rt and riscv-rt, call their script so.
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    // No padding of sections to pages: the image goes to flash, not into virtual memory.
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
