"""Captions in both formats: written by `attune.describe.render`, read by `attune.text.transcript`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from attune.describe.language import language, names
from attune.describe.render import rendered
from attune.errors import RecordingError, TranscriptError
from attune.exports import _assemble, _files
from attune.text import transcript
from attune.types import Recording, Segment

KEEPS = "what was said, by whom and when, with the expression beside it in words"
LOSES = ("numbers and models (an expression is said in words, and not read back), pauses and who else was in view, single words' times, "
         "times below a millisecond")
_NUMBERED = re.compile(r"Person \d+|Speaker")        # names that Attune gives begin with a small letter, and with a capital in a sentence


def write(recording: Recording, path: Path, form: str) -> Path:
    return _files.put(path, rendered(recording, form, whole=False))


def read(path: Path, what: str) -> Recording:
    """Utterances as segments; expressions in brackets that Attune wrote are taken off."""
    text = _files.text_of(path, what)
    try:
        found = transcript.parse(text, path.name)
    except TranscriptError as error:
        raise RecordingError(str(error)) from error
    shown = _shown()
    spoken = []
    for s in found.segments:
        said = shown.sub("", s.text, count=1)
        if said.strip():
            spoken.append(_named(replace(s, text=said)))
    if not spoken:
        raise RecordingError(f"{path.name} holds no words; expected {what}")
    return _assemble.recording(path.stem, spoken, [], origin=f"captions ({path.name})", notes=found.notes)


def _shown() -> re.Pattern[str]:
    """What `captions` puts before the words, in any of its languages: "[face: very happy; voice: ...] "."""
    parts = sorted({str(language(name).words["parts"][m]) for name in names() for m in ("face", "voice", "text", "fused")})
    return re.compile(rf"^\[(?:{'|'.join(map(re.escape, parts))}): [^\]]*\] ?")


def _named(s: Segment) -> Segment:
    person = s.person[:1].lower() + s.person[1:] if _NUMBERED.fullmatch(s.person) else s.person
    return replace(s, person=person, words=tuple(replace(w, person=person) for w in s.words))
