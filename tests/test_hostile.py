"""Files that mean harm, or were harmed: each gives a clear error, or a result that says what is wrong with it; never a traceback, never a hang."""

import faulthandler
import struct
import wave
from pathlib import Path

import av
import numpy as np
import pytest

import attune
from attune import batch, export
from attune.errors import AttuneError
from attune.settings import Settings

SAMPLE = Path(__file__).parent.parent / "samples" / "hello.mp4"
PATIENCE = 240                           # s a file may take before the run is ended


def cut(share):
    def make(path):
        whole = SAMPLE.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
    return make


def damage(seed):
    """A thousand bytes overwritten at random."""
    def make(path):
        data, rng = bytearray(SAMPLE.read_bytes()), np.random.default_rng(seed)
        for at in rng.integers(0, len(data), 1000):
            data[at] = rng.integers(256)
        path.write_bytes(bytes(data))
    return make


def raw(content):
    return lambda path: path.write_bytes(content)


def sound(samples, rate=16_000, width=2):
    def make(path):
        with wave.open(str(path), "wb") as f:
            f.setnchannels(1)
            f.setsampwidth(width)
            f.setframerate(rate)
            f.writeframes(np.asarray(samples).tobytes())
    return make


def float_sound(samples, rate=16_000):
    """A WAV of 32-bit floats, which may hold NaN and infinities."""
    def make(path):
        data = np.asarray(samples, "<f4").tobytes()
        header = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, rate, rate * 4, 4, 32) + b"data" + struct.pack("<I", len(data))
        path.write_bytes(b"RIFF" + struct.pack("<I", len(header) + len(data)) + header + data)
    return make


def film(width=64, height=64, frames=10, rate=10, step=1, codec="mpeg4", start=0, kind=None):
    def make(path):
        with av.open(str(path), "w", format=kind) as sink:
            stream = sink.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for i in range(frames):
                picture = av.VideoFrame.from_ndarray(np.full((height, width, 3), 20 * (i % 10), np.uint8), "rgb24")
                picture.pts = start + i * step
                sink.mux(stream.encode(picture))
            sink.mux(stream.encode())
    return make


def picture(height, width, codec="png"):
    def make(path):
        with av.open(str(path), "w", format="image2") as sink:
            stream = sink.add_stream(codec, rate=1)
            stream.width, stream.height, stream.pix_fmt = width, height, "rgb24" if codec == "png" else "yuvj420p"
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), "rgb24")))
            sink.mux(stream.encode())
    return make


tone = (0.1 * np.sin(np.arange(32_000) * 0.05)).astype(np.float32)
HOSTILE = {
    "empty.mp4": raw(b""), "one_byte.mp4": raw(b"\0"), "text.mp4": raw(b"these are words, not a film\n" * 50), "page.mp4": raw(b"<html><body>404</body></html>"),
    "zeros.mp4": raw(bytes(100_000)), "noise.mp4": raw(np.random.default_rng(0).bytes(100_000)), "noise.wav": raw(np.random.default_rng(1).bytes(50_000)),
    "noise.mp3": raw(np.random.default_rng(2).bytes(50_000)), "zip.mkv": raw(b"PK\x03\x04" + bytes(1000)), "header_only.wav": raw(b"RIFF\x24\0\0\0WAVEfmt "),
    "png_head.png": raw(b"\x89PNG\r\n\x1a\n"), "jpeg_head.jpg": raw(b"\xff\xd8\xff\xe0"), "riff_lies.wav": raw(b"RIFF\xff\xff\xff\xffWAVE" + bytes(64)),
    "playlist.m3u8": raw(b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n"), "concat.mp4": raw(b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
    **{f"cut_{share}.mp4": cut(share / 100) for share in (1, 5, 20, 40, 60, 80, 95, 99)},
    **{f"damaged_{seed}.mp4": damage(seed) for seed in range(4)},
    "no_samples.wav": sound([], 16_000), "one_sample.wav": sound(np.int16([1000])), "silence.wav": sound(np.zeros(16_000, np.int16)),
    "clipped.wav": sound(np.where(np.arange(32_000) % 100 < 50, 32_767, -32_768).astype(np.int16)), "low_rate.wav": sound(np.zeros(50, np.int16), 50),
    "high_rate.wav": sound(np.zeros(384_000, np.int16), 384_000), "nan.wav": float_sound(np.where(np.arange(32_000) % 7 == 0, np.nan, tone)),
    "all_nan.wav": float_sound(np.full(16_000, np.nan)), "infinite.wav": float_sound(np.where(np.arange(32_000) == 5, np.inf, tone)),
    "huge_values.wav": float_sound(tone * 1e30), "denormal.wav": float_sound(tone * 1e-38), "a_film.wav": film(kind="avi"), "a_sound.mp4.mp3": sound(np.zeros(8000, np.int16)),
    "one_pixel.avi": film(2, 2), "one_picture.mp4": film(frames=1), "odd.mkv": film(62, 34), "huge_times.mkv": film(frames=3, start=10**9), "sparse.mkv": film(frames=3, step=36_000),
    "fast.mkv": film(frames=300, rate=1000), "wide.png": picture(10, 10_000), "tall.png": picture(10_000, 10), "one_pixel.png": picture(1, 1),
    "a_picture.mp4": picture(64, 64), "upper.PNG": picture(64, 64),
}
TRANSCRIPTS = {
    "empty.srt": b"", "no_times.srt": b"just words", "backwards.srt": b"1\n00:00:05,000 --> 00:00:01,000\nBack\n", "far.srt": b"1\n99:00:00,000 --> 99:00:09,000\nLate\n",
    "broken.srt": b"1\n00:00:xx,000 --> later\nWhat\n", "bytes.srt": bytes(range(256)) * 20, "half.json": b'{"segments": [{"start": 0, ', "list.json": b"[1, 2, 3]",
    "nan.json": b'{"segments": [{"start": NaN, "end": 1, "text": "a"}]}', "deep.json": b"[" * 50_000, "overlap.vtt": b"WEBVTT\n\n00:00.000 --> 00:09.000\nOne\n\n00:01.000 --> 00:02.000\nTwo\n",
    "utf16.srt": "1\n00:00:01,000 --> 00:00:02,000\nHällo\n".encode("utf-16"), "script.txt": b"</script><script>alert(1)</script>",
}


@pytest.fixture(autouse=True)
def _never_hang():
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_an_answer(name, tmp_path):
    HOSTILE[name](tmp_path / name)
    (result,) = batch.run([tmp_path / name], tmp_path / "out", Settings(text=None))
    assert not result.error.startswith("unexpected"), result.error
    if result.error:
        assert len(result.error) > 20
        assert (tmp_path / "out" / batch.FAILURES).exists()
        return
    recording = attune.open(result.folder)
    for e in recording:
        assert np.isfinite(e.values[~np.isnan(e.values)]).all()
        assert all(reason for reason, missing in zip(e.reason, e.missing, strict=True) if missing)
    assert export.table(recording).num_rows == len(recording.segments)


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_hostile_transcript_is_an_answer(name, tmp_path):
    (tmp_path / name).write_bytes(TRANSCRIPTS[name])
    try:
        recording = attune.measure(SAMPLE, transcript=str(tmp_path / name), face=None)
    except AttuneError as error:
        assert name in str(error)
        return
    assert export.table(recording).num_rows
    assert recording.notes


def test_there_are_at_least_forty_of_them():
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("source", [".", "nowhere.mp4", "/dev/null"])
def test_what_is_no_file_is_an_answer(source, tmp_path):
    (result,) = batch.run([Path(source)], tmp_path, Settings(text=None))
    assert result.error
    assert not result.error.startswith("unexpected"), result.error


def test_an_unreadable_file_is_an_answer(tmp_path):
    locked = tmp_path / "locked.mp4"
    locked.write_bytes(b"x")
    locked.chmod(0)
    (result,) = batch.run([locked], tmp_path / "out", Settings(text=None))
    assert result.error


def test_one_bad_file_costs_nothing_to_the_others(tmp_path):
    for name in ("empty.mp4", "silence.wav", "cut_60.mp4"):
        HOSTILE[name](tmp_path / name)
    results = list(batch.run(batch.find([tmp_path]), tmp_path / "out", Settings(text=None)))
    assert [bool(r.error) for r in results] == [False, True, False]
