import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attune.taxonomy import taxonomy
from attune.timeline import link, pauses, rows, windows
from attune.types import Estimates, Segment


def faces(*seen):
    """(person, start, end) as frames of half a second."""
    segments = [Segment(t, t + 0.5, person=p) for p, a, b in seen for t in np.arange(a, b, 0.5)]
    return Estimates.of(segments, np.zeros((len(segments), 8)), taxonomy=taxonomy("ferplus8"), modality="face", model="made up")


def test_an_only_face_gets_the_only_voice():
    joined = link([Segment(0, 2)], faces(("person 1", 0, 3)))
    assert joined.voices == {"": "person 1"}
    assert joined.notes


def test_a_name_in_the_transcript_goes_to_the_only_face():
    joined = link([Segment(0, 2, person="Ada")], faces(("person 1", 0, 3)))
    assert joined.faces == {"person 1": "Ada"}


def test_a_voice_over_is_not_given_to_a_face_that_comes_later():
    joined = link([Segment(0, 10)], faces(("person 1", 8, 10)))
    assert joined.voices == {"": "speaker"}
    assert "out of view" in joined.notes[0]


def test_two_faces_and_an_unnamed_voice_stay_apart():
    joined = link([Segment(0, 2)], faces(("person 1", 0, 3), ("person 2", 0, 3)))
    assert joined.faces == {}
    assert joined.voices == {"": "speaker"}


def test_nobody_seen():
    assert link([Segment(0, 2)], None).voices == {"": "speaker"}
    assert link([], faces(("person 1", 0, 3))).voices == {}


def test_listeners_get_rows_of_their_own():
    out = rows([Segment(0, 2, person="Ada", text="Hello")], faces(("Ada", 0, 4), ("Bo", 1, 4)), 4, pause=0.6, gap=5)
    assert [(s.kind, s.person, s.text) for s in out] == [
        ("speech", "Ada", "Hello"), ("seen", "Bo", ""), ("pause", "Ada", ""), ("pause", "Bo", ""),
    ]


def test_a_stretch_with_nobody_keeps_its_row():
    out = rows([], None, 3, pause=0.6, gap=5)
    assert [(s.kind, s.person) for s in out] == [("pause", "")]


def test_a_very_short_silent_recording_has_a_row():
    assert len(rows([], None, 0.2, pause=0.6, gap=5)) == 1


def test_a_stretch_nobody_listened_to_is_no_pause():
    assert [s.kind for s in rows([], None, 3, pause=0.6, gap=5, heard=False)] == ["window"]


def test_a_still_picture_has_a_row_for_everybody_in_it():
    still = Estimates.of([Segment(0, 1 / 3, "person 1"), Segment(0, 1 / 3, "person 2")], np.zeros((2, 8)), taxonomy=taxonomy("ferplus8"), modality="face", model="m")
    assert [s.person for s in rows([], still, 0.0, pause=0.6, gap=5, heard=False)] == ["person 1", "person 2"]


def test_short_breaks_are_no_pauses():
    assert pauses([Segment(0, 1), Segment(1.3, 2)], 2, pause=0.6, gap=5) == []


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 10)), max_size=20), st.floats(0.5, 10))
def test_pauses_never_touch_a_unit_and_cover_the_rest(units, gap):
    segments = [Segment(a, min(a + d, 100)) for a, d in units]
    found = pauses(segments, 100, pause=0.5, gap=gap)
    for p in found:
        assert p.duration <= gap + 1e-9
        assert all(p.end <= s.start + 1e-9 or p.start >= s.end - 1e-9 for s in segments)
    free = np.ones(100_000, bool)
    for s in [*segments, *found]:
        free[int(np.floor(s.start * 1000)) : int(np.ceil(s.end * 1000))] = False
    longest = max((len(run) for run in "".join("x" if f else " " for f in free).split()), default=0)
    assert longest <= 502


def test_windows_of_a_fifth_of_a_second():
    out = windows(10, 0.2, 0.2)
    assert len(out) == 50
    assert out[-1].end == 10
