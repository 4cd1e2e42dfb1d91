"""Media: any container, true times, honest about damage. Everything is made here; see media_made.py."""

import os
import socket
import struct
import subprocess
import sys
import threading
import tracemalloc
from fractions import Fraction

import av
import media_made as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import AttuneError, MediaError, NoStream, SettingError, ShapeError
from attune.media import Media, jpeg
from attune.media.clock import BACK, Clock, Notes
from attune.media.picture import MAX_PIXELS
from attune.media.sound import gapless

RATE = 16_000


def times(media, fps=3.0):
    return [round(t, 3) for t, _ in media.frames(fps)]


def bursts(wave, rate=RATE):
    """Times (s) at which the sound of `made.clicks` sets in."""
    loud = np.abs(wave) > 0.15
    on = np.flatnonzero(loud)
    return [round(float(i) / rate, 2) for i, before in zip(on, np.r_[-rate, on[:-1]], strict=True) if i - before > rate // 10]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def talk(folder):
    """Three seconds of picture and sound."""
    return made.movie(folder / "talk.mp4", seconds=3, fps=25, sound=made.clicks(3))


# Containers and codecs

VIDEO = [
    ("mp4", "libx264", "aac", {}), ("mov", "libx264", "aac", {}), ("mkv", "libx264", "libopus", {"sample_rate": 48_000}),
    ("webm", "libvpx", "libopus", {"sample_rate": 48_000}), ("webm", "libvpx-vp9", "libopus", {"sample_rate": 48_000}),
    ("avi", "mpeg4", "libmp3lame", {}), ("ts", "libx264", "aac", {}), ("mp4", "libx265", "aac", {"options": {"x265-params": "log-level=none"}}),
    ("mpg", "mpeg2video", "mp2", {"fps": 25, "sample_rate": 48_000}), ("flv", "flv", "libmp3lame", {"sample_rate": 44_100}),
    ("mkv", "ffv1", "flac", {}), ("mov", "prores", "pcm_s16le", {"pixels": "yuv422p10le"}), ("mkv", "mjpeg", "pcm_s16le", {"pixels": "yuvj420p"}),
]


@pytest.mark.parametrize(("suffix", "codec", "sound", "more"), VIDEO, ids=[f"{v[0]}-{v[1]}" for v in VIDEO])
def test_every_container_gives_pictures_and_sound_at_their_times(tmp_path, suffix, codec, sound, more):
    rate = more.get("sample_rate", RATE)
    file = made.movie(tmp_path / f"a.{suffix}", seconds=2, codec=codec, sound_codec=sound, sound=made.clicks(2, sample_rate=rate), **{"fps": 10, **more})
    media = Media.open(file)
    assert media.has_video
    assert media.has_audio
    assert (media.width, media.height) == (64, 48)
    assert media.duration == pytest.approx(2, abs=0.15)
    pictures = list(media.frames(3))
    first = pictures[0][0]                                             # MPEG streams begin with the decoder's delay
    assert [round(t - first, 1) for t, _ in pictures[:6]] in ([0, 0.4, 0.7, 1.0, 1.4, 1.7], [0, 0.3, 0.7, 1.0, 1.3, 1.7], [0, 0.4, 0.6, 1.0, 1.4, 1.6])
    assert all(p.shape == (48, 64, 3) and p.dtype == np.uint8 for _, p in pictures)
    assert pictures[0][1][2, 2].min() > 200                            # the white corner is at the top left
    np.testing.assert_allclose(np.array(bursts(media.waveform())) - first, [0, 1], atol=0.08)        # AVI doesn't tell the delay of MP3
    assert media.end == pytest.approx(2, abs=0.2)
    assert media.notes == ()


SOUND = [
    ("wav", "pcm_s16le", RATE), ("wav", "pcm_u8", 8_000), ("wav", "pcm_s24le", 48_000), ("wav", "pcm_f32le", 22_050), ("wav", "pcm_mulaw", 8_000),
    ("flac", "flac", 44_100), ("mp3", "libmp3lame", 44_100), ("ogg", "libopus", 48_000), ("opus", "libopus", 48_000), ("m4a", "aac", 44_100),
    ("m4a", "alac", 44_100), ("aac", "aac", 32_000), ("aiff", "pcm_s16be", 44_100), ("ac3", "ac3", 48_000), ("au", "pcm_s16be", RATE),
]


@pytest.mark.parametrize(("suffix", "codec", "rate"), SOUND, ids=[f"{s[0]}-{s[1]}" for s in SOUND])
def test_every_sound_file_gives_its_sound(tmp_path, suffix, codec, rate):
    file = made.sound(tmp_path / f"a.{suffix}", made.clicks(2.5, sample_rate=rate), sample_rate=rate, codec=codec)
    media = Media.open(file)
    assert not media.has_video
    assert media.sample_rate == rate
    assert media.duration == pytest.approx(2.5, abs=0.15)
    np.testing.assert_allclose(bursts(media.waveform()), [0, 1, 2], atol=0.08)
    with pytest.raises(NoStream, match="no picture"):
        media.frames()
    assert media.notes == ()


STILLS = [("jpg", "mjpeg", "yuvj420p"), ("png", "png", "rgb24"), ("bmp", "bmp", "bgr24"), ("webp", "libwebp", "yuv420p"), ("tiff", "tiff", "rgb24"),
          ("ppm", "ppm", "rgb24"), ("png", "png", "gray"), ("png", "png", "rgba"), ("png", "png", "rgb48be"), ("jpg", "mjpeg", "yuvj444p")]


@pytest.mark.parametrize(("suffix", "codec", "pixels"), STILLS, ids=[f"{s[0]}-{s[2]}" for s in STILLS])
def test_still_is_one_frame_at_zero(tmp_path, suffix, codec, pixels):
    rgb = made.drawing(5, width=61, height=47)                         # odd sizes
    media = Media.open(made.still(tmp_path / f"a.{suffix}", rgb, codec, pixels))
    (time, picture), = media.frames()
    assert (time, media.duration, picture.shape) == (0.0, 0.0, (47, 61, 3))
    expected = rgb if pixels != "gray" else np.repeat(np.round(rgb @ [0.299, 0.587, 0.114])[..., None], 3, 2)
    assert np.abs(picture.astype(int) - expected).mean() < 6
    with pytest.raises(NoStream, match="no sound"):
        media.blocks()


def test_animated_gif_is_a_video(tmp_path):
    media = Media.open(made.movie(tmp_path / "a.gif", codec="gif", pixels="rgb8", fps=10, seconds=1))
    assert times(media, 3) == [0.0, 0.4, 0.7]


def test_wrong_extension_does_not_matter(folder, talk):
    other = folder / "talk.txt"
    other.write_bytes(talk.read_bytes())
    assert times(Media.open(other)) == times(Media.open(talk))


def test_name_that_looks_like_a_pattern_or_an_address_is_a_file(folder, talk):
    for name in ("a%03d.mp4", "http:clip.mp4", "é 音 [x].mp4", "-i.mp4"):
        other = folder / name
        other.write_bytes(talk.read_bytes())
        assert len(times(Media.open(other))) == 9


# Times

def test_frames_are_sampled_on_a_grid(talk):
    media = Media.open(talk)
    assert len(times(media, 3)) == 9
    assert times(media, 1) == [0, 1, 2]
    assert len(times(media, 25)) == len(times(media, 1000)) == 75     # each once
    assert times(media, 0.4) == [0.0, 2.52]


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 40), st.lists(st.floats(0.001, 1.5), min_size=1, max_size=60))
def test_each_cell_of_the_grid_gives_its_first_frame(fps, gaps):
    stamps = np.cumsum(gaps)
    media = Media.of(frames=[(t, np.zeros((2, 2, 3), np.uint8)) for t in stamps])
    got = [t for t, _ in media.frames(fps)]
    cells = np.floor((stamps + 0.001) * fps)
    assert got == [t for i, t in enumerate(stamps) if i == 0 or cells[i] > cells[i - 1]]


def test_millisecond_timestamps_lose_no_frame_at_native_rate(tmp_path):
    media = Media.open(made.movie(tmp_path / "a.mkv", fps=30, seconds=2))     # Matroska says .033, .067, .1
    assert len(times(media, 30)) == 60


def test_variable_frame_rate_keeps_true_times(tmp_path):
    stamps = [0.0, 0.04, 0.5, 0.54, 0.58, 1.7, 1.75, 3.0]
    media = Media.open(made.movie(tmp_path / "a.mkv", times=stamps))
    assert times(media, 3) == [0.0, 0.5, 1.7, 3.0]
    assert times(media, 100) == stamps


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_times_start_at_the_media_and_keep_the_offset_of_the_sound(tmp_path, suffix):
    late = made.movie(tmp_path / f"late.{suffix}", seconds=2, fps=10, sound=made.clicks(2), video_start=5.0, audio_start=5.5)
    media = Media.open(late)
    assert times(media, 1)[0] == pytest.approx(0, abs=0.15)
    assert bursts(media.waveform())[0] - times(media, 1)[0] == pytest.approx(0.5, abs=0.07)
    early = Media.open(made.movie(tmp_path / f"early.{suffix}", seconds=2, fps=10, sound=made.clicks(2), video_start=5.7, audio_start=5.0))
    assert bursts(early.waveform())[0] == pytest.approx(0, abs=0.07)
    assert times(early, 1)[0] == pytest.approx(0.7, abs=0.15)


def test_holes_in_the_sound_are_silence_and_overlaps_are_cut(tmp_path):
    sound = made.clicks(3)
    stamps = [i * 1024 / RATE + (2.0 if i >= 30 else 0) for i in range(47)]
    media = Media.open(made.movie(tmp_path / "hole.mkv", picture=False, sound=sound, sound_codec="pcm_f32le", audio_times=stamps))
    wave = media.waveform()
    assert bursts(wave) == [0, 1, 4]
    assert len(wave) / RATE == pytest.approx(5, abs=0.03)


def test_overlaps_of_sound_are_cut():
    """A step back by 0.1 s: what is heard again is left out, time goes on."""
    wave, frames = made.tone(2, 200), []
    for first in range(0, 32_000, 1600):
        frame = av.AudioFrame.from_ndarray(wave[None, first : first + 1600].copy(), "flt", "mono")
        frame.sample_rate = RATE
        frames.append((first / RATE - (0.1 if first >= 16_000 else 0), frame))
    got = np.concatenate(list(gapless(iter(frames), RATE, Notes("sound"))))
    np.testing.assert_array_equal(got, np.r_[wave[:16_000], wave[17_600:]])


def test_recordings_strung_together_go_on(tmp_path):
    one = made.movie(tmp_path / "one.ts", seconds=2, fps=10, sound=made.clicks(2))
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() * 2)
    media = Media.open(both)
    assert times(media, 1)[-1] == pytest.approx(3.5, abs=0.6)
    seconds = bursts(media.waveform())
    assert len(seconds) == 4
    assert np.diff(seconds) == pytest.approx([1, 1.1, 1], abs=0.15)


def test_a_clock_that_is_told_lengths_of_other_pictures_still_puts_what_has_no_time_right_after_and_sees_a_new_beginning():
    clock = Clock(0.0, Notes("picture"), sure=BACK)
    got = []
    for stamp, length in ((0.0, 1.0), (1.0, 1.0), (None, 1.0), (3.0, 1.0), (3.1, 0.1), (0.0, 0.1), (0.1, 0.1)):
        got.append(round(clock(stamp), 3))
        clock.end = max(clock.end, got[-1] + length)
    assert got == [0, 1, 2, 3, 3.1, 4, 4.1]                            # at 4, where 3.0 and its length end, the next file begins
    whole = Clock(0.0, Notes("sound"))                                 # what is sure of its lengths: a step back of 0.9 s
    whole.end = whole(0.0) + 1.0
    assert whole(0.1) == 1.0 and not whole.straight


def test_jitter_of_timestamps_is_no_hole(tmp_path):
    random = np.random.default_rng(1)
    stamps = [max(0, i * 1024 / RATE + random.uniform(-0.015, 0.015)) for i in range(47)]
    media = Media.open(made.movie(tmp_path / "a.mkv", picture=False, sound=made.tone(3), sound_codec="pcm_f32le", audio_times=stamps))
    np.testing.assert_allclose(media.waveform()[: 45 * 1024], made.tone(3)[: 45 * 1024], atol=1e-6)


def test_huge_timestamps_are_no_hours_of_silence(tmp_path):
    stamps = [i * 1024 / RATE + (400_000.0 if i >= 20 else 0) for i in range(47)]
    media = Media.open(made.movie(tmp_path / "a.mkv", picture=False, sound=made.clicks(3), sound_codec="pcm_f32le", audio_times=stamps))
    assert len(media.waveform()) / RATE == pytest.approx(3, abs=0.05)
    assert "jump" in media.notes[0]
    video = Media.open(made.movie(tmp_path / "b.mkv", times=[0.0, 0.1, 900_000.0, 900_000.1]))
    assert max(times(video, 30)) < 1
    assert "jump" in video.notes[0]


# Pictures

TURNS = {                                                              # matrix a, b, c, d -> what is done to the stored picture
    (1, 0, 0, 1): lambda p: p, (0, 1, -1, 0): lambda p: np.rot90(p, -1), (-1, 0, 0, -1): lambda p: np.rot90(p, 2), (0, -1, 1, 0): np.rot90,
    (-1, 0, 0, 1): np.fliplr, (1, 0, 0, -1): np.flipud,
}


@pytest.mark.parametrize("matrix", TURNS)
def test_rotation_and_mirroring_are_applied(folder, matrix):
    plain = made.movie(folder / "plain.mp4", seconds=0.5)
    stored = next(Media.open(plain).frames())[1]
    media = Media.open(made.turn(plain, matrix))
    seen = next(media.frames())[1]
    np.testing.assert_array_equal(seen, TURNS[matrix](stored))
    assert seen.shape[:2] == (media.height, media.width)
    assert seen.flags.c_contiguous


def test_rotation_is_told_in_degrees_clockwise(folder):
    assert Media.open(made.turn(made.movie(folder / "r.mp4", seconds=0.5), (0, 1, -1, 0))).rotation == 90


def test_exif_orientation_of_a_photograph_is_applied(tmp_path):
    file = made.still(tmp_path / "a.jpg", made.drawing(0), "mjpeg", "yuvj420p")
    stored = next(Media.open(file).frames())[1]
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)        # orientation 6: turn clockwise by 90
    app1 = b"Exif\0\0" + tiff
    data = file.read_bytes()
    file.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + data[2:])
    np.testing.assert_array_equal(next(Media.open(file).frames())[1], np.rot90(stored, -1))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray", "rgb24", "rgba", "bgr0", "yuva420p", "bgr24", "yuv410p"])
def test_pixel_formats_become_rgb(tmp_path, pixels):
    codec = {"bgr24": "libx264rgb", "rgb24": "rawvideo", "rgba": "rawvideo"}.get(pixels, "ffv1")
    file = made.movie(tmp_path / "a.nut", codec=codec, pixels=pixels, seconds=0.3)
    picture = next(Media.open(file).frames())[1]
    assert picture.shape == (48, 64, 3)
    assert picture[3, 3].min() > 240
    if pixels != "gray":
        assert picture[-4, -4, 2] > 180
        assert picture[-4, -4, 0] < 60


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (2, 200), (101, 33), (1000, 10)])
def test_odd_sizes(tmp_path, size):
    media = Media.open(made.movie(tmp_path / "a.mkv", codec="ffv1", pixels="yuv444p", seconds=0.3, size=size))
    assert next(media.frames())[1].shape == (size[1], size[0], 3)


def test_very_wide_picture(tmp_path):
    media = Media.open(made.still(tmp_path / "a.png", np.zeros((10, 10_000, 3), np.uint8), "png", "rgb24"))
    assert next(media.frames())[1].shape == (10, 10_000, 3)


def test_pixels_become_square(tmp_path):
    media = Media.open(made.movie(tmp_path / "a.mkv", seconds=0.5, aspect=Fraction(3, 2)))
    assert (media.width, media.height) == (96, 48)
    assert next(media.frames())[1].shape == (48, 96, 3)


def test_picture_that_changes_size_is_fitted_into_the_first(tmp_path):
    small, large = (made.movie(tmp_path / f"{w}.mpg", codec="mpeg2video", fps=25, seconds=1, size=(w, h)) for w, h in ((64, 48), (128, 64)))
    both = tmp_path / "both.mpg"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    media = Media.open(both)
    pictures = [p for _, p in media.frames(10)]
    assert {p.shape for p in pictures} == {(48, 64, 3)}
    assert pictures[-1][:6].max() < 10                                 # black above and below the wider picture
    assert any("size" in note for note in media.notes)


def test_cover_of_a_record_is_no_video(tmp_path):
    plain = made.sound(tmp_path / "a.flac", made.tone(1), codec="flac").read_bytes()
    cover = made.still(tmp_path / "a.jpg", made.drawing(0), "mjpeg", "yuvj420p").read_bytes()
    block = struct.pack(">II", 3, 10) + b"image/jpeg" + struct.pack(">IIIIII", 0, 64, 48, 24, 0, len(cover)) + cover
    last = plain.index(b"fLaC") + 4
    assert plain[last] & 0x7F == 0                                     # STREAMINFO comes first
    end = last + 4 + 34
    file = tmp_path / "cover.flac"
    file.write_bytes(plain[:last] + b"\x00" + plain[last + 1 : end] + bytes([6]) + len(block).to_bytes(3, "big") + block + plain[end:])
    with av.open(str(file)) as container:
        assert container.streams.video
    media = Media.open(file)
    assert media.has_audio
    assert not media.has_video


def test_picture_is_ours_to_write_on(talk):
    pictures = [p for _, p in Media.open(talk).frames()]
    pictures[0][:] = 7
    assert pictures[1].mean() != 7


# Sound

@pytest.mark.parametrize("seconds", [0.01, 0.0317, 0.2, 1.0, 100.0])
def test_blocks_are_of_exact_length_and_together_the_whole(talk, seconds):
    media = Media.open(talk)
    whole = media.waveform()
    blocks = list(media.blocks(seconds=seconds))
    assert {len(b) for b in blocks[:-1]} <= {round(seconds * RATE)}
    assert 0 < len(blocks[-1]) <= round(seconds * RATE)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert whole.dtype == np.float32
    assert np.abs(whole).max() <= 1


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_length_pitch_and_level(tmp_path, rate):
    media = Media.open(made.plain_wav(tmp_path / "a.wav", made.tone(2, 440, sample_rate=44_100), 44_100))
    wave = media.waveform(rate)
    assert len(wave) == pytest.approx(2 * rate, abs=2)
    np.testing.assert_allclose(wave[rate // 10 : -rate // 10], made.tone(2, 440, sample_rate=rate)[: len(wave)][rate // 10 : -rate // 10], atol=2e-3)


def test_channels_are_mixed(tmp_path):
    left, right = made.tone(1, 300), made.tone(1, 700)
    for channels in (np.stack([left, right], 1), np.stack([left, right, left * 0], 1)):
        media = Media.open(made.float_wav(tmp_path / f"{channels.shape[1]}.wav", channels))
        assert media.channels == channels.shape[1]
        spectrum = np.abs(np.fft.rfft(media.waveform()))
        assert set(np.argsort(spectrum)[-2:]) == {300, 700}


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 6, 7, 8, 13, 32])
def test_any_number_of_channels(tmp_path, channels):
    media = Media.open(made.float_wav(tmp_path / "a.wav", np.repeat(made.tone(0.5)[:, None], channels, 1), 48_000))
    wave = media.waveform()
    assert 0.05 < np.abs(wave).max() <= 1


def test_values_that_are_no_numbers_become_silence_and_are_told(tmp_path):
    wave = made.tone(1)
    wave[100], wave[5000:5100], wave[9000] = np.inf, np.nan, -1e38
    media = Media.open(made.float_wav(tmp_path / "a.wav", wave))
    got = media.waveform()
    assert np.isfinite(got).all()
    assert np.abs(got).max() <= 1
    assert got[100] == 0
    assert not got[5000:5100].any()
    assert "no numbers" in media.notes[0]
    assert np.isfinite(media.waveform(48_000)).all()


def test_stream_of_sound_can_be_chosen(tmp_path):
    file = made.movie(tmp_path / "a.mkv", seconds=1, sound=made.tone(1), audio_streams=2, sound_codec="pcm_s16le")
    first, second = Media.open(file), Media.open(file, audio=2)
    assert [s["kind"] for s in first.facts()["streams"]] == ["video", "audio", "audio"]
    assert np.abs(second.waveform()).max() == pytest.approx(np.abs(first.waveform()).max() / 2, rel=0.05)
    with pytest.raises(NoStream, match="no audio stream 7"):
        Media.open(file, audio=7)


def test_sound_without_picture_and_picture_without_sound(tmp_path):
    silent = Media.open(made.movie(tmp_path / "a.mp4", seconds=1))
    with pytest.raises(NoStream, match=r"a\.mp4 has no sound.*voice=None"):
        silent.blocks()
    assert Media.open(made.movie(tmp_path / "b.mp4", picture=False, sound=made.tone(1))).has_video is False


# Laziness, independence, arrays

def test_iterations_share_nothing(talk):
    media = Media.open(talk)
    one, two, sound = media.frames(5), media.frames(5), media.blocks()
    pairs = [(next(one)[0], next(two)[0], next(sound).size) for _ in range(3)]
    assert all(a == b for a, b, _ in pairs)
    del one, two, sound
    results = []
    threads = [threading.Thread(target=lambda: results.append((times(media), float(media.waveform().sum())))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert results.count(results[0]) == 4


def test_same_twice_and_on_any_number_of_threads(talk):
    runs = [[p.tobytes() for _, p in Media.open(talk).frames(10, threads=n)] for n in (1, 1, 2, 4)]
    assert all(run == runs[0] for run in runs)


def test_left_early_closes_the_file(talk):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        media = Media.open(talk)
        for _ in media.frames():
            break
        for _ in media.blocks(seconds=0.1):
            break
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after <= before + 2


def test_memory_does_not_grow_with_length(tmp_path):
    peaks = []
    for seconds in (10, 60):
        media = Media.open(made.plain_wav(tmp_path / f"{seconds}.wav", made.tone(seconds)))
        tracemalloc.start()
        assert sum(len(b) for b in media.blocks()) == seconds * RATE
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 + 100_000


def test_pictures_do_not_pile_up(talk):
    """Frames must go with their last use, without waiting for the garbage collector: they are large, and few as objects."""
    import gc

    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(o, av.VideoFrame) for o in gc.get_objects())
        for _ in Media.open(talk).frames(25):
            pass
        after = sum(isinstance(o, av.VideoFrame) for o in gc.get_objects())
    finally:
        gc.enable()
    assert after - before <= 3


def test_open_takes_media_paths_and_strings(talk):
    media = Media.open(str(talk))
    assert Media.open(media) is media
    assert media.path == talk
    assert media.name == "talk.mp4"
    assert "talk.mp4" in repr(media)


def test_facts_are_plain_and_complete(talk):
    import json

    facts = json.loads(json.dumps(Media.open(talk).facts()))
    assert facts["video"] == {"index": 0, "codec": "h264", "width": 64, "height": 48, "fps": 25.0, "rotation": 0, "pixels": "yuv420p", "start": 0.0}
    assert facts["audio"]["sample_rate"] == RATE
    assert facts["duration"] == pytest.approx(3, abs=0.1)


def test_arrays_give_what_the_file_gives(tmp_path):
    wave = made.tone(2.5, sample_rate=44_100)
    file = made.float_wav(tmp_path / "a.wav", wave, 44_100)
    arrays = Media.of(waveform=wave, sample_rate=44_100)
    np.testing.assert_array_equal(arrays.waveform(), Media.open(file).waveform())
    assert arrays.duration == 2.5
    assert not arrays.has_video
    assert arrays.path is None


def test_arrays_of_integers_and_channels():
    full = Media.of(waveform=np.full((100, 2), -32768, np.int16), sample_rate=RATE).waveform()
    np.testing.assert_array_equal(full, -1)
    assert Media.of(waveform=np.full(10, 128, np.uint8), sample_rate=RATE).waveform().tolist() == [0] * 10


def test_frames_may_be_a_list_a_function_or_an_iterator():
    pictures = [(t / 10, made.drawing(t)) for t in range(10)]
    assert Media.of(frames=pictures).duration == pytest.approx(1)
    assert times(Media.of(frames=pictures)) == times(Media.of(frames=lambda: iter(pictures))) == [0, 0.4, 0.7]
    once = Media.of(frames=iter(pictures))
    assert len(times(once)) == 3
    with pytest.raises(MediaError, match="used up"):
        times(once)


def test_arrays_of_the_wrong_kind_are_refused():
    with pytest.raises(MediaError, match="neither"):
        Media.of()
    with pytest.raises(ShapeError, match="samples, channels"):
        Media.of(waveform=np.zeros((2, 3, 4)), sample_rate=RATE)
    with pytest.raises(ShapeError, match="uint8"):
        list(Media.of(frames=[(0, np.zeros((4, 4)))]).frames())
    with pytest.raises(SettingError, match="sample_rate"):
        Media.of(waveform=np.zeros(4))


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), "3"])
def test_senseless_rates_are_refused(talk, fps):
    with pytest.raises(SettingError, match="fps"):
        Media.open(talk).frames(fps)


def test_senseless_blocks_are_refused(talk):
    with pytest.raises(SettingError, match="sample_rate"):
        Media.open(talk).blocks(0)
    with pytest.raises(SettingError, match="seconds"):
        Media.open(talk).blocks(seconds=0)


# What is cut short or damaged

@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize(("suffix", "codec", "sound"), [("mkv", "libx264", "aac"), ("ts", "libx264", "aac"), ("avi", "mpeg4", "libmp3lame"), ("webm", "libvpx", "libopus")])
def test_file_that_breaks_off_gives_what_is_there(folder, suffix, codec, sound, share):
    file = folder / f"whole.{suffix}"
    if not file.exists():
        made.movie(file, seconds=8, fps=10, codec=codec, sound=made.clicks(8, sample_rate=48_000), sample_rate=48_000, sound_codec=sound)
    media = Media.open(made.cut(file, share))
    stamps, wave = times(media), media.waveform()
    assert stamps[:-1] == times(Media.open(file))[: len(stamps) - 1]
    assert 8 * share * 0.4 < media.end < 8.2
    assert len(wave) / RATE <= media.end + 0.01
    if suffix in ("mkv", "webm") and share < 0.7:                      # the others don't say how long they should be
        assert any("cut short" in note for note in media.notes)


def test_mp4_with_its_index_in_front_gives_what_is_there(tmp_path):
    file = made.movie(tmp_path / "a.mp4", seconds=8, fps=10, sound=made.clicks(8), container_options={"movflags": "+faststart"})
    media = Media.open(made.cut(file, 0.6))
    times(media)
    assert media.duration == pytest.approx(8, abs=0.1)
    assert 2 < media.end < 7
    assert media.notes[0].startswith(f"picture ends at {media.end:.1f} s of 8.0 s")


def test_mp4_without_its_index_is_an_error_that_says_so(talk):
    with pytest.raises(MediaError, match=r"cut_500_talk\.mp4 is no media, or damaged"):
        Media.open(made.cut(talk, 0.5))


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize(("suffix", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus"), ("aac", "aac")])
def test_sound_that_breaks_off_gives_what_is_there(folder, suffix, codec, share):
    file = folder / f"sound.{suffix}"
    if not file.exists():
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 6 * 48_000).astype(np.float32)
        made.sound(file, noise, sample_rate=48_000, codec=codec)
    wave = Media.open(made.cut(file, share)).waveform()
    assert 6 * share * 0.5 < len(wave) / RATE < 6 * share * 1.4 + 0.2


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_strewn_damage_never_ends_in_a_traceback_from_below(folder, suffix, seed):
    file = folder / f"strew.{suffix}"
    if not file.exists():
        made.movie(file, seconds=4, fps=10, codec="mpeg4" if suffix == "avi" else "libx264", sound=made.clicks(4), sound_codec="libmp3lame")
    bad = made.damaged(file, seed, share=0.02)
    try:
        media = Media.open(bad)
        stamps = times(media) if media.has_video else []
        wave = media.waveform() if media.has_audio else np.zeros(0)
    except AttuneError as error:
        assert bad.name in str(error)
    else:
        assert stamps == sorted(stamps)
        assert len(wave) / RATE < 60
        assert np.isfinite(wave).all()


def test_duration_without_a_header_is_counted(tmp_path):
    file = made.movie(tmp_path / "live.webm", codec="libvpx", seconds=3, sound=made.clicks(3, sample_rate=48_000), sample_rate=48_000,
                      sound_codec="libopus", container_options={"live": "1"})            # as a browser records
    with av.open(str(file)) as container:
        assert not container.duration
    assert Media.open(file).duration == pytest.approx(3, abs=0.1)


# Hostile sources

def text(path):
    path.write_text("It was a dark and stormy night.\n" * 200)


def playlist(path):
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")


HOSTILE = {
    "empty.mp4": lambda p: p.write_bytes(b""),
    "text.mp4": text, "text.txt": text, "text.wav": text, "text.jpg": text, "text.nfo": text,
    "words.srt": lambda p: p.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n"),
    "list.m3u8": playlist, "list.mp4": playlist,
    "concat.mp4": lambda p: p.write_text("ffconcat version 1.0\nfile talk.mp4\n"),
    "random.mp4": lambda p: p.write_bytes(np.random.default_rng(0).bytes(300_000)),
    "random.mp3": lambda p: p.write_bytes(np.random.default_rng(1).bytes(2_000)),
    "zeros.mov": lambda p: p.write_bytes(bytes(100_000)),
    "zeros.mp3": lambda p: p.write_bytes(bytes(100_000)),
    "one.mkv": lambda p: p.write_bytes(b"\x1a"),
    "magic.mkv": lambda p: p.write_bytes(b"\x1a\x45\xdf\xa3"),
    "magic.jpg": lambda p: p.write_bytes(b"\xff\xd8\xff\xe0"),
    "magic.png": lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n"),
    "head.wav": lambda p: p.write_bytes(b"RIFF\xff\xff\xff\xffWAVE"),
    "nothing.wav": lambda p: made.float_wav(p, np.zeros((0, 1))),
    "norate.wav": lambda p: made.float_wav(p, np.zeros(100), sample_rate=0),
    "ftyp.mp4": lambda p: p.write_bytes(struct.pack(">I", 24) + b"ftypisom\0\0\0\0isomiso2" + struct.pack(">I", 2**31) + b"mdat"),
    "page.html": lambda p: p.write_text("<!doctype html><video src='http://127.0.0.1:9/x.mp4'></video>"),
    "drawing.svg": lambda p: p.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
    "program.mp4": lambda p: p.write_bytes(b"\x7fELF" + bytes(5000)),
    "folder.mp4": lambda p: p.mkdir(),
    "pipe.mp4": lambda p: os.mkfifo(p),
    "socket.mp4": lambda p: socket.socket(socket.AF_UNIX).bind(str(p)),
    "circle.mp4": lambda p: p.symlink_to(p),
    "dangling.mp4": lambda p: p.symlink_to(p.with_name("gone.mp4")),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_media_is_a_clear_error(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)                                        # a socket's path must be short
    made.plain_wav(tmp_path / "seed.wav", made.tone(0.1))
    path = tmp_path / name
    HOSTILE[name](path if name != "socket.mp4" else type(path)(name))
    with pytest.raises((MediaError, FileNotFoundError)) as caught:
        Media.open(path)
    assert name in str(caught.value)
    assert "Errno" not in str(caught.value)


def test_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.mp4"):
        Media.open("nowhere.mp4")


@pytest.mark.parametrize("path", ["a\0b.mp4", "x" * 5000, ""])
def test_impossible_names(path):
    with pytest.raises((MediaError, FileNotFoundError)):
        Media.open(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_says_so(tmp_path):
    file = made.plain_wav(tmp_path / "a.wav", made.tone(0.1))
    file.chmod(0)
    with pytest.raises(MediaError, match="permissions"):
        Media.open(file)


def test_decompression_bomb_is_refused(tmp_path):
    file = made.still(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8), "png", "rgb24")
    data = bytearray(file.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    file.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.png"):
        Media.open(file)
    assert MAX_PIXELS < 60_000**2


def test_header_that_promises_days_is_not_believed(tmp_path):
    file = made.movie(tmp_path / "a.mp4", seconds=2)
    data = bytearray(file.read_bytes())
    for box, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        at = data.find(box)
        data[at + offset : at + offset + 4] = struct.pack(">I", 2**31 - 1)
    file.write_bytes(data)
    assert Media.open(file).duration < 3


def test_import_touches_no_global_state_and_stays_silent(tmp_path):
    bad = made.damaged(made.movie(tmp_path / "a.mkv", seconds=3, sound=made.tone(3)), 1, share=0.05)
    code = (
        "import av.logging as l, logging; before = l.get_level(), logging.root.handlers[:]\n"
        "from attune.media import Media\n"
        f"m = Media.open({str(bad)!r}); n = sum(1 for _ in m.frames(30)); assert n\n"
        "assert before == (l.get_level(), logging.root.handlers)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# JPEG

def test_jpeg_is_deterministic_and_faithful(tmp_path):
    rgb = made.drawing(5, width=99, height=61)
    data = jpeg(rgb, 90)
    assert data == jpeg(rgb.copy(), 90)
    assert len(jpeg(rgb, 20)) < len(data)
    file = tmp_path / "a.jpg"
    file.write_bytes(data)
    back = next(Media.open(file).frames())[1]
    assert back.shape == rgb.shape
    assert np.abs(back.astype(int) - rgb).mean() < 6


def test_jpeg_refuses_what_is_no_picture():
    for bad in (np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))):
        with pytest.raises(ShapeError):
            jpeg(bad)
