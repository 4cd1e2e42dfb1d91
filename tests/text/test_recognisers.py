"""A recogniser is used when its library and a model are on this machine, and never fetches anything."""

import importlib.util
import math
from types import SimpleNamespace

import numpy as np
import pytest

from attune import registry
from attune.errors import MissingExtra, UnknownName
from attune.text import recognisers
from attune.text.recognisers import faster_whisper

absent = pytest.mark.skipif(importlib.util.find_spec("faster_whisper") is not None, reason="faster-whisper is installed")


class Library:
    """What is used of faster_whisper: two segments with word times."""

    def __init__(self):
        self.asked = {}

    def WhisperModel(self, folder, **options):  # noqa: N802
        self.asked = {"folder": folder, **options}
        return self

    def transcribe(self, source, **options):
        self.asked |= {"source": source, **options}
        word = lambda text, a, b, p: SimpleNamespace(word=text, start=np.float64(a), end=np.float64(b), probability=p)  # noqa: E731
        segments = [
            SimpleNamespace(start=0.0, end=1.5, text=" Oh, really?", avg_logprob=math.log(0.5),
                            words=[word(" Oh,", 0.1, 0.4, 0.9), word(" really?", 0.5, 1.2, 0.8)]),
            SimpleNamespace(start=1.5, end=2.0, text=" ", avg_logprob=-1.0, words=[]),
            SimpleNamespace(start=2.0, end=3.0, text=" Yes.", avg_logprob=-0.1, words=None),
        ]
        return iter(segments), SimpleNamespace(language="en", language_probability=0.93, duration=4.0)


def test_words_come_with_times_and_probabilities(tmp_path):
    found = faster_whisper.transcribe(np.zeros(16000), library=Library(), model=tmp_path)
    assert [(s.start, s.end, s.text) for s in found.segments] == [(0.1, 1.2, "Oh, really?"), (2, 3, "Yes.")]
    assert [(w.text, w.confidence) for w in found.segments[0].words] == [("Oh,", 0.9), ("really?", 0.8)]
    assert found.segments[0].confidence == pytest.approx(0.5)
    assert found.language == "en"
    assert "language detected: en (probability 0.93)" in found.notes


def test_nothing_is_fetched_and_the_language_is_passed_on(tmp_path):
    library, steps = Library(), []
    media = SimpleNamespace(waveform=lambda rate: np.ones(rate, np.float32))
    faster_whisper.transcribe(media, "de-AT", library=library, model=tmp_path, hook=lambda *step: steps.append(step))
    assert library.asked["local_files_only"] is True
    assert library.asked["folder"] == str(tmp_path)
    assert library.asked["language"] == "de"
    assert library.asked["source"].shape == (16000,)
    assert steps[-1] == ("recogniser", 3.0, 4.0)


def test_model_is_found_where_the_variable_says_or_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.delenv(faster_whisper.FOLDER, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert faster_whisper.folder() is None
    models = {size: tmp_path / "hub" / f"models--Systran--faster-whisper-{size}" / "snapshots" / "abc" for size in ("tiny", "base", "small.en")}
    for model in models.values():
        whole(model)
    assert faster_whisper.folder() == models["small.en"]
    assert faster_whisper.folder("de") == models["base"]
    assert faster_whisper._name(models["base"]) == "faster-whisper-base"
    (models["base"] / "tokenizer.json").unlink()                 # which the library would fetch
    assert faster_whisper.folder("de") == models["tiny"]
    monkeypatch.setenv(faster_whisper.FOLDER, str(tmp_path))
    assert faster_whisper.folder() is None
    whole(tmp_path)
    assert faster_whisper.folder() == tmp_path


def whole(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).touch()


def test_without_a_model_the_error_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv(faster_whisper.FOLDER, str(tmp_path))
    with pytest.raises(MissingExtra, match="download_model"):
        faster_whisper.transcribe(np.zeros(1), library=Library())


@absent
def test_without_the_library_it_is_not_available_and_says_what_to_install(tmp_path):
    assert not faster_whisper.available()
    assert recognisers.first("auto") is None
    with pytest.raises(MissingExtra, match=r"pip install 'attune\[whisper\]'"):
        faster_whisper.transcribe(np.zeros(1), model=tmp_path)
    with pytest.raises(MissingExtra, match="pip install"):
        recognisers.first("faster_whisper")


def test_every_recogniser_of_the_folder_states_what_it_is():
    assert "faster_whisper" in registry.names(recognisers.FOLDER)
    for name in registry.names(recognisers.FOLDER):
        module = registry.load(recognisers.FOLDER, name)
        assert module.TITLE
        assert module.INSTALL
        assert isinstance(module.available(), bool)
        assert callable(module.transcribe)


def test_none_is_none_and_an_unknown_name_is_refused():
    assert recognisers.first("none") is None
    with pytest.raises(UnknownName, match="did you mean 'faster_whisper'"):
        recognisers.first("faster-whisper")


def test_a_model_that_is_kept_is_opened_once_and_takes_half_of_the_cores(tmp_path, monkeypatch):
    opened = []

    class Counted(Library):
        def WhisperModel(self, folder, **options):  # noqa: N802
            opened.append(options)
            return super().WhisperModel(folder, **options)

    library = Counted()
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for keep in (True, True, False):
        faster_whisper.transcribe(np.zeros(16000), library=library, model=tmp_path, keep=keep)
    assert [options.get("cpu_threads") for options in opened] == [3, None]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")               # which the library minds by itself
    faster_whisper.transcribe(np.zeros(16000), library=Counted(), model=tmp_path, keep=True)
    assert "cpu_threads" not in opened[-1]


def test_a_recogniser_that_keeps_nothing_is_asked_all_the_same():
    def transcribe(sound, language=None, *, hook=None):
        return sound, language

    assert recognisers.kept(SimpleNamespace(transcribe=transcribe), "de")("sound") == ("sound", "de")
    assert recognisers.kept(SimpleNamespace(transcribe=lambda sound, language, keep: (language, keep)))("sound") == (None, True)
