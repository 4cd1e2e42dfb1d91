// The page from top to bottom: its head, its colours, its paper, the player; then it starts.

const ANYBODY = "speaker"; // timeline.SPEAKER: a voice that belongs to no face and no name
const has = (modality) => FACTS.series.some((s) => s.modality === modality);

function drawHead() {
  const spoken = FACTS.segments.filter((s) => s.kind === "speech"),
    words = FACTS.segments.some((s) => s.words);
  const named = FACTS.people.filter((p) => p.id !== "" && p.id !== ANYBODY);
  const looked = [
    ["face", has("face"), FACTS.media.video === null ? "no picture" : "no face"],
    ["voice", has("voice"), FACTS.media.audio === null ? "no sound" : "no voice"],
    ["words", words, "no words"],
  ];
  const media = mediaFacts(FACTS.media);
  fill(
    document.getElementById("top"),
    h(
      "div.bar",
      h(
        "div.brand",
        h(
          "svg",
          { viewBox: "0 0 26 18", "aria-hidden": "true" },
          h("path", {
            d: "M1 9c2.5 0 2.5-7 5-7s2.5 14 5 14 2.500-11 5-11 2.500 7 4.500 7 2-3 4.500-3",
            fill: "none",
            stroke: "currentColor",
            "stroke-width": 2,
            "stroke-linecap": "round",
          }),
        ),
        "Attune · expression report",
      ),
      h(
        "div.tools",
        (has("face") || has("voice") || words) &&
          h(
            "label.file",
            { title: "The file stays on this machine" },
            "Play the file…",
            h("input", { type: "file", accept: "video/*,audio/*", change: openMedia }),
          ),
        h("button", { type: "button", id: "theme", click: switchTheme }, ""),
        h("button", { type: "button", class: "wide", click: () => window.print() }, "Print"),
      ),
    ),
    h("h1", FACTS.name),
    h(
      "div.facts",
      h("span", h("b", lasting(FACTS.duration))),
      h("span", h("b", named.length ? count(named.length, "person", "people") : FACTS.people.length ? "somebody" : "nobody")),
      FACTS.people.some((p) => p.id === ANYBODY) && h("span", { title: "A voice that belongs to no face and no name; it may be several people's" }, "voices not told apart"),
      spoken.length > 0 && h("span", h("b", count(spoken.length, "utterance"))),
      looked.map(([name, yes, no]) => h("span", { class: yes ? "" : "absent" }, h("i.dot"), yes ? name : no)),
    ),
    media.length > 0 && h("div.measures", media.join(" · ")),
    h(
      "p.measures",
      "Attune measures expression: what a face, a voice and words show. It does not read what anybody feels. ",
      h("a", { href: "#responsible" }, "Responsible use"),
    ),
  );
  if (FACTS.notes.length) {
    fill(document.getElementById("notes"), h("div.note", { role: "note" }, h("ul", ...FACTS.notes.map((n) => h("li", n[0].toUpperCase() + n.slice(1) + ".")))));
  }
  nameTheme();
}

// The file in a few words: how large, what picture, what sound.
function mediaFacts({ bytes, video, audio }) {
  return [
    bytes > 0 && (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`),
    video &&
      "picture " +
        [video.width && `${video.width} × ${video.height}`, video.fps && `${+video.fps.toFixed(2)} fps`, video.codec]
          .filter(Boolean)
          .join(", "),
    audio &&
      "sound " +
        [
          audio.sample_rate && `${+(audio.sample_rate / 1000).toFixed(2)} kHz`,
          audio.channels && count(audio.channels, "channel"),
          audio.codec,
        ]
          .filter(Boolean)
          .join(", "),
  ].filter(Boolean);
}

// ---- light and dark ----

const THEMES = ["auto", "light", "dark"];
let theme = "auto",
  printing = false;
try {
  theme = THEMES.includes(localStorage.getItem("attune-theme")) ? localStorage.getItem("attune-theme") : "auto";
} catch {
  /* a page without storage has no memory */
}
if (THEMES.includes(location.hash.replace("#theme=", ""))) theme = location.hash.replace("#theme=", "");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const nameTheme = () => {
  const b = document.getElementById("theme");
  if (b) {
    b.textContent = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" }[theme];
    b.setAttribute("aria-label", `colours: ${theme}; press to change`);
  }
};

function applyTheme() {
  document.documentElement.dataset.theme = !printing && (theme === "dark" || (theme === "auto" && prefersDark.matches)) ? "dark" : "light";
}
function switchTheme() {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem("attune-theme", theme);
  } catch {
    /* as above */
  }
  applyTheme();
  drawPage();
  document.getElementById("theme").focus();
}
prefersDark.addEventListener("change", () => {
  applyTheme();
  drawPage();
});

// On paper everything is light and unfolded, and the plots are as wide as the sheet.
const folded = [];
window.addEventListener("beforeprint", () => {
  printing = true;
  document.documentElement.dataset.print = "";
  applyTheme();
  drawPage();
  document.querySelectorAll("details:not([open])").forEach((d) => {
    d.open = true;
    folded.push(d);
  });
  document.querySelectorAll(".plot").forEach((plot) =>
    plot.querySelectorAll("svg.main-svg").forEach((svg) => {
      svg.setAttribute("viewBox", `0 0 ${plot.clientWidth} ${plot.clientHeight}`);
    }),
  );
});
window.addEventListener("afterprint", () => {
  printing = false;
  delete document.documentElement.dataset.print;
  folded.splice(0).forEach((d) => {
    d.open = false;
  });
  applyTheme();
  drawPage();
});

// ---- playing the reader's own copy ----

function openMedia(event) {
  const file = event.target.files[0];
  if (!file) return;
  document.querySelector(".player")?.remove();
  const media = h(file.type.startsWith("audio") ? "audio" : "video", { controls: true, src: URL.createObjectURL(file), playsinline: true });
  media.addEventListener("timeupdate", () => setTime(media.currentTime, { play: false }));
  const close = () => {
    media.pause();
    URL.revokeObjectURL(media.src);
    state.media = null;
    player.remove();
  };
  const player = h(
    "div.card.player",
    h("div.bar", h("span", { title: file.name }, file.name), h("button", { type: "button", click: close }, "close")),
    media,
  );
  state.media = media;
  document.body.append(player);
  if (state.time !== null) media.currentTime = state.time;
}

// ---- start ----

function drawTimelines() {
  const body = document.querySelector("#timelines .body");
  if (!FACTS.series.length || !(FACTS.duration > 0)) {
    fill(
      body,
      h(
        "div.card.empty",
        h("b", "Nothing could be measured."),
        FACTS.notes.length ? "The notes above say why." : "No face was seen, no voice heard, no words were given.",
      ),
    );
    return;
  }
  buildPanels();
}

function drawPage() {
  drawHead();
  drawLanes();
  drawTimelines();
  drawTranscript();
  drawSummary();
  drawProvenance();
}

applyTheme();
state.range = [0, FACTS.duration];
state.group = FACTS.series.some((s) => !dimensional(s)) ? "labels" : "axes";
// First the person of whom most is known.
const known = (p) =>
  FACTS.series.reduce((sum, s) => sum + ((s.people[p.id]?.start.length ?? 0) / Math.max(1, s.shown)) * (s.modality === "fused" ? 4 : 1), 0);
state.person = FACTS.people.slice().sort((a, b) => known(b) - known(a))[0]?.id ?? Object.keys(FACTS.series[0]?.people ?? {})[0] ?? null;
drawPage();
