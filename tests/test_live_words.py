"""Words in a live session by a recogniser: when an utterance is over, in a thread of its own, and beside words that somebody else pushes."""

import threading
from pathlib import Path

import numpy as np
import pytest
import whisper_made

import attune
from attune.errors import MissingExtra, SettingError, UnknownName
from attune.live import Failed, Fused, Hint, Session, Spoken, recognising, words
from attune.media import Media
from attune.settings import Settings
from attune.text import recognisers, transcript
from attune.types import Segment

SAMPLE = Path(__file__).parent.parent / "samples" / "hello.mp4"
LINES = ["Hello. This is a short test.", "I am so happy to see you!", "But that is terrible.", "Goodbye."]
ALONE = Settings(face=None, voice="prosody_tiny")           # the smallest: this is about words


@pytest.fixture(scope="module")
def sound():
    return Media.open(SAMPLE).waveform(16_000)


@pytest.fixture
def whisper(monkeypatch, tmp_path):
    """whisper(lines) -> the library, with a model that says these."""
    made = []

    def install(says):
        made.append(whisper_made.installed(monkeypatch, tmp_path, says))
        return made[-1]

    yield install
    for library in made:
        library.GATE.set()
    for thread in threading.enumerate():
        if thread.name == "attune recogniser":
            thread.join(60)


def hear(session, sound, until=None, since=0.0):
    """What is told of the sound in tenths of a second, up to a time."""
    out, last = [], len(sound) if until is None else round(until * 16_000)
    for at in range(round(since * 16_000), last, 1600):
        out += session.hear(sound[at : min(at + 1600, last)], at / 16_000)
    return out


def said(told):
    return [t for t in told if isinstance(t, Spoken) and t.modality == "text"]


def test_each_utterance_has_its_words_once_it_is_over(whisper, sound):
    library = whisper(LINES)
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    told = hear(session, sound) + session.finish()
    voice = [t.estimates[0] for t in told if isinstance(t, Spoken) and t.modality == "voice" and not t.interim]
    assert [t.text for t in said(told)] == LINES
    for words_of_it, utterance in zip(said(told), voice, strict=True):
        rows = words_of_it.estimates[0]
        assert rows.start[0] >= utterance.start[0] and rows.end[0] <= utterance.end[0] and rows.taxonomy.name == "goemotions28"
        assert words_of_it.recogniser == "faster_whisper" and not words_of_it.interim and words_of_it.took > 0
        assert [w.text for w in words_of_it.words] == words_of_it.text.split() and {w.confidence for w in words_of_it.words} == {0.75}
        assert all(utterance.start[0] <= w.start <= w.end <= utterance.end[0] for w in words_of_it.words)
    heard = [seconds for seconds, _ in library.MODELS[0].heard]
    assert heard == pytest.approx([float(v.end[0] - v.start[0]) + 2 * words.AROUND for v in voice], abs=0.01)


def test_what_is_expressed_by_all_is_told_again_with_the_words(whisper, sound):
    whisper(LINES)
    session = Session(ALONE, recogniser="auto")
    told = hear(session, sound) + session.finish()
    final = [t for t in told if isinstance(t, Fused) and not t.interim]
    assert sum(t.parts == ("voice", "text") for t in final) == 4 and sum(t.parts == ("voice",) for t in final) == 4


def test_the_recording_has_them_as_a_transcript_of_the_same_words_would_give(whisper, sound):
    whisper(LINES)
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    session.hear(sound)
    recording = session.close()
    assert [s.text for s in recording.segments if s.text] == LINES
    assert recording.settings["recogniser"] == "faster_whisper" and recording["text.goemotions28"].label("joy")[1] > 0.5
    assert {"words recognised by faster-whisper, utterance by utterance", "faster-whisper's model base",
            "languages detected, and in how many utterances: en (4)"} <= set(recording.notes)
    pushed = Session(ALONE, record=True)
    pushed.hear(sound)
    for row in session._words._recognised:
        pushed.words(row.start, row.end, row.text)
    same = pushed.close()
    np.testing.assert_array_equal(recording["text.goemotions28"].values, same["text.goemotions28"].values)
    np.testing.assert_array_equal(recording["voice.ravdess8"].values, same["voice.ravdess8"].values)


def test_however_the_sound_is_cut_the_words_are_the_same(whisper, sound):
    recordings = []
    for piece in (1600, 50_000, len(sound)):
        whisper(LINES)
        session = Session(ALONE, record=True, recogniser="faster_whisper")
        for at in range(0, len(sound), piece):
            session.hear(sound[at : at + piece])
        recordings.append(session.close())
    assert recordings[0].segments == recordings[1].segments == recordings[2].segments


def test_windows_have_the_words_of_their_utterances(whisper, sound):
    whisper(LINES)
    session = Session(Settings(face=None, voice="prosody_tiny", granularity="window"), record=True, recogniser="faster_whisper")
    session.hear(sound)
    assert " ".join(s.text for s in session.close().segments if s.text).split() == " ".join(LINES).split()


def test_words_belong_to_the_voice_that_said_them(whisper, sound, monkeypatch):
    whisper(LINES)
    monkeypatch.setattr("attune.voice.voiceprint.available", lambda: True)
    session = Session(Settings(face=None, voice="prosody_tiny", speakers="auto"), record=True, recogniser="faster_whisper")
    names = iter(["speaker 1", "speaker 2"] * 8)
    monkeypatch.setattr(session.voices, "utterance", lambda wave: next(names))
    monkeypatch.setattr(session.voices, "going", lambda wave: "")
    told = hear(session, sound) + session.finish()
    assert [str(t.estimates[0].person[0]) for t in said(told)][:2] == ["speaker 1", "speaker 2"]
    rows = [s for s in session.close().segments if s.text]
    assert [s.person for s in rows][:2] == ["speaker 1", "speaker 2"]


def test_a_model_is_opened_once_for_all_sessions_and_the_language_is_passed_on(whisper, sound):
    library = whisper(LINES * 2)
    for _ in range(2):
        session = Session(Settings(face=None, voice="prosody_tiny", language="de-AT"), record=True, recogniser="faster_whisper")
        hear(session, sound, 5.0)
        assert not any("detected" in note for note in session.close().notes)
    model, = library.MODELS
    assert {language for _, language in model.heard} == {"de"} and len(model.heard) == 4


def test_faces_and_voice_go_on_while_the_recogniser_is_busy_and_lateness_is_told(whisper, sound):
    library = whisper(LINES)
    library.GATE.clear()
    session = Session(ALONE, recogniser="faster_whisper", adapt=True)
    told = hear(session, sound)                              # returns although no word has come
    assert not said(told) and session.waiting == 4 - 1
    slow = [t for t in told if isinstance(t, Hint) and t.code == "slow"]
    assert [(t.modality, t.over, t.text) for t in slow] == [("text", False, "This machine is slow just now: words come late.")]
    library.GATE.set()
    late = session.recognised(60)
    assert [t.text for t in said(late)] == LINES[:3] and session.waiting == 0
    quiet = [t for _ in range(4) for t in session.hear(np.zeros(8_000, np.float32)) + session.recognised(60)]
    assert [t.over for t in quiet if isinstance(t, Hint) and t.code == "slow"] == [True] and [t.text for t in said(quiet)] == LINES[3:]


def test_where_too_much_waits_the_oldest_is_kept_and_the_rest_is_noted(whisper, sound, monkeypatch):
    monkeypatch.setattr(recognising, "WAITING", 3.0)
    library = whisper(LINES)
    library.GATE.clear()
    session = Session(ALONE, record=True, recogniser="faster_whisper", adapt=True)
    hear(session, sound)
    library.GATE.set()
    assert next(t.text for t in said(session.finish(60))) == LINES[0]
    note, = [n for n in session.close().notes if "weren't recognised" in n]
    assert note.endswith("weren't recognised: the recogniser fell behind")


def test_where_nothing_may_be_left_out_hearing_waits(whisper, sound, monkeypatch):
    monkeypatch.setattr(recognising, "WAITING", 3.0)
    library = whisper(LINES)
    library.GATE.clear()
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    opener = threading.Timer(0.2, library.GATE.set)
    opener.start()
    hear(session, sound)
    assert [s.text for s in session.close().segments if s.text] == LINES
    opener.join()


def test_the_end_waits_only_so_long_and_says_what_is_missing(whisper, sound):
    library = whisper(LINES)
    library.GATE.clear()
    session = Session(ALONE, record=True, recogniser="faster_whisper", adapt=True)
    hear(session, sound)
    recording = session.close(patience=0.0)
    assert not any(s.text for s in recording.segments) and "the words of 4 utterances weren't recognised: the session ended before" in recording.notes


def test_a_failure_is_told_once_and_noted_and_the_session_goes_on(whisper, sound):
    whisper([LINES[0], None, None, LINES[3]])
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    told = hear(session, sound) + session.finish()
    failed, = [t for t in told if isinstance(t, Failed)]
    assert failed.modality == "text" and failed.text.startswith("Words aren't recognised: unexpected RuntimeError") and "/home" not in failed.text
    assert [t.text for t in said(told)] == [LINES[0], LINES[3]]
    assert "the words of 2 utterances weren't recognised: unexpected RuntimeError of faster-whisper" in session.close().notes


def test_a_damaged_model_is_told_before_anybody_speaks(whisper):
    whisper("damaged")
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    failed, = session.finish(60)
    assert isinstance(failed, Failed) and not any("weren't recognised" in note for note in session.close().notes)


def test_pushed_words_win_whether_they_come_before_or_after(whisper, sound):
    library = whisper(LINES)
    library.GATE.clear()
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    speech = [(s.start, s.end) for s in attune.measure(Media.of(waveform=sound, sample_rate=16_000), face=None, text=None).segments if s.kind == "speech"]
    before = session.words(*speech[0], "Howdy, this is a test.")
    hear(session, sound)
    library.GATE.set()
    after = session.finish()
    assert [t.text for t in said(before)] == ["Howdy, this is a test."] and [t.text for t in said(after)] == LINES[1:]
    session.words(*speech[2], "That is bearable.")
    assert len(session._recent._sets["text.goemotions28"]) == 4                 # of each stretch one reading
    assert [s.text for s in session.close().segments if s.text] == ["Howdy, this is a test.", LINES[1], "That is bearable.", LINES[3]]


def test_words_pushed_for_a_part_leave_the_rest():
    line = Segment(10.0, 12.0, "Ada", "I am so very glad.")
    assert words.beside(line, [Segment(9.0, 10.2)]).text == "am so very glad."
    assert words.beside(line, [Segment(9.0, 10.2)]).start > 10.0
    assert words.beside(line, [Segment(10.0, 11.2)]) is None
    assert words.beside(line, [Segment(12.0, 13.0), Segment(3.0, 9.9)]) is line


def test_muted_words_are_neither_recognised_nor_kept(whisper, sound):
    library = whisper(LINES)
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    session.mute("text")
    told = hear(session, sound, 5.5)                         # the second utterance isn't over yet
    session.mute("text", False)
    told += hear(session, sound, since=5.5) + session.finish()
    assert [t.text for t in said(told)] == LINES[:2]         # said of the third and the fourth utterance
    assert len(library.MODELS[0].heard) == 2


def test_a_transcript_that_is_there_goes_before_the_recogniser(sound):
    session = Session(ALONE, words=transcript.read(SAMPLE.with_suffix(".srt")), recogniser="faster_whisper")
    assert session.recogniser is None


def test_without_a_recording_only_the_last_words_are_kept(whisper):
    whisper(LINES)
    kept, dropped = (Session(ALONE, recogniser="faster_whisper", record=record)._words for record in (True, False))
    for words_of_it in (kept, dropped):
        words_of_it._recognised = [Segment(float(i), i + 1.0, text="Oh.") for i in range(1000)]
        for i in range(1000):
            words_of_it.push(Segment(float(i), i + 1.0, text="Ah."))
        words_of_it.forget(1000.0)
    assert len(kept._recognised) == len(kept._pushed) == 1000
    assert len(dropped._recognised) == 45 and len(dropped._pushed) == 165


# ---- what is asked for and isn't there ------------------------------------------------------------------------------------------

def test_nothing_is_recognised_unless_it_is_asked_for(whisper, sound):
    library = whisper(LINES)
    for off in (None, "none", ""):
        session = Session(ALONE, recogniser=off)
        assert not said(hear(session, sound, 4.0)) and session.recogniser is None
    assert not library.MODELS


def test_what_cant_be_is_refused_at_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("ATTUNE_WHISPER", str(tmp_path))
    monkeypatch.setattr(recognisers, "here", list)
    with pytest.raises(MissingExtra, match=r"faster-whisper or a model for it isn't here: pip install 'attune\[whisper\]'"):
        Session(ALONE, recogniser="faster_whisper")
    with pytest.raises(MissingExtra, match=r"none of the recognisers is here \(faster_whisper, .*\): pip install"):
        Session(ALONE, recogniser="auto")
    with pytest.raises(UnknownName, match="did you mean 'faster_whisper'"):
        Session(ALONE, recogniser="faster-whisper")
    for modality in ("voice", "text"):
        with pytest.raises(SettingError, match=f"{modality} is none"):
            Session(Settings(**{modality: None}), recogniser="auto")


def test_the_command_prints_recognised_words_and_keeps_them(whisper, tmp_path):
    import shutil

    from typer.testing import CliRunner

    from attune.cli import app

    whisper(LINES)
    alone = shutil.copy(SAMPLE, tmp_path / "talk.mp4")       # without its transcript
    told = CliRunner().invoke(app, ["live", str(alone), "--fast", "--recogniser", "auto", "--out", str(tmp_path / "kept")])
    assert told.exit_code == 0, told.output
    assert all(f"“{line}”" in told.output for line in LINES)
    assert [s.text for s in attune.open(tmp_path / "kept").segments if s.text] == LINES
    refused = CliRunner().invoke(app, ["live", str(alone), "--fast", "--recogniser", "nobody"])
    assert refused.exit_code != 0
