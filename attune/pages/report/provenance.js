// How it was measured: estimates, models, weights, licences, settings, the file, and what the numbers are not for.

function drawProvenance() {
  const body = document.querySelector("#provenance .body"),
    parts = [];
  if (FACTS.series.length)
    parts.push(
      fold(
        "Estimates",
        `${count(FACTS.series.length, "table")}`,
        true,
        h(
          "table",
          h(
            "thead",
            h(
              "tr",
              ["", "taxonomy", "model", "rows", "not measured"].map((t) => h("th", t)),
            ),
          ),
          h(
            "tbody",
            FACTS.series.map((s) =>
              h(
                "tr",
                h("th", s.name),
                h("td", taxonomyOf(s).title, s.projected ? h("small", h("br"), `projected through ${arrow(s.projected)}`) : ""),
                h("td.code", s.model),
                h("td", s.rows.toLocaleString("en"), s.shown < s.rows ? h("small", ` (${s.shown.toLocaleString("en")} drawn)`) : ""),
                h("td", `${s.missing.toLocaleString("en")} (${Math.round((100 * s.missing) / Math.max(1, s.rows))} %)`),
              ),
            ),
          ),
        ),
      ),
    );
  if (Object.keys(FACTS.versions).length) parts.push(fold("Models, weights, licences, versions", "", true, versions(FACTS.versions)));
  if (FACTS.settings.length)
    parts.push(
      fold(
        "Settings",
        changed(),
        false,
        h(
          "table",
          h(
            "tbody",
            FACTS.settings.map((s) =>
              h(
                "tr",
                h("th", s.name),
                h(
                  "td.code",
                  shown(s.value),
                  s.unit && s.value !== null ? h("span.unit", ` ${s.unit}`) : "",
                  s.changed ? h("small", " (chosen)") : "",
                ),
                h("td.long", s.reason),
              ),
            ),
          ),
        ),
      ),
    );
  if (Object.keys(FACTS.media).length) parts.push(fold("The file", "", false, nested(FACTS.media)));
  const cited = Object.values(FACTS.taxonomies).filter((t) => t.reference);
  if (cited.length)
    parts.push(
      fold(
        "Taxonomies",
        "",
        false,
        h(
          "table.cited",
          h(
            "tbody",
            cited.map((t) => h("tr", h("th", t.title), h("td.long", t.labels.join(", ")), h("td.long", t.reference))),
          ),
        ),
      ),
    );
  fill(
    body,
    parts.length
      ? h("div.card", parts)
      : h("div.card.empty", h("b", "Nothing was measured."), "So there are no models and no settings to tell."),
    responsible(),
  );
  fill(document.getElementById("foot"), `Made with Attune, ${FACTS.made}. This file is complete: it loads nothing and sends nothing.`);
}

const changed = () => {
  const n = FACTS.settings.filter((s) => s.changed).length;
  return n ? `${n} chosen, the others as they come` : "all as they come";
};
const fold = (title, more, open, ...inside) => h("details", { open }, h("summary", title, more && h("small", more)), h("div", inside));
const shown = (v) =>
  v === null || v === "" ? "none" : v === true ? "yes" : v === false ? "no" : Array.isArray(v) ? v.map(shown).join(", ") : String(v);

function nested(value) {
  if (value === null || typeof value !== "object") return shown(value);
  if (Array.isArray(value))
    return value.some((v) => v !== null && typeof v === "object")
      ? h(
          "div",
          value.map((v) => h("div", nested(v))),
        )
      : shown(value);
  return h(
    "table",
    h(
      "tbody",
      Object.entries(value).map(([k, v]) =>
        h("tr", h("th", k.replace(/_/g, " ")), h("td", { class: /^[0-9a-f]{12,64}$/.test(v) ? "code" : "" }, nested(v))),
      ),
    ),
  );
}

// Models as a table of what one wants to cite; whatever else a recording tells of its making stands below.
function versions({ models, ...rest }) {
  const known = models && typeof models === "object" ? Object.entries(models).filter(([, m]) => m && typeof m === "object") : [];
  const licence = (m) => [m.license ?? m.licence, m.license_class ?? m.licence_class].filter(Boolean);
  const hashes = (m) => (m.weights && typeof m.weights === "object" ? Object.entries(m.weights) : []);
  return [
    known.length > 0 &&
      h(
        "table",
        h(
          "thead",
          h(
            "tr",
            ["", "model", "licence", "weights (SHA-256)"].map((t) => h("th", t)),
          ),
        ),
        h(
          "tbody",
          known.map(([modality, m]) =>
            h(
              "tr",
              h("th", SAID[modality] ?? modality),
              h("td", m.title ?? m.name ?? "", m.title && m.name ? h("div", h("small.code", m.name)) : ""),
              h("td", licence(m)[0] ?? "", licence(m)[1] ? h("div", h("small", licence(m)[1])) : ""),
              h(
                "td.code",
                hashes(m).map(([file, hash]) => h("div", shown(hash), h("div", h("small", file)))),
              ),
            ),
          ),
        ),
      ),
    known.length > 0 ? nested(rest) : nested({ ...rest, ...(models === undefined ? {} : { models }) }),
  ];
}

function responsible() {
  return h(
    "aside.card.responsible",
    { id: "responsible" },
    h("h3", "Responsible use"),
    h(
      "p",
      "These numbers describe expression: how a face, a voice and words would be labelled by people who look, listen and read. They are no evidence of what a person feels, wants or is, and they err more where light, sound, language or culture differ from what the models were trained on.",
    ),
    h(
      "p",
      "Do not use them to decide about people. In the European Union, inferring emotions from faces or voices at work or in education is prohibited, other than for medical or safety reasons (AI Act, Art. 5(1)(f)); where such systems are allowed, the people exposed to them must be told (Art. 50(3)). Ask those who are recorded.",
    ),
  );
}
