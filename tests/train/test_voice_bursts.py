"""What the recipe of vocal bursts says of bursts that its heads never heard."""

import numpy as np
import pytest
from recipe_modules import recipe_of

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def recipe():
    pytest.importorskip("onnx")
    return recipe_of("voice_bursts")


def made_up(sure: float) -> dict[str, np.ndarray]:
    """60 bursts in three folds; logits of the truth and of one wrong state in ten."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 6
    said = np.where(rng.random(60) < 0.1, (truth + 1) % 6, truth)
    return {"truth": truth, "state": sure * np.eye(6, dtype=np.float32)[said], "fold": np.arange(60) // 6 % 3}


def test_states_are_as_sure_as_the_other_folds_allow(recipe):
    mild, bold = (recipe.named(made_up(sure)) for sure in (2.0, 3.0))
    np.testing.assert_allclose(mild.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(mild, bold, atol=0.02)               # whatever the logits' size was
    assert 0.75 < mild.max(1).mean() < 0.98


def test_a_folds_own_bursts_say_nothing_of_how_sure_it_may_be(recipe):
    one = made_up(4.0)
    other = one | {"truth": np.where(one["fold"] == 0, (one["truth"] + 3) % 6, one["truth"])}
    np.testing.assert_array_equal(recipe.named(one)[one["fold"] == 0], recipe.named(other)[one["fold"] == 0])
