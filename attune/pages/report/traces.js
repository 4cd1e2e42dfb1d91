// What is drawn: a series as areas, rows or lines. Missing stays missing: they end where measuring ended, and nothing bridges
// a gap. Quality is opacity.

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const EVERYONE = "\u0000everyone";

// Labels of a series in the order they are drawn: the quiet ones last, so that expression rises from the ground.
function order(taxonomy) {
  const all = taxonomy.labels.map((_, k) => k);
  return taxonomy.kind === "dimensional"
    ? all
    : [...all.filter((k) => !isNeutral(taxonomy.labels[k])), ...all.filter((k) => isNeutral(taxonomy.labels[k]))];
}

function outline(x, y, points) {
  for (const [a, b] of points) {
    x.push(a);
    y.push(b);
  }
  x.push(null);
  y.push(null);
}

const area = (x, y, fillcolor, more = {}) => ({
  type: "scatter",
  mode: "lines",
  x,
  y,
  fill: "toself",
  fillcolor,
  line: { width: 0 },
  hoverinfo: "skip",
  ...more,
});

// Shares that add up: one area a label, cut at every gap.
function stacked(series, bins) {
  const taxonomy = taxonomyOf(series),
    on = lit(series);
  const floor = new Map(bins.map((b) => [b, 0]));
  return order(taxonomy)
    .filter(on)
    .map((k) => {
      const x = [],
        y = [];
      for (const run of runs(bins)) {
        const top = [],
          bottom = [];
        for (const b of run) {
          const low = floor.get(b),
            high = low + (b.values[k] ?? 0);
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
  const x = [],
    y = [];
  for (const run of runs(bins, (b) => b.values[k] !== null))
    outline(
      x,
      y,
      run.flatMap((b) => [
        [b.start, b.values[k]],
        [b.end, b.values[k]],
      ]),
    );
  return {
    type: "scatter",
    mode: "lines",
    x,
    y,
    line: { color: colour, width: 1.9, dash, simplify: false },
    connectgaps: false,
    hoverinfo: "skip",
  };
}

function lines(series, bins) {
  const taxonomy = taxonomyOf(series),
    on = lit(series),
    traces = [];
  order(taxonomy)
    .filter(on)
    .forEach((k) => {
      const colour = shade(taxonomy, k);
      if (bins.some((b) => b.spread)) {
        const x = [],
          y = [];
        for (const run of runs(bins, (b) => b.values[k] !== null && b.spread[k] !== null)) {
          outline(x, y, [
            ...run.flatMap((b) => [
              [b.start, b.values[k] + b.spread[k]],
              [b.end, b.values[k] + b.spread[k]],
            ]),
            ...run
              .slice()
              .reverse()
              .flatMap((b) => [
                [b.end, b.values[k] - b.spread[k]],
                [b.start, b.values[k] - b.spread[k]],
              ]),
          ]);
        }
        traces.unshift(area(x, y, faded(colour, 0.13)));
      }
      traces.push(line(bins, k, colour, taxonomy.kind === "dimensional" ? DASHES[k % DASHES.length] : "solid"));
    });
  return traces;
}

// Values that stand alone, many of them: one row a label, as high as its value.
function rows(series, bins) {
  const taxonomy = taxonomyOf(series),
    all = order(taxonomy).filter(lit(series));
  return all.map((k, i) => {
    const x = [],
      y = [],
      ground = 1 - (i + 1) / all.length;
    for (const b of bins) {
      const high = ground + ((b.values[k] ?? 0) * 0.92) / all.length;
      if (!b.missing && b.values[k] !== null)
        outline(x, y, [
          [b.start, ground],
          [b.start, high],
          [b.end, high],
          [b.end, ground],
          [b.start, ground],
        ]);
    }
    return area(x, y, shade(taxonomy, k), { line: { width: 1, color: shade(taxonomy, k) } });
  });
}
const inRows = (series) => state.person !== EVERYONE && state.style === "stacked" && taxonomyOf(series).kind === "multilabel";

function boxes(bins, low, high) {
  const x = [],
    y = [];
  for (const b of bins)
    outline(x, y, [
      [b.start, low],
      [b.start, high],
      [b.end, high],
      [b.end, low],
      [b.start, low],
    ]);
  return [x, y];
}

// Poorly seen or heard is drawn paler, and a thin strip below the ground says how well.
function quality(bins, [low, high]) {
  const measured = bins.filter((b) => !b.missing && b.quality !== null),
    span = high - low,
    out = [];
  for (const [from, to, veil] of [
    [0, 0.25, 0.72],
    [0.25, 0.5, 0.5],
    [0.5, 0.75, 0.22],
  ]) {
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
  const stretches = people
    .flatMap((bins) => bins.filter((b) => !b.missing))
    .map((b) => [b.start, b.end])
    .sort((a, b) => a[0] - b[0]);
  const holes = [];
  let at = from;
  for (const [s, e] of stretches) {
    if (s - at > TOUCH) holes.push({ start: at, end: s });
    at = Math.max(at, e);
  }
  if (to - at > TOUCH) holes.push({ start: at, end: to });
  if (!holes.length) return [];
  return [
    area(...boxes(holes, low, high), "rgba(0,0,0,0)", {
      fillpattern: { shape: "/", fgcolor: css("--line"), bgcolor: "rgba(0,0,0,0)", size: 7, solidity: 0.16 },
    }),
  ];
}

function traces(panel) {
  const { series } = panel,
    taxonomy = taxonomyOf(series),
    span = shownSpan(series);
  const columns = Math.max(150, Math.min(500, Math.round(panel.plot.clientWidth / 2)));
  if (state.person === EVERYONE) {
    const k = state.one[series.name] ?? strongestOverall(series);
    panel.coarse = 0;
    const all = FACTS.people
      .map((p) => [p, rowsOf(series, p.id)])
      .filter(([, rows]) => rows)
      .map(([p, rows]) => [p, inView(rows, state.range, columns)]);
    return [
      ...unmeasured(
        all.map(([, bins]) => bins),
        state.range,
        span,
      ),
      ...all.map(([p, bins]) => line(bins, k, ink(p.colour), DASHES[FACTS.people.indexOf(p) % DASHES.length])),
    ];
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
  const taxonomy = taxonomyOf(series);
  if (taxonomy.kind === "dimensional") return 0;
  const sums = taxonomy.labels.map((label, k) =>
    isNeutral(label)
      ? -1
      : Object.keys(series.people).reduce((sum, who) => sum + rowsOf(series, who).values[k].reduce((a, v) => a + (v ?? 0), 0), 0),
  );
  return sums.indexOf(Math.max(...sums));
}

const shownSpan = (series) => taxonomyOf(series).range;
