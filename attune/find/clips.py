"""Moments as media clips: the stretch of each source, cut where it starts and encoded anew, so that it plays everywhere.

A recording knows the name of the file it was measured from, not where that lies today; it is looked for under the recorded path, beside the
recording, and in the folders given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from attune.errors import MediaError
from attune.find import Moment

AROUND = 0.5                             # s before and after, so that a moment has a beginning
RATE = 48_000                            # Hz


def source(moment: Moment, folders: Iterable[Path] = ()) -> Path | None:
    """The media file that a moment is from, if it can be found."""
    try:
        named = Path(json.loads((moment.folder / "recording.json").read_text(encoding="utf-8"))["source"])
    except (OSError, KeyError, ValueError):
        return None
    places = [named, moment.folder / named.name, moment.folder.parent / named.name, *(folder / named.name for folder in folders)]
    return next((p for p in places if p.is_file()), None)


def export(moments: Sequence[Moment], out: str | Path, *, folders: Iterable[str | Path] = (), around: float = AROUND) -> tuple[list[Path], list[str]]:
    """Cut each moment from its source; the clips written, and a line for each that couldn't be."""
    out, places, written, notes = Path(out), [Path(f) for f in folders], [], []
    for i, m in enumerate(moments, start=1):
        file = source(m, places)
        if file is None:
            notes.append(f"{m.recording}: its source isn't here; name the folder it lies in with --media")
            continue
        out.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "_", f"{i:03d}-{m.recording}-{m.start:.1f}s")
        try:
            written.append(cut(file, max(0.0, m.start - around), m.end + around, out / name))
        except (OSError, ValueError) as error:
            notes.append(f"{m.recording}: {error}")
    return written, list(dict.fromkeys(notes))


def cut(path: Path, start: float, end: float, out: Path) -> Path:
    """The stretch [start, end) of a file as H.264 and AAC in .mp4, or AAC in .m4a where there is no picture.

    Raises
    ------
    MediaError
        If nothing lies in that stretch.
    """
    import av

    with av.open(str(path)) as media:
        video, audio = (next(iter(of), None) for of in (media.streams.video, media.streams.audio))
        target = out.with_name(out.name + (".mp4" if video else ".m4a"))
        begin = min((float(s.start_time * s.time_base) for s in (video, audio) if s and s.start_time is not None), default=0.0)
        with av.open(str(target), "w") as clip:
            pictures = _pictures(clip, video) if video else None
            sounds = clip.add_stream("aac", rate=RATE) if audio else None
            resampler = av.AudioResampler("fltp", "stereo", RATE) if audio else None
            media.seek(int(max(0.0, begin + start - 1.0) * 1_000_000), backward=True)
            frames = samples = 0
            for packet in media.demux([s for s in (video, audio) if s]):
                for frame in packet.decode():
                    at = (frame.time or 0.0) - begin
                    if not start - 1e-3 <= at < end:
                        continue
                    if packet.stream is video and pictures:
                        image = frame.reformat(pictures.width, pictures.height, "yuv420p")
                        image.pts, image.time_base = round((at - start) * 90_000), Fraction(1, 90_000)
                        clip.mux(pictures.encode(image))
                        frames += 1
                    elif resampler and sounds:
                        for piece in resampler.resample(frame):
                            piece.pts, piece.time_base = samples, Fraction(1, RATE)
                            samples += piece.samples
                            clip.mux(sounds.encode(piece))
                if packet.pts is not None and float(packet.pts * packet.time_base) - begin > end + 1.0:
                    break
            for stream in (pictures, sounds):
                if stream and (frames if stream is pictures else samples):
                    clip.mux(stream.encode(None))
    if not frames and not samples:
        target.unlink(missing_ok=True)
        raise MediaError(f"{path.name} has nothing between {start:.1f} and {end:.1f} s")
    return target


def _pictures(clip: Any, video: Any) -> Any:
    stream = clip.add_stream("libx264", rate=video.average_rate or 25, options={"crf": "20", "preset": "veryfast"})
    stream.width, stream.height, stream.pix_fmt = video.width // 2 * 2, video.height // 2 * 2, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 90_000)
    return stream
