"""CPU seconds per second of media and peak memory, stage by stage, beside plain decoding with the same sampling.

    python benchmarks/speed.py                     # two-minute 720p30 clips with speech, made here from the sample
    python benchmarks/speed.py --hours 2           # and peak memory on two hours of the first

There are two clips: one without B pictures, as phones and calls make them, and one with three between the others, as x264 makes them when nobody says
otherwise. The floor decodes every picture of either.
Every stage runs in a process of its own, pinned to one core where the system can, so that its CPU time and peak memory are its own.
The tables go to benchmarks/speed.md, whose notes are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "samples" / "hello.mp4"
FPS, SIZE = 30, (1280, 720)
CLIPS = {"no B pictures": "0", "3 B pictures between the others, x264's default": "3"}
STAGES = {
    "decode": "plain decoding, 3 pictures a second and the sound: the floor",
    "sample": "the same, without the pictures that nobody needs",
    "face": "decoding, faces, tracks, expression",
    "voice": "decoding the sound, voice activity, prosody",
    "all": "face + voice + words of a given transcript, table written",
}


def make_clip(path: Path, transcript: Path, seconds: float, between: str = "0") -> None:
    """The sample at 720p30, over and over, with its sound; and its transcript, no sentence twice: what comes again is read once."""
    import av
    from av.video.reformatter import VideoReformatter

    from attune.text import transcript as words

    one = path.with_suffix(".one.mp4")
    with av.open(str(SAMPLE)) as source, av.open(str(one), "w") as sink:
        picture, sound = sink.add_stream("libx264", rate=FPS, options={"preset": "fast", "crf": "23", "bf": between}), sink.add_stream("aac", rate=44_100)
        picture.width, picture.height, picture.pix_fmt = *SIZE, "yuv420p"
        reformatter, shown, length = VideoReformatter(), 0, float(source.duration / av.time_base)
        resampler = av.AudioResampler("fltp", "mono", 44_100)
        for frame in source.decode(video=0):
            scaled = reformatter.reformat(frame, width=SIZE[1] * frame.width // frame.height // 2 * 2, height=SIZE[1], format="rgb24").to_ndarray()
            canvas = _centred(scaled)
            while shown / FPS <= frame.time and shown / FPS < length:
                out = av.VideoFrame.from_ndarray(canvas, "rgb24")
                out.pts, shown = shown, shown + 1
                sink.mux(picture.encode(out))
        sink.mux(picture.encode())
        source.seek(0)
        for frame in source.decode(audio=0):
            for piece in resampler.resample(frame):
                sink.mux(sound.encode(piece))
        sink.mux(sound.encode())
    length = _loop(one, path, seconds)
    cues = words.read(SAMPLE.with_suffix(".srt")).segments
    with transcript.open("w", encoding="utf-8") as f:
        for i in range(int(seconds / length) + 1):
            for j, cue in enumerate(cues):
                f.write(f"{i * len(cues) + j + 1}\n{_stamp(cue.start + i * length)} --> {_stamp(cue.end + i * length)}\n{cue.text} That was number {i}.\n\n")
    one.unlink()


def _centred(picture):  # type: ignore[no-untyped-def]
    import numpy as np

    canvas = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    left = max(0, (SIZE[0] - picture.shape[1]) // 2)
    canvas[:, left : left + picture.shape[1]] = picture[:, : SIZE[0]]
    return canvas


def _loop(one: Path, path: Path, seconds: float) -> float:
    """Copy a clip's packets over and over, without coding anything again; returns the clip's length."""
    import av

    with av.open(str(one)) as source:     # a round of it ends where its last packet ends
        times = [(float(p.dts * p.time_base), float((p.pts + (p.duration or 0)) * p.time_base)) for p in source.demux() if p.dts is not None]
        length = max(end for _, end in times) - min(start for start, _ in times)
    with av.open(str(path), "w") as sink:
        streams = None
        for i in range(int(seconds / length) + 1):
            with av.open(str(one)) as source:
                if streams is None:
                    streams = {s.index: sink.add_stream_from_template(s) for s in source.streams}
                for packet in source.demux():
                    if packet.dts is None:
                        continue
                    shift = round(i * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream.index]
                    sink.mux(packet)
    return length


def _stamp(t: float) -> str:
    return f"{int(t // 3600):02d}:{int(t % 3600 // 60):02d}:{int(t % 60):02d},{round(t % 1 * 1000) % 1000:03d}"


def run_stage(stage: str, clip: Path, transcript: Path) -> None:
    """Run one stage in this process and print its cost as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import attune
    from attune.media import Media, spare

    if stage == "decode":
        spare.fits = lambda container, stream: False             # type: ignore[assignment]

    def go(source: Path, folder: str) -> float:
        if stage in ("decode", "sample"):
            media = Media.open(source)
            for _ in media.frames(3.0):
                pass
            for _ in media.blocks(16_000):
                pass
            return media.duration
        chosen = {"face": {"voice": None, "text": None}, "voice": {"face": None, "text": None}, "all": {"transcript": str(transcript)}}[stage]
        return attune.measure(source, out=folder, **chosen).duration

    with tempfile.TemporaryDirectory() as folder:
        go(SAMPLE, folder)               # sessions are made and graphs are cached: not part of the rate
        cpu, wall = time.process_time(), time.monotonic()
        seconds = go(clip, folder)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "wall": wall, "peak_mb": peak}))


def _median(values: list[float], digits: int) -> str:
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="length of the clip")
    parser.add_argument("--rounds", type=int, default=3, help="times each stage is run, in turns; one run can be off by a quarter on a shared machine")
    parser.add_argument("--hours", type=float, default=0, help="also peak memory on a clip of so many hours")
    parser.add_argument("--clips", type=int, choices=(1, 2), default=2, help="1: only the clip without B pictures")
    parser.add_argument("--out", type=Path, default=HERE / "speed.md")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--transcript", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        return run_stage(given.stage, given.clip, given.transcript)

    def measured(stage: str, clip: Path, transcript: Path) -> dict[str, float]:
        command = [sys.executable, __file__, "--stage", stage, "--clip", str(clip), "--transcript", str(transcript)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        return json.loads(done.stdout.splitlines()[-1])

    lines = [
        "# Speed", "", f"`python benchmarks/speed.py --seconds {given.seconds:g} --rounds {given.rounds}{f' --hours {given.hours:g}' if given.hours else ''}`, "
        f"Python {platform.python_version()}, one core, 1280x720, 30 pictures a second, speech; {given.seconds:g} s of media; load of the machine "
        f"{os.getloadavg()[0]:.1f} at the start. Median of the rounds, and in brackets the lowest and the highest; x the floor is taken within each round.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        clip, transcript = Path(folder) / "clip.mp4", Path(folder) / "clip.srt"
        for kind, between in list(CLIPS.items())[: given.clips]:
            make_clip(clip, transcript, given.seconds, between)
            lines += ["", f"## {kind[:1].upper()}{kind[1:]}", "",
                      "| stage | CPU s per s of media | x the floor | x real time on one core | peak memory, MB |", "|---|---|---|---|---|"]
            rounds = [{stage: measured(stage, clip, transcript) for stage in STAGES} for _ in range(given.rounds)]
            for stage, what in STAGES.items():
                of = [r[stage] for r in rounds]
                rate = _median([x["cpu"] / x["seconds"] for x in of], 3)
                floor = _median([x["cpu"] / x["seconds"] / (r["decode"]["cpu"] / r["decode"]["seconds"]) for x, r in zip(of, rounds, strict=True)], 2)
                lines.append(f"| {what} | {rate} | {floor} | {_median([x['seconds'] / x['wall'] for x in of], 1)} | {max(x['peak_mb'] for x in of):.0f} |")
            print("\n".join(lines[-len(STAGES) - 4 :]), flush=True)
        if given.hours:
            short = rounds[-1]["all"]["peak_mb"]
            make_clip(clip, transcript, given.hours * 3600)
            r = measured("all", clip, transcript)
            lines += ["", f"Peak memory on {given.hours:g} h without B pictures: {r['peak_mb']:.0f} MB, {r['peak_mb'] / short - 1:+.1%} against the short one; "
                      f"{r['wall'] / 60:.1f} min, {r['seconds'] / r['wall']:.1f} x real time."]
            print(lines[-1])
    _, mark, notes = (given.out.read_text(encoding="utf-8") if given.out.is_file() else "").partition("\n## Notes\n")
    given.out.write_text("\n".join(lines) + "\n" + mark + notes, encoding="utf-8")


if __name__ == "__main__":
    main()
