"""Write docs/how_good.md from the evaluation files in benchmarks/results. Run it after adding one: python scripts/make_how_good_page.py"""

import json
import tomllib
from pathlib import Path

from attune import registry
from attune.evaluate.tables import TITLES, number

ROOT = Path(__file__).parents[1]
PAGE, RESULTS, PUBLISHED = ROOT / "docs" / "how_good.md", ROOT / "benchmarks" / "results", ROOT / "benchmarks" / "published.toml"
SHOWN = ("uar", "uar_frequent", "accuracy", "macro_f1", "micro_f1", "map", "jsd", "set_f1", "ccc", "r", "mae", "ece", "ece_votes", "accuracy_at_80")
BEST = ("uar", "macro_f1", "ccc")       # the figure of the overview, the first that is there
INTENSITIES = ("basic6",)                # degrees, for which labels cut at .5 say little
MODALITIES = {"face": "Faces", "voice": "Voices", "text": "Words"}
MODALITY_OF = {name: modality for modality in MODALITIES for name in registry.names(f"attune.{modality}.models")}      # a file of predictions doesn't say
CARDS = ("face/models", "voice/models", "text/models", "fusion")
INTRODUCTION = """\
# How good is it?

Made by `scripts/make_how_good_page.py` from the evaluation files in `benchmarks/results`; change those. Each is written by the command
that stands below its table; [evaluation.md](evaluation.md) explains the figures. Brackets are 95 % intervals, drawn by speaker where speakers are known.

**What a figure promises** is its status. *In-sample*: the model was fitted on these items. *Tuned*: something about it was chosen on them. *Held-out*:
other people or items of a corpus that it knows. *Out-of-sample*: a corpus that it never saw. *Unknown*: the model doesn't say. Your recordings are
out-of-sample: expect those figures, or less. In *folds* nobody is measured by a net that heard them, so they are held-out, but what kind of net it is
was chosen with all folds in view; the cards say of what was tried how it did there.

Published numbers stand beside ours where there are any for the corpus. None was made under exactly our conditions; what differs is said with each.
"""


def page() -> str:
    """The whole page."""
    files = [(path.name, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(RESULTS.glob("*.json"))]
    published = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))["published"]
    parts = [INTRODUCTION, *(_overview(files) if files else ["No evaluation file is here yet."])]
    for modality, title in {**MODALITIES, "": "Other predictions"}.items():
        own = [(name, file, s) for name, file in files for s in file["scores"] if MODALITY_OF.get(s["model"], "") == modality]
        if own:
            parts.append(f"\n## {title}")
            parts += [_section(name, file, s, published) for name, file, s in own]
    ours = {(s["corpus"], s["protocol"], metric) for _, file in files for s in file["scores"] for metric in s["figures"] if metric in SHOWN}
    parts += _cards({s["model"] for _, file in files for s in file["scores"]})
    parts += _elsewhere([p for p in published if _about(p) not in ours])
    return "\n".join(parts) + "\n"


def _cards(measured: set[str]) -> list[str]:
    """What is measured elsewhere: the cards, whose figures recipes make, and first those of models that aren't on this page."""
    cards = [path for folder in CARDS for path in sorted((ROOT / "attune" / folder).glob("*.md"))]
    own, other = ([f"[`{path.stem}`](../{path.relative_to(ROOT).as_posix()})" for path in cards if (path.stem in measured) == on] for on in (True, False))
    return ["\n## On the cards\n",
            "Figures that need nets trained without the people or the corpus they are scored on are made by the recipes, and stand on the cards: a corpus left "
            "out of training altogether (the only out-of-sample figures of the voice), other microphones, noise and lines, what a person's baseline brings, "
            f"fairness, latency.\n\n- Measured there alone: {', '.join(other)}", f"- More than is here: {', '.join(own)}"]


def _about(p: dict) -> tuple[str, str, str]:
    return p["corpus"], p.get("beside", ""), p["metric"]


def _elsewhere(published: list) -> list[str]:
    """What others published where no evaluation file of ours is."""
    if not published:
        return []
    rows = ["\n## Published, without a figure of ours beside it\n",
            "On corpora, parts or labels that we couldn't measure on. They say where the field stands; none can be compared with a figure above.\n",
            "| corpus | system | figure | source | what to know |", "|---|---|---|---|---|"]
    return rows + [f"| {p['corpus']} | {p['system']} | {TITLES[p['metric']]} {p['value']} | {p['source']} | {p['protocol']} |"
                   for p in sorted(published, key=lambda p: (p["corpus"], p["metric"]))]


def _overview(files: list) -> list[str]:
    rows = ["| model | corpus | status | n | figure | chance |", "|---|---|---|---|---|---|"]
    scores = sorted((s for _, file in files for s in file["scores"]), key=lambda s: [*MODALITIES, ""].index(MODALITY_OF.get(s["model"], "")))
    for s in scores:
        best = next((m for m in BEST if m in s["figures"]), None) if s["taxonomy"] not in INTENSITIES else "r"
        if best:
            figure = f"{TITLES[best]} **{_figure(s['figures'][best])}**"
            rows.append(f"| `{s['model']}`{_with(s)} | {_where(s)} | {s['status']} | {s['figures'][best]['n']:,} | {figure} | {_chance(s, best)} |")
    return rows


def _chance(s: dict, metric: str) -> str:
    """What guessing reaches: one over the classes that are there, or nothing of a correlation."""
    classes = sum(of.get("n", 0) > 0 for of in s["labels"].values())
    return _value(1 / classes) if metric == "uar" else "0" if metric in ("ccc", "r") else ""


def _section(name: str, file: dict, s: dict, published: list) -> str:
    groups = f", {s['speakers']:,} {s['unit'] if s['speakers'] != 1 else s['unit'][:-1]}" if s["speakers"] else ""
    via = f" Projected by {', '.join(s['via'])}: not what the model was trained to say." if s["via"] else ""
    rows = [f"\n### `{s['model']}`{_with(s)} on {_where(s)}\n", f"**{s['status']}**, n = {s['n']:,}{groups}, taxonomy `{s['taxonomy']}`.{via}\n"]
    rows += ["| | ours | published |", "|---|---|---|"]
    for metric in SHOWN:
        if metric in s["figures"]:
            theirs = [p for p in published if _about(p) == (s["corpus"], s["protocol"], metric)]
            beside = "<br>".join(f"{p['value']} {p['system']} ({p['source']}): {p['protocol']}" for p in theirs)
            n = s["figures"][metric]["n"]
            rows.append(f"| {TITLES[metric]}{f' (n = {n:,})' if n != s['n'] else ''} | **{_figure(s['figures'][metric])}** | {beside} |")
    if s["labels"]:
        rows += ["", *_labels(s)]
    if s["groups"]:
        rows += ["", "| group | n, speakers | figure | less all others |", "|---|---|---|---|"]
        rows += [f"| {g['attribute']}: {g['group']} | {g['n']}, {g['speakers']} | {_figure(g)} | {_figure(g['gap'])} |" for g in s["groups"]]
    others = {other["model"] for other in file["scores"]} - {s["model"]}
    notes = [*s["notes"], *(note for note in file["notes"] if s["model"] in note or not any(other in note for other in others))]
    rows += ["", *(f"- {note}" for note in notes), "", f"`{file['command']}` ([{name}](../benchmarks/results/{name}))"]
    return "\n".join(rows)


def _labels(s: dict) -> list[str]:
    metrics = [m for m in ("n", "recall", "f1", "ap", "ccc", "r", "mae") if any(m in of for of in s["labels"].values())]
    rows = [f"| label | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|"]
    for label, of in s["labels"].items():
        cells = ["" if m not in of else str(of[m]) if m == "n" else _value(of[m]["value"]) for m in metrics]
        rows.append(f"| {label} | {' | '.join(cells)} |")
    return rows


def _where(s: dict) -> str:
    return f"{s['corpus'] or 'own items'}, {s['split']}" + (f", protocol {s['protocol']}" if s["protocol"] else "")


def _with(s: dict) -> str:
    return f" with {s['variant']}" if s["variant"] else ""


def _figure(of: dict) -> str:
    return _value(of["value"]) + ("" if of["low"] is None else f" [{_value(of['low'])}, {_value(of['high'])}]")


def _value(value: float | None) -> str:
    return number(float("nan") if value is None else value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
