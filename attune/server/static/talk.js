// The conversation: what is said here is answered by the server's agent, which knows how the live session measured the person meanwhile.
// Nothing is kept but in this page, and on the server as long as the session goes on.

import { json, streamed } from "./ask.js";
import { SAID, clock, count, figure, fill, h } from "./elements.js";

const LONGEST = 4000; // characters of a turn
const HISTORY = 40; // messages that are sent with a turn
const NEAR = 220; // px from the end within which the newest stays in view
const CRISIS = ["self_harm", "violence", "harm_others"];
const ORDER = ["face", "voice", "text"];

export class Talk {
  // session(): {id, person} of the live session, or null · forget(what): tell it · toast(text)
  constructor(place, { session, forget, toast }) {
    Object.assign(this, { place, session, forget, toast, turns: [], notice: true, spoken: false, persona: "attune", who: null, busy: null });
    this.build();
  }

  build() {
    this.by = h("p.by");
    this.log = h("div.turns", { role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: 0 });
    this.voice = h("p.sr", { "aria-live": "polite" }); // whole replies, not pieces
    this.input = h("textarea", {
      rows: 1,
      maxlength: LONGEST,
      placeholder: "Say something",
      "aria-label": "What you say to the agent",
      input: () => this.grow(),
      keydown: (event) => {
        if (event.key === "Escape") this.input.blur();
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        this.form.requestSubmit();
      },
    });
    this.send = h("button.primary", { type: "submit" }, "Send");
    this.form = h(
      "form.saying",
      {
        submit: (event) => {
          event.preventDefault();
          const text = this.input.value.trim();
          if (!this.session()) return this.toast("Once the session goes on");
          if (!text) return this.input.focus();
          this.input.value = "";
          this.grow();
          this.say(text);
        },
      },
      this.input,
      this.send,
    );
    const switched = (name, text, title, change) =>
      h("label.tick", { title }, h("input", { type: "checkbox", name, checked: this[name], change: (e) => change(e.target.checked) }), h("span", text));
    this.noticing = switched("notice", "Notice expression", "Off: nothing is measured for the conversation, and what was is deleted", (on) => this.notify(on));
    this.does = h(
      "div.does",
      this.noticing,
      switched("spoken", "Answer speech", "Words that are recognised here, typed under Words as what was said, or sent to this session by another recogniser", (on) => (this.spoken = on)),
      (this.drop = h("button.danger", { type: "button", click: () => this.remove() }, "Delete")),
    );
    this.state = h("p.empty", { hidden: true });
    fill(this.place, h("div.head", this.by, this.does), this.log, this.voice, this.state, this.form);
    this.draw();
  }

  // ---- states ----

  // A session began.
  begin() {
    this.place.dataset.over = "";
    this.state.hidden = true;
    if (!this.place.hidden) this.meet();
  }
  // The conversation is opened: who answers is asked, once; the server gets ready meanwhile.
  async meet() {
    this.who ??= await json("/v1/models").then(
      ({ attune, data }) => ({ ...attune, personas: data.map((m) => m.id.split("/")[1]).filter(Boolean) }),
      () => null,
    );
    this.drawBy();
  }
  // It is over: what was said can be read until the next start.
  over(kept) {
    this.stop();
    this.place.dataset.over = "yes";
    this.state.hidden = false;
    this.state.textContent = kept ? "The session is over. This conversation is kept among the recordings." : "The session is over. This conversation isn't kept: it goes when you start again.";
  }
  clear() {
    this.stop();
    this.turns = [];
    this.draw();
  }
  stop() {
    this.busy?.abort();
    this.busy = null;
  }

  drawBy() {
    const { who } = this;
    fill(
      this.by,
      !who
        ? ""
        : who.about
          ? [h("b", { title: who.about }, who.by), " · no language model"]
          : [h("b", who.by), " as ", this.drawPersona(who.personas)],
    );
  }
  draw() {
    this.drop.disabled = !this.turns.length;
    if (!this.turns.length)
      fill(
        this.log,
        h(
          "div.empty",
          h("b", "Nothing has been said yet."),
          h("p", "Type, and the answer takes into account how you come across just now: face, voice and words, as far as they are measured. You can ask what made it think so."),
        ),
      );
    else fill(this.log, this.turns.map((t) => t.element));
    this.down(true);
  }
  drawPersona(personas) {
    return h(
      "select",
      { "aria-label": "Its manner", change: (e) => (this.persona = e.target.value) },
      personas.map((p) => h("option", { value: p, selected: p === this.persona }, p)),
    );
  }

  focus() {
    this.meet();
    if (!this.place.dataset.over) this.input.focus({ preventScroll: true });
    this.down(true);
  }
  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(160, this.input.scrollHeight + 2)}px`;
  }
  down(always = false) {
    const { log } = this,
      own = getComputedStyle(log).overflowY !== "visible"; // on a phone the page scrolls
    if (own && (always || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR)) log.scrollTop = log.scrollHeight;
    if (!own && this.turns.length && !this.place.hidden) {
      const end = log.lastElementChild.getBoundingClientRect().bottom + this.form.offsetHeight;
      if (always || end - innerHeight < NEAR) log.lastElementChild.scrollIntoView({ block: "nearest" });
    }
  }

  // ---- turns ----

  // Words of the session, as it read them.
  heard(text) {
    if (this.spoken && text.trim() && this.session()) this.say(text.trim());
  }

  say(text) {
    this.stop();
    if (!this.turns.length) fill(this.log);
    const turn = { text, reply: "", about: null };
    turn.noticed = h("div.noticed");
    turn.answer = h("div.answer");
    turn.element = h("div.exchange", h("div.mine", h("p.said", h("span.sr", "You: "), text), turn.noticed), turn.answer);
    this.turns.push(turn);
    this.log.append(turn.element);
    this.drop.disabled = false;
    this.answer(turn);
  }

  async answer(turn) {
    const session = this.session(),
      stop = (this.busy = new AbortController()),
      before = this.turns.slice(0, this.turns.indexOf(turn)).filter((t) => t.reply);
    const known = turn.about?.live?.end ? { start: turn.about.live.start, end: turn.about.live.end } : {}; // sent once more: the same moment
    Object.assign(turn, { reply: "", failed: false });
    fill(turn.noticed, this.notice && h("span.soft", "measuring…"));
    const text = h("p.text"),
      waiting = h("span.waits", { "aria-hidden": "true" }, h("i"), h("i"), h("i"));
    fill(turn.answer, h("div.theirs", h("p.name", "Attune"), text, waiting));
    this.down(true);
    try {
      const asked = {
        model: `attune/${this.persona}`,
        stream: true,
        messages: [
          ...before.flatMap((t) => [{ role: "user", content: t.text }, { role: "assistant", content: t.reply }]).slice(-HISTORY),
          { role: "user", content: turn.text },
        ],
        attune: { notice: this.notice, ...(session && { live: { session: session.id, person: session.person ?? "", ...known } }) },
      };
      for await (const event of streamed("/v1/chat/completions", asked, stop.signal)) {
        if (event.error) throw new Error(event.error.message);
        if (event.attune) this.told(turn, event.attune);
        const piece = event.choices?.[0]?.delta?.content;
        if (!piece) continue;
        turn.reply += piece;
        text.textContent = turn.reply.trim();
        this.down();
      }
      waiting.remove();
      if (!turn.reply.trim()) throw new Error("The answer was empty.");
      this.voice.textContent = `Attune: ${turn.reply.trim()}`;
      if (turn.about?.boundary === "forget") this.clear();
      if (["stop_noticing", "start_noticing"].includes(turn.about?.boundary)) this.notify(turn.about.boundary === "start_noticing", true);
    } catch (error) {
      waiting.remove();
      if (stop.signal.aborted) {
        if (turn.reply) text.append(h("span.soft", " …"));
        else fill(turn.answer, h("p.soft.small", "Not answered."));
        if (!turn.about) fill(turn.noticed);
      } else this.failed(turn, error.message);
    } finally {
      if (this.busy === stop) this.busy = null;
      this.down();
    }
  }

  failed(turn, why) {
    turn.failed = true;
    turn.reply = "";
    if (!turn.about) fill(turn.noticed);
    fill(
      turn.answer,
      h(
        "div.failed",
        { role: "alert" },
        h("b", "No answer came."),
        h("p", why),
        h(
          "button",
          {
            type: "button",
            click: () => {
              if (!this.session()) return this.toast("The session must go on for that");
              this.stop();
              this.answer(turn);
              this.input.focus({ preventScroll: true });
            },
          },
          "Try again",
        ),
      ),
    );
  }

  // What the server says of a turn before it answers.
  told(turn, about) {
    turn.about = about;
    this.drawNoticed(turn);
    const theirs = turn.answer.querySelector(".theirs");
    if (about.by === "boundary" && CRISIS.includes(about.boundary)) {
      theirs.classList.add("help");
      theirs.querySelector(".name").textContent = "People who can help";
    } else theirs.querySelector(".name").textContent = about.by === "boundary" ? "Attune" : `Attune · ${about.by}`;
  }

  // ---- what was noticed ----

  drawNoticed(turn) {
    const { about } = turn;
    if (!about) return fill(turn.noticed);
    if (!about.notice) return fill(turn.noticed, h("span.soft", "not noticed"));
    if (about.by === "boundary" && CRISIS.includes(about.boundary)) return fill(turn.noticed, h("span.soft", "what was measured isn't used here"));
    const parts = ORDER.filter((m) => about.noticed.some((n) => n.modality === m)),
      reason = about.live?.reason ? ` · ${about.live.reason}` : "";
    if (!parts.length) return fill(turn.noticed, h("span.soft", `nothing was measured${reason}`));
    const behind = h("div.behind", { hidden: true }, this.drawBehind(about, parts));
    fill(
      turn.noticed,
      h(
        "p",
        h("span.soft", "came across as "),
        parts.map((m, i) => [i > 0 && ", ", h("b", about.noticed.find((n) => n.modality === m).word), h("span.soft", ` (${SAID[m].toLowerCase()})`)]),
        reason && h("span.soft", reason),
        " ",
        h(
          "button.link",
          {
            type: "button",
            "aria-expanded": "false",
            click: ({ target }) => {
              behind.hidden = !behind.hidden;
              target.setAttribute("aria-expanded", String(!behind.hidden));
              if (!behind.hidden) behind.scrollIntoView({ block: "nearest" });
            },
          },
          "What made you think so?",
        ),
      ),
      behind,
    );
  }

  drawBehind(about, parts) {
    const { live } = about,
      from = live?.start ?? null;
    return [
      from !== null && h("p", h("span.soft", "The moment: "), `${clock(from)} to ${clock(live.end)} of this session`),
      h(
        "dl",
        parts.map((m) => [
          h("dt", SAID[m]),
          h(
            "dd",
            about.noticed
              .filter((n) => n.modality === m)
              .map((n) => `${n.word} ${figure(n.score)}${n.time !== null && from !== null ? ` (most at ${clock(from + n.time)})` : ""}`)
              .join(", "),
            m === "text" && about.causes.length > 0 && h("span.soft", `, resting on ${about.causes.map((w) => `“${w}”`).join(", ")}`),
          ),
        ]),
        about.candidates.length > 0 && [h("dt", "Fits"), h("dd", about.candidates.slice(0, 3).map((c) => `${c.label} ${figure(c.probability)}`).join(", "))],
      ),
      about.expression.length > 0 && about.by !== "boundary" && h("p.soft", "What the answer was told:"),
      about.expression.length > 0 && about.by !== "boundary" && h("ul", about.expression.map((line) => h("li", line))),
      h("p.soft", "That is how it came across to small models, which often err. It doesn't say what you feel."),
    ];
  }

  // Switched on or off, by the box or by words; off deletes what was measured.
  notify(on, said = false) {
    this.notice = this.noticing.querySelector("input").checked = on;
    if (on) return;
    this.forget("measured");
    for (const turn of this.turns)
      if (turn.about) {
        Object.assign(turn.about, { notice: false, noticed: [], candidates: [], expression: [], causes: [] });
        this.drawNoticed(turn);
      }
    if (!said) this.toast("Nothing is noticed now; what was measured for the conversation is deleted");
  }

  // The first press asks, the second deletes.
  remove() {
    const { drop } = this;
    if (!drop.dataset.sure) {
      drop.dataset.sure = "yes";
      drop.textContent = `Really delete ${count(this.turns.length, "turn")}?`;
      setTimeout(() => {
        delete drop.dataset.sure;
        drop.textContent = "Delete";
      }, 4000);
      return;
    }
    delete drop.dataset.sure;
    drop.textContent = "Delete";
    this.forget("conversation");
    this.clear();
    this.voice.textContent = "";
    this.toast("The conversation is deleted");
    this.input.focus({ preventScroll: true });
  }
}
