// Elements, numbers as one reads them, colours, and one way to draw: everything is drawn again when the theme changes.

const data = JSON.parse(document.getElementById("facts").textContent);
const facts = data.facts, tables = data.tables;

const h = (tag, ...inside) => {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const part of inside.flat()) {
    if (part === null || part === undefined || part === false) continue;
    if (part.nodeType || typeof part !== "object") element.append(part);
    else for (const [key, value] of Object.entries(part)) key.startsWith("on") ? element.addEventListener(key.slice(2), value) : element.setAttribute(key, value);
  }
  return element;
};

const number = (x, digits = 2) => (x === null || x === undefined ? "–" : x.toFixed(digits).replace(/^(-?)0\./, "$1."));
const percent = (x) => (x === null || x === undefined || Number.isNaN(x) ? "–" : `${x > 0 && x < 0.1 ? (100 * x).toFixed(1) : Math.round(100 * x)} %`);
const count = (n) => n.toLocaleString("en");
const clock = (s) => {
  const whole = Math.max(0, Math.floor(s)), two = (v) => String(v).padStart(2, "0");
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
};
const several = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
const groupBy = (rows, key) => rows.reduce((out, row) => ((out[row[key]] ??= []).push(row), out), {});
const sets = Object.fromEntries(facts.sets.map((s) => [s.name, s]));
const titled = (name) => {
  const [modality, ...rest] = name.split(".");
  const s = sets[name];
  return `${modality[0].toUpperCase()}${modality.slice(1)}${rest.length ? `, ${s ? s.title : rest.join(".")}${s && s.projected ? " (projected)" : ""}` : ""}`;
};

// Okabe and Ito's set (2008), readable by the colour-blind, for what has no colour of its own.
const REST = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8a6d3b", "#6b7079", "#9467bd", "#5c8f3a"];
const MODALITY = { face: "#b5651d", voice: "#2f7fb5", text: "#4d8a3c", fused: "#6b7079" };
const colourOf = (set, label, i) => (sets[set] && sets[set].colours[label]) || REST[i % REST.length];

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const ABOVE = { orientation: "h", x: 0, y: 1, yanchor: "bottom" }, ROOM = { l: 8, r: 8, t: 30, b: 8 };      // a legend above the drawing
const drawn = [];
const axis = (more = {}) => ({ gridcolor: ink("line"), zerolinecolor: ink("line"), linecolor: ink("line"), tickfont: { color: ink("soft") }, automargin: true, ...more,
  title: { text: more.title || "", font: { size: 12.5, color: ink("soft") }, standoff: 8 } });
const layout = (more = {}) => ({
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "inherit", size: 12.5, color: ink("ink") },
  margin: { l: 8, r: 8, t: 8, b: 8 }, showlegend: false, hoverlabel: { bgcolor: ink("card"), bordercolor: ink("line"), font: { color: ink("ink"), size: 12.5 } },
  ...more, xaxis: axis(more.xaxis), yaxis: axis(more.yaxis),
});

// A figure: what it makes is made anew with each theme; `name` is what a screen reader says.
const figure = (name, height, make, caption) => {
  const place = h("div.plot", { role: "img", "aria-label": name, style: `height:${height}px` });
  const paint = () => { const [traces, more] = make(); Plotly.react(place, traces, layout({ ...more, height }), { displayModeBar: false, responsive: true }); };
  drawn.push(paint);
  requestAnimationFrame(paint);
  return Object.assign(h("figure", place, caption ? h("p.caption", caption) : null), { paint });
};
const repaint = () => drawn.forEach((paint) => paint());

const choice = (label, options, chosen, then) => h("label", label, h("select", { onchange: (e) => then(e.target.value) },
  options.map((o) => { const [value, text] = Array.isArray(o) ? o : [o, o]; return h("option", { value, ...(value === chosen ? { selected: "" } : {}) }, text); })));
const tabled = (heads, rows) => h("table", h("thead", h("tr", heads.map(([text, n]) => h(n ? "th.n" : "th", { scope: "col" }, text)))),
  h("tbody", rows.map((row) => h("tr", row.map((cell, i) => h(heads[i][1] ? "td.n" : "td", cell))))));
