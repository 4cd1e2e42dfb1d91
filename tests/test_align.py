import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.align import align
from attune.taxonomy import taxonomy
from attune.types import Estimates, Segment

VAD = taxonomy("vad")


def estimates(segments, values, **more):
    values = np.repeat(np.asarray(values, np.float32)[:, None], 3, axis=1)
    return Estimates.of(segments, values, taxonomy=VAD, modality="voice", model="made up", **more)


def test_mean_is_weighted_by_overlap():
    e = estimates([Segment(0, 1), Segment(1, 3)], [0.0, 0.9])
    assert align(e, [Segment(0.5, 2.0)]).label("valence")[0] == pytest.approx(0.6)


def test_mean_is_weighted_by_quality_too():
    e = estimates([Segment(0, 1), Segment(1, 2)], [0.0, 1.0], quality=np.array([0.25, 0.75]))
    assert align(e, [Segment(0, 2)]).label("valence")[0] == pytest.approx(0.75)


def test_quality_is_the_share_that_was_covered():
    e = estimates([Segment(0, 1)], [0.5], quality=np.array([0.8]))
    assert align(e, [Segment(0, 4)]).quality[0] == pytest.approx(0.2)


def test_segment_without_a_row_is_nan_with_the_reason_asked_for():
    out = align(estimates([Segment(0, 1)], [0.5]), [Segment(2, 3)], missing="no face")
    assert np.isnan(out.values).all()
    assert out.reason.tolist() == ["no face"]
    assert out.quality.tolist() == [0.0]


def test_nan_rows_keep_their_own_reason_and_dont_dilute_others():
    e = estimates([Segment(0, 1), Segment(1, 2)], [np.nan, 0.4], reason=["too short", ""])
    out = align(e, [Segment(0, 1), Segment(0, 2)])
    assert out.reason.tolist() == ["too short", ""]
    assert out.label("arousal")[1] == pytest.approx(0.4)


def test_rows_of_another_person_dont_count():
    e = estimates([Segment(0, 1, person="Ada"), Segment(0, 1, person="Bo")], [0.2, 0.8])
    out = align(e, [Segment(0, 1, person="Bo"), Segment(0, 1, person="Cy")])
    assert out.label("valence")[0] == pytest.approx(0.8)
    assert np.isnan(out.label("valence")[1])


def test_intervals_are_half_open():
    e = estimates([Segment(0, 1), Segment(1, 2)], [0.1, 0.9])
    assert align(e, [Segment(1, 2)]).label("valence")[0] == pytest.approx(0.9)


def test_a_moment_without_length_takes_the_row_it_lies_in():
    e = estimates([Segment(0, 1), Segment(1, 2)], [0.1, 0.9])
    assert align(e, [Segment(1, 1)]).label("valence")[0] == pytest.approx(0.9)


def test_nothing_onto_nothing():
    assert len(align(estimates([], np.zeros(0)), [])) == 0
    assert np.isnan(align(estimates([], np.zeros(0)), [Segment(0, 1)]).values).all()


intervals = st.lists(st.tuples(st.floats(0, 50), st.floats(0.01, 20), st.floats(-1, 1)), min_size=1, max_size=25)


@given(intervals, intervals)
def test_equals_the_plain_double_loop(rows, wanted):
    e = estimates([Segment(a, a + d) for a, d, _ in rows], [v for *_, v in rows])
    segments = [Segment(a, a + d) for a, d, _ in wanted]
    got = align(e, segments).label("valence")
    for i, s in enumerate(segments):
        overlap = np.array([max(0.0, min(a + d, s.end) - max(a, s.start)) for a, d, _ in rows])
        if overlap.sum() > 0:
            expected = (overlap * e.label("valence").astype(float)).sum() / overlap.sum()
            assert got[i] == pytest.approx(expected, abs=1e-5)
        else:
            assert np.isnan(got[i])


def test_four_hours_take_a_moment():
    frames = [Segment(i / 3, (i + 1) / 3) for i in range(4 * 3600 * 3)]
    e = estimates(frames, np.zeros(len(frames)))
    words = [Segment(i * 0.4, i * 0.4 + 0.3) for i in range(36_000)]
    began = time.perf_counter()
    align(e, words)
    assert time.perf_counter() - began < 20
