// Timelines: one panel a modality, all on the same stretch of time.

const FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, system-ui, sans-serif';
const MARGIN = { l: 38, r: 10, t: 8, b: 26 };
const panels = [];

const groupOf = (series) => (carrying(series) ? "carried" : dimensional(series) ? "axes" : "labels");
const seriesOf = (modality) => FACTS.series.filter((s) => s.modality === modality && groupOf(s) === state.group);
const chosen = (modality) => {
  const all = seriesOf(modality);
  return all.find((s) => s.name === state.taxonomy[modality + state.group]) ?? all[0];
};

function layout(panel) {
  const [low, high] = shownSpan(panel.series),
    span = high - low,
    marks = ticks(state.range, Math.max(3, Math.floor(panel.plot.clientWidth / 110)));
  const quiet = { showline: false, zeroline: false, fixedrange: true, gridcolor: css("--line"), gridwidth: 1, ticks: "" };
  const middle = low < 0 ? [low, 0, high] : [low, (low + high) / 2, high];
  const names = inRows(panel.series) ? order(taxonomyOf(panel.series)).filter(lit(panel.series)) : [];
  return {
    annotations: names.map((k, i) => ({
      text: taxonomyOf(panel.series).labels[k],
      xref: "paper",
      x: 0,
      xanchor: "left",
      xshift: 2,
      yref: "y",
      y: 1 - i / names.length,
      yanchor: "top",
      yshift: -1,
      showarrow: false,
      font: { size: 11, color: css("--soft") },
      bgcolor: faded(rgbHex(css("--card")), 0.75),
      borderpad: 1,
    })),
    shapes: names
      .slice(1)
      .map((_, i) => ({
        type: "line",
        layer: "below",
        xref: "paper",
        x0: 0,
        x1: 1,
        yref: "y",
        y0: 1 - (i + 1) / names.length,
        y1: 1 - (i + 1) / names.length,
        line: { width: 1, color: css("--line") },
      })),
    margin: MARGIN,
    autosize: true,
    showlegend: false,
    hovermode: false,
    dragmode: coarse() ? false : "zoom",
    selectdirection: "h",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: FONT, size: 11.5, color: css("--faint") },
    xaxis: {
      ...quiet,
      fixedrange: coarse(),
      range: [...state.range],
      tickmode: "array",
      tickvals: marks.at,
      ticktext: marks.text,
      showgrid: false,
      layer: "below traces",
    },
    yaxis: {
      ...quiet,
      showticklabels: !names.length,
      showgrid: !names.length,
      range: [low - 0.09 * span, high + 0.02 * span],
      tickmode: "array",
      tickvals: middle,
      ticktext: middle.map((v) => (low < 0 && v > 0 ? "+" : "") + String(v).replace("-", "−")),
      zeroline: low < 0,
      zerolinecolor: css("--faint"),
      zerolinewidth: 1,
    },
  };
}
const coarse = () => matchMedia("(pointer: coarse)").matches;

function drawPanel(panel) {
  if (!panel.plot || !panel.plot.isConnected) return;
  if (inRows(panel.series))
    panel.plot.style.height = `${Math.max(120, 44 + 22 * order(taxonomyOf(panel.series)).filter(lit(panel.series)).length)}px`;
  else panel.plot.style.height = "";
  Plotly.react(panel.draw, traces(panel), layout(panel), { displayModeBar: false, responsive: false, doubleClick: false, showTips: false });
  panel.grain.textContent = panel.coarse ? `each column: mean of ${lasting(panel.coarse)}; zoom in for single rows` : "";
  placeNow(panel);
}

function placeNow(panel) {
  if (!panel.plot) return;
  const width = panel.plot.clientWidth - MARGIN.l - MARGIN.r,
    share = state.time === null ? -1 : (state.time - state.range[0]) / (state.range[1] - state.range[0]);
  panel.now.hidden = share < 0 || share > 1;
  panel.now.style.left = `${MARGIN.l + share * width}px`;
}

function drawAll() {
  panels.forEach(drawPanel);
}

let waiting = 0;
on("range", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
});
on("time", () => {
  panels.forEach(placeNow);
  readOut();
});
on("choice", buildPanels);

function buildPanels() {
  hideTip();
  const body = document.querySelector("#timelines .body"),
    focused = document.activeElement?.textContent,
    inside = body.contains(document.activeElement);
  panels.splice(0).forEach((p) => p.draw && Plotly.purge(p.draw));
  const bar = controls();
  const shown = Object.keys(SAID)
    .filter((m) => seriesOf(m).length && !state.hidden.has(m))
    .map((modality) => buildPanel(modality));
  const thinned = FACTS.series.filter((s) => s.shown < s.rows);
  fill(
    body,
    h(
      "p.lead",
      h(
        "span.hint",
        coarse()
          ? "Tap a plot for the exact values; the buttons zoom and move. "
          : "Drag to zoom, hold Shift to move, double-click for the whole; click for the exact values, arrow keys to step. ",
      ),
      "Hatched ground was not measured and is never filled in. The strip below each plot is how well the input could be seen or heard; paler means worse.",
      thinned.length
        ? ` This recording is long: in this file ${thinned.map((s) => `${s.name} is averaged from ${s.rows.toLocaleString("en")} to ${s.shown.toLocaleString("en")} rows`).join(", ")}, for display only; the table keeps every row.`
        : "",
    ),
    h("h3.only-print", state.person === EVERYONE ? "Everyone" : plainly(person(state.person)?.name ?? "")),
    bar,
    ...shown.map((p) => p.card),
    h("div.reading", { role: "status", "aria-live": "polite" }),
  );
  if (inside) [...bar.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
  panels.push(...shown);
  drawAll();
  readOut();
}

function buildPanel(modality) {
  const series = chosen(modality),
    all = seriesOf(modality),
    taxonomy = taxonomyOf(series),
    panel = { modality, series };
  const head = h(
    "div.head",
    h("h3", SAID[modality]),
    all.length > 1
      ? h(
          "select",
          {
            "aria-label": `taxonomy of ${SAID[modality]}`,
            change: (e) => {
              state.taxonomy[modality + state.group] = e.target.value;
              tell("choice");
            },
          },
          all.map((s) =>
            h("option", { value: s.name, selected: s === series }, `${taxonomyOf(s).title}${s.projected ? " (projected)" : ""}`),
          ),
        )
      : h("span.model", taxonomy.title),
    h("span.model", series.model),
    series.projected &&
      h(
        "span.badge",
        { tabindex: "0", title: `Not what the model was trained on: reached through the published table ${arrow(series.projected)}` },
        `projected · ${arrow(series.projected)}`,
      ),
  );
  const has = state.person === EVERYONE ? Object.keys(series.people).length : series.people[state.person];
  if (!has) {
    panel.card = h(
      "div.card.panel",
      head,
      h("p.silent", `Nothing of ${plainly(person(state.person)?.name ?? "this person")} in ${SAID[modality].toLowerCase()}.`),
    );
    return panel;
  }
  panel.grain = h("span.model.grain");
  head.append(panel.grain);
  panel.chips = chips(panel);
  panel.draw = h("div.draw");
  panel.now = h("div.now", { hidden: true });
  panel.plot = h(
    "div",
    {
      class: `plot${modality === "fused" ? " tall" : ""}`,
      tabindex: "0",
      role: "application",
      "aria-label": `${SAID[modality]} over time; arrow keys move the time, plus and minus zoom`,
    },
    panel.draw,
    panel.now,
  );
  panel.card = h(
    "div.card.panel",
    head,
    panel.chips,
    panel.plot,
    state.person === EVERYONE && key(FACTS.people.filter((p) => series.people[p.id]).map((p) => [plainly(p.name), ink(p.colour), "thin"])),
  );
  listen(panel);
  return panel;
}

// The moment under the pointer, or null beside the plot.
function momentAt({ plot }, event) {
  const box = plot.getBoundingClientRect(),
    share = (event.clientX - box.left - MARGIN.l) / (box.width - MARGIN.l - MARGIN.r);
  return share < 0 || share > 1 ? null : state.range[0] + share * (state.range[1] - state.range[0]);
}

// A press that doesn't move is a click. Plotly covers the page while the pointer is down, so its end is heard from the window.
let press = null;
window.addEventListener(
  "pointerup",
  (event) => {
    const t = press && Math.abs(event.clientX - press.x) < 4 ? momentAt(press.panel, event) : null,
      panel = press?.panel;
    press = null;
    if (t !== null) {
      setTime(t);
      showTip(panel, t, event);
    }
  },
  true,
);

function listen(panel) {
  const { plot } = panel;
  plot.addEventListener("pointermove", (event) => {
    const t = event.buttons ? null : momentAt(panel, event);
    t === null ? hideTip() : showTip(panel, t, event);
  });
  plot.addEventListener("pointerleave", hideTip);
  plot.addEventListener(
    "pointerdown",
    (event) => {
      press = { panel, x: event.clientX };
    },
    true,
  );
  plot.addEventListener("dblclick", () => setRange(0, FACTS.duration));
  plot.addEventListener("keydown", (event) => {
    const [from, to] = state.range,
      step = (to - from) / (event.shiftKey ? 10 : 100);
    const moves = {
      ArrowLeft: () => setTime((state.time ?? from) - step),
      ArrowRight: () => setTime((state.time ?? from) + step),
      Home: () => setTime(from),
      End: () => setTime(to - 1e-3),
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
      0: () => setRange(0, FACTS.duration),
      PageUp: () => shift(-0.5),
      PageDown: () => shift(0.5),
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    moves[event.key]();
  });
  Plotly.newPlot(panel.draw, [], {}, { displayModeBar: false }).then(() => {
    panel.draw.on("plotly_relayout", (change) => {
      const from = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0],
        to = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
      if (from !== undefined) setRange(+from, +to);
    });
  });
}

let wide = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width === wide) return;
  wide = contentRect.width;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() =>
    panels.forEach((p) => {
      if (p.draw?.isConnected) {
        Plotly.Plots.resize(p.draw);
        drawPanel(p);
      }
    }),
  );
}).observe(document.querySelector("#timelines .body"));
