"""What the feed-forward fusers share: fit by 1 - CCC or balanced cross-entropy, stop by dev, predict. A member brings its net."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attune.fusion._parts import Parts, is_categorical, softmax, stacked

BATCH = 40                               # Rios et al.


@dataclass
class Forward:
    """A `Fuser` without its net. multitask: one net for all dimensions, else one for each."""

    hidden: int = 32
    rate: float = 1e-3
    decay: float = 1e-4
    multitask: bool = False
    epochs: int = 200
    patience: int = 20
    seed: int = 0
    _nets: list[Any] = field(default_factory=list, repr=False)
    _categorical: bool = field(default=False, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Forward:
        """Without dev, a fifth of the rows is taken to stop by."""
        from attune.fusion import _nets

        x, self._categorical = stacked(parts), is_categorical(y)
        if dev is None:
            rows, held = _nets.split_off(len(y), 0.2, self.seed)
            x, y, dev_x, dev_y = x[rows], y[rows], x[held], y[held]
        else:
            dev_x, dev_y = stacked(dev[0]), dev[1]
        classes = int(max(y.max(), dev_y.max())) + 1 if self._categorical else 0
        targets = [(y, dev_y)] if classes or self.multitask else [(y[:, [c]], dev_y[:, [c]]) for c in range(y.shape[1])]
        self._nets = [
            _nets.trained(
                self._net(x.shape[1], classes or own.shape[1]), x, own, (dev_x, held_y), classes=classes, batch=BATCH, rate=self.rate,
                epochs=self.epochs, patience=self.patience, decay=self.decay, seed=self.seed,
            )
            for own, held_y in targets
        ]
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values."""
        import torch

        with torch.no_grad():
            said = np.concatenate([net(torch.tensor(stacked(parts), dtype=torch.float32)).numpy() for net in self._nets], axis=1)
        return softmax(said) if self._categorical else said

    def _net(self, inputs: int, outputs: int) -> Any:
        raise NotImplementedError
