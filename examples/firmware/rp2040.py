"""The W5500-EVB-Pico's release image in the emulator of the folder `rp2040`."""

import hashlib
import os
import pathlib
import subprocess
import tempfile

import emulator
import running

BOARD = "w5500-evb-pico"
"""The board's name, where those of emulated boards are targets."""
PACKAGE = emulator.HERE / BOARD
TARGET = "thumbv6m-none-eabi"
EMULATOR = emulator.HERE / "rp2040"
DEFMT_PRINT = "1.2.0"
PROGRAMS = {
    "telemetry": BOARD,
    "autobahn": f"{BOARD}-autobahn",
    "wss": f"{BOARD}-wss",
    "ota": f"{BOARD}-ota",
}

# What the programs of the emulated boards are built with, this board is told: far shorter than a
# device's, so that a test sees each of them pass.
SHORT = {
    "period": 200, "first_delay": 100, "longest_delay": 1000, "connect": 2000,
    "handshake": 2000, "ping": 300, "dead_after": 1000,
}  # fmt: skip


def build():
    """The images, and what runs them."""
    emulator.cargo(PACKAGE, TARGET, "build")
    install()


def image(program):
    directory = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PACKAGE / "target"))
    return directory / TARGET / "release" / PROGRAMS[program]


def install():
    """rp2040js from npm's registry and defmt-print from that of cargo, unless they are there."""
    lock = (EMULATOR / "package-lock.json").read_bytes()
    stamp = EMULATOR / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "ci", *quiet], cwd=EMULATOR, check=True)
        stamp.write_text(wanted)
    if not defmt_print().exists():
        subprocess.run(
            [
                "cargo", "install", "--quiet", "--locked", "--debug", "--root", tools(),
                "--target-dir", tools() / "build", f"defmt-print@{DEFMT_PRINT}",
            ],
            check=True,
        )  # fmt: skip


def tools():
    directory = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", EMULATOR / "target")).resolve()
    return directory / f"defmt-print-{DEFMT_PRINT}"


def defmt_print():
    return tools() / "bin" / "defmt-print"


class Running(running.Running):
    """A program that runs until the end of a `with` block, with its log."""

    def __init__(self, program, words, lease=None):
        options = ["--lease", str(lease)] if lease else []
        if program in ("telemetry", "ota"):
            # The first of a key's words counts.
            words = [*words, *(f"{key}={value}" for key, value in SHORT.items())]
        self.settings = tempfile.NamedTemporaryFile(suffix=".uf2")
        subprocess.run([PACKAGE / "settings", *words], stdout=self.settings, check=True)
        # The emulator ends when its standard input does: with us, however we end.
        super().__init__(
            subprocess.Popen(
                ["node", EMULATOR / "main.mjs", *options, image(program), self.settings.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"DEFMT_PRINT": str(defmt_print())},
                text=True,
            )
        )

    def link(self, up):
        self._happens("link", up)

    def dhcp(self, up):
        """Whether the network's DHCP server hears what it is asked."""
        self._happens("dhcp", up)

    def reset(self):
        self._say("reset")

    def _happens(self, what, up):
        self._say(f"{what} {'up' if up else 'down'}")

    def _say(self, event):
        self.process.stdin.write(f"{event}\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        super().end()
        self.settings.close()


def run(program, words, limit):
    """Runs a program to its end: its exit status, and its text."""
    with Running(program, words) as board:
        over = board.wait(lambda line: "done: " in line or "failed: " in line, limit=limit)
        return 0 if "done: " in board.lines[over] else 1, "\n".join(board.lines[: over + 1])


def own_tests():
    """The unit tests of the emulator: how many passed and failed."""
    told = subprocess.run(["node", "--test"], cwd=EMULATOR, capture_output=True, text=True)
    tally = {word: 0 for word in ("pass", "fail")}
    for line in told.stdout.splitlines():
        match line.split():
            # Before the words are "#" or a sign, by the version of Node.
            case [_, "pass" | "fail" as word, number]:
                tally[word] = int(number)
    failed = tally["fail"] or int(told.returncode != 0 or tally["pass"] == 0)
    if failed:
        print(told.stdout, told.stderr, sep="\n")
    return tally["pass"], failed
