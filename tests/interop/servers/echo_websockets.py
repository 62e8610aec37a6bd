"""An echo server: Python's websockets."""

import asyncio

from websockets.asyncio.server import serve

import options


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    args = options.parse()
    most = 4 << 20
    async with (
        serve(echo, "127.0.0.1", args.port, max_size=most),
        serve(echo, "127.0.0.1", args.tls_port, max_size=most, ssl=options.context(args)),
    ):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
