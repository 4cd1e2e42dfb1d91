// Timelines: one panel a modality, all on the same stretch of time. Missing stays missing: lines and areas end where
// measuring ended, quality is opacity, and the exact values are one touch away.

const FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, system-ui, sans-serif';
const MARGIN = { l: 38, r: 10, t: 8, b: 26 };
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const EVERYONE = "\u0000everyone";
const FIRST = 6;                         // labels of a long list that are drawn before anybody asks for more
const panels = [];

const groupOf = (series) => (dimensional(series) ? "axes" : "labels");
const seriesOf = (modality) => FACTS.series.filter((s) => s.modality === modality && groupOf(s) === state.group);
const chosen = (modality) => {
  const all = seriesOf(modality);
  return all.find((s) => s.name === state.taxonomy[modality + state.group]) ?? all[0];
};

// Labels of a series in the order they are drawn: the quiet ones last, so that expression rises from the ground.
function order(taxonomy) {
  const all = taxonomy.labels.map((_, k) => k);
  return taxonomy.kind === "dimensional" ? all : [...all.filter((k) => !isNeutral(taxonomy.labels[k])), ...all.filter((k) => isNeutral(taxonomy.labels[k]))];
}

// Which labels are on: all of a short list, the strongest few of a long one, and then what the reader chose.
function lit(series) {
  const taxonomy = FACTS.taxonomies[series.taxonomy];
  if (!state.off[series.name]) {
    const off = new Set();
    if (taxonomy.labels.length > 12) {
      const peak = taxonomy.labels.map((label, k) => {
        if (isNeutral(label)) return -1;
        let sum = 0;
        for (const who of Object.keys(series.people)) for (const v of rowsOf(series, who).values[k]) sum += v ?? 0;
        return sum;
      });
      const top = new Set(peak.map((_, k) => k).sort((a, b) => peak[b] - peak[a]).slice(0, FIRST));
      peak.forEach((_, k) => { if (!top.has(k)) off.add(k); });
    }
    state.off[series.name] = off;
  }
  return (k) => !state.off[series.name].has(k);
}

function outline(x, y, points) {
  for (const [a, b] of points) { x.push(a); y.push(b); }
  x.push(null);
  y.push(null);
}

const area = (x, y, fillcolor, more = {}) => ({ type: "scatter", mode: "lines", x, y, fill: "toself", fillcolor, line: { width: 0 }, hoverinfo: "skip", ...more });

// Shares that add up: one area a label, cut at every gap.
function stacked(series, bins) {
  const taxonomy = FACTS.taxonomies[series.taxonomy], on = lit(series);
  const floor = new Map(bins.map((b) => [b, 0]));
  return order(taxonomy).filter(on).map((k) => {
    const x = [], y = [];
    for (const run of runs(bins)) {
      const top = [], bottom = [];
      for (const b of run) {
        const low = floor.get(b), high = low + (b.values[k] ?? 0);
        top.push([b.start, high], [b.end, high]);
        bottom.unshift([b.end, low], [b.start, low]);
        floor.set(b, high);
      }
      outline(x, y, [...top, ...bottom, top[0]]);
    }
    return area(x, y, shade(taxonomy, k), { line: { width: bins.width ? 0 : 0.6, color: css("--card") } });
  });
}

function line(bins, k, colour, dash) {
  const x = [], y = [];
  for (const run of runs(bins, (b) => b.values[k] !== null)) outline(x, y, run.flatMap((b) => [[b.start, b.values[k]], [b.end, b.values[k]]]));
  return { type: "scatter", mode: "lines", x, y, line: { color: colour, width: 1.9, dash, simplify: false }, connectgaps: false, hoverinfo: "skip" };
}

function lines(series, bins) {
  const taxonomy = FACTS.taxonomies[series.taxonomy], on = lit(series), traces = [];
  order(taxonomy).filter(on).forEach((k) => {
    const colour = shade(taxonomy, k);
    if (bins.some((b) => b.spread)) {
      const x = [], y = [];
      for (const run of runs(bins, (b) => b.values[k] !== null && b.spread[k] !== null)) {
        outline(x, y, [...run.flatMap((b) => [[b.start, b.values[k] + b.spread[k]], [b.end, b.values[k] + b.spread[k]]]),
          ...run.slice().reverse().flatMap((b) => [[b.end, b.values[k] - b.spread[k]], [b.start, b.values[k] - b.spread[k]]])]);
      }
      traces.unshift(area(x, y, faded(colour, 0.13)));
    }
    traces.push(line(bins, k, colour, taxonomy.kind === "dimensional" ? DASHES[k % 3] : "solid"));
  });
  return traces;
}

// Values that stand alone, many of them: one row a label, as high as its value.
function rows(series, bins) {
  const taxonomy = FACTS.taxonomies[series.taxonomy], all = order(taxonomy).filter(lit(series));
  return all.map((k, i) => {
    const x = [], y = [], ground = 1 - (i + 1) / all.length;
    for (const b of bins) {
      const high = ground + (b.values[k] ?? 0) * 0.92 / all.length;
      if (!b.missing && b.values[k] !== null) outline(x, y, [[b.start, ground], [b.start, high], [b.end, high], [b.end, ground], [b.start, ground]]);
    }
    return area(x, y, shade(taxonomy, k), { line: { width: 1, color: shade(taxonomy, k) } });
  });
}
const inRows = (series) => state.person !== EVERYONE && state.style === "stacked" && FACTS.taxonomies[series.taxonomy].kind === "multilabel";

function boxes(bins, low, high) {
  const x = [], y = [];
  for (const b of bins) outline(x, y, [[b.start, low], [b.start, high], [b.end, high], [b.end, low], [b.start, low]]);
  return [x, y];
}

// Poorly seen or heard is drawn paler, and a thin strip below the ground says how well.
function quality(bins, [low, high]) {
  const measured = bins.filter((b) => !b.missing && b.quality !== null), span = high - low, out = [];
  for (const [from, to, veil] of [[0, 0.25, 0.72], [0.25, 0.5, 0.5], [0.5, 0.75, 0.22]]) {
    const these = measured.filter((b) => b.quality >= from && b.quality < to);
    if (these.length) out.push(area(...boxes(these, low, high), `rgba(${css("--veil")},${veil})`));
  }
  for (let i = 0; i < 5; i++) {
    const these = measured.filter((b) => Math.min(4, Math.floor(b.quality * 5)) === i);
    if (these.length) out.push(area(...boxes(these, low - 0.075 * span, low - 0.03 * span), faded(rgbHex(css("--soft")), 0.08 + 0.12 * i)));
  }
  return out;
}
const rgbHex = (c) => (c.startsWith("#") ? c : "#888888");

// Where nothing was measured: the ground is hatched, so that nobody takes it for calm.
function unmeasured(people, [from, to], [low, high]) {
  const stretches = people.flatMap((bins) => bins.filter((b) => !b.missing)).map((b) => [b.start, b.end]).sort((a, b) => a[0] - b[0]);
  const holes = [];
  let at = from;
  for (const [s, e] of stretches) {
    if (s - at > TOUCH) holes.push({ start: at, end: s });
    at = Math.max(at, e);
  }
  if (to - at > TOUCH) holes.push({ start: at, end: to });
  if (!holes.length) return [];
  return [area(...boxes(holes, low, high), "rgba(0,0,0,0)", { fillpattern: { shape: "/", fgcolor: css("--line"), bgcolor: "rgba(0,0,0,0)", size: 7, solidity: 0.16 } })];
}

function traces(panel) {
  const { series } = panel, taxonomy = FACTS.taxonomies[series.taxonomy], span = shownSpan(series);
  const columns = Math.max(150, Math.min(500, Math.round(panel.plot.clientWidth / 2)));
  if (state.person === EVERYONE) {
    const k = state.one[series.name] ?? strongestOverall(series);
    panel.coarse = 0;
    const all = FACTS.people.map((p) => [p, rowsOf(series, p.id)]).filter(([, rows]) => rows).map(([p, rows]) => [p, inView(rows, state.range, columns)]);
    return [...unmeasured(all.map(([, bins]) => bins), state.range, span),
      ...all.map(([p, bins]) => line(bins, k, ink(p.colour), DASHES[FACTS.people.indexOf(p) % DASHES.length]))];
  }
  const known = rowsOf(series, state.person);
  if (!known) return [];
  const bins = inView(known, state.range, columns);
  panel.coarse = bins.width;
  const exclusive = taxonomy.kind === "exclusive" && state.style === "stacked";
  const drawn = inRows(series) ? rows(series, bins) : exclusive ? stacked(series, bins) : lines(series, bins);
  return [...unmeasured([bins], state.range, span), ...drawn, ...quality(bins, span)];
}

function strongestOverall(series) {
  const taxonomy = FACTS.taxonomies[series.taxonomy];
  if (taxonomy.kind === "dimensional") return 0;
  const sums = taxonomy.labels.map((label, k) => (isNeutral(label) ? -1 : Object.keys(series.people).reduce((sum, who) => sum + rowsOf(series, who).values[k].reduce((a, v) => a + (v ?? 0), 0), 0)));
  return sums.indexOf(Math.max(...sums));
}

const shownSpan = (series) => FACTS.taxonomies[series.taxonomy].range;

function layout(panel) {
  const [low, high] = shownSpan(panel.series), span = high - low, marks = ticks(state.range, Math.max(3, Math.floor(panel.plot.clientWidth / 110)));
  const quiet = { showline: false, zeroline: false, fixedrange: true, gridcolor: css("--line"), gridwidth: 1, ticks: "" };
  const middle = low < 0 ? [low, 0, high] : [low, (low + high) / 2, high];
  const names = inRows(panel.series) ? order(FACTS.taxonomies[panel.series.taxonomy]).filter(lit(panel.series)) : [];
  return {
    annotations: names.map((k, i) => ({ text: FACTS.taxonomies[panel.series.taxonomy].labels[k], xref: "paper", x: 0, xanchor: "left", xshift: 2, yref: "y", y: 1 - i / names.length, yanchor: "top", yshift: -1, showarrow: false, font: { size: 11, color: css("--soft") }, bgcolor: faded(rgbHex(css("--card")), 0.75), borderpad: 1 })),
    shapes: names.slice(1).map((_, i) => ({ type: "line", layer: "below", xref: "paper", x0: 0, x1: 1, yref: "y", y0: 1 - (i + 1) / names.length, y1: 1 - (i + 1) / names.length, line: { width: 1, color: css("--line") } })),
    margin: MARGIN, autosize: true, showlegend: false, hovermode: false, dragmode: coarse() ? false : "zoom", selectdirection: "h",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: FONT, size: 11.5, color: css("--faint") },
    xaxis: { ...quiet, fixedrange: coarse(), range: [...state.range], tickmode: "array", tickvals: marks.at, ticktext: marks.text, showgrid: false, layer: "below traces" },
    yaxis: { ...quiet, showticklabels: !names.length, showgrid: !names.length, range: [low - 0.09 * span, high + 0.02 * span], tickmode: "array", tickvals: middle, ticktext: middle.map((v) => (low < 0 && v > 0 ? "+" : "") + String(v).replace("-", "−")), zeroline: low < 0, zerolinecolor: css("--faint"), zerolinewidth: 1 },
  };
}
const coarse = () => matchMedia("(pointer: coarse)").matches;

function drawPanel(panel) {
  if (!panel.plot || !panel.plot.isConnected) return;
  if (inRows(panel.series)) panel.plot.style.height = `${Math.max(120, 44 + 22 * order(FACTS.taxonomies[panel.series.taxonomy]).filter(lit(panel.series)).length)}px`;
  else panel.plot.style.height = "";
  Plotly.react(panel.draw, traces(panel), layout(panel), { displayModeBar: false, responsive: false, doubleClick: false, showTips: false });
  panel.grain.textContent = panel.coarse ? `each column: mean of ${lasting(panel.coarse)}; zoom in for single rows` : "";
  placeNow(panel);
}

function placeNow(panel) {
  if (!panel.plot) return;
  const width = panel.plot.clientWidth - MARGIN.l - MARGIN.r, share = state.time === null ? -1 : (state.time - state.range[0]) / (state.range[1] - state.range[0]);
  panel.now.hidden = share < 0 || share > 1;
  panel.now.style.left = `${MARGIN.l + share * width}px`;
}

function drawAll() { panels.forEach(drawPanel); }

let waiting = 0;
on("range", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(drawAll); });
on("time", () => { panels.forEach(placeNow); readOut(); });
on("choice", buildPanels);

// ---- choosing ----

const pressed = (text, yes, click, more = {}) => h("button", { type: "button", "aria-pressed": String(yes), click, ...more }, text);

function chips(panel) {
  const { series } = panel, taxonomy = FACTS.taxonomies[series.taxonomy], every = state.person === EVERYONE, isOn = lit(series);
  const long = taxonomy.labels.length > 12, chosenOne = state.one[series.name] ?? strongestOverall(series);
  const chip = (k) => h("button", {
    type: "button", class: "chip", "aria-pressed": String(every ? k === chosenOne : isOn(k)), style: { "--c": shade(taxonomy, k) },
    click: () => {
      if (every) state.one[series.name] = k;
      else if (isOn(k)) state.off[series.name].add(k);
      else state.off[series.name].delete(k);
      refresh(panel);
    },
  }, h("i", { class: "swatch" }), taxonomy.labels[k]);
  const all = order(taxonomy), front = long && !panel.more ? all.filter((k) => (every ? k === chosenOne : isOn(k))) : all;
  return h("div", { class: "chips", role: "group", "aria-label": "labels shown" }, front.map(chip),
    long && h("button", { type: "button", class: "chip", "aria-expanded": String(!!panel.more), click: () => { panel.more = !panel.more; refresh(panel); } },
      panel.more ? "fewer" : `+ ${all.length - front.length} more`));
}

function refresh(panel) {
  const at = [...panel.chips.children].indexOf(document.activeElement), fresh = chips(panel);
  panel.chips.replaceWith(fresh);
  panel.chips = fresh;
  fresh.children[at]?.focus();
  drawPanel(panel);
  readOut();
}

function controls() {
  const people = FACTS.people.filter((p) => FACTS.series.some((s) => s.people[p.id]));
  const groups = [["labels", "Expressions"], ["axes", "Valence · arousal · dominance"]].filter(([g]) => FACTS.series.some((s) => groupOf(s) === g));
  const modalities = Object.keys(SAID).filter((m) => seriesOf(m).length);
  const choose = (change) => () => { change(); tell("choice"); };
  const every = state.person === EVERYONE;
  return h("div", { class: "controls" },
    people.length > 1 && h("div", { role: "group", "aria-label": "person" }, h("span", { class: "what" }, "Person"), h("span", { class: "joined" },
      people.slice(0, 8).map((p) => pressed(plainly(p.name), state.person === p.id, choose(() => { state.person = p.id; }))),
      people.length > 8 && h("select", { "aria-label": "another person", change: (e) => choose(() => { state.person = e.target.value; })() },
        people.map((p) => h("option", { value: p.id, selected: p.id === state.person }, plainly(p.name)))),
      pressed("Everyone", every, choose(() => { state.person = EVERYONE; })))),
    groups.length > 1 && h("div", { role: "group", "aria-label": "dimensions" }, h("span", { class: "what" }, "Show"), h("span", { class: "joined" },
      groups.map(([g, text]) => pressed(text, state.group === g, choose(() => { state.group = g; }))))),
    state.group === "labels" && !every && h("div", { role: "group", "aria-label": "drawing" }, h("span", { class: "what" }, "As"), h("span", { class: "joined" },
      pressed("shares", state.style === "stacked", choose(() => { state.style = "stacked"; })),
      pressed("lines", state.style === "lines", choose(() => { state.style = "lines"; })))),
    modalities.length > 1 && h("div", { role: "group", "aria-label": "modalities" }, h("span", { class: "what" }, "From"), h("span", { class: "joined" },
      modalities.map((m) => pressed(SAID[m], !state.hidden.has(m), choose(() => { state.hidden.has(m) ? state.hidden.delete(m) : state.hidden.add(m); }))))),
    h("div", { role: "group", "aria-label": "zoom" }, h("span", { class: "what" }, "Time"), h("span", { class: "joined" },
      h("button", { type: "button", title: "earlier", "aria-label": "earlier", click: () => shift(-0.5) }, "◂"),
      h("button", { type: "button", title: "zoom in", "aria-label": "zoom in", click: () => zoom(0.5) }, "+"),
      h("button", { type: "button", title: "zoom out", "aria-label": "zoom out", click: () => zoom(2) }, "−"),
      h("button", { type: "button", title: "later", "aria-label": "later", click: () => shift(0.5) }, "▸"),
      h("button", { type: "button", click: () => setRange(0, FACTS.duration) }, "all"))));
}

function zoom(factor, around = null) {
  const [from, to] = state.range, middle = around ?? (state.time !== null && state.time >= from && state.time <= to ? state.time : (from + to) / 2);
  setRange(middle - (middle - from) * factor, middle + (to - middle) * factor);
}
function shift(share) {
  const [from, to] = state.range, by = (to - from) * share;
  setRange(from + by, to + by);
}

// ---- panels ----

function buildPanels() {
  const body = document.querySelector("#timelines .body"), focused = document.activeElement?.textContent, inside = body.contains(document.activeElement);
  panels.splice(0).forEach((p) => p.draw && Plotly.purge(p.draw));
  const bar = controls();
  const shown = Object.keys(SAID).filter((m) => seriesOf(m).length && !state.hidden.has(m)).map((modality) => buildPanel(modality));
  const thinned = FACTS.series.filter((s) => s.shown < s.rows);
  fill(body,
    h("p", { class: "lead" }, "Drag to zoom, hold Shift to move, double-click for the whole; click for the exact values, arrow keys to step. ",
      "Hatched ground was not measured and is never filled in. The strip below each plot is how well the input could be seen or heard; paler means worse.",
      thinned.length ? ` This recording is long: in this file ${thinned.map((s) => `${s.name} is averaged from ${s.rows.toLocaleString("en")} to ${s.shown.toLocaleString("en")} rows`).join(", ")}, for display only; the table keeps every row.` : ""),
    bar, ...shown.map((p) => p.card),
    h("div", { class: "reading", role: "status", "aria-live": "polite" }));
  if (inside) [...bar.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
  panels.push(...shown);
  drawAll();
  readOut();
}

function buildPanel(modality) {
  const series = chosen(modality), all = seriesOf(modality), taxonomy = FACTS.taxonomies[series.taxonomy], panel = { modality, series };
  const head = h("div", { class: "head" }, h("h3", {}, SAID[modality]),
    all.length > 1
      ? h("select", { "aria-label": `taxonomy of ${SAID[modality]}`, change: (e) => { state.taxonomy[modality + state.group] = e.target.value; tell("choice"); } },
        all.map((s) => h("option", { value: s.name, selected: s === series }, `${FACTS.taxonomies[s.taxonomy].title}${s.projected ? " (projected)" : ""}`)))
      : h("span", { class: "model" }, taxonomy.title),
    h("span", { class: "model" }, series.model),
    series.projected && h("span", { class: "badge", tabindex: "0", title: `Not what the model was trained on: reached through the published table ${arrow(series.projected)}` }, `projected · ${arrow(series.projected)}`));
  const has = state.person === EVERYONE ? Object.keys(series.people).length : series.people[state.person];
  if (!has) {
    panel.card = h("div", { class: "card panel" }, head, h("p", { class: "silent" }, `Nothing of ${plainly(person(state.person)?.name ?? "this person")} in ${SAID[modality].toLowerCase()}.`));
    return panel;
  }
  panel.grain = h("span", { class: "model grain" });
  head.append(panel.grain);
  panel.chips = chips(panel);
  panel.draw = h("div", { class: "draw" });
  panel.now = h("div", { class: "now", hidden: true });
  panel.plot = h("div", { class: `plot${modality === "fused" ? " tall" : ""}`, tabindex: "0", role: "application", "aria-label": `${SAID[modality]} over time; arrow keys move the time, plus and minus zoom` }, panel.draw, panel.now);
  panel.card = h("div", { class: "card panel" }, head, panel.chips, panel.plot,
    state.person === EVERYONE && key(FACTS.people.filter((p) => series.people[p.id]).map((p) => [plainly(p.name), ink(p.colour), "thin"])));
  listen(panel);
  return panel;
}

function listen(panel) {
  const { plot } = panel;
  const at = (event) => {
    const box = plot.getBoundingClientRect(), share = (event.clientX - box.left - MARGIN.l) / (box.width - MARGIN.l - MARGIN.r);
    return share < 0 || share > 1 ? null : state.range[0] + share * (state.range[1] - state.range[0]);
  };
  let down = null;
  plot.addEventListener("pointermove", (event) => {
    if (event.buttons) return hideTip();
    const t = at(event);
    t === null ? hideTip() : showTip(panel, t, event);
  });
  plot.addEventListener("pointerleave", hideTip);
  plot.addEventListener("pointerdown", (event) => { down = event.clientX; }, true);
  window.addEventListener("pointerup", (event) => {
    if (!plot.isConnected || down === null) return;
    const t = at(event), still = Math.abs(event.clientX - down) < 4;
    down = null;
    if (still && t !== null) { setTime(t); showTip(panel, t, event); }
  }, true);
  plot.addEventListener("dblclick", () => setRange(0, FACTS.duration));
  plot.addEventListener("keydown", (event) => {
    const [from, to] = state.range, step = (to - from) / (event.shiftKey ? 10 : 100);
    const moves = { ArrowLeft: () => setTime((state.time ?? from) - step), ArrowRight: () => setTime((state.time ?? from) + step), Home: () => setTime(from), End: () => setTime(to - 1e-3),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => setRange(0, FACTS.duration), PageUp: () => shift(-0.5), PageDown: () => shift(0.5) };
    if (!moves[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    moves[event.key]();
  });
  Plotly.newPlot(panel.draw, [], {}, { displayModeBar: false }).then(() => {
    panel.draw.on("plotly_relayout", (change) => {
      const from = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0], to = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
      if (from !== undefined) setRange(+from, +to);
    });
  });
}

new ResizeObserver(() => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(() => panels.forEach((p) => { if (p.draw && p.plot.isConnected) { Plotly.Plots.resize(p.draw); drawPanel(p); } })); })
  .observe(document.querySelector("#timelines .body"));

// ---- exact values ----

const tip = h("div", { id: "tip", "aria-hidden": "true" });
document.body.append(tip);
const hideTip = () => tip.classList.remove("on");

// What one series says of one person at a moment: values, or why there are none.
function saying(series, who, t) {
  const rows = rowsOf(series, who), i = rowAt(rows, t);
  if (i < 0) return { why: "not measured here" };
  if (rows.missing[i]) return { start: rows.start[i], end: rows.end[i], why: rows.reason[i] || "not measured here" };
  return { start: rows.start[i], end: rows.end[i], quality: rows.quality[i], values: rows.values.map((c) => c[i]), spread: rows.spread && rows.spread.map((c) => c[i]) };
}

function showTip(panel, t, event) {
  const { series } = panel, taxonomy = FACTS.taxonomies[series.taxonomy], every = state.person === EVERYONE, body = [];
  if (every) {
    const k = state.one[series.name] ?? strongestOverall(series);
    body.push(h("div", { class: "when" }, h("span", {}, clock(t, 2)), h("span", {}, taxonomy.labels[k])));
    FACTS.people.filter((p) => series.people[p.id]).forEach((p) => {
      const said = saying(series, p.id, t);
      body.push(h("div", { class: "row" }, h("i", { class: "swatch", style: { "--c": ink(p.colour) } }), h("span", {}, plainly(p.name)), h("b", {}, said.values ? figure(said.values[k]) : "–")));
    });
  } else {
    const said = saying(series, state.person, t);
    body.push(h("div", { class: "when" }, h("span", {}, said.values && said.end - said.start > 0.5 ? `${clock(said.start, 2)} – ${clock(said.end, 2)}` : clock(t, 2)), said.quality !== undefined && h("span", {}, `quality ${figure(said.quality)}`)));
    if (!said.values) body.push(h("div", { class: "why" }, said.why));
    else {
      const ranked = said.values.map((v, k) => [v, k]);
      if (taxonomy.kind !== "dimensional") ranked.sort((a, b) => (b[0] ?? -9) - (a[0] ?? -9));
      for (const [v, k] of ranked.slice(0, 10)) body.push(h("div", { class: `row${taxonomy.kind !== "dimensional" && (v ?? 0) < 0.05 ? " slight" : ""}` }, h("i", { class: "swatch", style: { "--c": shade(taxonomy, k) } }), h("span", {}, taxonomy.labels[k]), h("b", {}, figure(v, 3), said.spread && said.spread[k] !== null ? ` ± ${figure(said.spread[k])}` : "")));
      if (ranked.length > 10) body.push(h("div", { class: "why" }, `and ${ranked.length - 10} labels below ${figure(ranked[9][0])}`));
      if (series.projected) body.push(h("div", { class: "why" }, "projected"));
    }
  }
  fill(tip, ...body);
  tip.classList.add("on");
  const box = tip.getBoundingClientRect(), x = event.clientX + 16 + box.width > innerWidth ? event.clientX - 16 - box.width : event.clientX + 16;
  tip.style.left = `${Math.max(6, x)}px`;
  tip.style.top = `${Math.max(6, Math.min(innerHeight - box.height - 6, event.clientY - box.height / 2))}px`;
}

// The moment under the cursor in one sentence, for eyes and for screen readers.
function readOut() {
  const place = document.querySelector("#timelines .reading");
  if (!place) return;
  if (state.time === null) return fill(place);
  const who = state.person === EVERYONE ? FACTS.people.map((p) => p.id) : [state.person];
  const parts = panels.flatMap((panel) => who.filter((id) => panel.series.people[id]).map((id) => {
    const { series } = panel, taxonomy = FACTS.taxonomies[series.taxonomy], said = saying(series, id, state.time);
    const name = who.length > 1 ? `${plainly(person(id)?.name ?? "")}, ${SAID[series.modality].toLowerCase()}` : SAID[series.modality];
    if (!said.values) return `${name}: ${said.why}`;
    const ranked = said.values.map((v, k) => [v, k]).filter(([v]) => v !== null);
    if (taxonomy.kind !== "dimensional") ranked.sort((a, b) => b[0] - a[0]);
    return `${name}: ${ranked.slice(0, 3).map(([v, k]) => `${taxonomy.labels[k]} ${figure(v)}`).join(", ")}`;
  }));
  fill(place, h("b", {}, `At ${clock(state.time, 1)}`), parts.length ? ` — ${parts.join(" · ")}` : "");
}
