"""Personal calibration: what is habit in one person's estimates, learned from a few moments, and taken out.

A voice that is always a little tense is measured as tense; only how far it departs from its own habit is expression. A `Baseline`
holds what is usual for one person as far as the moments seen so far can tell, compared with the `Population` a model was measured
on. With few moments it hardly corrects; with many, fully: the correction is the posterior mean n / (n + n0) of the difference.

It is opt-in: nothing is learned or corrected unless a `Baseline` is passed. What it knows can be read (`str`, `shift`), kept as JSON
and thrown away. A moment is compared in one of three ways:

    labelled   with what its known label is like in others: a few moments known to be neutral are the safest start
    guessed    with what others are like who look or sound like this to the model: the default, where the model gives exclusive labels
    fair       with everyone's average: strongest, and right only if the moments are a fair sample of what the person expresses.
               From an angry telephone call alone it would learn the anger as a habit, and take it out

How much each is worth, and when it hurts, is measured in benchmarks/baseline.md. Moments are utterances or other stretches of
seconds; neighbouring video frames say the same thing again and count too much.

    >>> rng = np.random.default_rng(0)
    >>> people = np.repeat(np.arange(20), 30)
    >>> habit = rng.normal(0, 0.3, (20, 1))[people]
    >>> everyone = Population.fit(habit + rng.normal(0, 0.3, (600, 1)), people, model="toy", labels=("arousal",), kind="dimensional")
    >>> ada = Baseline("Ada", everyone)
    >>> for moment in 0.5 + rng.normal(0, 0.3, (12, 1)):
    ...     _ = ada.push(moment)
    >>> print(ada)
    Ada, 12 moments (counting 90 %) of toy: arousal +0.47
    >>> ada.adapt(np.array([[0.9]])).round(1).tolist()
    [[0.4]]
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from attune.errors import SettingError, ShapeError, unknown
from attune.types import Estimates

Kind = Literal["exclusive", "multilabel", "dimensional", "embedding"]
Form = Literal["all", "others", "before"]

FLOOR = 1e-6                             # least probability whose logarithm is taken; what is below is the noise of a model
N0 = (0.25, 200.0)                       # moments; what an estimate of n0 may be, whatever a small sample says
SPREAD_N0 = 20.0                         # moments after which a person's own spread counts half; a spread needs more than a mean
TINY = 1e-12


@dataclass(frozen=True)
class Way:
    """One of the ways to compare moments.

    n0
        How many moments count as much as what is known of everyone: the variance within people over the variance between them.
    spread
        (k,) standard deviation within people.
    """

    n0: float
    spread: np.ndarray


@dataclass(frozen=True)
class Population:
    """What is usual among people for one model: the reference that one person's moments are compared with.

    model, labels
        Whose estimates, and the names of their columns.
    kind
        "exclusive": (k,) probabilities, compared as logarithms and made to sum to 1 again; "multilabel": probabilities, compared as
        log-odds; "dimensional": positions; "embedding": any numbers.
    mean
        (k,) of everyone's moments, on the compared scale.
    by_label
        Label -> (k,) mean of the moments that show it.
    ways
        "fair", and where labels were known "labelled" and, if the model gives just these labels, "guessed".
    range
        Of dimensional values; what is adapted stays in it.
    """

    model: str
    labels: tuple[str, ...]
    kind: Kind
    mean: np.ndarray
    ways: Mapping[str, Way]
    by_label: Mapping[str, np.ndarray] = field(default_factory=dict)
    range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise unknown("kind of values", self.kind, get_args(Kind))
        rows = {"mean": self.mean} | {f"by_label[{label!r}]": row for label, row in self.by_label.items()}
        rows |= {f"ways[{name!r}].spread": way.spread for name, way in self.ways.items()}
        for name, row in rows.items():
            if np.shape(row) != (len(self.labels),):
                raise ShapeError(f"{name} has shape {np.shape(row)}, expected {(len(self.labels),)}, one a label")
        for name, way in self.ways.items():
            if not way.n0 > 0:
                raise ValueError(f"n0 of {name} moments is {way.n0}; expected a number above 0")

    @classmethod
    def fit(
        cls, values: np.ndarray, people: np.ndarray, *, model: str, labels: Sequence[str], kind: Kind,
        shown: Sequence[str] | np.ndarray | None = None, n0: Mapping[str, float] | None = None, range: tuple[float, float] | None = None,
    ) -> Population:
        """From a model's values (n, k) for moments of several people (n,), each with a fair sample of expressions.

        Take moments the model wasn't trained on: on those it was, people differ less.

        Parameters
        ----------
        shown
            (n,) what each moment is known to show.
        n0
            Way -> moments, where something better is known than the estimate by analysis of variance.

        Raises
        ------
        ShapeError
            If the lengths don't fit.
        ValueError
            If there are fewer than two people.
        """
        inside = _inside(np.asarray(values, float), kind)
        if inside.ndim != 2 or inside.shape[1] != len(labels) or len(people) != len(inside):
            raise ShapeError(f"values has shape {inside.shape} for {len(people)} people's names and {len(labels)} labels; expected (n, k), (n,), (k,)")
        known = ~np.isnan(inside).any(1)
        inside, people = inside[known], np.asarray(people)[known]
        if len(np.unique(people)) < 2:
            raise ValueError(f"moments of {len(np.unique(people))} people that can be measured; expected at least two to compare")
        apart, by_label = {"fair": inside - inside.mean(0)}, {}
        if shown is not None:
            shown = np.asarray(shown)[known]
            by_label = {str(label): inside[shown == label].mean(0) for label in np.unique(shown)}
            apart["labelled"] = inside - np.stack([by_label[str(label)] for label in shown])
            if kind == "exclusive" and set(labels) <= set(by_label):
                apart["guessed"] = inside - _softmax(inside) @ np.stack([by_label[label] for label in labels])
        estimated = {name: _way(rows, people) for name, rows in apart.items()}
        ways = {name: replace(way, n0=(n0 or {}).get(name, way.n0)) for name, way in estimated.items()}
        return cls(model, tuple(labels), kind, inside.mean(0), ways, by_label, range)

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return {
            "model": self.model, "labels": list(self.labels), "kind": self.kind, "mean": _list(self.mean),
            "ways": {name: {"n0": way.n0, "spread": _list(way.spread)} for name, way in self.ways.items()},
            "by_label": {label: _list(row) for label, row in self.by_label.items()}, "range": None if self.range is None else list(self.range),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Population:
        """Of `to_json`."""
        return cls(
            plain["model"], tuple(plain["labels"]), plain["kind"], np.array(plain["mean"]),
            {name: Way(way["n0"], np.array(way["spread"])) for name, way in plain["ways"].items()},
            {label: np.array(row) for label, row in plain["by_label"].items()}, None if plain["range"] is None else (plain["range"][0], plain["range"][1]),
        )


@dataclass
class Sums:
    """What is remembered of moments: how many, and the sums of their differences and of those squared. No moment itself is kept."""

    moments: int
    total: np.ndarray
    squares: np.ndarray


class Baseline:
    """What is usual for one person, from the moments pushed so far; their order doesn't matter.

    person
        Whose it is. Nobody else's estimates should pass through it.
    population
        What the person is compared with.
    fair
        Whether unlabelled moments are a fair sample of what the person expresses, and may be compared with everyone's average. Where
        the population can't compare by guess (dimensions, embeddings) they are taken for one anyway.
    scale
        Whether the person's spread is adapted too: who shows little is stretched, who shows much is reined in.
    """

    def __init__(self, person: str, population: Population, *, fair: bool = False, scale: bool = True) -> None:
        self.person, self.population, self.fair, self.scale = person, population, fair, scale
        k = len(population.labels)
        self.sums = {way: Sums(0, np.zeros(k), np.zeros(k)) for way in population.ways}

    @property
    def moments(self) -> int:
        """How many moments it has learned from."""
        return sum(s.moments for s in self.sums.values())

    def push(self, values: np.ndarray, shown: str | None = None) -> Baseline:
        """Learn from one moment (k,) or several (m, k), as the model gave them; rows with NaN say nothing, and are passed over.

        shown: what the person is known to show there, one of the population's labels ("neutral").

        Raises
        ------
        ShapeError
            If there are more or fewer columns than labels.
        UnknownName
            If nothing is known of that label in others.
        """
        p = self.population
        inside = _inside(self._rows(values), p.kind)
        inside = inside[~np.isnan(inside).any(1)]
        if shown is not None:
            if shown not in p.by_label:
                raise unknown(f"label of which {p.model} knows what it is like in others", shown, p.by_label)
            way, reference = "labelled", p.by_label[shown]
        elif self.fair or "guessed" not in p.ways:
            way, reference = "fair", p.mean
        else:
            way, reference = "guessed", _softmax(inside) @ np.stack([p.by_label[label] for label in p.labels])
        apart, sums = inside - reference, self.sums[way]
        self.sums[way] = Sums(sums.moments + len(apart), sums.total + apart.sum(0), sums.squares + (apart**2).sum(0))
        return self

    @property
    def trust(self) -> float:
        """0..1, how far the moments count against what is known of everyone: n / (n + n0), each way with its n0."""
        weight = self._weight()
        return weight / (1 + weight)

    @property
    def shift(self) -> np.ndarray:
        """(k,) how the person differs from everyone on the compared scale, shrunk by `trust`; what `adapt` takes away."""
        total = sum((s.total / self.population.ways[way].n0 for way, s in self.sums.items()), np.zeros(len(self.population.labels)))
        return np.asarray(total / (1 + self._weight()))

    @property
    def stretch(self) -> np.ndarray:
        """(k,) the person's spread over everyone's, shrunk towards 1; 1 without `scale`. Guesses don't count: they follow the moment."""
        ratio, count, shift = np.full(len(self.population.labels), SPREAD_N0), SPREAD_N0, self.shift
        for way, s in self.sums.items():
            if self.scale and way != "guessed":
                ratio = ratio + (s.squares - 2 * shift * s.total + s.moments * shift**2) / self.population.ways[way].spread ** 2
                count += s.moments
        return np.asarray(np.sqrt(np.maximum(ratio / count, TINY)))

    def adapt(self, values: np.ndarray) -> np.ndarray:
        """(m, k) or (k,) of the same model and person, without the habit; what is NaN stays so, and without moments nothing changes."""
        rows = self._rows(values)
        if not self.moments:
            return np.array(values)
        p = self.population
        inside = p.mean + (_inside(rows, p.kind) - p.mean - self.shift) / self.stretch
        return _outside(inside, p).reshape(np.shape(values)).astype(np.asarray(values).dtype, copy=False)

    def __str__(self) -> str:
        p, count = self.population, "1 moment" if self.moments == 1 else f"{self.moments} moments"
        head = f"{self.person}, {count} (counting {100 * self.trust:.0f} %) of {p.model}"
        if p.kind == "embedding":
            return f"{head}: {np.sqrt(np.mean((self.shift / p.ways['fair'].spread) ** 2)):.2f} spreads from everyone"
        most = sorted(zip(self.shift, p.labels, strict=True), key=lambda pair: -abs(pair[0]))[:3]
        shown = [f"{label} {by:+.2f}" if p.kind == "dimensional" else f"{label} x {np.exp(by):.2f}" for by, label in most]
        return f"{head}: {', '.join(shown)}"

    def to_json(self) -> dict[str, Any]:
        """All it knows, in plain types, with the population it was compared with."""
        sums = {way: {"moments": s.moments, "total": _list(s.total), "squares": _list(s.squares)} for way, s in self.sums.items()}
        return {"person": self.person, "fair": self.fair, "scale": self.scale, "sums": sums, "population": self.population.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Baseline:
        """Of `to_json`."""
        made = cls(plain["person"], Population.from_json(plain["population"]), fair=plain["fair"], scale=plain["scale"])
        made.sums = {way: Sums(s["moments"], np.array(s["total"]), np.array(s["squares"])) for way, s in plain["sums"].items()}
        return made

    def _weight(self) -> float:
        return sum(s.moments / self.population.ways[way].n0 for way, s in self.sums.items())

    def _rows(self, values: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(np.asarray(values, float))
        if rows.ndim != 2 or rows.shape[1] != len(self.population.labels):
            raise ShapeError(f"values has shape {np.shape(values)}, expected (m, {len(self.population.labels)}): the labels of {self.population.model}")
        return rows


# Files and recordings ----------------------------------------------------------------------------------------------------------------

def save(baselines: Iterable[Baseline], path: str | Path) -> Path:
    """Several people's, or several models' of one person, as one JSON file that can be read, shown and deleted."""
    path = Path(path)
    path.write_text(json.dumps({"baselines": [b.to_json() for b in baselines]}, indent=1) + "\n", encoding="utf-8")
    return path


def load(path: str | Path) -> list[Baseline]:
    """Of `save`.

    Raises
    ------
    SettingError
        If the file isn't there, or isn't one of these.
    """
    try:
        return [Baseline.from_json(plain) for plain in json.loads(Path(path).read_text(encoding="utf-8"))["baselines"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{path} is no file of baselines ({error}); make one with: attune baseline learn") from error


def population_of(estimates: Estimates) -> Population | None:
    """What is usual among people for the packaged model that made the estimates; None where nobody measured that."""
    if estimates.projected or estimates.modality == "fused":
        return None
    return packaged(estimates.modality, estimates.model.partition(",")[0], estimates.taxonomy.labels)


def packaged(modality: str, model: str, labels: Sequence[str]) -> Population | None:
    """What is usual among people for a packaged model of a modality, if that lies beside it and is of these labels."""
    file = importlib.resources.files("attune") / modality / "models" / f"{model}.population.json"
    if not file.is_file():
        return None
    population = Population.from_json(json.loads(file.read_text(encoding="utf-8")))
    return population if population.labels == tuple(labels) else None


def own(estimates: Estimates) -> list[Baseline]:
    """Baselines of everybody in a recording, learned from the recording itself, by guess; empty without a population."""
    population = population_of(estimates)
    people = dict.fromkeys(str(p) for p in estimates.person if p) if population else {}
    return [Baseline(who, population).push(estimates.values[estimates.person == who]) for who in people if population]


def adapt(estimates: Estimates, baselines: Iterable[Baseline]) -> Estimates:
    """Estimates with the habits of those taken out who have a baseline for this model and these labels; the others' rows stay.

    The model's name says so: "prosody_whisper, personal baseline". Spreads are left as they were.
    """
    values, done = estimates.values.copy(), False
    for baseline in baselines:
        fits = baseline.population.model == estimates.model and baseline.population.labels == estimates.taxonomy.labels
        rows = np.flatnonzero(estimates.person == baseline.person) if fits and baseline.moments else np.array([], int)
        if len(rows):
            values[rows], done = baseline.adapt(estimates.values[rows]), True
    return replace(estimates, values=values, model=f"{estimates.model}, personal baseline") if done else estimates


def adapted(
    values: np.ndarray, people: np.ndarray, population: Population, *, form: Form = "all", fair: bool = False, scale: bool = True
) -> np.ndarray:
    """Values (n, k) of moments of several people (n,), each with their own habit taken out; nothing of anybody's labels is used.

    form
        Which moments of the same person a moment's baseline has seen: "all" (itself too, as after a recording), "others" (all but
        itself), "before" (those in earlier rows, as live).
    """
    if form not in get_args(Form):
        raise unknown("form", form, get_args(Form))
    out, people = np.array(values), np.asarray(people)
    for person in np.unique(people):
        rows = np.flatnonzero(people == person)

        def learned(seen: np.ndarray, who: str = str(person)) -> Baseline:
            return Baseline(who, population, fair=fair, scale=scale).push(values[seen])

        if form == "all":
            out[rows] = learned(rows).adapt(values[rows])
        else:
            for i, row in enumerate(rows):
                out[row] = learned(rows[:i] if form == "before" else np.delete(rows, i)).adapt(values[row])
    return out


# The scales on which people are compared -----------------------------------------------------------------------------------------------

def _inside(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Probabilities as logarithms or log-odds, so that a habit is a sum; the rest as it is."""
    if kind == "exclusive":
        return np.asarray(np.log(np.maximum(values, FLOOR)))
    if kind == "multilabel":
        p = np.clip(values, FLOOR, 1 - FLOOR)
        return np.asarray(np.log(p / (1 - p)))
    return values


def _outside(inside: np.ndarray, population: Population) -> np.ndarray:
    """Back from it."""
    if population.kind == "exclusive":
        return _softmax(inside)
    if population.kind == "multilabel":
        return np.asarray(1 / (1 + np.exp(-inside)))
    if population.range is not None:
        return np.asarray(np.clip(inside, *population.range))
    return inside


def _softmax(z: np.ndarray) -> np.ndarray:
    z = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(z / z.sum(1, keepdims=True))


def _way(apart: np.ndarray, people: np.ndarray) -> Way:
    """From differences from the reference (n, k) of people (n,), all columns together for n0.

    One-way analysis of variance with unequal numbers of rows: Searle, Casella & McCulloch (1992), Variance components, section 3.6.
    """
    _, who, count = np.unique(people, return_inverse=True, return_counts=True)
    means = np.stack([apart[who == i].mean(0) for i in range(len(count))])
    within = ((apart - means[who]) ** 2).sum(0) / max(len(apart) - len(count), 1)
    between_squares = (count[:, None] * (means - apart.mean(0)) ** 2).sum() / (len(count) - 1)
    size = (len(apart) - (count**2).sum() / len(apart)) / (len(count) - 1)
    between = (between_squares - within.sum()) / size
    n0 = within.sum() / between if between > 0 else np.inf
    return Way(float(np.clip(n0, *N0)), np.sqrt(within) + TINY)


def _list(row: np.ndarray) -> list[float]:
    return [float(x) for x in row]
