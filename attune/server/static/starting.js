// What stands where the picture will be: before the start, while something is awaited, and when something isn't as it should be.

import { count, fill, h, lasting } from "./elements.js";
import { openTab } from "./ask.js";

// What was chosen stays chosen for the next start, but that everybody agrees: that is asked each time.
const chosen = { agreed: false, camera: true, microphone: true, record: false, words: false, language: "", consent: "", purpose: "", own: false, share: false, fps: "", cameraId: "", microphoneId: "" };

const tick = (name, text, changed = () => {}) =>
  h(
    "label.tick",
    h("input", {
      type: "checkbox",
      name,
      checked: chosen[name],
      change: (e) => {
        chosen[name] = e.target.checked;
        changed(e.target.checked);
      },
    }),
    h("span", text),
  );
const written = (name, label, placeholder) =>
  h("label.line", h("span", label), h("input", { type: "text", name, value: chosen[name], maxlength: 300, placeholder, input: (e) => (chosen[name] = e.target.value) }));
const picked = (name, label, options) =>
  h(
    "label.line",
    h("span", label),
    h("select", { name, change: (e) => (chosen[name] = e.target.value) }, options.map(([value, text]) => h("option", { value, selected: chosen[name] === value }, text))),
  );

// Languages that may be spoken here: the browser's own, and English; the server's recogniser may know more.
function languages() {
  const names = new Intl.DisplayNames(["en"], { type: "language" }),
    tags = new Set([...navigator.languages.map((tag) => tag.split("-")[0]), "en"]);
  return [["", "as it is heard, which takes longer"], ...[...tags].map((tag) => [tag, names.of(tag) ?? tag])];
}

// recognisers: names of those that the server has
export function drawIdle(place, { notice, devices, recognisers = [], start }) {
  chosen.agreed = false;
  if (!recognisers.length) chosen.words = false;
  const speaking = h("div.keeping", { hidden: !chosen.words }, picked("language", "Language that is spoken", languages()));
  const keeping = h("div.keeping", { hidden: !chosen.record }, written("consent", "How everybody agreed", "said so before the start"), written("purpose", "What for", "trying it out"));
  const wrong = h("p.wrong", { role: "alert" });
  const button = h("button.primary", { type: "submit" }, "Start");
  const of = (kind) => devices.filter((d) => d.kind === kind && d.deviceId);
  const form = h(
    "form.idle",
    {
      submit: (event) => {
        event.preventDefault();
        const missing = !chosen.agreed ? "Please confirm the line above first." : !chosen.camera && !chosen.microphone ? "Choose the camera, the microphone, or both." : "";
        wrong.textContent = missing;
        if (!missing) return start({ ...chosen });
        form.querySelector(`[name=${chosen.agreed ? "camera" : "agreed"}]`).focus();
      },
    },
    h("h1", "Your expression, live"),
    h(
      "p.lead",
      "What face, voice and words show, measured while it happens by the server that this page came from. Pictures and sound are looked at and dropped; nothing is kept unless you choose to.",
    ),
    h(
      "div.notice",
      h("p", notice.people),
      h("details", h("summary", "What the law asks for"), h("p", notice.law)),
    ),
    tick("agreed", "I have read this, and everybody who can be seen or heard here agrees to be measured.", () => (wrong.textContent = "")),
    h("div.ticks", tick("camera", "Camera"), tick("microphone", "Microphone"), recognisers.length > 0 && tick("words", "Recognise words", (on) => (speaking.hidden = !on)), tick("record", "Keep a recording", (on) => (keeping.hidden = !on))),
    speaking,
    keeping,
    h(
      "details.more",
      h("summary", "More choices"),
      of("videoinput").length > 0 && picked("cameraId", "Camera", [["", "the browser's own"], ...of("videoinput").map((d) => [d.deviceId, d.label || "a camera"])]),
      of("audioinput").length > 0 && picked("microphoneId", "Microphone", [["", "the browser's own"], ...of("audioinput").map((d) => [d.deviceId, d.label || "a microphone"])]),
      picked("fps", "Pictures a second", [["", "as the server likes"], ["1", "1"], ["3", "3"], ["5", "5"], ["10", "10"]]),
      tick("own", "Measure against the person's own habit, learned on the way"),
      tick("share", "Let your other programs ask what is measured now (attune mcp --server)"),
    ),
    h("p.go", button, h("span.keys", h("kbd", "s"), " starts and stops · ", h("kbd", "?"), " shows all keys")),
    wrong,
  );
  fill(place, form);
}

const sign = (name) =>
  h(
    "svg.sign",
    { viewBox: "0 0 24 24", "aria-hidden": "true" },
    h("path", {
      d: {
        wait: "M12 3a9 9 0 1 0 9 9",
        denied: "M4 7h11v4l5-3v9l-5-3v3H4zM3 3l18 18",
        broken: "M3 9a13 13 0 0 1 18 0M6.500 12.500a8 8 0 0 1 11 0M10 16a3 3 0 0 1 4 0M3 3l18 18",
        done: "M4 12.500l5 5L20 6.500",
        none: "M12 4v10M12 18v1.500",
      }[name],
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.8,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  );

// A short message with something to do about it: buttons as {text: what to do}.
export function drawMessage(place, { icon, title, text, buttons = {}, more = null }) {
  fill(
    place,
    h(
      `div.message.${icon}`,
      sign(icon),
      h("h2", { tabindex: "-1" }, title),
      text && h("p", text),
      more,
      Object.keys(buttons).length > 0 &&
        h(
          "p.go",
          Object.entries(buttons).map(([name, act], i) => h(i ? "button" : "button.primary", { type: "button", click: act }, name)),
        ),
    ),
  );
  if (document.activeElement === document.body) place.querySelector("h2").focus({ preventScroll: true }); // what was pressed is gone
}

// How a session ended: with a report, with nothing kept, or with a reason.
export function drawOver(place, { ended, error, seconds, recorded, again, remove }) {
  const report = ended?.report;
  const received = ended?.received ?? {};
  const looked = [
    received.pictures && count(received.pictures, "picture"),
    received.audio_seconds >= 0.1 && `${lasting(received.audio_seconds)} of sound`,
  ].filter(Boolean);
  drawMessage(place, {
    icon: error && !ended ? "none" : report ? "done" : "done",
    title: error && !ended ? "The session couldn't go on" : report ? "Your recording is ready" : `Over after ${lasting(ended?.duration ?? seconds)}`,
    text: error
      ? error.message
      : report
        ? `${lasting(ended.duration ?? seconds)} were measured. Only the estimates are kept, no picture and no sound.`
        : recorded
          ? "There was nothing to keep."
          : `${looked.length ? `${looked.join(" and ")} were looked at and dropped. ` : ""}Nothing was kept.`,
    more: report && h("p.go", h("a.button.primary", { href: report, target: "_blank", rel: "noreferrer", click: openTab, id: "report-link" }, "Open the report")),
    buttons: { "Start again": again, ...(report && { "Delete it": remove }) },
  });
}
