// Exact values: what a series says at a moment, in a box beside the pointer and in one sentence below the plots.

const tip = h("div", { id: "tip", "aria-hidden": "true" });
document.body.append(tip);
const hideTip = () => tip.classList.remove("on");

// What one series says of one person at a moment: values, or why there are none.
function saying(series, who, t) {
  const rows = rowsOf(series, who),
    i = rowAt(rows, t);
  if (i < 0) return { why: "not measured here" };
  if (rows.missing[i]) return { start: rows.start[i], end: rows.end[i], why: rows.reason[i] || "not measured here" };
  return {
    start: rows.start[i],
    end: rows.end[i],
    quality: rows.quality[i],
    values: rows.values.map((c) => c[i]),
    spread: rows.spread && rows.spread.map((c) => c[i]),
  };
}

function showTip(panel, t, event) {
  const { series } = panel,
    taxonomy = taxonomyOf(series),
    every = state.person === EVERYONE,
    body = [];
  if (every) {
    const k = state.one[series.name] ?? strongestOverall(series);
    body.push(h("div.when", h("span", clock(t, 2)), h("span", taxonomy.labels[k])));
    FACTS.people
      .filter((p) => series.people[p.id])
      .forEach((p) => {
        const said = saying(series, p.id, t);
        body.push(
          h(
            "div.row",
            h("i.swatch", { style: { "--c": ink(p.colour) } }),
            h("span", plainly(p.name)),
            h("b", said.values ? figure(said.values[k]) : "–"),
          ),
        );
      });
  } else {
    const said = saying(series, state.person, t);
    body.push(
      h(
        "div.when",
        h("span", said.values && said.end - said.start > 0.5 ? `${clock(said.start, 2)} – ${clock(said.end, 2)}` : clock(t, 2)),
        said.quality !== undefined && h("span", `quality ${figure(said.quality)}`),
      ),
    );
    if (!said.values) body.push(h("div.why", said.why));
    else {
      const ranked = said.values.map((v, k) => [v, k]);
      if (taxonomy.kind !== "dimensional") ranked.sort((a, b) => (b[0] ?? -9) - (a[0] ?? -9));
      for (const [v, k] of ranked.slice(0, 10))
        body.push(
          h(
            "div",
            { class: `row${taxonomy.kind !== "dimensional" && (v ?? 0) < 0.05 ? " slight" : ""}` },
            h("i.swatch", { style: { "--c": shade(taxonomy, k) } }),
            h("span", taxonomy.labels[k]),
            h("b", figure(v, 3), said.spread && said.spread[k] !== null ? ` ± ${figure(said.spread[k])}` : ""),
          ),
        );
      if (ranked.length > 10) body.push(h("div.why", `and ${ranked.length - 10} labels below ${figure(ranked[9][0])}`));
      if (series.projected) body.push(h("div.why", "projected"));
    }
  }
  showAt(event, body);
}

function showAt(event, body) {
  fill(tip, body);
  tip.classList.add("on");
  const box = tip.getBoundingClientRect(),
    x = event.clientX + 16 + box.width > innerWidth ? event.clientX - 16 - box.width : event.clientX + 16;
  tip.style.left = `${Math.max(6, x)}px`;
  tip.style.top = `${Math.max(6, Math.min(innerHeight - box.height - 6, event.clientY - box.height / 2))}px`;
}

// The moment under the cursor in one sentence, for eyes and for screen readers.
function readOut() {
  const place = document.querySelector("#timelines .reading");
  if (!place) return;
  if (state.time === null) return fill(place);
  const who = state.person === EVERYONE ? FACTS.people.map((p) => p.id) : [state.person];
  const parts = panels.flatMap((panel) =>
    who
      .filter((id) => panel.series.people[id])
      .map((id) => {
        const { series } = panel,
          taxonomy = taxonomyOf(series),
          said = saying(series, id, state.time);
        const name = who.length > 1 ? `${plainly(person(id)?.name ?? "")}, ${SAID[series.modality].toLowerCase()}` : SAID[series.modality];
        if (!said.values) return `${name}: ${said.why}`;
        const ranked = said.values.map((v, k) => [v, k]).filter(([v]) => v !== null);
        if (taxonomy.kind !== "dimensional") ranked.sort((a, b) => b[0] - a[0]);
        return `${name}: ${ranked
          .slice(0, 3)
          .map(([v, k]) => `${taxonomy.labels[k]} ${figure(v)}`)
          .join(", ")}`;
      }),
  );
  fill(place, h("b", `At ${clock(state.time, 1)}`), parts.length ? ` — ${parts.join(" · ")}` : "");
}
