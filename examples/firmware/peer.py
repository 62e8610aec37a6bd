"""A WebSocket server for the runner: one connection after the other, on the host's loopback.

It is a peer to test against, so it shares no code with the client it tests. Python's standard
library only.
"""

import base64
import hashlib
import socket
import struct
import threading
import zlib

import running

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TAIL = b"\x00\x00\xff\xff"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Peer:
    """The server's end of an open connection."""

    def __init__(self, connection, compression=True):
        self.connection = connection
        self.sending = threading.Lock()
        self.file = connection.makefile("rb")
        self.compressed = False
        """Whether the last message came compressed."""
        self.path, fields = self._request()
        answer = [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: "
            + base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + GUID).digest()),
        ]
        self._agree(fields.get(b"sec-websocket-extensions", b"") if compression else b"", answer)
        connection.sendall(b"\r\n".join(answer) + b"\r\n\r\n")

    def _request(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        try:
            method, path, version = line.split()
        except ValueError:
            # A handshake record, RFC 8446 §5.1.
            what = "TLS, where ws is served" if line[0] == 22 else "no opening handshake"
            raise ValueError(what) from None
        if (method, version) != (b"GET", b"HTTP/1.1"):
            raise ValueError("no opening handshake")
        fields = {}
        while line := self.file.readline().rstrip(b"\r\n"):
            name, _, value = line.partition(b":")
            fields[name.strip().lower()] = value.strip()
        return path.decode(), fields

    def _agree(self, offers, answer):
        """Grants the first offer: the windows it names, context takeover in both directions."""
        self.inflate = self.deflate = None
        offer = [part.strip() for part in offers.split(b",")[0].split(b";")]
        if offer[0] != b"permessage-deflate":
            return
        granted = [offer[0]]
        bits = 15
        for parameter in offer[1:]:
            name, _, value = parameter.partition(b"=")
            if name == b"server_max_window_bits":
                bits = int(value)
                granted.append(parameter)
            if name == b"client_max_window_bits":
                granted.append(b"client_max_window_bits=10")
        answer.append(b"Sec-WebSocket-Extensions: " + b"; ".join(granted))
        self.inflate = zlib.decompressobj(-15)
        self.deflate = zlib.compressobj(wbits=-bits)

    def _octets(self, count):
        octets = self.file.read(count)
        if len(octets) < count:
            raise EOFError
        return octets

    def frame(self):
        """The next frame's first octet and payload."""
        first, second = self._octets(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._octets(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._octets(8))
        if not second & 0x80:
            raise ValueError("a client masks")
        key = self._octets(4)
        octets = bytearray(self._octets(length))
        for index in range(4):
            part = octets[index::4]
            octets[index::4] = part.translate(bytes(i ^ key[index] for i in range(256)))
        return first, bytes(octets)

    def receive(self):
        """The next data message and its opcode; answers pings. EOFError once the client closed."""
        message, kind, compressed = b"", None, False
        while True:
            first, octets = self.frame()
            opcode = first & 0x0F
            if opcode == PING:
                self.send(octets, PONG)
            elif opcode == CLOSE:
                self.send(octets[:2], CLOSE)
                raise EOFError
            elif opcode in (TEXT, BINARY, CONTINUATION):
                if opcode != CONTINUATION:
                    kind, compressed = opcode, bool(first & 0x40)
                message += octets
                if first & 0x80:
                    self.compressed = compressed
                    if compressed:
                        message = self.inflate.decompress(message + TAIL)
                    return kind, message

    def send(self, octets, opcode=TEXT):
        """One frame; for any thread."""
        with self.sending:
            self._send(octets, opcode)

    def _send(self, octets, opcode):
        first = 0x80 | opcode
        if self.deflate and opcode in (TEXT, BINARY):
            first |= 0x40
            octets = self.deflate.compress(octets) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
            octets = octets[: -len(TAIL)]
        if len(octets) < 126:
            header = struct.pack("!BB", first, len(octets))
        elif len(octets) < 1 << 16:
            header = struct.pack("!BBH", first, 126, len(octets))
        else:
            header = struct.pack("!BBQ", first, 127, len(octets))
        self.connection.sendall(header + octets)

    def close(self, code=1001):
        """Makes the closing handshake, and ends TCP first, as a server should."""
        self.send(struct.pack("!H", code), CLOSE)
        while self.frame()[0] & 0x0F != CLOSE:
            pass
        self.file.close()
        self.connection.close()

    def cut(self):
        """Ends the TCP connection as if the power had failed: with a reset, no Close."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.file.close()
        self.connection.close()


def listen(port=0):
    """A listening socket on the loopback interface, on a free port unless one is given."""
    server = socket.create_server(("127.0.0.1", port))
    server.settimeout(running.PATIENCE)
    return server
