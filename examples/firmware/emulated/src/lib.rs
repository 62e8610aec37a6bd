//! Two emulated boards, one firmware.
//!
//! The programs in `src/bin/` are plain `async` functions over an [`embassy_net::Stack`]; nothing in
//! them knows the board. [`board`] brings up what is below that: start-up, console, clock, network
//! card, executor. [`arguments`] and [`entropy`] are what an emulator can give and a board cannot:
//! a command line and the host's random octets. [`flash`] models a flash chip. [`measure`] counts stack and instructions.
//!
//! To start a firmware of your own, copy this folder, keep `board/` for running it in QEMU, and
//! put your board's support crate in its place for the device.

#![no_std]
#![cfg(target_os = "none")]

pub mod arguments;
pub mod board;
pub mod entropy;
pub mod flash;
pub mod measure;
