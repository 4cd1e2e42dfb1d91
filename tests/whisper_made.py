"""A recogniser of our own making in faster-whisper's place: it says what it was told to say, an utterance after the other."""

import importlib.util
import json
import sys

SOURCE = '''
import json
import threading
from pathlib import Path
from types import SimpleNamespace

GATE = threading.Event()                 # closed: nothing comes back
GATE.set()
MODELS = []


class WhisperModel:
    """Utterance by utterance the lines of says.json: words, laid evenly over the sound; null: it fails. Silence, and what comes after them, has no words."""

    def __init__(self, folder, **options):
        self.says, self.options, self.heard = json.loads((Path(folder) / "says.json").read_text()), options, []
        if self.says == "damaged":
            raise RuntimeError("a damaged model")
        MODELS.append(self)

    def transcribe(self, sound, *, language=None, **options):
        assert GATE.wait(60)
        seconds, found = len(sound) / 16_000, []
        if abs(sound).max() > 0:
            self.heard.append((seconds, language))
            line = self.says.pop(0) if self.says else ""
            if line is None:
                raise RuntimeError("out of memory in /home/somebody/models")
            words = line.split()
            step = seconds / max(1, len(words))
            said = [SimpleNamespace(word=" " + w, start=i * step, end=(i + 1) * step, probability=0.75) for i, w in enumerate(words)]
            found = [SimpleNamespace(start=0.0, end=seconds, text=line, avg_logprob=-0.1, words=said)] if said else []
        return iter(found), SimpleNamespace(language=language or "en", language_probability=0.9, duration=seconds)
'''


def model(folder, says):
    """The folder of a model that says this."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).touch()
    (folder / "says.json").write_text(json.dumps(says))
    return folder


def library(folder):
    """The library as a file in a folder, for the path of a process."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faster_whisper.py").write_text(SOURCE)
    return folder


def installed(monkeypatch, folder, says):
    """The library in this process until the test is over, with a model that says this."""
    spec = importlib.util.spec_from_file_location("faster_whisper", library(folder / "library") / "faster_whisper.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    monkeypatch.setenv("ATTUNE_WHISPER", str(model(folder / "base", says)))
    return module
