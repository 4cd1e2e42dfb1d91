"""Words in a live session by a recogniser: when an utterance is over, in a thread of its own, and beside words that somebody else pushes."""

import shutil
import threading
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import whisper_made

import attune
from attune.errors import MissingExtra, SettingError, UnknownName, WeightsError
from attune.live import Failed, Fused, Hint, Session, Spoken, recognising, words
from attune.media import Media
from attune.settings import Settings
from attune.text import recognisers, transcript
from attune.text.transcript import Transcript
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


@pytest.mark.parametrize("pause", [0.6, 0.25])
def test_no_speech_is_heard_twice_where_it_is_cut_or_pauses_are_short(whisper, sound, pause):
    whisper([])
    session, given = Session(Settings(face=None, voice="prosody_tiny", pause=pause), recogniser="faster_whisper"), []
    session._words.give = lambda utterance, wave, start: given.append((utterance, start, start + len(wave) / 16_000))
    long = np.tile(sound[6_400:16_000], 60) if pause == 0.6 else sound[:80_000]       # 0.6 s of speech, again and again: no pause in 36 s
    hear(session, long)
    session.finish()
    assert len(given) > 1 and all(first <= u.start and u.end <= last + 1e-3 for u, first, last in given)
    for (one, _, last), (other, first, _) in pairwise(given):
        assert first >= one.end - 1e-3 and last <= max(one.end, other.start + min(recognising.EDGE, pause / 2)) + 1e-3
    if pause == 0.6:
        assert given[0][2] == pytest.approx(given[1][1], abs=1e-3) and given[0][0].end == given[1][0].start


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


def test_words_that_nobody_waits_for_are_not_recognised_and_hold_no_sound(whisper, sound):
    library = whisper(LINES)
    library.GATE.clear()
    session = Session(ALONE, recogniser="faster_whisper", adapt=True)
    hear(session, sound)
    session.finish(0.0)
    assert session.waiting == len(recognising._thread._things) == 4
    session.leave()
    assert session.waiting == len(recognising._thread._things) == 0
    library.GATE.set()
    recognising._thread._running.join(60)
    assert not library.MODELS[0].heard and session.finish() == []


def test_the_end_waits_once(whisper, sound, monkeypatch):
    library, waits = whisper(LINES), []
    library.GATE.clear()
    monkeypatch.setattr(recognising, "wait", lambda futures, seconds: waits.append(seconds))
    session = Session(ALONE, record=True, recogniser="faster_whisper", adapt=True)
    hear(session, sound, 4.0)
    session.finish()
    session.close()
    assert waits == [10.0]


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


def raising(error):
    raise error


NAN = SimpleNamespace(start=float("nan"), end=float("nan"), text="Oh.", confidence=None, person="", words=())
NONSENSE = {"nothing": lambda: None, "no times": lambda: SimpleNamespace(segments=(NAN,), language="en", notes=()), "an exit": lambda: raising(SystemExit(1))}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_what_a_recogniser_shouldnt_give_costs_that_utterance_alone(nonsense):
    given = iter([lambda: Transcript(()), nonsense, lambda: Transcript((Segment(0.2, 0.8, text="Hello."),), language="en")])
    module = ModuleType("attune.text.recognisers.odd")
    module.transcribe = lambda sound, language=None: next(given)()
    odd = recognising.Recogniser(module, "en", patient=True)
    for start in (1.0, 3.0):
        odd.give(Segment(start, start + 1), np.zeros(16_000, np.float32), start)
    _, wrong, right = odd.done(60)
    assert wrong.error is not None and wrong.said is None and right.error is None and right.said.text == "Hello."


def test_a_thread_that_died_is_started_anew(monkeypatch):
    thread, one = recognising._Thread(), recognising.Recognised(Segment(0.0, 1.0))
    with monkeypatch.context() as once:
        once.setattr(thread, "_run", lambda: None)
        first = thread.do(lambda: one)
        thread._running.join(60)
    second = thread.do(lambda: one)
    assert first.result(60) is second.result(60) is one


def test_a_failure_names_no_folder_of_this_machine_but_in_the_log(monkeypatch, whisper, sound, caplog):
    whisper(LINES)
    monkeypatch.setattr(recognisers, "kept", lambda module, language: lambda sound: raising(WeightsError("/home/somebody/model.bin is damaged")))
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    failed, = [t for t in hear(session, sound, 4.0) + session.finish(60) if isinstance(t, Failed)]
    note, = [n for n in session.close().notes if "weren't recognised" in n]
    assert "WeightsError of faster-whisper" in failed.text and "WeightsError of faster-whisper" in note
    assert "/home" not in failed.text + note and "/home/somebody" in caplog.text


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


def test_what_pushed_words_leave_of_a_row_is_the_same_live_and_in_the_recording(whisper, sound):
    whisper(LINES)
    session = Session(ALONE, record=True, recogniser="faster_whisper")
    told = hear(session, sound) + session.finish(60)
    first, second, *_ = said(told)[0].words
    pushed = session.words(first.start, second.start, "Howdy.")
    assert [t.text for t in said(pushed)] == ["Howdy."]
    live = session._recent._sets["text.goemotions28"]
    rest, = [s for s in session.close().segments if s.text == "This is a short test."]
    assert rest.start == second.start and (rest.start, rest.end) in set(zip(live.start, live.end, strict=True)) and len(live) == 5
    assert not (live.start == first.start).sum() > 1         # the row before isn't there any more, the pushed one is


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
        for i in range(1000):
            words_of_it.push(Segment(float(i), i + 1.0, text="Ah."))
        words_of_it._recognised = [Segment(float(i), i + 1.0, text="Oh.") for i in range(1000)]
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


def test_ctrl_c_twice_doesnt_wait_for_words_and_keeps_the_recording(whisper, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from attune.cli import app
    from attune.live import sources

    library, waits = whisper(LINES), []
    library.GATE.clear()

    def stopped(session, media, *, wait):
        yield from hear(session, media.waveform(16_000), 4.0)
        raise KeyboardInterrupt

    def waited(futures, seconds):
        waits.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "play", stopped)
    monkeypatch.setattr(recognising, "wait", waited)
    alone = shutil.copy(SAMPLE, tmp_path / "talk.mp4")
    told = CliRunner().invoke(app, ["live", str(alone), "--recogniser", "auto", "--out", str(tmp_path / "kept")])
    assert told.exit_code == 0 and waits == [10.0], told.output
    assert "the words of 2 utterances weren't recognised: the session ended before" in attune.open(tmp_path / "kept").notes
