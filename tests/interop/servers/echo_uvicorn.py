"""An echo server: uvicorn, with the engine that it is told (websockets-sansio or wsproto)."""

import asyncio

from uvicorn import Config, Server

import asgi
import options


async def main():
    args = options.parse("--engine")
    common = {"host": "127.0.0.1", "ws": args.engine, "lifespan": "off", "log_level": "warning"}
    plain = Config(asgi.echo, port=args.port, **common)
    secure = Config(asgi.echo, port=args.tls_port, ssl_certfile=args.cert, ssl_keyfile=args.key, **common)
    await asyncio.gather(Server(plain).serve(), Server(secure).serve())


asyncio.run(main())
