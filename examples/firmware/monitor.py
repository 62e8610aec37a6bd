"""The emulator's monitor: what happens to a board from outside. QEMU's machine protocol (QMP)."""

import json


class Monitor:
    """The protocol's end of a connected socket."""

    def __init__(self, connection):
        connection.settimeout(60)
        self.connection = connection
        self.file = connection.makefile("rw", encoding="utf-8")
        self._answer("QMP")
        self.execute("qmp_capabilities")

    def link(self, up):
        """Plugs the network's cable in, or pulls it: the card notices, and no frame passes."""
        self.execute("set_link", name="net", up=up)

    def execute(self, command, **arguments):
        """Gives what the command returns; raises ValueError if the emulator refuses it."""
        json.dump({"execute": command, "arguments": arguments}, self.file)
        self.file.write("\n")
        self.file.flush()
        return self._answer("return")

    def _answer(self, key):
        """The next message but for events."""
        while line := self.file.readline():
            message = json.loads(line)
            if "event" in message:
                continue
            if key not in message:
                raise ValueError(message)
            return message[key]
        raise EOFError

    def close(self):
        self.file.close()
        self.connection.close()
