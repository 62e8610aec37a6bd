"""The device's image on the emulated board, against a server of a few lines: python3 -m unittest.

`emulator` and `peer` are those of bare-ws's examples/firmware, which is on the path, or installed:
pip install "git+https://github.com/bare-ws/bare-ws#subdirectory=examples/firmware"
"""

import os
import unittest

import emulator
import peer


class Image(unittest.TestCase):
    def test_it_is_set_from_afar_and_has_its_log_there(self):
        server = peer.listen()
        self.addCleanup(server.close)
        words = [f"uri=ws://10.0.2.2:{server.getsockname()[1]}/"]
        with emulator.Running(os.environ["IMAGE"], words) as board:
            connection = peer.Peer(server.accept()[0])
            self.assertEqual(connection.receive(), (peer.TEXT, b"temperature=21"))
            connection.send(b'{"period_ms":100,"light":true}')
            self.answers(connection, peer.TEXT, b'{"period_ms":100,"light":true}')
            board.wait(lambda line: line == "light on")
            # By postcard: no period, and the light off.
            connection.send(bytes([0, 1, 0]), peer.BINARY)
            self.answers(connection, peer.BINARY, bytes([100, 0]))
            board.wait(lambda line: line == "light off")
            # It logs on while it has no connection: what there was no room for is counted.
            connection.send(b'{"period_ms":10}')
            self.answers(connection, peer.TEXT, b'{"period_ms":10,"light":false}')
            connection.cut()
            again = peer.Peer(server.accept()[0])
            kind, line = again.receive()
            self.assertEqual(kind, peer.TEXT)
            self.assertRegex(line, rb"^\[[1-9]\d* lines lost\] temperature=21$|^temperature=21$")

    def answers(self, connection, kind, octets):
        """The next message that is no line of the log."""
        while (came := connection.receive()) == (peer.TEXT, b"temperature=21"):
            pass
        self.assertEqual(came, (kind, octets))


if __name__ == "__main__":
    unittest.main()
