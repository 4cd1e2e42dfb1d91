import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attune.taxonomy import taxonomy
from attune.timeline import Mouths, link, pauses, rows, windows
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


def mouths(**moved):
    """Motion of each person's mouth, three times a second: a function of time."""
    times = np.arange(0, 12, 1 / 3)
    rows = [(t, name.replace("_", " "), f(t)) for name, f in moved.items() for t in times]
    return Mouths(np.array([r[0] for r in rows]), [r[1] for r in rows], np.array([r[2] for r in rows]))


def test_of_several_faces_the_one_whose_mouth_moves_is_the_speakers():
    seen = faces(("person 1", 0, 12), ("person 2", 0, 12))
    said = [Segment(0, 6, "speaker 1"), Segment(6, 12, "speaker 2")]
    joined = link(said, seen, mouths(person_1=lambda t: 1.0 if t < 6 else 1.6, person_2=lambda t: 1.5 if t < 6 else 0.9))
    assert joined.voices == {"speaker 1": "person 2", "speaker 2": "person 1"} and "motion of mouths" in joined.notes[0]
    named = link([Segment(0, 6, "Ada"), Segment(6, 12, "Bo")], seen, mouths(person_1=lambda t: 1.0 if t < 6 else 1.6, person_2=lambda t: 1.5 if t < 6 else 0.9))
    assert named.faces == {"person 2": "Ada", "person 1": "Bo"} and named.voices == {}


def test_an_unnamed_voice_goes_to_the_face_that_talks():
    joined = link([Segment(0, 12)], faces(("person 1", 0, 12), ("person 2", 0, 12)), mouths(person_1=lambda t: 1.0, person_2=lambda t: 1.5))
    assert joined.voices == {"": "person 2"}


def test_mouths_that_move_alike_join_nobody():
    seen = faces(("person 1", 0, 12), ("person 2", 0, 12))
    for f in (lambda t: 1.5, lambda t: 1.0):
        joined = link([Segment(0, 6, "speaker 1"), Segment(6, 12, "speaker 2")], seen, mouths(person_1=f, person_2=f))
        assert joined.faces == {} and "not linked" in joined.notes[0]


def test_who_chews_all_along_is_not_taken_for_every_speaker():
    seen = faces(("person 1", 0, 12), ("person 2", 0, 12))
    joined = link([Segment(0, 6, "speaker 1"), Segment(6, 12, "speaker 2")], seen, mouths(person_1=lambda t: 1.6, person_2=lambda t: 0.9 if t < 6 else 2.5))
    assert joined.voices.get("speaker 2") == "person 2"
