// The network: QEMU without a machine, as a router in user mode for Ethernet frames. The host's loopback interface is
// 10.0.2.2 in it, addresses come by DHCP. It takes no privilege and no port: frames pass through a socket pair.

import { spawn } from 'node:child_process';
import { DhcpService } from './dhcp.mjs';
import { Frames, framed } from './frames.mjs';

const WIRE = 3; // A file descriptor of the child.

export class Router {
  /**
   * `onFrame(octets)`: a frame for the board. `capture`: a file that gets all frames. `lease`: seconds for which an
   * address is given, if not as long as QEMU says.
   */
  constructor(onFrame, { qemu = 'qemu-system-arm', capture, lease } = {}) {
    const options = [
      '-M', 'none', '-nodefaults', '-display', 'none', '-monitor', 'none', '-serial', 'none',
      '-netdev', 'user,id=user,ipv6=off', '-netdev', 'hubport,id=inner,hubid=0,netdev=user',
      '-netdev', `socket,id=wire,fd=${WIRE}`, '-netdev', 'hubport,id=outer,hubid=0,netdev=wire',
    ];
    if (capture) options.push('-object', `filter-dump,id=dump,netdev=wire,file=${capture}`);
    // The kernel ends QEMU when this process ends, in whatever way that is.
    this.process = spawn('setpriv', ['--pdeathsig', 'KILL', qemu, ...options], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.wire = this.process.stdio[WIRE];
    this.dhcp = new DhcpService({ lease });
    const frames = new Frames((frame) => {
      const passed = this.dhcp.toBoard(frame);
      if (passed) onFrame(passed);
    });
    this.wire.on('data', (octets) => frames.push(octets));
    // It warns of a hub without network cards, as this one is meant: told only when it ends.
    let told = '';
    this.process.stderr.on('data', (text) => {
      told += text;
    });
    /** Rejects when the router fails. */
    this.failed = new Promise((_, reject) => {
      this.process.on('error', reject);
      this.process.on('exit', (code, signal) => {
        if (!this.closed) reject(new Error(`${qemu} ended: ${signal ?? code}: ${told}`));
      });
      this.wire.on('error', (error) => this.closed || reject(error));
    });
  }

  send(frame) {
    if (this.dhcp.fromBoard(frame)) this.wire.write(framed(frame));
  }

  close() {
    this.closed = true;
    this.process.kill();
  }
}
