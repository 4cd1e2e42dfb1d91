"""How small and how dark a face may be: one-face pictures and clips, shrunk and darkened, and found or not.

    python benchmarks/faces.py FOLDER

takes one picture a second from every file in FOLDER (and below) in which exactly one face is found, and prints, for each size and
each darkness, in how many of them exactly one face is found again, and how far its landmarks are from where they were.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

from attune.errors import AttuneError
from attune.face.detect import detect
from attune.media import Media

WIDTHS = (60, 48, 40, 36, 32, 28, 24)    # pixels of the face
LIGHTS = (0.5, 0.2, 0.1, 0.05)           # of the picture's own


def shrunk(frame: np.ndarray, scale: float) -> np.ndarray:
    h, w = (max(round(n * scale), 1) for n in frame.shape[:2])
    return av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(w, h, "rgb24", interpolation=Interpolation.AREA).to_ndarray()


def main(folder: Path) -> None:
    rows: dict[str, list[tuple[bool, float]]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            frames = list(Media.open(path).frames(fps=1))
        except AttuneError:
            continue
        for _, frame in frames:
            found = detect(frame)
            if len(found.score) != 1:
                continue
            width = float(found.box[0, 2] - found.box[0, 0])
            tries = {f"{px} px": (shrunk(frame, px / width), px / width) for px in WIDTHS if px < width}
            tries |= {f"light x {light}": ((frame * light).astype(np.uint8), 1.0) for light in LIGHTS}
            for name, (picture, scale) in tries.items():
                again = detect(picture)
                one = len(again.score) == 1
                away = float(np.abs(again.landmarks[0] / scale - found.landmarks[0]).mean() / width) if one else np.nan
                rows.setdefault(name, []).append((one, away))
    print(f"{'':12} found  of    landmarks off by (median, of the face's width)")
    for name, results in rows.items():
        ones, aways = zip(*results, strict=True)
        print(f"{name:12} {sum(ones):5} {len(ones):5}  {np.nanmedian(aways):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
