// The page: its views, its keys, its key for the server, and what lies under "?".

import { ask, hasKey, setKey } from "./ask.js";
import { fill, h } from "./elements.js";
import * as files from "./files.js";
import * as liveView from "./live.js";
import * as recordings from "./recordings.js";

const place = (id) => document.getElementById(id);
const VIEWS = ["live", "files", "recordings"];
const KEYS = [
  ["s", "start, or stop"],
  ["f, v, w", "mute the face, the voice, the words"],
  ["c", "the conversation, or the timelines; Escape leaves its input"],
  ["d", "other dimensions"],
  ["p", "next person"],
  ["+, -", "shorter, longer time"],
  ["m", "mirror the picture, or not"],
  ["r", "keep a recording, before the start"],
  ["t", "colours: as the system, light, dark"],
  ["1, 2, 3", "live, files, recordings"],
  ["?", "this list"],
];

// ---- views ----

function show() {
  if (!place("key").hidden) return;
  const view = VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "live";
  for (const v of VIEWS) place(v).hidden = v !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${{ live: "Live", files: "Files", recordings: "Recordings" }[view]} · Attune`;
  if (opened) ({ live: () => {}, files: files.open, recordings: recordings.open })[view]();
}
addEventListener("hashchange", show);

// ---- small news ----

let fading;
function toast(text) {
  place("toast").textContent = text;
  place("toast").classList.add("on");
  clearTimeout(fading);
  fading = setTimeout(() => place("toast").classList.remove("on"), 3500);
}
addEventListener("toast", ({ detail }) => toast(detail));

// ---- the server's key ----

let opened = false;
async function begin() {
  try {
    await ask("/v1/notice");
  } catch (error) {
    if (error.status === 401) return;
    toast(error.message);
  }
  place("key").hidden = true;
  opened = true;
  show();
  await liveView.open({ toast });
}
addEventListener("key-wanted", ({ detail }) => {
  place("key").hidden = false;
  place("key-wrong").textContent = detail.known ? "This server doesn't know that key." : "";
  for (const v of VIEWS) place(v).hidden = true;
  opened = false;
  place("key-given").focus();
});
place("key").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey(place("key-given").value);
  place("key-given").value = "";
  begin();
});

// ---- keys ----

let single = true;
try {
  single = localStorage.getItem("attune-keys") !== "off";
} catch {
  /* a page without storage has no memory */
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox]), select, textarea");
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing || !single || !opened) return;
  if (event.key === "?") help();
  else if (place("help").open) return;
  else if (event.key === "t") globalThis.switchTheme();
  else if ("123".includes(event.key)) location.hash = VIEWS[Number(event.key) - 1];
  else if (place("live").hidden || !liveView.press(event.key)) return;
  event.preventDefault();
});

let telling;
function help() {
  const dialog = place("help"),
    lines = h("div.diagnostics", { id: "diagnostics" });
  const tell = () => fill(lines, liveView.diagnostics().map((line) => h("p", line)));
  fill(
    dialog,
    h("h2", { id: "help-title" }, "Keys"),
    h("table.keys-table", KEYS.map(([keys, what]) => h("tr", h("th", keys.split(", ").map((k) => h("kbd", k))), h("td", what)))),
    h(
      "label.tick",
      h("input", {
        type: "checkbox",
        checked: single,
        change: (e) => {
          single = e.target.checked;
          try {
            localStorage.setItem("attune-keys", single ? "on" : "off");
          } catch {
            /* as above */
          }
        },
      }),
      h("span", "Single keys do this"),
    ),
    h("h2", "How it goes"),
    lines,
    hasKey() && h("p", h("button", { type: "button", click: () => (setKey(""), location.reload()) }, "Forget the server's key")),
    h("p.go", h("button.primary", { type: "button", autofocus: true, click: () => dialog.close() }, "Close")),
  );
  tell();
  telling = setInterval(tell, 1000);
  if (!dialog.open) dialog.showModal();
}
place("help-open").addEventListener("click", help);
place("help").addEventListener("close", () => clearInterval(telling));
place("help").addEventListener("click", (event) => event.target === place("help") && place("help").close());

// ---- files from anywhere ----

const carriesFiles = (event) => opened && [...(event.dataTransfer?.types ?? [])].includes("Files");
let over = 0;
addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  over++;
  place("falling").classList.add("on");
});
addEventListener("dragleave", (event) => {
  if (carriesFiles(event) && --over <= 0) place("falling").classList.remove("on");
});
addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  over = 0;
  place("falling").classList.remove("on");
  if (!carriesFiles(event)) return;
  event.preventDefault();
  location.hash = "files";
  files.send([...event.dataTransfer.files]);
});

// ---- start ----

files.build(place("files"));
recordings.build(place("recordings"));
begin();
