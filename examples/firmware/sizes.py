"""What the images cost, held against the figures in sizes.txt so that growth is seen in review."""

import pathlib
import re
import subprocess

from emulator import image

FILE = pathlib.Path(__file__).resolve().parent / "sizes.txt"
HEADER = """\
# What the emulated boards' images cost: target, program or operation, figure.
# flash and ram: octets of the image. stack: octets, painted. instructions: of the emulated core.
# Written by `run sizes --update`; `run sizes` fails when a figure has grown.
"""
FLASH = re.compile(r"^\.(vector_table|text|init|trap|rodata|data)\b")
RAM = re.compile(r"^\.(data|bss|uninit)\b")

# How much a figure may grow. Pure computation and images are the same in every run; what waits for
# a network is not, because packets and wake-ups fall differently.
MARGIN = 0.01
NETWORK_MARGIN = 0.10
NETWORK = {"tcp", "tcp-echo-64k", "wss", "wss-echo-1m", "tls-handshake"}


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
    lines = (f"{' '.join(key)} {value}\n" for key, value in figures.items())
    FILE.write_text(HEADER + "".join(lines))
    print(f"{len(figures)} figures written")
    return 0


def compare(figures, targets):
    """Prints each figure beside the recorded one; 1 if one has grown or is not recorded."""
    recorded = {}
    for line in FILE.read_text().splitlines():
        if not line.startswith("#"):
            *key, value = line.split()
            recorded[tuple(key)] = int(value)
    recorded = {key: value for key, value in recorded.items() if key[0] in targets}
    failed = 0
    for key in recorded | figures:
        was, now = recorded.get(key), figures.get(key)
        verdict = judge(key[1], was, now)
        failed += verdict in ("GROWN", "NEW", "GONE")
        print(f"{' '.join(key):<64} {was or '-':>10} {now or '-':>10} {verdict}")
    print(f"{len(recorded | figures) - failed} passed, {failed} failed")
    return int(failed > 0)


def judge(name, was, now):
    if was is None:
        return "NEW"
    if now is None:
        return "GONE"
    margin = was * (NETWORK_MARGIN if name in NETWORK else MARGIN)
    if now > was + margin:
        return "GROWN"
    # Not a failure, but worth `--update`.
    return "less" if now < was - margin else ""
