"""What all servers in Python are told."""

import argparse
import ssl


def parse():
    parser = argparse.ArgumentParser()
    for name in ("--port", "--tls-port"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--cert", "--key"):
        parser.add_argument(name, required=True)
    return parser.parse_args()


def context(options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    return context
