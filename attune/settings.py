"""Every choice of a run, in one place: keyword arguments, command-line flags and the HTTP schema come from here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from attune.errors import SettingError, unknown

MOST_SPEAKERS = 50
MOST_TOGETHER = 128                      # inputs of a call; sounds of 30 s wait for one with 2 MB each
COMMERCIAL = {"text": "minilm_open"}     # what stands in for a default model whose licence forbids commercial use, where there is such a model

Granularity = Literal["word", "sentence", "utterance", "turn", "window"]


def _option(default: Any, reason: str, *, unit: str = "", low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"reason": reason, "unit": unit, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """How to measure; sensible without any argument.

    >>> Settings(fps=5).fps
    5
    >>> Settings.of(fpz=5)
    Traceback (most recent call last):
    attune.errors.UnknownName: no setting 'fpz'; did you mean 'fps'?
    """

    face: str | None = _option("ferplus_resnet", "face expression model; none: don't look at faces")
    voice: str | None = _option("prosody_whisper", "voice expression model; none: don't listen")
    text: str | None = _option("minilm_emotions", "language model; none: don't read")
    transcript: str | None = _option(
        None, "the words: a file (SRT, WebVTT, text, JSON) or a folder of them; by default FILE.srt or FILE.vtt beside the media, else a recogniser"
    )
    recogniser: str | None = _option("auto", "speech recogniser in text/recognisers; auto: the first whose library and model are there")
    language: str = _option("", "language of the words, BCP-47; by default what the transcript or the recogniser says, else guessed from the commonest words")
    granularity: Granularity = _option("utterance", "what a row of the table is: word, sentence, utterance, turn or window")
    pause: float = _option(0.6, "silence that ends an utterance; 0.2 gives the inter-pausal units that speech corpora use", unit="s", low=0.03, high=10)
    window: float = _option(1.0, "length of a window, with granularity=window", unit="s", low=0.1, high=60)
    hop: float | None = _option(None, "from window to window; by default the window's length", unit="s", low=0.05, high=60)
    gap: float = _option(5.0, "a pause longer than this is cut into rows of this length", unit="s", low=0.5, high=600)
    fps: float = _option(3.0, "pictures looked at per second; 3 is what Hume's service took", unit="1/s", low=0.01, high=120)
    min_face: int = _option(40, "smallest face looked for in up to 480 lines, more in more (60 in 720); below 36 little shows", unit="px", low=20, high=2000)
    face_score: float = _option(0.9, "least probability of a face; 0.98 loses true faces", low=0.5, high=1)
    search: float = _option(2.0, "longest time between two searches for faces; while somebody is known, of what changed, and thrice that of whole pictures; "
                            "0: search each picture", unit="s", low=0, high=60)
    patience: float = _option(1.5, "how long a person may be hidden and keep the identity", unit="s", low=0, high=60)
    speakers: str | None = _option(
        None, "who speaks, by voice, and whose face moves its mouth meanwhile: auto, or how many speakers; by default voices aren't told apart"
    )
    diarizer: str = _option("voiceprints", "what tells speakers apart, in voice/diarizers: voiceprints, pyannote, or onnx:FILE")
    voices: str | None = _option(None, "a book of known voices, of `attune voices learn`, whose names speakers get")
    speech: float = _option(0.5, "least probability of speech", low=0.05, high=0.99)
    baseline: str | None = _option(
        None, "whose habits are taken out before fusing: a file of `attune baseline learn`; own: those of the recording's people, learned from it; none"
    )
    confidence: float = _option(0.0, "least probability of a fused row's strongest label; a row below it is left empty, with the reason", low=0, high=1)
    portraits: bool = _option(True, "keep one small picture per person for the report")
    batch: int = _option(
        1, "inputs that a network may see in one call, for large models on a GPU; above 1 last digits may differ, and a worker has several files in hand",
        low=1, high=MOST_TOGETHER)
    commercial_safe: bool = _option(False, "refuse models whose licence forbids commercial use; words are read by minilm_open in minilm_emotions' place")

    def __post_init__(self) -> None:
        for f in fields(self):
            if self.commercial_safe and f.name in COMMERCIAL and getattr(self, f.name) == f.default:
                object.__setattr__(self, f.name, COMMERCIAL[f.name])
        if self.granularity not in get_args(Granularity):
            raise SettingError(f"granularity={self.granularity!r}; expected one of {', '.join(get_args(Granularity))}")
        if self.speakers not in (None, "auto") and not (str(self.speakers).isdecimal() and 0 < int(self.speakers) <= MOST_SPEAKERS):
            raise SettingError(f"speakers={self.speakers!r}; expected auto, or a number from 1 to {MOST_SPEAKERS}")
        for f in fields(self):
            value, low, high = getattr(self, f.name), f.metadata["low"], f.metadata["high"]
            if value is None or low is None:
                continue
            if not isinstance(value, int | float) or not low <= value <= high:
                unit = f" {f.metadata['unit']}" if f.metadata["unit"] else ""
                raise SettingError(f"{f.name}={value!r}; expected a number from {low} to {high}{unit}")
        if not isinstance(self.batch, int):
            raise SettingError(f"batch={self.batch!r}; expected a whole number from 1 to {MOST_TOGETHER}")

    @classmethod
    def of(cls, **given: Any) -> Settings:
        """Settings from keyword arguments; an unknown one is an error that names the nearest."""
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                raise unknown("setting", name, known)
        return cls(**given)

    def asdict(self) -> dict[str, Any]:
        return asdict(self)
