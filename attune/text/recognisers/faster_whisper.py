"""Whisper by CTranslate2: words with times and probabilities, in about a hundred languages, on a CPU.

Radford et al. (2022), Robust speech recognition via large-scale weak supervision. The library is an extra, the models are
fetched by the user, once; here only what lies on this machine is used. The whole sound is held in memory, 230 MB an hour.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import MissingExtra
from attune.text.transcript import Transcript
from attune.types import Segment

TITLE = "faster-whisper"
LICENSE = "MIT (library and models)"
REFERENCE = "https://github.com/SYSTRAN/faster-whisper"
FOLDER = "ATTUNE_WHISPER"                # environment variable: a folder with a model
INSTALL = (
    "pip install 'attune[whisper]', then fetch a model once, for example "
    'python -c "from faster_whisper import download_model; download_model(\'small\')", '
    f"or let {FOLDER} name a folder that holds one"
)

Hook = Callable[[str, float, float], None]      # step, done, total
SAMPLE_RATE = 16_000                     # Hz
# of several models here the first of these is taken: small is what Hume's prosody model starts from, and about real time on one core
SIZES = ("small", "small.en", "base", "base.en", "medium", "medium.en", "large-v3-turbo", "large-v3", "large-v2", "tiny", "tiny.en")
MOST_THREADS = 4                         # of a model that is kept beside other work: half of the cores, at most as many as the library takes by itself

_kept: dict[tuple[str, Any], Any] = {}   # folder, library -> the opened model
_keeping = threading.Lock()


def available() -> bool:
    """Whether the library can be imported and a model lies on this machine; nothing is imported or fetched.

    >>> available() in (True, False)
    True
    """
    return importlib.util.find_spec("faster_whisper") is not None and folder() is not None


def folder(language: str | None = None) -> Path | None:
    """The folder of a model that knows the language: $ATTUNE_WHISPER, or in the cache of Hugging Face's hub; None if there is none."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given) if _complete(Path(given)) else None
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    for size in SIZES:
        if size.endswith(".en") and language not in (None, "en"):
            continue
        for model in sorted(cache.glob(f"models--*--faster-whisper-{size}/snapshots/*")):
            if _complete(model):
                return model
    return None


def files(language: str | None = None) -> list[Path]:
    """What `transcribe` runs by for a language: the files of its model's folder; none if there is none."""
    model = folder(_tag(language))
    return sorted(path for path in model.iterdir() if path.is_file()) if model else []


def _tag(language: str | None) -> str | None:
    """Of a BCP-47 tag the language alone; None where the model shall tell."""
    return None if not language or language == "auto" else language.lower().replace("_", "-").split("-")[0]


def _complete(model: Path) -> bool:
    """Whether nothing is missing that the library would fetch."""
    return all((model / name).is_file() for name in ("model.bin", "config.json", "tokenizer.json"))


def transcribe(
    sound: Any, language: str | None = None, *, hook: Hook | None = None, library: Any = None, model: Path | None = None, keep: bool = False
) -> Transcript:
    """Words with times.

    Parameters
    ----------
    sound : (n,) float32 at 16 kHz, a `Media`, or the path of a media file
    language : BCP-47; None or "auto" lets the model tell
    hook : called as hook("recogniser", done, total), in seconds of sound
    library : what has `WhisperModel`; by default `faster_whisper`
    model : folder of the model; by default `folder()`
    keep : leave the model open for the next time in this process, for whoever hears utterance after utterance while other work goes on

    Returns
    -------
    Transcript
        Segments with words (start, end, confidence), the language that was given or detected, its probability in the notes.

    Raises
    ------
    MissingExtra
        If the library or a model isn't here.
    """
    tag = _tag(language)
    model = model or folder(tag)
    if model is None:
        raise MissingExtra(f"no model for {TITLE} and the language {tag or 'of the sound'} on this machine: {INSTALL}")
    whisper = _opened(model, library or _library(), keep)
    if hasattr(sound, "waveform"):
        sound = sound.waveform(SAMPLE_RATE)
    source = np.asarray(sound, np.float32) if not isinstance(sound, str | Path) else str(sound)
    found, info = whisper.transcribe(source, language=tag, word_timestamps=True, vad_filter=True, condition_on_previous_text=False)
    segments = []
    for each in found:                   # recognised while we ask
        segment = _segment(each)
        segments += [segment] if segment else []
        if hook:
            hook("recogniser", float(each.end), float(info.duration))
    notes = [f"{TITLE}'s model {_name(model)}"]
    if tag is None:
        notes.append(f"language detected: {info.language} (probability {info.language_probability:.2f})")
    return Transcript(tuple(segments), language=info.language, notes=tuple(notes))


def _opened(model: Path, library: Any, keep: bool) -> Any:
    """The model: one that was kept, else opened now."""
    how = {"device": "cpu", "compute_type": "int8", "local_files_only": True}
    if not keep:
        return library.WhisperModel(str(model), **how)
    with _keeping:
        if (str(model), library) not in _kept:
            own = {} if os.environ.get("OMP_NUM_THREADS") else {"cpu_threads": max(1, min(MOST_THREADS, (os.cpu_count() or 2) // 2))}
            _kept[str(model), library] = library.WhisperModel(str(model), **how, **own)
        return _kept[str(model), library]


def _library() -> Any:
    try:
        return importlib.import_module("faster_whisper")
    except ImportError as error:
        raise MissingExtra(f"recognising speech needs {TITLE}: {INSTALL}") from error


def _segment(found: Any) -> Segment | None:
    words = tuple(_words(found.words or ()))
    text = " ".join(found.text.split())
    if not text and not words:
        return None
    start, end = (words[0].start, max(w.end for w in words)) if words else (float(found.start), float(found.end))
    return Segment(start, max(start, end), text=text, words=words, confidence=min(1.0, math.exp(found.avg_logprob)))


def _words(found: Iterable[Any]) -> Iterable[Segment]:
    for w in found:
        if w.word.strip():
            yield Segment(float(w.start), max(float(w.start), float(w.end)), text=w.word.strip(), confidence=float(w.probability))


def _name(model: Path) -> str:
    """The model's name, from a folder of its own or from the hub's cache."""
    hub = [part for part in model.parts if part.startswith("models--")]
    return hub[-1].rpartition("--")[2] if hub else model.name
