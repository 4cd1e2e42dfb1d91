"""The second fuser: action units and a voice, learned on RAVDESS (`recipes/fusion_units.py`, figures on its card `units.md`).

Used when a face table with action units is there (OpenFace or Py-Feat output read by an importer), since the packaged face model
gives none. Three regressions (units, voice, both side by side) speak, their log-probabilities are averaged and calibrated; where
one side is missing, the other's regression speaks alone. `baseline=True` takes inputs from which the person's own mean was taken off.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import ShapeError

TITLE = "Action units and voice, RAVDESS"
LICENSE = "CC BY-NC-SA 4.0 (RAVDESS, on which it was learned)"
LICENSE_CLASS = "non-commercial"
REFERENCE = "Livingstone & Russo (2018), PLoS ONE 13(5); action units by OpenFace 2.0, Baltrusaitis et al. (2018), FG."
WEIGHTS = ("units.json",)
CATEGORIES = "ravdess8"
FLOOR = 1e-6


@cache
def facts() -> dict[str, Any]:
    """What the recipe wrote: names of the units, regressions, temperatures, and how it was measured."""
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
    logs = [_logs(x, m) for x, m in zip((*filled, np.concatenate(filled, axis=1)), fitted["members"], strict=True)]
    warm = fitted["temperatures"]
    both = sum(w * p for w, p in zip(fitted["shares"], logs, strict=True))
    out = np.where((seen & heard)[:, None], both / warm["face + voice"], np.where(seen[:, None], logs[0] / warm["face"], logs[1] / warm["voice"]))
    p = np.exp(out - out.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return np.where((seen | heard)[:, None], p, np.nan)


def _logs(x: np.ndarray, member: dict[str, Any]) -> np.ndarray:
    z = x @ np.array(member["matrix"]).T + np.array(member["offset"])
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.maximum(z - np.log(np.exp(z).sum(axis=1, keepdims=True)), np.log(FLOOR)))
