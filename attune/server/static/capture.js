// Camera and microphone, each only when asked for: pictures as JPEG at the wanted rate, sound as chunks, both with times on the page's clock.

const WIDEST = 640; // px; a face that fills a quarter of it is measured as well as in any larger picture
const QUALITY = 0.85; // of the JPEG

// Expression lies in loudness and timbre too, so the browser's call processing stays off.
const UNPROCESSED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

export async function openDevices({ camera, microphone, cameraId, microphoneId }) {
  if (!navigator.mediaDevices?.getUserMedia)
    throw new Error("This browser gives no camera or microphone here: open the page as http://localhost or over https.");
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: camera && { width: { ideal: 640 }, height: { ideal: 480 }, ...(cameraId && { deviceId: { exact: cameraId } }) },
      audio: microphone && { ...UNPROCESSED, ...(microphoneId && { deviceId: { exact: microphoneId } }) },
    });
  } catch (error) {
    throw Object.assign(new Error(why(error, camera, microphone)), { denied: error.name === "NotAllowedError" });
  }
}

function why(error, camera, microphone) {
  const what = camera && microphone ? "camera and microphone" : camera ? "camera" : "microphone";
  return (
    {
      NotAllowedError: `The browser was told not to let this page use the ${what}. Allow it at the address bar, then start again.`,
      NotFoundError: camera && microphone ? "No camera, or no microphone, was found. Start with only the one that is there." : `No ${what} was found.`,
      NotReadableError: `The ${what} can't be opened; another program may be using it.`,
      OverconstrainedError: `The chosen ${what} isn't there any more; choose another.`,
    }[error.name] ?? `The ${what} can't be opened: ${error.message || error.name}.`
  );
}

// ---- pictures ----

export class Pictures {
  // give(time, jpeg): time on performance's clock, ms. ready(): whether the last ones have got through. zero(): when the session began; pictures are
  // taken in the middle of its steps of 1 / fps, of which the server looks at one picture each.
  constructor(video, { fps, give, ready, zero }) {
    Object.assign(this, { video, fps, give, ready, zero, on: true, skipped: 0 });
    this.canvas = document.createElement("canvas");
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.timer = setTimeout(() => this.take());
  }

  async take() {
    const now = performance.now();
    const { videoWidth: w, videoHeight: h } = this.video;
    if (this.on && w && !this.video.paused) {
      if (this.ready()) {
        const scale = Math.min(1, WIDEST / w);
        const [width, height] = [Math.round(w * scale), Math.round(h * scale)];
        if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
        this.pen.drawImage(this.video, 0, 0, width, height);
        const jpeg = await new Promise((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
        if (jpeg && this.timer !== null && this.on) this.give(now, await jpeg.arrayBuffer());
      } else this.skipped++;
    }
    if (this.timer !== null) this.timer = setTimeout(() => this.take(), this.wait(now));
  }

  // ms from now until the middle of the step after the one that the last picture was taken in
  wait(taken) {
    const step = 1000 / this.fps,
      zero = this.zero() ?? taken;
    return Math.max(0, zero + (Math.floor((taken - zero) / step) + 1.5) * step - performance.now());
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }
}

// ---- sound ----

export class Sound {
  // give(time, samples, loudest): time of the first sample on performance's clock, ms; samples are 16-bit at 16 kHz, a buffer.
  static async open(stream, give) {
    const sound = new Sound();
    await sound.start(stream, give, 16000).catch(async () => {
      await sound.context?.close().catch(() => {}); // some browsers don't let a microphone into a context of another rate than its own
      await sound.start(stream, give);
    });
    return sound;
  }

  async start(stream, give, sampleRate) {
    this.context = new AudioContext({ latencyHint: "interactive", ...(sampleRate && { sampleRate }) });
    await this.context.audioWorklet.addModule("/static/chunks.js");
    const node = new AudioWorkletNode(this.context, "chunks", { numberOfOutputs: 0 });
    let zero = null; // ms on performance's clock at which the context's was 0
    node.port.onmessage = ({ data: { time, samples, loudest } }) => {
      const end = time * 1000 + samples.byteLength / 32; // 32 bytes a millisecond
      const here = performance.now() - end;
      // Chunks follow each other without a seam, so the clock is set once, and again only when it was wrong: by a late first chunk, or by a sleep.
      if (zero === null || here < zero - 40 || here > zero + 500) zero = here;
      give(zero + time * 1000, samples, loudest);
    };
    this.context.createMediaStreamSource(stream).connect(node);
    await this.context.resume();
  }

  stop() {
    return this.context?.close().catch(() => {});
  }
}
