"""The servers, and what each is known to do: the table that `run` works through.

A cell is a connection, or some: SERVER, over ws and wss, with each offer of
permessage-deflate. What a server does differently from the others is said
here, with the reason, and held against what it does: a peculiarity that is
gone is a failure too.
"""

from dataclasses import dataclass, field

# What is offered: NAME: options of the client.
OFFERS = {
    "plain": [],
    "deflate": ["--deflate"],
    "window 10": ["--window", "10"],
    "window 10, strict": [
        "--window", "10", "--pieces",
        "--offer", "server_max_window_bits=10; client_max_window_bits=10",
    ],
}


@dataclass
class Server:
    """`command`: how it starts; {…} are filled in by `run`. `answers`: to each
    offer the value of its Sec-WebSocket-Extensions, or a Refused; plain is
    always without. `close`: its answer to a Close of 1000 "bye". `options`: of
    the client, besides. `urls`: where it is, by scheme, and options for there.
    `listens`: the ports that it opens. `behind`: the server that it passes
    connections on to. `templates`: files of servers/ that are filled in for it.
    `logs`: lines that its log has, and how many of them. `notes`: its
    peculiarities."""

    name: str
    command: list
    answers: dict
    close: str = "1000 bye"
    options: list = field(default_factory=list)
    urls: dict = field(default_factory=lambda: {
        "ws": ["ws://127.0.0.1:{port}/"], "wss": ["wss://localhost:{tls_port}/"]})
    listens: list = field(default_factory=lambda: ["port", "tls_port"])
    behind: str = ""
    templates: list = field(default_factory=list)
    logs: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


@dataclass
class Refused:
    """We refuse what the server answered: the error that it ends with."""

    error: str


OWN = ["--port", "{port}", "--tls-port", "{tls_port}", "--cert", "{certs}/server.pem", "--key", "{certs}/server.key"]


PYTHON = "{dir}/python/bin/python"
LIBWEBSOCKETS = ["libwebsockets-test-server", "--port={port}", "--interface=lo", "-d", "3"]
IN_CLEAR = dict(listens=["port"], urls={"ws": ["ws://127.0.0.1:{port}/"]})
SECURE = dict(listens=["port"], urls={"wss": ["wss://localhost:{port}/"]})
MIRROR = dict(
    options=["--subprotocol", "lws-mirror-protocol", "--mirror", "--largest", "3000", "--field", "Upgrade: WebSocket"],
    notes=["writes Upgrade: WebSocket",
           "its mirror sends back each piece as a text of its own: small messages only, fragments come back apart",
           "the mirror does without permessage-deflate"])
UNBOUNDED = Refused(
    "handshake: the extension needs more memory than it has: server_max_window_bits")
NONE = {"deflate": "", "window 10": "", "window 10, strict": ""}
NODE_WS = {
    "deflate": "permessage-deflate",
    "window 10": "permessage-deflate; server_max_window_bits=10",
    "window 10, strict": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
}

# row: SEED-02, SEED-06
SERVERS = [
    # row: REQ-08
    Server(
        "node-ws", ["node", "{here}/servers/node_ws.mjs", *OWN], NODE_WS,
        notes=["answers 400 to a Sec-WebSocket-Extensions without a value: we send none"]),
    # row: REQ-08
    Server("websockets", [PYTHON, "{here}/servers/echo_websockets.py", *OWN], {
        "deflate": "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        "window 10": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12",
        "window 10, strict": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
    }, notes=["answers 400 to a Sec-WebSocket-Extensions without a value: we send none",
              "limits its own window where nobody asked: 12 bits"]),
    Server("aiohttp", [PYTHON, "{here}/servers/echo_aiohttp.py", *OWN], {
        "deflate": "permessage-deflate",
        "window 10": "permessage-deflate; server_max_window_bits=10",
        "window 10, strict": "permessage-deflate; server_max_window_bits=10",
    }, close="1000", notes=["answers a Close without its reason"]),
    # row: RSP-09
    Server("tornado", [PYTHON, "{here}/servers/echo_tornado.py", *OWN], {
        "deflate": "permessage-deflate",
        "window 10": "permessage-deflate; server_max_window_bits=10",
        "window 10, strict": "permessage-deflate; client_max_window_bits=10; server_max_window_bits=10",
    }, close="1000", options=["--field", "Sec-Websocket-Accept"], notes=[
        "answers a Close without its reason", "spells the headers Sec-Websocket-…"]),
    # row: RSP-04, RSP-06
    Server("hypercorn", [PYTHON, "{here}/servers/echo_hypercorn.py", *OWN], {
        "deflate": "permessage-deflate; client_max_window_bits=15",
        "window 10": "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
        "window 10, strict": "permessage-deflate; client_max_window_bits=10; server_max_window_bits=10",
    }, options=["--field", "upgrade: WebSocket"], notes=[
        "has no reason phrase after 101, and writes upgrade: WebSocket",
        "of several offers it takes the last"]),
    # row: CLS-17
    Server(
        "tungstenite", ["{bin}/tungstenite", *OWN], NONE, logs={"clean end": len(OFFERS)},
        notes=["has no permessage-deflate: the connection goes on without"]),
    # row: PMD-06, PMD-16, PMD-40
    Server("gorilla", ["{dir}/gorilla", *OWN], {
        "deflate": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "window 10": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "window 10, strict": UNBOUNDED,
    }, close="1000", notes=[
        "answers a Close without its reason", "ends messages with stored blocks",
        "ignores server_max_window_bits, but forgets each message's context: enough for whole messages, refused for pieces"]),
    # row: PMD-08, RSP-06
    Server("libwebsockets", LIBWEBSOCKETS, NONE, **MIRROR, **IN_CLEAR),
    Server(
        "libwebsockets-tls", [*LIBWEBSOCKETS, "--ssl", "-C", "{certs}/server.pem", "-K", "{certs}/server.key"], NONE,
        **MIRROR, **SECURE),
    # row: RSP-16, PMD-06
    Server("libwebsockets-greeting", LIBWEBSOCKETS, {
        "deflate": "permessage-deflate", "window 10": UNBOUNDED, "window 10, strict": UNBOUNDED,
    }, **IN_CLEAR, options=["--subprotocol", "lws-status", "--greeting"], notes=[
        "the subprotocol lws-status: a message comes in the same read as the 101, nothing is echoed",
        "ignores server_max_window_bits, and keeps 32 KiB of context: refused"]),
    Server("nginx", ["nginx", "-p", "{work}", "-c", "nginx.conf"], NODE_WS, behind="node-ws", templates=["nginx.conf"], urls={
        "ws": ["ws://127.0.0.1:{port}/"],
        "TLS 1.2": [
            "wss://localhost:{tls12_port}/", "--field", "X-TLS: TLSv1.2, SNI localhost, ALPN http/1.1"],
        "TLS 1.3": [
            "wss://localhost:{tls_port}/", "--field", "X-TLS: TLSv1.3, SNI localhost, ALPN http/1.1"],
        # RFC 6066 §3: an address is no server name.
        "TLS by address": [
            "wss://127.0.0.1:{tls_port}/", "--field", "X-TLS: TLSv1.3, SNI , ALPN http/1.1"],
    }),
    # row: RSP-13
    Server(
        "caddy", ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"], NODE_WS, behind="node-ws",
        templates=["Caddyfile"], options=["--field", "Server: Caddy"]),
]

# What must not open, and a redirect: SERVER: (NAME, options of the client, URL).
# row: RSP-02, RSP-03, REQ-14
REFUSALS = {
    "nginx": [
        ("401 with a body", ["--refused", "rejected: the server responded with status 401: it requires credentials",
                             "--field", 'WWW-Authenticate: Basic realm="interop"'], "ws://127.0.0.1:{port}/secret"),
        ("302 with a body", ["--refused", "rejected: the server responded with status 302, a redirect to \"http://127.0.0.1:{port}/\"; Config::redirects follows it",
                             "--field", "Location: http://127.0.0.1:{port}/"], "ws://127.0.0.1:{port}/elsewhere"),
        ("302, followed when asked", ["--redirects", "1"], "ws://127.0.0.1:{port}/elsewhere"),
        ("wrong name", ["--refused", "tls: the certificate of \"localhost\" is rejected: it is not valid for that name, only for \"elsewhere.example\""], "wss://localhost:{elsewhere_port}/"),
        ("expired", ["--refused", "tls: the certificate of \"localhost\" is rejected: it or one of its issuers has expired on 2021-01-01T00:00:00Z"], "wss://localhost:{expired_port}/"),
        ("other CA, TLS 1.2", ["--ca", "{certs}/other-ca.pem", "--refused", "tls: the certificate of \"localhost\" is rejected: no path leads to a trusted root (Tls::builder can trust another one)"],
         "wss://localhost:{tls12_port}/"),
        ("other CA, TLS 1.3", ["--ca", "{certs}/other-ca.pem", "--refused", "tls: the certificate of \"localhost\" is rejected: no path leads to a trusted root (Tls::builder can trust another one)"],
         "wss://localhost:{tls_port}/"),
        ("ws to a port of wss", ["--refused", "rejected: the server responded with status 400"],
         "ws://localhost:{tls_port}/"),
        ("wss to a port of ws", ["--refused", "tls: the response is not TLS; if the port expects none, use ws://"],
         "wss://localhost:{port}/"),
    ],
    "tungstenite": [
        ("other CA", ["--ca", "{certs}/other-ca.pem", "--refused", "tls: the certificate of \"localhost\" is rejected: no path leads to a trusted root (Tls::builder can trust another one)"],
         "wss://localhost:{tls_port}/"),
        ("the platform's CAs", ["--ca", "", "--refused", "tls: the certificate of \"localhost\" is rejected: no path leads to a trusted root (Tls::builder can trust another one)"],
         "wss://localhost:{tls_port}/"),
    ],
}

# Those that the example `wscat` talks to, too.
WSCAT = ["node-ws", "websockets"]
