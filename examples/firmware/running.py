"""A process that stands for a board, and its log."""

import threading
import time

PATIENCE = 180
"""Seconds for what takes one at most: a host that is busy with other work, and no bound of the board's."""


class Running:
    """Runs until the end of a `with` block. `process` is a Popen whose standard output is the log."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        """The log so far."""
        self.over = False
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._tell(line.rstrip("\n"))
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def _tell(self, line):
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def wait(self, wanted, start=0, limit=PATIENCE):
        """The place in the log of the first line from `start` on that `wanted` takes."""
        by = time.monotonic() + limit
        place = start
        with self.changed:
            while True:
                while place < len(self.lines):
                    if wanted(self.lines[place]):
                        return place
                    place += 1
                if self.over:
                    raise EOFError(f"the board ended, after {self.lines[start:]}")
                if not self.changed.wait(by - time.monotonic()):
                    raise TimeoutError(f"not in the log: {self.lines[start:]}")

    def link(self, up):
        """Plugs the network's cable in, or pulls it."""
        raise NotImplementedError

    def reset(self):
        """Takes the power away, and gives it again: what is in the flash stays."""
        raise NotImplementedError

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
