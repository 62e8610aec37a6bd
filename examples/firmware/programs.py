"""What the larger programs of the boards are put through: an update over the air, MQTT."""

import hashlib
import json
import random
import shutil
import socket
import subprocess
import tempfile
import time

import emulator
import peer
import rp2040
import running
from scenarios import Unexpected, accept, expect

SECTOR = 4096
IMAGE = 1 << 20


def start(target, program, port, *words):
    """A board that runs a program against the server at that port of the host."""
    words = [f"uri=ws://10.0.2.2:{port}/", *words]
    if target == rp2040.BOARD:
        return rp2040.Running(program, words)
    return emulator.Running(emulator.image(target, program), words)


class Updater:
    """The server's side of an update: see the package `ota`."""

    def __init__(self, image):
        self.image = image
        self.digest = hashlib.sha256(image).hexdigest()
        self.sent = 0
        """Octets of images, in all."""

    def offer(self, connection, length=None, digest=None):
        """What the board says to it: its state, and from which octet on it wants the image."""
        words = {"digest": digest or self.digest, "length": length or len(self.image)}
        connection.send(json.dumps(words, separators=(",", ":")).encode())
        return self.answer(connection)

    def answer(self, connection):
        kind, octets = connection.receive()
        expect(kind == peer.TEXT, "an answer is text")
        told = json.loads(octets)
        return told["state"], told["from"]

    def send(self, connection, start, end, longest):
        """The image from octet `start` on, in messages of up to `longest` octets."""
        chance = random.Random(start)
        while start < end:
            octets = self.image[start : min(end, start + chance.randint(1, longest))]
            connection.send(octets, peer.BINARY)
            start += len(octets)
            self.sent += len(octets)


def ota(target, tell):
    """An image of 1 MiB, cut twice: by the server's end of the connection, and by the board's power. Then images that are not
    what was offered, and one that is too long."""
    updater = Updater(random.Random(0).randbytes(IMAGE - 1234))
    length = len(updater.image)
    server = peer.listen()
    with server, start(target, "ota", server.getsockname()[1]) as board:
        try:
            began = time.monotonic()
            connection = accept(server)
            expect(updater.offer(connection) == ("receiving", 0), "it begins")
            cut = IMAGE * 2 // 5
            updater.send(connection, 0, cut, 3000)
            taken(connection)
            connection.cut()

            # It goes on behind the last sector that is whole.
            connection = accept(server)
            first = cut // SECTOR * SECTOR
            expect(updater.offer(connection) == ("receiving", first), f"it goes on from {first}")
            cut = IMAGE * 4 // 5
            updater.send(connection, first, cut, 100_000)
            taken(connection)
            # What is in memory is lost with the power, what is in the flash is not.
            board.reset()
            again = accept(server)
            connection.cut()
            second = cut // SECTOR * SECTOR
            expect(updater.offer(again) == ("receiving", second), f"it goes on from {second}")
            # The rest is one message.
            again.send(updater.image[second:], peer.BINARY)
            updater.sent += length - second
            expect(updater.answer(again) == ("verified", length), "the image is whole")
            took = time.monotonic() - began
            tell(f"ota: {updater.sent} octets for {length}, through a cut and a reset; {took:.1f} s")

            expect(updater.offer(again) == ("receiving", length), "it is there already")
            expect(updater.answer(again) == ("verified", length), "and verified")
            refused(again)
        finally:
            tell("\n".join(line for line in board.lines if "Link(" not in line or "Ended" in line))
        board.wait(lambda line: "WrongDigest" in line)
        board.wait(lambda line: "TooLong" in line)


def taken(connection):
    """Waits until the board has taken all that was sent: it answers a Ping in its turn."""
    connection.send(b"taken?", peer.PING)
    while connection.frame() != (0x80 | peer.PONG, b"taken?"):
        pass


def refused(connection):
    """What is not what was offered is refused, and forgotten."""
    other = Updater(random.Random(1).randbytes(3 * SECTOR + 17))
    length = len(other.image)
    wrong = hashlib.sha256(b"another").hexdigest()
    expect(other.offer(connection, digest=wrong) == ("receiving", 0), "another image begins anew")
    other.send(connection, 0, length, 1000)
    expect(other.answer(connection) == ("wrong_digest", 0), "it is not what was offered")
    expect(other.offer(connection, digest=wrong) == ("receiving", 0), "it was forgotten")
    # Half of it, and then the right one: of what was there before nothing counts.
    other.send(connection, 0, 2 * SECTOR, 1000)
    expect(other.offer(connection) == ("receiving", 0), "another digest is another image")
    other.send(connection, 0, length, 1000)
    expect(other.answer(connection) == ("verified", length), "it is what was offered")
    expect(other.offer(connection, length=1 << 31)[0] == "too_long", "it has no room")


class Broker:
    """mosquitto with a WebSocket listener for the board and a TCP one for us."""

    def __init__(self, directory):
        self.directory = directory
        self.websocket, self.tcp = free_port(), free_port()
        self.config = f"{directory}/mosquitto.conf"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(
                f"listener {self.websocket} 127.0.0.1\nprotocol websockets\n"
                f"listener {self.tcp} 127.0.0.1\nallow_anonymous true\nuser root\n"
            )
        self.log = open(f"{directory}/log", "w+b")  # noqa: SIM115
        self.run()

    def run(self):
        # Where Debian has it, which is not in everybody's path.
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        command = [program, "-v", "-c", self.config]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        by = time.monotonic() + running.PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.tcp)).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > by:
                    raise Unexpected(self.story()) from None
                time.sleep(0.05)

    def story(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def subscribe(self, topic):
        """The messages of a topic, a line each."""
        command = ["mosquitto_sub", "-p", str(self.tcp), "-t", topic, "-q", "1"]
        return running.Running(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    def publish(self, topic, text):
        command = ["mosquitto_pub", "-p", str(self.tcp), "-t", topic, "-m", text, "-q", "1"]
        subprocess.run(command, check=True, timeout=running.PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def mqtt(target, tell):
    """Reports go to a broker and commands come from it; the board comes back when the broker does, to its old session."""
    with tempfile.TemporaryDirectory() as directory, Broker(directory) as broker:
        with start(target, "mqtt", broker.websocket) as board:
            try:
                through_broker(board, broker)
            finally:
                tell("\n".join(line for line in board.lines if "Reported" not in line))


def through_broker(board, broker):
    board.wait(lambda line: "Session(false)" in line)
    reported = board.wait(lambda line: "Reported(" in line)
    with broker.subscribe("board/reports") as reports:
        first = reports.wait(lambda line: line.startswith("temperature="))
        temperatures = [int(reports.lines[reports.wait(bool, first + n)][12:]) for n in range(4)]
        expect(temperatures == list(range(temperatures[0], temperatures[0] + 4)), temperatures)
        broker.publish("board/commands", "light on")
        board.wait(lambda line: 'command Ok("light on")' in line, reported)
        # Longer than the board's buffers, and of any octets.
        broker.publish("board/commands", "x" * 200)
        board.wait(lambda line: f'command Ok("{"x" * 200}")' in line, reported)
    # The link goes, and with it the address of DHCP: the session with the broker outlives the connection, and a command that
    # came meanwhile is not lost.
    start = len(board.lines)
    board.link(False)
    board.wait(lambda line: "Ended(" in line, start)
    broker.publish("board/commands", "light off")
    board.link(True)
    known = board.wait(lambda line: "Session(" in line, start)
    expect("Session(true)" in board.lines[known], broker.story())
    board.wait(lambda line: 'command Ok("light off")' in line, known)

    start = len(board.lines)
    broker.stop()
    board.wait(lambda line: "NotConnected(" in line, start)
    broker.run()
    with broker.subscribe("board/reports") as reports:
        # What comes after a report comes after the subscription that went before it.
        reports.wait(lambda line: line.startswith("temperature="))
    broker.publish("board/commands", "light on again")
    board.wait(lambda line: 'command Ok("light on again")' in line, start)


# Each by its name, and the program that is run.
SCENARIOS = {"ota": (ota, "ota"), "mqtt": (mqtt, "mqtt")}
ON_RP2040 = {"ota": ota}
