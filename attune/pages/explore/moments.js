// Moments in which the modalities disagree: a list to choose from, and what each modality said in the chosen one.

const moments = () => {
  if (!tables.discord.length) return null;
  const all = tables.moments, detail = h("div.card", { "aria-live": "polite" });
  const share = tables.discord.map((d, i) => [i ? "; by " : "by ", d.measure === "distance" ? "position " : "label ", h("b", percent(d.share)), " of ", count(d.moments)]).flat();
  const lead = h("p.lead", "A moment is discordant when a person's modalities lie further apart than in 97.5 of 100 pairings of that person's other moments; if they had nothing to do with each other, 2.5 % of moments would be. Found: ", share, ".");
  if (!all.length) return ["Discord", lead, h("p.note", "No moment is beyond the threshold.")];
  const said = (m) => ["face", "voice", "text"].filter((x) => m[`${x}_says`]);
  const show = (m) => {
    const names = said(m);
    const bars = () => {
      const dims = ["valence", "arousal"].flatMap((d) => names.filter((x) => m[`${x}_${d}`] !== null && m[`${x}_${d}`] !== undefined).map((x) => [d, x, m[`${x}_${d}`]]));
      return [names.map((x) => { const own = dims.filter(([, y]) => y === x); return { type: "bar", name: x, x: own.map(([d]) => d), y: own.map(([, , v]) => v), marker: { color: MODALITY[x] }, hovertemplate: `${x}: %{y:.2f}<extra></extra>` }; }),
        { barmode: "group", bargap: 0.35, yaxis: { range: [-1, 1], zeroline: true, zerolinecolor: ink("faint") }, showlegend: true, legend: ABOVE, margin: ROOM }];
    };
    drawn.splice(steady);
    detail.replaceChildren(
      h("small", `${m.recording}, ${m.person || "someone"}, ${clock(m.start)}–${clock(m.end)}`),
      m.text ? h("p.said", `“${m.text}”`) : h("p.said.none", "no words"),
      tabled([["modality"], ["says most"], ["score", 1], ["valence", 1], ["arousal", 1]], names.map((x) => [x, m[`${x}_says`], number(m[`${x}_score`]), number(m[`${x}_valence`]), number(m[`${x}_arousal`])])),
      figure("Valence and arousal by modality", 220, bars),
      h("p.caption", [m.distance !== null && m.distance !== undefined && `positions ${number(m.distance, 1)} deviations apart (p = ${number(m.p_distance, 3)})`, m.divergence !== null && m.divergence !== undefined && `labels ${number(m.divergence)} bits apart (p = ${number(m.p_divergence, 3)})`].filter(Boolean).join("; ")));
  };
  const list = h("ol", all.map((m) => h("li", h("button", { type: "button", "aria-pressed": "false", onclick: (e) => {
    list.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b === e.currentTarget)));
    show(m);
  } }, said(m).map((x) => `${x} ${m[`${x}_says`]}`).join(", "), h("small", `${m.recording}, ${m.person || "someone"}, ${clock(m.start)}${m.text ? ` · ${m.text.slice(0, 60)}` : ""}`)))));
  requestAnimationFrame(() => { steady = drawn.length; list.querySelector("button").click(); });
  return ["Discord", lead, h("div.moments", h("div.card", { style: "padding:8px" }, list), detail),
    data.whole.moments > all.length && h("p.caption", `The ${all.length} furthest apart; more are in moments.parquet, and `, h("code", 'attune find "discord"'), " lists them all.")];
};
let steady = 0;
