// Past recordings: open, read, export, delete; and two side by side.

import { ask, download, json, openTab } from "./ask.js";
import { compare } from "./compare.js";
import { fill, h, lasting, plainly } from "./elements.js";

const PAGE = 50;
let section, list, beside, formats, stale = true;
const chosen = []; // at most two recordings

export function build(place) {
  section = place;
  list = h("div.recordings");
  beside = h("div.beside", { id: "beside", "aria-live": "polite" });
  fill(
    section,
    h("h1", "Recordings"),
    h("p.lead", "What was measured on this server", h("span", " with your key, if it asks for keys"), ". Mark two to see them side by side."),
    list,
    beside,
  );
  addEventListener("recordings-changed", () => {
    stale = true;
    if (!section.hidden) open();
  });
}

export async function open() {
  if (!stale) return;
  stale = false;
  try {
    formats ??= await json("/v1/formats");
    const all = await json(`/v1/recordings?limit=${PAGE}`);
    for (let i = chosen.length - 1; i >= 0; i--) if (!all.some((r) => r.id === chosen[i].id)) chosen.splice(i, 1);
    draw(all, all.length >= PAGE);
  } catch (error) {
    stale = true;
    fill(list, h("p.empty.card", h("b", "The recordings can't be listed."), error.message, " ", h("button", { type: "button", click: open }, "Try again")));
  }
}

function draw(all, more) {
  if (!all.length) {
    fill(list, h("p.empty.card", h("b", "Nothing has been recorded yet."), "Drop a file, or keep a recording of a live session."));
    fill(beside);
    return;
  }
  const rows = all.map(drawOne);
  const next =
    more &&
    h(
      "button",
      {
        type: "button",
        click: async (event) => {
          const older = await json(`/v1/recordings?limit=${PAGE}&before=${all.at(-1).created}`).catch(() => []);
          event.target.replaceWith(...older.map(drawOne));
        },
      },
      "Older ones",
    );
  fill(list, rows, next);
}

function drawOne(r) {
  const words = h("pre.words", { hidden: true, tabindex: 0 }),
    id = `mark-${r.id}`;
  const as = h(
    "select",
    { "aria-label": `export ${r.file}`, change: (e) => (give(r, e.target.value), (e.target.value = "")) },
    h("option", { value: "" }, "Export as…"),
    Object.entries(formats).map(([name, about]) => h("option", { value: name }, about.title)),
  );
  const row = h(
    "div.card.recording",
    { "data-id": r.id },
    h("input", { type: "checkbox", id, "aria-label": `compare ${r.file}`, checked: chosen.some((c) => c.id === r.id), change: (e) => mark(r, e.target) }),
    h(
      "label.about",
      { for: id },
      h("b", r.file || "recording"),
      h(
        "small",
        [new Date(r.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }), r.duration !== undefined && lasting(r.duration), r.people?.map(plainly).join(", "), r.purpose]
          .filter(Boolean)
          .join(" · "),
      ),
    ),
    h(
      "div.does",
      h("a.button", { href: `${r.link}/report`, target: "_blank", rel: "noreferrer", click: openTab }, "Report"),
      h("button", { type: "button", "aria-expanded": "false", click: (e) => describe(r, words, e.target) }, "In words"),
      as,
      h("button.danger", { type: "button", click: (e) => remove(r, row, e.target) }, "Delete"),
    ),
    words,
  );
  return row;
}

async function describe(r, words, button) {
  words.hidden = !words.hidden;
  button.setAttribute("aria-expanded", String(!words.hidden));
  if (!words.hidden && !words.textContent) words.textContent = (await ask(`${r.link}/describe`).then((a) => a.text(), (error) => error.message)) || "Nothing was measured that could be said.";
}

async function give(r, name) {
  if (!name) return;
  await download(`${r.link}/export?as=${name}`, `${(r.file || "recording").replace(/\.[^.]*$/, "")}${formats[name].suffix}`).catch((error) => tell(error.message));
}
const tell = (text) => dispatchEvent(new CustomEvent("toast", { detail: text }));

// The first press asks, the second deletes; a recording goes with its job, and with whatever else the job made.
async function remove(r, row, button) {
  if (!button.dataset.sure) {
    button.dataset.sure = "yes";
    const [job] = r.id.split("."),
      others = list.querySelectorAll(`[data-id^="${job}."]`).length - 1;
    button.textContent = others ? `Really? With ${others} more of its job` : "Really delete?";
    setTimeout(() => {
      delete button.dataset.sure;
      button.textContent = "Delete";
    }, 4000);
    return;
  }
  try {
    await ask(`/v1/jobs/${r.id.split(".")[0]}`, { method: "DELETE" });
    stale = true;
    await open();
    drawBeside();
  } catch (error) {
    tell(error.message);
  }
}

function mark(r, box) {
  if (box.checked) {
    chosen.push(r);
    if (chosen.length > 2) {
      const [first] = chosen.splice(0, 1);
      const old = document.getElementById(`mark-${first.id}`);
      if (old) old.checked = false;
    }
  } else chosen.splice(chosen.findIndex((c) => c.id === r.id), 1);
  drawBeside();
}

async function drawBeside() {
  if (chosen.length === 2) await compare(beside, chosen);
  else fill(beside, chosen.length === 1 && h("p.empty", `${chosen[0].file || "One recording"} is marked; mark another to compare.`));
}
