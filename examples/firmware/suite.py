"""The boards as clients of the Autobahn suite: see tests/autobahn."""

import os
import re
import subprocess
import sys
import tempfile
import urllib.parse

import emulator
from emulator import image


def host_uri(uri):
    """The same server as the firmware sees it: the emulator's host is 10.0.2.2."""
    parts = urllib.parse.urlsplit(uri)
    if parts.hostname not in ("127.0.0.1", "localhost"):
        sys.exit(f"{uri}: only the host's loopback is reached from the emulator")
    return parts._replace(netloc=f"10.0.2.2:{parts.port}").geturl()


def autobahn(targets, words):
    uri = host_uri(os.environ["AUTOBAHN_URL"])
    emulator.build(targets, ["autobahn"])
    for target in targets:
        words = [f"uri={uri}", f"agent=bare-ws-{target}", *words]
        status, _ = emulator.qemu(image(target, "autobahn"), words)
        if status != 0:
            return status
    return 0


def compression(sizes):
    """Cases of sections 12 and 13. The larger ones take an emulated board a minute each."""
    return ",".join(
        f"{section}.{kind}.{size}"
        for section, kinds in ((12, 5), (13, 7))
        for kind in range(1, kinds + 1)
        for size in sizes
    )


def asked(target, full):
    """What the suite is asked of a processor: arguments of the firmware, cases. Section 9 moves
    some 200 MiB, which takes the emulated Arm many minutes: it is left to `check --full`."""
    quick = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,10.*"
    whole = full or target.startswith("riscv")
    return [
        ([], f"{quick},9.*" if whole else quick),
        (["deflate=15"], compression(range(1, 4) if whole else range(1, 2))),
    ]


def run(targets, full):
    """The Autobahn suite: how many cases passed and failed."""
    tests = emulator.HERE.parent.parent / "tests" / "autobahn"
    subprocess.run([tests / "install"], check=True)
    environment = os.environ | {"QEMU_TIME_LIMIT": "1200"}
    passed = failed = 0
    for target in targets:
        for words, cases in asked(target, full):
            with tempfile.TemporaryDirectory() as reports:
                ended = subprocess.run(
                    [
                        tests / "run", "--outdir", reports, "--cases", cases, "--",
                        emulator.HERE / "run", "autobahn", "--target", target, *words,
                    ],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )  # fmt: skip
                print(f"{target} {' '.join(words)}\n{ended.stdout}", end="", flush=True)
                tally = re.search(r"(\d+) passed, (\d+) failed\s*$", ended.stdout)
                cases_failed = int(tally[2]) if tally else 0
                passed += int(tally[1]) if tally else 0
                failed += cases_failed or int(ended.returncode != 0)
    return passed, failed
