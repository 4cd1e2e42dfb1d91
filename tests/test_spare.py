"""Pictures that nobody looks at aren't decoded where no other needs them, and what is looked at stays the same to the bit."""

from __future__ import annotations

import av
import media_made as made
import numpy as np
import pytest

from attune.media import Media, cell_of, files, spare

MANY = {"bf": "3", "b-pyramid": "normal", "b_strategy": "0", "x264-params": "b-adapt=0"}


def read(path, fps, monkeypatch=None):
    """Sampled pictures, the end, the notes; and how many pictures were decoded."""
    decoded, count = files._decoded, [0]

    def counted(packet, notes):
        found = decoded(packet, notes)
        count[0] += len(found)
        return found

    monkeypatch.setattr(files, "_decoded", counted)
    media = Media.open(path)
    count[0] = 0
    pictures = list(media.frames(fps))
    monkeypatch.setattr(files, "_decoded", decoded)
    return pictures, media.end, media.notes, count[0]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("fps", [3.0, 7.0, 1.0])
def test_the_sampled_pictures_are_those_of_plain_decoding_and_fewer_are_decoded(tmp_path, monkeypatch, suffix, fps):
    path = made.movie(tmp_path / f"b.{suffix}", seconds=5, fps=25, options=MANY, gop=50)
    pictures, end, notes, few = read(path, fps, monkeypatch)
    monkeypatch.setattr(spare, "fits", lambda container, stream: False)
    plain, plain_end, plain_notes, all_of_them = read(path, fps, monkeypatch)
    assert all_of_them == 125 and few < 0.75 * all_of_them
    assert [t for t, _ in pictures] == [t for t, _ in plain] and (end, notes) == (plain_end, plain_notes)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(pictures, plain, strict=True))


@pytest.mark.parametrize(("suffix", "codec", "options"), [("ts", "libx264", MANY), ("avi", "mpeg4", {})])
def test_files_that_do_not_tell_are_decoded_whole(tmp_path, monkeypatch, suffix, codec, options):
    path = made.movie(tmp_path / f"whole.{suffix}", seconds=2, fps=25, codec=codec, options=options)
    assert read(path, 3.0, monkeypatch)[3] == 50


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("options", [{"bf": "0"}, MANY])
def test_what_nobody_looks_at_before_the_stream_begins_anew_or_ends_is_not_decoded(tmp_path, monkeypatch, suffix, options):
    """At 3 pictures a second of 25, in groups of 20: pictures 0, 9, 17, 25 and so on are looked at; 18 and 19 come last in their group."""
    path = made.movie(tmp_path / f"groups.{suffix}", seconds=4, fps=25, options=options, gop=20)
    pictures, end, notes, few = read(path, 3.0, monkeypatch)
    monkeypatch.setattr(spare, "fits", lambda container, stream: False)
    plain, plain_end, plain_notes, all_of_them = read(path, 3.0, monkeypatch)
    assert all_of_them == 100 and few <= 100 - 13
    assert [t for t, _ in pictures] == [t for t, _ in plain] and (end, notes) == (plain_end, plain_notes)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(pictures, plain, strict=True))


def test_a_stream_that_only_may_be_entered_does_not_begin_anew(tmp_path, monkeypatch):
    """Open groups: a later picture may be made of one before the entry, which is no IDR picture."""
    path = made.movie(tmp_path / "open.mkv", seconds=4, fps=25, options={**MANY, "x264-params": "b-adapt=0:open-gop=1"}, gop=20)
    with av.open(str(path)) as container:
        entries = [spare.anew(p) for p in container.demux(video=0) if p.size and p.is_keyframe]
    pictures, *_ = read(path, 3.0, monkeypatch)
    monkeypatch.setattr(spare, "fits", lambda container, stream: False)
    plain, *_ = read(path, 3.0, monkeypatch)
    assert entries[0] and not all(entries)
    assert all(s == t and np.array_equal(a, b) for (s, a), (t, b) in zip(pictures, plain, strict=True))


def test_pictures_that_wait_stay_few(tmp_path, monkeypatch):
    monkeypatch.setattr(spare, "WAITING", 3)
    path = made.movie(tmp_path / "long.mp4", seconds=4, fps=25, options={"bf": "0"}, gop=100)
    pictures, *_, few = read(path, 0.5, monkeypatch)
    assert [round(t, 2) for t, _ in pictures] == [0, 2] and few >= 100 - 3


def test_pictures_of_a_variable_rate_are_the_same(tmp_path, monkeypatch):
    times = np.cumsum(np.random.default_rng(0).choice([0.01, 0.04, 0.2, 0.5], 60)).round(3).tolist()
    path = made.movie(tmp_path / "odd.mkv", times=times, options=MANY, seconds=times[-1])
    pictures, end, _, few = read(path, 3.0, monkeypatch)
    cells = [cell_of(t - times[0], 3.0) for t in times]
    assert [round(t, 3) for t, _ in pictures] == [round(t - times[0], 3) for i, t in enumerate(times) if cells[i] not in cells[:i]]
    assert few < 60 and end >= times[-1] - times[0]


def test_damage_loses_no_more_than_in_plain_decoding(tmp_path, monkeypatch):
    path = made.movie(tmp_path / "b.mkv", seconds=5, fps=25, options=MANY, size=(320, 240))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 400] = bytes(400)
    path.write_bytes(data)
    pictures, *_ = read(path, 3.0, monkeypatch)
    monkeypatch.setattr(spare, "fits", lambda container, stream: False)
    plain, *_ = read(path, 3.0, monkeypatch)
    assert abs(len(pictures) - len(plain)) <= 1 and abs(pictures[-1][0] - plain[-1][0]) < 1 / 3


@pytest.mark.parametrize("fps", [1.0, 0.5])
def test_films_joined_with_their_own_parameters_are_read_by_them(tmp_path, monkeypatch, fps):
    """The second part's first picture, at 1.32 s, isn't looked at, and its packet alone brings the parameters that the part is read by."""
    parts = [made.movie(tmp_path / f"{k}.mp4", seconds=seconds, fps=25, gop=5, options={"bf": "0", "x264-params": f"cabac={k}:ref={3 - 2 * k}:8x8dct=0"})
             for k, seconds in ((1, 1.32), (0, 2.6))]
    path = made.joined(tmp_path / "both.mp4", parts)
    with av.open(str(path)) as container:
        assert [i for i, p in enumerate(container.demux(video=0)) if p.size and spare.redescribed(p)] == [33]
    pictures, end, notes, few = read(path, fps, monkeypatch)
    monkeypatch.setattr(spare, "fits", lambda container, stream: False)
    plain, plain_end, plain_notes, all_of_them = read(path, fps, monkeypatch)
    assert few < all_of_them == 98 and (end, notes) == (plain_end, plain_notes) and notes == ()
    assert all(s == t and np.array_equal(a, b) for (s, a), (t, b) in zip(pictures, plain, strict=True))


def test_a_packet_of_which_nobody_tells_whether_it_brings_parameters_is_decoded():
    assert spare.redescribed(object())


def test_a_damaged_last_picture_is_not_taken_for_seen(tmp_path, monkeypatch):
    """The last picture can't be decoded: the film ends before it."""
    path = made.movie(tmp_path / "tail.mkv", seconds=4, fps=25, options={"bf": "0"}, gop=25)
    decoded, last = files._decoded, []

    def broken(packet, notes):
        if packet.pts is not None and packet.pts >= 3960:
            last.append(packet.pts)
            notes.failed += 1
            return ()
        return decoded(packet, notes)

    monkeypatch.setattr(files, "_decoded", broken)
    media = Media.open(path)
    list(media.frames(25.0))
    assert last == [3960] and media.end == pytest.approx(3.96, abs=0.001) and "damaged" in media.notes[0]


@pytest.mark.parametrize("fps", [3.0, 25.0])
@pytest.mark.parametrize("bf", ["0", "2", "3"])
def test_pictures_of_a_variable_rate_in_mp4_keep_their_times(tmp_path, monkeypatch, bf, fps):
    """A film of a screen that stands still for 0.8 s now and then. MP4 keeps lengths by the order of decoding: with B pictures a long one is another's."""
    times = np.cumsum([0.0, *(0.8 if i % 15 == 7 else 0.04 for i in range(1, 75))]).round(3).tolist()
    path = made.movie(tmp_path / "screen.mp4", times=times, seconds=times[-1], options={**MANY, "bf": bf}, gop=30)
    pictures, end, notes, _ = read(path, fps, monkeypatch)
    cells = [cell_of(t, fps) for t in times]
    assert [round(t, 3) for t, _ in pictures] == [t for i, t in enumerate(times) if cells[i] not in cells[:i]] and notes == ()
    monkeypatch.setattr(spare, "fits", lambda container, stream: False)
    plain, plain_end, *_ = read(path, fps, monkeypatch)
    assert end == plain_end and times[-1] < end <= times[-1] + 0.101 and [t for t, _ in plain] == [t for t, _ in pictures]


@pytest.mark.parametrize("gap", range(0, 15, 2))
@pytest.mark.parametrize("bf", ["0", "2", "3"])
def test_a_film_of_a_variable_rate_ends_with_its_last_picture(tmp_path, bf, gap):
    """Not 0.8 s later, where a length that belongs to a picture before it would end."""
    times = np.cumsum([0.0, *(0.8 if i % 15 == gap else 0.04 for i in range(1, 75))]).round(3).tolist()
    media = Media.open(made.movie(tmp_path / "screen.mp4", times=times, options={**MANY, "bf": bf}, gop=30))
    for _ in media.frames(3.0):
        pass
    assert times[-1] < media.end <= times[-1] + 0.101          # the last one was given 0.1 s, a tenth picture of a second
    assert media.notes == ()


def test_a_file_read_by_two_threads_is_decoded_whole(tmp_path):
    path = made.movie(tmp_path / "b.mp4", seconds=3, fps=25, options=MANY)
    one, two = (list(Media.open(path).frames(3.0, threads=n)) for n in (1, 2))
    assert all(s == t and np.array_equal(a, b) for (s, a), (t, b) in zip(one, two, strict=True))
