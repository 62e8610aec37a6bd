//! Hands the linker the memory map and the program the radio's NVRAM.

use std::{env, fs, path::PathBuf};

const NVRAM: &str = "PICO_W_NVRAM";
const STAND_IN: &str = "CARGO_FEATURE_STAND_IN_NVRAM_IMAGE_WILL_NOT_WORK";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rustc-link-search={}", out.display());
    fs::copy("memory.x", out.join("memory.x")).expect("the memory map is part of the package");
    println!("cargo::rerun-if-changed=memory.x");
    for argument in ["--nmagic", "-Tlink.x", "-Tlink-rp.x", "-Tdefmt.x"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }

    println!("cargo::rerun-if-env-changed={NVRAM}");
    let nvram = match (env::var_os(NVRAM), env::var_os(STAND_IN)) {
        (Some(file), _) => {
            println!("cargo::rerun-if-changed={}", PathBuf::from(&file).display());
            fs::read(&file).unwrap_or_else(|error| {
                panic!("{NVRAM} names {}: {error}", PathBuf::from(&file).display())
            })
        }
        (None, Some(_)) => {
            println!("cargo::warning=stand-in NVRAM: the radio of this image will not work");
            vec![0; 4]
        }
        (None, None) => panic!(
            "set {NVRAM} to the radio's NVRAM file (README.md says where to get it), \
             or build the feature stand-in-nvram-image-will-not-work to check that all compiles"
        ),
    };
    fs::write(out.join("nvram.bin"), nvram).expect("OUT_DIR is writable");
}
