"""Media from files, through FFmpeg: which streams to take, where time begins, how long it lasts, and what is damaged.

A file is read through one handle of ours and FFmpeg may open nothing else: a playlist under a harmless name reaches no other file and no network.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from attune.errors import MediaError, NoStream
from attune.media import spare
from attune.media.clock import BACK, JUMP, Clock, Notes
from attune.media.picture import MAX_PIXELS, Upright
from attune.media.sound import Sound

LOOK = 32 * 2**20                        # bytes read, at most, in search of the first picture and the first sound
RETRIES = 20                             # failed reads in a row before the rest of a file is given up
THINNEST = 100                           # bit/s; a file that says it lasts longer than its bytes allow is counted, not believed
OPTIONS = {"protocol_whitelist": "none", "max_pixels": str(MAX_PIXELS)}
NOT_MEDIA = {"tty", "bin", "xbin", "adf", "idf", "hls", "concat", "dash", "lavfi"}   # FFmpeg draws text as video, and follows playlists
COUNTED = {"aac", "mp3", "ac3", "eac3", "amr", "h264", "hevc", "m4v", "mpegvideo", "loas", "ivf"}   # no length inside: FFmpeg guesses by bit rate
BELOW = (FFmpegError, OSError, ValueError, OverflowError, ArithmeticError, MemoryError)   # what PyAV raises about a damaged file


Decode = Callable[[Any, Notes], Iterable[Any]]


class File:
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
            self._starts = {kind: self._start(s, firsts) for kind, s in picked.items() if s}
            self.origin = min(self._starts.values())
            self._still = not picked["audio"] and (container.format.name.endswith("_pipe") or container.format.name == "image2")
            self._stated = self._believed(container)
            self.facts = self._told(container, picked, firsts)

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

    def _told(self, container: InputContainer, picked: dict[str, Any], firsts: dict[int, Any]) -> dict[str, Any]:
        video, audio = picked["video"], picked["audio"]
        facts: dict[str, Any] = {
            "format": container.format.name, "bytes": self._bytes, "start": self.origin, "still": self._still, "video": None, "audio": None,
            "streams": [{"index": s.index, "kind": s.type, "codec": _codec(s), "language": s.language} for s in container.streams],
        }
        if video:
            context, first = video.codec_context, firsts.get(video.index)
            shape = Upright()(first, video).shape if first is not None else (context.height, context.width)
            facts["video"] = {
                "index": video.index, "codec": _codec(video), "width": shape[1], "height": shape[0], "fps": _rate(video),
                "rotation": -int(first.rotation) % 360 if first is not None else 0, "pixels": context.pix_fmt, "start": self._starts["video"] - self.origin,
            }
        if audio:
            context = audio.codec_context
            facts["audio"] = {
                "index": audio.index, "codec": _codec(audio), "sample_rate": context.sample_rate, "channels": context.layout.nb_channels,
                "language": audio.language, "start": self._starts["audio"] - self.origin,
            }
        return facts

    def duration(self) -> float:
        if self._duration is None:
            self._duration = self._counted() if self._stated is None else self._stated
        return self._duration

    def _counted(self) -> float:
        """The duration as the packets tell it, which are read but not decoded."""
        with self._opened() as container:
            chosen = [container.streams[i] for i in self._index.values() if i is not None]
            clocks = {s.index: Clock(self.origin, Notes("")) for s in chosen}
            for packet in _packets(container, chosen, Notes("")):
                if packet.pts is not None and packet.time_base:
                    clock = clocks[packet.stream_index]
                    clock.end = max(clock.end, clock(float(packet.pts * packet.time_base)) + float((packet.duration or 0) * packet.time_base))
            return max(clock.end for clock in clocks.values())

    def _frames(self, kind: str, threads: int, notes: Notes, decode: Decode | None = None) -> Iterator[tuple[Any, Any]]:
        """The frames of the chosen stream, in order, and the stream: every one, or those that `decode` makes of the packets."""
        with self._opened() as container:
            stream: Any = next((s for s in container.streams if s.index == self._index[kind] and s.type == kind), None)
            if stream is None:
                raise MediaError(f"{self.path} has changed since it was opened; open it again")
            _prepare(stream, threads)
            if stream.duration and stream.time_base:
                notes.stated = self._starts[kind] - self.origin + float(stream.duration * stream.time_base)
            else:
                notes.stated = self._stated or math.nan
            if notes.stated > self._bytes * 8 / THINNEST:
                notes.stated = math.nan
            decode = decode if decode and threads == 1 and spare.fits(container, stream) else _decoded
            for packet in _packets(container, [stream], notes):
                for frame in decode(packet, notes):
                    yield frame, stream

    def pictures(self, threads: int, notes: Notes, fps: float = math.inf) -> Iterator[tuple[float, float, Callable[[], np.ndarray]]]:
        """Pictures with their times, and up to where the stream has come with each; with `fps`, at least the first in each 1 / fps seconds."""
        clock = Clock(self.origin, notes, sure=BACK)         # in MP4 lengths go by the order of decoding: B pictures have each other's
        upright, last, newest = Upright(), 0.0, [(0.0, 0.0)]  # time and length of the last picture, as the packets have it
        spared, told = spare.Spare(fps), [False]
        waiting: list[Any] = []              # packets that nobody needs, unless what follows is made of them

        def decode(packet: Any, notes: Notes) -> Iterator[Any]:
            """The frames that a packet brings, without what nobody needs; one by one, so that their memory is used again while it is warm."""
            straight = clock.straight and not notes.failed
            useless, over = False, not packet.size
            if straight and packet.pts is not None and packet.time_base and not packet.is_discard:
                time = max(_seconds(packet.pts, packet.time_base) - self.origin, 0.0)
                useless = spared(time)
                newest[0] = max(newest[0], (time, _seconds(packet.duration or 0, packet.time_base)))
            if waiting and straight and (over or spare.anew(packet)) and spare.needless(waiting):
                waiting.clear()
            if useless and len(waiting) < spare.WAITING:
                waiting.append(packet)
                return
            while waiting:
                yield from run(waiting.pop(0), True, notes)
            yield from run(packet, useless, notes)

        def run(packet: Any, useless: bool, notes: Notes) -> Sequence[Any]:
            if useless != told[0]:
                packet.stream.codec_context.skip_frame, told[0] = "NONREF" if useless else "DEFAULT", useless
            return _decoded(packet, notes)

        time, shown, step, swapped, picture = 0.0, (0.0, 0.0), 0.0, False, None
        for frame, stream in self._frames("video", threads, notes, decode if fps < math.inf else None):
            time, step = clock(_stamp(frame, stream)), 1 / (_rate(stream) or 25.0)
            length = _seconds(frame.duration, stream.time_base) if frame.duration and stream.time_base else step
            length = 0.0 if self._still else min(length, JUMP)
            clock.end, shown = max(clock.end, time + length), max(shown, (time, length))
            swapped = swapped or (bool(stream.codec_context.has_b_frames) and "mp4" in self.facts["format"].split(","))
            last, picture = time if swapped else clock.end, lambda frame=frame, stream=stream: upright(frame, stream)
            yield time, last, picture
        if picture and not self._still:
            shown = max(shown, newest[0]) if clock.straight and not notes.failed else shown      # the last ones weren't decoded, but are there
            end = _end(*shown, notes.stated, step) if swapped else sum(shown)
            if end > last:
                last = end
                yield time, last, picture
        if not self._still:
            notes.ends(last)

    def sounds(self, notes: Notes) -> Iterator[Sound]:
        for frame, stream in self._frames("audio", 1, notes):
            stamp = _stamp(frame, stream)
            yield None if stamp is None else stamp - self.origin, frame


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
    read, notes = 0, Notes("")
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


def _packets(container: InputContainer, streams: Sequence[Any], notes: Notes) -> Iterator[Any]:
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


def _end(time: float, length: float, stated: float, step: float) -> float:
    """Where the last picture ends whose length may be another's: by then where the stream says that it ends, else after a step at most.

    >>> _end(6.76, 0.8, stated=6.86, step=0.08), _end(6.76, 0.8, stated=6.1, step=0.08), _end(2.5, 0.04, stated=6.86, step=0.08)
    (6.86, 6.84, 2.54)
    """
    if not stated > time:
        return time + min(length, step)
    return stated if time + length > stated + step / 2 else time + length         # what is said is rounded, and may leave some of a step out


def _decoded(packet: Any, notes: Notes) -> Sequence[Any]:
    """The frames in a packet; a damaged one has none."""
    try:
        return packet.decode()                                                          # type: ignore[no-any-return]
    except BELOW:
        notes.failed += 1
        return ()


def _stamp(frame: Any, stream: Any) -> float | None:
    """A frame's own time in seconds, None if it has none."""
    stamp, base = frame.pts if frame.pts is not None else frame.dts, frame.time_base or stream.time_base
    return None if stamp is None or not base else _seconds(stamp, base)


def _seconds(ticks: int, base: Fraction) -> float:
    """float(ticks * base), to the last bit, without the fraction in between, which takes longer than a picture's other bookkeeping."""
    return ticks * base.numerator / base.denominator


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
