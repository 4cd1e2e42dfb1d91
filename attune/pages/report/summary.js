// On the whole: what each person showed, as means over time, with how much they stand on.

function drawSummary() {
  const people = FACTS.people.filter((p) => p.means.length),
    section = document.getElementById("summary");
  if (!people.length) return;
  section.hidden = false;
  fill(
    section.querySelector(".body"),
    h(
      "p.lead",
      "Means over time of what was measured, longer stretches counting more. A mean of little says little: mind n and the seconds.",
    ),
    h("div.cards", people.map(personCard)),
  );
}

function personCard(p) {
  const exclusive = p.means.filter((m) => taxonomyOf(m).kind === "exclusive"),
    first = exclusive[0];
  const axes = p.means.find((m) => dimensional(m) && !carrying(m)),
    many = p.means.filter((m) => taxonomyOf(m).kind === "multilabel");
  return h(
    "div.card.person",
    { style: { "break-inside": "avoid" } },
    h(
      "div.who",
      portrait(p, "big"),
      h(
        "div",
        h("b", plainly(p.name)),
        h(
          "small",
          [p.seen_s ? `seen ${lasting(p.seen_s)}` : "not seen", p.heard_s ? `heard ${lasting(p.heard_s)}` : "not heard"].join(" · "),
        ),
      ),
    ),
    h(
      "div.means",
      first && h("div.mean", of(first), bars(first)),
      axes && h("div.mean", of(axes), bars(axes)),
      exclusive.filter((m) => m !== first).map((m) => h("div.mean", of(m), ribbon(m))),
      many.map((m) => h("div.mean", of(m), bars(m, 4))),
    ),
  );
}

const of = (m) =>
  h(
    "div.of",
    h("div", h("b", SAID[m.modality]), h("small", taxonomyOf(m).title, m.projected ? ", projected" : "")),
    h("span", `n = ${m.n.toLocaleString("en")} · ${lasting(m.seconds)}`),
  );

function bars(m, most = 99) {
  const taxonomy = taxonomyOf(m),
    signed = taxonomy.kind === "dimensional",
    scale = Math.max(...taxonomy.range.map(Math.abs));
  const rows = m.values.map((v, k) => [v, k]).filter(([v]) => signed || v !== null);
  if (!signed) rows.sort((a, b) => b[0] - a[0]);
  return h(
    "div.bars",
    rows.slice(0, most).map(([v, k]) => {
      const share = v === null ? 0 : (100 * Math.abs(v)) / scale,
        colour = shade(taxonomy, k);
      const style = signed
        ? { "--c": colour, left: `${v < 0 ? 50 - share / 2 : 50}%`, width: `${share / 2}%` }
        : { "--c": colour, width: `${share}%` };
      return [
        h("span", { class: v === null ? "off" : "" }, taxonomy.labels[k]),
        h("span", { class: `track${signed ? " signed" : ""}` }, h("i", { style })),
        h("span.num", (signed && v > 0 ? "+" : "") + figure(v)),
      ];
    }),
  );
}

function ribbon(m) {
  const taxonomy = taxonomyOf(m),
    parts = order(taxonomy).map((k) => [m.values[k] ?? 0, k]);
  const said = parts
    .slice()
    .sort((a, b) => b[0] - a[0])
    .slice(0, 3)
    .map(([v, k]) => `${taxonomy.labels[k]} ${figure(v)}`)
    .join(", ");
  return h(
    "div",
    h(
      "div.stack",
      { role: "img", "aria-label": said },
      parts.map(([v, k]) =>
        h("i", { title: `${taxonomy.labels[k]} ${figure(v)}`, style: { "--c": shade(taxonomy, k), flex: `${v} 0 0` } }),
      ),
    ),
    h("div", { style: { "font-size": "12.5px", color: "var(--soft)", "margin-top": "4px" } }, said),
  );
}
