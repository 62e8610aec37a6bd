"""An echo server: a consumer of Django's channels, served by daphne, which speaks WebSocket by autobahn."""

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from daphne.server import Server
from django.conf import settings
from django.urls import path

import options


class Echo(AsyncWebsocketConsumer):
    async def connect(self):
        offered = options.SUBPROTOCOL in self.scope["subprotocols"]
        await self.accept(options.SUBPROTOCOL if offered else None)

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == options.CLOSE:
            await self.close(options.CODE, options.REASON)
        else:
            await self.send(text_data, bytes_data)


settings.configure()
django.setup()
args = options.parse()
Server(
    ProtocolTypeRouter({"websocket": URLRouter([path("", Echo.as_asgi())])}),
    endpoints=[
        "tcp:%d:interface=127.0.0.1" % args.port,
        "ssl:%d:interface=127.0.0.1:privateKey=%s:certKey=%s" % (args.tls_port, args.key, args.cert),
    ],
    signal_handlers=True,
).run()
