// How long things take, as seen on the page: from a picture's capture to its estimate on the screen, and what of it the model took.

const LAST = 300; // of each

export class Delays {
  constructor() {
    this.all = {};
  }
  add(name, ms) {
    if (!(ms >= 0)) return;
    const list = (this.all[name] ??= []);
    list.push(ms);
    if (list.length > LAST) list.shift();
  }
  // {n, p50, p95} in ms, or null
  of(name) {
    const sorted = (this.all[name] ?? []).slice().sort((a, b) => a - b);
    if (!sorted.length) return null;
    const quantile = (q) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
    return { n: sorted.length, p50: Math.round(quantile(0.5)), p95: Math.round(quantile(0.95)) };
  }
  say(name) {
    const found = this.of(name);
    return found ? `p50 ${found.p50} ms, p95 ${found.p95} ms (n = ${found.n})` : "nothing yet";
  }
}
