"""Building the emulated boards' images, and running them in QEMU."""

import os
import pathlib
import shlex
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE / "emulated"
TARGETS = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "riscv32imc-unknown-none-elf",
]


def toolchain():
    """The cargo to call, its environment, and the options that give it a core library.

    With the targets installed by rustup, nothing special. Without, a compiler that has the
    library's source builds it: Debian's rustc-web, cargo-web, rust-web-src and lld.
    """
    environment = dict(os.environ)
    if shutil.which("rustup"):
        installed = subprocess.run(
            ["rustup", "target", "list", "--installed"], capture_output=True, text=True
        ).stdout.split()
        if set(TARGETS) <= set(installed):
            return ["cargo"], environment, []
    # The directory comes first in PATH, too: cargo asks the compiler it finds there for the
    # version that dependencies must fit.
    environment["PATH"] = "/usr/bin:" + environment.get("PATH", "")
    environment["RUSTC"] = "/usr/bin/rustc"
    environment["RUSTC_BOOTSTRAP"] = "1"
    for target in TARGETS:
        name = target.upper().replace("-", "_")
        environment[f"CARGO_TARGET_{name}_LINKER"] = "ld.lld"
    return ["/usr/bin/cargo"], environment, ["-Zbuild-std=core,alloc"]


def build(targets, programs):
    cargo, environment, options = toolchain()
    select = [word for program in programs for word in ("--bin", program)]
    for target in targets:
        subprocess.run(
            [*cargo, "build", "--release", "--locked", "--target", target, *options, *select],
            cwd=PACKAGE,
            env=environment,
            check=True,
        )


def image(target, program):
    directory = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PACKAGE / "target"))
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
        return [
            "qemu-system-arm", "-M", "mps2-an385", "-icount", "shift=6",
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


def command(path, words):
    """The emulator's command line for an image and its arguments."""
    words = "".join(f",arg={word.replace(',', ',,')}" for word in words)
    return [
        *machine(path),
        "-display", "none", "-monitor", "none", "-serial", "stdio",
        "-semihosting-config", f"enable=on,target=native,arg=firmware{words}",
        "-kernel", str(path), *shlex.split(os.environ.get("QEMU_OPTIONS", "")),
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
