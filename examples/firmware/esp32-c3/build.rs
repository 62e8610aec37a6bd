//! Hands the linker the scripts of the chip and of the log.

fn main() {
    for script in ["-Tdefmt.x", "-Tlinkall.x"] {
        println!("cargo::rustc-link-arg-bins={script}");
    }
}
