"""An echo server: hypercorn, which speaks WebSocket by wsproto."""

import asyncio

from hypercorn.asyncio import serve
from hypercorn.config import Config

import options


async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        return
    while (event := await receive())["type"] != "websocket.disconnect":
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event.get("text") is not None:
            await send({"type": "websocket.send", "text": event["text"]})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})


async def main():
    args = options.parse()
    config = Config()
    config.bind = ["127.0.0.1:%d" % args.tls_port]
    config.insecure_bind = ["127.0.0.1:%d" % args.port]
    config.certfile, config.keyfile = args.cert, args.key
    config.alpn_protocols = ["http/1.1"]
    await serve(echo, config, shutdown_trigger=asyncio.Event().wait)


asyncio.run(main())
