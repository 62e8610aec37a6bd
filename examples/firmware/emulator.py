"""Building the emulated boards' images, and running them in QEMU."""

import functools
import os
import pathlib
import shlex
import shutil
import socket
import struct
import subprocess
import sys

import running
from monitor import Monitor

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE / "emulated"
TARGETS = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "riscv32imc-unknown-none-elf",
]


def cargo(package, target, *words, settings=()):
    """Calls cargo in a package for a target; raises CalledProcessError if it fails.

    With the target installed by rustup, nothing special. Without, a compiler that has the library's
    source builds it: Debian's rustc-web, cargo-web, rust-web-src and lld.
    """
    environment = dict(os.environ) | dict(settings)
    program, options = "cargo", []
    if target not in installed_targets():
        # The directory comes first in PATH, too: cargo asks the compiler it finds there for the
        # version that dependencies must fit.
        environment["PATH"] = "/usr/bin:" + environment.get("PATH", "")
        environment["RUSTC"] = "/usr/bin/rustc"
        environment["RUSTC_BOOTSTRAP"] = "1"
        name = target.upper().replace("-", "_")
        environment[f"CARGO_TARGET_{name}_LINKER"] = "ld.lld"
        program, options = "/usr/bin/cargo", ["-Zbuild-std=core,alloc"]
    subcommand, *words = words
    options = ["--release", "--locked", "--target", target, *options]
    subprocess.run(
        [program, subcommand, *options, *words], cwd=package, env=environment, check=True
    )


@functools.cache
def installed_targets():
    if os.environ.get("BUILD_CORE") or not shutil.which("rustup"):
        return []
    listed = ["rustup", "target", "list", "--installed"]
    return subprocess.run(listed, capture_output=True, text=True).stdout.split()


def compiler(target):
    """The version of the compiler that builds for the target."""
    program = "rustc" if target in installed_targets() else "/usr/bin/rustc"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]


def build(targets, programs):
    select = [word for program in programs for word in ("--bin", program)]
    for target in targets:
        cargo(PACKAGE, target, "build", *select)


def image(target, program, package=PACKAGE):
    directory = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", package / "target"))
    return directory / target / "release" / program


def machine(path):
    """The emulator and its options for the processor the image is for."""
    with open(path, "rb") as file:
        header = file.read(20)
    (processor,) = struct.unpack_from("<H", header, 18)
    capture = os.environ.get("QEMU_PCAP")
    dump = ["-object", f"filter-dump,id=dump,netdev=net,file={capture}"] if capture else []
    if processor == 40:  # EM_ARM
        # Without -icount the card takes milliseconds a frame. With shift=6 an instruction takes
        # 64 ns, near the speed of a real Cortex-M0+, and the 25 MHz timers resolve it.
        shift = os.environ.get("QEMU_SHIFT", "6")
        return [
            "qemu-system-arm", "-M", "mps2-an385", "-icount", f"shift={shift}",
            "-netdev", "user,id=net", "-net", "nic,netdev=net,model=lan9118", *dump,
        ]  # fmt: skip
    if processor == 243:  # EM_RISCV
        return [
            "qemu-system-riscv32", "-M", "virt", "-m", "16M", "-bios", "none",
            # With shift=0 the count of instructions is exact.
            "-icount", "shift=0",
            "-global", "virtio-mmio.force-legacy=false",
            "-netdev", "user,id=net",
            "-device", "virtio-net-device,netdev=net,bus=virtio-mmio-bus.0", *dump,
        ]  # fmt: skip
    sys.exit(f"{path}: no board for processor {processor}")


def command(path, words, options=()):
    """The emulator's command line for an image and its arguments."""
    words = "".join(f",arg={word.replace(',', ',,')}" for word in words)
    return [
        *machine(path),
        "-display", "none", "-monitor", "none", "-serial", "stdio",
        "-semihosting-config", f"enable=on,target=native,arg=firmware{words}",
        "-kernel", str(path), *options, *shlex.split(os.environ.get("QEMU_OPTIONS", "")),
    ]  # fmt: skip


def qemu(path, words, capture=False):
    """Runs the image: its exit status (124 when the time limit ended it) and, if captured, its text."""
    limit = float(os.environ.get("QEMU_TIME_LIMIT", 60))
    output = subprocess.PIPE if capture else None
    try:
        ended = subprocess.run(
            command(path, words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            timeout=limit,
            text=True,
        )
    except subprocess.TimeoutExpired as late:
        print(f"{path}: no end within {limit:g} s", file=sys.stderr)
        return 124, (late.stdout or b"").decode() if capture else ""
    return ended.returncode, ended.stdout or ""


class Running(running.Running):
    """An image that runs until the end of a `with` block, with its log and the emulator's monitor."""

    def __init__(self, path, words):
        ours, theirs = socket.socketpair()
        options = [
            "-chardev", f"socket,id=monitor,fd={theirs.fileno()}",
            "-mon", "chardev=monitor,mode=control",
        ]  # fmt: skip
        super().__init__(
            subprocess.Popen(
                command(path, words, options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                text=True,
            )
        )
        theirs.close()
        try:
            self.monitor = Monitor(ours)
        except (OSError, EOFError, ValueError):
            super().end()
            raise

    def link(self, up):
        self.monitor.link(up)

    def reset(self):
        self.monitor.execute("system_reset")

    def end(self):
        self.monitor.close()
        super().end()
