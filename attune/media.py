"""Media: pictures and sound with their times, from any file that FFmpeg decodes, or from arrays.

Everything is lazy and keeps to bounded memory, so a file may be hours long, and each iteration opens the file anew, so two of them never
disturb each other. Times are seconds from the media's own start: the earliest first timestamp of the picture and the sound that are
used. Between the two the offset is kept: sound that starts late is preceded by silence, a picture that starts late has a late first time.

A damaged file gives what can be decoded, and `Media.notes` says afterwards what couldn't be. A file is read through one handle of ours and
FFmpeg may open nothing else: a playlist under a harmless name reaches no other file and no network.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from attune.errors import MediaError, NoStream, SettingError, ShapeError

MAX_PIXELS = 100_000_000                 # a larger picture is taken for a decompression bomb: 300 MB once it is RGB
GRID_TOLERANCE = 0.001                   # s; Matroska rounds timestamps to milliseconds
GAP = 0.050                              # s; timestamps of sound wander by less than this without anything missing
JUMP = 3600.0                            # s; a longer hole in the timestamps is an error of the clock, not a pause
BACK = 0.3                               # s; a step back by more than this is a new beginning, as of files that were strung together
STRETCH = 100                            # silence put into holes: at most JUMP and this many times the sound there is
SHORT = (1.0, 0.02)                      # a stream that ends earlier than stated by more than 1 s or 2 % is called short
MIXED = 8                                # channels that FFmpeg has a rule for mixing; more are averaged
LOOK = 32 * 2**20                        # bytes read, at most, in search of the first picture and the first sound
RETRIES = 20                             # failed reads in a row before the rest of a file is given up
THINNEST = 100                           # bit/s; a file that says it lasts longer than its bytes allow is counted, not believed
OPTIONS = {"protocol_whitelist": "none", "max_pixels": str(MAX_PIXELS)}
NOT_MEDIA = {"tty", "bin", "xbin", "adf", "idf", "hls", "concat", "dash", "lavfi"}   # FFmpeg draws text as video, and follows playlists
COUNTED = {"aac", "mp3", "ac3", "eac3", "amr", "h264", "hevc", "m4v", "mpegvideo", "loas", "ivf"}   # no length inside: FFmpeg guesses by bit rate
BELOW = (FFmpegError, OSError, ValueError, OverflowError, ArithmeticError, MemoryError)   # what PyAV raises about a damaged file

Picture = tuple[float, np.ndarray]
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

    def __init__(self, name: str, path: Path | None, facts: dict[str, Any], source: _Source, notes: Iterable[str] = ()) -> None:
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
        file = _File(path, video, audio)
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
        arrays = _Arrays(waveform, sample_rate, frames, name)
        return cls(name, None, arrays.facts, arrays)

    def frames(self, fps: float = 3.0, *, threads: int = 1) -> Iterator[Picture]:
        """Pictures sampled by their timestamps: the first in each 1/fps of time; each at most once, so a slower video gives all it has.

        Only the sampled ones are converted. They come turned upright, with square pixels, and in the size of the first: should the size
        change on the way, later ones are fitted into it. One thread costs the least CPU time; two give the result sooner.

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
        last, notes, size = -1, _Notes("picture"), None
        for time, until, picture in self._source.pictures(threads, notes):
            self.end = max(self.end, until)
            cell = math.floor((time + GRID_TOLERANCE) * fps)
            if cell > last:
                last, rgb = cell, picture()
                if size is None:
                    size = rgb.shape
                elif rgb.shape != size:
                    notes.once("the picture changes its size on the way; it is fitted into its first size")
                    rgb = _fitted(rgb, size[0], size[1])
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
        notes = _Notes("sound")
        waiting, held, total = [], 0, 0
        for piece in _sound(self._source.sounds(notes), sample_rate, notes):
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


def jpeg(rgb: np.ndarray, quality: int = 85) -> bytes:
    """A picture as a JPEG file, the same bytes for the same picture; for small portraits.

    Parameters
    ----------
    rgb : (h, w, 3) uint8
    quality : 1 to 100

    >>> jpeg(np.zeros((8, 8, 3), np.uint8))[:2].hex()
    'ffd8'
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ShapeError(f"a picture of shape {rgb.shape}, {rgb.dtype}; expected (h, w, 3) uint8")
    scale = min(31, max(2, round(31 - 0.29 * quality)))         # FFmpeg's quantiser: 2 is best, 31 worst
    encoder: Any = CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = rgb.shape[1], rgb.shape[0], "yuvj420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    encoder.options = {"qmin": str(scale), "qmax": str(scale), "flags": "+bitexact"}
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
    frame = frame.reformat(format="yuvj420p", dst_color_range="JPEG")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


class _Notes:
    """What one reading of one stream has to tell."""

    def __init__(self, stream: str) -> None:
        self.stream, self.failed, self.stated = stream, 0, math.nan
        self._told: dict[str, None] = {}

    def once(self, note: str) -> None:
        self._told[note] = None

    def ends(self, end: float) -> None:
        """The stream was read up to here; a note if it is shorter than stated."""
        if self.stated - end > max(SHORT[0], SHORT[1] * self.stated):
            self.once(f"{self.stream} ends at {end:.1f} s of {self.stated:.1f} s: the file is cut short or damaged")

    def told(self) -> tuple[str, ...]:
        lost = (f"{self.stream}: {self.failed} damaged pieces were left out",) if self.failed else ()
        return (*self._told, *lost)


class _Clock:
    """Media time out of a stream's own timestamps, whose wildest errors are taken out.

    `end` is where the stream has got to; a timestamp that is missing, or far from there, is read as "right after".
    """

    def __init__(self, origin: float, notes: _Notes) -> None:
        self.end, self._shift, self._notes = 0.0, -origin, notes

    def __call__(self, stamp: float | None) -> float:
        if stamp is None or not math.isfinite(stamp):
            return self.end
        time = stamp + self._shift
        if time - self.end > JUMP or self.end - time > BACK:
            self._notes.once(f"{self._notes.stream}: the timestamps jump by {time - self.end:+.0f} s at {self.end:.1f} s; taken as no jump")
            self._shift += self.end - time
            time = self.end
        return max(time, 0.0)


Sound = tuple[float | None, AudioFrame]


class _Arrays:
    """The source behind `Media.of`."""

    def __init__(
        self, waveform: np.ndarray | None, sample_rate: int | None, frames: Iterable[Picture] | Callable[[], Iterator[Picture]] | None, name: str
    ) -> None:
        if waveform is None and frames is None:
            raise MediaError("neither waveform nor frames; give one of them, or both")
        self._name, self._frames, self._used = name, frames, False
        self._wave = np.zeros(0, np.float32) if waveform is None else _mono(np.asarray(waveform))
        self._rate = sample_rate or 0
        if waveform is not None and self._rate < 1:
            raise SettingError(f"sample_rate={sample_rate!r}; expected the waveform's rate in Hz")
        last = float(frames[-1][0]) if isinstance(frames, Sequence) and frames else 0.0
        self._duration = max(last, len(self._wave) / self._rate if self._rate else 0.0)
        self.facts: dict[str, Any] = {
            "format": "arrays", "start": 0.0, "still": False, "streams": [],
            "video": None if frames is None else {"codec": "arrays"},
            "audio": None if waveform is None else {"codec": "arrays", "sample_rate": self._rate, "channels": 1},
        }

    def duration(self) -> float:
        return self._duration

    def pictures(self, threads: int, notes: _Notes) -> Iterator[tuple[float, float, Callable[[], np.ndarray]]]:
        if isinstance(self._frames, Iterator):
            if self._used:
                raise MediaError(f"the frames of {self._name} were an iterator, which is used up; give a list, or a function that returns an iterator")
            self._used = True
        given: Any = self._frames() if callable(self._frames) else self._frames
        for time, picture in given:
            rgb = np.asarray(picture)
            if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
                raise ShapeError(f"the frame at {time} s is {rgb.shape}, {rgb.dtype}; expected (h, w, 3) uint8")
            yield float(time), float(time), lambda rgb=rgb: rgb                        # type: ignore[misc]

    def sounds(self, notes: _Notes) -> Iterator[Sound]:
        for first in range(0, len(self._wave), self._rate):
            piece = self._wave[first : first + self._rate]
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(piece[None]), "flt", "mono")
            frame.sample_rate = self._rate
            yield first / self._rate, frame


class _File:
    """The source behind `Media.open`."""

    def __init__(self, path: Path, video: int | None, audio: int | None) -> None:
        self.path = path
        self._check()
        self.notes: list[str] = []
        self._duration: float | None = None
        self._look(video, audio)

    def _check(self) -> None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise FileNotFoundError(f"no file {self.path}; expected a video, a sound file or a picture") from None
        except (OSError, ValueError) as error:
            raise MediaError(f"{str(self.path)[:200]!r} can't be read ({_why(error)}); expected the path of a media file") from error
        if stat.S_ISDIR(found.st_mode):
            raise MediaError(f"{self.path} is a folder; give the files in it")
        if not stat.S_ISREG(found.st_mode):
            raise MediaError(f"{self.path} is a device or a pipe; expected a file")
        if not found.st_size:
            raise MediaError(f"{self.path} is empty (0 bytes); copy or record it again")
        self._bytes = found.st_size

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise MediaError(f"{self.path} can't be read ({_why(error)}); check its permissions") from error
        with file:
            try:
                container = av.open(file, mode="r", options=OPTIONS, metadata_errors="replace", buffer_size=2**18)
            except BELOW as error:
                raise MediaError(
                    f"{self.path} is no media, or damaged beyond reading ({_why(error)}); expected a video, a sound file or a picture"
                ) from error
            with container:
                if NOT_MEDIA & set(container.format.name.split(",")):
                    raise MediaError(f"{self.path} is text or a playlist ({container.format.name}); give the media itself")
                yield container

    def _look(self, video: int | None, audio: int | None) -> None:
        """Choose the streams, decode the first of each, and note the facts."""
        with self._opened() as container:
            streams = list(container.streams)
            wanted = {"video": _candidates(streams, "video", video, self.path), "audio": _candidates(streams, "audio", audio, self.path)}
            huge = [s for s in wanted["video"] if s.codec_context.width * s.codec_context.height > MAX_PIXELS]
            if huge:
                size = f"{huge[0].codec_context.width} x {huge[0].codec_context.height}"
                raise MediaError(f"{self.path} has pictures of {size} pixels; at most {MAX_PIXELS // 10**6} megapixels are read: make it smaller")
            firsts, whole = _firsts(container, wanted)
            picked = {}
            for kind, found in wanted.items():
                good = [s for s in found if s.index in firsts or not whole]
                picked[kind] = good[0] if good else None
                if found and not good:
                    codecs = ", ".join(dict.fromkeys(_codec(s) for s in found))
                    self.notes.append(f"the {'picture' if kind == 'video' else 'sound'} ({codecs}) can't be decoded")
            if not any(picked.values()):
                kinds = ", ".join(f"{s.type} ({_codec(s)})" for s in streams) or "nothing"
                raise MediaError(f"{self.path} holds no picture and no sound that can be decoded, only {kinds}; give a video, a sound file or a picture")
            self._index = {kind: s.index if s else None for kind, s in picked.items()}
            starts = {kind: self._start(s, firsts) for kind, s in picked.items() if s}
            self.origin = min(starts.values())
            self._still = not picked["audio"] and (container.format.name.endswith("_pipe") or container.format.name == "image2")
            self._stated = self._believed(container)
            self.facts = self._told(container, picked, firsts, starts)

    @staticmethod
    def _start(stream: Any, firsts: dict[int, Any]) -> float:
        stamp = _stamp(firsts[stream.index], stream) if stream.index in firsts else None
        if stamp is None and stream.start_time is not None and stream.time_base:
            stamp = float(stream.start_time * stream.time_base)
        return stamp or 0.0

    def _believed(self, container: InputContainer) -> float | None:
        """The stated duration, or None where it can't be believed."""
        if self._still:
            return 0.0
        stated = float((container.duration or 0) / av.time_base)
        if stated <= 0 or COUNTED & set(container.format.name.split(",")) or self._bytes * 8 < stated * THINNEST:
            return None
        return stated

    def _told(self, container: InputContainer, picked: dict[str, Any], firsts: dict[int, Any], starts: dict[str, float]) -> dict[str, Any]:
        video, audio = picked["video"], picked["audio"]
        facts: dict[str, Any] = {
            "format": container.format.name, "bytes": self._bytes, "start": self.origin, "still": self._still, "video": None, "audio": None,
            "streams": [{"index": s.index, "kind": s.type, "codec": _codec(s), "language": s.language} for s in container.streams],
        }
        if video:
            context, first = video.codec_context, firsts.get(video.index)
            shape = _Upright()(first, video).shape if first is not None else (context.height, context.width)
            facts["video"] = {
                "index": video.index, "codec": _codec(video), "width": shape[1], "height": shape[0], "fps": _rate(video),
                "rotation": -int(first.rotation) % 360 if first is not None else 0, "pixels": context.pix_fmt, "start": starts["video"] - self.origin,
            }
        if audio:
            context = audio.codec_context
            facts["audio"] = {
                "index": audio.index, "codec": _codec(audio), "sample_rate": context.sample_rate, "channels": context.layout.nb_channels,
                "language": audio.language, "start": starts["audio"] - self.origin,
            }
        return facts

    def duration(self) -> float:
        if self._duration is None:
            self._duration = self._counted() if self._stated is None else self._stated
        return self._duration

    def _counted(self) -> float:
        """The duration as the packets tell it, which are read but not decoded."""
        ends = [0.0]
        with self._opened() as container:
            for index in self._index.values():
                if index is not None:
                    ends.append(0.0)
            chosen = [container.streams[i] for i in self._index.values() if i is not None]
            clocks = {s.index: _Clock(self.origin, _Notes("")) for s in chosen}
            for packet in _packets(container, chosen, _Notes("")):
                if packet.pts is not None and packet.time_base:
                    clock = clocks[packet.stream_index]
                    clock.end = max(clock.end, clock(float(packet.pts * packet.time_base)) + float((packet.duration or 0) * packet.time_base))
            return max(c.end for c in clocks.values())

    def _frames(self, kind: str, threads: int, notes: _Notes) -> Iterator[tuple[Any, Any]]:
        """Every frame of the chosen stream, in order, and the stream."""
        with self._opened() as container:
            stream: Any = container.streams[self._index[kind] or 0]
            _prepare(stream, threads)
            if stream.duration and stream.time_base:
                notes.stated = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - self.origin
            else:
                notes.stated = self._stated or math.nan
            if notes.stated > self._bytes * 8 / THINNEST:
                notes.stated = math.nan
            for packet in _packets(container, [stream], notes):
                for frame in _decoded(packet, notes):
                    yield frame, stream

    def pictures(self, threads: int, notes: _Notes) -> Iterator[tuple[float, float, Callable[[], np.ndarray]]]:
        clock, upright, last = _Clock(self.origin, notes), _Upright(), 0.0
        for frame, stream in self._frames("video", threads, notes):
            time = clock(_stamp(frame, stream))
            length = float(frame.duration * stream.time_base) if frame.duration and stream.time_base else 1 / (_rate(stream) or 25.0)
            clock.end = max(clock.end, 0.0 if self._still else time + min(length, JUMP))
            last = clock.end
            yield time, last, lambda frame=frame, stream=stream: upright(frame, stream)   # type: ignore[misc]
        if not self._still:
            notes.ends(last)

    def sounds(self, notes: _Notes) -> Iterator[Sound]:
        for frame, stream in self._frames("audio", 1, notes):
            stamp = _stamp(frame, stream)
            yield None if stamp is None else stamp - self.origin, frame


_Source = _File | _Arrays


def _candidates(streams: Sequence[Any], kind: str, index: int | None, path: Path) -> list[Any]:
    """Streams of that kind that might be used, the best first. The cover of a record is no video."""
    found = [s for s in streams if s.type == kind and s.codec_context is not None and not s.disposition & Disposition.attached_pic]
    if index is not None:
        found = [s for s in found if s.index == index]
        if not found:
            there = ", ".join(f"{s.index} ({s.type})" for s in streams) or "none"
            raise NoStream(f"{path} has no {kind} stream {index}; its streams: {there}")
    return sorted(found, key=lambda s: not s.disposition & Disposition.default)


def _firsts(container: InputContainer, wanted: dict[str, list[Any]]) -> tuple[dict[int, Any], bool]:
    """The first frame of each stream, by index, and whether all of the file had to be read for it."""
    streams = [s for found in wanted.values() for s in found]
    for stream in streams:
        _prepare(stream, 1)
    firsts: dict[int, Any] = {}
    read, notes = 0, _Notes("")
    for packet in _packets(container, streams, notes):
        read += packet.size
        if packet.stream_index not in firsts:
            for frame in _decoded(packet, notes):
                firsts.setdefault(packet.stream_index, frame)
        if all(not found or found[0].index in firsts for found in wanted.values()):
            return firsts, False
        if read > LOOK:
            return firsts, False
    return firsts, True


def _prepare(stream: Any, threads: int) -> None:
    stream.codec_context.thread_count = threads
    stream.thread_type = "NONE" if threads == 1 else "AUTO"
    if stream.type == "video":
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}


def _packets(container: InputContainer, streams: Sequence[Any], notes: _Notes) -> Iterator[Any]:
    """The packets of some streams; where reading fails it goes on behind the damage, and gives up if that fails too often."""
    failed = 0
    packets = container.demux(*streams) if streams else iter(())
    while failed < RETRIES:
        try:
            for packet in packets:
                failed = 0
                yield packet
            return
        except BELOW:
            failed += 1
            notes.failed += failed == 1
            packets = container.demux(*streams)


def _decoded(packet: Any, notes: _Notes) -> Sequence[Any]:
    """The frames in a packet; a damaged one has none."""
    try:
        return packet.decode()                                                          # type: ignore[no-any-return]
    except BELOW:
        notes.failed += 1
        return ()


def _stamp(frame: Any, stream: Any) -> float | None:
    """A frame's own time in seconds, None if it has none."""
    stamp, base = frame.pts if frame.pts is not None else frame.dts, frame.time_base or stream.time_base
    return None if stamp is None or not base else float(stamp * base)


def _rate(stream: Any) -> float | None:
    """Pictures per second, as the file states; None if it says nothing that can be."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0.001 <= rate <= 1000:
            return float(rate)
    return None


def _codec(stream: Any) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class _Upright:
    """Pictures as they are meant to be seen: RGB, square pixels, turned and mirrored as the file says."""

    def __init__(self) -> None:
        self._convert = VideoReformatter()

    def __call__(self, frame: VideoFrame, stream: Any) -> np.ndarray:
        wide = stream.sample_aspect_ratio or 1
        width = round(frame.width * wide) if 0.2 <= wide <= 5 else frame.width
        if width * frame.height > MAX_PIXELS:
            raise MediaError(f"a picture of {width} x {frame.height} pixels; at most {MAX_PIXELS // 10**6} megapixels are read: make it smaller")
        rgb = self._convert.reformat(frame, max(width, 1), frame.height, "rgb24", threads=1).to_ndarray()
        return _turned(rgb, _matrix(frame))


def _matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """A frame's display matrix a, b, c, d: x' = a x + c y, y' = b x + d y (ISO/IEC 14496-12, 6.2.2)."""
    try:
        found = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:                                          # PyAV doesn't know every kind of side data, EXIF for one; it still tells the angle
        turns = round(frame.rotation / 90) % 4                  # counterclockwise, with y pointing down
        return [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)][turns]
    if found is None:
        return 1, 0, 0, 1
    entries = np.frombuffer(found, np.int32)                     # type: ignore[call-overload]
    return int(entries[0]), int(entries[1]), int(entries[3]), int(entries[4])


def _turned(rgb: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """A picture under a display matrix, rounded to quarter turns and mirrorings."""
    a, b, c, d = matrix
    across, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, across, down = rgb.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(rgb[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def _fitted(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture scaled into another size, in the middle of black."""
    scale = min(height / rgb.shape[0], width / rgb.shape[1])
    h, w = max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))
    small = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(w, h, interpolation="AREA", threads=1).to_ndarray()
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    out[top : top + h, left : left + w] = small
    return out


def _mono(wave: np.ndarray) -> np.ndarray:
    """A waveform in one channel, float32."""
    if wave.ndim not in (1, 2):
        raise ShapeError(f"waveform has shape {wave.shape}; expected (samples,) or (samples, channels)")
    if wave.dtype.kind in "iu":
        limits = np.iinfo(wave.dtype)
        wave = (wave.astype(np.float64) - (0 if limits.min else (limits.max + 1) / 2)) / ((limits.max + 1) / (1 if limits.min else 2))
    elif wave.dtype.kind != "f":
        raise ShapeError(f"waveform is {wave.dtype}; expected floats in -1..1 or integers")
    return np.asarray(wave.mean(axis=1) if wave.ndim == 2 else wave, np.float32)


def _sound(frames: Iterator[Sound], rate: int, notes: _Notes) -> Iterator[np.ndarray]:
    """Frames of sound as one gapless stream of float32 at a rate, sample i at i / rate."""
    clock = _Clock(0.0, notes)
    resampler, kind, given, skip, had, filled = None, None, 0, 0, 0.0, 0.0

    def clean(pieces: Iterable[AudioFrame]) -> Iterator[np.ndarray]:
        nonlocal given, skip
        for piece in pieces:
            wave = piece.to_ndarray().reshape(-1)
            if len(wave) and not np.abs(wave).max() <= 1:                               # NaN compares false as well
                wave = np.clip(np.nan_to_num(wave, nan=0.0), -1, 1)
            wave, skip = wave[skip:], max(0, skip - len(wave))
            if len(wave):
                given += len(wave)
                yield wave.astype(np.float32)

    for stamp, frame in frames:
        if not frame.samples or not frame.sample_rate:
            continue
        time = clock(stamp)
        if resampler is None or abs(time - clock.end) > GAP or kind != (frame.format.name, frame.layout.name, frame.sample_rate):
            if resampler:
                yield from clean(resampler.resample(None))
            hole = time - given / rate
            if hole > JUMP + STRETCH * had - filled:
                notes.once(f"sound: a hole of {hole:.0f} s in the timestamps at {given / rate:.1f} s isn't filled")
                time = given / rate
            silence = max(0, round(time * rate) - given)
            skip = max(0, given - round(time * rate))
            filled += silence / rate
            for first in range(0, silence, rate):
                yield np.zeros(min(rate, silence - first), np.float32)
            given += silence
            resampler, kind = AudioResampler("flt", "mono", rate), (frame.format.name, frame.layout.name, frame.sample_rate)
            clock.end = time
        clock.end += frame.samples / frame.sample_rate
        had += frame.samples / frame.sample_rate
        try:
            pieces = resampler.resample(_plain(frame, notes))
        except BELOW:
            notes.failed += 1
            continue
        yield from clean(pieces)
    if resampler:
        yield from clean(resampler.resample(None))


def _plain(frame: AudioFrame, notes: _Notes) -> AudioFrame:
    """The frame without timestamp, without values that are no numbers (the resampler would spread them), and with channels it can mix."""
    frame.pts = None
    channels = frame.layout.nb_channels
    if channels <= MIXED and not frame.format.name.startswith(("flt", "dbl")):
        return frame
    wave: Any = frame.to_ndarray()
    bad = ~np.isfinite(wave)
    if bad.any():
        notes.once("sound: values that are no numbers were replaced by silence")
        wave = np.where(bad, 0, wave).astype(wave.dtype)
    elif channels <= MIXED:
        return frame
    layout, form = frame.layout.name, frame.format.name
    if channels > MIXED:
        wave, layout, form = _mono(wave.T if frame.format.is_planar else wave.reshape(-1, channels))[None], "mono", "flt"
    plain = AudioFrame.from_ndarray(wave, form, layout)
    plain.sample_rate = frame.sample_rate
    return plain
