"""How well speech is found, how soft it may be, and what it costs: `python benchmarks/activity.py CORPORA`.

CORPORA is the folder that holds `speech/conversation` (meetings and dialogues with RTTM files) and `speech/ravdess`. A frame of
10 ms is speech if any speaker's annotation covers it. Nothing here was tuned on single files; the gain's level was chosen on the
same meetings, among .01 to .1, so the table is in-sample for that one number. The tables go to benchmarks/activity.md.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from attune.media import Media
from attune.voice.activity import SAMPLE_RATE, Activity

STEP = 0.01                              # s
LEVELS = (1.0, 0.1, 0.01, 0.001)         # times the recording's own level


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    speech = given.corpora / "speech"
    truth = annotated(speech / "conversation")
    sounds = {name: Media.open(speech / "conversation" / name).waveform(SAMPLE_RATE) for name in truth}
    lines = [
        "# Speech activity", "", "`python benchmarks/activity.py CORPORA`", "",
        f"{len(truth)} annotated files, {sum(map(len, sounds.values())) / SAMPLE_RATE:.0f} s of meetings and a dialogue; frames of 10 ms. "
        "The level of the gain was chosen on these files (in-sample).", "",
        "| level, times its own | pause s | precision | recall | F1 | CPU ms per s |", "|---|---|---|---|---|---|",
        *(row(sounds, truth, level, pause) for level in LEVELS for pause in (0.2, 0.6)), "",
        "| file | rms | speech annotated s | precision | recall |", "|---|---|---|---|---|",
    ]
    for name, sound in sounds.items():
        hit, mine, real = counts(found(sound, 0.6), truth[name], len(sound))
        lines.append(f"| {name} | {np.sqrt(np.mean(sound**2)):.4f} | {real * STEP:.1f} | {hit / max(1, mine):.3f} | {hit / max(1, real):.3f} |")
    lines += ["", soft(speech / "ravdess")]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


def row(sounds: dict[str, np.ndarray], truth: dict[str, list[tuple[float, float]]], level: float, pause: float) -> str:
    begin = time.process_time()
    intervals = {name: found(sound * np.float32(level), pause) for name, sound in sounds.items()}
    cost = 1000 * (time.process_time() - begin) / sum(len(s) / SAMPLE_RATE for s in sounds.values())
    hit, mine, real = np.sum([counts(intervals[name], truth[name], len(sounds[name])) for name in sounds], axis=0)
    return f"| {level:g} | {pause} | {hit / mine:.3f} | {hit / real:.3f} | {2 * hit / (mine + real):.3f} | {cost:.1f} |"


def soft(folder: Path) -> str:
    """Acted clips of rms < .001 are speech."""
    with (folder / "metadata.csv").open(encoding="utf-8") as f:
        clips = [r for r in csv.DictReader(f) if float(r["rms"]) < 0.001]
    seconds = [sum(b - a for a, b in found(Media.open(folder / r["file"]).waveform(SAMPLE_RATE), 0.6)) for r in clips]
    return f"Acted clips of rms < .001: {len(clips)}; with speech found: {sum(s > 0 for s in seconds)}, {min(seconds):.1f} to {max(seconds):.1f} s in each."


def found(sound: np.ndarray, pause: float) -> list[tuple[float, float]]:
    activity = Activity(pause=pause)
    return activity.push(sound) + activity.close()


def counts(mine: list[tuple[float, float]], real: list[tuple[float, float]], samples: int) -> tuple[int, int, int]:
    """Frames in both, in mine, in the annotation."""
    a, b = (covered(intervals, samples / SAMPLE_RATE) for intervals in (mine, real))
    return int((a & b).sum()), int(a.sum()), int(b.sum())


def covered(intervals: list[tuple[float, float]], duration: float) -> np.ndarray:
    centres = np.arange(STEP / 2, duration, STEP)
    out = np.zeros(len(centres), bool)
    for start, end in intervals:
        out |= (centres >= start) & (centres < end)
    return out


def annotated(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Speech intervals by file, for the files that have some in an RTTM."""
    by_id = defaultdict(list)
    for rttm in sorted(folder.glob("*.rttm")):
        for line in rttm.read_text(encoding="utf-8").splitlines():
            parts = line.split()
            if parts:
                by_id[parts[1]].append((float(parts[3]), float(parts[3]) + float(parts[4])))
    files = {p.name: p.stem.removeprefix("ami_").split("_")[0].replace("pyannote", "sample") for p in sorted(folder.glob("*.opus"))}
    return {name: by_id[key] for name, key in files.items() if key in by_id}


if __name__ == "__main__":
    main()
