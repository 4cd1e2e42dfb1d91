// What the reader chooses: whom, which dimensions and labels, how they are drawn, which stretch of time.

const FIRST = 6; // labels of a long list that are drawn before anybody asks for more

// Which labels are on: all of a short list, the strongest few of a long one, and then what the reader chose.
function lit(series) {
  const taxonomy = taxonomyOf(series);
  if (!state.off[series.name]) {
    const off = new Set();
    if (taxonomy.labels.length > 12) {
      const peak = taxonomy.labels.map((label, k) => {
        if (isNeutral(label)) return -1;
        let sum = 0;
        for (const who of Object.keys(series.people)) for (const v of rowsOf(series, who).values[k]) sum += v ?? 0;
        return sum;
      });
      const top = new Set(
        peak
          .map((_, k) => k)
          .sort((a, b) => peak[b] - peak[a])
          .slice(0, FIRST),
      );
      peak.forEach((_, k) => {
        if (!top.has(k)) off.add(k);
      });
    }
    state.off[series.name] = off;
  }
  return (k) => !state.off[series.name].has(k);
}

const pressed = (text, yes, click, more = {}) => h("button", { type: "button", "aria-pressed": String(yes), click, ...more }, text);

function chips(panel) {
  const { series } = panel,
    taxonomy = taxonomyOf(series),
    every = state.person === EVERYONE,
    isOn = lit(series);
  const long = taxonomy.labels.length > 12,
    chosenOne = state.one[series.name] ?? strongestOverall(series);
  const chip = (k) =>
    h(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-pressed": String(every ? k === chosenOne : isOn(k)),
        style: { "--c": shade(taxonomy, k) },
        click: () => {
          if (every) state.one[series.name] = k;
          else if (isOn(k)) state.off[series.name].add(k);
          else state.off[series.name].delete(k);
          refresh(panel);
        },
      },
      h("i.swatch"),
      taxonomy.labels[k],
    );
  const all = order(taxonomy),
    front = long && !panel.more ? all.filter((k) => (every ? k === chosenOne : isOn(k))) : all;
  return h(
    "div.chips",
    { role: "group", "aria-label": "labels shown" },
    front.map(chip),
    long &&
      h(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-expanded": String(!!panel.more),
          click: () => {
            panel.more = !panel.more;
            refresh(panel);
          },
        },
        panel.more ? "fewer" : `+ ${all.length - front.length} more`,
      ),
  );
}

function refresh(panel) {
  const at = [...panel.chips.children].indexOf(document.activeElement),
    fresh = chips(panel);
  panel.chips.replaceWith(fresh);
  panel.chips = fresh;
  fresh.children[at]?.focus();
  drawPanel(panel);
  readOut();
}

function controls() {
  const people = FACTS.people.filter((p) => FACTS.series.some((s) => s.people[p.id]));
  const groups = [
    ["labels", "Expressions"],
    ["axes", "Valence · arousal · dominance"],
    ["carried", "What decided"],
  ].filter(([g]) => FACTS.series.some((s) => groupOf(s) === g));
  const modalities = Object.keys(SAID).filter((m) => seriesOf(m).length);
  const choose = (change) => () => {
    change();
    tell("choice");
  };
  const every = state.person === EVERYONE;
  return h(
    "div.controls",
    people.length > 1 &&
      h(
        "div",
        { role: "group", "aria-label": "person" },
        h("span.what", "Person"),
        h(
          "span.joined",
          people.slice(0, 8).map((p) =>
            pressed(
              plainly(p.name),
              state.person === p.id,
              choose(() => {
                state.person = p.id;
              }),
            ),
          ),
          people.length > 8 &&
            h(
              "select",
              {
                "aria-label": "another person",
                change: (e) =>
                  choose(() => {
                    state.person = e.target.value;
                  })(),
              },
              people.map((p) => h("option", { value: p.id, selected: p.id === state.person }, plainly(p.name))),
            ),
          pressed(
            "Everyone",
            every,
            choose(() => {
              state.person = EVERYONE;
            }),
          ),
        ),
      ),
    groups.length > 1 &&
      h(
        "div",
        { role: "group", "aria-label": "dimensions" },
        h("span.what", "Show"),
        h(
          "span.joined",
          groups.map(([g, text]) =>
            pressed(
              text,
              state.group === g,
              choose(() => {
                state.group = g;
              }),
            ),
          ),
        ),
      ),
    state.group === "labels" &&
      !every &&
      h(
        "div",
        { role: "group", "aria-label": "drawing" },
        h("span.what", "As"),
        h(
          "span.joined",
          pressed(
            "shares",
            state.style === "stacked",
            choose(() => {
              state.style = "stacked";
            }),
          ),
          pressed(
            "lines",
            state.style === "lines",
            choose(() => {
              state.style = "lines";
            }),
          ),
        ),
      ),
    modalities.length > 1 &&
      h(
        "div",
        { role: "group", "aria-label": "modalities" },
        h("span.what", "From"),
        h(
          "span.joined",
          modalities.map((m) =>
            pressed(
              SAID[m],
              !state.hidden.has(m),
              choose(() => {
                state.hidden.has(m) ? state.hidden.delete(m) : state.hidden.add(m);
              }),
            ),
          ),
        ),
      ),
    h(
      "div",
      { role: "group", "aria-label": "zoom" },
      h("span.what", "Time"),
      h(
        "span.joined",
        h("button", { type: "button", title: "earlier", "aria-label": "earlier", click: () => shift(-0.5) }, "◂"),
        h("button", { type: "button", title: "zoom in", "aria-label": "zoom in", click: () => zoom(0.5) }, "+"),
        h("button", { type: "button", title: "zoom out", "aria-label": "zoom out", click: () => zoom(2) }, "−"),
        h("button", { type: "button", title: "later", "aria-label": "later", click: () => shift(0.5) }, "▸"),
        h("button", { type: "button", click: () => setRange(0, FACTS.duration) }, "all"),
      ),
    ),
  );
}

function zoom(factor, around = null) {
  const [from, to] = state.range,
    middle = around ?? (state.time !== null && state.time >= from && state.time <= to ? state.time : (from + to) / 2);
  setRange(middle - (middle - from) * factor, middle + (to - middle) * factor);
}
function shift(share) {
  const [from, to] = state.range,
    by = (to - from) * share;
  setRange(from + by, to + by);
}
