"""Variation for training: the same generator gives the same, and what is mixed keeps both labels."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from media_made import tone  # noqa: E402

from attune.train import augment, losses  # noqa: E402 (torch may be missing)

ALWAYS = augment.Variation(speed=1, tempo=1, pitch=1, room=1, noise=1, telephone=1, codec=1, gain=1)
NEVER = augment.Variation(speed=0, tempo=0, pitch=0, room=0, noise=0, telephone=0, codec=0, gain=0)


@pytest.mark.parametrize("how", [ALWAYS, augment.USUAL])
def test_the_same_generator_gives_the_same_sound(how: augment.Variation) -> None:
    first, again, other = (augment.varied(tone(0.5), np.random.default_rng(seed), how) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()
    assert np.isfinite(first).all() and first.dtype == np.float32


def test_a_sound_that_nothing_happens_to_is_itself() -> None:
    np.testing.assert_array_equal(augment.varied(tone(0.5), np.random.default_rng(0), NEVER), tone(0.5))


def test_what_is_hidden_is_the_mean_and_within_its_limits() -> None:
    picture = np.random.default_rng(0).normal(size=(60, 40)).astype(np.float32)
    for seed in range(20):
        out = augment.hidden(picture, np.random.default_rng(seed), bands=5, steps=7)
        changed = out != picture
        assert changed.all(0).sum() <= 5 and changed.all(1).sum() <= 7
        assert (out[changed] == picture.mean()).all()


def test_a_picture_smaller_than_what_may_be_hidden_is_no_trouble() -> None:
    assert augment.hidden(np.ones((2, 3)), np.random.default_rng(0)).shape == (2, 3)


def test_mixing_is_between_the_two_and_keeps_both_targets() -> None:
    x = torch.arange(8.0)[:, None] * torch.ones(8, 3)
    known_differently = torch.full((8, 4), float("nan"))
    known_differently[:4] = torch.eye(4)
    mixed = augment.mixup(x, {"one": known_differently}, np.random.default_rng(0))
    other = mixed.x[:, 0] - mixed.share * x[:, 0]
    assert ((mixed.share >= 0) & (mixed.share <= 1)).all()
    torch.testing.assert_close(mixed.x[:, 0], mixed.x[:, 2])
    assert (other >= -1e-5).all()

    logits = torch.randn(8, 4)
    rows = [losses.soft_cross_entropy(logits, t["one"]) for t in (mixed.targets, mixed.others)]
    wanted = (mixed.share * rows[0] + (1 - mixed.share) * rows[1]).mean()
    torch.testing.assert_close(mixed.loss(lambda t: losses.soft_cross_entropy(logits, t["one"])), wanted)


def test_a_row_is_mixed_with_the_partner_whose_target_it_gets() -> None:
    eye = torch.eye(16)
    mixed = augment.mixup(eye.clone(), {"one": eye}, np.random.default_rng(1))
    share = mixed.share[:, None]
    torch.testing.assert_close(mixed.x, share * mixed.targets["one"] + (1 - share) * mixed.others["one"])
    assert not torch.equal(mixed.others["one"], eye)
