// The live view: from the start to the end of a session, and every frame between.

import { json, ask } from "./ask.js";
import { Pictures, Sound, openDevices } from "./capture.js";
import { Connection } from "./connection.js";
import { Delays } from "./delays.js";
import { SAID, clock, count, fill, h } from "./elements.js";
import { prepared } from "./lanes.js";
import { MODALITIES, Memory } from "./memory.js";
import { Overlay } from "./overlay.js";
import { Panels } from "./panels.js";
import { drawIdle, drawMessage, drawOver } from "./starting.js";
import { Talk } from "./talk.js";

const place = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const STILL = 400; // ms between two drawings when motion is to be reduced
const STALE = 6; // s without an estimate after which the sentence isn't about now
const SPOKEN = 8; // s after an utterance in which typed words are taken to be its

export const live = {
  state: "idle",
  memory: new Memory(),
  delays: new Delays(),
  overlay: new Overlay(place("overlay")),
  panels: new Panels(place("lanes"), { mute: (m) => mute(m), words: (text) => say(text) }),
  talk: new Talk(place("talk"), {
    session: () => (live.state === "live" ? { id: live.id, person: live.panels.who() } : null),
    forget: (what) => live.connection?.say({ type: "forget", what }),
    toast: (text) => news(text),
  }),
  tab: "lanes",
  muted: { face: false, voice: false, text: false },
  hints: new Map(),
  fps: 3,
  drawn: 0, // frames
};
let notice = null,
  recognisers = [],
  news = () => {};

export async function open({ toast }) {
  news = toast;
  await idle();
}

// ---- states ----

function enter(state) {
  live.state = state;
  const running = ["connecting", "live", "waiting", "finishing"].includes(state);
  place("live").dataset.state = state;
  const read = state === "over" && live.talk.turns.length > 0; // what was said can still be read
  place("right").hidden = !running && !read;
  if (running || read) tab(read ? "talk" : live.tab, { focus: false });
  place("state").hidden = state === "live";
  place("corner").hidden = state !== "live";
  document.querySelector(".on-air").hidden = !running;
  if (state !== "live") place("hints").replaceChildren();
  if (!running) place("said").textContent = "";
  drawControls();
}

// What stands beside the picture: the timelines or the conversation.
function tab(name, { focus = true } = {}) {
  live.tab = name;
  for (const one of ["lanes", "talk"]) {
    place(one).hidden = one !== name;
    const button = place(`tab-${one}`);
    button.setAttribute("aria-selected", String(one === name));
    button.tabIndex = one === name ? 0 : -1;
  }
  if (name === "talk" && focus) live.talk.focus();
}
for (const name of ["lanes", "talk"]) {
  place(`tab-${name}`).addEventListener("click", () => tab(name));
  place(`tab-${name}`).addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    tab(live.tab === "lanes" ? "talk" : "lanes", { focus: false });
    place(`tab-${live.tab}`).focus();
  });
}

async function idle() {
  live.talk.clear();
  enter("idle");
  [notice, recognisers] = await Promise.all([
    notice ?? json("/v1/notice").catch(() => null),
    json("/v1/settings").then(
      (settings) => settings.recogniser?.here ?? [],
      () => [],
    ),
  ]);
  if (!notice) {
    // Nobody is measured without having been told.
    drawMessage(place("state"), { icon: "broken", title: "The server doesn't answer", text: "Is attune serve still running?", buttons: { "Try again": idle } });
    return;
  }
  // Some browsers never answer where there is no device: the page is shown without a choice of them then.
  const listed = navigator.mediaDevices?.enumerateDevices().catch(() => []) ?? [];
  const devices = await Promise.race([listed, new Promise((done) => setTimeout(done, 3000, []))]);
  if (live.state === "idle") drawIdle(place("state"), { notice, devices, recognisers, start });
}

async function start(chosen) {
  enter("asking");
  drawMessage(place("state"), { icon: "wait", title: "Waiting for the browser", text: "It asks whether this page may use camera and microphone." });
  let stream;
  try {
    stream = await openDevices(chosen);
  } catch (error) {
    enter("denied");
    drawMessage(place("state"), {
      icon: "denied",
      title: error.denied ? "Camera and microphone stay closed" : "This can't be opened",
      text: error.message,
      buttons: { "Try again": () => start(chosen), "Other choices": idle },
    });
    return;
  }
  Object.assign(live, { stream, chosen, memory: new Memory(), delays: new Delays(), origin: null, session: 0, level: 0, fresh: [], sinceStart: performance.now() });
  live.muted = { face: false, voice: false, text: false };
  live.hints.clear();
  live.overlay.clear();
  live.panels.build(live.memory);
  const video = place("video");
  video.srcObject = stream;
  video.hidden = !chosen.camera;
  place("stage").classList.toggle("blind", !chosen.camera);
  await video.play().catch(() => {});
  if (chosen.camera) place("stage").style.setProperty("--shape", `${video.videoWidth || 4} / ${video.videoHeight || 3}`);
  for (const track of stream.getTracks())
    track.addEventListener("ended", () => hint({ modality: track.kind === "video" ? "face" : "voice", code: "gone", text: `The ${track.kind === "video" ? "camera" : "microphone"} was disconnected.` }));
  live.connection = new Connection({
    start: {
      settings: {
        ...(!chosen.camera && { face: null }),
        ...(!chosen.microphone && { voice: null }),
        ...(chosen.words && chosen.microphone && { recogniser: "auto" }),
        ...(chosen.fps && { fps: Number(chosen.fps) }),
      },
      record: chosen.record,
      share: chosen.share,
      consent: chosen.consent || "confirmed on the live page",
      purpose: chosen.purpose,
      baseline: chosen.own ? "own" : "none",
      language: chosen.words && chosen.microphone ? chosen.language : "",
    },
    tell: told,
    state: changed,
  });
  const { connection } = live;
  if (chosen.camera)
    live.pictures = new Pictures(video, {
      fps: live.fps,
      zero: () => connection.zero,
      ready: () => connection.ready(),
      give: (moment, jpeg) => connection.picture(moment, jpeg),
    });
  if (chosen.microphone)
    try {
      live.sound = await Sound.open(stream, (moment, samples, loudest) => {
        live.level = live.muted.voice ? 0 : Math.max(loudest, live.level * 0.8);
        connection.hear(moment, live.muted.voice ? new ArrayBuffer(samples.byteLength) : samples); // muted: silence keeps the time
      });
      if (connection.over) live.sound.stop();
    } catch (error) {
      hint({ modality: "voice", code: "gone", text: `The microphone can't be heard: ${error.message}` });
    }
  live.last = performance.now();
  requestAnimationFrame(frame);
}

function changed(state, detail = {}) {
  if (state === "connecting") {
    if (live.state === "waiting") return;
    enter("connecting");
    drawMessage(place("state"), { icon: "wait", title: "Connecting", text: "The models are being opened." });
  } else if (state === "live") {
    for (const m of Object.keys(SAID)) live.memory.shut(m, "not connected", now());
    enter("live");
    live.talk.begin();
    if (document.activeElement === document.body) place("live").focus({ preventScroll: true });
    place("said").textContent = "";
    if (live.session > 1) news("Connected again");
  } else if (state === "waiting") {
    if (live.origin !== null) for (const m of Object.keys(SAID)) live.memory.open(m, "not connected", now());
    live.overlay.clear();
    enter("waiting");
    drawMessage(place("state"), {
      icon: "broken",
      title: live.origin === null ? "No connection" : "The connection broke",
      text: `${detail.error ? `${detail.error.message} ` : ""}Trying again${detail.tries > 1 ? ` (${detail.tries})` : ""}… ${live.chosen.record && live.origin !== null ? "What was recorded so far is kept among the recordings; what comes will be a new one." : ""}`,
      buttons: { "Try now": () => live.connection.tryNow(), Stop: stop },
    });
  } else if (state === "over") {
    release();
    live.talk.over(detail.ended?.conversation);
    enter("over");
    if (live.talk.turns.length) scrollTo(0, 0);
    drawOver(place("state"), {
      ...detail,
      seconds: live.origin === null ? 0 : now(),
      recorded: live.chosen.record,
      again: idle,
      remove: async () => {
        await ask(`/v1/jobs/${detail.ended.recording.split(".")[0]}`, { method: "DELETE" }).then(
          () => news("Deleted"),
          (error) => news(error.message),
        );
        idle();
      },
    });
    dispatchEvent(new Event("recordings-changed"));
  }
}

export function stop() {
  if (!["connecting", "live", "waiting"].includes(live.state)) return;
  const recorded = live.chosen.record;
  enter("finishing");
  drawMessage(place("state"), { icon: "wait", title: recorded ? "Writing the recording" : "Ending", text: "The last seconds are being measured." });
  release();
  live.connection.stop();
}

function release() {
  live.pictures?.stop();
  live.sound?.stop();
  live.stream?.getTracks().forEach((track) => track.stop());
  place("video").srcObject = null;
  live.pictures = live.sound = live.stream = null;
  live.overlay.clear();
}

// ---- what is told ----

const now = () => (live.origin === null ? 0 : (performance.now() - live.origin) / 1000);

function told(message, zero) {
  if (message.type === "started") {
    live.origin ??= zero;
    live.session++;
    live.id = message.session;
    live.overlay.clear();
    live.fps = message.limits?.fps ?? live.fps;
    live.models = message.models;
    live.memory.fps = live.fps;
    if (live.pictures) live.pictures.fps = live.fps;
    for (const [m, there] of [["face", live.chosen.camera], ["voice", live.chosen.microphone]])
      if (!there) live.memory.open(m, m === "face" ? "no camera" : "no microphone", 0);
      else if (m === "voice") live.memory.open("voice", "no speech", (zero - live.origin) / 1000);
    live.wordless = message.recogniser ? "no words" : "words aren't recognised here";
    live.memory.open("text", live.wordless, (zero - live.origin) / 1000);
    live.panels.recognises(message.recogniser?.title ?? "");
  }
  const from = zero === null ? 0 : (zero - live.origin) / 1000;
  if (message.type === "face") {
    for (const face of message.faces) face.track = `${live.session}.${face.track}`;
    live.overlay.take(message, Math.max(0.7, 2.2 / live.fps));
  }
  live.memory.take(message, from);
  if (document.hidden) return later(message, from); // nothing is drawn now, so nothing is late
  if (message.type === "face") live.fresh.push(["face", zero + 1000 * (message.sent ?? message.time), message.took]);
  if (message.type === "voice" && message.interim) live.fresh.push(["voice", zero + 1000 * message.end, message.took]);
  later(message, from);
}

// What doesn't need a screen.
function later(message, from) {
  if (message.type === "said") speak(message.text);
  if (message.type === "text" && message.text) {
    live.memory.shut("text", live.wordless, from + message.start); // words are of a stretch: before it and after it there are none
    live.memory.open("text", live.wordless, from + message.end);
    live.panels.hears(message.text);
    live.talk.heard(message.text);
  }
  if (message.type === "hint") hint(message);
  if (message.type === "hint_over" && live.hints.delete(`${message.modality} ${message.code}`)) drawHints();
  if (message.type === "rate") {
    live.fps = live.memory.fps = message.fps;
    if (live.pictures) live.pictures.fps = message.fps;
  }
  if (message.type === "error" && live.state === "live") news(message.message);
}

// A sentence is about now: without news of anything it goes.
function stale() {
  const newest = Math.max(...MODALITIES.map((m) => live.memory.rows[m].at(-1)?.end ?? 0)),
    said = place("said"),
    old = live.state === "live" && now() - newest > STALE;
  said.dataset.empty = old ? "Nothing is measured just now." : "Looking and listening…";
  if (old && said.textContent) said.textContent = "";
}

function speak(text) {
  const said = place("said");
  if (said.textContent === text) return;
  said.textContent = text;
  if (!calm.matches) said.animate([{ opacity: 0.45 }, { opacity: 1 }], { duration: 600, easing: "ease-out" });
}

function hint(message) {
  live.hints.set(`${message.modality} ${message.code}`, message);
  drawHints();
}
function drawHints() {
  fill(place("hints"), [...live.hints.values()].map((m) => h("span.hint", { "data-code": m.code }, m.text)));
}

// ---- what is asked ----

export function mute(modality) {
  if (!["live", "waiting", "connecting"].includes(live.state)) return;
  const on = (live.muted[modality] = !live.muted[modality]);
  live.connection.mute(modality, on);
  live.panels.muted(modality, on);
  if (on) live.memory.open(modality, "muted", now());
  else live.memory.shut(modality, "muted", now());
  if (modality === "face") {
    if (live.pictures) live.pictures.on = !on; // no picture leaves the page
    live.overlay.clear();
    place("video").classList.toggle("off", on);
  }
  for (const key of live.hints.keys()) if (on && key.startsWith(`${modality} `)) live.hints.delete(key);
  drawHints();
  news(`${SAID[modality]} ${on ? "muted: it isn't measured" : "is measured again"}`);
}

// Typed words belong to the utterance that has just been heard, or to these seconds.
function say(text) {
  if (live.state !== "live") return;
  const { connection } = live,
    end = connection.at(performance.now()),
    offset = (connection.zero - live.origin) / 1000,
    heard = live.memory.rows.voice.findLast((row) => !row.interim && row.end - offset > end - SPOKEN);
  const [from, to] = heard ? [Math.max(0, heard.start - offset), heard.end - offset] : [Math.max(0, end - 0.4 * text.split(/\s+/).length), end];
  connection.say({ type: "words", start: from, end: to, text });
}

export function press(key) {
  const { panels } = live,
    running = live.state === "live" || live.state === "waiting";
  if (key === "s") {
    if (running || live.state === "connecting") stop();
    else if (live.state === "idle") place("state").querySelector("form").requestSubmit();
    else if (live.state === "over" || live.state === "denied") idle();
  } else if (key === "r" && live.state === "idle") place("state").querySelector("[name=record]").click();
  else if (key === "m") {
    live.overlay.mirrored = !live.overlay.mirrored;
    place("video").classList.toggle("plain", !live.overlay.mirrored);
  } else if (!running) return false;
  else if (key === "f") mute("face");
  else if (key === "v") mute("voice");
  else if (key === "w") mute("text");
  else if (key === "c") tab(live.tab === "talk" ? "lanes" : "talk");
  else if (key === "d") news(`Showing ${panels.nextGroup().toLowerCase()}`);
  else if (key === "p") news(panels.nextPerson() ?? "Nobody else is in view");
  else if (key === "+" || key === "=") news(`Showing ${panels.zoom(-1)}`);
  else if (key === "-") news(`Showing ${panels.zoom(1)}`);
  else return false;
  return true;
}

function drawControls() {
  const running = ["connecting", "live", "waiting"].includes(live.state);
  fill(place("controls"), running && [h("button.primary.stop", { type: "button", id: "stop", click: stop }, live.chosen.record ? "Stop and keep" : "Stop")]);
}

// ---- every frame ----

function frame(moment) {
  if (!["connecting", "live", "waiting"].includes(live.state)) return;
  requestAnimationFrame(frame);
  const still = calm.matches;
  if (still && moment - live.last < STILL && !live.fresh.length) return;
  const step = Math.min(0.25, Math.max(0, (moment - live.last) / 1000));
  live.last = moment;
  const { memory, overlay, panels } = live;
  const [pen, w, h] = prepared(overlay.canvas);
  overlay.draw(pen, w, h, { now: performance.now(), step, person: panels.who(), taxonomy: memory.taxonomies[memory.names.face], still });
  if (!place("live").hidden) panels.draw({ now: now(), step, still });
  const drawn = performance.now();
  for (const [name, captured, took] of live.fresh.splice(0)) {
    live.delays.add(name, drawn - captured);
    live.delays.add(`${name} model`, took);
  }
  live.drawn++;
  drawCorner();
}

function drawCorner() {
  const corner = place("corner"),
    text = clock(now());
  if (corner.dataset.text !== text + live.chosen.record) {
    stale();
    corner.dataset.text = text + live.chosen.record;
    fill(corner, h("i.dot"), live.chosen.record ? `recording ${text}` : `live ${text}`, live.chosen.microphone && h("span.level", h("i")));
  }
  corner.querySelector(".level i")?.style.setProperty("--level", Math.min(1, Math.sqrt(live.level)).toFixed(2));
  corner.classList.toggle("kept", live.chosen.record);
}

// One line on how it goes, for the page under "?".
export function diagnostics() {
  const { delays, connection } = live;
  if (!connection) return ["No session yet."];
  const trips = connection.trips.slice().sort((a, b) => a - b);
  return [
    `Picture taken to its estimate on the screen: ${delays.say("face")}; the model alone: ${delays.say("face model")}.`,
    `Last sound of an interim voice estimate to the screen: ${delays.say("voice")}; the model alone: ${delays.say("voice model")}.`,
    `Round trip without measuring: ${trips.length ? `${Math.round(trips[trips.length >> 1])} ms` : "nothing yet"}. ${live.fps} pictures a second wanted; ` +
      `${count(connection.pictures, "picture")} and ${connection.sound.toFixed(1)} s of sound sent; ${live.drawn} frames drawn.`,
  ];
}

addEventListener("beforeunload", (event) => {
  if (live.state === "live" && live.chosen.record) event.preventDefault();
});
