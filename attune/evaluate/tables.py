"""A result as tables: one row per figure, Markdown for people, plain types for a file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.evaluate import drawn
from attune.evaluate.predictions import write_predictions
from attune.evaluate.score import Score
from attune.metrics import Interval

if TYPE_CHECKING:
    from attune.evaluate import Result

# metric -> how it is called
TITLES = {
    "uar": "UAR", "uar_frequent": "UAR, classes of 30 and more", "accuracy": "accuracy (WA, micro-F1)", "macro_f1": "macro-F1",
    "micro_f1": "micro-F1", "weighted_f1": "weighted F1", "macro_f1_at_.5": "macro-F1 at .5", "map": "mean average precision",
    "jaccard": "Jaccard of label sets", "jsd": "JSD to votes, bits", "cross_entropy": "cross-entropy, nats", "set_f1": "F1 of labels over 1/K",
    "ece": "ECE", "ece_votes": "ECE against shares of votes", "brier": "Brier", "aurc": "AURC", "accuracy_at_80": "accuracy at 80 % coverage",
    "ccc": "CCC, mean", "r": "Pearson r, mean", "mae": "MAE, mean",
}
COLUMNS = ("corpus", "split", "protocol", "model", "modality", "taxonomy", "via", "variant", "status", "metric", "label", "attribute", "group",
           "value", "low", "high", "n", "speakers", "draws_of", "command")


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Every figure with all that is needed to understand it alone."""
    for s in result.scores:
        p = s.predictions
        facts = {
            "corpus": p.corpus, "split": s.split, "protocol": s.protocol, "model": p.model, "modality": p.modality, "taxonomy": p.taxonomy.name,
            "via": ", ".join(p.via), "variant": p.variant, "status": s.status, "label": "", "attribute": "", "group": "",
            "speakers": s.speakers, "draws_of": s.unit if s.speakers else "items", "command": result.command,
        }
        for metric, interval in s.figures.items():
            yield facts | {"metric": metric, **_numbers(interval), "n": s.n[metric]}
        for label, of in s.by_label.items():
            for metric, interval in of.items():
                if metric != "n":
                    yield facts | {"metric": metric, "label": label, **_numbers(interval), "n": int(of["n"].value) if "n" in of else s.n.get(metric)}
        for g in s.groups:
            who = {"attribute": g.attribute, "group": g.name, "n": g.n, "speakers": g.speakers}
            yield facts | {"metric": g.metric, **_numbers(g.value)} | who
            yield facts | {"metric": f"{g.metric}_gap", **_numbers(g.gap)} | who


def table(result: Result) -> Any:
    """A pyarrow table of `rows`; what is undefined is null."""
    return table_of(rows(result))


def table_of(of: Iterable[Mapping[str, Any]]) -> Any:
    """A pyarrow table of figures with the columns `COLUMNS`; what is undefined, or not given, is null."""
    import pyarrow as pa

    found = list(of)
    floats = {"value", "low", "high"}
    kinds = {name: pa.float64() if name in floats else pa.int64() if name in ("n", "speakers") else pa.string() for name in COLUMNS}
    return pa.table({name: pa.array([row.get(name) for row in found], kind, from_pandas=True) for name, kind in kinds.items()})


def title(s: Score) -> str:
    """What was scored, in a line."""
    p = s.predictions
    parts = [p.corpus or "own items", s.split, s.protocol and f"protocol {s.protocol}"]
    return " · ".join(part for part in parts if part) + f" — {p.model}" + (f" with {p.variant}" if p.variant else "")


def size(s: Score) -> str:
    """How much it was."""
    n = len(s.predictions)
    return f"n = {n:,}" + (f", {s.speakers:,} {s.unit if s.speakers != 1 else s.unit[:-1]}" if s.speakers else "")


def number(value: float, digits: int = 3) -> str:
    """A figure without its leading zero: .123, -.045, 1.000; a dash where it is undefined."""
    if math.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and not text.lstrip("-").startswith("1") else text


def interval(of: Interval) -> str:
    """[low, high], or nothing."""
    return "" if math.isnan(of.low) else f"[{number(of.low)}, {number(of.high)}]"


def label_columns(s: Score) -> list[str]:
    """Metrics there are by label, n first."""
    found = dict.fromkeys(metric for of in s.by_label.values() for metric in of)
    return [m for m in ("n", "recall", "f1", "ap", "ccc", "r", "mae") if m in found]


def markdown(result: Result) -> str:
    """Sections of tables; a reader needs nothing else to know what was done."""
    parts = []
    for s in result.scores:
        p = s.predictions
        where = f"taxonomy `{p.taxonomy.name}`" + (f", **projected** by {', '.join(p.via)}" if p.via else ", measured")
        parts.append(f"## {title(s)}\n\n**{s.status}**, {size(s)}, {where}. Intervals: 95 %, drawing {s.unit if s.speakers else 'items'}.\n")
        parts.append(_grid(["figure", "value", "95 %", "n"], [
            [TITLES.get(m, m), f"**{number(i.value)}**", interval(i), f"{s.n[m]:,}"] for m, i in s.figures.items()]))
        columns = label_columns(s)
        if columns:
            parts.append(_grid(["label", *columns], [[label, *(_cell(of, c) for c in columns)] for label, of in s.by_label.items()]))
        if s.confusion is not None:
            parts.append(_grid(["labelled \\ said", *s.labels], [[label, *map(str, row)] for label, row in zip(s.labels, s.confusion.tolist(), strict=True)]))
        if s.groups:
            metric = TITLES.get(s.groups[0].metric, s.groups[0].metric)
            parts.append(_grid(["group", "n, speakers", metric, "95 %", "less all others", "95 %"], [
                [f"{g.attribute}: {g.name}", f"{g.n:,}, {g.speakers}", number(g.value.value), interval(g.value), number(g.gap.value), interval(g.gap)]
                for g in s.groups]))
        parts.append("".join(f"- {note}\n" for note in s.notes))
    parts.append("".join(f"- {note}\n" for note in result.notes))
    if result.command:
        parts.append(f"    {result.command}\n")
    return "\n".join(part for part in parts if part)


def _cell(of: Any, column: str) -> str:
    if column not in of:
        return ""
    return f"{of[column].value:.0f}" if column == "n" else f"{number(of[column].value)} {interval(of[column])}".strip()


def _grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(result: Result) -> dict[str, Any]:
    """An evaluation file: figures rounded to four places, no single prediction, nothing of the machine."""
    import attune

    return {
        "command": result.command, "versions": {"attune": attune.__version__, **(result.versions or {})}, "notes": list(result.notes),
        "leaks": [leak._asdict() for leak in result.leaks[:20]],
        "scores": [_plain(s) for s in result.scores],
    }


def _plain(s: Score) -> dict[str, Any]:
    p = s.predictions
    return {
        "corpus": p.corpus, "split": s.split, "protocol": s.protocol, "model": p.model, "modality": p.modality, "taxonomy": p.taxonomy.name,
        "via": list(p.via), "variant": p.variant, "status": s.status, "n": len(p), "speakers": s.speakers, "unit": s.unit, "unmeasured": s.unmeasured,
        "figures": {m: {**_rounded(i), "n": s.n[m]} for m, i in s.figures.items()},
        "labels": {label: {m: int(i.value) if m == "n" else _rounded(i) for m, i in of.items()} for label, of in s.by_label.items()},
        "groups": [
            {"attribute": g.attribute, "group": g.name, "metric": g.metric, **_rounded(g.value), "gap": _rounded(g.gap), "n": g.n, "speakers": g.speakers}
            for g in s.groups],
        "confusion": None if s.confusion is None else s.confusion.tolist(),
        "reliability": None if s.reliability is None else {
            name: [_round(v) for v in getattr(s.reliability, name).tolist()] for name in ("edges", "n", "said", "true")},
        "thresholds": {label: _round(v) for label, v in s.thresholds.items()}, "notes": list(s.notes),
    }


def _numbers(of: Interval) -> dict[str, float]:
    return {"value": of.value, "low": of.low, "high": of.high}


def _rounded(of: Interval) -> dict[str, float | None]:
    return {name: _round(v) for name, v in _numbers(of).items()}


def _round(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def write(result: Result, folder: Path) -> list[Path]:
    """Everything into a folder; the paths written."""
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "figures.md", folder / "figures.parquet", folder / "evaluation.json"]
    written[0].write_text(markdown(result), encoding="utf-8")
    pq.write_table(table(result), written[1])
    written[2].write_text(dumped(result), encoding="utf-8")
    for s in result.scores:
        p = s.predictions
        name = "-".join(part for part in (p.corpus or "own", s.split, s.protocol, p.model, p.taxonomy.name, p.variant) if part)
        written.append(write_predictions(folder / f"predictions-{name}.parquet", p))
        if s.reliability is not None:
            written.append(folder / f"calibration-{name}.svg")
            written[-1].write_text(drawn.calibration(s, title(s)), encoding="utf-8")
    return written


def dumped(result: Result) -> str:
    """The evaluation file's text: a list of numbers on one line."""
    text = json.dumps(plain(result), ensure_ascii=False, separators=(",", ":"))
    for key in ('"scores":', '"figures":', '"labels":', '"groups":', '"confusion":', '"reliability":', '"thresholds":', '"notes":', '{"corpus":'):
        text = text.replace(key, "\n" + key)
    return text + "\n"
