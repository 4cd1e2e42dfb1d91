"""RTTM: who speaks when."""

from __future__ import annotations

import re
from pathlib import Path

from attune.errors import RecordingError
from attune.exports import _assemble, _files
from attune.types import SOMEONE, Recording, Segment

NAME, SUFFIX = "rttm", ".rttm"
FACTS = {
    "title": "RTTM, speaker turns",
    "keeps": "who speaks when, and how sure that is; a blank in a name is written ␣",
    "loses": "words, every estimate, pauses and who else was in view (pauses are made again), settings",
    "readers": "pyannote, dscore, NIST md-eval, Kaldi",
    "reference": "NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, appendix A; SPEAKER lines only, as pyannote wants",
}
NOTHING = "<NA>"
BLANK = "␣"                              # names have no blanks in RTTM; this sign comes back as one


def write(recording: Recording, path: Path) -> Path:
    turns = [s for s in recording.segments if s.kind == "speech"]
    if not turns:
        raise RecordingError(f"{recording.source} has no speech; an RTTM file holds nothing else")
    name = re.sub(r"\s", "_", Path(recording.source).stem) or "recording"
    return _files.put(path, "".join(f"{_line(name, s)}\n" for s in turns))


def read(path: Path) -> Recording:
    spoken: list[Segment] = []
    files: dict[str, None] = {}
    for n, line in enumerate(_files.text_of(path, "an RTTM file").splitlines(), 1):
        cells = line.split()
        if not cells or cells[0].startswith(";;") or cells[0] in ("SPKR-INFO", "NOSCORE", "NO_RT_METADATA"):
            continue
        if cells[0] != "SPEAKER":
            if not spoken and not re.fullmatch(r"[A-Z][A-Z_/-]+", cells[0]):
                raise RecordingError(f"{path.name} line {n} begins with {cells[0][:40]!r}; expected SPEAKER")
            continue
        if len(cells) < 9:
            raise RecordingError(f"{path.name} line {n} has {len(cells)} fields; expected 10 (or 9, without the last); it may be cut off")
        try:
            start, length = float(cells[3]), float(cells[4])
            sure = None if cells[8] == NOTHING else float(cells[8])
            spoken.append(Segment(start, round(start + length, 9), SOMEONE if cells[7] == NOTHING else cells[7].replace(BLANK, " "), confidence=sure))
        except ValueError as error:
            raise RecordingError(f"{path.name} line {n}: {error}; expected SPEAKER file channel start length {NOTHING} {NOTHING} name") from error
        files[cells[1]] = None
    if not spoken:
        raise RecordingError(f"{path.name} has no SPEAKER line; expected an RTTM file")
    if len(files) > 1:
        raise RecordingError(f"{path.name} holds the turns of {len(files)} recordings ({', '.join(list(files)[:4])} ...); expected those of one")
    return _assemble.recording(next(iter(files)), spoken, [], origin=f"RTTM ({path.name})")


def mine(path: Path) -> bool:
    head = _files.glance(path)
    return (path.suffix.lower() == ".rttm" and path.is_file()) or head.startswith("SPEAKER ")


def _line(name: str, s: Segment) -> str:
    person = re.sub(r"\s", BLANK, s.person) or NOTHING
    sure = NOTHING if s.confidence is None else repr(float(s.confidence))
    return f"SPEAKER {name} 1 {_number(s.start)} {_number(s.end - s.start)} {NOTHING} {NOTHING} {person} {sure} {NOTHING}"


def _number(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".")
