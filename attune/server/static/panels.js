// The live timelines: a lane each for what is fused, the face, the voice and the words; what of it is shown is the reader's choice.

import { AXES, SAID, fill, figure, h, plainly } from "./elements.js";
import { drawLane, linesOf } from "./lanes.js";
import { MODALITIES } from "./memory.js";

const SPANS = [15, 30, 60, 180]; // s
const FEW = 8; // labels that are shown at once; of more, the strongest
const PEN = 0.07; // s; the line reaches a new estimate after about three times that
const READ = 400; // ms between two updates of what is written
const CHOOSE = 2500; // ms between two choices of the strongest labels
const OLD = 6; // s after which an estimate is no longer the latest
export const GROUPS = { axes: "Valence · arousal · dominance", labels: "Expressions" };

export class Panels {
  constructor(place, { mute, words }) {
    Object.assign(this, { place, group: "axes", span: 30, person: null, hidden: new Set(), lanes: {}, asked: mute, words });
    this.read = this.chosen = 0;
  }

  build(memory) {
    this.memory = memory;
    this.place.dataset.group = this.group;
    this.bar = h("div.controls");
    fill(this.place, this.bar, MODALITIES.map((m) => this.lane(m)));
    this.drawBar();
  }

  lane(modality) {
    const canvas = h("canvas", { role: "img", "aria-label": `${SAID[modality]} over time` }),
      latest = h("span.latest"),
      badge = h("span.badge", { hidden: true }),
      chips = h("div.chips", { role: "group", "aria-label": `lines of ${SAID[modality]}` });
    const lane = { modality, canvas, latest, badge, chips, labels: [], pen: -Infinity };
    this.lanes[modality] = lane;
    const button =
      modality !== "fused" &&
      h("button.mute", { type: "button", "aria-pressed": "false", "data-mute": modality, click: () => this.asked(modality) }, "Mute");
    if (modality === "text") {
      const input = h("input", { type: "text", maxlength: 500, placeholder: "Type what is said", "aria-label": "Words that are said", autocomplete: "off" });
      lane.form = h(
        "form.type",
        {
          submit: (event) => {
            event.preventDefault();
            if (input.value.trim()) this.words(input.value.trim());
            input.value = "";
          },
        },
        input,
      );
      lane.heard = h("p.heard", { hidden: true });
    }
    const tall = modality === "fused" ? ".tall" : "";
    return h(
      `div.card.panel${tall}`,
      { "data-modality": modality },
      h("div.head", h("h3", SAID[modality]), latest, badge, lane.form, button),
      lane.heard,
      chips,
      h(`div.plot${tall}`, canvas),
    );
  }

  // What hears the words, or "": nothing does, they are typed.
  recognises(title) {
    const { form, heard } = this.lanes.text;
    heard.hidden = !title;
    heard.dataset.empty = `Words are recognised by ${title} when somebody has spoken.`;
    form.querySelector("input").placeholder = title ? "Or type what is said" : "Type what is said";
  }
  hears(text) {
    const { heard } = this.lanes.text;
    heard.hidden = false;
    heard.title = heard.textContent = `“${text}”`;
  }

  drawBar() {
    const people = [...this.memory.people.keys()].filter(Boolean);
    fill(
      this.bar,
      h(
        "div",
        { role: "group", "aria-label": "dimensions" },
        h("span.what", "Show"),
        h(
          "span.joined",
          Object.entries(GROUPS).map(([group, text]) =>
            h("button", { type: "button", "aria-pressed": String(this.group === group), "data-group": group, click: () => this.show(group) }, text),
          ),
        ),
      ),
      people.length > 1 &&
        h(
          "div",
          h("label.what", { for: "person" }, "Of"),
          h(
            "select",
            { id: "person", change: (e) => this.choose(e.target.value) },
            people.map((p) => h("option", { value: p, selected: p === this.who() }, plainly(p))),
          ),
        ),
      h(
        "div",
        { role: "group", "aria-label": "time" },
        h("span.what", "Last"),
        h(
          "span.joined",
          SPANS.map((s) =>
            h(
              "button",
              { type: "button", "aria-pressed": String(this.span === s), click: () => this.last(s) },
              s < 60 ? `${s} s` : `${s / 60} min`,
            ),
          ),
        ),
      ),
    );
    this.drawnPeople = people.join();
  }

  // ---- choices ----

  who() {
    return this.person !== null && this.memory.people.has(this.person) ? this.person : this.memory.mostSeen();
  }
  show(group) {
    this.group = this.place.dataset.group = group;
    this.read = this.chosen = 0;
    this.drawBar();
  }
  nextGroup() {
    const all = Object.keys(GROUPS);
    this.show(all[(all.indexOf(this.group) + 1) % all.length]);
    return GROUPS[this.group];
  }
  choose(person) {
    this.person = person;
    this.drawBar();
  }
  nextPerson() {
    const all = [...this.memory.people.keys()].filter(Boolean);
    if (all.length < 2) return null;
    this.choose(all[(all.indexOf(this.who()) + 1) % all.length]);
    return plainly(this.person);
  }
  last(span) {
    this.span = span;
    this.drawBar();
  }
  zoom(step) {
    this.last(SPANS[Math.max(0, Math.min(SPANS.length - 1, SPANS.indexOf(this.span) + step))]);
    return `the last ${this.span} s`;
  }
  muted(modality, on) {
    const button = this.place.querySelector(`[data-mute="${modality}"]`);
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Muted" : "Mute";
    button.closest(".panel").classList.toggle("off", on);
  }

  // ---- drawing ----

  taxonomy(modality) {
    return this.memory.taxonomies[this.group === "axes" ? "vad" : this.memory.names[modality]];
  }
  field() {
    return this.group === "axes" ? "vad" : "values";
  }

  // now: s on the page's clock · step: s since the last frame · still: no gliding
  draw({ now, step, still }) {
    const who = this.who(),
      wall = performance.now(),
      from = now - this.span;
    const writes = wall - this.read > READ,
      chooses = wall - this.chosen > CHOOSE;
    for (const lane of Object.values(this.lanes)) {
      const taxonomy = this.taxonomy(lane.modality),
        runs = this.memory.runs(lane.modality, who, from);
      const newest = runs.at(-1)?.at(-1).t ?? -Infinity;
      if (!(lane.pen > from) || still) lane.pen = Math.min(newest, still ? newest : Math.max(lane.pen, newest - 1));
      lane.pen += (newest - lane.pen) * (1 - Math.exp(-step / PEN)) || 0;
      if (!taxonomy && lane.of) {
        Object.assign(lane, { labels: [], of: null });
        fill(lane.chips);
      }
      if (taxonomy && (chooses || !lane.labels.length || lane.of !== taxonomy)) this.relabel(lane, taxonomy, who, from);
      drawLane(lane.canvas, {
        runs,
        lines: taxonomy ? linesOf(taxonomy, lane.labels.filter((l) => !this.hidden.has(l)), this.field()) : [],
        range: taxonomy?.range ?? (this.group === "axes" ? [-1, 1] : [0, 1]),
        from,
        to: now,
        until: Number.isFinite(lane.pen) ? lane.pen : now,
        begins: 0,
        why: (a, b) => this.memory.why(lane.modality, a, b),
        ticks: lane.modality === "fused" || lane.modality === "text",
      });
      if (writes) this.write(lane, who, now);
    }
    if (writes) {
      this.read = wall;
      const people = [...this.memory.people.keys()].filter(Boolean).join();
      if (people !== this.drawnPeople) this.drawBar();
    }
    if (chooses) this.chosen = wall;
  }

  // Which labels a lane shows: all of a few; of many those that were strongest in view.
  relabel(lane, taxonomy, who, from) {
    let labels = taxonomy.labels;
    if (labels.length > FEW) {
      const most = new Map();
      for (const row of this.memory.of(lane.modality, who))
        if (row.end > from) for (const [label, v] of Object.entries(row[this.field()] ?? {})) most.set(label, Math.max(most.get(label) ?? 0, v ?? 0));
      labels = labels.filter((l) => most.has(l)).sort((a, b) => most.get(b) - most.get(a)).slice(0, FEW - 2);
      labels = taxonomy.labels.filter((l) => labels.includes(l));
    }
    const same = lane.of === taxonomy && labels.join() === lane.labels.join() && lane.theme === document.documentElement.dataset.theme;
    Object.assign(lane, { labels, of: taxonomy, theme: document.documentElement.dataset.theme });
    if (same) return;
    fill(
      lane.chips,
      linesOf(taxonomy, labels, this.field()).map(({ label, colour }) =>
        h(
          "button.chip",
          {
            type: "button",
            "aria-pressed": String(!this.hidden.has(label)),
            "data-label": label,
            title: AXES[label] ? `${AXES[label][0]} to ${AXES[label][1]}` : null,
            click: () => this.toggle(label),
          },
          h("i.swatch", { style: { "--c": colour } }),
          label,
        ),
      ),
    );
  }
  toggle(label) {
    if (this.hidden.has(label)) this.hidden.delete(label);
    else this.hidden.add(label);
    for (const chip of this.place.querySelectorAll(".chip"))
      if (chip.dataset.label === label) chip.setAttribute("aria-pressed", String(!this.hidden.has(label)));
  }

  write(lane, who, now) {
    const row = this.memory.latest(lane.modality, who),
      fresh = row && now - row.end < OLD,
      values = fresh ? Object.entries(row[this.field()] ?? {}).filter(([, v]) => v !== null) : [];
    lane.latest.textContent = !values.length
      ? fresh
        ? "not given by this model"
        : "–"
      : this.group === "axes"
        ? values.map(([label, v]) => `${label} ${figure(v)}`).join(" · ")
        : ((best) => `${best[0]} ${Math.round(100 * best[1])} %`)(values.sort((a, b) => b[1] - a[1])[0]);
    const projected = fresh && this.group === "axes" && row.projected;
    lane.badge.hidden = !projected;
    if (projected) {
      lane.badge.className = "badge";
      lane.badge.textContent = "projected";
      lane.badge.title = "No model here was trained on these; a cited crosswalk leads to them from what was measured.";
    }
    if (lane.modality === "fused" && fresh && row.from?.length) {
      lane.badge.hidden = false;
      lane.badge.className = "badge plain";
      lane.badge.textContent = "from " + row.from.map((m) => SAID[m]?.toLowerCase() ?? m).join(", ");
      lane.badge.title = [
        Object.entries(row.shares ?? {}).map(([m, share]) => `${SAID[m]?.toLowerCase() ?? m} decided ${Math.round(100 * share)} %`).join(", "),
        typeof row.discord === "number" && `they disagree by ${figure(row.discord)} bits`,
      ]
        .filter(Boolean)
        .join("; ");
    }
  }
}
