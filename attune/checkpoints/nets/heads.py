"""Heads of linear layers with ReLU between them, one number each, as LAION publishes them: a file per label, without the net's code.

How many layers there are, and how wide, is read from the shapes in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from attune.checkpoints.hub import tensors
from attune.errors import WeightsError

Head = Callable[[torch.Tensor], torch.Tensor]
_PLACE = re.compile(r"^(?:proj|(?:mlp|layers)\.(\d+))\.(weight|bias)$")


def head(path: Path, features: int) -> Head:
    """From features (d,), or of several inputs (d, n), to one number, or (n,); the weights stay on disk and are read when they are needed.

    Raises
    ------
    WeightsError
        If the layers don't follow from each other, or take another number of features.
    """
    layers = _layers(tensors(path), path.name)
    widths = [features, *(weight.shape[0] for weight, _ in layers)]
    for (weight, _), wide in zip(layers, widths, strict=False):
        if weight.shape[1] != wide:
            raise WeightsError(f"{path.name} has a layer of {tuple(weight.shape)} where {wide} numbers come; it is for another encoder, or damaged")
    if widths[-1] != 1:
        raise WeightsError(f"{path.name} ends in {widths[-1]} numbers, expected 1")

    def score(x: torch.Tensor) -> torch.Tensor:
        for i, (weight, bias) in enumerate(layers):
            weight, bias = weight.to(x.device).float(), bias.to(x.device).float()
            x = weight @ (x.relu() if i else x) + (bias if x.ndim == 1 else bias[:, None])
        return x[0]

    return score


def _layers(weights: Mapping[str, torch.Tensor], name: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight and bias of each layer, first to last."""
    places: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in weights.items():
        found = _PLACE.match(key)
        if found is None:
            raise WeightsError(f"{name} has weights called {key!r}; expected proj.*, mlp.N.* or layers.N.*")
        places.setdefault(int(found[1]) if found[1] else -1, {})[found[2]] = value
    try:
        return [(places[i]["weight"], places[i]["bias"]) for i in sorted(places)]
    except KeyError as error:
        raise WeightsError(f"{name} lacks the {error.args[0]} of a layer; it is damaged") from error
