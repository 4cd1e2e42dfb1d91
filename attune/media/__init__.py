"""Media: pictures and sound with their times, from any file that FFmpeg decodes, or from arrays.

Everything is lazy and keeps to bounded memory, so a file may be hours long, and each iteration opens the file anew, so two of them never
disturb each other. Times are seconds from the media's own start: the earliest first timestamp of the picture and the sound that are
used. Between the two the offset is kept: sound that starts late is preceded by silence, a picture that starts late has a late first time.

A damaged file gives what can be decoded, and `Media.notes` says afterwards what couldn't be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from attune.errors import NoStream, SettingError
from attune.media.arrays import Arrays, Picture
from attune.media.clock import Notes, cell_of
from attune.media.files import File
from attune.media.picture import fitted, jpeg
from attune.media.sound import gapless

__all__ = ["Media", "cell_of", "jpeg"]

Number = TypeVar("Number", int, float)



class Media:
    """Pictures and sound of one source; made by `Media.open` and `Media.of`.

    name, path
        What to call it; where it lies (None for arrays).
    duration
        Seconds, as the file states; counted packet by packet where it states nothing or nonsense; 0 for a still picture.
    end
        Seconds up to which pictures or sound have been decoded so far, over all iterations; of a file that is cut short, this is the true length.
    has_video, has_audio, width, height, fps, rotation, sample_rate, channels
        Facts, width and height as the picture is seen (turned upright, pixels square); None where there is no such stream.
    notes
        What a reader must know, known in full once the streams have been read.

    >>> media = Media.of(waveform=np.zeros(24_000), sample_rate=8_000)
    >>> [len(block) for block in media.blocks(16_000)]
    [16000, 16000, 16000]
    """

    def __init__(self, name: str, path: Path | None, facts: dict[str, Any], source: File | Arrays, notes: Iterable[str] = ()) -> None:
        self.name, self.path, self.end = name, path, 0.0
        self._facts, self._source = facts, source
        self._notes = {"open": tuple(notes)}

    @classmethod
    def open(cls, source: str | Path | Media, *, video: int | None = None, audio: int | None = None) -> Media:
        """Look into a media file; nothing but its first picture and first sound is decoded.

        Parameters
        ----------
        source
            A path, or a `Media`, which is given back as it is.
        video, audio
            Index of the stream to take, as in `facts()["streams"]`; by default the first that can be decoded, the file's own default first.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        MediaError
            If it is a folder, can't be read, is empty, is no media, or holds neither picture nor sound that can be decoded.
        NoStream
            If the stream asked for isn't there.
        """
        if isinstance(source, Media):
            return source
        path = Path(source)
        file = File(path, video, audio)
        return cls(path.name, path, file.facts, file, file.notes)

    @classmethod
    def of(
        cls, *, waveform: np.ndarray | None = None, sample_rate: int | None = None,
        frames: Iterable[Picture] | Callable[[], Iterator[Picture]] | None = None, name: str = "arrays",
    ) -> Media:
        """Media from arrays that are there already.

        Parameters
        ----------
        waveform : (samples,) or (samples, channels)
            Float in -1..1, or integers in their full range; starts at time 0.
        sample_rate
            Of the waveform, in Hz.
        frames
            Pairs of time (s) and picture (h, w, 3) uint8 RGB, in order of time: a sequence, a function that returns a new iterator each time,
            or an iterator, which can be gone through once only.

        Raises
        ------
        MediaError
            If neither is given.
        ShapeError
            If the waveform has another shape.
        """
        arrays = Arrays(waveform, sample_rate, frames, name)
        return cls(name, None, arrays.facts, arrays)

    def frames(self, fps: float = 3.0, *, threads: int = 1) -> Iterator[Picture]:
        """Pictures sampled by their timestamps: the first in each 1/fps of time; each at most once, so a slower video gives all it has.

        Only the sampled ones are converted, and of H.264 not all of the others are decoded (`attune.media.spare`). They come turned upright, with
        square pixels, and in the size of the first: should the size change on the way, later ones are fitted into it. One thread costs the least
        CPU time; two give the result sooner.

        Yields
        ------
        time in s, picture (h, w, 3) uint8 RGB

        Raises
        ------
        NoStream
            If there is no picture.
        SettingError
            If fps isn't a positive number.
        """
        if not (isinstance(fps, int | float) and 0 < fps < math.inf):
            raise SettingError(f"fps={fps!r}; expected a positive number of pictures per second")
        if not self.has_video:
            raise NoStream(f"{self.name} has no picture; give a file with video, or leave faces out (face=None)")
        return self._sampled(fps, threads)

    def _sampled(self, fps: float, threads: int) -> Iterator[Picture]:
        last, notes, size = -1, Notes("picture"), None
        for time, until, picture in self._source.pictures(threads, notes, fps):
            self.end = max(self.end, until)
            cell = cell_of(time, fps)
            if cell > last:
                last, rgb = cell, picture()
                if size is None:
                    size = rgb.shape
                elif rgb.shape != size:
                    notes.once("size", "the picture changes its size on the way; it is fitted into its first size")
                    rgb = fitted(rgb, size[0], size[1])
                yield time, rgb
        self._notes["picture"] = notes.told()

    def blocks(self, sample_rate: int = 16_000, seconds: float = 1.0) -> Iterator[np.ndarray]:
        """The sound, mixed to one channel, as blocks of equal length; sample i of all of them together is heard at i / sample_rate.

        Holes in the timestamps are filled with silence, overlaps are cut; values that are no numbers become 0, those beyond full scale ±1.

        Yields
        ------
        (seconds * sample_rate,) float32 in [-1, 1]; the last may be shorter

        Raises
        ------
        NoStream
            If there is no sound.
        SettingError
            If the rate or the length isn't positive.
        """
        if not (1 <= sample_rate <= 768_000):
            raise SettingError(f"sample_rate={sample_rate!r}; expected 1 to 768000 Hz")
        size = round(seconds * sample_rate)
        if size < 1:
            raise SettingError(f"seconds={seconds!r}; expected blocks of at least one sample at {sample_rate} Hz")
        if not self.has_audio:
            raise NoStream(f"{self.name} has no sound; give a file with sound, or leave the voice out (voice=None)")
        return self._cut(int(sample_rate), size)

    def _cut(self, sample_rate: int, size: int) -> Iterator[np.ndarray]:
        notes = Notes("sound")
        waiting, held, total = [], 0, 0
        for piece in gapless(self._source.sounds(notes), sample_rate, notes):
            waiting.append(piece)
            held += len(piece)
            total += len(piece)
            self.end = max(self.end, total / sample_rate)
            if held >= size:
                joined = np.concatenate(waiting)
                whole = held - held % size
                yield from (joined[i : i + size] for i in range(0, whole, size))
                waiting, held = [joined[whole:]], held - whole
        if held:
            yield np.concatenate(waiting)
        notes.ends(total / sample_rate)
        self._notes["sound"] = notes.told()

    def waveform(self, sample_rate: int = 16_000) -> np.ndarray:
        """All of the sound, (samples,) float32 in [-1, 1]: for short media, since it is held in memory (230 MB an hour at 16 kHz)."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks(sample_rate)])

    def facts(self) -> dict[str, Any]:
        """What is known before reading on, in plain types: for provenance, and for choosing streams."""
        return {"name": self.name, "duration": self.duration, **self._facts}

    def told(self, stream: str) -> tuple[str, ...]:
        """What reading one stream ("picture" or "sound") has found so far."""
        return self._notes.get(stream, ())

    def remember(self, stream: str, end: float, notes: Iterable[str]) -> None:
        """Take a stream for read: how far an earlier reading of the same file came, and what it found."""
        self.end = max(self.end, end)
        self._notes[stream] = tuple(notes)

    @property
    def duration(self) -> float:
        return self._source.duration()

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for notes in self._notes.values() for note in notes))

    @property
    def has_video(self) -> bool:
        return bool(self._facts["video"])

    @property
    def has_audio(self) -> bool:
        return bool(self._facts["audio"])

    @property
    def width(self) -> int | None:
        return self._fact("video", "width", int)

    @property
    def height(self) -> int | None:
        return self._fact("video", "height", int)

    @property
    def fps(self) -> float | None:
        return self._fact("video", "fps", float)

    @property
    def rotation(self) -> int | None:
        return self._fact("video", "rotation", int)

    @property
    def sample_rate(self) -> int | None:
        return self._fact("audio", "sample_rate", int)

    @property
    def channels(self) -> int | None:
        return self._fact("audio", "channels", int)

    def _fact(self, stream: str, name: str, kind: type[Number]) -> Number | None:
        value = (self._facts[stream] or {}).get(name)
        return None if value is None else kind(value)

    def __repr__(self) -> str:
        return f"Media({self.name!r}, {self.duration:.2f} s, video={self._facts['video']}, audio={self._facts['audio']})"
