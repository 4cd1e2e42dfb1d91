// The line to the server: /v1/live, as docs/live.md describes it. It opens, sends, and comes back when it breaks.

import { ask, socketAddress } from "./ask.js";

const WAITS = [500, 1000, 2000, 4000, 8000]; // ms before each try to come back
const PING = 4000; // ms
const FULL = 256 * 1024; // bytes waiting to be sent; then the line is slower than the pictures
const UNANSWERED = 2; // pictures under way
const LOST = 1500; // ms after which a picture won't be answered any more
const PICTURE = 2,
  SOUND = 1; // first byte of a binary message

export class Connection {
  // tell(message): what the server says · state(name, detail): "connecting", "live", "waiting" (to try again), "over" (with what it ended with)
  constructor({ start, tell, state }) {
    Object.assign(this, { start, tell, state, tries: 0, wanted: true, zero: null, trips: [], pictures: 0, sound: 0 });
    this.muted = new Map();
    this.open();
  }

  get live() {
    return this.zero !== null && this.socket?.readyState === WebSocket.OPEN;
  }
  // Seconds since the session's start, of a moment on performance's clock.
  at(moment) {
    return Math.max(0, (moment - this.zero) / 1000);
  }

  async open() {
    this.state("connecting", { again: this.tries > 0 });
    this.zero = null;
    this.under = [];
    this.ended = this.error = this.socket = null;
    this.opening = true;
    const address = await socketAddress("/v1/live").catch(() => null);
    this.opening = false;
    if (address === null) return this.closed();
    if (!this.wanted) return this.finish();
    const socket = (this.socket = new WebSocket(address));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "start", ...this.start }));
    socket.onmessage = ({ data }) => this.heard(JSON.parse(data));
    socket.onclose = () => this.closed();
  }

  heard(message) {
    const now = performance.now();
    if (message.type === "started") {
      this.zero = now;
      this.tries = 0;
      for (const [modality, on] of this.muted) if (on) this.say({ type: "mute", modality, on });
      this.timer = setInterval(() => this.say({ type: "ping", id: Math.round(performance.now()) }), PING);
    } else if (message.type === "face") {
      this.under = this.under.filter((t) => t > (message.sent ?? message.time) + 1e-3);
    } else if (message.type === "pong") {
      this.trips = [...this.trips.slice(-49), now - message.id];
    } else if (message.type === "ended") this.ended = message;
    else if (message.type === "error") this.error = message;
    this.tell(message, this.zero);
    if (message.type === "started") this.state("live");
    if (message.type === "ended") this.finish();
  }

  async closed() {
    clearInterval(this.timer);
    this.zero = null;
    if (this.over) return;
    if (this.ended || !this.wanted || this.error?.retryable === false) return this.finish();
    const wait = WAITS[Math.min(this.tries++, WAITS.length - 1)];
    this.state("waiting", { wait, error: this.error, tries: this.tries });
    // A refused WebSocket says nothing of why; a plain request does.
    const refused = await ask("/v1/notice").then(
      () => null,
      (error) => error,
    );
    if (refused?.status === 401) {
      this.error = { message: refused.message };
      return this.finish();
    }
    this.again = setTimeout(() => this.wanted && this.open(), wait);
  }
  tryNow() {
    clearTimeout(this.again);
    if (!this.opening && (!this.socket || this.socket.readyState === WebSocket.CLOSED)) this.open();
  }

  finish() {
    if (this.over) return;
    this.over = true;
    this.wanted = false;
    clearInterval(this.timer);
    clearTimeout(this.again);
    this.socket?.close();
    this.state("over", { ended: this.ended, error: this.error });
  }

  // ---- what is sent ----

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
  mute(modality, on) {
    this.muted.set(modality, on);
    if (this.live) this.say({ type: "mute", modality, on });
  }
  ready() {
    const now = this.at(performance.now());
    this.under = this.under.filter((t) => now - t < LOST / 1000);
    return this.live && this.socket.bufferedAmount < FULL && this.under.length < UNANSWERED;
  }
  picture(moment, jpeg) {
    if (!this.live) return;
    this.under.push(this.at(moment));
    this.pictures++;
    this.send(PICTURE, this.at(moment), jpeg);
  }
  hear(moment, samples) {
    if (!this.live || moment < this.zero) return; // sound from before the session
    this.sound += samples.byteLength / 32000;
    this.send(SOUND, this.at(moment), samples);
  }
  send(kind, time, data) {
    const message = new Uint8Array(9 + data.byteLength);
    message[0] = kind;
    new DataView(message.buffer).setFloat64(1, time, true);
    message.set(new Uint8Array(data), 9);
    this.socket.send(message);
  }

  // End the session; the server answers with what became of it.
  stop() {
    this.wanted = false;
    if (this.live) {
      this.say({ type: "stop" });
      this.again = setTimeout(() => this.finish(), 30_000); // a server that doesn't answer won't
    } else this.finish();
  }
}
