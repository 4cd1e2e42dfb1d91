// An AudioWorklet: what the microphone gives, as 16 kHz 16-bit mono in chunks of 100 ms, each with the time of its first sample.

const RATE = 16000; // Hz
const CHUNK = 1600; // samples, 100 ms
const ZEROS = 12; // zero crossings of the low-pass on each side
const FINE = 64; // positions between two samples that the low-pass is tabled at

// Sound at another rate, one block after another: a windowed sinc, as low as the lower of the two rates asks.
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    const cut = Math.min(1, to / from) * 0.94; // of half the given rate; the rest is the filter's slope
    this.reach = Math.ceil(ZEROS / cut);
    this.taps = Array.from({ length: FINE }, (_, f) =>
      Float32Array.from({ length: 2 * this.reach }, (_, i) => {
        const x = i - this.reach + 1 - f / FINE,
          hann = 0.5 + 0.5 * Math.cos((Math.PI * x) / (this.reach + 1));
        return (x === 0 ? cut : Math.sin(Math.PI * cut * x) / (Math.PI * x)) * hann;
      }),
    );
    this.held = new Float32Array(this.reach); // silence before the beginning
    this.at = this.reach; // position of the next sample to give, in `held`
  }

  push(block, give) {
    const all = new Float32Array(this.held.length + block.length);
    all.set(this.held);
    all.set(block, this.held.length);
    while (this.at + this.reach < all.length) {
      let whole = Math.floor(this.at),
        fine = Math.round((this.at - whole) * FINE);
      if (fine === FINE) [whole, fine] = [whole + 1, 0];
      if (whole + this.reach >= all.length) break;
      const taps = this.taps[fine],
        first = whole - this.reach + 1;
      let sum = 0;
      for (let i = 0; i < taps.length; i++) sum += taps[i] * all[first + i];
      give(sum);
      this.at += this.step;
    }
    const drop = Math.max(0, Math.floor(this.at) - this.reach);
    this.held = all.slice(drop);
    this.at -= drop;
  }
}

class Chunks extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === RATE ? null : new Resampler(sampleRate, RATE);
    this.samples = new Int16Array(CHUNK);
    this.filled = this.sent = 0;
    this.loudest = 0;
    this.from = null; // s, on the context's clock, of the very first sample
    this.give = (x) => {
      this.loudest = Math.max(this.loudest, Math.abs(x));
      this.samples[this.filled++] = Math.round(Math.max(-1, Math.min(1, x)) * 32767);
      if (this.filled === CHUNK) this.send();
    };
  }

  send() {
    const time = this.from + (this.sent * CHUNK) / RATE;
    this.port.postMessage({ time, samples: this.samples.buffer, loudest: this.loudest }, [this.samples.buffer]);
    this.samples = new Int16Array(CHUNK);
    this.filled = this.loudest = 0;
    this.sent++;
  }

  process([channels]) {
    const n = channels[0]?.length ?? 128;
    this.from ??= currentTime;
    // Two channels are one voice; no channel is silence, since time goes on.
    const mono = new Float32Array(n);
    for (const channel of channels) for (let i = 0; i < n; i++) mono[i] += channel[i] / channels.length;
    if (this.resampler) this.resampler.push(mono, this.give);
    else for (const x of mono) this.give(x);
    return true;
  }
}

registerProcessor("chunks", Chunks);
