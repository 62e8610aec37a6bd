"""The commands of the boards' READMEs, run as they are printed.

A block (indented by four blanks, or fenced) is run by bash in the README's folder; each must succeed. One that is not run has
a comment above it that says why, `<!-- not run: it needs the board -->`, and one that is no commands `<!-- no commands -->`.
"""

import contextlib
import os
import pathlib
import re
import subprocess

import emulator
import rp2040

ROOT = emulator.HERE.parent.parent
# Seconds for one block.
LIMIT = 1800
WHY = re.compile(r"<!-- (not run: (?P<why>.+)|no commands) -->")


def blocks(text):
    """Each block of a README: the number of its first line, its text, and the comment above it, if it is one of ours."""
    lines = text.split("\n")
    number = 0
    above = ""
    while number < len(lines):
        line = lines[number]
        fence = re.match(r"\s*(```+|~~~+)", line)
        # An indented line that does not follow an empty one goes on with a paragraph or an item of a list.
        indented = line.startswith("    ") and (number == 0 or not lines[number - 1].strip())
        if fence:
            end = next(n for n in range(number + 1, len(lines)) if lines[n].strip() == fence[1])
            yield number + 1, "\n".join(lines[number + 1 : end]), above
            number, above = end + 1, ""
        elif indented:
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            block = "\n".join(it[4:] for it in lines[number:end]).rstrip()
            yield number + 1, block, above
            number, above = end, ""
        else:
            if line.strip():
                above = line.strip()
            number += 1


def check(names):
    """How many blocks of the READMEs of these folders passed and failed; those that are not run are told."""
    passed = failed = 0
    for name in names:
        readme = (emulator.HERE / name / "README.md").resolve()
        for line, block, above in blocks(readme.read_text()):
            place = f"{readme.relative_to(ROOT)}:{line}"
            comment = WHY.fullmatch(above)
            if comment:
                if comment["why"]:
                    print(f"{place}: not run: {comment['why']}")
                continue
            if "cargo build" in block and not emulator.installed_targets():
                # What is printed is for those who have rustup; for others, `run boards` builds the same.
                print(f"{place}: not run: no rustup here")
                continue
            with built_here(readme.parent):
                ended = run(block, readme.parent)
            ok = ended.returncode == 0
            passed, failed = passed + ok, failed + (not ok)
            print(f"{place}: {'ok' if ok else f'failed:{chr(10)}{block}{chr(10)}{ended.stdout}'}", flush=True)
    return passed, failed


def run(block, folder):
    command = ["bash", "-euo", "pipefail", "-c", block]
    environment = dict(os.environ)
    if rp2040.defmt_print().exists():
        environment["DEFMT_PRINT"] = str(rp2040.defmt_print())
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        text=True,
    )


@contextlib.contextmanager
def built_here(folder):
    """What is built elsewhere is where the README says, too, and what a block writes is away again."""
    made = []
    elsewhere = os.environ.get("CARGO_TARGET_DIR")
    for package in (emulator.HERE / "w5500-evb-pico", folder):
        target = package / "target"
        if elsewhere and (package / "Cargo.toml").exists() and not target.exists():
            target.symlink_to(pathlib.Path(elsewhere).resolve())
            made.append(target)
    before = set(folder.iterdir())
    try:
        yield
    finally:
        for path in [*made, *(it for it in folder.iterdir() if it not in before and it.suffix == ".uf2")]:
            path.unlink()


# Those that take nothing but what the emulated boards take, and those of the board in an emulator of its own.
EMULATED = [".", "emulated", "pico-w", "esp32-c3", "mbedtls", "../own-ci"]
RP2040 = ["w5500-evb-pico", "rp2040"]
