"""The spine, on the sample that ships, with the packaged models."""

from pathlib import Path

import numpy as np
import pytest

import attune
from attune import export, registry
from attune.errors import MediaError, TranscriptError, UnknownName, WeightsError
from attune.face import FaceStream
from attune.measure import _ahead
from attune.media import Media
from attune.settings import Settings
from attune.voice import VoiceStream

SAMPLE = Path(__file__).parent.parent / "samples" / "hello.mp4"


@pytest.fixture(scope="module")
def sample():
    return attune.measure(SAMPLE)


def same(a, b):
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.start, b.start)
    np.testing.assert_array_equal(a.quality, b.quality)
    assert a.person.tolist() == b.person.tolist()


def test_face_voice_words_and_all_of_them_together(sample):
    assert {e.name for e in sample} == {
        "face.ferplus8", "face.vad", "voice.ravdess8", "voice.vad", "text.goemotions28", "text.vad", "text.empathetic32",
        "text.language45", "fused.ekman7", "fused.vad", "fused.pool",
    }
    assert sample.people == ("person 1",)
    rows = export.table(sample).to_pylist()
    spoken = [r for r in rows if r["kind"] == "speech"]
    assert spoken
    assert all(r["text"] for r in spoken)
    assert any(r["fused.from"] == "face+voice+text" for r in spoken)
    for r in rows:
        assert (r["fused.reason"] == "") == (not np.isnan(r["fused.ekman7.joy_projected"]))


def test_smile_and_surprise_are_seen_where_they_are_drawn(sample):
    face = sample["face.ferplus8"]

    def mean(label, start, end):
        return face.label(label)[(face.start >= start) & (face.start < end)].mean()

    assert mean("happiness", 3.8, 5.2) > 0.9 > mean("happiness", 0.5, 2.5)
    assert mean("surprise", 6.4, 7.9) > 0.5 > mean("surprise", 3.8, 5.2)


def test_measuring_twice_gives_identical_numbers(sample):
    for a, b in zip(sample, attune.measure(SAMPLE), strict=True):
        same(a, b)


def test_a_recording_with_its_folder_equals_one_without(sample, tmp_path):
    attune.measure(SAMPLE, out=tmp_path)
    for a, b in zip(sample, attune.open(tmp_path), strict=True):
        same(a, b)


def test_pictures_pushed_one_by_one_equal_the_file(sample):
    stream = FaceStream(registry.load("attune.face.models", "ferplus_resnet"), Settings())
    values = [stream.push(time, picture)[1] for time, picture in Media.open(SAMPLE).frames(3.0)]
    np.testing.assert_array_equal(np.concatenate(values), sample["face.ferplus8"].values)


@pytest.mark.parametrize(("side", "decoded"), [(16, [4, 4, 4, 4, 6, 6]), (2000, [1, 2, 3, 4, 5, 6])])
def test_pictures_are_decoded_a_few_ahead_as_far_as_there_is_room_and_none_is_lost_by_a_fault(side, decoded):
    made = []

    def pictures():
        for i in range(6):
            made.append(i)
            yield float(i), np.zeros((side, side, 3), np.uint8)
        raise MediaError("broken off")

    ahead = _ahead(pictures())
    assert [(next(ahead)[0], len(made)) for _ in range(6)] == list(enumerate(decoded))
    with pytest.raises(MediaError, match="broken off"):
        next(ahead)


@pytest.mark.parametrize("piece", [160, 1_601, 1_000_000])
def test_sound_pushed_in_pieces_equals_the_file(piece):
    whole = attune.measure(SAMPLE, face=None, text=None)["voice.ravdess8"]
    sound = Media.open(SAMPLE).waveform(16_000)
    stream = VoiceStream(registry.load("attune.voice.models", "prosody_whisper"), Settings())
    heard = [h for at in range(0, len(sound), piece) for h in stream.push(sound[at : at + piece])] + stream.close()
    np.testing.assert_array_equal(np.array([h.values for h in heard]), whole.values)


@pytest.mark.parametrize("granularity", ["word", "sentence", "utterance", "turn", "window"])
def test_every_granularity_measures_the_same_words(sample, granularity):
    recording = attune.measure(SAMPLE, granularity=granularity, face=None)
    words = " ".join(s.text for s in recording.segments if s.text).split()
    assert words == " ".join(s.text for s in sample.segments if s.text).split()


def test_windows_of_a_fifth_of_a_second():
    recording = attune.measure(SAMPLE, granularity="window", window=0.2, face=None)
    assert len({s.start for s in recording.segments}) == int(np.ceil(recording.duration / 0.2 - 1e-9))
    assert np.isnan(recording["voice.ravdess8"].values).any(axis=1).any()
    assert not np.isnan(recording["voice.ravdess8"].values).all()


def test_windows_join_the_only_voice_and_the_only_face_as_utterances_do():
    recording = attune.measure(SAMPLE, granularity="window", window=1.0)
    table = attune.table(recording).to_pylist()
    spoken = [row for row in table if row["text"]]
    assert {row["person"] for row in spoken} == {"person 1"}
    assert all({"face", "voice", "text"} <= set(row["fused.from"].split("+")) for row in spoken if row["voice.reason"] == "" and row["face.reason"] == "")
    assert len({(row["start"], row["person"]) for row in table}) == len(table)


@pytest.mark.parametrize("alone", ["face", "voice", "text"])
def test_any_modality_can_be_left_out(alone):
    recording = attune.measure(SAMPLE, **{m: None for m in ("face", "voice", "text") if m != alone})
    assert {e.modality for e in recording} == {alone, "fused"}


def test_no_portrait_is_kept_when_none_is_wanted(sample):
    assert list(sample.portraits) == ["person 1"]
    assert attune.measure(SAMPLE, portraits=False, voice=None, text=None).portraits == {}


def test_what_was_used_travels_with_the_recording(sample):
    assert sample.settings["fps"] == 3.0
    assert all(m["weights"] and m["license"] for m in sample.versions["models"].values())


def test_commercial_use_refuses_what_forbids_it():
    with pytest.raises(WeightsError, match="commercial_safe"):
        attune.measure(SAMPLE, commercial_safe=True)
    with pytest.raises(WeightsError, match="e5_german"):
        attune.measure(SAMPLE, commercial_safe=True, face=None, voice=None, text="e5_german")


def test_what_is_not_there_is_named():
    with pytest.raises(UnknownName, match="did you mean 'ferplus_resnet'"):
        attune.measure(SAMPLE, face="ferplus")
    with pytest.raises(UnknownName, match="did you mean 'fps'"):
        attune.measure(SAMPLE, fp=3)
    with pytest.raises((MediaError, FileNotFoundError), match=r"nowhere\.mp4"):
        attune.measure("nowhere.mp4")
    with pytest.raises(TranscriptError, match=r"nowhere\.srt"):
        attune.measure(SAMPLE, transcript="nowhere.srt")


def test_without_words_the_run_says_how_to_add_them(tmp_path):
    alone = tmp_path / "alone.mp4"
    alone.write_bytes(SAMPLE.read_bytes())
    recording = attune.measure(alone, face=None, recogniser=None)
    assert any("--transcript" in note for note in recording.notes)
    assert any(s.kind == "speech" for s in recording.segments)


def test_a_plain_text_without_times_is_laid_over_the_speech(tmp_path, sample):
    script = tmp_path / "script.txt"
    script.write_text("\n".join(s.text for s in sample.segments if s.text), encoding="utf-8")
    recording = attune.measure(SAMPLE, transcript=str(script), face=None)
    assert any("estimates" in note for note in recording.notes)
    assert any(s.text for s in recording.segments)


def test_progress_is_told_in_seconds_of_media():
    told = []
    attune.measure(SAMPLE, hook=lambda step, done, total: told.append((step, done, total)))
    assert {step for step, *_ in told} == {"face", "voice", "text"}
    for step in ("face", "voice"):
        done = [d for s, d, _ in told if s == step]
        assert done == sorted(done)


def test_fused_rows_that_are_not_sure_enough_are_empty_with_the_reason():
    recording = attune.measure("samples/hello.mp4", confidence=0.9, fps=1)
    said = recording["fused.ekman7"]
    unsure = np.isnan(said.values).all(axis=1)
    assert unsure.any() and not unsure.all() and all("not sure enough" in r for r in said.reason[unsure]) and said.values[~unsure].max(axis=1).min() >= 0.9
    assert np.isfinite(recording["fused.vad"].values).any(axis=1).all()
