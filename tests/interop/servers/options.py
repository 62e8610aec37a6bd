"""What all servers in Python are told, and what all of them do besides echoing."""

import argparse
import ssl

# Which subprotocol they take, whatever else is offered.
SUBPROTOCOL = "echo.interop"
# The text that they answer by closing, and what they close with.
CLOSE, CODE, REASON = "close", 4001, "so long"


def parse(*more):
    parser = argparse.ArgumentParser()
    for name in ("--port", "--tls-port"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--cert", "--key", *more):
        parser.add_argument(name, required=True)
    return parser.parse_args()


def context(options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    return context
