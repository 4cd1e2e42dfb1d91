// A function per section: its title, a sentence that says what the figure shows, and the figure. null where there is nothing.

const missing = () => {
  if (!tables.missing.length) return null;
  const by = groupBy(tables.missing, "modality");
  const names = Object.keys(by), reasons = [...new Set(tables.missing.map((r) => r.reason))].filter((r) => r);
  const total = (m) => by[m].reduce((n, r) => n + r.rows, 0);
  const there = (m) => (by[m].find((r) => r.reason === "") || { rows: 0 }).rows;
  const bars = () => [
    [{ type: "bar", orientation: "h", y: names, x: names.map((m) => there(m) / total(m)), name: "measured", marker: { color: names.map((m) => MODALITY[m]) }, hovertemplate: "%{y}: %{x:.1%} measured<extra></extra>" },
      ...reasons.map((reason, i) => ({ type: "bar", orientation: "h", y: names, x: names.map((m) => ((by[m].find((r) => r.reason === reason) || { rows: 0 }).rows) / total(m)), name: reason,
        marker: { color: ink("line"), pattern: { shape: ["/", "\\", "x", ".", "+"][i % 5], fgcolor: ink("faint"), size: 6 } }, hovertemplate: `%{y}: %{x:.1%} ${reason}<extra></extra>` }))],
    { barmode: "stack", xaxis: { tickformat: ".0%", range: [0, 1] }, yaxis: { autorange: "reversed" }, showlegend: true, legend: { orientation: "h", y: -0.35 } }];
  const quality = groupBy(tables.quality, "modality");
  const lines = () => [names.filter((m) => quality[m]).map((m) => {
    const sum = quality[m].reduce((n, r) => n + r.rows, 0), y = Array(20).fill(0);
    quality[m].forEach((r) => { if (r.step >= 0) y[r.step] = r.rows / sum; });
    return { type: "scatter", mode: "lines", line: { shape: "hvh", color: MODALITY[m], width: 2 }, x: y.map((_, i) => (i + 0.5) / 20), y, name: m, hovertemplate: `${m}: %{y:.1%} near %{x:.2f}<extra></extra>` };
  }), { xaxis: { title: "quality", range: [0, 1] }, yaxis: { tickformat: ".0%", rangemode: "tozero" }, showlegend: true, legend: ABOVE, margin: ROOM }];
  const per = tables.recordings;
  return ["What is there", h("p.lead", "Of the rows in which a modality could have been measured: ", names.map((m, i) => [i ? ", " : "", h("b", `${m} ${percent(there(m) / total(m))}`)]).flat(),
    ". What is missing is missing, never zero; the reasons are those of the recordings."),
    h("div.grid", h("div.card", h("h3", "Measured, and why not"), figure("Share of rows measured by modality", 70 + 46 * names.length, bars)),
      h("div.card", h("h3", "How well it could be seen and heard"), figure("Distribution of quality by modality", 70 + 46 * names.length, lines))),
    per.length > 1 && h("details.card", { style: "margin-top:14px" }, h("summary", `Recording by recording${data.whole.recordings > per.length ? ` (the first ${per.length} of ${count(data.whole.recordings)}; all are in recordings.parquet)` : ""}`),
      h("div.scroll", tabled([["recording"], ["length", 1], ["people", 1], ["rows", 1], ...names.map((m) => [m, 1])],
        per.map((r) => [r.recording, clock(r.seconds), String(r.people), count(r.rows), ...names.map((m) => percent(r[`${m}_rows`] ? r[`${m}_measured`] / r[`${m}_rows`] : null))]))))];
};

const strengths = () => {
  const by = groupBy(tables.labels, "set"), names = Object.keys(by).filter((s) => sets[s].kind !== "dimensional");
  if (!names.length) return null;
  const bins = groupBy(tables.intensities, "set");
  const card = (set) => {
    const top = by[set].filter((r) => r.top).sort((a, b) => a.place - b.place);
    const ridges = () => {
      const traces = top.flatMap((row, i) => {
        const own = bins[set].filter((b) => b.label === row.label), base = top.length - 1 - i;
        const most = Math.max(...own.map((b) => Math.sqrt(b.count / row.n)));
        const x = own.map((b) => (b.from + b.to) / 2), y = own.map((b) => base + (0.85 * Math.sqrt(b.count / row.n)) / (most || 1));
        const colour = colourOf(set, row.label, i);
        return [{ type: "scatter", mode: "lines", x, y: x.map(() => base), line: { width: 0 }, hoverinfo: "skip" },
          { type: "scatter", mode: "lines", x, y, fill: "tonexty", line: { color: colour, width: 1.6 }, fillcolor: `${colour}44`, text: own.map((b) => percent(b.count / row.n)), hovertemplate: `${row.label} near %{x:.2f}: %{text}<extra></extra>` },
          { type: "scatter", mode: "markers", x: [row.q50], y: [base], marker: { symbol: "line-ns-open", size: 11, color: ink("ink"), line: { width: 2 } }, hovertemplate: `${row.label}: median %{x:.2f}, mean rank ${number(row.mean_rank)}<extra></extra>` }];
      });
      return [traces, { xaxis: { range: sets[set].range, title: "estimate" }, yaxis: { tickvals: top.map((_, i) => top.length - 1 - i), ticktext: top.map((r) => `${r.label}  ${number(r.mean_rank, 1)}`), showgrid: false, range: [-0.15, top.length] } }];
    };
    return h("div.card", h("h3", titled(set)), figure(`Five strongest of ${set}`, 66 + 50 * top.length, ridges, `n = ${count(top[0].n)} rows. Beside each label its mean rank; heights are square roots of shares, the mark is the median.`));
  };
  return ["The five strongest", h("p.lead", "Labels are ranked within each row, ties at their middle; the five with the smallest mean rank are ",
    names.map((s, i) => { const top = by[s].filter((r) => r.top).sort((a, b) => a.place - b.place).map((r) => r.label); return [i ? "; " : "", `for the ${s.split(".")[0]} `, h("b", top.join(", "))]; }).flat(), "."),
    h("div.grid", names.map(card))];
};

const WAYS = { pooled: "every cell a case", per_dimension: "label by label, median", per_segment: "row by row, mean" };
const associations = () => {
  const rows = tables.associations;
  if (!rows.length) return null;
  const pairs = [...new Set(rows.map((r) => `${r.one} and ${r.other}`))];
  const dots = () => {
    const y = rows.map((r) => `${r.one} and ${r.other}<br><span style="font-size:11px">${WAYS[r.way]}</span>`);
    return [[{ type: "scatter", mode: "markers", x: rows.map((r) => r.chance), y, marker: { symbol: "line-ns-open", size: 14, color: ink("faint"), line: { width: 2 } }, name: "by chance", hovertemplate: "by chance %{x:.3f}<extra></extra>" },
      { type: "scatter", mode: "markers", x: rows.map((r) => r.rho), y, marker: { size: 11, color: rows.map((r) => (r.p <= 0.05 ? ink("accent") : ink("card"))), line: { color: ink("accent"), width: 2 } }, name: "found", text: rows.map((r) => `p ${r.p < 0.001 ? "< .001" : `= ${number(r.p, 3)}`}, n = ${count(r.n)}`), hovertemplate: "ρ = %{x:.3f}, %{text}<extra></extra>" }],
    { xaxis: { title: "Spearman's ρ", range: [Math.min(-0.2, ...rows.map((r) => Math.min(r.rho, r.chance) - 0.05)), Math.max(0.6, ...rows.map((r) => r.rho + 0.05))], zeroline: true }, yaxis: { autorange: "reversed" } }];
  };
  const labels = groupBy(tables.associations_by_label, "label");
  const lines = () => [pairs.map((pair, i) => {
    const own = tables.associations_by_label.filter((r) => `${r.one} and ${r.other}` === pair);
    return { type: "scatter", mode: "markers", name: pair, x: own.map((r) => r.rho), y: own.map((r) => r.label), marker: { size: 9, color: REST[i], symbol: ["circle", "diamond", "square"][i % 3] }, hovertemplate: `${pair}, %{y}: %{x:.2f}<extra></extra>` };
  }), { xaxis: { title: "ρ of each label", zeroline: true }, yaxis: { autorange: "reversed" }, showlegend: true, legend: ABOVE, margin: ROOM }];
  const sure = rows.filter((r) => r.way === "per_dimension");
  return ["Do face, voice and words go together?", h("p.lead", sure.map((r, i) => [i ? "; " : "", `${r.one} and ${r.other}: `, h("b", `ρ = ${number(r.rho)}`), `, by chance ${number(r.chance)}, p ${r.p < 0.001 ? "< .001" : `= ${number(r.p, 3)}`}`]).flat(),
    ` (median over the labels of ${rows[0].taxonomy}${rows.some((r) => r.projected) ? ", projected" : ""}). Chance pairs anew the rows of one person, ${facts.null === "shift" ? "turned round" : "mixed"}, ${count(facts.permutations)} times; filled dots have p ≤ .05.`),
    h("div.grid", h("div.card", h("h3", "In three ways"), figure("Spearman correlations between modalities", 90 + 46 * rows.length, dots)),
      h("div.card", h("h3", "Label by label"), figure("Spearman correlations by label", 90 + 46 * rows.length * Math.max(1, Object.keys(labels).length / 24), lines)))];
};

const matrices = () => {
  const by = groupBy(tables.correlations, "set"), names = Object.keys(by);
  if (!names.length) return null;
  const common = names.filter((s) => s.includes(" in ")), own = names.filter((s) => !s.includes(" in "));
  const heat = (set) => {
    const k = Math.round(Math.sqrt(by[set].length)), labels = Array(k), z = Array.from({ length: k }, () => Array(k).fill(null));
    by[set].forEach((r) => { labels[r.row_place] = r.row; z[r.row_place][r.column_place] = r.row_place === r.column_place ? null : r.rho; });
    const draw = () => [[{ type: "heatmap", z, x: labels, y: labels, zmin: -1, zmax: 1, colorscale: [[0, ink("cold")], [0.5, ink("middle")], [1, ink("warm")]], showscale: false, xgap: 1, ygap: 1, hoverongaps: false, hovertemplate: "%{y} and %{x}: %{z:.2f}<extra></extra>" }],
      { xaxis: { showgrid: false, tickangle: -60, dtick: 1, constrain: "domain" }, yaxis: { autorange: "reversed", showgrid: false, dtick: 1, constrain: "domain", ...(k < 15 ? { scaleanchor: "x" } : {}) } }];
    return h("div.card", h("h3", set.includes(" in ") ? `${set[0].toUpperCase()}${set.slice(1)}` : titled(set)), figure(`Correlations within ${set}`, k > 14 ? 520 : 330, draw, `n = ${count(by[set][0].n)} rows`));
  };
  const choose = h("div.grid");
  const show = (what) => { choose.replaceChildren(...(what === "shared" ? common : own).map(heat)); };
  show(common.length > 1 ? "shared" : "own");
  return ["How labels go together", h("p.lead", "Spearman correlations between the labels of one modality, blue below and orange above zero. ",
    common.length > 1 && ["Panels share one order. Alike in two modalities? ", ...tables.matrices.map((m, i) => [i ? "; " : "", `${m.one} and ${m.other}: Mantel's `, h("b", `r = ${number(m.mantel_r)}`), `, p = ${number(m.mantel_p, 3)}, RV ${number(m.rv)}`]).flat(), ". Labels that exclude each other correlate below zero by their making: the matrices are partly alike for that reason alone."]),
    common.length > 1 && h("div.tools", choice("labels", [["shared", "those they share"], ["own", "each modality's own"]], "shared", show)), choose];
};

const mapped = () => {
  const names = Object.keys(data.places);
  if (!names.length) return null;
  const first = data.places[names[0]], columns = ["strongest", ...Object.keys(first.columns).filter((c) => !["strongest", "start", "end"].includes(c) && first.columns[c].some((v) => v !== null)), "start"];
  const state = { method: first.methods.tsne ? "tsne" : "pca", colour: "strongest" };
  const card = (set) => {
    const of = data.places[set], n = of.columns.start.length;
    const draw = () => {
      const at = of.methods[state.method] || of.methods.pca, values = of.columns[state.colour] || [];
      const hover = of.columns.strongest.map((s, i) => `${s}<br>${of.columns.recording[i]}, ${of.columns.person[i]}, ${clock(of.columns.start[i])}`);
      const base = { type: "scatter", mode: "markers", hovertemplate: "%{text}<extra></extra>" };
      const kinds = [...new Set(values)];
      const plain = { xaxis: { showticklabels: false, zeroline: false, title: at.shares[0] !== null ? `component 1 (${percent(at.shares[0])})` : "" }, yaxis: { showticklabels: false, zeroline: false, title: at.shares[0] !== null ? `component 2 (${percent(at.shares[1])})` : "" } };
      if (typeof values.find((v) => v !== null) === "number" && kinds.length > 8)
        return [[{ ...base, x: at.x, y: at.y, text: hover, marker: { size: 6, opacity: 0.75, color: values, colorscale: [[0, ink("cold")], [1, ink("warm")]], showscale: true, colorbar: { thickness: 10, outlinewidth: 0 } } }], plain];
      const often = kinds.map((k) => [k, values.filter((v) => v === k).length]).sort((a, b) => b[1] - a[1]), kept = often.slice(0, 9).map(([k]) => k);
      const groups = [...kept, ...(often.length > 9 ? [null] : [])];
      return [groups.map((k, i) => {
        const rows = values.map((v, j) => (k === null ? !kept.includes(v) : v === k) ? j : -1).filter((j) => j >= 0);
        return { ...base, name: k === null ? "others" : String(k), x: rows.map((j) => at.x[j]), y: rows.map((j) => at.y[j]), text: rows.map((j) => hover[j]),
          marker: { size: 6, opacity: 0.75, color: k === null ? ink("line") : state.colour === "strongest" ? colourOf(set, k, i) : REST[i % REST.length], symbol: ["circle", "diamond", "square", "triangle-up", "cross"][i % 5] } };
      }), { ...plain, showlegend: kept.length > 1, legend: { orientation: "h", y: -0.06, font: { size: 11.5 } } }];
    };
    return h("div.card", h("h3", titled(set)), figure(`Map of ${set}`, 420, draw, `a sample of ${count(n)} rows`));
  };
  return ["Maps", h("p.lead", "Each point is a row, near others with similar estimates. In a t-SNE map neither the distances between groups nor their sizes mean anything; the principal components beside it keep distances, and say how much of the variance they show."),
    h("div.tools", first.methods.tsne && choice("map", [["tsne", "t-SNE"], ["pca", "principal components"]], state.method, (v) => { state.method = v; repaint(); }),
      choice("coloured by", columns.map((c) => [c, c === "strongest" ? "strongest label" : c]), state.colour, (v) => { state.colour = v; repaint(); })),
    h("div.grid", names.map(card))];
};

const trajectories = () => {
  const names = Object.keys(data.trajectories);
  if (!names.length) return null;
  const state = { set: names[0], label: "valence" };
  const alone = facts.recordings === 1;
  const draw = () => {
    const of = data.trajectories[state.set][state.label], x = of.quartiles[0].map((_, i) => (i + 0.5) / of.quartiles[0].length);
    const band = of.n > 3 ? [{ type: "scatter", mode: "lines", x, y: of.quartiles[0], line: { width: 0 }, hoverinfo: "skip", showlegend: false },
      { type: "scatter", mode: "lines", x, y: of.quartiles[2], line: { width: 0 }, fill: "tonexty", fillcolor: `${ink("accent")}2e`, hoverinfo: "skip", showlegend: false },
      { type: "scatter", mode: "lines", x, y: of.quartiles[1], line: { color: ink("ink"), width: 2.5 }, name: `median of ${count(of.n)}`, hovertemplate: "median %{y:.2f}<extra></extra>" }] : [];
    const lines = of.people.map((p, i) => ({ type: "scatter", mode: "lines", name: alone ? p.name.split(" · ")[1] : p.name, x: alone ? p.start.map((s, j) => (s + p.end[j]) / 2) : p.step.map((s) => (s + 0.5) / of.quartiles[0].length), y: p.values,
      line: { color: REST[i % REST.length], width: 1.5, dash: i < 10 ? "solid" : "dot" }, opacity: of.n > 3 ? 0.75 : 1, hovertemplate: `${p.name}: %{y:.2f}<extra></extra>` }));
    return [[...lines, ...band], { xaxis: { title: alone ? "seconds" : "part of the recording", tickformat: alone ? "" : ".0%" }, yaxis: { title: state.label, zeroline: true }, showlegend: true, legend: { orientation: "h", y: -0.22, font: { size: 11.5 } } }];
  };
  const of = data.trajectories[names[0]].valence;
  return ["People over time", h("p.lead", alone ? "Each person's mean in equal parts of the recording." : `Each person's mean in equal parts of a recording: median and quartiles of ${count(of.n)} ${of.n === 1 ? "person" : "people"}, and the ${of.people.length} who move most.`),
    h("div.tools", choice("of", names.map((s) => [s, s.startsWith("fused") ? "all modalities" : titled(s)]), state.set, (v) => { state.set = v; repaint(); }), choice("axis", ["valence", "arousal", "dominance"], state.label, (v) => { state.label = v; repaint(); })),
    h("div.card", figure("Trajectories of people", 400, draw))];
};

const together = () => {
  const rows = tables.synchrony;
  if (!rows.length) return null;
  const low = data.dyads.p.filter((p) => p <= 0.05).length, n = data.dyads.p.length;
  const alone = n === 1;
  const bars = () => [[{ type: "histogram", x: data.dyads.z, xbins: { size: 0.5 }, marker: { color: ink("accent"), opacity: 0.8 }, hovertemplate: "z near %{x}: %{y}<extra></extra>" }],
    { xaxis: { title: "synchrony: deviations from chance", zeroline: true }, yaxis: { title: "pairs of people" }, bargap: 0.05, shapes: [{ type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: { color: ink("soft"), width: 1.5, dash: "dot" } }] }];
  const windows = () => [[{ type: "scatter", mode: "lines+markers", x: data.series.start, y: data.series.windows, line: { color: ink("accent") }, hovertemplate: "%{x:.0f} s: %{y:.2f}<extra></extra>" }],
    { xaxis: { title: "seconds" }, yaxis: { title: "strength", rangemode: "tozero" }, shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: rows[0].threshold, y1: rows[0].threshold, line: { color: ink("soft"), dash: "dot" } }] }];
  const profile = () => [[{ type: "scatter", mode: "lines", x: data.series.lags, y: data.series.profile, line: { color: ink("accent"), width: 2 }, hovertemplate: "%{x:.1f} s: r = %{y:.2f}<extra></extra>" }], { xaxis: { title: `lag in s (right: ${rows[0].other} follows)` }, yaxis: { title: "mean r", zeroline: true } }];
  return ["Do two people move together?", h("p.lead", alone ? [`The faces of ${rows[0].one} and ${rows[0].other} in ${facts.dimension}: `, h("b", `z = ${number(rows[0].z, 1)}, p = ${number(rows[0].p, 3)}`), ". "] : [h("b", `${count(low)} of ${count(n)}`), ` pairs have p ≤ .05 in the ${facts.dimension} of their faces; chance alone gives about ${number(0.05 * n, 1)}. `],
    "Windows of 30 s are correlated with lags of up to 5 s and compared with windows of the same two people that never met."),
    alone && data.series.start ? h("div.grid", h("div.card", h("h3", "Over time"), figure("Synchrony by window", 280, windows, "dotted: the mean that chance stays below in 95 of 100")), h("div.card", h("h3", "Who follows"), figure("Correlation by lag", 280, profile)))
      : h("div.grid", h("div.card", h("h3", "All pairs"), figure("Synchrony of all pairs", 320, bars)),
        h("div.card", h("h3", "The most synchronous"), h("div.scroll", { style: "max-height:320px" }, tabled([["recording"], ["z", 1], ["p", 1], ["lag, s", 1]], rows.slice(0, 60).map((r) => [r.recording, number(r.z, 1), number(r.p, 3), number(r.lag, 1)])))))];
};
