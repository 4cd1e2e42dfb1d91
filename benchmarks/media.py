"""Every file of a folder measured: faces, people and speech found, beside what a person counted by looking and listening.

    python benchmarks/media.py DIR

DIR holds videos and pictures, anywhere below it. Counts by eye stand in benchmarks/media_truth.csv (file, people, first_face_s,
note); a file that isn't in it is measured without a verdict. The table goes to benchmarks/media.md.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

import attune
from attune import batch
from attune.errors import AttuneError

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "media.md")
    given = parser.parse_args()
    with (HERE / "media_truth.csv").open(encoding="utf-8") as f:
        truth = {row["file"]: row for row in csv.DictReader(f)}
    lines = [
        "# Every file measured", "", "`python benchmarks/media.py DIR`; people by eye from `media_truth.csv`. "
        "The detector's thresholds were set on these files: in-sample.", "",
        "| file | s | pictures with a face | faces | first face, s | people by eye | people found | speech, s | CPU s per s | notes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    right = judged = 0
    for path in batch.find([given.folder]):
        began = time.process_time()
        try:
            recording = attune.measure(path, text=None)
        except AttuneError as error:
            lines.append(f"| {path.name} | | | | | | | | | {error} |")
            continue
        cost = time.process_time() - began
        faces, known = recording.faces, truth.get(path.relative_to(given.folder).as_posix())
        seen = len({e for e in recording["face.ferplus8"].person if e}) if len(faces) else 0
        if known:
            judged += 1
            right += seen == int(known["people"])
        speech = sum({(s.start, s.end): s.duration for s in recording.segments if s.kind == "speech"}.values())
        notes = [*recording.notes, *([f"by eye: {known['note']}"] if known and known["note"] else [])]
        lines.append(
            f"| {path.name} | {recording.duration:.1f} | {len(np.unique(faces.time))} | {len(faces)} | "
            f"{f'{faces.time[0]:.1f}' if len(faces) else ''} | {known['people'] if known else ''} | {seen} | {speech:.1f} | "
            f"{cost / max(recording.duration, 1):.2f} | {'; '.join(notes)} |"
        )
        print(lines[-1], flush=True)
    lines += ["", f"People counted as by eye: {right} of {judged} files."]
    print(lines[-1])
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
