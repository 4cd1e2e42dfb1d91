"""What a recogniser heard and who spoke are kept like what the models said, and forgotten when anything they depend on changes."""

import itertools

import media_made as made
import numpy as np
import pytest

import attune
from attune import cache, registry
from attune.cache import Cache
from attune.text import recognisers
from attune.text.recognisers import faster_whisper
from attune.text.transcript import Transcript
from attune.types import Segment
from attune.voice import diarizers, speakers
from attune.voice.speakers import Book

WORDS = (Segment(0.1, 0.9, text="Oh no!", words=(Segment(0.1, 0.4, text="Oh", confidence=1 / 3), Segment(0.5, 0.9, text="no!")), confidence=0.9),)
TURNS = [Segment(0.0, 0.7, "speaker 1"), Segment(0.5, 1.0, "speaker 2")]


class Recogniser:
    """Hears WORDS, and counts how often it is asked."""

    def __init__(self, folder):
        self.TITLE, self.__file__, self.__name__, self.asked, self.folder = "fake", str(folder / "recogniser.py"), "attune.text.recognisers.fake", 0, folder

    def available(self):
        return True

    def files(self, language):
        return [self.folder / "model.bin"]

    def transcribe(self, sound, language=None, *, hook=None):
        self.asked += 1
        sound.waveform(16_000)
        return Transcript(WORDS, language="en", notes=("heard by a fake",))


class Diarizer:
    """Says TURNS, and counts how often it is asked."""

    TITLE, WEIGHTS, LICENSE_CLASS = "fake", (), "permissive"

    def __init__(self, folder):
        self.__file__, self.asked = str(folder / "diarizer.py"), 0

    def available(self):
        return True

    def stream(self, settings):
        self.asked += 1
        return self

    duration = 1.0

    def push(self, samples):
        pass

    def close(self):
        pass

    def turns(self, speakers="auto", book=None):
        return list(TURNS)


@pytest.fixture
def fakes(monkeypatch, tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "recogniser.py").write_text("# code")
    (tmp_path / "diarizer.py").write_text("# code")
    recogniser, diarizer = Recogniser(tmp_path), Diarizer(tmp_path)
    real = registry.load

    def load(folder, name):
        return {"fake": recogniser}.get(name) if folder == recognisers.FOLDER else {"fake": diarizer}.get(name) if folder == diarizers.FOLDER else real(folder, name)

    monkeypatch.setattr(registry, "load", load)
    return recogniser, diarizer


@pytest.fixture
def heard(fakes, tmp_path):
    sound = made.plain_wav(tmp_path / "a.wav", made.tone(1.0))

    def run(**settings):
        chosen = {"face": None, "voice": None, "recogniser": "fake", "diarizer": "fake", **settings}
        return attune.measure(sound, cache=Cache(tmp_path / "cache"), **chosen)

    return run


def test_a_recogniser_and_a_diarizer_are_asked_once(heard, fakes):
    first, again = heard(speakers="auto"), heard(speakers="auto", confidence=0.5)
    assert [f.asked for f in fakes] == [1, 1]
    assert first.segments == again.segments and first.notes == again.notes and first.duration == again.duration
    assert {"speaker 1", "speaker 2"} == {s.person for s in again.segments if s.kind == "speech"}
    assert any("two speak at once" in n for n in again.notes) and "heard by a fake" in again.notes
    assert [w.confidence for s in again.segments for w in s.words if w.confidence] == [1 / 3]


def test_another_language_model_or_code_is_heard_anew(heard, fakes, tmp_path):
    asked = itertools.count(1)
    for change in (lambda: None, lambda: (tmp_path / "model.bin").write_bytes(b"others"), lambda: (tmp_path / "recogniser.py").write_text("# more")):
        change()
        heard()
        heard()
        assert fakes[0].asked == next(asked)
    heard(language="de")
    assert fakes[0].asked == next(asked)


def test_another_number_pause_or_book_is_told_anew(heard, fakes, tmp_path):
    Book({"Ada": np.eye(256)[0]}).write(tmp_path / "book.json")
    for asked, change in enumerate(({}, {"speakers": "3"}, {"pause": 0.2}, {"voices": str(tmp_path / "book.json")}), start=1):
        heard(**{"speakers": "auto", **change})
        heard(**{"speakers": "auto", **change})
        assert fakes[1].asked == asked
    Book({"Ada": np.eye(256)[1]}).write(tmp_path / "book.json")
    heard(speakers="auto", voices=str(tmp_path / "book.json"))
    assert fakes[1].asked == 5


def test_a_recogniser_that_doesnt_say_its_files_isnt_kept(heard, fakes, monkeypatch):
    monkeypatch.delattr(Recogniser, "files")
    heard()
    heard()
    assert fakes[0].asked == 2


def test_no_voice_is_kept(heard, tmp_path):
    heard(speakers="auto")
    (kept,) = (tmp_path / "cache" / "speakers").rglob("*.npz")
    with np.load(kept) as arrays:
        assert arrays.files == ["facts"] and "speaker 1" in str(arrays["facts"])


def test_faster_whispers_files_are_its_folders(monkeypatch, tmp_path):
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text(name)
    monkeypatch.setenv(faster_whisper.FOLDER, str(tmp_path))
    assert [p.name for p in recognisers.files(faster_whisper, "en-US")] == ["config.json", "model.bin", "tokenizer.json"]
    monkeypatch.setenv(faster_whisper.FOLDER, str(tmp_path / "none"))
    assert recognisers.files(faster_whisper) == []


def test_books_are_told_apart_by_what_is_in_them():
    one, other = Book({"Ada": np.eye(256)[0]}), Book({"Ada": np.eye(256)[1]})
    assert one.digest() != other.digest() and one.digest() == Book({"Ada": np.eye(256)[0]}).digest()
    assert speakers.at_once(TURNS) == pytest.approx(0.2)


@pytest.mark.parametrize("stage", ["face", "voice"])
@pytest.mark.parametrize("changed", ["checkpoints/hub.py", "checkpoints/nets/heads.py", "measure.py"])
def test_other_code_that_a_checkpoint_runs_through_is_another_stage(stage, changed, tmp_path, monkeypatch):
    for name in ("measure.py", "checkpoints/hub.py", "checkpoints/nets/heads.py", f"{stage}/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    before = cache._code.__wrapped__(stage)
    (tmp_path / changed).write_text("after")
    assert cache._code.__wrapped__(stage) != before
