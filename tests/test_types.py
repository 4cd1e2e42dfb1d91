"""The nouns check their shapes when they are made, and missing stays missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.errors import ShapeError
from attune.taxonomy import taxonomy
from attune.types import PRESENCE, Estimates, Faces, Recording, Segment


def estimates(n=3, k=3, **changes):
    segments = [Segment(i, i + 1, person="AB"[i % 2]) for i in range(n)]
    values = np.arange(n * k, dtype=np.float32).reshape(n, k)
    return Estimates.of(segments, values, **{"taxonomy": taxonomy("vad"), "modality": "voice", "model": "ours"} | changes)


def faces(n):
    return Faces(**{name: np.ones((n, *tail)) for name, tail in Faces.SHAPES.items()})


@pytest.mark.parametrize(("start", "end"), [(2, 1), (np.nan, 1), (0, np.inf), (-np.inf, 0)])
def test_a_segment_that_ends_before_it_starts_or_never_is_an_error(start, end):
    with pytest.raises(ShapeError, match="expected finite times, end not before start"):
        Segment(start, end)


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_duration_is_never_negative(start, length):
    assert Segment(start, start + length).duration >= 0


def test_faces_of_different_lengths_are_an_error_that_names_the_array():
    arrays = {name: getattr(faces(3), name) for name in Faces.SHAPES}
    with pytest.raises(ShapeError, match=r"faces.box has shape \(2, 4\), expected \(3, 4\): 3 faces"):
        Faces(**arrays | {"box": np.ones((2, 4))})


def test_no_faces_are_faces_too():
    assert len(Faces.empty()) == len(Faces.join([])) == len(Faces.join([Faces.empty(), Faces.empty()])) == 0


def test_faces_joined_are_as_many_as_their_parts():
    joined = Faces.join([faces(2), Faces.empty(), faces(3)])
    assert len(joined) == 5
    assert joined.landmarks.shape == (5, 5, 2)


def test_values_of_another_taxonomy_are_an_error_that_says_both_shapes():
    good = estimates()
    with pytest.raises(ShapeError, match=r"expected \(3, 8\): 3 segments, 8 labels of taxonomy 'ravdess8'"):
        Estimates(good.start, good.end, good.values, taxonomy("ravdess8"), "voice", "ours", good.person, good.quality, good.reason)


@pytest.mark.parametrize("name", ["end", "person", "quality", "reason"])
def test_a_row_too_few_in_any_column_is_an_error(name):
    good = estimates()
    columns = {c: getattr(good, c) for c in ("start", "end", "values", "taxonomy", "modality", "model", "person", "quality", "reason")}
    with pytest.raises(ShapeError, match=f"{name} has 2 entries, expected 3"):
        Estimates(**columns | {name: columns[name][:2]})


def test_a_spread_of_another_shape_is_an_error():
    with pytest.raises(ShapeError, match="spread has shape"):
        estimates(spread=np.ones((3, 2)))


def test_estimates_are_named_by_modality_and_taxonomy():
    assert estimates().name == "voice.vad"


def test_presences_were_measured_and_what_a_crosswalk_gave_was_not():
    rows = [Segment(0, 1)]
    sets = [Estimates.of(rows, np.zeros((1, 3)), taxonomy=taxonomy("vad"), modality="face", model="m", projected=p) for p in ("", PRESENCE, "ekman7->vad")]
    assert [e.measured for e in sets] == [True, True, False]


def test_a_label_is_found_by_name_in_any_case():
    assert estimates().label("AROUSAL").tolist() == [1, 4, 7]


def test_only_rows_without_any_value_are_missing():
    values = np.array([[0, 0, 0], [np.nan, 1, 1], [np.nan] * 3], np.float32)
    assert estimates().where(np.arange(3)).missing.tolist() == [False] * 3
    assert Estimates.of([Segment(0, 1)] * 3, values, taxonomy=taxonomy("vad"), modality="face", model="m").missing.tolist() == [False, False, True]


def test_no_segments_give_empty_estimates():
    empty = estimates(n=0)
    assert len(empty) == 0
    assert empty.values.shape == (0, 3)


@given(st.integers(0, 6), st.data())
def test_estimates_cut_and_joined_are_the_whole(cut, data):
    whole = estimates(n=6, spread=np.ones((6, 3)) if data.draw(st.booleans()) else None)
    again = Estimates.join([whole.where(np.arange(cut)), whole.where(np.arange(cut, 6))])
    for name in ("start", "end", "values", "person", "quality", "reason"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    assert (again.spread is None) == (whole.spread is None)


def test_a_mask_and_an_index_pick_the_same_rows():
    whole = estimates()
    np.testing.assert_array_equal(whole.where(np.array([True, False, True])).values, whole.where(np.array([0, 2])).values)


def recording():
    late = Estimates.of([Segment(5, 6, person="C")], np.zeros((1, 3)), taxonomy=taxonomy("vad"), modality="fused", model="m")
    nobody = Estimates.of([Segment(0, 1)], np.zeros((1, 3)), taxonomy=taxonomy("vad"), modality="text", model="m")
    return Recording("talk.mp4", 6.0, (), Faces.empty(), (late, estimates(), nobody))


def test_people_come_in_the_order_of_appearance_and_nobody_is_no_person():
    assert recording().people == ("A", "B", "C")


def test_estimates_of_a_recording_are_found_by_name():
    assert recording()["voice.vad"].modality == "voice"
    assert [e.name for e in recording()] == ["fused.vad", "voice.vad", "text.vad"]


def test_estimates_that_are_not_there_list_those_that_are():
    with pytest.raises(KeyError, match=r"there are: fused\.vad, voice\.vad, text\.vad"):
        recording()["face.ferplus8"]
