import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { DhcpService } from '../src/dhcp.mjs';
import { Frames, framed } from '../src/frames.mjs';
import { Router } from '../src/router.mjs';
import { ends, runs } from '../support/processes.mjs';

test('frames are the same however the stream is cut', () => {
  const frames = [60, 1514, 61].map((length, seed) => Buffer.from(Uint8Array.from({ length }, (_, i) => i + seed)));
  const stream = Buffer.concat(frames.map(framed));
  for (const piece of [1, 3, 64, 65, stream.length]) {
    const got = [];
    const parser = new Frames((frame) => got.push(Buffer.from(frame)));
    for (let at = 0; at < stream.length; at += piece) parser.push(stream.subarray(at, at + piece));
    assert.deepEqual(got, frames, `in pieces of ${piece}`);
  }
});

/** An Ethernet frame with a DHCP message of these options. */
function dhcp(source, destination, options) {
  const message = Buffer.concat([Buffer.alloc(240), Buffer.from(options)]);
  const frame = Buffer.alloc(14 + 20 + 8 + message.length);
  frame.writeUInt16BE(0x0800, 12);
  frame[14] = 0x45;
  frame[14 + 9] = 17;
  frame.writeUInt16BE(source, 34);
  frame.writeUInt16BE(destination, 36);
  frame.writeUInt16BE(8 + message.length, 38);
  frame.writeUInt16BE(0x1234, 40);
  message.copy(frame, 42);
  return frame;
}
const OPTIONS = 42 + 240;
const A_DAY = [51, 4, 0, 1, 0x51, 0x80];

test('a lease is as long as it is set to', () => {
  const service = new DhcpService({ lease: 8 });
  const answer = service.toBoard(dhcp(67, 68, [53, 1, 5, 0, ...A_DAY, 58, 4, 0, 0, 0xa8, 0xc0, 1, 4, 255, 255, 255, 0, 255]));
  assert.deepEqual([...answer.subarray(OPTIONS)], [53, 1, 5, 0, 51, 4, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 4, 255, 255, 255, 0, 255]);
  assert.equal(answer.readUInt16BE(40), 0, 'no checksum, which would be wrong');
});

test('all else stays as it is', () => {
  const answer = dhcp(67, 68, [...A_DAY, 255]);
  assert.deepEqual(new DhcpService().toBoard(answer), answer);
  const other = dhcp(53, 1024, [...A_DAY, 255]);
  assert.deepEqual(new DhcpService({ lease: 8 }).toBoard(other), other);
});

test('a service that does not listen hears no request, and all else passes', () => {
  const service = new DhcpService();
  service.listening = false;
  assert.equal(service.fromBoard(dhcp(68, 67, [255])), false);
  assert.equal(service.fromBoard(dhcp(1024, 53, [255])), true);
  service.listening = true;
  assert.equal(service.fromBoard(dhcp(68, 67, [255])), true);
});

test('the router answers for 10.0.2.2', async () => {
  const request = Buffer.alloc(60);
  request.write('ffffffffffff' + '020000000001' + '0806' + '0001080006040001' + '020000000001' + '0a00020f' + '000000000000' + '0a000202', 'hex');
  const answer = await new Promise((resolve, reject) => {
    const router = new Router((frame) => {
      router.close();
      resolve(Buffer.from(frame));
    });
    router.failed.catch(reject);
    router.send(request);
  });
  assert.equal(answer.toString('hex', 0, 6), '020000000001');
  assert.equal(answer.toString('hex', 20, 22), '0002', 'an ARP reply');
  assert.equal(answer.toString('hex', 28, 32), '0a000202');
});

test('the router ends with the process that started it, however that ends', async () => {
  const program = `
    import { Router } from ${JSON.stringify(new URL('../src/router.mjs', import.meta.url).href)};
    const router = new Router((frame) => { console.log(router.process.pid); });
    router.send(Buffer.from('ffffffffffff020000000001080600010800060400010200000000010a00020f0000000000000a000202' + '00'.repeat(18), 'hex'));
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  assert.ok(runs(pid));
  parent.kill('SIGKILL');
  assert.ok(await ends(pid));
});
