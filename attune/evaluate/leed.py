"""Table 1 of the paper on LEED, run again: do words about expression classify better than the numbers they were made from?

Actors of RAVDESS say two sentences in eight ways. Face and voice are measured, said in words (LEED), the words embedded, and a linear
support vector machine tells the eight ways apart, of actors it never met:

    raw             the estimates themselves, face and voice alone and side by side
    mean LEED       one sentence for the clip's mean
    LEED per step   a sentence for each time step, where the estimates have several
    early           the embeddings of the face's and of the voice's sentence, side by side (the source's name)
    late            both sentences in one text, and one embedding of it (the source's name)

Each row is run under two protocols. "paper": C is chosen by the result on the test actors, as the source states; such a figure is too high,
and says so. "nested": C is chosen on other training actors. The source has 20 actors to train and 4 to test, once; here four actors
are tested in turn until everyone was, and intervals are over actors.

    >>> table = run(from_folder("RAVDESS", "voice.parquet"), embedders=[TfIdf()])          # doctest: +SKIP
    >>> print(table.markdown())                                                           # doctest: +SKIP

Our features aren't the source's: its face and voice gave 48 expressions, ours action units averaged over the clip and a voice model's eight
posteriors, which must come from a model that didn't hear the actor (`Predictions` with folds).
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from attune.datasets import Item
from attune.describe.calibration import Calibration, Ranks, calibration
from attune.describe.leed import leed
from attune.errors import AttuneError, LeakError, SettingError, ShapeError, unknown
from attune.evaluate.predictions import Predictions
from attune.metrics import Interval, bootstrap_figures, uar
from attune.taxonomy import Taxonomy, taxonomy
from attune.types import Modality

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)     # the source's values of C
TESTED = 4                               # actors at a time, as in the source
INNER = 4                                # parts of the training actors, to choose C
PROTOCOLS = ("paper", "nested")
PUBLISHED = {"face raw": 0.69, "face mean LEED": 0.66, "face LEED per step": 0.72, "early": 0.79, "late": 0.78}
TRACE = 1.0                              # FACS's 0..5; less is not said
MOVEMENTS = {                            # the 17 intensities of OpenFace, as adjectives of a face; ours
    "AU01": "inner-brow-raised", "AU02": "outer-brow-raised", "AU04": "frowning", "AU05": "wide-eyed", "AU06": "cheek-raised", "AU07": "lid-tightened",
    "AU09": "nose-wrinkled", "AU10": "upper-lip-raised", "AU12": "smiling", "AU14": "dimpled", "AU15": "mouth-corners-down", "AU17": "chin-raised",
    "AU20": "lip-stretched", "AU23": "lip-tightened", "AU25": "open-mouthed", "AU26": "jaw-dropped", "AU45": "blinking",
}
UNITS = Taxonomy("openface17", tuple(MOVEMENTS), "multilabel", (0.0, 5.0), "OpenFace 2.0's intensities (Baltrušaitis et al. 2018), in FACS's units",
                 adjectives=MOVEMENTS)
SEPARATOR = " "

Post = Callable[[str, Mapping[str, str], bytes], bytes]


# ---- what is embedded -------------------------------------------------------------------------------------------------------

class Embedder(Protocol):
    """Texts to vectors; `fit` sees training texts only, and may do nothing."""

    name: str

    def fit(self, texts: Sequence[str]) -> None: ...

    def __call__(self, texts: Sequence[str]) -> np.ndarray: ...


class TfIdf:
    """Words and pairs of words, counted and weighed; knows nothing but the training texts."""

    name = "tfidf"

    def fit(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[\w-]+").fit(texts)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray(self._vectorizer.transform(texts).toarray(), np.float32)


class Packaged:
    """A packaged text model's `embed`: minilm_emotions is all-MiniLM-L6-v2, tuned further on GoEmotions and EmoBank."""

    def __init__(self, name: str = "minilm_emotions") -> None:
        self.name, self._known = name, dict[str, np.ndarray]()

    def fit(self, texts: Sequence[str]) -> None: ...

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        from attune import registry

        new = [t for t in dict.fromkeys(texts) if t not in self._known]
        if new:
            model = registry.load("attune.text.models", self.name).load()
            self._known |= dict(zip(new, np.nan_to_num(model.embed(new)), strict=True))
        return np.stack([self._known[t] for t in texts])


class OpenAI:
    """An endpoint that speaks OpenAI's /embeddings: theirs, or one on this machine. The texts are sent there.

    url
        Up to and with "/v1".
    key
        By default $OPENAI_API_KEY; none is sent if there is none.
    post
        (url, headers, body) -> body; what tests put in its place.

    Raises
    ------
    AttuneError
        When called, if the answer isn't one vector a text.
    """

    BATCH = 100

    def __init__(self, model: str, url: str = "https://api.openai.com/v1", *, key: str | None = None, post: Post | None = None) -> None:
        self.name, self.model, self.url = f"openai:{model}", model, url.rstrip("/") + "/embeddings"
        self._key, self._post, self._known = key if key is not None else os.environ.get("OPENAI_API_KEY", ""), post or _post, dict[str, np.ndarray]()

    def fit(self, texts: Sequence[str]) -> None: ...

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        new = [t for t in dict.fromkeys(texts) if t not in self._known]
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        for at in range(0, len(new), self.BATCH):
            part = new[at:at + self.BATCH]
            answer = self._post(self.url, headers, json.dumps({"model": self.model, "input": part, "encoding_format": "float"}).encode())
            try:
                rows = sorted(json.loads(answer)["data"], key=lambda row: row["index"])
                found = [np.array(row["embedding"], np.float32) for row in rows]
            except (ValueError, KeyError, TypeError) as error:
                raise AttuneError(f"{self.url} answered {answer[:120]!r}; expected data with one embedding a text") from error
            if len(found) != len(part):
                raise AttuneError(f"{self.url} answered {len(found)} embeddings for {len(part)} texts")
            self._known |= dict(zip(part, found, strict=True))
        return np.stack([self._known[t] for t in texts])


def _post(url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=120) as answer:
            return bytes(answer.read())
    except OSError as error:
        raise AttuneError(f"{url} can't be reached ({error}); name an endpoint as openai:MODEL@URL") from error


def embedder(name: str) -> Embedder:
    """tfidf, the name of a packaged text model, or openai:MODEL[@URL].

    >>> embedder("openai:nomic-embed-text@http://localhost:11434/v1").url
    'http://localhost:11434/v1/embeddings'
    """
    from attune import registry

    if name == "tfidf":
        return TfIdf()
    if name.startswith("openai:"):
        model, _, url = name.removeprefix("openai:").partition("@")
        return OpenAI(model, url) if url else OpenAI(model)
    if name not in registry.names("attune.text.models"):
        raise unknown("embedder", name, ["tfidf", "openai:MODEL@URL", *registry.names("attune.text.models")])
    return Packaged(name)


# ---- clips ------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Stream:
    """One modality's estimates of n clips: for each (steps, k), one step where a model gives the clip as a whole."""

    modality: Modality
    taxonomy: Taxonomy
    values: Sequence[np.ndarray]
    least: float                          # from which on a label counts as said

    @property
    def means(self) -> np.ndarray:
        """(n, k)"""
        return np.stack([np.asarray(v, float).mean(axis=0) for v in self.values])

    @property
    def stepped(self) -> bool:
        return any(len(v) > 1 for v in self.values)

    def calibrated(self, rows: np.ndarray) -> Calibration:
        """Levels by rank among the clips of these rows (the training actors'); nothing of the others is looked at."""
        scores = np.concatenate([self.values[i] for i in rows])
        ranks = {label: Ranks.of(scores[:, j], self.least) for j, label in enumerate(self.taxonomy.labels)}
        bounds = calibration("attune", "prosody_whisper", "ravdess8").bounds
        pooled = Ranks.of(scores.ravel(), self.least)
        return Calibration("training actors", 1, "ranks of the training actors' clips", bounds, "rank", ranks=ranks, pooled=pooled)

    def texts(self, table: Calibration, said: Sequence[str], *, steps: bool = False) -> list[str]:
        """A sentence for the mean of each clip, or for each of its steps, one after the other."""
        out = []
        for values, words in zip(self.values, said, strict=True):
            rows = values if steps else np.asarray(values, float).mean(axis=0, keepdims=True)
            out.append(SEPARATOR.join(leed(dict(zip(self.taxonomy.labels, map(float, row), strict=True)), modality=self.modality, taxonomy=self.taxonomy,
                                           calibration=table, said=words if self.modality == "voice" else "", missing="say") for row in rows))
        return out


@dataclass(frozen=True)
class Clips:
    """n clips: what was acted (0..k-1), by whom, with what words, and the estimates of each modality."""

    truth: np.ndarray
    groups: np.ndarray
    said: Sequence[str]
    streams: Mapping[str, Stream]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, stream in self.streams.items():
            if len(stream.values) != len(self.truth):
                raise ShapeError(f"{name} has {len(stream.values)} clips, expected {len(self.truth)}")


def clips(items: Sequence[Item], voice: Predictions | None = None) -> Clips:
    """RAVDESS's clips with the face's action units, and the voice's posteriors where predictions are given.

    Several rows of one clip in the predictions are its time steps, in their order.

    Raises
    ------
    SettingError
        If no clip has action units, or no prediction belongs to a clip that has.
    LeakError
        If the predictions don't say in which fold each was held out, or a person is in several folds.
    """
    chosen = [i for i in items if "au" in i.features]
    if not chosen:
        raise SettingError("no clip has action units; put openface_au_clip_mean.csv beside the clips (attune corpora show ravdess)")
    notes = ["face: action units averaged over the clip, so that there is no LEED per time step"]
    by_clip: dict[str, list[np.ndarray]] = {}
    if voice is not None:
        _held_out(voice)
        for name, row in zip(voice.ids.tolist(), voice.said, strict=True):
            by_clip.setdefault(name.removesuffix(".wav"), []).append(row)
        both = [i for i in chosen if i.id in by_clip]
        if not both:
            raise SettingError(f"no clip has action units and a prediction; predictions are of {voice.ids[0]!r} ..., clips are {chosen[0].id!r} ...")
        if len(both) < len(chosen):
            notes.append(f"{len(chosen) - len(both)} clips have no prediction of the voice and are left out")
        chosen = both
        notes.append(f"voice: {voice.model}, each actor predicted by a model that didn't hear them; those models heard actors who are tested here "
                     "while their estimates train the classifier, as in any stacking")
    units = np.stack([i.features["au"][: len(MOVEMENTS)] for i in chosen])
    streams: dict[str, Stream] = {"face": Stream("face", UNITS, [row[None] for row in units], TRACE)}
    if voice is not None:
        streams["voice"] = Stream("voice", voice.taxonomy, [np.stack(by_clip[i.id]) for i in chosen], 1 / len(voice.taxonomy))
    truth = np.array([int(np.nanargmax(i.values)) for i in chosen])
    return Clips(truth, np.array([i.group for i in chosen]), [i.text for i in chosen], streams, tuple(notes))


def _held_out(voice: Predictions) -> None:
    if voice.folds is None or (voice.folds == "").any():
        raise LeakError("the predictions have no column 'fold': only estimates of voices that the model didn't hear may be used here")
    for group in np.unique(voice.groups):
        if len(set(voice.folds[voice.groups == group].tolist())) > 1:
            raise LeakError(f"{group!r} is in several folds of the predictions; a person must be held out as a whole")


# ---- the experiment ---------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Row:
    """A row of the table: UAR with its interval over actors; `said` (n,) is what was predicted for each clip, for comparisons of two rows."""

    name: str
    embedder: str
    protocol: str
    dimensions: int
    uar: Interval
    chosen: tuple[float, ...]
    said: np.ndarray = field(repr=False)

    @property
    def optimistic(self) -> bool:
        return self.protocol == "paper"

    @property
    def published(self) -> float | None:
        return PUBLISHED.get(self.name)


@dataclass(frozen=True)
class Difference:
    """UAR of words less that of the numbers they were made from, over the same clips."""

    words: Row
    numbers: Row
    uar: Interval

    def __str__(self) -> str:
        verdict = "words beat raw numbers" if self.uar.low > 0 else "raw numbers beat words" if self.uar.high < 0 else "no difference shown"
        pair = f"{self.words.name} ({self.words.embedder}) less {self.numbers.name}"
        return f"{pair}: {self.uar.value:+.3f} [{self.uar.low:+.3f}, {self.uar.high:+.3f}], {verdict}"


@dataclass(frozen=True)
class Table:
    """All rows, and words against numbers; `markdown()` puts the published figures beside them."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    n: int
    actors: int
    notes: tuple[str, ...]
    command: str = ""

    def markdown(self) -> str:
        lines = [f"n = {self.n:,} clips, {self.actors} actors, {TESTED} tested in turn; UAR, chance .125, 95 % over actors", "",
                 "| row, ours on our features | embedder | vector | protocol | UAR | 95 % | source's, on its own |", "|---|---|---|---|---|---|---|"]
        for r in self.rows:
            lines.append(f"| {r.name} | {r.embedder or '–'} | {r.dimensions:,} | {r.protocol}{' (C chosen on test: optimistic)' if r.optimistic else ''} | "
                         f"{_short(r.uar.value)} | {_short(r.uar.low)}–{_short(r.uar.high)} | {_short(r.published) if r.published else '–'} |")
        lines += ["", *(f"- {d.words.protocol}: {d}" for d in self.differences), "", *(f"- {note}" for note in self.notes)]
        return "\n".join([*lines, *(["", f"`{self.command}`"] if self.command else [])]) + "\n"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"n": self.n, "actors": self.actors, "notes": list(self.notes), "command": self.command,
                "rows": [{"name": r.name, "embedder": r.embedder, "protocol": r.protocol, "optimistic": r.optimistic, "dimensions": r.dimensions,
                          "uar": r.uar._asdict(), "c": list(r.chosen), "published": r.published} for r in self.rows],
                "differences": [{"words": d.words.name, "embedder": d.words.embedder, "numbers": d.numbers.name, "protocol": d.words.protocol,
                                 "uar": d.uar._asdict()} for d in self.differences]}


def run(
    given: Clips, *, embedders: Sequence[Embedder], protocols: Sequence[str] = PROTOCOLS, grid: Sequence[float] = GRID, tested: int = TESTED, draws: int = 1000,
    seed: int = 0, command: str = "", hook: Callable[[str, float, float], None] | None = None,
) -> Table:
    """The table, row by row."""
    for p in protocols:
        if p not in PROTOCOLS:
            raise unknown("protocol", p, PROTOCOLS)
    folds = rotation(given.groups, tested)
    texts = _Texts(given)
    wanted = [(name, None) for name in _raw_rows(given)] + [(name, e) for e in embedders for name in _word_rows(given)]
    rows: list[Row] = []
    for done, (name, e) in enumerate(wanted):
        if hook:
            hook(name, done, len(wanted))
        guesses = {p: np.zeros(len(given.truth), int) for p in protocols}
        chosen: dict[str, list[float]] = {p: [] for p in protocols}
        width = 0
        for test in folds:
            train = np.flatnonzero(~np.isin(np.arange(len(given.truth)), test))
            x = _raw(given, name) if e is None else texts.vectors(name, e, train)
            width = x.shape[1]
            for p in protocols:
                c = _best(x, given, train, test, grid) if p == "paper" else _nested(x, given, train, grid)
                guesses[p][test] = _classified(x, given.truth, train, test, [c])[0]
                chosen[p].append(c)
        for p in protocols:
            rows.append(Row(name, e.name if e else "", p, width, _interval(given, guesses[p], None, draws, seed), tuple(chosen[p]), guesses[p]))
    pairs = [(w, _numbers_of(w, rows)) for w in rows if w.embedder]
    differences = [Difference(w, raw, _interval(given, w.said, raw.said, draws, seed)) for w, raw in pairs if raw is not None]
    return Table(tuple(rows), tuple(differences), len(given.truth), len(np.unique(given.groups)), given.notes, command)


def rotation(groups: np.ndarray, tested: int = TESTED) -> list[np.ndarray]:
    """Rows to test in turn: some actors at a time, in the order of their names, until everyone was tested once."""
    names = np.unique(groups)
    if len(names) < 2 * tested:
        raise SettingError(f"{len(names)} actors; expected at least {2 * tested}, {tested} to test and as many to learn from")
    return [np.flatnonzero(np.isin(groups, names[i:i + tested])) for i in range(0, len(names), tested)]


class _Texts:
    """Sentences and their vectors, for one set of training clips at a time."""

    def __init__(self, given: Clips) -> None:
        self.given, self._kept = given, dict[bytes, dict[str, list[str]]]()

    def sentences(self, train: np.ndarray) -> dict[str, list[str]]:
        """name of a text -> n texts, with levels from the training actors."""
        key = train.tobytes()
        if key not in self._kept:
            out = {}
            for name, stream in self.given.streams.items():
                table = stream.calibrated(train)
                out[f"{name} mean LEED"] = stream.texts(table, self.given.said)
                if stream.stepped:
                    out[f"{name} LEED per step"] = stream.texts(table, self.given.said, steps=True)
            if len(self.given.streams) > 1:
                parts = [out[f"{name} mean LEED"] for name in self.given.streams]
                out["late"] = [SEPARATOR.join(both) for both in zip(*parts, strict=True)]
            self._kept[key] = out
        return self._kept[key]

    def vectors(self, name: str, e: Embedder, train: np.ndarray) -> np.ndarray:
        said = self.sentences(train)
        parts = [said[f"{m} mean LEED"] for m in self.given.streams] if name == "early" else [said[name]]
        out = []
        for texts in parts:
            e.fit([texts[i] for i in train])
            out.append(e(texts))
        return np.concatenate(out, axis=1)


def _raw_rows(given: Clips) -> list[str]:
    return [f"{m} raw" for m in given.streams] + ([" + ".join(given.streams) + " raw"] if len(given.streams) > 1 else [])


def _word_rows(given: Clips) -> list[str]:
    return ([f"{m} mean LEED" for m in given.streams] + [f"{m} LEED per step" for m, s in given.streams.items() if s.stepped]
            + (["early", "late"] if len(given.streams) > 1 else []))


def _raw(given: Clips, name: str) -> np.ndarray:
    return np.concatenate([given.streams[m].means for m in name.removesuffix(" raw").split(" + ")], axis=1)


def _numbers_of(words: Row, rows: Sequence[Row]) -> Row | None:
    """The raw row that a row of words was made from."""
    of = [r for r in rows if not r.embedder and r.protocol == words.protocol]
    if words.name in ("early", "late"):
        return next((r for r in of if " + " in r.name), None)
    return next((r for r in of if r.name == f"{words.name.split()[0]} raw"), None)


def _classified(x: np.ndarray, truth: np.ndarray, train: np.ndarray, test: np.ndarray, grid: Sequence[float]) -> list[np.ndarray]:
    """What a linear SVM says of the test rows for each C; columns less the training rows' mean, in their deviations."""
    from sklearn.svm import SVC

    mean, spread = x[train].mean(axis=0), x[train].std(axis=0)
    z = ((x - mean) / np.where(spread > 1e-9, spread, 1.0)).astype(np.float64)
    kernel, across = z[train] @ z[train].T, z[test] @ z[train].T
    return [SVC(C=c, kernel="precomputed").fit(kernel, truth[train]).predict(across) for c in grid]


def _best(x: np.ndarray, given: Clips, train: np.ndarray, test: np.ndarray, grid: Sequence[float]) -> float:
    """The C that does best on the rows that are tested: the source's way, and optimistic."""
    scores = [uar(given.truth[test], guess) for guess in _classified(x, given.truth, train, test, grid)]
    return float(grid[int(np.argmax(scores))])


def _nested(x: np.ndarray, given: Clips, train: np.ndarray, grid: Sequence[float]) -> float:
    """The C that does best on training actors who are left out in turn."""
    actors = np.unique(given.groups[train])
    guesses = np.zeros((len(grid), len(train)), int)
    for part in range(INNER):
        left = np.isin(given.groups[train], actors[part::INNER])
        guesses[:, left] = _classified(x, given.truth, train[~left], train[left], grid)
    return float(grid[int(np.argmax([uar(given.truth[train], g) for g in guesses]))])


def _interval(given: Clips, said: np.ndarray, other: np.ndarray | None, draws: int, seed: int) -> Interval:
    def figure(rows: np.ndarray) -> np.ndarray:
        own = uar(given.truth[rows], said[rows])
        return np.array([own if other is None else own - uar(given.truth[rows], other[rows])])

    return bootstrap_figures(figure, len(given.truth), groups=given.groups, draws=draws, seed=seed)[0]


def _short(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.3f}".lstrip("0")


def made_up(actors: int = 8, *, seed: int = 0) -> Clips:
    """Clips of actors who don't exist, to try the experiment on: what is acted shows in face and voice, and in noise."""
    rng = np.random.default_rng(seed)
    eight = taxonomy("ravdess8")
    truth = np.tile(np.repeat(np.arange(8), 2), actors)
    face = np.clip(np.eye(8)[truth] @ rng.random((8, len(MOVEMENTS))) * 4 + rng.random((len(truth), len(MOVEMENTS))), 0, 5)
    logits = 2 * np.eye(8)[truth] + rng.standard_normal((len(truth), 8))
    voice = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    streams = {"face": Stream("face", UNITS, [row[None] for row in face], TRACE), "voice": Stream("voice", eight, [row[None] for row in voice], 1 / 8)}
    return Clips(truth, np.repeat([f"actor-{i:02d}" for i in range(actors)], 16), ["Kids are talking by the door"] * len(truth), streams)


def from_folder(root: str | Path, predictions: str | Path | None = None) -> Clips:
    """RAVDESS's folder, and a file of the voice's out-of-fold predictions (docs/evaluation.md)."""
    from attune.datasets import ravdess
    from attune.evaluate.predictions import read_predictions

    voice = None
    if predictions is not None:
        there = [p for p in read_predictions(predictions) if p.taxonomy.kind == "exclusive"]
        if len(there) != 1:
            raise SettingError(f"{predictions} holds {len(there)} sets of posteriors; expected one model in one taxonomy")
        voice = there[0]
    return clips(list(ravdess.items(root)), voice)
