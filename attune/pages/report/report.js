// The page from top to bottom: head, notes, what each person showed on the whole, how it was measured; then it starts.

const has = (modality) => FACTS.series.some((s) => s.modality === modality);

function drawHead() {
  const spoken = FACTS.segments.filter((s) => s.kind === "speech"), words = FACTS.segments.some((s) => s.words);
  const named = FACTS.people.filter((p) => p.id !== "");
  const looked = [["face", "face", has("face")], ["voice", "voice", has("voice")], ["words", "words", words]];
  const media = Object.entries(FACTS.media).map(([k, v]) => mediaFact(k, v)).filter(Boolean);
  fill(document.getElementById("top"),
    h("div", { class: "bar" },
      h("div", { class: "brand" }, h("svg", { viewBox: "0 0 26 18", "aria-hidden": "true" },
        h("path", { d: "M1 9c2.5 0 2.5-7 5-7s2.5 14 5 14 2.500-11 5-11 2.500 7 4.500 7 2-3 4.500-3", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round" })), "Attune · expression report"),
      h("div", { class: "tools" },
        (has("face") || has("voice") || words) && h("label", { class: "file", title: "The file stays on this machine" }, "Play the file…", h("input", { type: "file", accept: "video/*,audio/*", change: openMedia })),
        h("button", { type: "button", id: "theme", click: switchTheme }, ""),
        h("button", { type: "button", class: "wide", click: () => window.print() }, "Print"))),
    h("h1", {}, FACTS.name),
    h("div", { class: "facts" },
      h("span", {}, h("b", {}, lasting(FACTS.duration))),
      h("span", {}, h("b", {}, named.length ? count(named.length, "person", "people") : FACTS.people.length ? "somebody" : "nobody")),
      spoken.length > 0 && h("span", {}, h("b", {}, count(spoken.length, "utterance"))),
      looked.map(([, name, yes]) => h("span", { class: yes ? "" : "absent" }, h("i", { class: "dot" }), yes ? name : `no ${name}`))),
    media.length > 0 && h("div", { class: "measures" }, media.join(" · ")),
    h("p", { class: "measures" }, "Attune measures expression: what a face, a voice and words show. It does not read what anybody feels. ", h("a", { href: "#responsible" }, "Responsible use")));
  fill(document.getElementById("notes"), ...FACTS.notes.map((n) => h("div", { class: "note", role: "note" }, h("p", {}, n))));
  nameTheme();
}

function mediaFact(name, value) {
  if (value === null || value === "" || value === false || typeof value === "object" && !Array.isArray(value)) return null;
  if (name === "duration" || name === "source") return null;
  const said = Array.isArray(value) ? value.join(" × ") : typeof value === "number" ? +value.toFixed(3) : value === true ? "yes" : value;
  return `${name.replace(/_/g, " ")} ${said}`;
}

// ---- on the whole ----

function drawSummary() {
  const people = FACTS.people.filter((p) => p.means.length), section = document.getElementById("summary");
  if (!people.length) return;
  section.hidden = false;
  fill(section.querySelector(".body"),
    h("p", { class: "lead" }, "Means over time of what was measured, longer stretches counting more. A mean of little says little: mind n and the seconds."),
    h("div", { class: "cards" }, people.map(personCard)));
}

function personCard(p) {
  const exclusive = p.means.filter((m) => FACTS.taxonomies[m.taxonomy].kind === "exclusive"), first = exclusive[0];
  const axes = p.means.find((m) => FACTS.taxonomies[m.taxonomy].kind === "dimensional"), many = p.means.filter((m) => FACTS.taxonomies[m.taxonomy].kind === "multilabel");
  return h("div", { class: "card person", style: { "break-inside": "avoid" } },
    h("div", { class: "who" }, portrait(p, "big"), h("div", {}, h("b", {}, plainly(p.name)), h("small", {}, [p.seen_s ? `seen ${lasting(p.seen_s)}` : "not seen", p.heard_s ? `heard ${lasting(p.heard_s)}` : "not heard"].join(" · ")))),
    h("div", { class: "means" },
      first && h("div", { class: "mean" }, of(first), bars(first)),
      axes && h("div", { class: "mean" }, of(axes), bars(axes)),
      exclusive.filter((m) => m !== first).map((m) => h("div", { class: "mean" }, of(m), ribbon(m))),
      many.map((m) => h("div", { class: "mean" }, of(m), bars(m, 4)))));
}

const of = (m) => h("div", { class: "of" }, h("div", {}, h("b", {}, SAID[m.modality]), h("small", {}, FACTS.taxonomies[m.taxonomy].title, m.projected ? ", projected" : "")), h("span", {}, `n = ${m.n.toLocaleString("en")} · ${lasting(m.seconds)}`));

function bars(m, most = 99) {
  const taxonomy = FACTS.taxonomies[m.taxonomy], signed = taxonomy.kind === "dimensional", scale = Math.max(...taxonomy.range.map(Math.abs));
  const rows = m.values.map((v, k) => [v, k]).filter(([v]) => signed || v !== null);
  if (!signed) rows.sort((a, b) => b[0] - a[0]);
  return h("div", { class: "bars" }, rows.slice(0, most).map(([v, k]) => {
    const share = v === null ? 0 : 100 * Math.abs(v) / scale, colour = shade(taxonomy, k);
    const style = signed ? { "--c": colour, left: `${v < 0 ? 50 - share / 2 : 50}%`, width: `${share / 2}%` } : { "--c": colour, width: `${share}%` };
    return [h("span", { class: v === null ? "off" : "" }, taxonomy.labels[k]), h("span", { class: `track${signed ? " signed" : ""}` }, h("i", { style })), h("span", { class: "num" }, (signed && v > 0 ? "+" : "") + figure(v))];
  }));
}

function ribbon(m) {
  const taxonomy = FACTS.taxonomies[m.taxonomy], parts = order(taxonomy).map((k) => [m.values[k] ?? 0, k]);
  const said = parts.slice().sort((a, b) => b[0] - a[0]).slice(0, 3).map(([v, k]) => `${taxonomy.labels[k]} ${figure(v)}`).join(", ");
  return h("div", {}, h("div", { class: "stack", role: "img", "aria-label": said }, parts.map(([v, k]) => h("i", { title: `${taxonomy.labels[k]} ${figure(v)}`, style: { "--c": shade(taxonomy, k), flex: `${v} 0 0` } }))),
    h("div", { style: { "font-size": "12.5px", color: "var(--soft)", "margin-top": "4px" } }, said));
}

// ---- how it was measured ----

function drawProvenance() {
  const body = document.querySelector("#provenance .body"), parts = [];
  if (FACTS.series.length) parts.push(fold("Estimates", `${count(FACTS.series.length, "table")}`, true, h("table", {}, h("thead", {}, h("tr", {}, ["", "taxonomy", "model", "rows", "not measured"].map((t) => h("th", {}, t)))),
    h("tbody", {}, FACTS.series.map((s) => h("tr", {}, h("th", {}, s.name), h("td", {}, FACTS.taxonomies[s.taxonomy].title, s.projected ? h("small", {}, h("br"), `projected through ${arrow(s.projected)}`) : ""), h("td", { class: "code" }, s.model),
      h("td", {}, s.rows.toLocaleString("en"), s.shown < s.rows ? h("small", {}, ` (${s.shown.toLocaleString("en")} drawn)`) : ""), h("td", {}, `${s.missing.toLocaleString("en")} (${Math.round(100 * s.missing / Math.max(1, s.rows))} %)`)))))));
  if (Object.keys(FACTS.versions).length) parts.push(fold("Models, weights, licences, versions", "", true, versions(FACTS.versions)));
  if (FACTS.settings.length) parts.push(fold("Settings", changed(), false, h("table", {}, h("tbody", {}, FACTS.settings.map((s) => h("tr", {}, h("th", {}, s.name), h("td", { class: "code" }, shown(s.value), s.unit ? h("span", { class: "unit" }, ` ${s.unit}`) : "", s.changed ? h("small", {}, " (chosen)") : ""), h("td", { class: "long" }, s.reason)))))));
  if (Object.keys(FACTS.media).length) parts.push(fold("The file", "", false, nested(FACTS.media)));
  const cited = Object.values(FACTS.taxonomies).filter((t) => t.reference);
  if (cited.length) parts.push(fold("Taxonomies", "", false, h("table", {}, h("tbody", {}, cited.map((t) => h("tr", {}, h("th", {}, t.title), h("td", { class: "long" }, t.labels.join(", ")), h("td", { class: "long" }, t.reference)))))));
  fill(body, parts.length ? h("div", { class: "card" }, parts) : h("div", { class: "card empty" }, h("b", {}, "Nothing was measured."), "So there are no models and no settings to tell."), responsible());
  fill(document.getElementById("foot"), `Made with Attune, ${FACTS.made}. This file is complete: it loads nothing and sends nothing.`);
}

const changed = () => { const n = FACTS.settings.filter((s) => s.changed).length; return n ? `${n} chosen, the others as they come` : "all as they come"; };
const fold = (title, more, open, ...inside) => h("details", { open }, h("summary", {}, title, more && h("small", {}, more)), h("div", {}, inside));
const shown = (v) => (v === null || v === "" ? "none" : v === true ? "yes" : v === false ? "no" : Array.isArray(v) ? v.map(shown).join(", ") : String(v));

function nested(value) {
  if (value === null || typeof value !== "object") return shown(value);
  if (Array.isArray(value)) return value.some((v) => v !== null && typeof v === "object") ? h("div", {}, value.map((v) => h("div", {}, nested(v)))) : shown(value);
  return h("table", {}, h("tbody", {}, Object.entries(value).map(([k, v]) => h("tr", {}, h("th", {}, k.replace(/_/g, " ")), h("td", { class: /^[0-9a-f]{12,64}$/.test(v) ? "code" : "" }, nested(v))))));
}

// Models as a table of what one wants to cite; whatever else a recording tells of its making stands below.
function versions({ models, ...rest }) {
  const known = models && typeof models === "object" ? Object.entries(models).filter(([, m]) => m && typeof m === "object") : [];
  const licence = (m) => [m.license ?? m.licence, m.license_class ?? m.licence_class].filter(Boolean);
  const hashes = (m) => (m.weights && typeof m.weights === "object" ? Object.entries(m.weights) : []);
  return [
    known.length > 0 && h("table", {}, h("thead", {}, h("tr", {}, ["", "model", "licence", "weights (SHA-256)"].map((t) => h("th", {}, t)))), h("tbody", {}, known.map(([modality, m]) => h("tr", {},
      h("th", {}, SAID[modality] ?? modality), h("td", {}, m.title ?? m.name ?? "", m.title && m.name ? h("div", {}, h("small", { class: "code" }, m.name)) : ""),
      h("td", {}, licence(m)[0] ?? "", licence(m)[1] ? h("div", {}, h("small", {}, licence(m)[1])) : ""),
      h("td", { class: "code" }, hashes(m).map(([file, hash]) => h("div", {}, shown(hash), h("div", {}, h("small", {}, file))))))))),
    known.length > 0 ? nested(rest) : nested({ ...rest, ...(models === undefined ? {} : { models }) }),
  ];
}

function responsible() {
  return h("aside", { class: "card responsible", id: "responsible" }, h("h3", {}, "Responsible use"),
    h("p", {}, "These numbers describe expression: how a face, a voice and words would be labelled by people who look, listen and read. They are no evidence of what a person feels, wants or is, and they err more where light, sound, language or culture differ from what the models were trained on."),
    h("p", {}, "Do not use them to decide about people. In the European Union, inferring emotions from faces or voices at work or in education is prohibited, other than for medical or safety reasons (AI Act, Art. 5(1)(f)); where such systems are allowed, the people exposed to them must be told (Art. 50(3)). Ask those who are recorded."));
}

// ---- light and dark ----

const THEMES = ["auto", "light", "dark"];
let theme = "auto", printing = false;
try { theme = THEMES.includes(localStorage.getItem("attune-theme")) ? localStorage.getItem("attune-theme") : "auto"; } catch { /* a page without storage has no memory */ }
if (THEMES.includes(location.hash.replace("#theme=", ""))) theme = location.hash.replace("#theme=", "");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const nameTheme = () => { const b = document.getElementById("theme"); if (b) { b.textContent = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" }[theme]; b.setAttribute("aria-label", `colours: ${theme}; press to change`); } };

function applyTheme() {
  document.documentElement.dataset.theme = !printing && (theme === "dark" || theme === "auto" && prefersDark.matches) ? "dark" : "light";
}
function switchTheme() {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try { localStorage.setItem("attune-theme", theme); } catch { /* as above */ }
  applyTheme();
  drawPage();
  document.getElementById("theme").focus();
}
prefersDark.addEventListener("change", () => { applyTheme(); drawPage(); });

// On paper everything is light and unfolded, and the plots are as wide as the sheet.
const folded = [];
window.addEventListener("beforeprint", () => {
  printing = true;
  document.documentElement.dataset.print = "";
  applyTheme();
  drawPage();
  document.querySelectorAll("details:not([open])").forEach((d) => { d.open = true; folded.push(d); });
  document.querySelectorAll(".plot").forEach((plot) => plot.querySelectorAll("svg.main-svg").forEach((svg) => {
    svg.setAttribute("viewBox", `0 0 ${plot.clientWidth} ${plot.clientHeight}`);
  }));
});
window.addEventListener("afterprint", () => {
  printing = false;
  delete document.documentElement.dataset.print;
  folded.splice(0).forEach((d) => { d.open = false; });
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
  const close = () => { media.pause(); URL.revokeObjectURL(media.src); state.media = null; player.remove(); };
  const player = h("div", { class: "card player" }, h("div", { class: "bar" }, h("span", { title: file.name }, file.name), h("button", { type: "button", click: close }, "close")), media);
  state.media = media;
  document.body.append(player);
  if (state.time !== null) media.currentTime = state.time;
}

// ---- start ----

function drawTimelines() {
  const body = document.querySelector("#timelines .body");
  if (!FACTS.series.length || !(FACTS.duration > 0)) {
    fill(body, h("div", { class: "card empty" }, h("b", {}, "Nothing could be measured."),
      FACTS.notes.length ? "The notes above say why." : "No face was seen, no voice heard, no words were given."));
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
const known = (p) => FACTS.series.reduce((sum, s) => sum + (s.people[p.id]?.start.length ?? 0) / Math.max(1, s.shown) * (s.modality === "fused" ? 4 : 1), 0);
state.person = FACTS.people.slice().sort((a, b) => known(b) - known(a))[0]?.id ?? Object.keys(FACTS.series[0]?.people ?? {})[0] ?? null;
drawPage();
