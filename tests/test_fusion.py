import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.errors import ShapeError
from attune.fusion import fuse, project, reach
from attune.taxonomy import taxonomy
from attune.types import Estimates, Segment

EKMAN = taxonomy("ekman7")


def one(modality, values, name="ekman7", **more):
    values = np.atleast_2d(values)
    rows = [Segment(i, i + 1) for i in range(len(values))]
    return Estimates.of(rows, values, taxonomy=taxonomy(name), modality=modality, model="made up", **more)


def peaked(label, height=0.7, taxonomy_=EKMAN):
    p = np.full(len(taxonomy_), (1 - height) / (len(taxonomy_) - 1))
    p[taxonomy_.index(label)] = height
    return p


def fused(*parts, name="fused.ekman7"):
    return next(e for e in fuse(parts) if e.name == name)


def test_a_single_modality_is_left_as_it_is():
    p = peaked("joy")
    assert fused(one("face", p)).values[0] == pytest.approx(p, abs=1e-6)


def test_agreement_sharpens_nothing_and_changes_nothing():
    p = peaked("anger", 0.6)
    assert fused(one("face", p), one("voice", p)).values[0] == pytest.approx(p, abs=1e-6)


def test_any_modality_may_be_missing_in_any_row():
    nan = np.full(7, np.nan)
    face, voice = one("face", [peaked("joy"), nan, nan]), one("voice", [nan, peaked("sadness"), nan])
    out = fused(face, voice)
    assert EKMAN.labels[out.values[0].argmax()] == "joy"
    assert EKMAN.labels[out.values[1].argmax()] == "sadness"
    assert np.isnan(out.values[2]).all()
    assert out.reason.tolist() == ["", "", "nothing measured"]


def test_a_face_hardly_seen_hardly_counts():
    seen, heard = peaked("joy"), peaked("sadness")
    out = fused(one("face", seen, quality=np.array([0.05])), one("voice", heard))
    assert EKMAN.labels[out.values[0].argmax()] == "sadness"


def test_no_modality_can_veto():
    sure = np.eye(7)[EKMAN.index("anger")]
    out = fused(one("face", sure), one("voice", peaked("joy", 0.9)), one("text", peaked("joy", 0.9)))
    assert EKMAN.labels[out.values[0].argmax()] == "joy"


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=7, max_size=7), min_size=1, max_size=3))
def test_fused_probabilities_sum_to_one_whatever_the_order(rows):
    parts = [one(m, np.array(r) / sum(r)) for m, r in zip(("face", "voice", "text"), rows, strict=False)]
    out = fused(*parts).values
    assert out.sum() == pytest.approx(1, abs=1e-5)
    assert fused(*reversed(parts)).values == pytest.approx(out, abs=1e-6)


def test_dimensions_are_averaged_and_a_projected_part_marks_the_whole():
    measured = one("text", [[0.2, 0.0, 0.4]], name="vad")
    assert not fused(measured, name="fused.vad").projected
    face = one("face", peaked("happiness", 1.0, taxonomy("ferplus8")), name="ferplus8")
    both = fused(face, measured, name="fused.vad")
    assert "ferplus8->vad" in both.projected
    projected = project(face, "vad").values[0]
    assert both.values[0] == pytest.approx((projected + [0.2, 0.0, 0.4]) / 2, abs=1e-6)


def test_measured_is_preferred_to_projected():
    text = [one("text", np.full(28, 0.1), name="goemotions28"), one("text", [[0.2, 0.0, 0.4]], name="vad")]
    assert [e.projected for e in reach(text, "vad")] == [""]


def test_estimates_on_different_rows_are_refused():
    with pytest.raises(ShapeError, match="align them to the same segments"):
        fuse([one("face", [peaked("joy")]), one("voice", [peaked("joy")] * 2)])


def test_nothing_gives_nothing():
    assert fuse([]) == []
