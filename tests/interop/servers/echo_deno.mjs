// deno run --allow-net --allow-read echo_deno.mjs --port N --tls-port N --cert FILE --key FILE: an echo server, Deno's
// own, which speaks WebSocket by fastwebsockets.
import { parseArgs } from 'node:util';

const option = { type: 'string' };
const { values } = parseArgs({
  args: Deno.args,
  options: { port: option, 'tls-port': option, cert: option, key: option },
});
const tls = { cert: Deno.readTextFileSync(values.cert), key: Deno.readTextFileSync(values.key) };
const protocol = 'echo.interop';

function echo(request) {
  const offered = request.headers.get('Sec-WebSocket-Protocol') ?? '';
  const isOffered = offered.split(/, */).includes(protocol);
  const { socket, response } = Deno.upgradeWebSocket(request, isOffered ? { protocol } : {});
  socket.onmessage = ({ data }) => {
    if (data === 'close') socket.close(4001, 'so long');
    else socket.send(data);
  };
  socket.onerror = (event) => console.error(event.message);
  return response;
}

const hostname = '127.0.0.1';
Deno.serve({ hostname, port: Number(values.port) }, echo);
Deno.serve({ hostname, port: Number(values['tls-port']), ...tls }, echo);
