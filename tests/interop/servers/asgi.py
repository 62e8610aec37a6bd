"""The application that servers of ASGI serve: an echo."""

import options


async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        return
    while (event := await receive())["type"] != "websocket.disconnect":
        if event["type"] == "websocket.connect":
            offered = options.SUBPROTOCOL in scope["subprotocols"]
            await send({"type": "websocket.accept", "subprotocol": options.SUBPROTOCOL if offered else None})
        elif event.get("text") == options.CLOSE:
            await send({"type": "websocket.close", "code": options.CODE, "reason": options.REASON})
        elif event.get("text") is not None:
            await send({"type": "websocket.send", "text": event["text"]})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})
