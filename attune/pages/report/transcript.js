// The words: each utterance coloured by an estimate of the reader's choice, each word a way to its moment.

const ways = []; // ways to colour: {name, title, series, axis}
let way = null;

function findWays() {
  const kept = way;
  ways.length = 0;
  for (const group of ["labels", "axes"])
    for (const series of FACTS.series.filter((s) => s.modality !== "face")) {
      const taxonomy = taxonomyOf(series),
        from = SAID[series.modality].toLowerCase(),
        projected = series.projected ? ", projected" : "";
      if (group === "labels" && !dimensional(series)) ways.push({ title: `expression (${from}${projected})`, series, axis: null });
      if (group === "axes" && dimensional(series) && !carrying(series))
        taxonomy.labels.forEach((label, k) => ways.push({ title: `${label} (${from}${projected})`, series, axis: k }));
    }
  way = ways.find((w) => kept && w.title === kept.title) ?? ways[0] ?? null;
}

// Colour, strength 0..1 and words for one segment, or null where nothing was measured.
function verdict(segment) {
  const mark = way && segment.marks?.[way.series.name];
  if (!mark || !mark.length) return null;
  const taxonomy = taxonomyOf(way.series);
  if (way.axis === null) {
    const [[k, p], second] = mark;
    return {
      colour: shade(taxonomy, k),
      strength: isNeutral(taxonomy.labels[k]) ? 0.12 : p,
      text: `${taxonomy.labels[k]} ${figure(p)}`,
      more: second && second[1] >= 0.1 ? `${taxonomy.labels[second[0]]} ${figure(second[1])}` : "",
    };
  }
  const x = mark[way.axis];
  if (x === null) return null;
  const scale = Math.max(...taxonomy.range.map(Math.abs));
  return {
    colour: ink(pole(x)),
    strength: Math.min(1, (1.35 * Math.abs(x)) / scale),
    text: `${taxonomy.labels[way.axis]} ${x > 0 ? "+" : ""}${figure(x)}`,
    more: "",
  };
}

// Short segments of one person that follow each other (words as rows) read as one line.
function turns() {
  const spoken = FACTS.segments.filter((s) => s.kind !== "pause" && (s.kind === "speech" || s.words));
  const wordy =
    spoken.filter(
      (s) =>
        s.words &&
        s.words
          .map((w) => w[0])
          .join("")
          .trim()
          .split(/\s+/).length <= 1,
    ).length >
    spoken.length / 2;
  const out = [];
  for (const s of spoken) {
    const last = out[out.length - 1],
      before = last?.[last.length - 1];
    if (wordy && before && before.person === s.person && s.start - before.end < 0.8 && last.length < 40) last.push(s);
    else out.push([s]);
  }
  return out;
}

function said(segment) {
  const inside = !segment.words
    ? h("span.wordless", "speech, no words given")
    : segment.words.map(([text, start]) =>
        start === undefined && segment.words.length > 1 && !text.trim()
          ? text
          : h(
              "span.w",
              { "data-t": start ?? segment.start, "data-e": start === undefined ? null : segment.words.find((w) => w[1] === start)[2] },
              text,
            ),
      );
  return h("span.tint", inside);
}

function drawTranscript() {
  const body = document.querySelector("#transcript .body"),
    all = turns(),
    words = FACTS.segments.some((s) => s.words);
  if (!all.length) {
    const sound = FACTS.series.some((s) => s.modality === "voice");
    fill(
      body,
      h(
        "div.card.empty",
        h("b", sound ? "No words." : "Nobody was heard."),
        sound ? "Nobody gave a transcript and no recogniser was there." : "There is no speech in this recording, or it wasn't listened to.",
      ),
    );
    return;
  }
  findWays();
  const lead = words
    ? h(
        "span.hint",
        coarse()
          ? "Tap a word, or a time, to move there."
          : "Click a word, or a time, to move there; with the arrow keys, from word to word.",
      )
    : h(
        "span",
        "No words were given, so this is when somebody spoke. To add them: ",
        h("code", "attune measure FILE --transcript words.srt"),
        " (SRT, WebVTT, text or JSON), or install a recogniser.",
      );
  const choice =
    ways.length > 0 &&
    h(
      "div.controls.keep",
      h(
        "div",
        h("label.what", { for: "way" }, "Colour by"),
        h(
          "select",
          {
            id: "way",
            change: (e) => {
              way = ways[+e.target.value] ?? null;
              colourWords();
            },
          },
          ways.map((w, i) => h("option", { value: i, selected: w === way }, w.title)),
          h("option", { value: -1 }, "nothing"),
        ),
      ),
      h("div.key", { style: { margin: "0" } }),
    );
  let before = null,
    speaker = null;
  const lines = all.flatMap((segments) => {
    const first = segments[0],
      p = person(first.person),
      rest = before !== null ? first.start - before : 0,
      out = [];
    if (rest >= 2) out.push(h("li.rest", `${lasting(rest)} without words`));
    before = Math.max(before ?? 0, segments[segments.length - 1].end);
    const same = speaker === first.person && rest < 2;
    speaker = first.person;
    const line = h(
      "li.turn",
      h(
        "div.speaker",
        same ? h("span.nobody") : p && FACTS.people.length > 0 ? portrait(p, "small") : h("span.nobody"),
        h(
          "span",
          !same && p ? h("b", { title: p.name }, plainly(p.name)) : h("span.sr", p ? plainly(p.name) : ""),
          h(
            "button",
            { type: "button", class: "time", "data-t": first.start, "aria-label": `go to ${clock(first.start, 1)}` },
            clock(first.start, FACTS.duration < 120 ? 1 : 0),
          ),
        ),
      ),
      h(
        "p.said",
        segments.map((s, i) => [i ? " " : "", said(s)]),
      ),
      h("p.verdict"),
    );
    line.segments = segments;
    return [...out, line];
  });
  const list = h("ol", { class: `card words${lines.length > 300 ? " many" : ""}`, tabindex: "0", "aria-label": "transcript" }, lines);
  fill(body, h("p.lead", lead), choice || "", list);
  list.addEventListener("click", (event) => {
    const target = event.target.closest("[data-t]");
    if (target && getSelection().isCollapsed) setTime(+target.dataset.t + 1e-3);
  });
  list.addEventListener("keydown", stepWords);
  colourWords();
}

function colourWords() {
  document.querySelectorAll("#transcript .turn").forEach((line) => {
    line.segments.forEach((segment, i) => {
      const v = verdict(segment),
        tint = line.querySelectorAll(".tint")[i];
      tint.style.setProperty("--tint", v ? rgb(v.colour).join(",") : "0,0,0");
      tint.title = v ? v.text : "";
      tint.style.setProperty("--strength", v ? (v.strength * +css("--mark")).toFixed(3) : 0);
    });
    const v = line.segments.length === 1 ? verdict(line.segments[0]) : null,
      place = line.querySelector(".verdict");
    fill(
      place,
      ...(v
        ? [
            h("i.swatch", { style: { "--c": v.colour, opacity: 0.35 + 0.65 * Math.min(1, v.strength + 0.1) } }),
            v.text,
            v.more ? [h("br"), v.more] : [],
          ].flat()
        : way && line.segments.length === 1
          ? ["–"]
          : []),
    );
  });
  const place = document.querySelector("#transcript .key");
  if (!place) return;
  if (!way) fill(place);
  else if (way.axis === null) {
    const seen = new Set(FACTS.segments.flatMap((s) => (s.marks?.[way.series.name]?.length ? [s.marks[way.series.name][0][0]] : []))),
      taxonomy = taxonomyOf(way.series);
    fill(
      place,
      ...key(
        [...seen]
          .sort((a, b) => a - b)
          .slice(0, 12)
          .map((k) => [taxonomy.labels[k], shade(taxonomy, k)]),
      ).childNodes,
    );
  } else {
    const label = taxonomyOf(way.series).labels[way.axis],
      [low, high] = AXES[label] ?? ["low", "high"];
    fill(
      place,
      h(
        "span",
        low,
        h("i.ramp", {
          style: { background: `linear-gradient(90deg, ${faded(ink(poles[0]), 0.5)}, transparent, ${faded(ink(poles[1]), 0.5)})` },
        }),
        high,
      ),
    );
  }
}

// Left and right: from word to word; Enter: there.
function stepWords(event) {
  if (!["ArrowLeft", "ArrowRight", "Enter"].includes(event.key)) return;
  const words = [...document.querySelectorAll("#transcript .w")],
    here = words.indexOf(document.activeElement);
  if (event.key === "Enter") {
    if (here >= 0) setTime(+words[here].dataset.t + 1e-3);
    return;
  }
  const start =
    here >= 0
      ? here + (event.key === "ArrowRight" ? 1 : -1)
      : Math.max(
          0,
          words.findIndex((w) => w.closest(".turn").contains(document.activeElement) || document.activeElement.classList.contains("words")),
        );
  const next = words[start];
  if (!next) return;
  event.preventDefault();
  next.tabIndex = -1;
  next.focus();
}

let litLine = [];
on("time", () => {
  litLine.forEach((e) => e.classList.remove("now"));
  litLine = [];
  if (state.time === null) return;
  const list = document.querySelector("#transcript .words");
  for (const line of list?.querySelectorAll(".turn") ?? []) {
    const first = line.segments[0],
      last = line.segments[line.segments.length - 1];
    if (first.start > state.time) break;
    if (last.end <= state.time) continue;
    line.classList.add("now");
    litLine.push(line);
    for (const w of line.querySelectorAll(".w[data-e]"))
      if (+w.dataset.t <= state.time && state.time < +w.dataset.e) {
        w.classList.add("now");
        litLine.push(w);
      }
  }
  const line = litLine[0];
  if (
    line &&
    (line.offsetTop - list.offsetTop < list.scrollTop ||
      line.offsetTop - list.offsetTop + line.offsetHeight > list.scrollTop + list.clientHeight)
  ) {
    list.scrollTop = line.offsetTop - list.offsetTop - list.clientHeight / 3;
  }
});
