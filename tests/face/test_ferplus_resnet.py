"""The packaged face model: its contract, and that its columns mean what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from attune.errors import ShapeError, WeightsError
from attune.face.models import ferplus_resnet
from attune.taxonomy import taxonomy
from attune.weights import files, refuse_unless_commercial

LABELS = taxonomy("ferplus8").labels
STEP = 0.01                              # more than a probability moves where last digits, other ones on each processor, round to another of 8 bits: .003
MODEL = ferplus_resnet.load()


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Smooth random patches, (n, 48, 48, 3) uint8."""
    rough = np.random.default_rng(seed).integers(0, 256, (n, 6, 6, 3)).astype(np.uint8)
    return rough.repeat(8, axis=1).repeat(8, axis=2)


def test_rows_are_probabilities_in_the_order_of_the_taxonomy() -> None:
    values = MODEL(pictures(5))
    assert values.shape == (5, len(LABELS))
    assert values.dtype == np.float32
    assert (values >= 0).all()
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)


def test_batch_of_one_equals_the_batch_exactly() -> None:
    crops = pictures(4)
    np.testing.assert_array_equal(MODEL(crops), np.concatenate([MODEL(crops[i : i + 1]) for i in range(4)]))
    np.testing.assert_array_equal(MODEL.embed(crops), np.concatenate([MODEL.embed(crops[i : i + 1]) for i in range(4)]))


def test_same_crop_twice_gives_the_same_numbers() -> None:
    np.testing.assert_array_equal(MODEL(pictures(2)), ferplus_resnet.load()(pictures(2)))


def test_no_crops_give_no_rows() -> None:
    assert MODEL(pictures(0)).shape == (0, 8)
    assert MODEL.embed(pictures(0)).shape == (0, 192)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_crop_of_one_colour_is_nan_and_its_neighbours_are_not(level: int) -> None:
    crops = pictures(3)
    crops[1] = level
    assert np.isnan(MODEL(crops)).all(1).tolist() == [False, True, False]
    assert np.isnan(MODEL.embed(crops)).all(1).tolist() == [False, True, False]


def test_mirror_image_shows_the_same_expression() -> None:
    np.testing.assert_allclose(MODEL(pictures(3)), MODEL(pictures(3)[:, :, ::-1]), atol=STEP)


def test_light_and_contrast_do_not_count() -> None:
    """Grey levels that are halved and lifted stay whole numbers here, so that nothing but light and contrast changes."""
    crops = pictures(3) // 2 * 2
    np.testing.assert_allclose(MODEL(crops), MODEL(crops // 2 + 60), atol=STEP)


def test_standardised_crop_has_mean_zero_and_deviation_one() -> None:
    face = ferplus_resnet.standardised(pictures(2))
    np.testing.assert_allclose(face.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(face.std((1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize(
    "crops", [np.zeros((48, 48, 3), np.uint8), np.zeros((1, 48, 48), np.uint8), np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 48, 48, 3), np.float32)]
)
def test_crops_of_another_shape_or_type_are_refused(crops: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="expected"):
        MODEL(crops)


def test_smiling_astronaut_is_happy() -> None:
    """skimage.data.astronaut (NASA, public domain): Eileen Collins smiles. Her eyes, nose and mouth are marked by hand."""
    data = pytest.importorskip("skimage.data")
    picture = data.astronaut()
    marked = np.array([[203.0, 108.0], [246.0, 107.0], [229.0, 128.0], [209.0, 150.0], [246.0, 149.0]])
    values = MODEL(laid_onto_template(picture, marked)[None])[0]
    assert LABELS[int(values.argmax())] == "happiness"
    assert values[LABELS.index("happiness")] > 0.6


def laid_onto_template(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The crop (48, 48, 3) by the similarity that brings points (5, 2) nearest to the template; means over 4x4 samples a pixel."""
    z, w = points @ (1, 1j), ferplus_resnet.TEMPLATE @ (1, 1j)
    turn = np.vdot(w - w.mean(), z - z.mean()) / np.sum(np.abs(w - w.mean()) ** 2)
    fine = (np.arange(48 * 4) + 0.5) / 4
    there = turn * (fine[None, :] + 1j * fine[:, None] - w.mean()) + z.mean()
    seen = picture[there.imag.astype(int), there.real.astype(int)].astype(float)
    return seen.reshape(48, 4, 48, 4, 3).mean((1, 3)).round().astype(np.uint8)


def test_template_lies_in_the_crop_and_left_comes_first() -> None:
    points = ferplus_resnet.TEMPLATE
    assert points.shape == (5, 2)
    assert ((points > 0) & (points < ferplus_resnet.SIZE)).all()
    assert points[0, 0] < points[2, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]


def test_facts_are_stated_and_weights_and_card_lie_beside_the_module() -> None:
    for fact in ("TITLE", "LICENSE", "REFERENCE", "DATA", "LIMITS"):
        assert getattr(ferplus_resnet, fact)
    (weights,) = files(ferplus_resnet)
    assert weights.is_file()
    assert "held-out" in weights.with_suffix(".md").read_text(encoding="utf-8")


def test_commercial_use_is_refused() -> None:
    with pytest.raises(WeightsError, match="research-only"):
        refuse_unless_commercial(ferplus_resnet, "ferplus_resnet")
