"""How good a model is on a corpus, and what the figure promises.

    result = evaluate(ravdess.items("RAVDESS"), "prosody_whisper", corpus="ravdess", split="test")
    result.to_markdown(), result.table(), result.to_frame()

One road: items -> what the model says of them (`said`, kept on disk) -> `Predictions`, truth beside estimates in one taxonomy, by a
cited crosswalk where the two differ -> `score`, figures with intervals by speaker. A recipe's out-of-fold predictions come in at the
third step, from a file. What was in training is looked for first (`leaks`), and every figure has a `status`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from attune import baseline, datasets, taxonomy
from attune.datasets import Item
from attune.errors import AttuneError, LeakError, MissingExtra, RecordingError, SettingError, UnknownName, unknown
from attune.evaluate import leaks as leaking
from attune.evaluate import said as saying
from attune.evaluate.leaks import Leak
from attune.evaluate.predictions import STATUSES, Predictions, checked, read_predictions, scaled, write_predictions
from attune.evaluate.score import Score, fitted_thresholds, score
from attune.evaluate.status import learned, status, trained_on
from attune.metrics.intervals import DRAWS
from attune.metrics.votes import TOLERANCE

__all__ = [
    "STATUSES", "Predictions", "Protocol", "Result", "Score", "evaluate", "evaluate_predictions", "protocols", "read_predictions", "write_predictions",
]

Hook = Callable[[str, float, float], None]
Adapt = Callable[[np.ndarray, np.ndarray | None, taxonomy.Taxonomy], np.ndarray]
"""One person's moments to what they mean for this person: values (m, k), embeddings (m, d) or None, their taxonomy -> values (m, k)."""
Protocol = Callable[[Item], np.ndarray | None]
"""An item to the values (k,) it counts with, None to leave it out; a corpus offers its own as PROTOCOLS, by name."""
EVERYTHING = "all"                       # the protocol that takes every item as the corpus gives it
CALM = "no-exclamation"                  # and the one that leaves texts with "!" out: on posts their number alone tells arousal
MEASURES = {"face": "faces in pictures or films", "voice": "sound", "text": "texts"}
PATHS = ("ekman7",)                      # where two taxonomies meet that have no crosswalk between them


@dataclass(frozen=True)
class Result:
    """Scores, one per taxonomy, protocol and variant; `leaks` were found and kept, or left out; `command` repeats it all."""

    scores: tuple[Score, ...]
    leaks: tuple[Leak, ...] = ()
    notes: tuple[str, ...] = ()
    command: str = ""
    versions: Mapping[str, str] | None = None

    def table(self) -> Any:
        """A pyarrow table, one row per figure."""
        from attune.evaluate import tables

        return tables.table(self)

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame; `MissingExtra` without pandas."""
        try:
            return self.table().to_pandas()
        except ImportError as error:
            raise MissingExtra("this needs pandas: pip install pandas; Result.table() gives a pyarrow table without it") from error

    def to_markdown(self) -> str:
        """The figures as Markdown, with what they promise and the command that made them."""
        from attune.evaluate import tables

        return tables.markdown(self)

    def to_json(self) -> dict[str, Any]:
        """An evaluation file: everything but the single predictions, in plain types."""
        from attune.evaluate import tables

        return tables.plain(self)

    def write(self, folder: str | Path) -> list[Path]:
        """Write figures.md, figures.parquet, evaluation.json, predictions, and pictures of calibration into a folder."""
        from attune.evaluate import tables

        return tables.write(self, Path(folder))

    def __add__(self, other: Result) -> Result:
        """Both, one after the other."""
        return replace(
            self, scores=self.scores + other.scores, leaks=self.leaks + other.leaks, notes=tuple(dict.fromkeys(self.notes + other.notes)),
            command=self.command or other.command, versions={**(self.versions or {}), **(other.versions or {})},
        )


def evaluate(
    items: Iterable[Item], model: str | ModuleType | Any, *, corpus: str | ModuleType = "", facts: Mapping[str, Any] | None = None,
    split: str = "test", protocol: str | Sequence[str] = EVERYTHING, into: str | None = None,
    seen: Iterable[Item] | Mapping[str, Iterable[Item]] = (), leak: Literal["stop", "drop", "allow"] = "stop", adapt: Adapt | Literal["baseline"] | None = None,
    draws: int = DRAWS, seed: int = 0, cache: Path | None = None, hook: Hook | None = None, command: str = "",
) -> Result:
    """Score a model on one part of a corpus.

    Parameters
    ----------
    items
        All of the corpus, whatever the split: the others serve to look for leaks, and dev to fit thresholds.
    model
        A packaged model's name, or a module (or anything) with TAXONOMIES and load().
    corpus
        Its name in `attune.datasets`, or its module; "" for items of one's own, with `facts` then.
    facts
        At least {"taxonomy": ...}, of `Item.values`; by default the corpus's FACTS.
    split
        "train", "dev", "test", or "all".
    protocol
        "all" items as the corpus gives them; "majority" or "plurality" of the votes; "no-exclamation", texts without "!"; or what the
        corpus offers. Several: a score for each.
    into
        The taxonomy to score in; by default the corpus's own, or where crosswalks let both meet.
    seen
        More items that the model was fitted on, of other corpora, to look for leaks in; by corpus, so that a note can name those in which nobody
        looked, or as one whole.
    leak
        "stop" with a `LeakError`, "drop" the items, or "allow" them; dropped or allowed, a note says so.
    adapt
        Scores the model a second time, each person's values passed through it, beside the plain ones. "baseline" is `baseline_of`.
    draws, seed
        Of the bootstrap.
    cache
        Folder in which what the model says is kept; None: nowhere.

    Raises
    ------
    LeakError
        If evaluated items were there in training.
    UnknownName
        If there is no such model, corpus, protocol or taxonomy, or no crosswalk lets the two meet.
    SettingError
        If the split holds no item, none in a language that the model reads, or none that has both a label and something to measure.

    >>> from attune.datasets import Item, one_hot
    >>> mine = [Item(str(i), "test", "", one_hot("goemotions28", label), text=text)
    ...         for i, (text, label) in enumerate([("Thank you so much!", "gratitude"), ("This makes me furious.", "anger")])]
    >>> result = evaluate(mine, "minilm_emotions", facts={"taxonomy": "goemotions28"}, draws=10)
    >>> result.scores[0].figures["map"].value
    1.0
    """
    module = saying.load(model) if isinstance(model, str) else model
    name = module.__name__.rsplit(".", 1)[-1]
    source = datasets.load(corpus) if isinstance(corpus, str) and corpus else corpus if isinstance(corpus, ModuleType) else None
    corpus_name = corpus if isinstance(corpus, str) else corpus.__name__.rsplit(".", 1)[-1]
    stated: Mapping[str, Any] = facts if facts is not None else source.FACTS if source is not None else {}
    modality = saying.modality_of(module)
    items = list(items)
    chosen = [item for item in items if split in ("all", item.split)]
    if not chosen:
        there = sorted({item.split for item in items})
        raise SettingError(f"no item of split {split!r}" + (f"; there are: {', '.join(there)}" if there else ", since there is none at all"))

    read = set(getattr(module, "LANGUAGES", ())) if modality == "text" else set()
    readable = [item for item in chosen if not read or item.about.get("language") in (None, "", *read)]
    foreign, chosen = len(chosen) - len(readable), readable
    if not chosen:
        raise SettingError(f"{name} reads {', '.join(sorted(read))}, and no item of split {split!r} is in that language")

    notes = [f"shares material with {other}, which {name} was trained on: held-out at best" for other in stated.get("shares", ())
             if other in (trained_on(module) or {})]
    chosen_ids = {item.id for item in chosen}
    elsewhere = sorted(set(trained_on(module) or {}) - {corpus_name} - set(seen if isinstance(seen, Mapping) else ()))
    also = [item for part in seen.values() for item in part] if isinstance(seen, Mapping) else list(seen)
    fitted = [i for i in (*learned(module, corpus_name, items), *also) if not (i.id in chosen_ids and split in ("all", i.split))]
    statuses = {i.id: _capped(status(module, corpus_name, i), bool(notes)) for i in chosen}
    if foreign:
        notes.append(f"{foreign} items are in other languages than {', '.join(sorted(read))}, which {name} reads; they are left out")
    searched = [i for i in chosen if statuses[i.id] != "in-sample"]
    found = leaking.find(searched, fitted, modality, folder=cache, hook=hook)
    if found and leak == "stop":
        leaking.refuse(found, len(chosen), name)
    if found:
        notes.append(leaking.told(found, len(chosen), name) + ("; they are left out" if leak == "drop" else "; they are in the figures"))
        chosen = [i for i in chosen if leak == "allow" or i.id not in {found_.item for found_ in found}]
    if not found and fitted and searched:
        which = "these items" if len(searched) == len(chosen) else f"the {len(searched):,} items that aren't in-sample"
        notes.append(f"no leak between {which} and the {len(fitted):,} that {name} " + (
            "was fitted on" if trained_on(module) is not None else "is taken to be fitted on, the split train: it doesn't say what it was trained on"))
    if searched and elsewhere and (isinstance(seen, Mapping) or not also):
        notes.append(f"leaks weren't looked for in other corpora that {name} was trained on ({', '.join(elsewhere)}): --seen NAME=DIR looks there, too")

    needs_dev = split != "dev" and not getattr(module, "THRESHOLDS", None)
    dev = [i for i in items if i.split == "dev" and (not read or i.about.get("language") in (None, "", *read))] if needs_dev and split != "all" else []
    names = [protocol] if isinstance(protocol, str) else list(protocol)
    rules = protocols(source, stated)
    for wanted in names:
        if wanted not in rules:
            raise unknown("protocol", wanted, rules)
    roads = ways(module.TAXONOMIES, [stated["taxonomy"], *stated.get("more", ())] if "taxonomy" in stated else _needs_taxonomy(), into)

    unit = datasets.unit(stated)
    raw = saying.said(module, chosen, folder=cache, hook=hook)
    variants = [("", raw)]
    if adapt is not None:
        if adapt == "baseline":
            adapt, whence = baseline_of(module, items, split, corpus=corpus_name, cache=cache, hook=hook)
            notes.append(whence)
        variants.append(("baseline", _adapted(module, chosen, raw, adapt, cache, hook)))
        notes.append("baseline: all moments of a person in this part, without their labels, adapt the estimates of that person")
    scores: list[Score] = []
    for wanted in names:
        for way in roads:
            beside = way.corpus != stated["taxonomy"]
            if beside and wanted not in (EVERYTHING, CALM):
                continue                              # it is about the corpus's own labels
            rule = _beside(way.corpus, rules[wanted]) if beside else rules[wanted]
            for variant, values in variants:
                p = _predictions(way, chosen, values, module, corpus_name, name, modality, statuses, rule, variant)
                thresholds, whence = _thresholds(p, way, module, dev, cache, hook, rule, corpus_name, name, modality)
                made = score(p, split=split, protocol="" if wanted == EVERYTHING else wanted, thresholds=thresholds, threshold_source=whence,
                             draws=draws, seed=seed)
                scores.append(replace(made, notes=(*made.notes, *dict.fromkeys(way.notes)), unit=unit))
                if hook:
                    hook("figures", len(scores), len(names) * len(roads) * len(variants))
    if not any(s.figures for s in scores):
        raise SettingError(f"{name} has no figure on split {split!r}: {_nothing(scores)}. It measures {MEASURES[modality]}; {_shown(chosen)}")
    return Result(tuple(scores), tuple(found), tuple(notes), command, {name: saying.digest(module)})


def evaluate_predictions(
    predictions: str | Path | Predictions | Sequence[Predictions], *, draws: int = DRAWS, seed: int = 0, command: str = "", hook: Hook | None = None,
) -> Result:
    """Score predictions that somebody else made, a file's or from memory, by the same code.

    Rows of split "dev" only serve to fit thresholds, where there are others. Out-of-fold predictions must keep each group within one fold.

    Raises
    ------
    LeakError
        If a group is in several folds, or in dev and elsewhere.
    RecordingError
        If the file can't be read, holds numbers that can't be (`predictions.checked`), or no row that has both a label and an estimate.
    """
    parts = read_predictions(predictions) if isinstance(predictions, str | Path) else [predictions] if isinstance(predictions, Predictions) else predictions
    scores, notes = [], []
    for done, p in enumerate(map(checked, parts), start=1):
        dev = p.splits == "dev"
        rest = p.rows(~dev) if dev.any() and not dev.all() else p
        _refuse_crossing(p.rows(dev) if rest is not p else None, rest)
        thresholds, whence = {}, ""
        if p.taxonomy.kind == "multilabel" and rest is not p:
            thresholds, whence = fitted_thresholds(p.rows(dev)), f"fitted on {dev.sum()} rows of dev"
        split = "+".join(sorted(set(rest.splits.tolist())))
        made = score(rest, split=split, thresholds=thresholds, threshold_source=whence, draws=draws, seed=seed)
        folds = len(set(rest.folds.tolist()) - {""}) if rest.folds is not None else 0
        if folds:
            notes.append(f"out-of-fold: {folds} folds, each predicted by a model that was fitted on the others")
        scores.append(replace(made, notes=(*made.notes, *filter(None, [scaled(rest)]))))
        if hook:
            hook("figures", done, len(parts))
    if not any(s.figures for s in scores):
        raise RecordingError(f"there is nothing to score: {_nothing(scores) if scores else 'no row'}")
    return Result(tuple(scores), (), tuple(dict.fromkeys(notes)), command, {})


def _nothing(scores: Sequence[Score]) -> str:
    """Why there is no figure."""
    return "; ".join(dict.fromkeys(note for s in scores for note in s.notes)) or "no item is left"


def _shown(items: Sequence[Item]) -> str:
    """What there is to measure in a first item."""
    first = items[0]
    what = [f"a file {first.path.suffix}" + ("" if first.path.is_file() else ", which isn't there")] if first.path is not None else []
    what += ["a picture"] * (first.pixels is not None) + ["a text"] * bool(first.text) + ["features"] * bool(first.features)
    return f"of these items the first, {first.id}, is {' with '.join(what) or 'empty'}"


def _refuse_crossing(dev: Predictions | None, rest: Predictions) -> None:
    parts = [] if dev is None else [("dev", dev.groups)]
    folds = rest.folds if rest.folds is not None else np.array([""] * len(rest))
    parts += [(fold or "the evaluated rows", rest.groups[folds == fold]) for fold in np.unique(folds).tolist()]
    where: dict[str, str] = {}
    for part, groups in parts:
        for group in sorted(set(groups.tolist()) - {""}):
            if where.setdefault(group, part) != part:
                raise LeakError(
                    f"group {group!r} is in fold {where[group]} and in {part}; a person must be predicted by a model that never met them: "
                    "split by group")


def protocols(corpus: ModuleType | None, facts: Mapping[str, Any]) -> dict[str, Protocol]:
    """The protocols of a corpus by name: "all", "no-exclamation" (texts without "!"), those of its PROTOCOLS, and for one label
    "majority" and "plurality" of the votes.

    >>> rules = protocols(None, {"taxonomy": "ekman7"})
    >>> sorted(rules), rules["majority"](Item("a", "test", "", np.array([0.6, 0.4, 0, 0, 0, 0, 0]))).tolist()
    (['all', 'majority', 'no-exclamation', 'plurality'], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """
    rules: dict[str, Protocol] = {EVERYTHING: lambda item: item.values, CALM: lambda item: None if "!" in item.text else item.values}
    if "taxonomy" in facts and taxonomy.taxonomy(facts["taxonomy"]).kind == "exclusive":
        rules |= {"majority": _majority, "plurality": _plurality}
    return rules | dict(getattr(corpus, "PROTOCOLS", {}))


def _majority(item: Item) -> np.ndarray | None:
    """One-hot where one label has more than half of the votes."""
    v = np.nan_to_num(item.values)
    return _only(item.values, int(v.argmax())) if v.max() > 0.5 + TOLERANCE else None


def _plurality(item: Item) -> np.ndarray | None:
    """One-hot where one label has more votes than any other."""
    v = np.sort(np.nan_to_num(item.values))
    return _only(item.values, int(np.nan_to_num(item.values).argmax())) if v[-1] > v[-2] + TOLERANCE else None


def _only(values: np.ndarray, j: int) -> np.ndarray:
    one = np.where(np.isnan(values), np.nan, 0.0)
    one[j] = 1.0
    return np.asarray(one, np.float32)


def _beside(name: str, rule: Protocol) -> Protocol:
    """A protocol for what a corpus has beside its own taxonomy: the items that it takes and that have it."""
    return lambda item: None if rule(item) is None else item.more.get(name)


def _capped(what: str, shared: bool) -> str:
    return "held-out" if shared and what == "out-of-sample" else what


def _needs_taxonomy() -> list[str]:
    raise SettingError("items of one's own need facts={'taxonomy': ...}, the taxonomy of Item.values")


def baseline_of(
    model: ModuleType | Any, items: Iterable[Item], split: str, *, corpus: str = "", cache: Path | None = None, hook: Hook | None = None,
) -> tuple[Adapt, str]:
    """The personal baseline of a model, and a sentence on whom people are compared with.

    A model's module may bring its own, `baseline(values, embedding, taxonomy)`. Otherwise `attune.baseline`, as `attune measure --baseline own`
    does it: with the population that lies beside a packaged model; without one, with what the model says of the people in the dev part of
    the corpus, or in train where dev is scored.

    Raises
    ------
    SettingError
        If the corpus has no such people.
    """
    own: Adapt | None = getattr(model, "baseline", None)
    if own is not None:
        return own, "baseline: the model's own"
    name, taxonomies = model.__name__.rsplit(".", 1)[-1], [taxonomy.taxonomy(t) for t in model.TAXONOMIES]
    beside = {t.name: p for t in taxonomies if (p := baseline.packaged(saying.modality_of(model), name, t.labels)) is not None}
    if len(beside) == len(taxonomies):
        return partial(_habit, beside), f"baseline: people are compared with those that lie beside {name}, as in attune measure --baseline own"
    part = "train" if split == "dev" else "dev"
    others = [i for i in items if i.split == part and i.group]
    if split == "all" or len({i.group for i in others}) < 2:
        raise SettingError(f"a baseline compares people with those of split {part!r}, and there aren't two of them; leave --baseline out, or pass adapt=")
    values, people = saying.said(model, others, folder=cache, hook=hook), np.array([i.group for i in others])
    first = 0
    for t in taxonomies:
        rows = values[:, first : first + len(t)]
        first += len(t)
        beside[t.name] = baseline.Population.fit(
            rows, people, model=name, labels=t.labels, kind=t.kind, range=t.range if t.kind == "dimensional" else None)
    known = any(status(model, corpus, i) in ("in-sample", "unknown") for i in others)
    return partial(_habit, beside), f"baseline: people are compared with {len(set(people.tolist()))} others of {part} ({len(others)} moments)" + (
        "; if the model was fitted on them, they differ less than people it never met, and habits are taken out too little" if known else "")


def _habit(populations: Mapping[str, baseline.Population], rows: np.ndarray, embedding: np.ndarray | None, of: taxonomy.Taxonomy) -> np.ndarray:
    """One person's rows without their habit."""
    return baseline.adapted(rows, np.zeros(len(rows)), populations[of.name])


# Where a model and a corpus meet ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class _Way:
    """From a corpus's taxonomy and a model's into one."""

    corpus: str
    model: str
    into: str
    truth: taxonomy.Crosswalk | None = None
    said: taxonomy.Crosswalk | None = None

    @property
    def via(self) -> tuple[str, ...]:
        return tuple(walk.name for walk in (self.truth, self.said) if walk is not None)

    @property
    def notes(self) -> list[str]:
        return [f"projected by {walk.name}: {walk.coverage()}" for walk in (self.truth, self.said) if walk is not None]


def ways(of_model: Sequence[str], of_corpus: Sequence[str], into: str | None) -> list[_Way]:
    """How the taxonomies of a model and of a corpus (its own first) meet; `UnknownName` if no crosswalk lets them.

    What a corpus has beside its own taxonomy is only met directly, unless there is no other way.

    >>> [(way.into, way.via) for way in ways(("ferplus8",), ("ravdess8",), None)]
    [('ekman7', ('ravdess8->ekman7', 'ferplus8->ekman7'))]
    """
    found = [way for c in of_corpus if (way := _way(of_model, c, into)) is not None]
    if not found:
        raise UnknownName(
            f"no crosswalk lets the model's labels ({', '.join(of_model)}) and the corpus's ({', '.join(of_corpus)}) meet" +
            (f" in {into!r}" if into else "") + "; `attune taxonomies NAME` lists the crosswalks there are")
    main = [way for way in found if way.corpus == of_corpus[0]]
    return main + [way for way in found if way.corpus != of_corpus[0] and (not way.via or not main)]


def _way(of_model: Sequence[str], c: str, into: str | None) -> _Way | None:
    """The straightest way: the same taxonomy; the model's into the corpus's; the corpus's into the model's; both into a third."""
    from_corpus = taxonomy.crosswalks(c)
    candidates = []
    for m in of_model:
        from_model = taxonomy.crosswalks(m)
        candidates += [(0, _Way(c, m, c))] * (m == c)
        candidates += [(1, _Way(c, m, c, said=from_model[c]))] if c in from_model else []
        candidates += [(2, _Way(c, m, m, truth=from_corpus[m]))] if m in from_corpus and (into or _true(from_corpus[m])) else []
        meeting = [into] if into else PATHS
        candidates += [(3, _Way(c, m, t, from_corpus[t], from_model[t])) for t in meeting
                       if t in from_corpus and t in from_model and (into or _true(from_corpus[t]))]
    fit = [(rank, way) for rank, way in candidates if into in (None, way.into)]
    return min(fit, key=lambda found: found[0])[1] if fit else None


def _true(walk: taxonomy.Crosswalk) -> bool:
    """Whether a projected label may stand for the truth: a label's place among others may, an anchor on an axis may not."""
    return walk.combine != "mean"


def _predictions(
    way: _Way, items: Sequence[Item], values: np.ndarray, module: Any, corpus: str, name: str, modality: str, statuses: Mapping[str, str],
    rule: Protocol, variant: str,
) -> Predictions:
    """Truth and estimates of items in one taxonomy; items that the protocol leaves out are gone."""
    counted = [(i, v) for i, item in enumerate(items) if (v := rule(item)) is not None]
    truth = np.array([v for _, v in counted], np.float64).reshape(-1, len(taxonomy.taxonomy(way.corpus)))
    at = np.array([i for i, _ in counted], int)
    first = sum(len(taxonomy.taxonomy(t)) for t in module.TAXONOMIES[: list(module.TAXONOMIES).index(way.model)])
    said = np.asarray(values[at, first : first + len(taxonomy.taxonomy(way.model))], np.float64)
    own = [items[i] for i in at.tolist()]

    def column(of: Iterable[Any]) -> np.ndarray:
        return np.array(list(of), dtype=str)

    about = {key: column(_about(item, key) for item in own) for key in ("sex", "age", "race", "ethnicity")
             if any(_about(item, key) for item in own)}
    return Predictions(
        corpus, name, taxonomy.taxonomy(way.into), column(i.id for i in own), column(i.group for i in own), column(i.split for i in own),
        column(statuses[i.id] for i in own), _walked(way.truth, truth), said if way.said is None else np.asarray(way.said(said), np.float64),
        about=about, via=way.via, variant=variant, modality=modality,
    )


def _about(item: Item, key: str) -> str:
    value = item.about.get(key)
    if key == "age" and value is None:
        value = item.about.get("age_group")               # a corpus's own bands
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else f"{value:g}" if isinstance(value, float) else str(value)


def _walked(walk: taxonomy.Crosswalk | None, truth: np.ndarray) -> np.ndarray:
    """Truth through a crosswalk: labels that the corpus can't have stay unknown, and make no others unknown."""
    if walk is None:
        return truth
    out = np.asarray(walk(np.nan_to_num(truth)), np.float64)
    can = ~np.isnan(truth) & ~np.isnan(walk.matrix).any(axis=1)
    out[~(can @ (np.nan_to_num(walk.matrix) != 0))] = np.nan
    return out


def _thresholds(
    p: Predictions, way: _Way, module: Any, dev: Sequence[Item], cache: Path | None, hook: Hook | None, rule: Protocol, corpus: str, name: str,
    modality: str,
) -> tuple[dict[str, float], str]:
    """Thresholds of a multi-label taxonomy, and whence: the model's own, or fitted on dev; none elsewhere."""
    if p.taxonomy.kind != "multilabel":
        return {}, ""
    own = dict(getattr(module, "THRESHOLDS", None) or {})
    if own and not way.said and set(own) & set(p.taxonomy.labels):
        return own, "the model's own"
    if not dev:
        return {}, ""
    values = saying.said(module, dev, folder=cache, hook=hook)
    there = _predictions(way, dev, values, module, corpus, name, modality, {i.id: "unknown" for i in dev}, rule, "")
    return fitted_thresholds(there), f"fitted on {len(there)} items of dev"


def _adapted(module: Any, items: Sequence[Item], raw: np.ndarray, adapt: Adapt, cache: Path | None, hook: Hook | None) -> np.ndarray:
    """Each person's rows passed through `adapt`, taxonomy by taxonomy; who isn't named stays as they are."""
    out = raw.copy()
    loaded = module.load()
    wants = getattr(module, "baseline", None) is not None and hasattr(loaded, "embed")
    embedding = saying.said(module, items, what="embedding", folder=cache, hook=hook) if wants else None
    people: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        if item.group and not np.isnan(raw[i]).any():
            people.setdefault(item.group, []).append(i)
    if not people:
        raise AttuneError("nobody is named in these items, so that there is no person to take a baseline of; leave --baseline out")
    first = 0
    for t in map(taxonomy.taxonomy, module.TAXONOMIES):
        where = slice(first, first + len(t))
        first += len(t)
        for rows in people.values():
            out[rows, where] = adapt(raw[rows, where], None if embedding is None else embedding[rows], t)
    return out
