// Files: choose or drop, see how far measuring is, open the report.

import { ask, json, openTab, told } from "./ask.js";
import { count, fill, h } from "./elements.js";

const OPEN = ["QUEUED", "IN_PROGRESS"];
const STEPS = { face: "looking at faces", voice: "listening to voices", text: "reading the words" };
const jobs = new Map(); // id -> {row, stop}
let list, wrong, tally;

export function build(section) {
  list = h("div.jobs", { "aria-live": "off" });
  wrong = h("p.wrong", { role: "alert" });
  tally = document.querySelector(".tally");
  const input = h("input", { type: "file", id: "file", multiple: true, change: (e) => (send([...e.target.files]), (e.target.value = "")) });
  fill(
    section,
    h("h1", "Measure files"),
    h("p.lead", "Video, sound, transcripts (.srt, .vtt beside a file of the same name) and archives of them. They are deleted once measured; the estimates stay for as long as the server keeps results."),
    h("label.drop.card", { for: "file", id: "drop" }, h("b", "Drop files here"), h("span", "or press to choose"), input),
    h(
      "div.keeping",
      h("label.line", h("span", "How the people in it agreed"), h("input", { type: "text", id: "file-consent", maxlength: 500, placeholder: "signed form of 3 May" })),
      h("label.line", h("span", "What for"), h("input", { type: "text", id: "file-purpose", maxlength: 500, placeholder: "study 12" })),
      h("label.tick", h("input", { type: "checkbox", id: "file-keep" }), h("span", "Keep the files too, and a small picture of each person for the report")),
    ),
    wrong,
    list,
  );
  drawEmpty();
}

// Jobs that were under way before the page was opened are watched too.
export async function open() {
  const going = await json("/v1/jobs?limit=20&state=QUEUED&state=IN_PROGRESS").catch(() => []);
  for (const job of going.reverse()) if (!jobs.has(job.id) && job.kind !== "live") watch(job.id, names(job));
}
const names = (job) => job.sources?.map((s) => s.filename ?? s.url ?? "text").join(", ") || "a job";

export async function send(files) {
  if (!files.length) return;
  wrong.textContent = "";
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  form.append("consent", document.getElementById("file-consent").value);
  form.append("purpose", document.getElementById("file-purpose").value);
  form.append("keep_media", String(document.getElementById("file-keep").checked));
  const name = files.map((f) => f.name).join(", ");
  const waiting = drawJob({ name, step: "sending", done: null });
  list.querySelector(".empty")?.remove();
  list.prepend(waiting);
  try {
    const { id } = await json("/v1/recordings", { method: "POST", body: form, headers: { "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) } });
    waiting.remove();
    watch(id, name);
  } catch (error) {
    waiting.remove();
    wrong.textContent = error.message;
    drawEmpty();
  }
}

async function watch(id, name) {
  const stop = new AbortController(),
    job = { row: drawJob({ name, step: "waiting", done: 0, cancel: () => cancel(id) }), stop };
  jobs.set(id, job);
  list.querySelector(".empty")?.remove();
  list.prepend(job.row);
  countUp();
  const draw = (next) => {
    const row = drawJob(next);
    job.row.replaceWith(row);
    job.row = row;
  };
  try {
    for await (const said of told(`/v1/jobs/${id}/events`, stop.signal)) {
      const over = !OPEN.includes(said.state);
      draw({ name: names(said), step: said.state === "QUEUED" ? "waiting for its turn" : (STEPS[said.step] ?? "measuring"), done: said.done, over, job: said, cancel: () => cancel(id), remove: () => remove(id) });
    }
    dispatchEvent(new Event("recordings-changed"));
  } catch (error) {
    if (!stop.signal.aborted) draw({ name, over: true, wrong: error.message, remove: () => remove(id) });
  }
  job.over = true;
  countUp();
}

function countUp() {
  const n = [...jobs.values()].filter((j) => !j.over).length;
  tally.hidden = !n;
  tally.textContent = n ? ` ${n}` : "";
  tally.title = n ? `${count(n, "file is", "files are")} being measured` : "";
}

async function cancel(id) {
  await ask(`/v1/jobs/${id}`, { method: "DELETE" }).catch((error) => (wrong.textContent = error.message));
}
// Off the list; what was measured stays among the recordings.
function remove(id) {
  jobs.get(id).stop.abort();
  jobs.get(id).row.remove();
  jobs.delete(id);
  drawEmpty();
}
function drawEmpty() {
  if (!list.children.length) fill(list, h("p.empty", "Nothing is being measured. What was measured before is under ", h("a", { href: "#recordings" }, "Recordings"), "."));
}

function drawJob({ name, step, done, over, job, wrong: told, cancel: stop, remove: drop }) {
  const errors = [told, job?.message, ...(job?.sources ?? []).flatMap((s) => [s.error, ...(s.errors ?? []).map((e) => e.message)])].filter(Boolean);
  const notes = [...new Set(errors)];
  const ended = over && (job?.recordings.length ? "measured" : job?.state === "CANCELLED" ? "cancelled" : notes.length ? "not measured" : "done");
  return h(
    "div.card.job",
    { "data-state": over ? (job?.state ?? "FAILED") : "OPEN" },
    h(
      "div.head",
      h("b", name),
      h("span.step", over ? ended : step),
      over ? drop && h("button", { type: "button", click: drop }, "Hide") : stop && h("button", { type: "button", click: stop }, "Cancel"),
    ),
    !over && h("progress", { "aria-label": `progress of ${name}`, max: 1, ...(done !== null && { value: done }) }),
    over &&
      job?.recordings.map((r) =>
        h("p.go", h("a.button.primary", { href: `${r.link}/report`, target: "_blank", rel: "noreferrer", click: openTab }, job.recordings.length > 1 ? `Report of ${r.file}` : "Open the report")),
      ),
    over && notes.length > 0 && h("ul.notes", notes.map((n) => h("li", n))),
  );
}
