"""A rate for every layer."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 (torch may be missing)

from attune.train.optim import layerwise, rates  # noqa: E402


def test_rates_of_bert_base_are_those_of_the_formula() -> None:
    # lr 2e-5, decay .95, 12 layers: lr d^(L - l), embeddings lr d^(L + 1)
    embeddings, *layers = rates(12, 2e-5, 0.95)
    assert (f"{layers[11]:.2e}", f"{layers[0]:.2e}", f"{embeddings:.2e}") == ("1.90e-05", "1.08e-05", "1.03e-05")
    assert all(b == pytest.approx(a / 0.95) for a, b in zip([embeddings, *layers], layers, strict=False))


def parts() -> tuple[nn.Module, list[nn.Module], nn.Module]:
    return nn.Linear(4, 2), [nn.Linear(4, 4) for _ in range(3)], nn.Embedding(10, 4)


def test_every_parameter_is_in_one_group_from_head_to_embeddings() -> None:
    head, layers, embeddings = parts()
    groups = layerwise(head, layers, embeddings, lr=1.0, head_lr=5.0, decay=0.5)
    assert [g["lr"] for g in groups] == [5.0, 0.5, 0.25, 0.125, 0.0625]
    assert groups[1]["params"][0] is layers[2].weight
    assert groups[-1]["params"][0] is embeddings.weight
    found = [id(p) for g in groups for p in g["params"]]
    assert sorted(found) == sorted(id(p) for module in (head, *layers, embeddings) for p in module.parameters())


def test_frozen_layers_are_left_out_and_the_others_keep_their_rates() -> None:
    head, layers, embeddings = parts()
    for module in (layers[0], embeddings):
        module.requires_grad_(False)
    assert [g["lr"] for g in layerwise([head], layers, embeddings, lr=1.0, decay=0.5)] == [1.0, 0.5, 0.25]


def test_shared_weights_are_trained_once() -> None:
    head, layers, embeddings = parts()
    tied = nn.Linear(4, 10, bias=False)
    tied.weight = embeddings.weight
    groups = layerwise([head, tied], layers, embeddings, lr=1.0)
    torch.optim.AdamW(groups)                             # refuses a parameter that comes twice
    assert embeddings.weight is groups[0]["params"][-1]
