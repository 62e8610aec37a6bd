"""What the images cost, held against the figures in sizes.txt so that growth is seen in review."""

import pathlib
import re
import subprocess

from emulator import compiler, image

FILE = pathlib.Path(__file__).resolve().parent / "sizes.txt"
HEADER = """\
# What the emulated boards' images cost: compiler, target, program or operation, figure.
# flash and ram: octets of the image. stack: octets, painted. instructions: of the emulated core.
# Written by `run sizes --update`; `run sizes` fails when a figure has grown.
"""
FLASH = re.compile(r"^\.(vector_table|text|init|trap|rodata|data)\b")
RAM = re.compile(r"^\.(data|bss|uninit)\b")

# How much a figure may grow. Pure computation and images are the same in every run; what waits for
# a network is not, because packets and wake-ups fall differently; and a compiler that was not
# measured is held against the newest that was.
MARGIN = 0.01
NETWORK_MARGIN = 0.10
COMPILER_MARGIN = 0.25
NETWORK = {
    ("tcp", "stack"),
    ("tcp-echo-64k", "instructions"),
    ("wss", "stack"),
    ("wss-connect", "instructions"),
    ("wss-echo-1m", "instructions"),
}


def of_images(target, programs):
    figures = {}
    for program in programs:
        sections = subprocess.run(
            ["size", "-A", image(target, program)], capture_output=True, text=True, check=True
        ).stdout
        flash = ram = 0
        for line in sections.splitlines():
            match line.split():
                case [name, octets, _] if octets.isdigit():
                    flash += int(octets) * bool(FLASH.match(name))
                    ram += int(octets) * bool(RAM.match(name))
        figures[target, program, "flash"] = flash
        figures[target, program, "ram"] = ram
    return figures


def of_runs(target, lines):
    """From lines `measure NAME figure=N figure=N`."""
    figures = {}
    for line in lines:
        match line.split():
            case ["measure", name, *words]:
                for word in words:
                    figure, _, value = word.partition("=")
                    figures[target, name, figure] = int(value)
    return figures


def write(figures):
    """Records the figures for the compiler at hand, beside those for others."""
    ours = {(compiler(target), target, name, figure): value
            for (target, name, figure), value in figures.items()}
    written = {key[:2] for key in ours}
    kept = {key: value for key, value in recorded().items() if key[:2] not in written}
    lines = (f"{' '.join(key)} {value}\n" for key, value in sorted((kept | ours).items()))
    FILE.write_text(HEADER + "".join(lines))
    print(f"{len(ours)} figures written")
    return 0


def compare(figures, targets):
    """Prints each figure beside the recorded one; 1 if one has grown or is not recorded."""
    passed = failed = 0
    for target in targets:
        wanted, exact = expected(target)
        ours = {key[1:]: value for key, value in figures.items() if key[0] == target}
        for key in wanted | ours:
            verdict = judge(key, wanted.get(key), ours.get(key), exact)
            ok = verdict in ("", "less")
            passed, failed = passed + ok, failed + (not ok)
            was, now = wanted.get(key, "-"), ours.get(key, "-")
            print(f"{target} {' '.join(key):<40} {was:>10} {now:>10} {verdict}")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


def expected(target):
    """The figures recorded for a target: by this compiler (exact), or else by the newest."""
    ours = compiler(target)
    compilers = {key[0] for key in recorded() if key[1] == target}
    exact = ours in compilers
    if not exact and compilers:
        ours = max(compilers, key=lambda version: [int(part) for part in version.split(".")])
        print(f"{target}: not measured with {compiler(target)}; held against {ours}")
    figures = recorded().items()
    return {key[2:]: value for key, value in figures if key[:2] == (ours, target)}, exact


def recorded():
    figures = {}
    if FILE.exists():
        for line in FILE.read_text().splitlines():
            if not line.startswith("#"):
                *key, value = line.split()
                figures[tuple(key)] = int(value)
    return figures


def judge(key, was, now, exact):
    if was is None:
        return "NEW"
    if now is None:
        return "GONE"
    margin = NETWORK_MARGIN if key in NETWORK else MARGIN
    margin = was * (margin if exact else COMPILER_MARGIN)
    if now > was + margin:
        return "GROWN"
    # Not a failure, but worth `--update`.
    return "less" if now < was - margin else ""
