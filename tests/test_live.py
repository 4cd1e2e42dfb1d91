"""A live session gives what the file gives, however it is cut, and says calmly what goes on."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import attune
from attune.errors import MediaError, SettingError, ShapeError, UnknownName, WeightsError
from attune.live import Fused, Hint, Rate, Said, Seen, Session, Speech, Spoken, hints, sources
from attune.live.pace import STEPS, Pace
from attune.live.recent import of_one
from attune.media import Media
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.text import transcript
from attune.types import Estimates, Faces, Segment

SAMPLE = Path(__file__).parent.parent / "samples" / "hello.mp4"
WORDS = SAMPLE.with_suffix(".srt")


@pytest.fixture(scope="module")
def sound():
    return Media.open(SAMPLE).waveform(16_000)


@pytest.fixture(scope="module")
def pictures():
    """All of them, 25 a second: the session itself picks those that measuring a file looks at."""
    return list(Media.open(SAMPLE).frames(25.0))


@pytest.fixture(scope="module")
def end():
    media = Media.open(SAMPLE)
    for _ in media.frames(3.0):
        pass
    for _ in media.blocks():
        pass
    return media.end


@pytest.fixture(scope="module")
def told(sound, pictures):
    """What a session tells of the sample, in chunks of a tenth of a second, the words coming when they are over."""
    session, out = Session(Settings(baseline=None), record=True), []
    words = list(transcript.read(WORDS).segments)
    for at in range(0, len(sound), 1600):
        out += session.hear(sound[at : at + 1600], at / 16_000)
        for time, picture in [p for p in pictures if at <= p[0] * 16_000 < at + 1600]:
            out += session.see(time, picture)
        while words and words[0].end < at / 16_000:
            out += session.words(words[0].start, words[0].end, words.pop(0).text)
    return out + session.finish()


def fed(session, sound, pictures, piece):
    """Feed it in odd pieces: sizes from 1 sample to twice `piece`, pictures in between when their time has come."""
    draw, at, waiting = np.random.default_rng(piece), 0, list(pictures)
    while at < len(sound):
        size = int(draw.integers(1, 2 * piece))
        session.hear(sound[at : at + size])
        at += size
        while waiting and waiting[0][0] < at / 16_000:
            session.see(*waiting.pop(0))
    for picture in waiting:
        session.see(*picture)
    return session


def same(recording, file):
    assert [e.name for e in recording] == [e.name for e in file]
    for a, b in zip(recording, file, strict=True):
        for name in ("start", "end", "values", "quality", "spread"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=f"{a.name} {name}")
        assert (a.person.tolist(), a.reason.tolist(), a.model, a.projected) == (b.person.tolist(), b.reason.tolist(), b.model, b.projected)
    for name in Faces.SHAPES:
        np.testing.assert_array_equal(getattr(recording.faces, name), getattr(file.faces, name))
    assert recording.segments == file.segments
    assert (recording.portraits, recording.duration, recording.settings, recording.versions) == (file.portraits, file.duration, file.settings, file.versions)


@pytest.mark.parametrize("piece", [700, 5_000, 60_000])
def test_pieces_of_any_size_give_the_recording_that_the_file_gives(sound, pictures, end, piece):
    session = Session(record=True, words=transcript.read(WORDS))
    same(fed(session, sound, pictures, piece).close(end), attune.measure(SAMPLE))


def test_without_words_too_and_with_the_peoples_own_baselines(sound, pictures, end):
    session = Session(Settings(text=None, baseline="own"), record=True)
    same(fed(session, sound, pictures, 1600).close(end), attune.measure(SAMPLE, text=None, baseline="own"))


def test_windows_are_those_of_the_file(sound):
    chosen = {"face": None, "text": None, "granularity": "window", "window": 0.7}
    file = attune.measure(SAMPLE, **chosen)
    same(fed(Session(Settings(**chosen), record=True), sound, [], 1600).close(file.duration), file)


def test_what_is_told_of_an_utterance_once_it_is_over_are_the_files_numbers(told):
    file = attune.measure(SAMPLE, text=None)["voice.ravdess8"]
    over = [t.estimates[0] for t in told if isinstance(t, Spoken) and t.modality == "voice" and not t.interim]
    np.testing.assert_array_equal(np.concatenate([e.values for e in over]), file.values)
    assert [float(e.start[0]) for e in over] == file.start.tolist()


def test_what_is_told_of_a_picture_are_the_files_numbers(told):
    file = attune.measure(SAMPLE, voice=None, text=None)["face.ferplus8"]
    seen = [t for t in told if isinstance(t, Seen)]
    np.testing.assert_array_equal(np.concatenate([t.estimates[0].values for t in seen]), file.values)
    assert [t.time for t in seen] == pytest.approx(sorted({t.time for t in seen})) and all(t.size == (640, 480) for t in seen)
    assert {str(p) for t in seen for p in t.estimates[0].person} == {"person 1"}


def test_voice_is_told_about_once_a_second_while_the_utterance_goes_on(told):
    speech = [t for t in told if isinstance(t, Speech)]
    assert [t.on for t in speech] == [True, False] * 4
    voice = [t for t in told if isinstance(t, Spoken) and t.modality == "voice"]
    assert sum(t.interim for t in voice) >= 6
    for t in voice:
        assert t.estimates[0].end[0] - t.estimates[0].start[0] <= (4.0 if t.interim else 30.0)
        assert any(e.taxonomy.name == "vad" for e in t.estimates)


def test_everything_is_fused_each_second_and_at_the_end_of_each_utterance(told):
    fused = [t for t in told if isinstance(t, Fused)]
    assert sum(not t.interim for t in fused) == 4
    for t in fused:
        assert [e.name for e in t.estimates] == ["fused.ekman7", "fused.vad", "fused.pool"]
        assert {str(p) for e in t.estimates for p in e.person} == {"person 1"}
    assert any(set(t.parts) == {"face", "voice", "text"} for t in fused)
    ends = [float(t.estimates[0].end[0]) for t in fused if t.interim]
    assert all(0.9 <= b - a <= 1.6 for a, b in pairwise(ends))
    assert all(float(t.estimates[0].end[0] - t.estimates[0].start[0]) <= 2.0001 for t in fused if t.interim)


def test_sentences_change_calmly(told):
    said = [t for t in told if isinstance(t, Said)]
    assert 3 <= len(said) <= 6 and all(b.time - a.time >= 2 for a, b in pairwise(said))
    assert all(a.text != b.text for a, b in pairwise(said))
    assert any("happy" in t.text for t in said) and all("looks" in t.text or "sounds" in t.text for t in said)


def test_words_are_read_as_they_come(told):
    text = [t for t in told if isinstance(t, Spoken) and t.modality == "text"]
    assert "happy" in " ".join(t.text for t in text)
    glad = next(t for t in text if "happy" in t.text)
    assert glad.estimates[0].taxonomy.labels[int(np.nanargmax(glad.estimates[0].values))] == "joy"


def test_words_with_a_name_name_the_voice_in_the_recording(sound):
    session = Session(Settings(face=None), record=True)
    session.hear(sound)
    session.words(0.5, 2.7, "Hello. This is a short test.", "Ada")
    recording = session.close()
    assert "Ada" in recording.people
    row = next(s for s in recording.segments if s.person == "Ada")
    assert row.text.startswith("Hello")


def test_a_muted_modality_is_left_out_and_taken_in_again(sound, pictures):
    session = Session(Settings(text=None), record=True)
    assert session.mute("face") == [] and session.see(0.0, pictures[0][1]) == []
    session.mute("voice")
    assert not [t for t in session.hear(sound[: 3 * 16_000]) if isinstance(t, Spoken | Speech)]
    session.mute("voice", False)
    session.mute("face", False)
    told = session.hear(sound[3 * 16_000 : 6 * 16_000]) + session.see(6.0, pictures[0][1])
    assert any(isinstance(t, Spoken) for t in told) and any(isinstance(t, Seen) for t in told)
    recording = session.close()
    assert any("face was muted" in note for note in recording.notes) and any("voice was muted" in note for note in recording.notes)
    with pytest.raises(SettingError, match="face, voice or text"):
        session.mute("smell")


def test_a_hole_in_the_sound_is_silence_and_an_overlap_is_cut(sound):
    session = Session(Settings(face=None, text=None))
    session.hear(sound[:16_000], 0.0)
    session.hear(sound[16_000:32_000], 5.0)
    assert session.duration == 6.0
    session.hear(sound[:16_000], 5.5)
    assert session.duration == 6.5
    session.hear(sound[:16_000], 6.52)                       # within the wander of a clock
    assert session.duration == 7.5
    with pytest.raises(ShapeError, match="less than 600 s"):
        session.hear(sound[:10], 1e6)


def test_what_is_no_picture_and_no_sound_is_refused(pictures):
    session = Session()
    for time, picture in ((0.0, np.zeros((4, 4), np.uint8)), (0.0, np.zeros((4, 4, 3))), (float("nan"), pictures[0][1]), (-1.0, pictures[0][1])):
        with pytest.raises(ShapeError):
            session.see(time, picture)
    session.see(1.0, pictures[0][1])
    with pytest.raises(ShapeError, match=r"from 1\.000 s on"):
        session.see(0.5, pictures[0][1])
    with pytest.raises(ShapeError, match="one channel"):
        session.hear(np.zeros((5, 2)))
    with pytest.raises(ShapeError, match="start <= end"):
        session.words(2.0, 1.0, "no")
    with pytest.raises(UnknownName, match="ferplus_resnet"):
        Session(Settings(face="ferplus"))
    with pytest.raises(SettingError, match="record=True"):
        session.close()


def test_nothing_at_all_is_a_recording_too():
    recording = Session(record=True).close()
    assert recording.duration == 0 and not [s for s in recording.segments if s.duration] and len(recording.faces) == 0


def test_hints_come_when_something_lasts_and_go_when_it_is_over(pictures):
    session, told = Session(Settings(voice=None, text=None)), []
    dark = (pictures[0][1] * 0.12).astype(np.uint8)
    blank = np.full_like(dark, 128)
    for i in range(24):
        told += session.see(i / 3, dark if i < 9 else blank if i < 18 else pictures[0][1])
    found = [(t.code, t.over) for t in told if isinstance(t, Hint)]
    assert found == [("too_dark", False), ("too_dark", True), ("no_face", False), ("no_face", True)]
    assert all(t.text.endswith(".") for t in told if isinstance(t, Hint))


def test_silence_and_clipping_are_told(sound):
    session = Session(Settings(face=None, text=None))
    quiet = [t for _ in range(12) for t in session.hear(np.zeros(16_000, np.float32)) if isinstance(t, Hint)]
    assert [(t.code, t.over) for t in quiet] == [("no_speech", False)]
    loud = [t for at in range(0, 48_000, 1600) for t in session.hear(np.clip(sound[at : at + 1600] * 40, -1, 1)) if isinstance(t, Hint)]
    assert ("clipped", False) in [(t.code, t.over) for t in loud] and ("no_speech", True) in [(t.code, t.over) for t in loud]


def test_a_small_or_turned_face_is_known_from_its_numbers():
    def face(side, yaw=0.0, sharp=0.9):
        return replace(Faces.empty(), time=np.zeros(1), box=np.array([[0.0, 0.0, side, side]]), landmarks=np.zeros((1, 5, 2)), score=np.ones(1),
                       track=np.zeros(1, int), pose=np.array([[yaw, 0.0, 0.0]]), sharpness=np.array([sharp]), quality=np.ones(1))

    bright = np.full((200, 200, 3), 200, np.uint8)
    assert hints.of_faces(bright, face(100)) == ((),)
    assert hints.of_faces(bright, face(40)) == (("too_small",),)
    assert hints.of_faces(bright, face(100, yaw=60, sharp=0.2)) == (("blurred", "turned_away"),)
    assert hints.of_faces(bright // 10, face(100)) == (("too_dark",),)


def test_a_slow_machine_looks_at_fewer_pictures_and_a_rested_one_at_all_again():
    pace, time, rates = Pace(3.0), 0.0, []
    for i in range(200):
        time += 1 / pace.fps
        rate = pace.after(time, took=0.6 if i < 20 else 0.01, late=0.0)
        rates += [rate] if rate else []
    assert rates[:3] == [2.0, 1.5, 1.0]
    assert rates[-1] == 3.0
    assert set(rates) <= {3.0 * s for s in STEPS}


def test_late_pictures_slow_the_session_down_and_it_says_so(pictures):
    session = Session(Settings(voice=None, text=None), adapt=True)
    told = [t for i in range(12) for t in session.see(i / 3, pictures[i][1], late=1.0)]
    assert any(isinstance(t, Rate) and t.fps < 3 for t in told)
    assert any(isinstance(t, Hint) and t.code == "slow" for t in told)
    assert session.fps < 3 and not session.wanted(11 / 3 + 0.01)


def test_a_baseline_fills_up_while_one_talks(sound):
    plain, own = (Session(Settings(face=None, text=None, baseline=b)) for b in (None, "own"))
    first, second = ([t.estimates[0] for t in s.hear(sound) + s.finish() if isinstance(t, Spoken) and not t.interim] for s in (plain, own))
    assert len(first) == len(second) == 4
    moved = [float(np.abs(a.values - b.values).max()) for a, b in zip(first, second, strict=True)]
    assert moved[-1] > 0 and second[-1].model.endswith("personal baseline")


def test_pictures_of_another_size_are_fitted_into_the_first(pictures):
    session = Session(Settings(voice=None, text=None))
    session.see(0.0, pictures[0][1])
    seen = session.see(1.0, np.ascontiguousarray(pictures[0][1].transpose(1, 0, 2)))[0]
    assert seen.size == (640, 480)


def test_without_recording_nothing_but_the_last_seconds_is_kept(sound, pictures):
    import pickle

    def weight(session):
        return len(pickle.dumps([session._recent._sets, session._looking._waiting, session._looking._faces, session._listening._waiting]))

    session, sizes = Session(Settings(text=None)), []
    for turn in range(8):
        start = turn * 12.0
        for at in range(0, 12 * 16_000, 16_000):
            piece = sound[at : at + 16_000]
            session.hear(np.pad(piece, (0, 16_000 - len(piece))))
            session.see(start + at / 16_000, pictures[min(at // 640, len(pictures) - 1)][1])
        sizes.append(weight(session))
    assert max(sizes[4:]) < 1.25 * max(sizes[:4])


# ---- where pictures and sound come from ---------------------------------------------------------------------------------------

def test_a_file_that_is_played_gives_what_measuring_it_gives(end):
    session = Session(record=True, words=transcript.read(WORDS))
    told = list(sources.play(session, Media.open(SAMPLE)))
    assert {type(t) for t in told} >= {Seen, Spoken, Fused, Said, Speech}
    same(session.close(end), attune.measure(SAMPLE))


def test_words_of_a_transcript_that_were_never_heard_are_no_part_of_what_was_broken_off(sound):
    session = Session(Settings(face=None), record=True, words=transcript.read(WORDS))
    told = session.hear(sound[: round(4.8 * 16_000)])         # within the second sentence
    session.cut()
    told += session.finish()
    recording = session.close()
    assert [one.text for one in told if isinstance(one, Spoken) and one.text] == ["Hello. This is a short test."]
    assert [s.text for s in recording.segments if s.text] == ["Hello. This is a short test."]
    assert recording.duration == pytest.approx(4.8) and max(s.end for s in recording.segments) <= recording.duration
    assert all(e.end.max() <= recording.duration + 1e-9 for e in recording if len(e))
    assert "broken off at 4.8 s: words that weren't over by then are left out" in recording.notes
    voice = recording["voice.ravdess8"]
    assert len(voice) == 2 and not voice.missing.any()        # what was heard of the second sentence is measured, its words unknown


def test_words_that_were_typed_stay_where_a_session_with_a_transcript_is_broken_off(sound):
    session = Session(Settings(face=None), record=True, words=transcript.read(WORDS))
    session.hear(sound[: round(4.8 * 16_000)])                # within the second sentence
    session.words(3.0, 3.4, "That was Ada.", "Ben")
    session.cut()
    recording = session.close()
    assert [(s.person, s.text) for s in recording.segments if s.text] == [("speaker", "Hello. This is a short test."), ("Ben", "That was Ada.")]
    assert not recording["voice.ravdess8"].missing.any()      # of the second sentence too, whose words are unknown


def test_words_that_are_typed_beside_lines_without_times_come_in_their_places(sound):
    lines = transcript.Transcript((Segment(0, 0, text="Hello. This is a short test."), Segment(0, 0, text="I am happy that you are here.")), timed=False)
    session = Session(Settings(face=None), record=True, words=lines)
    session.hear(sound)
    session.words(0.0, 0.3, "Ready?", "Ben")
    recording = session.close()
    assert [s.text for s in recording.segments if s.text] == ["Ready?", *(s.text for s in lines.segments)]
    assert transcript.SPREAD in recording.notes


def test_lines_without_times_of_what_was_broken_off_are_laid_over_nothing(sound):
    """How much of them was heard, nobody knows; all of them over the first seconds would be wrong."""
    lines = transcript.Transcript((Segment(0, 0, text="Hello. This is a short test."), Segment(0, 0, text="I am happy that you are here.")), timed=False)
    session = Session(Settings(face=None), record=True, words=lines)
    session.hear(sound[: round(4.8 * 16_000)])
    session.cut()
    recording = session.close()
    assert recording.segments and not any(s.text for s in recording.segments)
    assert "broken off at 4.8 s: words that weren't over by then are left out" in recording.notes


def test_a_session_that_ends_after_its_words_is_not_cut(sound):
    session = Session(Settings(face=None), record=True, words=transcript.read(WORDS))
    session.hear(sound)
    session.cut()
    assert not any("broken off" in note for note in session.close().notes)


def test_a_file_is_played_in_order_of_its_times():
    times = []
    list(sources.play(Session(Settings(face=None, text=None)), Media.open(SAMPLE), wait=times.append))
    assert times == sorted(times) and times[-1] == pytest.approx(11.7, abs=0.11)


def test_devices_are_iterators_that_are_read_as_they_come(sound, pictures):
    session = Session(Settings(text=None), record=True)
    told = list(sources.watch(session, (sound[at : at + 1600] for at in range(0, 48_000, 1600)), (p for _, p in pictures[:2])))
    assert any(isinstance(t, Speech) for t in told) and any(isinstance(t, Seen) for t in told)
    assert session.close().duration >= 3.0


def test_a_device_that_fails_is_told():
    def broken():
        yield np.zeros(1600, np.float32)
        raise OSError("unplugged")

    with pytest.raises(MediaError, match="unplugged"):
        list(sources.watch(Session(Settings(face=None, text=None)), broken(), None))
    with pytest.raises(MediaError, match="camera"):
        next(sources.camera("/dev/no-camera"))


def voiced(monkeypatch):
    """A session whose voices are one until three seconds are over, and another from then on."""
    session = Session(Settings(face=None, text=None, speakers="auto"), record=True)

    def utterance(wave):
        start = session._listening.stream.speech[-1][0]
        return "speaker 1" if start < 3 else "speaker 2"

    monkeypatch.setattr(session.voices, "utterance", utterance)
    monkeypatch.setattr(session.voices, "going", lambda wave: "speaker 1" if len(wave) <= 1.6 * 16_000 + 1 else "the stretch is too long")
    return session


def test_speakers_are_told_apart_as_they_come(monkeypatch, sound):
    monkeypatch.setattr("attune.voice.voiceprint.available", lambda: True)
    session, out = voiced(monkeypatch), []
    for at in range(0, len(sound), 1600):
        out += session.hear(sound[at : at + 1600])
    recording = session.close()
    whole = [s for s in [*out, *session.finish()] if isinstance(s, Spoken) and not s.interim]
    assert {s.estimates[0].person[0] for s in out if isinstance(s, Spoken) and s.interim} == {"speaker 1"}
    rows = [(e.start[0], e.end[0], e.person[0]) for e in (s.estimates[0] for s in whole)]
    assert {person for *_, person in rows} <= {"speaker 1", "speaker 2"} and len({person for *_, person in rows}) == 2
    assert [(s.start, s.end, s.person) for s in recording.segments if s.kind == "speech"][: len(rows)] == rows
    assert any("as they came: 2" in note for note in recording.notes)


@pytest.mark.parametrize(("settings", "says"), [({"diarizer": "pyannote"}, "needs the whole recording"), ({"voices": "no-book.json"}, "no book of voices")])
def test_speakers_that_cant_be_told_apart_live_are_refused(settings, says, monkeypatch):
    monkeypatch.setattr("attune.voice.voiceprint.available", lambda: True)
    with pytest.raises(SettingError, match=says):
        Session(Settings(speakers="auto", **settings))
    monkeypatch.setattr("attune.voice.voiceprint.available", lambda: False)
    with pytest.raises(WeightsError, match="resemblyzer"):
        Session(Settings(speakers="auto"))


def test_the_command_prints_sentences_and_keeps_only_what_is_asked(tmp_path):
    from typer.testing import CliRunner

    from attune.cli import app

    said = CliRunner().invoke(app, ["live", str(SAMPLE), "--fast", "--out", str(tmp_path / "kept")])
    assert said.exit_code == 0, said.output
    assert "Person 1 looks" in said.output and "I am so happy to see you today!" in said.output
    same(replace(attune.open(tmp_path / "kept"), portraits={}, versions={}, settings={}),
         replace(attune.measure(SAMPLE, language="en"), portraits={}, versions={}, settings={}))
    assert CliRunner().invoke(app, ["live", "--camera", "none", "--microphone", "none"]).exit_code != 0


def test_of_a_stretch_one_person_is_shown_and_a_lone_voice_is_that_persons():
    def rows(modality, *people, of="ekman7"):
        segments = [Segment(float(i), float(i) + 1, p) for i, p in enumerate(people)]
        return Estimates.of(segments, np.full((len(people), 7), 1 / 7), taxonomy=taxonomy(of), modality=modality, model="m")

    def shown(person, *found):
        recording = of_one(list(found), 0.5, 10.0, person)
        return recording.segments[0].person, {e.modality: len(e) for e in recording}, recording

    who, kinds, recording = shown("", rows("face", "Ada", "Ada"), rows("voice", "speaker"))
    assert (who, kinds) == ("Ada", {"face": 2, "voice": 1}) and recording["face.ekman7"].start.tolist() == [0, 0.5] and recording.duration == 9.5
    assert set(recording["voice.ekman7"].person) == {"Ada"}
    assert shown("Ben", rows("face", "Ada", "Ada", "Ben"), rows("voice", "speaker"))[:2] == ("Ben", {"face": 1})          # whose voice it is isn't known
    assert shown("", rows("face", "Ada"), rows("voice", "speaker 1", "speaker 2"))[:2] == ("Ada", {"face": 1})            # one of two voices
    assert shown("Cleo", rows("face", "Ada"), rows("voice", "Ada", "speaker"))[:2] == ("Ada", {"face": 1, "voice": 2})    # who isn't there isn't shown
    assert shown("")[:2] == ("", {})


def test_a_session_shows_the_last_seconds_whether_or_not_it_records(sound, pictures):
    session = Session(Settings(fps=3.0))
    for time, picture in pictures[:75]:
        session.see(time, picture)
    session.hear(sound[: 3 * 16_000])
    shown = session.shown(1.0, session.now)
    assert shown.segments[0].person == "person 1" and {e.modality for e in shown} == {"face", "voice"} and not any(e.projected for e in shown)
    assert shown["face.ferplus8"].start.min() >= 0 and shown["face.ferplus8"].end.max() <= shown.duration == pytest.approx(2.0, abs=0.2)
    session.mute("face")
    assert {e.modality for e in session.shown(0.0, session.now)} == {"voice"}
