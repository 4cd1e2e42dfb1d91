"""Write docs/taxonomies.md from the files in attune/taxonomies. Run it after changing one: python scripts/make_taxonomies_page.py"""

from pathlib import Path

from attune.taxonomy import Crosswalk, Taxonomy, crosswalks, names, taxonomy

PAGE = Path(__file__).parents[1] / "docs" / "taxonomies.md"
INTRODUCTION = """\
# Taxonomies and crosswalks

Made by `scripts/make_taxonomies_page.py` from `attune/taxonomies/*.toml`; change those.

A taxonomy is an ordered list of labels. A label that a model was trained on is *measured*. One that is reached through a crosswalk, a
cited table from one taxonomy to another, is *projected*: it holds no more than was measured, and carries the crosswalk's name.

```python
>>> import numpy as np
>>> from attune.taxonomy import crosswalk, taxonomy
>>> walk = crosswalk("ferplus8", "ekman7")
>>> print(walk.coverage())
100% of the labels reached
>>> votes = np.array([[0, 0.5, 0, 0, 0, 0.25, 0, 0.25]])          # happiness, disgust, contempt
>>> dict(zip(walk.target.labels, walk(votes)[0].tolist()))
{'anger': 0.0, 'disgust': 0.5, 'fear': 0.0, 'joy': 0.5, 'sadness': 0.0, 'surprise': 0.0, 'neutral': 0.0}

```

Three rules combine what falls together. **sum**: probabilities of labels that exclude each other add up. **any**: one of several labels
that may hold together holds with probability 1 - prod(1 - p), as if they were independent. **mean**: positions on axes, weighted by
probability. What reaches an exclusive taxonomy is scaled to sum to 1. Labels that can't be reached, and what depends on a missing value,
are missing (NaN), never zero.

A taxonomy of one's own is one file more; [ekman7.toml](../attune/taxonomies/ekman7.toml) is a short one to start from.
"""


def page() -> str:
    """The whole page."""
    known = [taxonomy(name) for name in names()]
    rows = [f"| [{t.name}](#{t.name}) | {t.title} | {len(t)} | {t.kind} | {_range(t)} | {', '.join(crosswalks(t.name)) or '-'} |" for t in known]
    table = ["| name | what it is | labels | kind | range | crosswalks to |", "|---|---|---|---|---|---|", *rows]
    return "\n".join([INTRODUCTION, *table, *(_section(t) for t in known)]) + "\n"


def _section(t: Taxonomy) -> str:
    parts = [f"\n## {t.name}", f"{t.title}. {t.reference}"]
    parts.append("; ".join(f"`{label}` {t.descriptions[label]}" for label in t.labels) if t.descriptions else _list(t.labels))
    for grouping, groups in t.groups.items():
        parts.append(f"Grouping **{grouping}**:\n\n" + "\n".join(f"- {group}: {', '.join(labels)}" for group, labels in groups.items()))
    parts += [_crosswalk(walk) for walk in crosswalks(t.name).values()]
    return "\n\n".join(parts)


def _crosswalk(walk: Crosswalk) -> str:
    said = walk.coverage()
    text = f"**To {walk.target.name}** ({walk.combine}; {said.share:.0%} of its labels reached). {walk.reference}"
    return text + (f" Not used: {', '.join(said.unused)}." if 0 < len(said.unused) <= 12 else f" Not used: {len(said.unused)} labels." if said.unused else "")


def _list(labels: tuple[str, ...]) -> str:
    return " · ".join(labels)


def _range(t: Taxonomy) -> str:
    return f"{t.range[0]:g}..{t.range[1]:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
