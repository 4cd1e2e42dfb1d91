// Drawing a lane: lines over time where something is known, hatching where nothing is.

import { css, figure, ink, isNeutral } from "./elements.js";

const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // s

let hatch = null;
addEventListener("theme", () => (hatch = null));

function hatched(pen) {
  if (hatch) return hatch;
  const tile = document.createElement("canvas"),
    ratio = devicePixelRatio || 1;
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d");
  brush.strokeStyle = css("--line");
  brush.lineWidth = 1.2;
  for (const x of [-8, 0, 8]) {
    brush.beginPath();
    brush.moveTo(x, 8);
    brush.lineTo(x + 8, 0);
    brush.stroke();
  }
  hatch = pen.createPattern(tile, "repeat");
  hatch.setTransform(new DOMMatrix().scale(1 / ratio));
  return hatch;
}

// A canvas as sharp as the screen; gives its brush and its size in CSS pixels.
export function prepared(canvas) {
  const ratio = devicePixelRatio || 1,
    w = canvas.clientWidth,
    h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  return [pen, w, h];
}

// lines: [{label, colour, of: row => value or null}] · runs: see memory.runsOf · range: [lowest, highest] · until: nothing is drawn after it
// why(from, to): the reason of a gap, or null
export function drawLane(canvas, { runs, lines, range, from, to, until = to, why = () => null, ticks = true, begins = from }) {
  const [pen, w, h] = prepared(canvas);
  if (!w || !h) return;
  const left = 34,
    bottom = ticks ? 16 : 4,
    top = 6,
    right = 6;
  const X = (t) => left + ((t - from) / (to - from)) * (w - left - right),
    Y = (v) => top + (1 - (v - range[0]) / (range[1] - range[0])) * (h - top - bottom);

  // unknown, until something is known
  pen.fillStyle = hatched(pen);
  const x0 = Math.max(left, X(begins));
  if (x0 < w - right) pen.fillRect(x0, top, w - right - x0, h - top - bottom);
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, w - left - right, h);
  pen.clip();
  pen.fillStyle = css("--card");
  for (const run of runs) {
    const a = X(run[0].t),
      b = X(Math.min(run.at(-1).t, until));
    if (b > left) pen.fillRect(a - 1, top, Math.max(2, b - a + 2), h - top - bottom);
  }
  pen.restore();

  // the scale
  pen.strokeStyle = css("--line");
  pen.fillStyle = css("--faint");
  pen.lineWidth = 1;
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const middle = (range[0] + range[1]) / 2;
  for (const v of [range[0], middle, range[1]]) {
    pen.globalAlpha = v === middle ? 1 : 0.7;
    pen.beginPath();
    pen.moveTo(left, Math.round(Y(v)) + 0.5);
    pen.lineTo(w - right, Math.round(Y(v)) + 0.5);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.fillText(v === 0 ? "0" : v === 1 ? "1" : v === -1 ? "−1" : figure(v, 1), left - 7, Y(v));
  }
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, w - left - right, h);
  pen.clip();
  if (ticks) drawTicks(pen, { from, to, X, h, w, bottom, top, begins });
  drawReasons(pen, { runs, from: Math.max(from, begins), to, X, why, y: (top + h - bottom) / 2 });

  // the lines; quiet labels below, the strongest last
  for (const { colour, of, quiet } of lines.slice().sort((a, b) => (b.quiet ?? 0) - (a.quiet ?? 0))) {
    pen.strokeStyle = colour;
    pen.lineWidth = quiet ? 1.6 : 2.2;
    pen.lineJoin = pen.lineCap = "round";
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, Math.max(0, X(until) - left), h);
    pen.clip();
    for (const run of runs) drawRun(pen, run, of, X, Y, colour, left, w);
    pen.restore();
  }
  pen.restore();
}

function drawRun(pen, run, of, X, Y, colour, left, w) {
  let last = null;
  pen.beginPath();
  let first = null;
  for (const { t, row } of run) {
    const v = of(row);
    if (v === null || v === undefined) {
      last = null;
      continue;
    }
    const x = X(t),
      y = Y(v);
    if (last === null) pen.moveTo(x, y);
    else if (last.x < w && x > left - 50) pen.bezierCurveTo((last.x + x) / 2, last.y, (last.x + x) / 2, y, x, y); // smooth, never beyond what was measured
    else pen.moveTo(x, y);
    first ??= { x, y };
    last = { x, y };
  }
  pen.stroke();
  if (first && last && first.x === last.x) {
    // one estimate alone is a dot
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(first.x, first.y, 2.6, 0, 7);
    pen.fill();
  }
}

function drawTicks(pen, { from, to, X, h, w, bottom, top, begins }) {
  const step = TICKS.find((s) => X(from + s) - X(from) > 54) ?? 3600;
  pen.textAlign = "center";
  pen.fillStyle = css("--faint");
  for (let t = Math.ceil(Math.max(from, begins) / step) * step; t <= to; t += step) {
    const x = X(t);
    if (x < 44 || x > w - 18) continue;
    pen.fillText(`${Math.floor(t / 60)}:${String(Math.round(t % 60)).padStart(2, "0")}`, x, h - bottom / 2 + 1);
  }
}

function drawReasons(pen, { runs, from, to, X, why, y }) {
  let at = from;
  const gaps = [];
  for (const run of runs) {
    if (run[0].t > at) gaps.push([at, Math.min(run[0].t, to)]);
    at = Math.max(at, run.at(-1).t);
  }
  if (at < to) gaps.push([at, to]);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const [a, b] of gaps) {
    const reason = why(a, b);
    if (!reason || b - a < 0.3) continue;
    const width = pen.measureText(reason).width + 12;
    if (X(b) - X(a) < width) continue;
    const x = Math.min(Math.max((X(a) + X(b)) / 2, width / 2 + X(from)), X(to) - width / 2);
    pen.fillStyle = css("--paper");
    pen.globalAlpha = 0.85;
    pen.fillRect(x - width / 2, y - 9, width, 18);
    pen.globalAlpha = 1;
    pen.fillStyle = css("--soft");
    pen.fillText(reason, x, y);
  }
}

// The lines of a set of dimensions: valence and its kin, or the labels of a taxonomy.
export function linesOf(taxonomy, labels, field) {
  return labels.map((label) => {
    const colour = ink(taxonomy.colours[taxonomy.labels.indexOf(label)] ?? "#888888"),
      quiet = isNeutral(label);
    return { label, quiet, colour: /^neutral$/i.test(label) ? css("--faint") : colour, of: (row) => row[field]?.[label] ?? null };
  });
}
