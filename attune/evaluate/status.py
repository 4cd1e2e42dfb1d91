"""What a figure promises: was the model there when these items were learned?

A model's module states what it was fitted on and what its settings were chosen on, by corpus: splits, or groups (people).

    TRAINED_ON = {"ravdess": ("train",), "crema_d": ("train",)}          # its weights
    TUNED_ON = {"ravdess": ("dev",)}                                     # stopping, thresholds, temperature, selection
    TAUGHT_COPIES = ("ferplus",)                                         # corpora of whose copies it was taught those that aren't listed

    in-sample       the weights were fitted on these items
    tuned           they chose something about the model
    held-out        other items, and people, of a corpus that the model knows
    out-of-sample   a corpus that the model never saw
    unknown         the model doesn't say
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attune.datasets import Item
from attune.evaluate.predictions import STATUSES

Splits = Mapping[str, Sequence[str]]


def trained_on(model: Any) -> Splits | None:
    """What a model says its weights were fitted on, None if it says nothing."""
    stated: Splits | None = getattr(model, "TRAINED_ON", None)
    return stated


def tuned_on(model: Any) -> Splits:
    """What a model says its settings were chosen on."""
    stated: Splits = getattr(model, "TUNED_ON", {})
    return stated


def status(model: Any, corpus: str, item: Item) -> str:
    """The status of one item of a corpus for a model."""
    fitted, chosen = trained_on(model), tuned_on(model)
    if fitted is None or not corpus:
        return "unknown"
    own = {item.split, item.group}
    if own & set(fitted.get(corpus, ())):
        return "in-sample"
    if own & set(chosen.get(corpus, ())):
        return "tuned"
    return "held-out" if corpus in fitted or corpus in chosen else "out-of-sample"


def worst(statuses: Iterable[str]) -> tuple[str, str]:
    """The status of a figure over items of several, the least promising, and a sentence if there are several; "" if not."""
    counts = Counter(statuses)
    least = min(counts, key=STATUSES.index) if counts else "unknown"
    if len(counts) < 2:
        return least, ""
    parts = ", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s])
    return least, f"items of several statuses ({parts}); the figures count as {least}"


def learned(model: Any, corpus: str, items: Iterable[Item]) -> list[Item]:
    """The items of a corpus that a model's weights were fitted on; those of its split "train" if the model doesn't say.

    Items that the corpus marks as lying in two splits (about["duplicate"]) are taken to have been left out, as it asks; if the model states the corpus in
    TAUGHT_COPIES, only those that its own tables list (about["listed"]).
    """
    fitted = trained_on(model)
    where = set(fitted.get(corpus, ()) if fitted is not None else ("train",))
    left = "listed" if corpus in getattr(model, "TAUGHT_COPIES", ()) else "duplicate"
    return [item for item in items if {item.split, item.group} & where and not item.about.get(left)]
