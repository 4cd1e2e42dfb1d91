import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import ShapeError
from attune.fusion import abstain, discord, fuse, project, reach, units, votes
from attune.taxonomy import crosswalk, taxonomy
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


@pytest.mark.parametrize("label", EKMAN.labels)
def test_agreement_never_turns_into_another_label(label):
    p = peaked(label, 0.6)
    for pair in itertools.combinations(("face", "voice", "text"), 2):
        out = fused(*(one(m, p) for m in pair)).values[0]
        assert EKMAN.labels[out.argmax()] == label
        assert out.max() > 0.4


def test_a_third_that_agrees_makes_not_much_surer():
    p = peaked("anger", 0.6)
    two, three = (fused(*(one(m, p) for m in ms)).values[0].max() for ms in (("face", "voice"), ("face", "voice", "text")))
    assert three == pytest.approx(two, abs=0.1)


def test_people_believe_a_face_about_joy_and_either_about_sadness():
    """CREMA-D: a clip heard as happy and seen as sad is voted sad, and the other way round happy."""
    joy, sadness = peaked("joy", 0.8), peaked("sadness", 0.8)
    assert EKMAN.labels[fused(one("face", joy), one("voice", sadness)).values[0].argmax()] == "joy"
    assert EKMAN.labels[fused(one("face", sadness), one("voice", joy)).values[0].argmax()] == "sadness"


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
    out = fused(one("face", sure), one("voice", peaked("sadness", 0.9)), one("text", peaked("sadness", 0.9)))
    assert EKMAN.labels[out.values[0].argmax()] == "sadness"
    assert (out.values > 0).all()


def four(label, height=0.7):
    """A voice of IEMOCAP's four labels: nothing of disgust, fear and surprise."""
    return one("voice", peaked(label, height, taxonomy("iemocap4")), name="iemocap4")


def test_a_model_of_fewer_labels_takes_part():
    unsure = np.full(7, 1 / 7)
    out = fused(one("face", unsure), four("sad", 0.9))
    assert EKMAN.labels[out.values[0].argmax()] == "sadness"
    assert out.values[0].sum() == pytest.approx(1, abs=1e-6) and np.isfinite(out.values).all()
    assert out.reason.tolist() == [""] and out.spread[0, EKMAN.index("sadness")] > 0
    pool = fused(one("face", unsure), four("sad", 0.9), name="fused.pool").values[0]
    assert pool[1] > 0.1 and pool[:3].sum() == pytest.approx(1)


def test_of_a_label_that_it_has_not_a_model_believes_the_others():
    """A face sure of disgust isn't outvoted by a voice that could never have said it."""
    out = fused(one("face", peaked("disgust", 0.9)), four("neutral", 0.9))
    assert EKMAN.labels[out.values[0].argmax()] == "disgust"
    filled = votes.completed(np.stack([peaked("disgust", 0.9), [0.7, np.nan, np.nan, 0.1, 0.1, np.nan, 0.1]])[:, None])
    assert filled[1, 0, EKMAN.index("disgust")] == pytest.approx(0.9)
    assert filled[1, 0, EKMAN.index("anger")] == pytest.approx(7 * filled[1, 0, EKMAN.index("joy")])
    assert filled.sum(axis=2) == pytest.approx(1)


def test_a_label_that_no_model_has_is_nan_and_says_so():
    voice, nan = peaked("sad", 0.9, taxonomy("iemocap4")), np.full(4, np.nan)
    out = fused(one("voice", [voice, nan], name="iemocap4"))
    unsaid = [EKMAN.index(label) for label in ("disgust", "fear", "surprise")]
    assert np.isnan(out.values[0, unsaid]).all() and np.nansum(out.values[0]) == pytest.approx(1)
    assert out.reason.tolist() == ["no model measures disgust, fear, surprise", "nothing measured"]
    both = fused(one("voice", voice, name="iemocap4"), one("text", peaked("fear", 0.9, taxonomy("leia5")), name="leia5"))
    assert np.isnan(both.values[0]).nonzero()[0].tolist() == [EKMAN.index("disgust"), EKMAN.index("surprise")]
    assert np.nansum(both.values[0]) == pytest.approx(1) and both.reason[0] == "no model measures disgust, surprise"


def test_models_without_labels_in_common_have_no_discord():
    face, voice = np.full((2, 1, 7), np.nan)
    face[0, :2], voice[0, 2:4] = 0.5, 0.5
    assert np.isnan(discord(np.stack([face, voice]))).all()
    voice[0, :3] = 0.4, 0.4, 0.1
    assert discord(np.stack([face, voice]))[0] == pytest.approx(0, abs=1e-9)           # the same odds of what both have


def test_what_carried_a_row_is_said():
    nan = np.full(7, np.nan)
    face, voice = one("face", [peaked("joy", 0.9), nan, nan]), one("voice", [np.full(7, 1 / 7), peaked("fear"), nan])
    pool = fused(face, voice, name="fused.pool")
    assert pool.label("face")[0] > 0.8
    assert pool.values[1, :3].tolist() == [0, 1, 0]
    assert np.isnan(pool.values[2]).all()
    assert pool.values[0, :3].sum() == pytest.approx(1)


def test_discord_is_none_where_both_agree_and_large_where_they_do_not():
    face = one("face", [peaked("joy"), peaked("joy", 0.95), np.full(7, np.nan)])
    voice = one("voice", [peaked("joy"), peaked("anger", 0.95), peaked("anger")])
    found = fused(face, voice, name="fused.pool").label("discord")
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[1] > votes.facts()["discord"]
    assert np.isnan(found[2])


def test_spread_is_what_the_modalities_differ_by():
    nan = np.full(7, np.nan)
    out = fused(one("face", [peaked("joy", 0.9), peaked("joy")]), one("voice", [peaked("anger", 0.9), nan]))
    assert out.spread[0, EKMAN.index("joy")] == pytest.approx((0.9 - 0.1 / 6) / 2, abs=1e-4)
    assert np.isnan(out.spread[1]).all()


def test_the_pool_beats_copying_on_actors_it_never_saw():
    """The figures beside the packaged weights: at least 15 % less divergence from people who saw and heard."""
    held_out = votes.facts()["held_out"]["pool, class"]
    assert held_out["below_copy"]["low"] > 0.15


@settings(deadline=None)                                                  # milliseconds, but not on a busy machine
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


def test_no_rows_give_no_fused_rows():
    none = [one("voice", np.zeros((0, 8)), name="ravdess8"), one("face", np.zeros((0, len(taxonomy("facs")))), name="facs"), one("text", np.zeros((0, 7)))]
    for sets in (none[:1], none):
        assert {e.name: len(e) for e in fuse(sets, sets)} == {"fused.ekman7": 0, "fused.vad": 0, "fused.pool": 0}


FACS = taxonomy("facs")


def smile():
    row = np.zeros(len(FACS))
    row[[FACS.index("AU06"), FACS.index("AU12"), FACS.index("AU25")]] = (2.5, 3.5, 2.0)
    return row


def test_action_units_from_a_table_are_fused_with_the_voice_by_what_was_learned_on_them():
    nan = np.full(len(FACS), np.nan)
    face = one("face", [smile(), nan, smile(), nan], name="facs")
    heard = np.stack([peaked("happy", 0.6, taxonomy("ravdess8")), peaked("sad", 0.9, taxonomy("ravdess8")), *np.full((2, 8), np.nan)])
    out = fused(face, one("voice", heard, name="ravdess8"))
    p = units.pool(face.values[:, [FACS.index(u) for u in units.facts()["units"]]], heard)
    assert out.values[:3] == pytest.approx(crosswalk("ravdess8", "ekman7")(p)[:3], abs=1e-6)
    assert EKMAN.labels[out.values[1].argmax()] == "sadness"
    assert np.isnan(out.values[3]).all()
    assert not np.allclose(out.values[0], out.values[2])


def test_action_units_and_the_voice_are_told_apart_in_what_carried_a_row():
    nan = np.full(len(FACS), np.nan)
    face = one("face", [smile(), smile(), nan], name="facs")
    heard = np.stack([peaked("happy", 0.7, taxonomy("ravdess8")), peaked("sad", 0.95, taxonomy("ravdess8")), peaked("sad", 0.95, taxonomy("ravdess8"))])
    words = one("text", [peaked("joy"), peaked("joy"), peaked("joy")])
    pool = fused(face, one("voice", heard, name="ravdess8"), words, name="fused.pool")
    assert pool.values[:, :3].sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (pool.values[1, :3] > 0.01).all()                          # sad voice against a smile and glad words: all three move it
    assert pool.values[2, 0] == 0                                     # no face, no share
    assert pool.values[1, 3] > max(votes.facts()["discord"], pool.values[0, 3])


def test_units_of_another_number_are_refused():
    with pytest.raises(ShapeError, match="expected"):
        units.pool(np.zeros((2, 3)), np.zeros((2, 8)))


def test_a_regression_by_likeness_is_what_it_says():
    """Two landmarks, one label each: a point on the first is said to be the first label, by exp(-gamma d2) as logits."""
    member = {"matrix": [[1.0, 0.0], [0.0, 1.0]], "offset": [0.0, 0.0], "landmarks": [[0.0], [2.0]], "gamma": 0.5, "mean": [1.0], "deviation": [0.5]}
    logs = units._logs(np.array([[1.0]]), member)
    near, far = 1.0, np.exp(-2.0)
    assert np.exp(logs[0]) == pytest.approx(np.exp([near, far]) / (np.exp(near) + np.exp(far)))


def test_what_is_not_sure_enough_is_not_said_and_says_why():
    rows = one("face", [peaked("joy", 0.45), peaked("joy", 0.5), np.full(7, np.nan)])
    rows = abstain(rows, 0.5)
    assert np.isnan(rows.values[0]).all() and rows.values[1, EKMAN.index("joy")] == pytest.approx(0.5)
    assert rows.reason[0] == "not sure enough (0.45 < 0.50)" and rows.reason[1] == ""
    assert rows.reason[2] == one("face", np.full((1, 7), np.nan)).reason[0]                 # it wasn't there: that stays the reason


def test_only_labels_that_exclude_each_other_can_be_unsure():
    with pytest.raises(ValueError, match="vad is dimensional"):
        abstain(one("text", [[0.2, 0.0, 0.4]], name="vad"), 0.5)
    with pytest.raises(ValueError, match="expected a probability"):
        abstain(one("face", [peaked("joy")]), 50)
