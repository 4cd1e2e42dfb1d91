"""The second fuser: action units and a voice, learned on RAVDESS (`recipes/fusion_units.py`, figures on its card `units.md`).

Used when a face table with action units is there (OpenFace or Py-Feat output read by an importer), since the packaged face model
gives none. Regressions speak (units, voice, both side by side, both by likeness to groups of training clips), and the voice as it came; their
log-probabilities are summed with weights of largest likelihood, others where one side is missing. `baseline=True` takes inputs from
which the person's own mean was taken off.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import ShapeError
from attune.fusion._parts import softmax

TITLE = "Action units and voice, RAVDESS"
LICENSE = "CC BY-NC-SA 4.0 (RAVDESS, on which it was learned)"
LICENSE_CLASS = "non-commercial"
REFERENCE = "Livingstone & Russo (2018), PLoS ONE 13(5); action units by OpenFace 2.0, Baltrusaitis et al. (2018), FG."
WEIGHTS = ("units.json",)
CATEGORIES = "ravdess8"
FLOOR = 1e-6


@cache
def facts() -> dict[str, Any]:
    """What the recipe wrote: names of the units, regressions, weights, and how it was measured."""
    read: dict[str, Any] = json.loads((Path(__file__).parent / WEIGHTS[0]).read_text(encoding="utf-8"))
    return read


def pool(units: np.ndarray, voice: np.ndarray, *, baseline: bool = False) -> np.ndarray:
    """Distributions (n, 8) over RAVDESS's emotions; NaN where neither side is there.

    Parameters
    ----------
    units : (n, 16) intensities 0..5 in the order of `facts()["units"]`, NaN rows where there is no face
    voice : (n, 8) probabilities of a voice model over the same emotions, NaN rows where there is no voice
    baseline : both are square roots and logarithms minus the person's own mean already

    Raises
    ------
    ShapeError
        If the columns aren't those.
    """
    names = facts()["units"]
    if units.shape[1:] != (len(names),) or voice.shape[1:] != (len(facts()["labels"]),) or len(units) != len(voice):
        raise ShapeError(f"units {units.shape}, voice {voice.shape}; expected (n, {len(names)}) and (n, {len(facts()['labels'])})")
    face = units if baseline else np.sqrt(np.maximum(units, 0))
    sound = voice if baseline else np.log(np.maximum(voice, FLOOR))
    seen, heard = ~np.isnan(face).any(axis=1), ~np.isnan(sound).any(axis=1)
    fitted = facts()["baseline" if baseline else "single"]
    filled = np.nan_to_num(face), np.nan_to_num(sound)
    both = np.concatenate(filled, axis=1)
    given = {"face": filled[0], "voice": filled[1], "side by side": both, "alike": both}
    logs = {name: _logs(given[name], member) for name, member in fitted["members"].items()} | {"itself": _normal(filled[1])}
    summed = {row: sum((w * logs[name] for name, w in weights.items()), np.zeros(voice.shape)) for row, weights in fitted["weights"].items()}
    p = softmax(np.where((seen & heard)[:, None], summed["both"], np.where(seen[:, None], summed["face"], summed["voice"])))
    return np.where((seen | heard)[:, None], p, np.nan)


def beside_own(units: np.ndarray, voice: np.ndarray, person: np.ndarray, least: int) -> np.ndarray:
    """The same beside each person's own mean, of the rows in which they were seen, and in which they were heard.

    Somebody who was seen, or heard, in fewer than `least` rows stays as in `pool`.

    person : (n,) whose row it is
    """
    out, face, sound = pool(units, voice), np.sqrt(np.maximum(units, 0)), np.log(np.maximum(voice, FLOOR))
    for who in np.unique(person):
        rows = np.flatnonzero(person == who)
        there = [rows[~np.isnan(x[rows]).any(axis=1)] for x in (face, sound)]
        if all(len(t) == 0 or len(t) >= least for t in there):
            own = [x[rows] - x[t].mean(axis=0) if len(t) else x[rows] for x, t in zip((face, sound), there, strict=True)]
            out[rows] = pool(own[0], own[1], baseline=True)
    return out


def _logs(x: np.ndarray, member: dict[str, Any]) -> np.ndarray:
    """Log-probabilities (n, 8) of a regression on inputs (n, d), or on how alike they are to its landmarks."""
    if "landmarks" in member:
        z = (x - np.array(member["mean"])) / np.array(member["deviation"])
        x = np.exp(-member["gamma"] * ((z[:, None] - np.array(member["landmarks"])) ** 2).sum(axis=2))
    return _normal(x @ np.array(member["matrix"]).T + np.array(member["offset"]))


def _normal(z: np.ndarray) -> np.ndarray:
    """Logits as log-probabilities, none below that of `FLOOR`."""
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.maximum(z - np.log(np.exp(z).sum(axis=1, keepdims=True)), np.log(FLOOR)))
