// bun echo_bun.mjs --port N --tls-port N --cert FILE --key FILE: an echo server, Bun's own.
import { parseArgs } from 'node:util';

const option = { type: 'string' };
const { values } = parseArgs({ options: { port: option, 'tls-port': option, cert: option, key: option } });
const tls = { cert: Bun.file(values.cert), key: Bun.file(values.key) };
const subprotocol = 'echo.interop';

for (const more of [{ port: values.port }, { port: values['tls-port'], tls }]) {
  Bun.serve({
    hostname: '127.0.0.1',
    ...more,
    fetch(request, server) {
      const offered = request.headers.get('Sec-WebSocket-Protocol') ?? '';
      const isOffered = offered.split(/, */).includes(subprotocol);
      const headers = isOffered ? { 'Sec-WebSocket-Protocol': subprotocol } : {};
      if (!server.upgrade(request, { headers })) return new Response('no WebSocket\n', { status: 400 });
    },
    websocket: {
      perMessageDeflate: true,
      message(socket, message) {
        if (message === 'close') socket.close(4001, 'so long');
        else socket.send(message, true);
      },
    },
  });
}
