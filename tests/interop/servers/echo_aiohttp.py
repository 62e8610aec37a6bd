"""An echo server: aiohttp."""

import asyncio

from aiohttp import WSMsgType, web

import options


async def echo(request):
    socket = web.WebSocketResponse(protocols=[options.SUBPROTOCOL])
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT and message.data == options.CLOSE:
            await socket.close(code=options.CODE, message=options.REASON.encode())
        elif message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def main():
    args = options.parse()
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", args.port).start()
    await web.TCPSite(runner, "127.0.0.1", args.tls_port, ssl_context=options.context(args)).start()
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
