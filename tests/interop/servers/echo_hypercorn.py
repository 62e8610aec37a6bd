"""An echo server: hypercorn, which speaks WebSocket by wsproto."""

import asyncio

from hypercorn.asyncio import serve
from hypercorn.config import Config

import asgi
import options


async def main():
    args = options.parse()
    config = Config()
    config.bind = ["127.0.0.1:%d" % args.tls_port]
    config.insecure_bind = ["127.0.0.1:%d" % args.port]
    config.certfile, config.keyfile = args.cert, args.key
    config.alpn_protocols = ["http/1.1"]
    await serve(asgi.echo, config, shutdown_trigger=asyncio.Event().wait)


asyncio.run(main())
