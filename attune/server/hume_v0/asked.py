"""A request of the API v0: its form, its checks, and what it means in our settings.

The defaults are those of Hume's documentation, save two, where the client says nothing: `prob_threshold` (.99 there) and `min_face_size` are our own
`face_score` and `min_face`, which were measured for our detector. What a client states counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attune.errors import SettingError
from attune.server.hume_v0.predicted import Wanted
from attune.server.intake import checked_url
from attune.server.plan import Plan
from attune.settings import Settings

Granularity = Literal["word", "sentence", "utterance", "conversational_turn"]
LANGUAGES = ("zh", "da", "nl", "en", "en-AU", "en-IN", "en-NZ", "en-GB", "fr", "fr-CA", "de", "hi", "hi-Latn", "id", "it", "ja", "ko", "no", "pl", "pt",
             "pt-BR", "pt-PT", "ru", "es", "es-419", "sv", "ta", "tr", "uk")
EVERY = 120.0                            # pictures per second where every one is asked for (fps_pred 0): as many as our settings allow

NOT_HERE = {
    "ner": "named entities aren't measured by this server; expected any of face, prosody, language, burst",
    "facemesh": "no model of this server reads face meshes; send pictures or video to the face model",
    "burst": "no model of vocal bursts is installed on this server, or none that its operator lets be used",
    "facs": "no model of this server gives action units; facs is null",
    "descriptions": "no model of this server gives descriptions of faces; descriptions is null",
    "sentiment": "no model of this server gives a distribution of sentiment; sentiment is null, and valence stands beside the emotions",
    "toxicity": "no model of this server gives toxicity; toxicity is null",
    "save_faces": "pictures of faces aren't kept",
}


class _Form(BaseModel):
    """Unknown fields are passed over, as the service did."""

    model_config = ConfigDict(extra="ignore")


class Face(_Form):
    fps_pred: float | None = Field(default=None, ge=0, le=EVERY)
    prob_threshold: float | None = Field(default=None, ge=0, le=1)
    identify_faces: bool | None = None
    min_face_size: float | None = Field(default=None, ge=0, le=10_000)
    facs: dict[str, Any] | None = None
    descriptions: dict[str, Any] | None = None
    save_faces: bool | None = None


class Window(_Form):
    length: float | None = Field(default=None, ge=0.5, le=60)
    step: float | None = Field(default=None, ge=0.5, le=60)


class Prosody(_Form):
    granularity: Granularity | None = None
    window: Window | None = None
    identify_speakers: bool | None = None


class Language(_Form):
    granularity: Granularity | Literal["passage"] | None = None
    sentiment: dict[str, Any] | None = None
    toxicity: dict[str, Any] | None = None
    identify_speakers: bool | None = None


class Models(_Form):
    face: Face | None = None
    burst: dict[str, Any] | None = None
    prosody: Prosody | None = None
    language: Language | None = None
    ner: dict[str, Any] | None = None
    facemesh: dict[str, Any] | None = None


class Transcription(_Form):
    language: str | None = None
    identify_speakers: bool | None = None
    confidence_threshold: float | None = Field(default=None, ge=0, le=1)


class Request(_Form):
    """The body of `POST /v0/batch/jobs`. `consent` and `purpose` are ours, and travel with the job."""

    models: Models | None = None
    transcription: Transcription | None = Field(default_factory=lambda: Transcription())
    urls: list[str] | None = None
    text: list[str] | None = None
    callback_url: str | None = None
    notify: bool | None = None
    consent: str = Field(default="", max_length=500)
    purpose: str = Field(default="", max_length=500)


def request_of(data: Any) -> Request:
    """A request from decoded JSON; `SettingError` in a sentence that names the field."""
    try:
        asked = Request.model_validate(data if data is not None else {})
    except ValidationError as error:
        raise SettingError(sentence(error)) from None
    language = asked.transcription.language if asked.transcription else None
    if language is not None and language not in LANGUAGES:
        raise SettingError(f"transcription.language: {language!r}; expected one of {', '.join(LANGUAGES)}")
    for url in (*(asked.urls or ()), *([asked.callback_url] if asked.callback_url else ())):
        checked_url(url)
    return asked


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong, with the field's place."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(p) for p in first["loc"])
    came = repr(first["input"])
    came = came if len(came) < 80 else f"{came[:77]}..."
    return f"{place or 'the request'}: {came}; {first['msg'][0].lower()}{first['msg'][1:]}"


def plan(models: Models | None, transcription: Transcription | None, base: Settings, *, fill: bool = True) -> Plan:
    """What a request means for measuring. Without `models`, everything that is measured here."""
    given = models or Models()
    asked = frozenset(name for name in Models.model_fields if getattr(given, name) is not None)
    everything = not asked
    face, prosody, language = given.face or Face(), given.prosody or Prosody(), given.language or Language()
    wanted = {name: everything or name in asked for name in ("face", "prosody", "language", "burst")}
    have = {"face": bool(base.face), "prosody": bool(base.voice), "language": bool(base.text), "burst": _bursts(base)}
    missing = [(name, NOT_HERE[name]) for name in ("ner", "facemesh", *(["burst"] if not have["burst"] else [])) if name in asked]
    missing += [(f"face.{name}", NOT_HERE[name]) for name in ("descriptions",) if getattr(face, name) is not None]
    missing += [("face.save_faces", NOT_HERE["save_faces"])] * bool(face.save_faces)
    missing += [(f"language.{name}", NOT_HERE[name]) for name in ("sentiment", "toxicity") if getattr(language, name) is not None]
    heard = transcription or Transcription()
    speakers = prosody.identify_speakers or language.identify_speakers or heard.identify_speakers
    if transcription is None and "language" in asked:
        missing.append(("language", "transcription is null, so media has no words to read; give a transcription, or leave it out"))

    rows: dict[str, Any] = {"granularity": (prosody.granularity or "utterance").replace("conversational_turn", "turn")}
    if prosody.window is not None:
        length = prosody.window.length or 4.0
        rows = {"granularity": "window", "window": length, "hop": min(prosody.window.step or 1.0, length)}
    settings = replace(
        base, transcript=None, portraits=False, **rows, language=(heard.language or base.language),
        face=base.face if wanted["face"] else None, voice=base.voice if wanted["prosody"] else None,
        text=base.text if transcription is not None and (wanted["language"] or wanted["prosody"]) else None,
        fps=EVERY if face.fps_pred == 0 else max(face.fps_pred or base.fps, 0.01),
        face_score=min(max(base.face_score if face.prob_threshold is None else face.prob_threshold, 0.5), 1.0),
        min_face=base.min_face if face.min_face_size is None else round(min(max(face.min_face_size, 20), 2000)),
    )
    return Plan(
        settings=settings, asked=asked, models=tuple(name for name, on in wanted.items() if on and have[name]), missing=tuple(missing),
        granularity=(language.granularity or "word").replace("conversational_turn", "turn") if wanted["language"] else None,
        threshold=heard.confidence_threshold or 0.0,
        wanted=Wanted(
            identify_faces=bool(face.identify_faces), identify_speakers=bool(speakers),
            min_face_size=face.min_face_size or 0.0, prob_threshold=face.prob_threshold or 0.0, facs=face.facs is not None, descriptions=False, fill=fill),
    )


def _bursts(base: Settings) -> bool:
    from attune.server.measuring import burst_model

    return burst_model(base.commercial_safe) is not None
