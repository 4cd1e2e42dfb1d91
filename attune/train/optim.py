"""A rate for every layer: the head learns fastest, and what was pre-trained moves less the deeper it lies.

    head                 its own rate
    layer l of 0..L-1    lr * decay^(L - l)
    embeddings           lr * decay^(L + 1)

With BERT-base (12 layers), lr 2e-5 and decay 0.95 the last layer has 1.90e-5, the first 1.08e-5, the embeddings 1.03e-5.
Howard & Ruder (2018), section 3.2, for the idea.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

DECAY = 0.95


def rates(layers: int, lr: float, decay: float = DECAY) -> list[float]:
    """Rates of the embeddings and then of every layer, from the first to the last: 1 + layers of them.

    >>> [f"{rate:.2e}" for rate in rates(12, 2e-5)[:2]], f"{rates(12, 2e-5)[-1]:.2e}"
    (['1.03e-05', '1.08e-05'], '1.90e-05')
    """
    return [lr * decay ** (layers + 1 - depth) for depth in range(layers + 1)]


def layerwise(
    head: nn.Module | Iterable[nn.Module], layers: Sequence[nn.Module], embeddings: nn.Module | None = None, *, lr: float,
    head_lr: float | None = None, decay: float = DECAY,
) -> list[dict[str, Any]]:
    """Groups of parameters for `attune.train.fit(parameters=...)`: the head, the layers from the last to the first, the embeddings.

    Frozen parameters (requires_grad False) are left out, and so is a group with none left; the rates of the other layers stay as
    they are. A parameter that parts share (tied weights) is in the first group that has it.

    head
        What is new: one module or several. Its rate is `head_lr`, by default `lr`.
    layers
        Of the encoder, from the first (next to the embeddings) to the last.
    """
    heads = [head] if isinstance(head, nn.Module) else list(head)
    below, *by_layer = rates(len(layers), lr, decay)
    wanted = [(heads, lr if head_lr is None else head_lr)]
    wanted += [([layer], rate) for layer, rate in reversed(list(zip(layers, by_layer, strict=True)))]
    wanted += [([embeddings], below)] if embeddings is not None else []
    groups, seen = [], set[int]()
    for modules, rate in wanted:
        own = [p for module in modules for p in module.parameters() if p.requires_grad and id(p) not in seen]
        own = list({id(p): p for p in own}.values())
        seen |= {id(p) for p in own}
        if own:
            groups.append({"params": own, "lr": rate})
    return groups
