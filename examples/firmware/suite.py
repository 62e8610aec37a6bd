"""The boards as clients of the Autobahn suite: see tests/autobahn."""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

import emulator
import rp2040
from emulator import image


def host_uri(uri):
    """The same server as the firmware sees it: the emulator's host is 10.0.2.2."""
    parts = urllib.parse.urlsplit(uri)
    if parts.hostname not in ("127.0.0.1", "localhost"):
        sys.exit(f"{uri}: only the host's loopback is reached from the emulator")
    return parts._replace(netloc=f"10.0.2.2:{parts.port}").geturl()


def autobahn(targets, words):
    uri = host_uri(os.environ["AUTOBAHN_URL"])
    for target in targets:
        about = [f"uri={uri}", f"agent=bare-ws-{target}", *words]
        if target == rp2040.BOARD:
            rp2040.build()
            status, text = rp2040.run("autobahn", about, LONGEST)
            print(text)
        else:
            emulator.build([target], ["autobahn"])
            status, _ = emulator.qemu(image(target, "autobahn"), about)
        if status != 0:
            return status
    return 0


# Cases of sections 12 and 13, by the last number: how many octets its thousand messages have.
KINDS = [f"12.{kind}" for kind in range(1, 6)] + [f"13.{kind}" for kind in range(1, 8)]
ALL = [f"{kind}.{size}" for kind in KINDS for size in range(1, 19)]
# Up to 1024 octets.
SMALL = [f"{kind}.{size}" for kind in KINDS for size in range(1, 5)]
# And of the largest, 128 KiB in fragments of 256 octets, one in each section.
SAMPLE = [*SMALL, "12.1.15", "13.7.15"]

# Of section 9 what the real board's emulator is fast enough for on a busy machine: the suite gives some of the others 10 s
# by its own clock.
LIMITED = ",".join(
    [f"9.1.{case}" for case in range(1, 5)]
    + ["9.2.1"]
    + [f"9.{kind}.{case}" for kind in (3, 4) for case in range(2, 10)]
    + [f"9.{kind}.*" for kind in range(5, 9)]
)

# All 216 take an emulated board an hour: each of the two gets them once.
COMPLETE = ["thumbv7m-none-eabi", "riscv32imc-unknown-none-elf"]


def asked(target, full):
    """What the suite is asked of a processor: arguments of the firmware, cases."""
    if target == rp2040.BOARD:
        sections = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,10.*" + ("," + LIMITED if full else "")
        return [([], sections), (["deflate=15"], ",".join(SMALL))]
    compression = ALL if full and target in COMPLETE else SAMPLE
    return [
        ([], "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*"),
        (["deflate=15"], ",".join(compression)),
    ]


def run(targets, full):
    """The Autobahn suite: how many cases passed and failed."""
    tests = emulator.HERE.parent.parent / "tests" / "autobahn"
    subprocess.run([tests / "install"], check=True)
    limit = str(LONGEST if full else LONGEST // 6)
    # The suite asks for speed, and nothing is measured: a quicker board waits less for its clock.
    environment = os.environ | {"QEMU_TIME_LIMIT": limit, "QEMU_SHIFT": "2"}
    passed = failed = 0
    for target in targets:
        for words, cases in asked(target, full):
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as reports:
                ended = subprocess.run(
                    [
                        tests / "run", "--jobs", str(jobs(target)),
                        "--outdir", reports, "--cases", cases, "--timeout", limit, "--",
                        emulator.HERE / "run", "autobahn", "--target", target, *words,
                    ],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )  # fmt: skip
            took = time.monotonic() - began
            print(f"{target} {' '.join(words)}: {took:.0f} s\n{ended.stdout}", end="", flush=True)
            tally = re.search(r"(\d+) passed, (\d+) failed\s*$", ended.stdout)
            cases_failed = int(tally[2]) if tally else 0
            passed += int(tally[1]) if tally else 0
            failed += cases_failed or int(ended.returncode != 0)
    return passed, failed


def jobs(target):
    """How many boards at a time."""
    processors = min(os.cpu_count() or 1, 4)
    # The real board sleeps in real time while a message is on its way: two share a processor.
    return 2 * processors if target == rp2040.BOARD else processors


# Seconds until a run of the suite is given up.
LONGEST = 7200
