"""The second fuser: action units and a voice, learned on RAVDESS (`recipes/fusion_units.py`, figures on its card `units.md`).

Used where a face's intensities of action units are there (an OpenFace table read by an importer, or a model of one's own), since the
packaged face model gives none. Regressions speak (units, voice, both side by side, both by likeness to groups of training clips), and the voice as
it came; their log-probabilities are summed with weights of largest likelihood, others where one side is missing.

With a person's `habits` others speak, which were learned on inputs less those. A habit is what `attune.baseline` calls one, found by guess: how far
the person's rows lie, in the mean, from what is usual in others for what this very fuser takes each row to show, believed as n / (n + n0). Somebody
who is angry in every row is compared with other people's anger, and stays angry.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.errors import ShapeError
from attune.fusion._parts import softmax
from attune.types import SOMEONE

TITLE = "Action units and voice, RAVDESS"
LICENSE = "CC BY-NC-SA 4.0 (RAVDESS, on which it was learned)"
LICENSE_CLASS = "non-commercial"
REFERENCE = "Livingstone & Russo (2018), PLoS ONE 13(5); action units by OpenFace 2.0, Baltrusaitis et al. (2018), FG."
WEIGHTS = ("units.json",)
CATEGORIES = "ravdess8"
FLOOR = 1e-6
SKEWED = 0.5                             # mean probability of an emotion in a person's rows, above which they are no fair sample of eight


@cache
def facts() -> dict[str, Any]:
    """What the recipe wrote: names of the units, regressions, weights, and how it was measured."""
    read: dict[str, Any] = json.loads((Path(__file__).parent / WEIGHTS[0]).read_text(encoding="utf-8"))
    return read


class Habits(NamedTuple):
    """What is habit in each row's person.

    face (n, 16), voice (n, 8) on the compared scales, square roots and logarithms · known (n,) whether there are enough rows, so that it counts ·
    rows (n,) how many of the person were seen or heard · shown (n, 8) what those are guessed to show, in the mean; NaN where there are none
    """

    face: np.ndarray
    voice: np.ndarray
    known: np.ndarray
    rows: np.ndarray
    shown: np.ndarray


def pool(units: np.ndarray, voice: np.ndarray, habits: Habits | None = None, *, fitted: dict[str, Any] | None = None) -> np.ndarray:
    """Distributions (n, 8) over RAVDESS's emotions; NaN where neither side is there.

    Parameters
    ----------
    units : (n, 16) intensities 0..5 in the order of `facts()["units"]`, NaN rows where there is no face
    voice : (n, 8) probabilities of a voice model over the same emotions, NaN rows where there is no voice
    habits : of the rows' people; they needn't have been learned from just these sides
    fitted : what the recipe fits, as `facts()` holds it; by default that

    Raises
    ------
    ShapeError
        If the columns aren't those.
    """
    given = fitted or facts()
    face, sound = _compared(units, voice, given)
    alone = _pooled(face, sound, given["single"])
    if habits is None or not habits.known.any():
        return alone
    return np.where(habits.known[:, None], _pooled(face - habits.face, sound - habits.voice, given["baseline"]), alone)


def habits(units: np.ndarray, voice: np.ndarray, person: np.ndarray, least: int, *, fitted: dict[str, Any] | None = None) -> Habits:
    """The habits of the rows' people (n,), each learned from all rows of that person; of whom fewer than `least` rows were seen or heard, and of nobody
    known by name, none.

    Raises
    ------
    ShapeError
        If the columns, or the numbers of rows, aren't those.
    """
    given = fitted or facts()
    sides = _compared(units, voice, given)
    if len(person) != len(units):
        raise ShapeError(f"{len(person)} people for {len(units)} rows; expected a name for each row")
    guess = _pooled(*sides, given["single"])
    there = [~np.isnan(x).any(axis=1) for x in sides]
    found, known = [np.zeros(x.shape) for x in sides], np.zeros(len(person), bool)
    count, shown = np.zeros(len(person), int), np.full(guess.shape, np.nan)
    for who in dict.fromkeys(person):
        rows = person == who
        measured = rows & (there[0] | there[1])
        count[rows] = measured.sum()
        if measured.any():
            shown[rows] = guess[measured].mean(axis=0)
        if who == SOMEONE or measured.sum() < least:
            continue
        known[rows] = True
        for habit, x, mine, other, usual in zip(found, sides, there, there[::-1], (given["usual"]["face"], given["usual"]["voice"]), strict=True):
            moments = rows & mine
            n0 = np.where(other[moments], usual["n0"]["both"], usual["n0"]["alone"])
            habit[rows] = departure(x[moments], guess[moments], np.array(usual["means"]), n0)
    return Habits(found[0], found[1], known, count, shown)


def departure(x: np.ndarray, guess: np.ndarray, means: np.ndarray, n0: np.ndarray) -> np.ndarray:
    """(d,) how far moments x (m, d) of one person lie from what is usual for what they are guessed (m, 8) to show: means (8, d).

    A moment that is worth 1 / n0 (m,) of what is known of everyone counts so, as in `attune.baseline`; without a moment it is 0.

    >>> departure(np.array([[3.0], [5.0]]), np.eye(8)[[0, 1]], np.arange(8.0)[:, None], np.array([2.0, 2.0])).tolist()       # 2 / (2 + 2) of 3.5
    [1.75]
    """
    return np.asarray(((x - guess @ means) / n0[:, None]).sum(axis=0) / (1 + (1 / n0).sum()))


def _compared(units: np.ndarray, voice: np.ndarray, given: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Square roots of intensities and logarithms of probabilities."""
    names, labels = given["units"], given["labels"]
    if units.shape[1:] != (len(names),) or voice.shape[1:] != (len(labels),) or len(units) != len(voice):
        raise ShapeError(f"units {units.shape}, voice {voice.shape}; expected (n, {len(names)}) and (n, {len(labels)})")
    return np.sqrt(np.maximum(units, 0)), np.log(np.maximum(voice, FLOOR))


def _pooled(face: np.ndarray, sound: np.ndarray, fitted: dict[str, Any]) -> np.ndarray:
    """The same from compared inputs."""
    seen, heard = ~np.isnan(face).any(axis=1), ~np.isnan(sound).any(axis=1)
    filled = np.nan_to_num(face), np.nan_to_num(sound)
    both = np.concatenate(filled, axis=1)
    given = {"face": filled[0], "voice": filled[1], "side by side": both, "alike": both}
    logs = {name: _logs(given[name], member) for name, member in fitted["members"].items()} | {"itself": _normal(filled[1])}
    summed = {row: sum((w * logs[name] for name, w in weights.items()), np.zeros(sound.shape)) for row, weights in fitted["weights"].items()}
    p = softmax(np.where((seen & heard)[:, None], summed["both"], np.where(seen[:, None], summed["face"], summed["voice"])))
    return np.asarray(np.where((seen | heard)[:, None], p, np.nan))


def _logs(x: np.ndarray, member: dict[str, Any]) -> np.ndarray:
    """Log-probabilities (n, 8) of a regression on inputs (n, d), or on how alike they are to its landmarks."""
    if "landmarks" in member:
        z = (x - np.array(member["mean"])) / np.array(member["deviation"])
        marks = np.array(member["landmarks"])
        distance = (z**2).sum(axis=1)[:, None] + (marks**2).sum(axis=1) - 2 * z @ marks.T          # squared, (n, m): never (n, m, d) at once
        x = np.exp(-member["gamma"] * np.maximum(distance, 0))
    return _normal(x @ np.array(member["matrix"]).T + np.array(member["offset"]))


def _normal(z: np.ndarray) -> np.ndarray:
    """Logits as log-probabilities, none below that of `FLOOR`."""
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.maximum(z - np.log(np.exp(z).sum(axis=1, keepdims=True)), np.log(FLOOR)))
