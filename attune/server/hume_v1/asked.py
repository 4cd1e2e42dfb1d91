"""What a client of the API v1 may ask for: configurations, sound, and the errors that say otherwise."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attune.server.config import MB
from attune.server.hume_v0.asked import sentence

REQUEST = 25 * MB                        # bytes of an upload, the whole body
IMAGE = 2 * MB                           # bytes of one picture
FRAME = 10                               # s of sound in one message
SAMPLE_RATE = 16_000                     # Hz; s16le, one channel
SECOND = SAMPLE_RATE * 2                 # bytes
OTHERS = (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"ID3", b"fLaC", b"OggS", b"RIFF", b"FORM", b"\x1aE\xdf\xa3")      # how other formats begin


class Wrong(Exception):
    """A request that isn't answered: its HTTP status, the API's code, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class _Given(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class AudioFormat(_Given):
    type: Literal["audio/pcm"] = "audio/pcm"
    encoding: Literal["s16le"] = "s16le"
    sample_rate: Literal[16000] = 16000
    channels: Literal[1] = 1


class ImageFormat(_Given):
    type: Literal["image/jpeg"] = "image/jpeg"


class Face(_Given):
    threshold: float = Field(default=0.9, ge=0, le=1)
    min_size: int = Field(default=60, ge=1, le=10_000)


class AudioConfig(_Given):
    """Of a session, or of a file."""

    audio: AudioFormat = Field(default_factory=AudioFormat)
    measurement_timer_ms: int = Field(default=3000, ge=3000, le=10_000)

    def asked(self) -> dict[str, Any]:
        """For the process that measures."""
        return {"v1": "hearing", "timer": self.measurement_timer_ms / 1000}


class VideoConfig(_Given):
    image: ImageFormat = Field(default_factory=ImageFormat)
    face: Face = Field(default_factory=Face)

    def asked(self) -> dict[str, Any]:
        return {"v1": "seeing", **self.face.model_dump()}


class _FileFace(Face):
    return_face_state: bool = False


class VideoFileConfig(_Given):
    face: _FileFace = Field(default_factory=_FileFace)
    face_state: str = Field(default="", max_length=1000)


def configured(kind: type[Any], given: Any) -> Any:
    """A configuration; fields that are left out or null have their defaults. `Wrong` if it isn't one."""
    if not isinstance(given, dict):
        raise Wrong(400, "config_invalid", f"the configuration is a {type(given).__name__}; expected an object")
    try:
        return kind.model_validate(_filled(given))
    except ValidationError as error:
        raise Wrong(400, "config_invalid", sentence(error)) from None


def _filled(given: Any) -> Any:
    return {k: _filled(v) for k, v in given.items() if v is not None} if isinstance(given, dict) else given


def pcm_of(data: bytes) -> bytes:
    """The samples of an upload: of a WAV file, or of headerless sound.

    Raises
    ------
    Wrong
        If it is another format (415), or sound of another kind, cut short or empty (400).
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _wav(data)
    if data.startswith(OTHERS) or data[4:8] == b"ftyp":
        raise Wrong(415, "unsupported_media_type", f"the file begins with {data[:4]!r}; send a WAV file (16-bit PCM, 16 kHz, mono): "
                                                   "ffmpeg -i input -ac 1 -ar 16000 -sample_fmt s16 output.wav")
    if not data or len(data) % 2:
        raise Wrong(400, "audio_decode_failed", f"{len(data)} bytes; expected 16-bit samples, an even number of bytes above 0")
    return data


def _wav(data: bytes) -> bytes:
    at, form = 12, b""
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            raise Wrong(400, "audio_decode_failed", f"the WAV file ends within {name.decode('latin-1')!r}: {len(body)} of {length} bytes")
        if name == b"fmt ":
            form = body
        elif name == b"data":
            _check(form)
            if not body or length % 2:
                raise Wrong(400, "audio_decode_failed", f"the WAV file holds {length} bytes of sound; expected an even number above 0")
            return body
        at += 8 + length + length % 2
    raise Wrong(400, "audio_decode_failed", "the WAV file holds no sound")


def _check(form: bytes) -> None:
    """RIFF's format chunk: PCM, 16 bits, 16 kHz, one channel."""
    if len(form) < 16:
        raise Wrong(400, "audio_decode_failed", "the WAV file says nothing of its format")
    tag, channels = int.from_bytes(form[:2], "little"), int.from_bytes(form[2:4], "little")
    rate, bits = int.from_bytes(form[4:8], "little"), int.from_bytes(form[14:16], "little")
    if (tag, channels, rate, bits) != (1, 1, SAMPLE_RATE, 16):
        there = f"format {tag}, {channels} channels, {rate} Hz, {bits} bits"
        raise Wrong(400, "audio_decode_failed", f"the WAV file has {there}; expected 1 (PCM), 1, {SAMPLE_RATE}, 16")
