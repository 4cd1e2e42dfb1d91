"""Does fusion earn its place? Every fuser on every subset of modalities, on people it never saw: the table of Rios et al., for any corpus.

Outer folds by speaker give each row one prediction from models that never saw its speaker. Inside each outer fold the settings are
searched (optuna, Bayesian) by folds of their own, again by speaker. Which fuser stands for a subset, and which modality is the best
single one, is decided by those inner folds too, never by the rows that are then scored. Finished cells lie in `out` and aren't
computed again.

    result = grid({"face": au, "voice": logits}, emotions, actors, quick=True)
    print(result.to_markdown())

What goes in must itself be out of fold: a fuser that learns from outputs which the models below it gave on their own training rows
learns to trust them too much. `in_fold` looks for that, and `grid` refuses it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from attune import registry
from attune.errors import LeakError, MissingExtra, ShapeError
from attune.evaluate.tables import number
from attune.fusion._parts import Fuser, Parts, is_categorical, present, subsets, taken
from attune.metrics import Interval, bootstrap_figures, ccc, f1, mae, pearson, uar

FOLDER = "attune.fusion"
LATE = ("knn", "svr", "xgb", "ff", "ff_mt", "weighted", "mlp", "masked")
OUTER, INNER, TRIALS = 5, 5, 15
Hook = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Cell:
    """One fuser on one subset. said (n, k) out-of-fold; inner: its mean score in the searches, by which it is chosen."""

    subset: tuple[str, ...]
    fuser: str
    said: np.ndarray
    inner: float
    chosen: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Grid:
    """Cells over the same rows. targets are the columns: names of dimensions, or ("classes",)."""

    y: np.ndarray
    groups: np.ndarray
    targets: tuple[str, ...]
    cells: tuple[Cell, ...]
    name: str = ""
    quick: bool = False

    @property
    def categorical(self) -> bool:
        return is_categorical(self.y)

    def best(self, subset: tuple[str, ...]) -> Cell:
        """The fuser that the inner folds prefer for a subset."""
        return max((c for c in self.cells if c.subset == subset), key=lambda c: c.inner)

    def single(self) -> Cell:
        """The best single modality, by the inner folds."""
        return max((c for c in self.cells if len(c.subset) == 1), key=lambda c: c.inner)

    def figures(self, cell: Cell) -> dict[str, Interval]:
        """Figures of a cell with intervals by speaker: uar, f1, or ccc, mae and r of each target."""
        names = list(self._values(cell.said, np.arange(len(self.y))))
        found = bootstrap_figures(lambda rows: np.array(list(self._values(cell.said, rows).values())), len(self.y), groups=self.groups)
        return dict(zip(names, found, strict=True))

    def gain(self, cell: Cell, over: Cell) -> dict[str, Interval]:
        """How much better a cell is than another on the same draws of speakers: above 0 throughout, and it is no accident."""
        names = list(self._values(cell.said, np.arange(len(self.y))))

        def differences(rows: np.ndarray) -> np.ndarray:
            return np.asarray(np.array(list(self._values(cell.said, rows).values())) - np.array(list(self._values(over.said, rows).values())))

        return dict(zip(names, bootstrap_figures(differences, len(self.y), groups=self.groups), strict=True))

    def _values(self, said: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        y, p = self.y[rows], said[rows]
        if self.categorical:
            top, eye = p.argmax(1), np.eye(p.shape[1], dtype=bool)
            return {"uar": uar(y, top), "f1": float(f1(eye[y], eye[top])[np.unique(y)].mean())}
        return {f"{what} {t}": metric(y[:, i], p[:, i]) for i, t in enumerate(self.targets) for what, metric in (("ccc", ccc), ("mae", mae), ("r", pearson))}

    def to_markdown(self, *, every: bool = False) -> str:
        """A row per subset with the fuser that was chosen (or every fuser), intervals, and the difference to the best single modality."""
        single = self.single()
        columns = list(self._values(single.said, np.arange(len(self.y))))
        lines = [f"| modalities | fuser | {' | '.join(columns)} | over {single.subset[0]} ({columns[0]}) |", "|---|---" + "|---" * (len(columns) + 1) + "|"]
        for subset in dict.fromkeys(c.subset for c in self.cells):
            chosen = self.best(subset)
            for cell in [c for c in self.cells if c.subset == subset] if every else [chosen]:
                found = self.figures(cell)
                gain = self.gain(cell, single)[columns[0]] if cell is not single else None
                mark = "**" if every and cell is chosen else ""
                lines.append(
                    f"| {' + '.join(subset)} | {mark}{cell.fuser}{mark} | " + " | ".join(_shown(found[c]) for c in columns)
                    + f" | {_signed(gain) if gain else 'the best single one'} |"
                )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for a JSON file."""
        single = self.single()
        return {
            "corpus": self.name, "n": len(self.y), "speakers": len(np.unique(self.groups)), "quick": self.quick, "targets": list(self.targets),
            "best_single": {"modality": single.subset[0], "fuser": single.fuser},
            "cells": [
                {"modalities": list(c.subset), "fuser": c.fuser, "chosen": c is self.best(c.subset), "inner": round(c.inner, 5),
                 "figures": {k: [round(float(x), 4) for x in v] for k, v in self.figures(c).items()},
                 "over_best_single": {k: [round(float(x), 4) for x in v] for k, v in self.gain(c, single).items()}}
                for c in self.cells
            ],
        }


def _shown(i: Interval) -> str:
    return f"{number(i.value)} [{number(i.low)}, {number(i.high)}]"


def _signed(i: Interval) -> str:
    verdict = " better" if i.low > 0 else " worse" if i.high < 0 else ""
    return f"{i.value:+.3f} [{i.low:+.3f}, {i.high:+.3f}]{verdict}"


def folds_by(groups: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """(n,) a fold per row, whole groups in one fold, folds of about equal size."""
    names, count = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    size, fold_of = np.zeros(min(k, len(names))), {}
    for i in sorted(order, key=lambda i: -count[i]):
        fold_of[names[i]] = int(size.argmin())
        size[fold_of[names[i]]] += count[i]
    return np.array([fold_of[g] for g in groups])


def in_fold(parts: Parts, trained_with: Mapping[str, np.ndarray] | None, groups: np.ndarray) -> list[str]:
    """Modalities whose numbers came from a model that saw the row's own speaker in training.

    trained_with: modality -> (n,) one set or sequence of groups per row, those the model below was trained on; features that no
    model gave (action units, spectra) have no entry.
    """
    return [m for m, seen in (trained_with or {}).items() if m in parts and any(g in set(s) for g, s in zip(groups, seen, strict=True))]


def fusers(names: Sequence[str] | None, y: np.ndarray) -> dict[str, tuple[Callable[..., Fuser], Callable[[Any], dict[str, Any]]]]:
    """name -> (how to make one, what to search). ff_mt is ff with all dimensions in one net; it needs two or more."""
    task = "categories" if is_categorical(y) else "dimensions"
    found: dict[str, tuple[Callable[..., Fuser], Callable[[Any], dict[str, Any]]]] = {}
    for name in names or LATE:
        if name == "ff_mt":
            if task == "categories" or y.shape[1] < 2:
                continue
            module = registry.load(FOLDER, "ff")
            found[name] = (lambda model=module.Model, **s: model(multitask=True, **s)), module.space
            continue
        module = registry.load(FOLDER, name)
        if task in module.TASKS:
            found[name] = module.Model, module.space
    return found


def grid(
    parts: Parts, y: np.ndarray, groups: np.ndarray, *, targets: Sequence[str] = (), names: Sequence[str] | None = None, outer: int | np.ndarray = OUTER,
    inner: int = INNER, trials: int = TRIALS, quick: bool = False, out: Path | None = None, name: str = "", seed: int = 0,
    trained_with: Mapping[str, np.ndarray] | None = None, hook: Hook = lambda step, done, total: None,
) -> Grid:
    """Every fuser on every subset of `parts`, scored out of fold.

    Parameters
    ----------
    parts : modality -> (n, d); NaN rows where it is missing (rows that miss one of a subset's modalities aren't scored for any cell)
    y : (n,) int classes or (n, k) float dimensions
    groups : (n,) speakers
    names : fusers, by default all that fit the task
    outer : number of outer folds, or (n,) the fold of each row
    trials : settings searched per cell and fold
    quick : each fuser's defaults, nothing searched, and two inner folds instead of `inner`: a look in a minute or so
    out : folder for finished cells
    trained_with : see `in_fold`

    Raises
    ------
    LeakError
        If a part came from a model that was trained on the same speaker.
    MissingExtra
        If optuna isn't there for the search.
    """
    _checked(parts, y, groups)
    inner, trials = (2, 0) if quick else (inner, trials)
    if leaking := in_fold(parts, trained_with, groups):
        raise LeakError(f"{', '.join(leaking)}: its numbers come from models that were trained on the same speakers; give out-of-fold predictions")
    whole = np.flatnonzero(present(parts).all(axis=1))
    parts, y, groups = taken(parts, whole), y[whole], groups[whole]
    fold = folds_by(groups, outer, seed) if isinstance(outer, int) else np.asarray(outer)[whole]
    todo = [(subset, fuser) for subset in subsets(parts) for fuser in fusers(names, y)
            if not (len(subset) == 1 and fuser in ("masked",)) and not (fuser == "weighted" and len({parts[m].shape[1] for m in subset}) > 1)
            and not (fuser == "weighted" and parts[subset[0]].shape[1] != _outputs(y))]
    cells = []
    for done, (subset, fuser) in enumerate(todo):
        hook(f"{' + '.join(subset)}: {fuser}", done, len(todo))
        chosen = taken(parts, np.arange(len(y)), subset)
        key = _key(chosen, y, fold, fuser, inner, trials, seed)
        kept = out / f"{'_'.join(subset)}.{fuser}.{key}.npz" if out else None
        if kept and kept.is_file():
            stored = np.load(kept, allow_pickle=False)
            cells.append(Cell(subset, fuser, stored["said"], float(stored["inner"]), tuple(json.loads(str(stored["chosen"])))))
            continue
        cell = _cell(subset, fuser, chosen, y, groups, fold, inner, trials, seed)
        cells.append(cell)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, said=cell.said, inner=cell.inner, chosen=json.dumps(cell.chosen))
    hook("done", len(todo), len(todo))
    return Grid(y, groups, tuple(targets) or _targets(y), tuple(cells), name, quick)


def _cell(
    subset: tuple[str, ...], fuser: str, parts: dict[str, np.ndarray], y: np.ndarray, groups: np.ndarray, fold: np.ndarray, inner: int, trials: int, seed: int
) -> Cell:
    make, space = fusers([fuser], y)[fuser]
    said = np.full((len(y), _outputs(y)), np.nan)
    scores, chosen = [], []
    for f in np.unique(fold):
        train, test = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        inside = folds_by(groups[train], inner, seed + 1)

        def held_out(settings: dict[str, Any], train: np.ndarray = train, inside: np.ndarray = inside, folds: int = inner) -> float:
            found = []
            for i in np.unique(inside)[:folds]:
                rows, held = train[inside != i], train[inside == i]
                found.append(_score(y[held], _fit_predict(make, settings, parts, y, groups, rows, held, seed)))
            return float(np.mean(found))

        best = _search(held_out, space, trials, seed) if trials else {}
        scores.append(held_out(best))
        chosen.append(best)
        said[test] = _fit_predict(make, best, parts, y, groups, train, test, seed)
    return Cell(subset, fuser, said, float(np.mean(scores)), tuple(chosen))


def _fit_predict(
    make: Callable[..., Fuser], settings: dict[str, Any], parts: Parts, y: np.ndarray, groups: np.ndarray, rows: np.ndarray, held: np.ndarray, seed: int
) -> np.ndarray:
    """Fitted on rows (a fifth of their speakers set aside to stop by), said of held."""
    aside = folds_by(groups[rows], 5, seed + 2) == 0
    fuser = make(**settings).fit(taken(parts, rows[~aside]), y[rows[~aside]], (taken(parts, rows[aside]), y[rows[aside]]))
    return _columns(fuser.predict(taken(parts, held)), _outputs(y))


def _search(score: Callable[[dict[str, Any]], float], space: Callable[[Any], dict[str, Any]], trials: int, seed: int) -> dict[str, Any]:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("the search needs optuna: pip install 'attune[train]', or quick=True for each fuser's defaults") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: score(space(trial)), n_trials=trials)
    best: dict[str, Any] = study.best_params
    return best


def _score(y: np.ndarray, said: np.ndarray) -> float:
    """What the search raises: UAR, or the mean CCC of the dimensions."""
    if is_categorical(y):
        return uar(y, said.argmax(1))
    found = [ccc(y[:, i], said[:, i]) for i in range(y.shape[1])]
    return float(np.nanmean(found)) if not all(math.isnan(v) for v in found) else -1.0


def _outputs(y: np.ndarray) -> int:
    return int(y.max()) + 1 if is_categorical(y) else y.shape[1]


def _columns(said: np.ndarray, k: int) -> np.ndarray:
    """Classes that a fold never saw have no column: nothing is said of them."""
    return np.pad(said, ((0, 0), (0, k - said.shape[1]))) if said.shape[1] < k else said


def _targets(y: np.ndarray) -> tuple[str, ...]:
    return ("classes",) if is_categorical(y) else tuple(f"dimension {i + 1}" for i in range(y.shape[1]))


def _key(parts: Parts, y: np.ndarray, fold: np.ndarray, *settings: Any) -> str:
    digest = hashlib.sha256(repr(settings).encode())
    for array in (*parts.values(), y, fold):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def _checked(parts: Parts, y: np.ndarray, groups: np.ndarray) -> None:
    rows = {name: len(a) for name, a in parts.items()} | {"y": len(y), "groups": len(groups)}
    if len(set(rows.values())) != 1:
        raise ShapeError(f"rows: {rows}; expected the same number in each")
    if len(np.unique(groups)) < 3:
        raise ShapeError(f"{len(np.unique(groups))} speakers; folds by speaker need at least three")


def without(result: Grid, fuser: str) -> Grid:
    """The same grid without a fuser, for tables that keep to a source's own."""
    return replace(result, cells=tuple(c for c in result.cells if c.fuser != fuser))
