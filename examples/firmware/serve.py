"""A server to point a flashed board at: ws and wss on the local network."""

import contextlib
import hashlib
import pathlib
import shlex
import socket
import ssl
import subprocess
import sys
import threading

import certificates
import peer

HERE = pathlib.Path(__file__).resolve().parent
WS, WSS = 8080, 8443
# Seconds until a board that says nothing, not even a ping, is given up.
LONGEST_SILENCE = 3600


def lan_address():
    """The address that other hosts reach this one by, or the loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: it only asks which interface would be taken. RFC 5737 §3.
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


class Identity:
    """A server's certificate below a root of its own, made where there is none yet."""

    def __init__(self, directory, addresses):
        self.chain = directory / "server.chain"
        self.root = directory / "root.der"
        names = directory / "names"
        wanted = ",".join(["DNS:localhost", *(f"IP:{it}" for it in addresses)])
        # An address that has changed makes other certificates; a pin stays good for as long as they do.
        if not names.exists() or names.read_text() != wanted:
            directory.mkdir(parents=True, exist_ok=True)
            maker = certificates.Maker(directory)
            root = maker.certificate("root", "/CN=bare-ws serve", certificates.AUTHORITY)
            extensions = certificates.SERVER + f"subjectAltName={wanted}"
            leaf = maker.certificate("server", "/CN=bare-ws serve", extensions, root)
            maker.chain(leaf)
            maker.der(root)
            names.write_text(wanted)
        public = ["openssl", "x509", "-pubkey", "-noout", "-in", directory / "server.pem"]
        pem = subprocess.run(public, capture_output=True, check=True).stdout
        der = ["openssl", "pkey", "-pubin", "-outform", "der"]
        key = subprocess.run(der, input=pem, capture_output=True, check=True).stdout
        self.pin = hashlib.sha256(key).digest()

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.chain)
        return context


class Server:
    """Tells what every board sends, and sends them what is typed."""

    def __init__(self, tell):
        self.tell = tell
        self.boards = {}
        self.lock = threading.Lock()

    def listen(self, addresses, port, context=None):
        """Serves on a port of these addresses for ever, by threads of its own; the port."""
        for address in addresses:
            listener = socket.create_server((address, port))
            arguments = (listener, context)
            threading.Thread(target=self._accept, args=arguments, daemon=True).start()
            port = listener.getsockname()[1]
        return port

    def say(self, line):
        """To every board that is connected, as a text message."""
        with self.lock:
            boards = list(self.boards.items())
        for name, board in boards:
            try:
                board.send(line.encode())
            except OSError as why:
                self.tell(f"{name}: not sent: {why}")
        if not boards:
            self.tell("no board is connected")

    def _accept(self, listener, context):
        while True:
            connection, address = listener.accept()
            name = f"{address[0]}:{address[1]}"
            arguments = (connection, context, name)
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, connection, context, name):
        try:
            with contextlib.closing(connection):
                # With a time-out Python waits outside of OpenSSL, which reads and writes by one thread at
                # a time.
                connection.settimeout(LONGEST_SILENCE)
                if context:
                    connection = context.wrap_socket(connection, server_side=True)
                self._talk(peer.Peer(connection), name)
        except EOFError:
            self.tell(f"{name}: closed")
        except (OSError, ValueError, KeyError) as why:
            self.tell(f"{name}: {why}")

    def _talk(self, board, name):
        self.tell(f"{name}: connected, {board.path}")
        with self.lock:
            self.boards[name] = board
        try:
            while True:
                kind, octets = board.receive()
                text = kind == peer.TEXT
                told = octets.decode(errors="replace") if text else f"binary {octets.hex()}"
                self.tell(f"{name}: {told}" + (" (compressed)" if board.compressed else ""))
        finally:
            with self.lock:
                del self.boards[name]


def serve(words, typed=sys.stdin, tell=None):
    """Until `typed` is at its end. Words: address=A, ws=PORT, wss=PORT, directory=D."""
    tell = tell or (lambda line: print(line, flush=True))
    settings = dict(word.split("=", 1) for word in words)
    address = settings.pop("address", None) or lan_address()
    ws, wss = int(settings.pop("ws", WS)), int(settings.pop("wss", WSS))
    directory = pathlib.Path(settings.pop("directory", HERE / "served")).absolute()
    if settings:
        sys.exit(f"serve: no {', '.join(settings)}; there are address, ws, wss, directory")
    # Emulators reach this host's loopback address as 10.0.2.2, which is in the certificate, too.
    loopback = "127.0.0.1"
    identity = Identity(directory, sorted({address, loopback, "10.0.2.2"}))
    server = Server(tell)
    addresses = [address, loopback] if address != loopback else [loopback]
    tell(f"ws://{address}:{server.listen(addresses, ws)}/")
    tell(f"wss://{address}:{server.listen(addresses, wss, identity.context())}/")
    tell("An emulated board reaches the same ports at 10.0.2.2.")
    tell(f"pin: {identity.pin.hex()}")
    octets = ", ".join(f"0x{octet:02x}" for octet in identity.pin)
    (directory / "pin.rs").write_text(f"[{octets}]\n")
    tell(f"     for PinnedKey: include!({str(directory / 'pin.rs')!r})".replace("'", '"'))
    tell(f"root to trust, as DER: {shlex.quote(str(identity.root))}")
    tell("What is typed goes to every board, line by line.")
    with contextlib.suppress(KeyboardInterrupt):
        for line in typed:
            server.say(line.rstrip("\n"))
    return 0
