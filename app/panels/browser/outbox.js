/* What the page is told: not more often than every quarter of a second, and the last of each kind. */

const WAIT = 250;

export class Outbox {
  constructor() {
    this.waiting = new Map();
    this.timer = 0;
    this.wanted = new Set();
    this.send = () => {};
  }

  /** Tell the page that something was done to a panel, if it wants to know that. */
  put(event) {
    if (!this.wanted.has(event.kind)) return;
    this.waiting.delete(event.kind);
    this.waiting.set(event.kind, event);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.next(), WAIT);
  }

  /** Take back what is not sent yet. */
  drop(kind) {
    this.waiting.delete(kind);
  }

  /** One at a time: of two that arrive at once, a page that runs again sees the last. */
  next() {
    const [first] = this.waiting;
    if (!first) return;
    this.waiting.delete(first[0]);
    this.send(first[1]);
    if (this.waiting.size) this.timer = setTimeout(() => this.next(), WAIT);
  }

  close() {
    clearTimeout(this.timer);
    this.waiting.clear();
  }
}
