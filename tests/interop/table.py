"""The servers, and what each is known to do: the table that `run` works through.

A cell is a connection, or some: SERVER, over ws and wss, with each offer of
permessage-deflate, by the blocking calls and by those in tokio. What a server does differently from the others is said
here, with the reason, and held against what it does: a peculiarity that is
gone is a failure too.
"""

import contextlib
import threading
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


# By which calls.
CALLS = {"blocking": [], "tokio": ["--tokio"]}


@dataclass
class Server:
    """`command`: how it starts; {…} are filled in by `run`. `answers`: to each
    offer the value of its Sec-WebSocket-Extensions, or a Refused; plain is
    always without. `selected`: what it selects of the `subprotocols`.
    `close`: its answer to a Close of 1000 "bye". `closes`: its answers to an
    empty Close and to one of 4999, and how it closes when a text asks for
    4001 "so long". `options`: of the client, besides. `urls`: where it is, by
    scheme, and options for there. `listens`: the ports that it opens.
    `behind`: the server that it passes connections on to. `templates`: files of
    servers/ that are filled in for it. `logs`: lines that its log has, and how
    many of them. `notes`: its peculiarities. `turn`: what a client takes, one
    after the other where it is a lock."""

    name: str
    command: list
    answers: dict
    subprotocols: list = field(default_factory=lambda: ["other.interop", "echo.interop"])
    selected: str = "echo.interop"
    close: str = "1000 bye"
    closes: list = field(default_factory=lambda: ["1005", "4999", "4001 so long"])
    options: list = field(default_factory=list)
    urls: dict = field(default_factory=lambda: {
        "ws": ["ws://127.0.0.1:{port}/"], "wss": ["wss://localhost:{tls_port}/"]})
    listens: list = field(default_factory=lambda: ["port", "tls_port"])
    behind: str = ""
    templates: list = field(default_factory=list)
    logs: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    turn: object = field(default_factory=contextlib.nullcontext)


@dataclass
class Refused:
    """We refuse what the server answered: the error that it ends with."""

    error: str


OWN = ["--port", "{port}", "--tls-port", "{tls_port}", "--cert", "{certs}/server.pem", "--key", "{certs}/server.key"]


PYTHON = "{dir}/python/bin/python"
UVICORN = [PYTHON, "{here}/servers/echo_uvicorn.py", "--engine"]
LIBWEBSOCKETS = ["libwebsockets-test-server", "--port={port}", "--interface=lo", "-d", "3"]
IN_CLEAR = dict(listens=["port"], urls={"ws": ["ws://127.0.0.1:{port}/"]})
SECURE = dict(listens=["port"], urls={"wss": ["wss://localhost:{port}/"]})
MIRROR = dict(
    subprotocols=["lws-mirror-protocol"], selected="lws-mirror-protocol",
    closes=["1005", "4999", "the message close"],
    options=["--mirror", "--largest", "3000", "--field", "Upgrade: WebSocket"],
    notes=["writes Upgrade: WebSocket",
           "its mirror sends back each piece as a text of its own: small messages only, fragments come back apart",
           "what one client sends comes to all",
           "the mirror does without permessage-deflate"])
UNBOUNDED = Refused(
    "handshake: the extension needs more memory than it has: server_max_window_bits")
WITHOUT = "has no permessage-deflate: the connection goes on without"
NONE = {"deflate": "", "window 10": "", "window 10, strict": ""}
NODE_WS = {
    "deflate": "permessage-deflate",
    "window 10": "permessage-deflate; server_max_window_bits=10",
    "window 10, strict": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
}
WEBSOCKETS = {
    "deflate": "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    "window 10": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12",
    "window 10, strict": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
}
WSPROTO = {
    "deflate": "permessage-deflate; client_max_window_bits=15",
    "window 10": "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
    "window 10, strict": "permessage-deflate; client_max_window_bits=10; server_max_window_bits=10",
}

# row: SEED-02, SEED-06
SERVERS = [
    # row: REQ-08
    Server(
        "node-ws", ["node", "{here}/servers/node_ws.mjs", *OWN], NODE_WS,
        notes=["answers 400 to a Sec-WebSocket-Extensions without a value: we send none"]),
    # row: REQ-08
    Server("websockets", [PYTHON, "{here}/servers/echo_websockets.py", *OWN], WEBSOCKETS, notes=[
        "answers 400 to a Sec-WebSocket-Extensions without a value: we send none",
        "limits its own window where nobody asked: 12 bits",
        "answers 400 where no subprotocol is offered and it has some"]),
    Server("aiohttp", [PYTHON, "{here}/servers/echo_aiohttp.py", *OWN], {
        "deflate": "permessage-deflate",
        "window 10": "permessage-deflate; server_max_window_bits=10",
        "window 10, strict": "permessage-deflate; server_max_window_bits=10",
    }, close="1000", closes=["1000", "1000", "4001 so long"], notes=["answers each Close with 1000 alone"]),
    # row: RSP-09
    Server("tornado", [PYTHON, "{here}/servers/echo_tornado.py", *OWN], {
        "deflate": "permessage-deflate",
        "window 10": "permessage-deflate; server_max_window_bits=10",
        "window 10, strict": "permessage-deflate; client_max_window_bits=10; server_max_window_bits=10",
    }, close="1000", options=["--field", "Sec-Websocket-Accept"], notes=[
        "answers a Close without its reason", "spells the headers Sec-Websocket-…"]),
    # row: RSP-04, RSP-06
    Server("hypercorn", [PYTHON, "{here}/servers/echo_hypercorn.py", *OWN], WSPROTO,
           options=["--field", "upgrade: WebSocket"], notes=[
        "has no reason phrase after 101, and writes upgrade: WebSocket",
        "of several offers it takes the last"]),
    # row: CLS-17
    Server(
        "tungstenite", ["{bin}/tungstenite", *OWN], NONE, logs={"clean end": len(CALLS) * (len(OFFERS) + 3)},
        notes=[WITHOUT]),
    # row: PMD-06, PMD-16, PMD-40
    Server("gorilla", ["{dir}/gorilla", *OWN], {
        "deflate": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "window 10": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "window 10, strict": UNBOUNDED,
    }, close="1000", notes=[
        "answers a Close without its reason", "ends messages with stored blocks",
        "ignores server_max_window_bits, but forgets each message's context: enough for whole messages, refused for pieces"]),
    Server("uvicorn-websockets", [*UVICORN, "websockets", *OWN], {
        "deflate": "permessage-deflate",
        "window 10": "permessage-deflate; server_max_window_bits=10",
        "window 10, strict": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
    }),
    Server("uvicorn-websockets-sansio", [*UVICORN, "websockets-sansio", *OWN], WEBSOCKETS, notes=[
        "limits its own window where nobody asked: 12 bits"]),
    Server("uvicorn-wsproto", [*UVICORN, "wsproto", *OWN], WSPROTO, notes=["of several offers it takes the last"]),
    Server("daphne", [PYTHON, "{here}/servers/echo_daphne.py", *OWN], NONE,
           close="1000", closes=["1000", "1000", "4001"], options=["--no-empty"], notes=[
               "sends no empty message", "answers each Close with 1000 alone, and closes without a reason", WITHOUT]),
    Server("axum", ["{bin}/axum", *OWN], NONE, notes=[WITHOUT]),
    Server("actix", ["{bin}/actix", *OWN], NONE, notes=[WITHOUT, "ends the transport a second after its Close"]),
    Server("bun", ["{dir}/bun", "{here}/servers/echo_bun.mjs", *OWN], {
        "deflate": "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "window 10": "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "window 10, strict": "",
    }, notes=["ignores server_max_window_bits where it is one of several offers, but forgets each message's context",
              "does without permessage-deflate where it is the only offer"]),
    Server("deno", [
        "{dir}/deno", "run", "--no-config", "--allow-net=127.0.0.1", "--allow-read={certs}",
        "{here}/servers/echo_deno.mjs", *OWN], NONE, notes=[WITHOUT]),
    # row: PMD-08, RSP-06
    Server("libwebsockets", LIBWEBSOCKETS, NONE, **MIRROR, **IN_CLEAR, turn=threading.Lock()),
    Server(
        "libwebsockets-tls", [*LIBWEBSOCKETS, "--ssl", "-C", "{certs}/server.pem", "-K", "{certs}/server.key"], NONE,
        **MIRROR, **SECURE, turn=threading.Lock()),
    # row: RSP-16, PMD-06
    Server("libwebsockets-greeting", LIBWEBSOCKETS, {
        "deflate": "permessage-deflate", "window 10": UNBOUNDED, "window 10, strict": UNBOUNDED,
    }, **IN_CLEAR, subprotocols=["lws-status"], selected="lws-status", closes=[], options=["--greeting"], notes=[
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
    "websockets": [
        ("no subprotocol", [
            "--refused", "rejected: the server responded with status 400: "
            '"Failed to open a WebSocket connection: missing subprotocol."'], "ws://127.0.0.1:{port}/"),
    ],
    "nginx": [
        ("401 with a body", ["--refused", "rejected: the server responded with status 401: it requires credentials: \"who are you?\"",
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
        ("ws to a port of wss", [
            "--refused", "rejected: the server responded with status 400: \"<html> <head><title>400 The plain HTTP request "
            "was sent to HTTPS port</title></head> <body> <center><h1>400 Bad Request<…\""],
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
