// What the file carries, and small ways to say it: elements, times, numbers, colours, and the row at a moment.

const FACTS = JSON.parse(document.getElementById("facts").textContent);
const TOUCH = 0.02; // s; rows that lie closer than this touch, as in report.py
const SAID = { fused: "Fused", face: "Face", voice: "Voice", text: "Words" };
const AXES = { valence: ["unpleasant", "pleasant"], arousal: ["calm", "excited"], dominance: ["yielding", "in control"] };

// One state; whoever changes it calls the listeners of that part.
const state = { person: null, group: null, style: "stacked", hidden: new Set(), taxonomy: {}, off: {}, one: {}, range: [0, 1], time: null };
const listeners = {};
const on = (what, f) => (listeners[what] ??= []).push(f);
const tell = (what) => (listeners[what] ?? []).forEach((f) => f());

// An element by its name and classes ("p.note"), attributes and listeners if there are any, children. Text is always text, never markup.
function h(name, ...rest) {
  const [tag, ...classes] = name.split("."),
    drawn = ["svg", "rect", "path"].includes(tag);
  const attributes = rest[0] && Object.getPrototypeOf(rest[0]) === Object.prototype ? rest.shift() : {};
  const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...something(rest));
  return element;
}
const something = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
const fill = (element, ...children) => element.replaceChildren(...something(children));

const two = (n) => String(n).padStart(2, "0");

// 75.25 -> "1:15"; with tenths: "1:15.2"
function clock(t, digits = 0) {
  const unit = 10 ** digits,
    all = Math.round(Math.max(0, t) * unit),
    whole = Math.floor(all / unit);
  const hours = Math.floor(whole / 3600),
    minutes = Math.floor(whole / 60) % 60,
    seconds = whole % 60;
  return (
    (hours ? `${hours}:${two(minutes)}` : `${minutes}`) +
    `:${two(seconds)}` +
    (digits ? `.${String(all % unit).padStart(digits, "0")}` : "")
  );
}

// 75.25 -> "1 min 15 s"
function lasting(s) {
  if (s === null || s === undefined) return "–";
  if (s < 10) return `${+s.toFixed(1)} s`;
  const whole = Math.round(s),
    hours = Math.floor(whole / 3600),
    minutes = Math.floor(whole / 60) % 60,
    seconds = whole % 60;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min${seconds ? ` ${seconds} s` : ""}` : `${seconds} s`;
}

const figure = (x, digits = 2) =>
  x === null || x === undefined
    ? "–"
    : x
        .toFixed(digits)
        .replace(/^(-?)0\./, "$1.")
        .replace("-", "−");
const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const arrow = (name) => name.replaceAll("->", " → ");
const person = (id) => FACTS.people.find((p) => p.id === id);
const initials = (name) =>
  name
    .trim()
    .split(/[\s_-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((w) => [...w][0].toUpperCase())
    .join("") || "?";
const plainly = (name) =>
  name
    .replace(/_/g, " ")
    .replace(/\b(person|face|speaker) ?(\d+)\b/i, (_, w, n) => `${w[0].toUpperCase()}${w.slice(1)} ${n}`)
    .replace(/^speaker$/, "Speaker");

function portrait(p, size = "") {
  const style = { "--who": p.colour };
  if (p.portrait) return h("img", { class: `portrait ${size}`, src: p.portrait, alt: "", style });
  return h("span", { class: `portrait ${size}`, style, "aria-hidden": "true" }, initials(plainly(p.name)));
}

function rgb(hex) {
  const long = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c).join("") : hex.slice(1, 7);
  return [0, 2, 4].map((i) => parseInt(long.slice(i, i + 2), 16) || 0);
}
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === "dark";

// On a dark ground a dark colour is lifted, on a light one left alone: the same hue, still told from the ground.
function ink(hex) {
  if (!dark()) return hex;
  const c = rgb(hex),
    light = (0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]) / 255,
    lift = Math.max(0, 0.5 - light) * 0.75;
  return "#" + c.map((v) => two(Math.round(v + (255 - v) * lift).toString(16))).join("");
}
// A label's colour; the quiet labels step back towards the ground, so that what is expressed stands out.
function shade(taxonomy, k) {
  const colour = ink(taxonomy.colours[k]);
  return isNeutral(taxonomy.labels[k]) ? mixed(colour, css("--card"), 0.55) : colour;
}
function mixed(a, b, share) {
  const [x, y] = [rgb(a), rgb(b)];
  return "#" + x.map((v, i) => two(Math.round(v + (y[i] - v) * share).toString(16))).join("");
}
const faded = (hex, alpha) => `rgba(${rgb(hex).join(",")},${alpha})`;

// Valence and its kin on one ramp from vermilion through nothing to blue: strength is distance from the middle.
const poles = ["#d55e00", "#0072b2"];
const pole = (x) => poles[x < 0 ? 0 : 1];

const isNeutral = (label) => /^(neutral|calm|calmness)$/i.test(label);
// Of a series, a mean, or anything else that names one.
const taxonomyOf = (thing) => FACTS.taxonomies[thing.taxonomy];
const dimensional = (series) => taxonomyOf(series).kind === "dimensional";

// Rows of one person as the drawing wants them; made once.
const ready = new Map();
function rowsOf(series, who) {
  const key = series.name + series.model + "\u0000" + who;
  if (!ready.has(key)) {
    const r = series.people[who];
    if (!r) return null;
    let reach = -Infinity;
    const reached = r.end.map((e) => (reach = Math.max(reach, e)));
    ready.set(key, { ...r, n: r.start.length, reached, missing: r.start.map((_, i) => r.values.every((column) => column[i] === null)) });
  }
  return ready.get(key);
}

// First index whose value is greater than x, in a rising list.
function after(list, x) {
  let low = 0,
    high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

// The row that holds a moment: the last one that began, if it hasn't ended.
function rowAt(rows, t) {
  if (!rows) return -1;
  for (let i = after(rows.start, t) - 1; i >= 0 && rows.reached[i] > t; i--) if (rows.end[i] > t) return i;
  return -1;
}

// The rows in view. When there are more than columns to draw them in, each column is the mean of what was measured in it;
// a column with nothing measured stays empty.
function inView(rows, [from, to], columns = 500) {
  const first = after(rows.reached, from),
    last = after(rows.start, to),
    many = last - first > 1.5 * columns,
    width = (to - from) / columns;
  const bins = [];
  let bin = null,
    slot = null;
  for (let i = first; i < last; i++) {
    const here = many ? Math.floor(rows.start[i] - from < 0 ? 0 : (rows.start[i] - from) / width) : i;
    if (here === slot && bin.missing === rows.missing[i]) {
      bin.rows.push(i);
      bin.end = Math.max(bin.end, rows.end[i]);
    } else if (here === slot && rows.missing[i]) continue;
    else {
      if (here === slot) bins.pop(); // what was measured shows, what wasn't is too short to
      bins.push((bin = { start: rows.start[i], end: rows.end[i], missing: rows.missing[i], rows: [i] }));
      slot = here;
    }
  }
  const mean = (column, indices) => {
    let sum = 0,
      n = 0;
    for (const i of indices)
      if (column[i] !== null) {
        sum += column[i];
        n++;
      }
    return n ? sum / n : null;
  };
  bins.forEach((b, i) => {
    if (many && bins[i + 1]) b.end = b.end > bins[i + 1].start - width / 2 ? bins[i + 1].start : b.end;
    b.values = rows.values.map((column) => mean(column, b.rows));
    b.spread = rows.spread && rows.spread.map((column) => mean(column, b.rows));
    b.quality = mean(rows.quality, b.rows);
  });
  bins.width = many ? width : 0;
  return bins;
}

// Measured bins that touch, as runs; between runs nothing is drawn.
function runs(bins, measured = (b) => !b.missing) {
  const out = [];
  let run = null;
  for (const b of bins) {
    if (!measured(b)) {
      run = null;
      continue;
    }
    if (run && b.start - run[run.length - 1].end <= TOUCH) run.push(b);
    else out.push((run = [b]));
  }
  return out;
}

// Marks of a time axis at round distances, at most so many.
function ticks([from, to], most) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200];
  const step = steps.find((s) => (to - from) / s <= most) ?? steps[steps.length - 1];
  const out = [];
  for (let k = Math.ceil(from / step - 1e-9); k * step <= to + 1e-9; k++) out.push(k * step);
  return { at: out, text: out.map((t) => clock(t, step < 1 ? 1 : 0)) };
}

function setRange(from, to) {
  const whole = FACTS.duration,
    least = Math.min(whole, 0.5);
  let width = Math.min(whole, Math.max(least, to - from));
  from = Math.min(Math.max(0, from), whole - width);
  state.range = [from, from + width];
  tell("range");
}

function setTime(t, { play = true } = {}) {
  state.time = t === null ? null : Math.min(Math.max(0, t), FACTS.duration);
  if (play && state.media && t !== null) state.media.currentTime = state.time;
  tell("time");
}
