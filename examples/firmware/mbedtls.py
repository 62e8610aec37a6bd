"""The program over mbedtls-rs: servers that embedded-tls cannot reach, and what a refused one hears."""

import pathlib
import ssl
import subprocess
import tempfile
import threading

import certificates
import emulator
import peer
import running

PACKAGE = emulator.HERE / "mbedtls"
# Those for which mbedtls-rs brings its library built.
TARGETS = ["thumbv6m-none-eabi", "riscv32imc-unknown-none-elf"]


def check():
    """Builds and runs it: how many cases passed, and how many failed."""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        made = certificates.make(directory)
        plain = made.cases["right"]
        cases = {
            "TLS 1.3": (made.root, plain, ssl.TLSVersion.TLSv1_3, certificates.ACCEPTED, None),
            "TLS 1.2 with RSA": (*rsa(directory), ssl.TLSVersion.TLSv1_2, certificates.ACCEPTED, None),
            "wrong name": (made.root, made.cases["wrong name"], ssl.TLSVersion.TLSv1_3, "failed: Tls(", "ALERT"),
        }
        for target in TARGETS:
            emulator.cargo(PACKAGE, target, "build")
            for name, (root, case, version, verdict, alert) in cases.items():
                heard = []
                status, text = run(target, root, case, version, heard)
                good = verdict in text and (status == 0) == (alert is None)
                good = good and (alert is None or any(alert in word for word in heard))
                said = "ok" if good else f"failed: {status}, {heard}"
                print(f"{text}mbedtls on {target}, {name}: {said}", flush=True)
                passed, failed = passed + good, failed + (not good)
    return passed, failed


def rsa(directory):
    """A certificate that signs itself, with an RSA key, and a server that has it."""
    key, certificate, der = (directory / f"rsa.{kind}" for kind in ("key", "pem", "der"))
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30", "-subj", "/CN=ws.test"]
    openssl += ["-addext", "subjectAltName=DNS:ws.test", "-keyout", key, "-out", certificate]
    subprocess.run(openssl, check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER", "-out", der], check=True)
    chain = directory / "rsa.chain"
    chain.write_text(key.read_text() + certificate.read_text())
    return der, certificates.Case("ws.test", chain, [], certificates.ACCEPTED)


def run(target, root, case, version, heard):
    server = peer.listen()
    serving = threading.Thread(target=serve, args=(server, case.chain, version, heard))
    serving.start()
    port = server.getsockname()[1]
    words = [f"port={port}", f"name={case.host}", f"ca={root}"]
    result = emulator.qemu(emulator.image(target, "mbedtls", PACKAGE), words, capture=True)
    server.close()
    serving.join()
    return result


def serve(server, chain, version, heard):
    """One connection: echoes, and notes what TLS says when it ends."""
    connection, _ = server.accept()
    connection.settimeout(running.PATIENCE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(chain)
    try:
        client = peer.Peer(context.wrap_socket(connection, server_side=True))
        while True:
            kind, octets = client.receive()
            client.send(octets, kind)
    except (OSError, EOFError, ValueError) as why:
        heard.append(str(why))
        connection.close()
