"""What a recogniser costs a live session, and how late its words are: with a model of your own on this machine.

    python benchmarks/live_words.py                          # samples/hello.mp4 in real time, with and without; the recogniser auto
    python benchmarks/live_words.py talk.mp4 --language en --recogniser faster_whisper --fast

CPU: seconds of this process for a second of media, all threads. Late: from the end of an utterance (its last sound, before the 0.6 s of silence by which
it is known) to its words, by the clock; only in real time. Wrong: words that were changed, left out or added, of those of the transcript beside the
file. On a busy machine the clock says little, CPU still does.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from attune.live import Failed, Seen, Session, Spoken, Told, sources
from attune.media import Media
from attune.settings import Settings
from attune.text import transcript

SAMPLE = Path(__file__).parents[1] / "samples" / "hello.mp4"


@dataclass
class Run:
    """A file through one session."""

    cpu: float = 0.0
    seconds: float = 0.0
    late: list[float] = field(default_factory=list)          # s
    took: list[float] = field(default_factory=list)          # s, of the recogniser, by the clock
    pictures: list[float] = field(default_factory=list)      # s
    words: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def run(file: Path, settings: Settings, recogniser: str | None, *, fast: bool) -> Run:
    session, out = Session(settings, recogniser=recogniser, adapt=not fast), Run()
    session.recognised(600)                                  # the model is open
    ends: list[float] = []
    began, cpu = time.monotonic(), time.process_time()
    wait = None if fast else lambda at: time.sleep(max(0.0, began + at - time.monotonic()))
    for told in chain(sources.play(session, Media.open(file), wait=wait), _late(session)):
        if isinstance(told, Seen):
            out.pictures.append(told.took)
        elif isinstance(told, Failed):
            out.failed.append(told.text)
        elif isinstance(told, Spoken) and told.modality == "voice" and not told.interim:
            ends.append(float(told.estimates[0].end[0]))
        elif isinstance(told, Spoken) and told.recogniser:
            out.words.append(told.text)
            out.took.append(told.took)
            out.late.append(time.monotonic() - began - min(ends, key=lambda end: abs(end - told.words[-1].end)))
    out.cpu, out.seconds = time.process_time() - cpu, session.now
    return out


def _late(session: Session) -> Iterator[Told]:
    """What the end didn't wait for."""
    yield from session.recognised(600)


def wrong(said: str, heard: str) -> tuple[int, int]:
    """Edits between two texts, in words, and the words of the first."""
    a, b = (re.findall(r"[\w']+", text.lower()) for text in (said, heard))
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, start=1):
        before, row[0] = row[:], i
        for j, other in enumerate(b, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other))
    return row[-1], len(a)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=[SAMPLE])
    parser.add_argument("--recogniser", default="auto")
    parser.add_argument("--language", default="en", help="empty: the recogniser tells")
    parser.add_argument("--fast", action="store_true", help="as fast as it goes: CPU only")
    parser.add_argument("--no-face", action="store_true")
    given = parser.parse_args()
    settings = Settings(language=given.language, face=None if given.no_face else Settings().face)
    print("| file | s | utterances | CPU/s without | CPU/s with | CPU s an utterance | late s, median, most | ms a picture without, with | wrong |")
    print("|---|---|---|---|---|---|---|---|---|")
    for file in given.files:
        without, by = (run(file, settings, name, fast=given.fast) for name in (None, given.recogniser))
        beside = file.with_suffix(".srt")
        edits = wrong(" ".join(s.text for s in transcript.read(beside).segments), " ".join(by.words)) if beside.is_file() else None
        n = max(1, len(by.words))
        late = "–" if given.fast or not by.late else f"{np.median(by.late):.1f}, {max(by.late):.1f}"
        pictures = ", ".join(f"{np.median(r.pictures) * 1000:.0f}" if r.pictures else "–" for r in (without, by))
        print(f"| {file.name} | {by.seconds:.1f} | {len(by.words)} | {without.cpu / without.seconds:.2f} | {by.cpu / by.seconds:.2f} | "
              f"{(by.cpu - without.cpu) / n:.2f} | {late} | {pictures} | {f'{edits[0]} of {edits[1]}' if edits else '–'} |")
        print(*(f"\n“{line}”" for line in by.words), *by.failed, sep="")


if __name__ == "__main__":
    main()
