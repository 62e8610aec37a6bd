"""Certificates for the TLS scenarios, made on the spot by the openssl program."""

import collections
import subprocess

ACCEPTED = "echoed"
SERVER = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"

Case = collections.namedtuple("Case", "host chain words verdict alerts")
Made = collections.namedtuple("Made", "root cases")

# Seconds since 1970, far on either side of the certificates' month.
LONG_AGO = 946684800
FAR_AHEAD = 4102444800


def make(directory):
    """The root as DER, and the cases: the host asked for, the server's chain, arguments, verdict, and
    the alerts that the server hears."""
    maker = Maker(directory)
    root = maker.certificate("root", "/CN=Root", AUTHORITY)
    stranger = maker.certificate("stranger", "/CN=Stranger", AUTHORITY)
    namesake = maker.certificate("namesake", "/CN=Root", AUTHORITY)
    intermediate = maker.certificate("intermediate", "/CN=Intermediate", AUTHORITY, root)
    right = maker.certificate("right", "/CN=x", SERVER + "subjectAltName=DNS:ws.test", root)
    below = maker.certificate(
        "below", "/CN=x", SERVER + "subjectAltName=DNS:ws.test", intermediate
    )
    address = maker.certificate(
        "address", "/CN=x", SERVER + "subjectAltName=IP:10.0.2.2", root
    )
    common = maker.certificate(
        "common", "/CN=ws.test", SERVER + "subjectAltName=DNS:other.test", root
    )
    other = maker.certificate("other", "/CN=x", SERVER + "subjectAltName=DNS:other.test", root)
    # What anybody can make who holds the ordinary certificate of other.test.
    forged = maker.certificate("forged", "/CN=x", SERVER + "subjectAltName=DNS:ws.test", other)
    unknown = maker.certificate(
        "unknown", "/CN=x", SERVER + "subjectAltName=DNS:ws.test", stranger
    )
    pretended = maker.certificate(
        "pretended", "/CN=x", SERVER + "subjectAltName=DNS:ws.test", namesake
    )
    chain = maker.chain

    def case(*nodes, verdict=ACCEPTED, alert=None, words=()):
        return Case("ws.test", chain(*nodes), list(words), verdict, [alert] if alert else [])

    cases = {
        "right": case(right),
        "with an intermediate": case(below, intermediate),
        "address": case(address)._replace(host="10.0.2.2"),
        "wrong name": case(other, verdict="Certificate(WrongName)", alert="BAD_CERTIFICATE"),
        "common name only": case(
            common, verdict="Certificate(WrongName)", alert="BAD_CERTIFICATE"
        ),
        "unknown root": case(
            unknown, verdict="Certificate(UnknownIssuer)", alert="UNKNOWN_CA"
        ),
        "root of that name": case(
            pretended, verdict="Certificate(BadSignature)", alert="BAD_CERTIFICATE"
        ),
        "leaf as issuer": case(
            forged, other, verdict="Certificate(IssuerNotCa)", alert="CERTIFICATE_UNKNOWN"
        ),
        "expired": case(
            right,
            verdict="Certificate(Expired {",
            alert="CERTIFICATE_EXPIRED",
            words=[f"now={FAR_AHEAD}"],
        ),
        "not yet valid": case(
            right, verdict="NotYetValid", alert="CERTIFICATE_EXPIRED", words=[f"now={LONG_AGO}"]
        ),
        "cut in the handshake": Case("ws.test", None, [], "Tls(CutInHandshake)", []),
    }
    return Made(maker.der(root), cases)


class Maker:
    def __init__(self, directory):
        self.directory = directory

    def certificate(self, name, subject, extensions, issuer=None):
        """A key on P-256 and a certificate for it, by `issuer` or its own."""
        key, request = self._file(name, "key"), self._file(name, "csr")
        certificate, config = self._file(name, "pem"), self._file(name, "cnf")
        config.write_text(extensions)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
        self._openssl("req", *curve, "-keyout", key, "-out", request, "-subj", subject)
        by = (
            ["-CA", self._file(issuer, "pem"), "-CAkey", self._file(issuer, "key")]
            if issuer
            else ["-signkey", key]
        )
        options = ["-days", "30", "-sha256", "-extfile", config, "-out", certificate]
        self._openssl("x509", "-req", "-in", request, *by, *options)
        return name

    def chain(self, leaf, *above):
        """A file with the leaf's key and certificate, and those above it."""
        parts = [self._file(leaf, "key"), *(self._file(name, "pem") for name in (leaf, *above))]
        chain = self._file(leaf, "chain")
        chain.write_text("".join(part.read_text() for part in parts))
        return chain

    def der(self, name):
        der = self._file(name, "der")
        self._openssl("x509", "-in", self._file(name, "pem"), "-outform", "DER", "-out", der)
        return der

    def _file(self, name, kind):
        return self.directory / f"{name}.{kind}"

    def _openssl(self, *arguments):
        ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
        if ended.returncode != 0:
            raise OSError(ended.stderr)
