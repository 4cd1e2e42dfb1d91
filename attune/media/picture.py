"""Pictures as they are meant to be seen: RGB, square pixels, upright, of one size; and small ones as JPEG."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from attune.errors import MediaError, ShapeError

MAX_PIXELS = 100_000_000                 # a larger picture is taken for a decompression bomb: 300 MB once it is RGB


class Upright:
    """Pictures as they are meant to be seen: RGB, square pixels, turned and mirrored as the file says."""

    def __init__(self) -> None:
        self._convert = VideoReformatter()
        self._angle: int | None = None
        self._matrix = (1, 0, 0, 1)

    def __call__(self, frame: VideoFrame, stream: Any) -> np.ndarray:
        wide = stream.sample_aspect_ratio or 1
        width = round(frame.width * wide) if 0.2 <= wide <= 5 else frame.width
        if width * frame.height > MAX_PIXELS:
            raise MediaError(f"a picture of {width} x {frame.height} pixels; at most {MAX_PIXELS // 10**6} megapixels are read: make it smaller")
        try:
            rgb = self._convert.reformat(frame, max(width, 1), frame.height, "rgb24", threads=1).to_ndarray()
        except (FFmpegError, ValueError) as error:
            raise MediaError(f"pictures of the kind {frame.format.name} can't be turned into RGB ({error}); convert the file, to H.264 say") from error
        if frame.rotation != self._angle:                        # the matrix is looked up once: in PyAV a look at side data keeps the frame alive
            self._angle, self._matrix = frame.rotation, _matrix(frame)
        return _turned(rgb, self._matrix)


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


MAGIC = ((b"\xff\xd8\xff", "mjpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))


def decoded(data: bytes, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A JPEG, PNG or WebP file as (h, w, 3) uint8 RGB, the pixels as they are stored: a camera's picture, at once and without a file.

    Raises
    ------
    MediaError
        If it is none of them, damaged, or larger than `max_pixels`.

    >>> decoded(jpeg(np.zeros((8, 16, 3), np.uint8))).shape
    (8, 16, 3)
    """
    codec = next((name for magic, name in MAGIC if data.startswith(magic)), None)
    if codec is None or (codec == "webp" and data[8:12] != b"WEBP"):
        raise MediaError(f"{len(data)} bytes that begin with {data[:4]!r}; expected a JPEG, PNG or WebP picture")
    decoder: Any = CodecContext.create(codec, "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(max_pixels)}
    try:
        found = [*decoder.decode(Packet(data)), *decoder.decode(None)]
        if not found:
            raise MediaError(f"the {codec.removeprefix('m')} picture of {len(data)} bytes holds nothing that can be decoded")
        return np.asarray(VideoReformatter().reformat(found[0], found[0].width, found[0].height, "rgb24", threads=1).to_ndarray())
    except (FFmpegError, ValueError, MemoryError) as error:
        raise MediaError(f"the {codec.removeprefix('m')} picture can't be decoded, or has more than {max_pixels / 1e6:g} megapixels ({error})") from error


def fitted(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture scaled into another size, in the middle of black."""
    scale = min(height / rgb.shape[0], width / rgb.shape[1])
    h, w = max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))
    small = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(w, h, interpolation="AREA", threads=1).to_ndarray()
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    out[top : top + h, left : left + w] = small
    return out


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
