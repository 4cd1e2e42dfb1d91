// What a session has told, ready to draw: of each modality its estimates with their times, why there are none, and who is there.
// Times are seconds on the page's own clock. Only the last minutes are kept.

export const MODALITIES = ["fused", "face", "voice", "text"];
const KEPT = 200; // s
const JOIN = { fused: 0.6, face: 1.0, voice: 0.3, text: 0.3 }; // s; estimates that lie further apart leave a gap, faces at a low rate later

// A voice that isn't joined with a face may be anybody's.
const isAnybody = (person) => person === "" || person.startsWith("speaker");

export class Memory {
  constructor() {
    this.rows = { fused: [], face: [], voice: [], text: [] };
    this.silences = { fused: [], face: [], voice: [], text: [] };
    this.people = new Map(); // person -> number of faces seen
    this.taxonomies = {};
    this.names = { fused: "ekman7", face: null, voice: null, text: null }; // taxonomy of each modality
    this.told = { fused: 0, face: 0, voice: 0, text: 0 };
    this.fps = 3; // pictures a second now
  }

  // Take what the server said; `from`: where the session's clock began on the page's. Whether something came to be drawn.
  take(message, from) {
    const at = (t) => t + from;
    switch (message.type) {
      case "started":
        this.taxonomies = { ...this.taxonomies, ...message.taxonomies };
        return true;
      case "face":
        this.names.face = message.taxonomy ?? this.named(message.faces[0]?.values) ?? this.names.face;
        for (const face of message.faces) this.seen(face, at(message.time));
        if (message.faces.length) this.shut("face", "no face", at(message.time));
        else this.open("face", "no face", at(message.time));
        return true;
      case "speech":
        if (message.on) this.shut("voice", "no speech", at(message.time));
        else this.open("voice", "no speech", at(message.time));
        return true;
      case "voice":
      case "text":
      case "fused":
        if (message.type !== "fused") this.names[message.type] = message.taxonomy ?? this.named(message.values) ?? this.names[message.type];
        this.add(message.type, { ...message, start: at(message.start), end: at(message.end) });
        return true;
    }
    return false;
  }

  seen(face, time) {
    const before = this.rows.face.findLast((row) => row.track === face.track)?.person;
    if (before !== undefined && before !== face.person) {
      // The track has got another name: so had it before.
      for (const row of this.rows.face) if (row.track === face.track) row.person = face.person;
      this.people.set(face.person, (this.people.get(face.person) ?? 0) + (this.people.get(before) ?? 0));
      this.people.delete(before);
    }
    this.people.set(face.person, (this.people.get(face.person) ?? 0) + 1);
    this.add("face", { ...face, start: time, end: time, join: Math.max(JOIN.face, 2.2 / this.fps) });
  }

  add(modality, row) {
    const rows = this.rows[modality];
    row.missing = !Object.values(row.values ?? {}).some((v) => v !== null);
    row.middle = (row.start + row.end) / 2;
    // What is told of a whole utterance takes the place of what was told on the way.
    if (!row.interim && modality !== "face")
      for (let i = rows.length - 1; i >= 0 && rows[i].end > row.start; i--)
        if (rows[i].interim && rows[i].person === row.person && rows[i].middle >= row.start && rows[i].middle <= row.end) rows.splice(i, 1);
    let i = rows.length;
    while (i > 0 && rows[i - 1].middle > row.middle) i--;
    rows.splice(i, 0, row);
    this.told[modality]++;
    while (rows.length && rows[0].end < row.end - KEPT) rows.shift();
  }

  // Why nothing is known of a modality, from a moment on, until it is over.
  open(modality, reason, time) {
    const list = this.silences[modality];
    if (list.some((s) => s.reason === reason && s.end === null)) return;
    list.push({ reason, start: time, end: null });
    while (list.length && list[0].end !== null && list[0].end < time - KEPT) list.shift();
  }
  shut(modality, reason, time) {
    for (const s of this.silences[modality]) if (s.reason === reason && s.end === null) s.end = Math.max(time, s.start);
  }
  why(modality, from, to) {
    const all = this.silences[modality].filter((s) => Math.min(s.end ?? Infinity, to) - Math.max(s.start, from) > 0.6 * (to - from));
    return (all.find((s) => s.reason === "muted") ?? all.find((s) => s.reason === "not connected") ?? all.at(-1))?.reason ?? null;
  }

  // Which taxonomy has these labels.
  named(values) {
    const label = Object.keys(values ?? {})[0];
    return label === undefined ? null : (Object.keys(this.taxonomies).find((name) => this.taxonomies[name].labels.includes(label)) ?? null);
  }

  of(modality, person) {
    return this.rows[modality].filter((row) => person === null || row.person === person || isAnybody(row.person));
  }
  latest(modality, person) {
    return this.of(modality, person).findLast((row) => !row.missing) ?? null;
  }
  // Whoever was seen most; null: nobody yet.
  mostSeen() {
    return [...this.people].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
  }

  // Runs of estimates that lie close enough to be drawn as one line: [[{t, row}]]. An estimate over a stretch is flat over it; one on the way
  // stands for the middle of its stretch, and holds until the next.
  runs(modality, person, from) {
    return runsOf(this.of(modality, person), JOIN[modality], from);
  }
}

export function runsOf(rows, join, from = -Infinity) {
  const runs = [];
  let run = null,
    reached = -Infinity;
  for (const [i, row] of rows.entries()) {
    if (row.end < from - 5) continue;
    if (row.missing) {
      run = null;
      continue;
    }
    if (run === null || row.start - reached > (row.join ?? join)) runs.push((run = []));
    const knots = !row.interim ? [row.start, row.end] : i === rows.length - 1 ? [row.middle, row.end] : [row.middle];
    for (const t of knots) if (!run.length || t > run.at(-1).t) run.push({ t, row });
    reached = Math.max(reached, row.end);
  }
  return runs.filter((one) => one.length);
}
