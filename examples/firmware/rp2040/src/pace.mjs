// When the board runs: never faster than real time, and slower where this host is too slow. The board's clock is what
// its instructions take at 125 MHz and what it sleeps in real time; what the host took longer is left out of it.

/** Instructions between two looks at the network. */
const SLICE = 50_000;

export class Pace {
  /** `after()` is called after each slice. */
  constructor(board, after) {
    this.board = board;
    this.after = after;
    this.began = performance.now();
    this.late = 0;
    this.timer = undefined;
    this.stopped = false;
    setImmediate(() => this.#slice());
  }

  /** Brings the board to the present, and hands it something from outside. */
  interrupt(hand) {
    if (this.stopped) return;
    this.#advance();
    hand();
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    setImmediate(() => this.#slice());
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  #advance() {
    const until = (performance.now() - this.began - this.late) * 1e6;
    this.board.run(until, SLICE);
    this.late += Math.max(0, until - this.board.nanos) / 1e6;
  }

  #slice() {
    if (this.stopped) return;
    this.#advance();
    this.after();
    if (this.stopped) return;
    const idle = this.board.idle / 1e6;
    if (idle < 1) setImmediate(() => this.#slice());
    else {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.#slice();
      }, Math.min(idle, 1000));
    }
  }
}
