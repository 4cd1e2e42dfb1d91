// Small ways to say things, which the report and the live page share: elements, times, numbers, colours.

const SAID = { fused: "Fused", face: "Face", voice: "Voice", text: "Words" };
const AXES = { valence: ["unpleasant", "pleasant"], arousal: ["calm", "excited"], dominance: ["yielding", "in control"] };

// An element by its name and classes ("p.note"), attributes and listeners if there are any, children. Text is always text, never markup.
function h(name, ...rest) {
  const [tag, ...classes] = name.split("."),
    drawn = ["svg", "rect", "path"].includes(tag);
  const attributes = rest[0] && Object.getPrototypeOf(rest[0]) === Object.prototype ? rest.shift() : {};
  const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...something(rest));
  return element;
}
const something = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
const fill = (element, ...children) => element.replaceChildren(...something(children));

const two = (n) => String(n).padStart(2, "0");

// 75.25 -> "1:15"; with tenths: "1:15.2"
function clock(t, digits = 0) {
  const unit = 10 ** digits,
    all = Math.round(Math.max(0, t) * unit),
    whole = Math.floor(all / unit);
  const hours = Math.floor(whole / 3600),
    minutes = Math.floor(whole / 60) % 60,
    seconds = whole % 60;
  return (
    (hours ? `${hours}:${two(minutes)}` : `${minutes}`) +
    `:${two(seconds)}` +
    (digits ? `.${String(all % unit).padStart(digits, "0")}` : "")
  );
}

// 75.25 -> "1 min 15 s"
function lasting(s) {
  if (s === null || s === undefined) return "–";
  if (s < 10) return `${+s.toFixed(1)} s`;
  const whole = Math.round(s),
    hours = Math.floor(whole / 3600),
    minutes = Math.floor(whole / 60) % 60,
    seconds = whole % 60;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min${seconds ? ` ${seconds} s` : ""}` : `${seconds} s`;
}

const figure = (x, digits = 2) =>
  x === null || x === undefined
    ? "–"
    : x
        .toFixed(digits)
        .replace(/^(-?)0\./, "$1.")
        .replace("-", "−");
const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const arrow = (name) => name.replaceAll("->", " → ");

const initials = (name) =>
  name
    .trim()
    .split(/[\s_-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((w) => [...w][0].toUpperCase())
    .join("") || "?";
const plainly = (name) =>
  name
    .replace(/_/g, " ")
    .replace(/\b(person|face|speaker) ?(\d+)\b/i, (_, w, n) => `${w[0].toUpperCase()}${w.slice(1)} ${n}`)
    .replace(/^speaker$/, "Speaker");

function rgb(hex) {
  const long = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c).join("") : hex.slice(1, 7);
  return [0, 2, 4].map((i) => parseInt(long.slice(i, i + 2), 16) || 0);
}
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === "dark";

// On a dark ground a dark colour is lifted, on a light one left alone: the same hue, still told from the ground.
function ink(hex) {
  if (!dark()) return hex;
  const c = rgb(hex),
    light = (0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]) / 255,
    lift = Math.max(0, 0.5 - light) * 0.75;
  return "#" + c.map((v) => two(Math.round(v + (255 - v) * lift).toString(16))).join("");
}
// A label's colour; the quiet labels step back towards the ground, so that what is expressed stands out.
function shade(taxonomy, k) {
  const colour = ink(taxonomy.colours[k]);
  return isNeutral(taxonomy.labels[k]) ? mixed(colour, css("--card"), 0.55) : colour;
}
function mixed(a, b, share) {
  const [x, y] = [rgb(a), rgb(b)];
  return "#" + x.map((v, i) => two(Math.round(v + (y[i] - v) * share).toString(16))).join("");
}
const faded = (hex, alpha) => `rgba(${rgb(hex).join(",")},${alpha})`;

const isNeutral = (label) => /^(neutral|calm|calmness)$/i.test(label);

// First index whose value is greater than x, in a rising list.
function after(list, x) {
  let low = 0,
    high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
