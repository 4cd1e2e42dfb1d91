"""Media made in code, for every test: tones, moving drawings, containers, and what goes wrong with them."""

from __future__ import annotations

import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 16_000                            # Hz


def tone(seconds: float = 1.0, hertz: float = 440.0, *, sample_rate: int = RATE, level: float = 0.5) -> np.ndarray:
    """A sine, (samples,) float32."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def clicks(seconds: float = 3.0, *, sample_rate: int = RATE, every: float = 1.0, level: float = 0.9) -> np.ndarray:
    """Silence with a short 1 kHz burst at every whole `every`, so that time can be read off the sound."""
    out = np.zeros(round(seconds * sample_rate), np.float32)
    burst = tone(0.02, 1000, sample_rate=sample_rate, level=level)
    for start in np.arange(0, seconds - 0.02, every):
        first = round(start * sample_rate)
        out[first : first + len(burst)] = burst
    return out


def drawing(time: float, *, width: int = 64, height: int = 48, seconds: float = 10.0) -> np.ndarray:
    """A picture that tells its time: red grows from left to right with it, the top left corner is white, the bottom right blue."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 1] = np.linspace(30, 90, height, dtype=np.uint8)[:, None]
    rgb[:, : max(1, round(width * min(time / seconds, 1))), 0] = 200
    rgb[: max(1, height // 4), : max(1, width // 4)] = 255
    rgb[-max(1, height // 4) :, -max(1, width // 4) :] = (0, 0, 255)
    return rgb


def movie(
    path: Path, *, seconds: float = 2.0, fps: float = 10.0, size: tuple[int, int] = (64, 48), codec: str = "libx264", pixels: str = "yuv420p",
    times: list[float] | None = None, pictures: list[np.ndarray] | None = None, sound: np.ndarray | None = None, sample_rate: int = RATE,
    sound_codec: str = "aac", layout: str = "mono", video_start: float = 0.0, audio_start: float = 0.0, audio_times: list[float] | None = None,
    format: str | None = None, options: dict[str, str] | None = None, container_options: dict[str, str] | None = None, picture: bool = True,
    audio_streams: int = 1, aspect: Fraction | None = None, gop: int = 12,
) -> Path:
    """A media file. size is (width, height). `times` gives each picture's own time; `audio_times` that of each 1024 samples of sound."""
    width, height = size
    with av.open(str(path), "w", format=format, container_options=container_options or {}) as out:
        video, tracks = None, []
        if picture:
            video = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options or {})
            video.width, video.height, video.pix_fmt, video.gop_size = width, height, pixels, gop
            video.codec_context.time_base = Fraction(1, 1000) if times else 1 / Fraction(fps).limit_denominator(1001)
            if aspect:
                video.codec_context.sample_aspect_ratio = aspect
        if sound is not None:
            for _ in range(audio_streams):
                track = out.add_stream(sound_codec, rate=sample_rate)
                track.layout = layout
                tracks.append(track)
        if video is not None:
            base = video.codec_context.time_base
            for i, time in enumerate(times or [i / fps for i in range(round(seconds * fps))]):
                rgb = pictures[i] if pictures else drawing(time, width=width, height=height, seconds=seconds)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(format=pixels)
                frame.time_base, frame.pts = base, round((time + video_start) / float(base))
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
        for number, track in enumerate(tracks):
            resampler = av.AudioResampler(track.codec_context.format, layout, sample_rate, track.codec_context.frame_size or None)
            for k, first in enumerate(range(0, len(sound), 1024)):
                piece = sound[first : first + 1024] * (0.5 if number else 1)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.tile(piece[None], (1, 1))), "flt", "mono")
                frame.sample_rate, frame.time_base = sample_rate, Fraction(1, sample_rate)
                frame.pts = round((audio_times[k] if audio_times else first / sample_rate) * sample_rate) + round(audio_start * sample_rate)
                for ready in [frame] if audio_times and track.codec_context.format.name == "flt" else resampler.resample(frame):
                    out.mux(track.encode(ready))
            if not audio_times:
                for ready in resampler.resample(None):
                    out.mux(track.encode(ready))
            out.mux(track.encode(None))
    return path


def sound(path: Path, wave_: np.ndarray, *, sample_rate: int = RATE, codec: str = "pcm_s16le", layout: str = "mono", **options) -> Path:
    """A file with sound only."""
    return movie(path, picture=False, sound=wave_, sample_rate=sample_rate, sound_codec=codec, layout=layout, **options)


def float_wav(path: Path, samples: np.ndarray, sample_rate: int = RATE) -> Path:
    """A WAV file of 32-bit floats, whatever they are (NaN, infinity, far beyond full scale). samples: (n,) or (n, channels)."""
    samples = np.atleast_2d(np.asarray(samples, np.float32).T).T
    data, channels = samples.tobytes(), samples.shape[1]
    header = struct.pack("<HHIIHH", 3, channels, sample_rate, sample_rate * channels * 4, channels * 4, 32)
    body = b"WAVEfmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def plain_wav(path: Path, samples: np.ndarray, sample_rate: int = RATE) -> Path:
    """A WAV file of 16-bit integers, one channel."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def still(path: Path, rgb: np.ndarray, codec: str, pixels: str) -> Path:
    """A picture file."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = rgb.shape[1], rgb.shape[0], pixels, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(format=pixels)
    path.write_bytes(b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)]))
    return path


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a display matrix a, b, c, d (each -1, 0 or 1) into the track header of an MP4's video."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd")
    while at >= 0:
        entries = at + 4 + 4 + (20 if data[at + 4] == 0 else 32) + 16
        if struct.unpack(">I", data[entries + 36 : entries + 40])[0]:                  # has a width: the picture's track
            a, b, c, d = (v * 65536 for v in matrix)
            data[entries : entries + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        at = data.find(b"tkhd", at + 4)
    path.write_bytes(data)
    return path


def joined(path: Path, parts: list[Path], fps: int = 25) -> Path:
    """MP4s of one H.264 stream without B pictures put one behind the other, as they are encoded: each part has a sample description of its own."""
    described, samples, entries = [], [], []
    for part in parts:
        with av.open(str(part)) as container:
            stream = container.streams.video[0]
            width, height, avcc = stream.width, stream.height, bytes(stream.codec_context.extradata)
            entries.append((len(samples) + 1, len(described) + 1))
            samples += [(bytes(p), p.is_keyframe) for p in container.demux(stream) if p.size]
        described.append(_box(b"avc1", bytes(6), b"\0\1", bytes(16), struct.pack(">HHIIIH", width, height, 72 << 16, 72 << 16, 0, 1), bytes(32),
                              struct.pack(">Hh", 24, -1), _box(b"avcC", avcc)))
    n, scale, tick = len(samples), 1000 * fps, 1000
    matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    entered = [i + 1 for i, (_, entry) in enumerate(samples) if entry]

    def moov(first: int) -> bytes:
        offsets = np.cumsum([first, *(len(data) for data, _ in samples[:-1])]).tolist()
        table = _box(
            b"stbl", _box(b"stsd", _numbers(0, len(described)), *described), _box(b"stts", _numbers(0, 1, n, tick)),
            _box(b"stss", _numbers(0, len(entered), *entered)), _box(b"stsc", _numbers(0, len(entries), *(x for at, k in entries for x in (at, 1, k)))),
            _box(b"stsz", _numbers(0, 0, n, *(len(data) for data, _ in samples))), _box(b"stco", _numbers(0, n, *offsets)))
        information = _box(b"minf", _box(b"vmhd", _numbers(1, 0, 0)), _box(b"dinf", _box(b"dref", _numbers(0, 1), _box(b"url ", _numbers(1)))), table)
        media = _box(b"mdia", _box(b"mdhd", _numbers(0, 0, 0, scale, n * tick, 0x55C4 << 16)), _box(b"hdlr", bytes(8), b"vide", bytes(13)), information)
        track = _box(b"trak", _box(b"tkhd", _numbers(3, 0, 0, 1, 0, n * tick), bytes(16), matrix, _numbers(width << 16, height << 16)), media)
        return _box(b"moov", _box(b"mvhd", _numbers(0, 0, 0, scale, n * tick, 1 << 16, 0x100 << 16), bytes(8), matrix, bytes(24), _numbers(2)), track)

    head = _box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    path.write_bytes(head + moov(len(head) + len(moov(0)) + 8) + _box(b"mdat", *(data for data, _ in samples)))
    return path


def _box(name: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + name + data


def _numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def cut(path: Path, share: float, name: str | None = None) -> Path:
    """A copy of a file's first part, as a download that broke off."""
    data = path.read_bytes()
    out = path.with_name(name or f"cut_{round(share * 1000)}_{path.name}")
    out.write_bytes(data[: int(len(data) * share)])
    return out


def damaged(path: Path, seed: int = 0, share: float = 0.01, keep: float = 0.1) -> Path:
    """A copy with random bytes strewn over it, behind its first part."""
    random = np.random.default_rng(seed)
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    first = int(len(data) * keep)
    places = random.integers(first, len(data), int(len(data) * share))
    data[places] = random.integers(0, 256, len(places))
    out = path.with_name(f"damaged_{seed}_{path.name}")
    out.write_bytes(data.tobytes())
    return out
