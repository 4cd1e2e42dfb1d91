// What the file carries, and the row at a moment.

const FACTS = JSON.parse(document.getElementById("facts").textContent);
const TOUCH = 0.02; // s; rows that lie closer than this touch, as in report.py

// One state; whoever changes it calls the listeners of that part.
const state = { person: null, group: null, style: "stacked", hidden: new Set(), taxonomy: {}, off: {}, one: {}, range: [0, 1], time: null };
const listeners = {};
const on = (what, f) => (listeners[what] ??= []).push(f);
const tell = (what) => (listeners[what] ?? []).forEach((f) => f());

const person = (id) => FACTS.people.find((p) => p.id === id);

function portrait(p, size = "") {
  const style = { "--who": p.colour };
  if (p.portrait) return h("img", { class: `portrait ${size}`, src: p.portrait, alt: "", style });
  return h("span", { class: `portrait ${size}`, style, "aria-hidden": "true" }, initials(plainly(p.name)));
}

// Valence and its kin on one ramp from vermilion through nothing to blue: strength is distance from the middle.
const poles = ["#d55e00", "#0072b2"];
const pole = (x) => poles[x < 0 ? 0 : 1];

// Of a series, a mean, or anything else that names one.
const taxonomyOf = (thing) => FACTS.taxonomies[thing.taxonomy];
const dimensional = (series) => taxonomyOf(series).kind === "dimensional";
const carrying = (series) => series.taxonomy === "pool"; // not expression: how much each modality decided, and how far they are apart

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
