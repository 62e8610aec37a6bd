"""What the emulated boards are put through, each against a server on the host."""

import functools
import itertools
import json
import pathlib
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time

import certificates
import emulator
import peer
import rp2040
import running
from emulator import image


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while octets := self.request.recv(4096):
            self.request.sendall(octets)


def tcp(target, _):
    run_tcp(target)


def run_tcp(target):
    """Runs the program to its good end, and gives its text."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        status, text = emulator.qemu(image(target, "tcp"), [f"port={port}"], capture=True)
        server.shutdown()
    expect(status == 0, f"exit status {status}: {text}")
    return text


# What the telemetry of the emulated boards is set to, in milliseconds: see its program.
CONNECT = HANDSHAKE = 2000
DEAD_AFTER = 1000
# How late a board may be by its own clock, which goes on while a busy host lets it wait.
LATE = 1000


# What comes over the network may overtake the line that the board wrote before: a line is waited for, and
# looked for behind the one that it follows, never taken to be the last that is there.
CONNECTED = "Link(Connected)"


class Telemetry:
    """A board that runs the telemetry application, and its log."""

    def __init__(self, target, server, *words, **options):
        port = server.getsockname()[1]
        words = [f"uri=ws://10.0.2.2:{port}/telemetry", *words]
        if target == rp2040.BOARD:
            self.board = rp2040.Running("telemetry", words, **options)
        else:
            self.board = emulator.Running(image(target, "telemetry"), words, **options)
        self.lines = self.board.lines
        self.wait = self.board.wait

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.board.end()

    def until(self, text, start=0):
        """The place of the first line with that text."""
        return self.wait(lambda line: text in line, start)

    def at(self, place):
        """The milliseconds at which a line was written, by the board's clock."""
        return written_at(self.lines[place])

    def over(self, since):
        """The place of the first line that tells that a connection, or an attempt at one, is over."""
        return self.wait(lambda line: "Ended(" in line or "NotConnected(" in line, since)

    def ended(self, why, since, least, most):
        """The connection ends, or the attempt at one, for that reason, and in that time."""
        over = self.over(since)
        expect(why in self.lines[over], f"{why}: {self.lines[over]}")
        took = self.at(over) - self.at(since)
        expect(least <= took <= most, f"{why} after {took} ms, not {least} to {most}")
        return over

    def pull(self):
        """Pulls the network's cable; the place where the log says so."""
        # A board that has not yet seen it would not see it go.
        self.until("link up")
        return self._link(False)

    def plug(self):
        """Plugs it in again."""
        return self._link(True)

    def _link(self, up):
        start = len(self.lines)
        self.board.link(up)
        return self.until("link up" if up else "link down", start)

    def story(self):
        """The log without what is the same all the time."""
        return [line for line in self.lines if "Reported" not in line]


def written_at(line):
    """The number that a line of the log begins with; lines of other kinds are of no time."""
    number, _, _ = line.partition(" ")
    return int(number) if number.isdigit() else 0


def telemetry(target, tell):
    """Reports, a command, and five ways to lose a connection; the board comes back each time."""
    server = peer.listen()
    with Telemetry(target, server) as board:
        try:
            through_losses(board, server)
        finally:
            tell("\n".join(board.story()))


def through_losses(board, server):
    connection = accept(server)
    first = report(connection)
    expect(first["sequence"] == 0, "the first report is the first")
    connection.send(b'{"light":true,"period_ms":50}')
    following = [report(connection) for _ in range(10)]
    expect([it["sequence"] for it in following] == list(range(1, 11)), "no report is missing")
    expect(connection.compressed, "reports are compressed")
    # The shortest of several: a busy host stretches single ones.
    times = [it["uptime_ms"] for it in following]
    period = min(later - sooner for sooner, later in itertools.pairwise(times))
    expect(period < 150, f"the command changed the period, which was 200 ms, to {period} ms")
    board.until("light on")
    connection.cut()

    connection = accept(server)
    expect(report(connection)["connections"] == 2, "back after a reset")
    port = server.getsockname()[1]
    server.close()
    start = len(board.lines)
    connection.cut()
    refused = board.until("NotConnected(Connect(", start)

    server = peer.listen(port)
    connection = accept(server)
    expect(report(connection)["connections"] == 3, "back after the server was away")
    # From here on nothing is read and nothing answered: pings go unanswered.

    connection, silent = accept(server), connection
    expect(report(connection)["connections"] == 4, "back after a silent server")
    connection.close()
    # A server that takes the TCP connection and never answers the opening handshake.
    mute, _ = server.accept()
    connection = accept(server)
    expect(report(connection)["connections"] == 5, "back after a mute handshake")
    silent.cut()
    mute.close()
    server.close()

    # What the board said of it. The last octet that it heard from the silent server is the end of
    # the opening handshake, which came a little before the line that says so was written.
    connected = board.until(CONNECTED, refused)
    board.ended("Timeout(KeepAlive)", connected, DEAD_AFTER - 100, DEAD_AFTER + LATE)
    closed = board.until("Ended(Ok(()))", connected)
    connecting = board.until("Connecting", closed)
    board.ended("Timeout(Handshake)", connecting, HANDSHAKE, HANDSHAKE + LATE)


def link(target, tell):
    """The network's link goes down. A board with a fixed address outlives a moment of it, tells in
    time when it was more, be it in an open connection or on the way to one, and comes back."""
    server = peer.listen()
    words = [f"ip={FIXED}", f"dead_after={LINK_DEAD_AFTER}"]
    with server, Telemetry(target, server, *words) as board:
        try:
            connection = accept(server)
            short_outage(board, connection)
            connection, over = long_outage(board, server, connection)
            outage_on_the_way(board, server, connection, over)
        finally:
            tell("\n".join(board.story()))


def lease(target, tell):
    """The link goes down, and with it an address of DHCP and every connection that has it."""
    server = peer.listen()
    with server, Telemetry(target, server) as board:
        try:
            connection = accept(server)
            report(connection)
            start = len(board.lines) - 1
            board.pull()
            board.ended("ConnectionReset", start, 0, LATE)
            connection.cut()
            board.plug()
            expect(report(accept(server))["connections"] == 2, "back after an outage")
        finally:
            tell("\n".join(board.story()))


def renewal(target, tell):
    """The address is one of DHCP for a few seconds. The board renews it in time, and the connection does
    not notice; when the server does not answer, address and connection are over with the lease."""
    server = peer.listen()
    words = [f"dead_after={10 * LEASE}"]
    with server, Telemetry(target, server, *words, lease=LEASE // 1000) as board:
        try:
            connection = accept(server)
            first = report(connection)["uptime_ms"]
            while (last := report(connection))["uptime_ms"] <= first + 2.5 * LEASE:
                pass
            expect(last["connections"] == 1, "the connection is that of two leases ago")
            board.board.dhcp(False)
            start = len(board.lines) - 1
            board.ended("ConnectionReset", start, 0, LEASE + LATE)
            connection.cut()
            board.board.dhcp(True)
            expect(report(accept(server))["connections"] == 2, "back with an address")
        finally:
            tell("\n".join(board.story()))


LEASE = 4000
FIXED = "10.0.2.15"
# Longer than it takes to fill the buffers with reports, so that one waits for room when the
# deadline comes; and than the emulator's TCP takes to repeat what the short outage swallowed (3 s).
LINK_DEAD_AFTER = 5000
SHORT_OUTAGE = 500
PERIOD = 50


def short_outage(board, connection):
    """The connection outlives it, and nothing is lost or doubled in either direction."""
    reports = [report(connection)]
    connection.send(b'{"period_ms":%d}' % PERIOD)
    board.until("Obeyed")
    down = board.pull()
    connection.send(b'{"light":true}')
    board.wait(lambda line: written_at(line) >= board.at(down) + SHORT_OUTAGE, down)
    up = board.plug()
    obeyed = board.until("Obeyed", down)
    expect(obeyed > up, "a command does not pass a link that is down")
    while reports[-1]["uptime_ms"] <= board.at(obeyed):
        reports.append(report(connection))
    sequences = [it["sequence"] for it in reports]
    expect(sequences == list(range(len(sequences))), f"each report once: {sequences}")
    expect({it["connections"] for it in reports} == {1}, "it is still the first connection")
    expect(board.lines.count("light on") == 1, "the command came once")


def long_outage(board, server, connection):
    """The board notices, though it cannot even send, and reports again when the link is back."""
    down = board.pull()
    over = board.ended("Timeout(KeepAlive)", down, 0, LINK_DEAD_AFTER + LATE)
    last = max(place for place in range(over) if "Reported" in board.lines[place])
    waited = board.at(over) - board.at(last)
    expect(waited >= 4 * PERIOD, f"a report waited for room, for {waited} ms")
    connection.cut()
    board.plug()
    connection = accept(server)
    expect(report(connection)["connections"] == 2, "back after an outage")
    return connection, over


def outage_on_the_way(board, server, connection, over):
    """The link goes down when the request was sent, and the next attempt finds it down.
    `connection` is the one that came after what is `over`."""
    connected = board.until(CONNECTED, over)
    connection.cut()
    over = board.over(connected)
    halfway, _ = server.accept()
    expect(halfway.recv(4096), "a request")
    connecting = board.until("Connecting", over)
    down = board.pull()
    over = board.ended("Timeout(Handshake)", connecting, HANDSHAKE, HANDSHAKE + LATE)
    expect(down < over, "the link went down before")
    halfway.close()
    connecting = board.until("Connecting", over)
    board.ended("Timeout(Connect)", connecting, CONNECT, CONNECT + LATE)
    board.plug()
    expect(report(accept(server))["connections"] == 3, "back after both")


def wss(target, tell):
    """Whom the board trusts, and whom it does not; and what it says of each."""
    with tempfile.TemporaryDirectory() as directory:
        made = certificates.make(pathlib.Path(directory))
        for name, case in made.cases.items():
            # The emulator may end before what its board sent last has left it.
            for _ in range(ATTEMPTS):
                text, alerts = run_wss(target, made.root, case)
                if alerts == case.alerts:
                    break
            expect(alerts == case.alerts, f"{name}: the server heard {alerts}")
            told = text.splitlines()
            tell(f"{name}: {next(line for line in told if case.verdict in line)}")


# How often a case is tried whose server did not hear the alert.
ATTEMPTS = 4


def run_wss(target, root, case):
    """Runs the program against a server with that chain: its text, and what the server heard."""
    server = peer.listen()
    port = server.getsockname()[1]
    alerts = []
    serving = threading.Thread(target=serve_tls, args=(server, case.chain, alerts))
    serving.start()
    words = [f"uri=wss://10.0.2.2:{port}/", f"name={case.host}", *case.words]
    if target == rp2040.BOARD:
        words += [f"ca={root.read_bytes().hex()}", f"now={time.time():.0f}"]
        status, text = rp2040.run("wss", words, limit=running.PATIENCE)
    else:
        words.append(f"ca={root}")
        status, text = emulator.qemu(image(target, "wss"), words, capture=True)
    server.close()
    serving.join()
    expect(case.verdict in text, f"{case.verdict} is in {text}")
    expect((status == 0) == (case.verdict == certificates.ACCEPTED), f"status {status}")
    return text, alerts


# The programs that show how little a board needs, and the most lines that they may have, as `lines` counts.
SHORT = {"ws": 30, "pinned": 35, "compressed": 35}


def short(name, target, tell):
    """A short program reports to what `run serve` starts, and hears what is typed there."""
    count = lines(emulator.PACKAGE / "src" / "bin" / f"{name}.rs")
    expect(count <= SHORT[name], f"{name} has {count} lines, not {SHORT[name]}")
    with tempfile.TemporaryDirectory() as directory, Served(directory) as server:
        secure = name == "pinned"
        at = server.wait(lambda line: line.startswith("wss://" if secure else "ws://"))
        port = server.lines[at].rstrip("/").rpartition(":")[2]
        if not secure:
            says_what_is_wrong(server, int(port))
        words = [f"uri={'wss' if secure else 'ws'}://10.0.2.2:{port}/"]
        if secure:
            pin = server.lines[server.wait(lambda line: line.startswith("pin: "))]
            words.append(pin.replace("pin: ", "pin="))
        with emulator.Running(image(target, name), words) as board:
            came = server.wait(lambda line: "temperature=" in line)
            compressed = server.lines[came].endswith(" (compressed)")
            expect(compressed == (name == "compressed"), server.lines[came])
            server.type("light on")
            heard = board.wait(lambda line: line == 'command Some("light on")')
            tell(f"{count} lines; {server.lines[came]}; {board.lines[heard]}")


def says_what_is_wrong(server, port):
    """A board that is told to use wss where ws is served."""
    with socket.create_connection(("127.0.0.1", port)) as board:
        # The beginning of a ClientHello, and an end of a line as there may be one in it.
        board.sendall(bytes([22, 3, 1, 0, 200, 10]))
        server.wait(lambda line: line.endswith("TLS, where ws is served"))


def lines(path):
    """The lines of code of a program, without its imports and the start of its board (`fn main`)."""
    code = path.read_text().split("\n")
    code = code[max(n for n, line in enumerate(code) if line == "};" or line.startswith("use ")) :]
    start = next(n for n, line in enumerate(code) if "fn main()" in line)
    end = next(n for n, line in enumerate(code) if n > start and line == "}")
    # With the attribute above it.
    code = code[1 : start - 1] + code[end + 1 :]
    return sum(1 for line in code if line.strip() and not line.strip().startswith("//"))


class Served(running.Running):
    """`run serve`, on the loopback interface and free ports. By its default, too, it listens on an address that no
    emulated board can reach, and on 127.0.0.1."""

    def __init__(self, directory):
        words = ["address=127.0.0.2", "ws=0", "wss=0", f"directory={directory}"]
        super().__init__(
            subprocess.Popen(
                [emulator.HERE / "run", "serve", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )

    def type(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def vectors(target, tell):
    """Every row of the receive table where a word has 32 bits."""
    status, text = emulator.qemu(image(target, "vectors"), [], capture=True)
    tell(text.rstrip())
    expect(status == 0, f"exit status {status}")


def serve_tls(server, chain, alerts):
    """One connection: the board echoes through it, or refuses it, and `alerts` gets what it says then."""
    connection, _ = server.accept()
    connection.settimeout(running.PATIENCE)
    if chain is None:
        # Cut in the handshake: the ClientHello is read and not answered.
        connection.recv(4096)
        connection.close()
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(chain)
    try:
        client = peer.Peer(context.wrap_socket(connection, server_side=True))
        while True:
            kind, octets = client.receive()
            client.send(octets, kind)
    except ssl.SSLError as error:
        # In OpenSSL's words: SSLV3_ALERT_BAD_CERTIFICATE.
        alerts.append(error.reason.rpartition("ALERT_")[2])
        connection.close()
    except (OSError, EOFError, ValueError):
        # One that is done has closed.
        connection.close()


def accept(server):
    """The next connection whose client asks for a WebSocket: one given up before that may have
    been on its way."""
    while True:
        connection, _ = server.accept()
        connection.settimeout(running.PATIENCE)
        try:
            return peer.Peer(connection)
        except (ConnectionError, EOFError):
            connection.close()


def report(connection):
    kind, octets = connection.receive()
    expect(kind == peer.TEXT, "a report is text")
    return json.loads(octets)


class Unexpected(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Unexpected(what)


# Each by its name, and the program that is run.
SCENARIOS = {
    "tcp": (tcp, "tcp"),
    "telemetry": (telemetry, "telemetry"),
    "link": (link, "telemetry"),
    "lease": (lease, "telemetry"),
    "wss": (wss, "wss"),
    "vectors": (vectors, "vectors"),
    **{name: (functools.partial(short, name), name) for name in SHORT},
}

# Those that the image of a real board is put through, in the emulator of that board.
ON_RP2040 = {
    "telemetry": telemetry,
    "link": link,
    "lease": lease,
    "renewal": renewal,
    "wss": wss,
}
