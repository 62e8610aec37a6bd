// node node_ws.mjs --port N --tls-port N --cert FILE --key FILE: an echo server, Node's ws.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

// The package is in the directory of the installation, not beside this file.
const { WebSocketServer } = createRequire(process.cwd() + '/')('ws');
const option = { type: 'string' };
const { values } = parseArgs({ options: { port: option, 'tls-port': option, cert: option, key: option } });
const secure = { cert: readFileSync(values.cert), key: readFileSync(values.key) };
const subprotocol = 'echo.interop';
const handleProtocols = (offered) => offered.has(subprotocol) && subprotocol;

for (const [server, port] of [
  [createServer(), values.port],
  [createSecureServer(secure), values['tls-port']],
]) {
  new WebSocketServer({ server, perMessageDeflate: true, handleProtocols }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      if (!isBinary && data.toString() === 'close') socket.close(4001, 'so long');
      else socket.send(data, { binary: isBinary });
    });
    socket.on('error', (error) => console.error(error.message));
  });
  server.listen(Number(port), '127.0.0.1');
}
