"""Make samples/hello.mp4 and samples/hello.srt again: a portrait that speaks and changes its expression, about ten seconds.

The picture is NASA's portrait of Eileen Collins, in the public domain, as scikit-image carries it (skimage.data.astronaut). It is moved slowly
and warped smoothly: lips, lids, brows and jaw follow curves written down below. The voice is espeak-ng. Both are acted by a program, nobody felt
anything; the sample shows that the toolkit runs, and says nothing about the person.

    pip install scikit-image av && apt install espeak-ng
    python scripts/make_sample.py [FOLDER]

The same versions give the same bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, FPS = 640, 480, 25
RATE = 22_050                            # Hz, espeak-ng's own
PAUSE = 0.75                             # s between the sentences: longer than what ends an utterance
LEAD, TAIL = 0.5, 0.6                    # s before the first and after the last

# sentence, expression, and how espeak-ng says it: pitch 0..99, words a minute, loudness 0..200
SENTENCES = [
    ("Hello. This is a short test.", "neutral", {"pitch": 45, "speed": 150, "loud": 90}),
    ("I am so happy to see you today!", "smile", {"pitch": 72, "speed": 165, "loud": 130}),
    ("Oh! I did not expect that!", "surprise", {"pitch": 92, "speed": 178, "loud": 150}),
    ("What a pity, you have to go.", "sad", {"pitch": 22, "speed": 130, "loud": 70}),
]

# Where things are in the portrait (512 x 512 pixels), read off an enlargement.
EYES = np.array([(203.5, 101.5), (246.6, 103.8)])
BROWS_INNER = np.array([(212.0, 91.0), (240.5, 93.0)])
BROWS_OUTER = np.array([(194.0, 90.0), (260.0, 94.5)])
MOUTH = (225.0, 146.0)                   # centre
HALF = 21.0                              # half the mouth's width
UPPER, LOWER = (144.0, -3.5), (149.6, -8.9)        # inner edges of the lips: height in the middle, and at the corners relative to it
FOLDS = np.array([(206.0, 129.0), (203.0, 131.5), (200.0, 134.0), (197.5, 136.5), (196.5, 140.0),        # beside a smiling mouth
                  (243.0, 129.0), (246.0, 132.0), (248.5, 135.0), (250.5, 138.5), (250.5, 142.0)])

# A pose: inner edges of the lips (middle, corners), an opening between them (pixels), the jaw's way down, the mouth's width, how wide the eyes are,
# how far the inner and the outer brows are raised (pixels), and how deep the folds of the smile are.
POSE = ("upper", "upper_corner", "lower", "lower_corner", "gap", "jaw", "width", "eyes", "inner", "outer", "folds")
POSES = {
    "neutral": (146.7, 2.0, 147.1, 2.0, 0.0, 0.0, 0.68, 1.15, 0.6, 0.3, 0.0),
    "smile": (143.6, -4.6, 150.0, -10.4, 0.0, 0.0, 1.06, 0.92, 0.6, 0.6, 1.0),
    "surprise": (141.9, 4.4, 142.3, 4.4, 15.5, 8.0, 0.62, 1.25, 4.6, 4.2, 0.0),
    "sad": (145.3, 5.4, 145.7, 5.4, 0.0, 0.0, 0.73, 1.00, 5.4, -2.6, 0.0),
}
SPEAKING = {"neutral": 4.0, "smile": 2.0, "surprise": 2.0, "sad": 3.0}       # pixels that the loudest sound opens the mouth further
BLINKS = (0.3, 3.05, 8.4)                 # s
CHANGE = 0.45                            # s from one expression to the next


def speak(text: str, pitch: int, speed: int, loud: int) -> np.ndarray:
    """A sentence, (samples,) float in -1..1 at RATE, without silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.wav"
        command = ["espeak-ng", "-v", "en-us+f3", "-p", str(pitch), "-s", str(speed), "-a", str(loud), "-w", str(file), text]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(file)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
    on = np.flatnonzero(np.abs(samples) > 0.005)
    return samples[on[0] : on[-1] + 1]


def track() -> tuple[np.ndarray, list[tuple[float, float, str, str]]]:
    """The sound, and for each sentence its start and end (s), text and expression."""
    pieces, said, now = [np.zeros(round(LEAD * RATE))], [], LEAD
    for text, expression, manner in SENTENCES:
        samples = speak(text, **manner)
        said.append((now, now + len(samples) / RATE, text, expression))
        pieces += [samples, np.zeros(round(PAUSE * RATE))]
        now += len(samples) / RATE + PAUSE
    pieces[-1] = np.zeros(round(TAIL * RATE))
    return np.clip(np.concatenate(pieces), -0.98, 0.98), said


def smooth(x: Any) -> Any:
    """From 0 at 0 to 1 at 1, level at both ends."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def pose_at(time: float, said: list[tuple[float, float, str, str]], loudness: np.ndarray) -> dict[str, float]:
    """The face at a time: from each expression to the next in the pause between their sentences, the lips following the sound."""
    pose, opening = np.array(POSES["neutral"]), SPEAKING["neutral"]
    for (_, end, _, _), (start, _, _, expression) in pairwise(said):
        share = smooth((time - (start + end) / 2) / CHANGE + 0.5)
        pose, opening = (1 - share) * pose + share * np.array(POSES[expression]), (1 - share) * opening + share * SPEAKING[expression]
    face = dict(zip(POSE, pose.tolist(), strict=True))
    loud = float(loudness[min(int(time * FPS), len(loudness) - 1)])
    face["gap"] += opening * loud
    face["jaw"] += 0.5 * opening * loud
    face["blink"] = float(max(np.exp(-(((time - b) / 0.06) ** 2)) for b in BLINKS))
    return face


def bump(x: np.ndarray, y: np.ndarray, centre: np.ndarray, wide: float, high: float) -> np.ndarray:
    return np.exp(-(((x - centre[0]) / wide) ** 2 + ((y - centre[1]) / high) ** 2) / 2)


def warped(x: np.ndarray, y: np.ndarray, face: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where in the portrait the point (x, y) of the acted face comes from; and the mouth's opening there: how deep inside, across (-1..1), down (0..1)."""
    to_x, to_y = x.copy(), y.copy()
    for centre in EYES:
        near = bump(x, y, centre, 7, 4)
        to_y += near * (y - centre[1]) * (1 / face["eyes"] - 1)
        to_y += face["blink"] * bump(x, y, centre, 7.5, 5) * 4.2 * np.tanh((y - centre[1] - 0.8) / 0.7)
    for centres, name in ((BROWS_INNER, "inner"), (BROWS_OUTER, "outer")):
        for centre in centres:
            to_y += face[name] * bump(x, y, centre - (0, 1 + 0.6 * face[name]), 9, 4.5)

    near = np.exp(-(((y - MOUTH[1]) / 11) ** 2)) * np.exp(-(((x - MOUTH[0]) / 27) ** 2))
    across = (x - MOUTH[0]) * (1 + (1 / face["width"] - 1) * near)
    to_x += across - (x - MOUTH[0])
    u = np.clip(across / HALF, -1, 1)
    beside = np.exp(-((np.maximum(np.abs(across) / HALF - 1, 0) / 0.5) ** 2))             # the cheeks follow the corners of the mouth
    upper = face["upper"] + face["upper_corner"] * u**2
    lower = face["lower"] + face["lower_corner"] * u**2 + face["gap"] * np.maximum(0, 1 - u**2) ** 0.8
    lower = np.maximum(lower, upper + 0.05)
    was_upper, was_lower = UPPER[0] + UPPER[1] * u**2, LOWER[0] + LOWER[1] * u**2
    was_lower = np.maximum(was_lower, was_upper + 0.05)

    above, below = np.maximum(upper - y, 0), np.maximum(y - lower, 0)
    jaw = face["jaw"] * np.exp(-(((x - MOUTH[0]) / 42) ** 4)) * beside
    lift = (upper - was_upper) * beside * np.exp(-((above / 9) ** 2))
    drop = ((lower - was_lower) * beside - jaw) * np.exp(-((below / 10) ** 2)) + jaw * smooth((62 - below) / 40)
    depth = np.clip((y - upper) / (lower - upper), 0, 1)
    to_y -= (1 - depth) * lift + depth * drop
    inside = np.clip(np.minimum(y - upper, lower - y) / 0.7 + 0.5, 0, 1) * (np.abs(across) < HALF)
    return to_x, to_y, inside, across / HALF, depth


def picture(portrait: np.ndarray, soft: np.ndarray, scale: int, time: float, length: float, face: dict[str, float]) -> np.ndarray:
    """One picture (HEIGHT, WIDTH, 3) uint8: the camera moves a little closer, the head sways, the face acts."""
    from scipy.ndimage import map_coordinates

    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    zoom = (250 - 34 * smooth(time / length)) / WIDTH                                     # portrait pixels per picture pixel
    angle = np.radians(1.6 * np.sin(2 * np.pi * time / 5.2))
    centre = (226 + 5 * np.sin(2 * np.pi * time / 7.3), 129 - 3 * np.sin(2 * np.pi * time / 4.1) + 2 * smooth(time / length))
    a, b = (columns - WIDTH / 2) * zoom, (rows - HEIGHT / 2) * zoom
    x = centre[0] + a * np.cos(angle) - b * np.sin(angle)
    y = centre[1] + a * np.sin(angle) + b * np.cos(angle)
    to_x, to_y, inside, across, depth = warped(x, y, face)

    at = [np.clip(to_y * scale + (scale - 1) / 2, 0, None), np.clip(to_x * scale + (scale - 1) / 2, 0, None)]
    out = np.stack([map_coordinates(portrait[..., k], at, order=1, mode="nearest") for k in range(3)], -1)
    calm = np.zeros_like(x)
    for fold in FOLDS:
        calm = np.maximum(calm, bump(to_x, to_y, fold, 4.0, 3.5))
    calm = (np.minimum(1.3 * calm, 1) * 0.95 * (1 - face["folds"]))[..., None]
    if calm.max() > 0.01:
        out = (1 - calm) * out + calm * np.stack([map_coordinates(soft[..., k], at, order=1, mode="nearest") for k in range(3)], -1)

    teeth = smooth(face["folds"]) if face["gap"] < 8 else 0.0                             # a smile shows the portrait's own
    dark = np.array([70.0, 26.0, 28.0]) + depth[..., None] * np.array([70.0, 26.0, 28.0]) * smooth((depth - 0.55) / 0.4)[..., None]
    row = smooth((0.24 - depth) / 0.1) * smooth((0.8 - np.abs(across)) / 0.35) * smooth((face["gap"] - 2) / 5)
    dark = dark + row[..., None] * (np.array([206.0, 190.0, 172.0]) - dark) * 0.75
    shade = np.clip(np.abs(across), 0, 1)[..., None] ** 4
    dark = dark * (1 - 0.55 * shade)
    cover = (inside * (1 - teeth))[..., None] * smooth(face["gap"] / 1.2)
    out = (1 - cover) * out + cover * dark
    closed = (1 - smooth(face["gap"] / 1.5)) * (1 - teeth)
    if closed > 0:                                                                        # the line between closed lips
        line = face["upper"] + face["upper_corner"] * np.clip(across, -1, 1) ** 2
        seam = 0.85 * closed * (np.exp(-(((y - line - 0.2) / 0.8) ** 2)) * smooth((1.04 - np.abs(across)) / 0.3))[..., None]
        out = (1 - seam) * out + seam * np.array([126.0, 66.0, 64.0])
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"


def main(folder: Path) -> None:
    from scipy.ndimage import gaussian_filter
    from skimage.data import astronaut
    from skimage.transform import resize

    if not shutil.which("espeak-ng"):
        sys.exit("make_sample needs espeak-ng: apt install espeak-ng")
    folder.mkdir(parents=True, exist_ok=True)
    sound, said = track()
    length = len(sound) / RATE
    scale = 4
    photo = astronaut()[:320]
    portrait = resize(photo.astype(float), (photo.shape[0] * scale, photo.shape[1] * scale, 3), order=3)
    portrait = portrait + 0.6 * (portrait - gaussian_filter(portrait, (3, 3, 0)))         # the enlargement is soft
    soft = gaussian_filter(portrait, (24, 24, 0))
    hop = RATE // FPS
    loud = np.sqrt([np.mean(sound[i : i + hop] ** 2) if i < len(sound) else 0 for i in range(0, len(sound) + hop, hop)])
    loud = np.convolve(np.minimum(loud / np.quantile(loud, 0.9), 1), [0.25, 0.5, 0.25], "same")

    with av.open(str(folder / "hello.mp4"), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        video: Any = out.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "slow", "threads": "1"})
        video.width, video.height, video.pix_fmt, video.gop_size = WIDTH, HEIGHT, "yuv420p", 50
        voice: Any = out.add_stream("aac", rate=RATE)
        voice.layout, voice.bit_rate = "mono", 48_000
        first = 0
        for n in range(int(length * FPS)):
            time = n / FPS
            rgb = picture(portrait, soft, scale, time, length, pose_at(time, said, loud))
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            out.mux(video.encode(frame))
            while first < len(sound) and first / RATE <= time + 1 / FPS:
                piece = av.AudioFrame.from_ndarray(sound[None, first : first + 1024].astype(np.float32), "fltp", "mono")
                piece.sample_rate, piece.pts, piece.time_base = RATE, first, Fraction(1, RATE)
                out.mux(voice.encode(piece))
                first += 1024
        out.mux(video.encode(None))
        out.mux(voice.encode(None))
    blocks = [f"{n}\n{stamp(start)} --> {stamp(end)}\n{text}\n" for n, (start, end, text, _) in enumerate(said, 1)]
    (folder / "hello.srt").write_text("\n".join(blocks), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "samples")
