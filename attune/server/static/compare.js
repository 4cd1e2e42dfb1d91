// Two recordings side by side: what was fused over time, and on the whole, with one scale for both.

import { json } from "./ask.js";
import { fill, figure, h, lasting, plainly } from "./elements.js";
import { drawLane, linesOf } from "./lanes.js";
import { runsOf } from "./memory.js";
import { GROUPS } from "./panels.js";

const TOUCH = 0.05; // s; rows that lie closer are drawn as one line
const facts = new Map();
let drawing = null;
addEventListener("theme", () => drawing?.());
addEventListener("resize", () => drawing?.());

export async function compare(place, recordings) {
  let group = "axes";
  const people = [null, null];
  fill(place, h("p.empty", "Reading both…"));
  let both;
  try {
    both = await Promise.all(
      recordings.map(async (r) => {
        if (!facts.has(r.id)) facts.set(r.id, await json(`${r.link}/facts`));
        return facts.get(r.id);
      }),
    );
  } catch (error) {
    fill(place, h("p.empty.card", h("b", "They can't be compared."), error.message));
    return;
  }
  const redraw = () => draw(place, { recordings, both, group, people, choose: (change) => (change(), redraw()), setGroup: (g) => (group = g) });
  drawing = () => place.isConnected && place.querySelector("canvas") && redraw();
  redraw();
}

// The series that is fused; where only one modality was there, that one.
function seriesOf(fact, group) {
  const fits = (s) => (fact.taxonomies[s.taxonomy].kind === "dimensional") === (group === "axes") && (group !== "axes" || s.taxonomy === "vad");
  const order = ["fused", "face", "voice", "text"];
  return fact.series.filter(fits).sort((a, b) => order.indexOf(a.modality) - order.indexOf(b.modality) || (a.taxonomy === "ekman7" ? -1 : 0))[0] ?? null;
}

function draw(place, { recordings, both, group, people, choose, setGroup }) {
  const longest = Math.max(...both.map((f) => f.duration), 1);
  const sides = both.map((fact, i) => {
    const series = seriesOf(fact, group),
      there = series ? Object.keys(series.people) : [],
      person = there.includes(people[i]) ? people[i] : (fact.people.map((p) => p.id).find((p) => there.includes(p)) ?? there[0] ?? null);
    const taxonomy = series && fact.taxonomies[series.taxonomy];
    return { fact, series, there, person, taxonomy, name: recordings[i].file || fact.name, i };
  });
  const range = sides.find((s) => s.taxonomy)?.taxonomy.range ?? [-1, 1];
  const canvases = [];
  fill(
    place,
    h("h2", "Side by side"),
    h(
      "div.controls",
      h(
        "span.joined",
        Object.entries(GROUPS).map(([g, text]) => h("button", { type: "button", "aria-pressed": String(g === group), click: () => choose(() => setGroup(g)) }, text)),
      ),
    ),
    h(
      "div.pair",
      sides.map((side) => {
        const canvas = h("canvas", { role: "img", "aria-label": `${side.name}: fused expression over time` });
        canvases.push([canvas, side]);
        return h(
          "div.card.panel",
          h(
            "div.head",
            h("h3", side.name),
            h("span.latest", lasting(side.fact.duration)),
            side.there.length > 1 &&
              h(
                "select",
                { "aria-label": `person in ${side.name}`, change: (e) => choose(() => (people[side.i] = e.target.value)) },
                side.there.map((p) => h("option", { value: p, selected: p === side.person }, plainly(p || "Someone"))),
              ),
            side.series?.projected && h("span.badge", "projected"),
          ),
          side.series ? h("div.plot.tall", canvas) : h("p.silent", "Nothing of this kind was measured here."),
        );
      }),
    ),
    means(sides, range, group),
    h("p.lead.small", "Both are drawn with the same scale of time and of values. A difference of means is a difference of what was measured, under whatever light, microphone and occasion there was; it says nothing of why."),
  );
  for (const [canvas, side] of canvases) if (side.series) drawSide(canvas, side, longest, range);
}

function drawSide(canvas, { series, person, taxonomy, fact }, longest, range) {
  const columns = series.people[person];
  const rows = columns.start.map((start, i) => {
    const values = Object.fromEntries(taxonomy.labels.map((l, k) => [l, columns.values[k][i]]));
    return { start, end: columns.end[i], values, missing: Object.values(values).every((v) => v === null), middle: start };
  });
  drawLane(canvas, {
    runs: runsOf(rows, TOUCH),
    lines: linesOf(taxonomy, taxonomy.labels, "values"),
    range,
    from: 0,
    to: longest,
    until: fact.duration,
    why: (a, b) => (a >= fact.duration - TOUCH ? "over" : b - a > longest / 8 ? "nothing measured" : null),
  });
}

const signed = (x) => (x > 0 ? `+${figure(x)}` : x < 0 ? figure(x) : "0");

// Means weighted by time, each label's two bars under each other.
function means(sides, range, group) {
  const found = sides.map(({ fact, series, person }) =>
    series ? fact.people.find((p) => p.id === person)?.means.find((m) => m.modality === series.modality && m.taxonomy === series.taxonomy) : null,
  );
  const taxonomy = sides.find((s) => s.taxonomy)?.taxonomy;
  if (!taxonomy) return null;
  const value = (i, label) => {
    const k = sides[i].taxonomy?.labels.indexOf(label) ?? -1;
    return k < 0 ? null : (found[i]?.values[k] ?? null);
  };
  const twoSided = range[0] < 0;
  const bar = (v, colour) => {
    const share = v === null ? 0 : (v - (twoSided ? 0 : range[0])) / (range[1] - range[0]);
    return h(
      `span.track${twoSided ? ".signed" : ""}`,
      v !== null && h("i", { style: { "--c": colour, left: `${100 * (twoSided ? 0.5 + Math.min(0, share) : 0)}%`, width: `${100 * Math.abs(share)}%` } }),
    );
  };
  return h(
    "table.means-pair.card",
    h("caption", "On the whole"),
    h("thead", h("tr", h("th", { scope: "col" }, group === "axes" ? "dimension" : "expression"), sides.map((s) => h("th", { scope: "col" }, s.name)), h("th", { scope: "col" }, "difference"))),
    h(
      "tbody",
      linesOf(taxonomy, taxonomy.labels, "values").map(({ label, colour }) => {
        const [a, b] = [value(0, label), value(1, label)];
        return h(
          "tr",
          h("th", { scope: "row" }, h("i.swatch", { style: { "--c": colour } }), ` ${label}`),
          [a, b].map((v) => h("td", h("span.bars", bar(v, colour), h("span.num", figure(v))))),
          h("td.num", a === null || b === null ? "–" : signed(Math.round(100 * (b - a)) / 100)),
        );
      }),
    ),
  );
}
