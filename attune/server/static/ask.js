// Asking the server: with its key where it wants one, errors as sentences, progress as it comes.

const KEPT = "attune-key"; // in sessionStorage: gone when the tab is closed
let key = null;
try {
  key = sessionStorage.getItem(KEPT);
} catch {
  /* a page without storage asks again */
}

// A sentence from the server that says what came, what was expected and what to do.
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function setKey(given) {
  key = given.trim() || null;
  try {
    if (key) sessionStorage.setItem(KEPT, key);
    else sessionStorage.removeItem(KEPT);
  } catch {
    /* as above */
  }
}
export const hasKey = () => key !== null;

// Where no header can be sent, in a new tab and for a WebSocket, the server signs a link that is good for a minute: the key stands in no address.
const opened = async (path) =>
  key ? (await json("/v1/links", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ path }) })).link : path;
export const socketAddress = async (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${await opened(path)}`;
// Listens to a link's click, and opens it in a tab of its own.
export async function openTab(event) {
  if (!key) return;
  event.preventDefault();
  const path = event.currentTarget.getAttribute("href"),
    tab = window.open("", "_blank"); // while it is still the reader's own press
  try {
    const link = await opened(path);
    tab.opener = null;
    tab.location = link;
  } catch (error) {
    tab?.close();
    dispatchEvent(new CustomEvent("toast", { detail: error.message }));
  }
}

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...options.headers, ...(key && { "X-API-Key": key }) } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server doesn't answer. Is attune serve still running?", 0);
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) dispatchEvent(new CustomEvent("key-wanted", { detail: { known: key !== null } }));
  throw new Refused(said.message ?? `The server answered ${answer.status}.`, answer.status);
}
export const json = async (path, options) => (await ask(path, options)).json();

// The events of an answer, each {kind, data}, as they come.
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let held = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      const all = (held + value).split("\n\n");
      held = all.pop();
      for (const one of all) {
        const data = one.match(/^data: (.*)$/m);
        if (data) yield { kind: one.match(/^event: (.*)$/m)?.[1], data: data[1] };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// What is answered to something that is sent, event by event.
export async function* streamed(path, body, signal) {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  for await (const { data } of events(answer)) if (data !== "[DONE]") yield JSON.parse(data);
}

// Server-sent events, by fetch, since an EventSource can't send a key. Asks again when the line breaks; ends with the event "end".
export async function* told(path, signal) {
  for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
    try {
      for await (const { kind, data } of events(await ask(path, { signal }))) {
        wait = 500;
        yield JSON.parse(data);
        if (kind === "end") return;
      }
    } catch (error) {
      if (signal?.aborted || (error instanceof Refused && error.status)) throw error;
    }
    await new Promise((later) => setTimeout(later, wait));
  }
}

// A file from the server into the reader's downloads.
export async function download(path, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await ask(path)).blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
