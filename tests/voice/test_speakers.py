"""Who speaks when: voices told apart in made-up vectors and sounds, turns cut and joined, words given to speakers, voices known again."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.errors import SettingError
from attune.metrics.diarization import diarization
from attune.settings import Settings
from attune.types import Segment
from attune.voice import speakers, voiceprint
from attune.voice.speakers import Book, SpeakerStream, joined, spoken_by, together


def cloud(centres, n, seed=0, spread=0.03):
    """n vectors around each of some directions, and whose they are."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(centres)), n)
    rng.shuffle(who)
    v = np.asarray(centres)[who] + rng.normal(0, spread, (len(who), 256))
    return (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32), who


CENTRES = np.linalg.qr(np.random.default_rng(3).normal(size=(256, 4)))[0].T


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_voices_are_counted_and_told_apart(k):
    vectors, truth = cloud(CENTRES[:k], 20)
    found = together(vectors, np.full(len(vectors), 0.8))
    assert len(set(zip(found.tolist(), truth.tolist(), strict=True))) == k == len(set(found.tolist()))


def test_as_many_as_asked_for_are_left():
    vectors, _ = cloud(CENTRES[:2], 10)
    for count in (1, 2, 5):
        assert len(set(together(vectors, np.ones(20), count).tolist())) == count
    with pytest.raises(SettingError, match="from 1"):
        together(vectors, np.ones(20), 0)


def test_a_stray_window_is_none_of_as_many_voices_as_were_asked_for():
    vectors, truth = cloud(CENTRES[:2], 10)
    seconds = np.append(np.full(20, 0.8), 0.3)
    stray = CENTRES[2] - 0.3 * CENTRES[0] - 0.2 * CENTRES[1]                 # less like either than they are like each other
    found = together(np.vstack([vectors, stray / np.linalg.norm(stray)]).astype(np.float32), seconds, 2)
    assert len(set(found[:20].tolist())) == 2 == len(set(zip(found[:20].tolist(), truth.tolist(), strict=True)))
    assert found[20] == found[:20][truth == 1][0]


def test_a_voice_counts_from_less_than_what_is_speech_elsewhere(monkeypatch):
    given = {}
    monkeypatch.setattr(speakers, "Activity", lambda **settings: given.update(settings))
    SpeakerStream(Settings(speech=0.5))
    assert given["threshold"] == pytest.approx(0.2)


def test_who_hardly_speaks_is_given_to_the_nearest():
    vectors, _ = cloud(CENTRES[:2], 10)
    once = CENTRES[2] + 0.4 * CENTRES[1]
    found = together(np.vstack([vectors, once[None] / np.linalg.norm(once)]).astype(np.float32), np.full(21, 0.8))
    assert len(set(found.tolist())) == 2


def test_a_long_recording_is_put_together_in_parts(monkeypatch):
    monkeypatch.setattr(speakers, "AT_ONCE", 25)
    vectors, truth = cloud(CENTRES[:3], 30)
    found = together(vectors, np.ones(90))
    assert len(set(zip(found.tolist(), truth.tolist(), strict=True))) == 3


def test_a_stray_window_at_the_end_of_a_long_recording_is_no_voice_either(monkeypatch):
    monkeypatch.setattr(speakers, "AT_ONCE", 20)
    vectors, truth = cloud(CENTRES[:2], 10)
    stray = CENTRES[2] - 0.3 * CENTRES[0] - 0.2 * CENTRES[1]
    found = together(np.vstack([vectors, stray / np.linalg.norm(stray)]).astype(np.float32), np.append(np.full(20, 0.8), 0.3), 2)
    assert len(set(zip(found[:20].tolist(), truth.tolist(), strict=True))) == 2 and found[20] == found[:20][truth == 1][0]


@pytest.mark.parametrize("n", [0, 1, 3, 40])
def test_voices_asked_for_are_linked_once_and_come_out_as_if_each_number_was_tried(monkeypatch, n):
    vectors, _ = cloud(CENTRES, 10, spread=0.2)
    vectors, seconds, one = vectors[:n], np.random.default_rng(1).uniform(0.1, 1, n), np.ones(n)
    tried = {count: [speakers._linked(vectors, one, count + more) for more in range(speakers.BESIDE + 1)] for count in (1, 2, 3, 7)}
    linkage, calls = speakers._linkage, []
    monkeypatch.setattr(speakers, "_linkage", lambda *a: calls.append(1) or linkage(*a))
    for count, groups in tried.items():
        lengths = [np.bincount(g, seconds, n) for g in groups]
        k = next((k for k, length in enumerate(lengths) if (length >= speakers.STRAY).sum() >= count), None)
        expected = groups[0] if k is None else speakers._only(vectors, seconds, groups[k], np.argsort(-lengths[k], kind="stable")[:count].tolist())
        assert np.array_equal(speakers._counted(vectors, seconds, one, count), expected)
    assert len(calls) == len(tried)


def test_a_sample_that_is_no_number_is_silence(monkeypatch):
    """Told to the detector and kept for the voiceprints alike: the noise that stands around a voice is that of a silent sample."""
    heard = []

    class Deaf:
        def __init__(self, **settings):
            self.received = 0

        def push(self, samples):
            heard.append(samples.copy())
            return []

    monkeypatch.setattr(speakers, "Activity", Deaf)
    stream = SpeakerStream()
    wave = np.random.default_rng(0).normal(0, 0.05, 40_000).astype(np.float32)
    wave[[100, 20_000, 30_000]] = np.nan, np.inf, 1e30
    stream.push(wave)
    kept = stream._tape.read(0, len(wave))
    assert np.array_equal(kept, np.concatenate(heard)) and len(kept) == len(wave) and kept[100] == 0 and np.abs(kept).max() <= 4
    assert np.isfinite(voiceprint.standing(kept)).all()


def test_nobody_is_nobody():
    assert together(np.zeros((0, 256), np.float32), np.zeros(0)).tolist() == []
    stream = SpeakerStream.__new__(SpeakerStream)
    stream.settings, stream._vectors, stream._windows, stream._mixed = Settings(), [np.zeros((0, 256), np.float32)], [], []
    assert stream.turns() == [] and stream.voices() == {}


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.05, 3), st.sampled_from("AB")), max_size=12))
def test_joining_keeps_order_and_everybody(pieces):
    at, segments = 0.0, []
    for gap, length, who in pieces:
        segments.append(Segment(at + gap, at + gap + length, who))
        at += gap + length
    out = joined(segments, 0.6)
    assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(out)) and {s.person for s in out} == {s.person for s in segments}
    assert all(a.person != b.person or b.start - a.end >= 0.6 - 1e-9 for a, b in itertools.pairwise(out))


def test_words_go_to_who_speaks_and_a_sentence_is_cut_where_the_speaker_changes():
    turns = [Segment(0, 2, "speaker 1"), Segment(2, 4, "speaker 2")]
    words = tuple(Segment(i, i + 0.8, text=w) for i, w in enumerate(("How", "are", "you?", "Fine.")))
    told = spoken_by([Segment(0, 4, text="How are you? Fine.", words=words), Segment(1, 2, "Ada", "Hm"), Segment(2.1, 3, text="Yes"), Segment(9, 10, text="Late")], turns)
    assert [(s.person, s.text) for s in told] == [
        ("speaker 1", "How are"), ("speaker 2", "you? Fine."), ("Ada", "Hm"), ("speaker 2", "Yes"), ("speaker 2", "Late")]
    assert spoken_by([Segment(0, 1, text="Hi")], [])[0].person == ""


def test_known_voices_get_their_names_once(tmp_path):
    stream = SpeakerStream.__new__(SpeakerStream)
    vectors, truth = cloud(CENTRES[:3], 10)
    stream.settings, stream._vectors, stream._mixed = Settings(), [vectors], []
    stream._windows = [(i, i + 1, float(i), float(i + 1)) for i in range(30)]
    Book({"Ada": CENTRES[0], "Bo": CENTRES[1]}).write(tmp_path / "book.json")
    names = stream.turns("auto", Book.read(tmp_path / "book.json").voices)
    said = {t.person for t in names}
    assert said == {"Ada", "Bo", "speaker 1"}
    at = int(np.flatnonzero(truth == 0)[0])
    assert next(t.person for t in names if t.start <= at < t.end) == "Ada"


@pytest.mark.parametrize("content", ["", "{}", '{"voices": {"Ada": [1, 2]}}', '{"voices": {"Ada": "x"}}', "[1]"])
def test_a_book_that_is_none_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "book.json").write_text(content)
    with pytest.raises(SettingError, match="book"):
        Book.read(tmp_path / "book.json")


def test_speakers_must_be_auto_or_a_number():
    assert Settings(speakers="auto").speakers == "auto" and Settings(speakers="2").speakers == "2"
    for wrong in ("many", "0", "99", "-1"):
        with pytest.raises(SettingError, match="auto, or a number"):
            Settings(speakers=wrong)


def test_the_error_of_turns_that_are_right_is_nought_whatever_the_names():
    truth = [Segment(0, 3, "A"), Segment(2, 5, "B"), Segment(6, 7, "A")]
    said = [Segment(0, 3, "x"), Segment(2, 5, "y"), Segment(6, 7, "x")]
    assert diarization(truth, said, 8).error == 0 and diarization(truth, said, 8).seconds == 7
    one = diarization(truth, [Segment(0, 5, "x"), Segment(6, 7, "x")], 8)
    assert round(one.missed, 3) == round(1 / 7, 3) and round(one.confused, 3) == round(2 / 7, 3) and one.false_alarm == 0
    assert diarization(truth, [], 8).error == 1 and np.isnan(diarization([], said, 8).error)
    many = [Segment(i, i + 1, f"s{i}") for i in range(10)]
    assert diarization(many, many[::-1], 10).error == 0


@pytest.mark.skipif(not voiceprint.available(), reason="needs the package resemblyzer")
def test_pieces_of_sound_give_the_turns_of_the_whole():
    import attune
    from attune.media import Media

    wave = np.concatenate(list(Media.open("samples/hello.mp4").blocks(16_000)))
    said = []
    for size in (len(wave), 1000, 16_000):
        stream = SpeakerStream()
        for at in range(0, len(wave), size):
            stream.push(wave[at : at + size])
        stream.close()
        said.append(stream.turns("2"))
    assert said[0] == said[1] == said[2] and {t.person for t in said[0]} == {"speaker 1", "speaker 2"}
    recording = attune.measure("samples/hello.mp4", face=None, speakers="2")
    assert {s.person for s in recording.segments if s.kind == "speech"} == {"speaker 1", "speaker 2"}
    assert any("speakers told apart by voice: 2" in n for n in recording.notes)
