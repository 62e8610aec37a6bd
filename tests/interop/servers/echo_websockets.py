"""An echo server: Python's websockets."""

import asyncio

from websockets.asyncio.server import serve

import options


async def echo(socket):
    async for message in socket:
        if message == options.CLOSE:
            await socket.close(options.CODE, options.REASON)
        else:
            await socket.send(message)


async def main():
    args = options.parse()
    common = {"max_size": 4 << 20, "subprotocols": [options.SUBPROTOCOL]}
    async with (
        serve(echo, "127.0.0.1", args.port, **common),
        serve(echo, "127.0.0.1", args.tls_port, ssl=options.context(args), **common),
    ):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
