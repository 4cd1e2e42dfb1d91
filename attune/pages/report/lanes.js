// The whole recording at a glance: one lane a person, with when they were seen and heard, and what was expressed most.
// Dragging over the lanes chooses the stretch that the timelines show.

function strip(what, rects, kind = "") {
  const svg = h(
    "svg",
    { viewBox: `0 0 ${FACTS.duration} 1`, preserveAspectRatio: "none", "aria-hidden": "true" },
    rects.map(([start, end, fill, opacity]) =>
      h("rect", { x: start, y: 0, width: Math.max(end - start, FACTS.duration / 1500), height: 1, fill, "fill-opacity": opacity }),
    ),
  );
  return h("div", { class: `strip ${kind}` }, h("span", what), svg);
}

// Stretches of the strongest label of one series; neighbours with the same one are joined, strength is its probability.
function strongest(series, who) {
  const rows = rowsOf(series, who);
  if (!rows) return [];
  const taxonomy = taxonomyOf(series),
    out = [];
  for (const b of inView(rows, [0, FACTS.duration], 600)) {
    if (b.missing) continue;
    let top = -1;
    b.values.forEach((v, k) => {
      if (v !== null && (top < 0 || v > b.values[top])) top = k;
    });
    const last = out[out.length - 1],
      opacity = Math.round(Math.min(1, 0.25 + b.values[top]) * 8) / 8;
    if (last && last[4] === top && last[3] === opacity && b.start - last[1] <= TOUCH) last[1] = b.end;
    else out.push([b.start, b.end, shade(taxonomy, top), opacity, top]);
  }
  return out;
}

const expressive = () =>
  ["fused", "face", "voice", "text"]
    .map((m) => FACTS.series.find((s) => s.modality === m && taxonomyOf(s).kind === "exclusive"))
    .find(Boolean);

function key(labels) {
  return h(
    "div.key",
    labels.map(([text, colour, kind = ""]) => h("span", h("i", { class: `swatch ${kind}`, style: { "--c": colour } }), text)),
  );
}

function drawLanes() {
  const section = document.getElementById("people"),
    body = section.querySelector(".body");
  if (!FACTS.people.length || !(FACTS.duration > 0)) return;
  section.hidden = false;
  const series = expressive(),
    shown = new Set();
  const lanes = FACTS.people.map((p) => {
    const colours = series ? strongest(series, p.id) : [];
    colours.forEach((c) => shown.add(c[4]));
    const said = [p.seen.length > 0 && `seen ${lasting(p.seen_s)}`, p.heard.length > 0 && `heard ${lasting(p.heard_s)}`]
      .filter(Boolean)
      .join(" · ");
    return h(
      "div.lane",
      { "data-who": p.id },
      h(
        "div.who",
        portrait(p),
        h(
          "div",
          h("b", { title: p.name }, plainly(p.name)),
          p.seen.length > 0 && h("small", `seen ${lasting(p.seen_s)}`),
          p.heard.length > 0 && h("small", `heard ${lasting(p.heard_s)}`),
        ),
      ),
      h(
        "div.strips",
        { role: "img", "aria-label": `${plainly(p.name)}: ${said}` },
        series && strip(SAID[series.modality].toLowerCase(), colours, "expression"),
        p.seen.length > 0 &&
          strip(
            "seen",
            p.seen.map(([s, e, q]) => [s, e, ink(p.colour), 0.3 + 0.7 * q]),
          ),
        p.heard.length > 0 &&
          strip(
            "heard",
            p.heard.map(([s, e]) => [s, e, ink(p.colour), 1]),
          ),
      ),
    );
  });
  const marks = ticks([0, FACTS.duration], window.innerWidth < 760 ? 4 : 9);
  const axis = h(
    "div.axis",
    { "aria-hidden": "true" },
    h("span"),
    h(
      "div.ticks",
      marks.at.map((t, i) => {
        const share = (100 * t) / FACTS.duration;
        return h("span", { class: share > 97 ? "last" : "", style: { left: `${share}%` } }, marks.text[i]);
      }),
    ),
  );
  const over = h("div.over", h("div.window", { hidden: true }), h("div.now", { hidden: true }));
  const card = h("div.card.lanes", lanes, axis, over);
  const labels = series
    ? taxonomyOf(series)
        .labels.map((label, k) => [label, shade(taxonomyOf(series), k), "", k])
        .filter((l) => shown.has(l[3]))
    : [];
  fill(
    body,
    h(
      "p.lead",
      series ? `Colour is the strongest ${SAID[series.modality].toLowerCase()} expression, paler where it is less sure. ` : "",
      "Gaps are gaps: nobody there, or nothing that could be measured.",
      FACTS.series.length > 0 && !coarse() && h("span.hint", " Drag over the lanes to look closer."),
    ),
    card,
    key(labels),
  );
  placeOver(card, over);
  dragOver(card);
}

function placeOver(card, over) {
  const place = () => {
    const outer = card.getBoundingClientRect(),
      inner = card.querySelector(".ticks").getBoundingClientRect();
    over.style.left = `${inner.left - outer.left - card.clientLeft}px`;
    over.style.width = `${inner.width}px`;
  };
  const show = () => {
    const [from, to] = state.range,
      whole = to - from >= FACTS.duration - 1e-6,
      frame = over.querySelector(".window"),
      now = over.querySelector(".now");
    frame.hidden = whole;
    frame.style.left = `${(100 * from) / FACTS.duration}%`;
    frame.style.width = `${(100 * (to - from)) / FACTS.duration}%`;
    now.hidden = state.time === null;
    if (state.time !== null) now.style.left = `${(100 * state.time) / FACTS.duration}%`;
  };
  place();
  show();
  new ResizeObserver(place).observe(card);
  listeners.lanes = [show];
}
on("range", () => tell("lanes"));
on("time", () => tell("lanes"));

// Press and drag: a stretch. Press and let go: a moment.
function dragOver(card) {
  let from = null;
  const at = (event) => {
    const box = card.querySelector(".ticks").getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * FACTS.duration;
  };
  card.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest(".strips")) return;
    from = { t: at(event), x: event.clientX };
    if (event.pointerType === "mouse") {
      card.setPointerCapture(event.pointerId);
      event.preventDefault();
    }
  });
  card.addEventListener("pointermove", (event) => {
    const lane = event.target.closest(".lane");
    if (!event.buttons && lane && event.target.closest(".strips")) showLane(lane.dataset.who, at(event), event);
    else hideTip();
    if (from && event.pointerType === "mouse" && Math.abs(event.clientX - from.x) > 4) {
      const to = at(event);
      setRange(Math.min(from.t, to), Math.max(from.t, to));
    }
  });
  card.addEventListener("pointerleave", hideTip);
  card.addEventListener("pointerup", (event) => {
    if (from && Math.abs(event.clientX - from.x) <= 4) setTime(at(event));
    from = null;
  });
  card.addEventListener("pointercancel", () => {
    from = null;
  });
  card.addEventListener("dblclick", (event) => {
    if (event.target.closest(".strips")) setRange(0, FACTS.duration);
  });
}

// What one lane says of a moment.
function showLane(who, t, event) {
  const p = person(who),
    series = expressive(),
    inside = (stretches) => stretches.some(([start, end]) => start <= t && t < end),
    body = [];
  const now = [inside(p.seen) && "seen", inside(p.heard) && "heard"].filter(Boolean).join(", ") || "neither seen nor heard";
  body.push(h("div.when", h("span", clock(t, 1)), h("span", plainly(p.name))), h("div.why", now));
  const values = series && saying(series, who, t).values,
    taxonomy = series && taxonomyOf(series);
  if (values) {
    for (const [v, k] of values
      .map((v, k) => [v, k])
      .sort((a, b) => (b[0] ?? -9) - (a[0] ?? -9))
      .slice(0, 3)) {
      body.push(h("div.row", h("i.swatch", { style: { "--c": shade(taxonomy, k) } }), h("span", taxonomy.labels[k]), h("b", figure(v))));
    }
  }
  showAt(event, body);
}
