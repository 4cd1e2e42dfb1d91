// The page: head, sections in order, foot, and the theme.

const root = document.documentElement, prefers = matchMedia("(prefers-color-scheme: dark)");
let theme = location.hash.replace("#theme=", "");
if (!["light", "dark"].includes(theme)) theme = prefers.matches ? "dark" : "light";
root.dataset.theme = theme;

const turn = h("button", { type: "button", onclick: () => {
  theme = theme === "dark" ? "light" : "dark";
  root.dataset.theme = theme;
  turn.textContent = theme === "dark" ? "Light" : "Dark";
  repaint();
} }, theme === "dark" ? "Light" : "Dark");

document.getElementById("top").append(
  h("div.bar", h("span.brand", "Attune · explored"), turn), h("h1", facts.corpus),
  h("div.facts", h("span", h("b", several(facts.recordings, "recording"))), h("span", h("b", facts.hours >= 1 ? `${number(facts.hours, 1)} h` : `${number(facts.hours * 60, 1)} min`)),
    h("span", h("b", several(facts.rows, "row"))), h("span", h("b", several(facts.people, "person", "people")), " by recording"), h("span", facts.sets.filter((s) => s.kind !== "dimensional").map((s) => `${s.name.split(".")[0]} (${s.title})`).join(" · "))),
  h("p.note", facts.notes[0]));

const main = document.getElementById("main");
for (const make of [missing, strengths, associations, moments, mapped, matrices, trajectories, together]) {
  const made = make();
  if (!made) continue;
  const [title, ...rest] = made;
  main.append(h("section", h("h2", title), rest));
}
document.getElementById("foot").append(h("ul", [...facts.notes.slice(1), `Made on ${facts.made}; seed ${facts.seed}, ${facts.permutations} permutations (${facts.null}), samples of ${facts.sample} rows for maps.`,
  facts.sets.some((s) => s.model) ? `Models: ${[...new Set(facts.sets.filter((s) => s.model && !s.projected).map((s) => s.model))].join(", ") || facts.sets.map((s) => s.model).filter(Boolean)[0]}.` : null,
  "Every number is in the Parquet files beside this page."].filter(Boolean).map((t) => h("li", t))));
