"""An echo server: tornado."""

import asyncio

from tornado.web import Application
from tornado.websocket import WebSocketHandler

import options


class Echo(WebSocketHandler):
    def get_compression_options(self):
        return {}

    def select_subprotocol(self, subprotocols):
        return options.SUBPROTOCOL if options.SUBPROTOCOL in subprotocols else None

    def on_message(self, message):
        if message == options.CLOSE:
            self.close(options.CODE, options.REASON)
        else:
            self.write_message(message, binary=isinstance(message, bytes))


async def main():
    args = options.parse()
    app = Application([("/", Echo)])
    app.listen(args.port, "127.0.0.1")
    app.listen(args.tls_port, "127.0.0.1", ssl_options=options.context(args))
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
