"""From a checkpoint's outputs to the columns of a taxonomy, by name.

Public checkpoints order their labels as they like, and the same labels differently from one release to the next. What counts is what
their config says; an order that a file of ours repeats would sooner or later be wrong without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from attune.errors import ShapeError, WeightsError, unknown
from attune.taxonomy import rescale, taxonomy

Kind = Literal["softmax", "sigmoid", "values", "probabilities"]


@dataclass(frozen=True)
class Output:
    """What a checkpoint's outputs mean.

    taxonomy
        Whose labels they are.
    kind
        "softmax", "sigmoid": logits that become probabilities so; "probabilities": they are already; "values": positions or intensities.
    span
        Lowest and highest of the checkpoint's values, laid onto the taxonomy's range; what lies beyond is cut off. Only of "values".
    names
        Where the checkpoint calls a label otherwise: its name -> the taxonomy's. The taxonomy's adjectives ("angry") are known, and letter
        case doesn't matter.
    spans
        Of single labels of the taxonomy, where theirs differs from `span`.
    lacks
        Labels of the taxonomy that the checkpoint doesn't have; their column is NaN.
    ignores
        Labels of the checkpoint that the taxonomy lacks; dropped, and what is left of a softmax sums to 1 again.
    """

    taxonomy: str
    kind: Kind
    span: tuple[float, float] = (0.0, 1.0)
    names: Mapping[str, str] = field(default_factory=dict)
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()

    def columns(self, labels: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
        """What turns outputs (m,) in the order of the checkpoint's `labels` into values (k,) of the taxonomy.

        Raises
        ------
        WeightsError
            If a label of the taxonomy is missing there, there twice, or one is there that the taxonomy doesn't know.

        >>> vad = Output("vad", "values").columns(("arousal", "dominance", "valence"))
        >>> vad(np.array([0.25, 0.5, 1.0])).tolist()
        [1.0, -0.5, 0.0]
        """
        target = taxonomy(self.taxonomy)
        called = {name.casefold(): meant for name, meant in self.names.items()}
        own = {word.casefold(): label for label, word in target.adjectives.items()} | {label.casefold(): label for label in target.labels}
        ignored = {name.casefold() for name in self.ignores}
        where: dict[str, int] = {}
        for i, name in enumerate(labels):
            folded = name.casefold().strip()
            meant = called.get(folded, own.get(folded))
            if meant is None:
                if folded in ignored:
                    continue
                raise WeightsError(f"the checkpoint has {unknown(f'label of taxonomy {target.name}', name, target.labels)}")
            if meant in where:
                raise WeightsError(f"the checkpoint has {meant!r} twice: {labels[where[meant]]!r} and {name!r}")
            where[meant] = i
        missing = [label for label in target.labels if label not in where and label not in self.lacks]
        if missing:
            raise WeightsError(f"the checkpoint has no {', '.join(missing)}, labels of {target.name}; it has {', '.join(labels)}")
        there = np.array([label in where for label in target.labels])
        order = np.array([where[label] for label in target.labels if label in where])
        spans = [self.spans.get(label, self.span) for label in target.labels if label in where]

        def arranged(given: np.ndarray) -> np.ndarray:
            given = np.asarray(given, np.float64)
            if given.shape != (len(labels),):
                raise ShapeError(f"outputs have shape {given.shape}, expected ({len(labels)},): the checkpoint's labels")
            chosen = given[order]
            if self.kind == "softmax":
                chosen = np.exp(chosen - chosen.max())
                chosen /= chosen.sum()
            elif self.kind == "sigmoid":
                chosen = 1 / (1 + np.exp(-np.clip(chosen, -700, 700)))
            elif self.kind == "probabilities":
                chosen = chosen / chosen.sum() if target.kind == "exclusive" and chosen.sum() > 0 else chosen
            else:
                chosen = np.array([rescale(value, span, target.range) for value, span in zip(chosen, spans, strict=True)])
                chosen = np.clip(chosen, *target.range)
            row = np.full(len(target), np.nan, np.float32)
            row[there] = chosen
            return row

        return arranged
