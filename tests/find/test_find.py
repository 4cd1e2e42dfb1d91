"""Finding: the rows a query picks are those one would pick by hand; clips are cut where they should be."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("duckdb")

from attune.describe.calibration import LEVELS, calibration
from attune.errors import MediaError, SettingError, UnknownName
from attune.explore.corpus import Corpus
from attune.find import clips, find, threshold, vocabulary
from attune.taxonomy import taxonomy

FACE, VOICE = taxonomy("ferplus8"), taxonomy("ravdess8")
ROWS = (                                 # face, voice, person, words
    ({"happiness": 0.8}, {"sad": 0.75}, "Ada", "Oh, fine."),
    ({"happiness": 0.8}, {"happy": 0.9}, "Ada", "The holiday was great."),
    ({"sadness": 0.5, "happiness": 0.45}, {"neutral": 1.0}, "Bo", "It's nothing."),
    ({"anger": 0.3}, {"sad": 0.9}, "Bo", "It's over."),
    (None, {"angry": 0.7}, "Bo", "Go!"),
)


@pytest.fixture
def corpus(tmp_path):
    n = len(ROWS)
    table = {"start": np.arange(n) * 2.0, "end": np.arange(n) * 2.0 + 1 + np.arange(n) / 10, "kind": ["speech"] * n, "person": [r[2] for r in ROWS], "text": [r[3] for r in ROWS]}
    for i, (name, of) in enumerate((("face", FACE), ("voice", VOICE))):
        for label in of.labels:
            table[f"{name}.{of.name}.{label}"] = np.array([np.nan if r[i] is None else r[i].get(label, 0.0) for r in ROWS], np.float32)
        table[f"{name}.reason"] = ["no face" if r[i] is None else "" for r in ROWS]
        table[f"{name}.vad.valence_projected"] = np.array([0.8, 0.9, -0.1, -0.5, np.nan], np.float32) if name == "face" else np.array([-0.6, 0.9, 0, -0.7, -0.5], np.float32)
    table["fused.pool.discord_projected"] = np.array([0.9, 0.01, 0.2, 0.3, np.nan], np.float32)
    table["fused.vad.valence_projected"] = np.array([0.1, 0.9, -0.1, -0.6, -0.5], np.float32)
    (tmp_path / "talk").mkdir()
    pq.write_table(pa.table(table), tmp_path / "talk" / "table.parquet")
    return tmp_path


@pytest.mark.parametrize(("query", "rows"), [
    ("sad but smiling", {0}),
    ("sad and smiling", {0, 2}),
    ("sad", {0, 2, 3}),
    ("sad voice", {0, 3}),
    ("extremely sad", {0, 3}),
    ("very angry", {4}),
    ("joy and not discord", {1, 2}),
    ("discord", {0, 3}),
    ("no face", {4}),
    ("face.valence > 0.5", {0, 1}),
    ("valence < -0.3", {3, 4}),
    ("not sad", {1, 4}),
    ("by bo and duration > 1.25", {3, 4}),
    ('"holiday" or by Bo', {1, 2, 3, 4}),
    ("happiness >= 0.8", {0, 1}),
    ("scowling or frowning", {2, 3}),
])
def test_a_query_picks_the_rows_one_would_pick_by_hand(corpus, query, rows):
    assert {round(m.start / 2) for m in find(query, corpus, table="repo-2023")} == rows


def test_the_clearest_come_first(corpus):
    strength = [m.strength for m in find("sad voice", corpus, table="repo-2023")]
    assert strength == sorted(strength, reverse=True) and strength[0] > strength[1]


def test_a_limit_keeps_the_clearest(corpus):
    assert [m.start for m in find("sad voice", corpus, table="repo-2023", limit=1)] == [6.0]


def test_a_moment_says_what_each_modality_said(corpus):
    (m,) = find("sad but smiling", corpus, table="repo-2023")
    assert m.says == {"face": "extremely happy", "voice": "extremely sad"} and m.text == "Oh, fine."


def test_words_are_names_adjectives_and_basic_emotions(corpus):
    known = vocabulary(Corpus(corpus))
    assert {(s.modality, label) for s, label in known["joy"]} == {("face", "happiness"), ("voice", "happy")}
    assert {(s.modality, label) for s, label in known["smiling"]} == {("face", "happiness")}
    assert {(s.modality, label) for s, label in known["calm"]} == {("voice", "calm")}


def test_a_label_that_a_modality_lacks_is_said_to_be_elsewhere(corpus):
    with pytest.raises(UnknownName, match="it is in: voice"):
        find("calm face", corpus)


def test_but_needs_two_modalities(corpus):
    table = pq.read_table(corpus / "talk" / "table.parquet")
    pq.write_table(table.select([c for c in table.column_names if not c.startswith("voice")]), corpus / "talk" / "table.parquet")
    with pytest.raises(SettingError, match="two modalities"):
        find("sad but smiling", corpus)


def test_a_recording_without_the_modality_finds_nothing_and_breaks_nothing(corpus):
    table = pq.read_table(corpus / "talk" / "table.parquet")
    (corpus / "quiet").mkdir()
    pq.write_table(table.select([c for c in table.column_names if not c.startswith(("voice", "fused"))]), corpus / "quiet" / "table.parquet")
    assert {m.recording for m in find("sad voice", corpus, table="repo-2023")} == {"talk"}
    assert {m.recording for m in find("happy face", corpus, table="repo-2023")} == {"talk", "quiet"}


@pytest.mark.parametrize(("model", "of", "label"), [("ferplus_resnet", "ferplus8", "sadness"), ("minilm_emotions", "goemotions28", "joy"), ("", "eee48", "Joy")])
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_the_level_that_describe_says(model, of, label, level):
    table = calibration("attune", model, of)
    at = threshold(table, label, level)
    if not np.isnan(at):
        assert LEVELS.index(table.level(label, at)) >= LEVELS.index(level)
        below = table.level(label, at - 2e-6)
        assert below is None or LEVELS.index(below) < LEVELS.index(level) or level == "slightly"


def film(path, seconds=4.0, fps=10):
    """A grey film that grows brighter, with a tone."""
    import av
    with av.open(str(path), "w") as out:
        video, sound = out.add_stream("mpeg4", rate=fps), out.add_stream("aac", rate=16_000)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for i in range(int(seconds * fps)):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), int(255 * i / seconds / fps), np.uint8), format="rgb24")))
        out.mux(video.encode(None))
        tone = np.sin(np.arange(int(seconds * 16_000)) / 10).astype(np.float32)[None]
        for i in range(0, tone.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, i:i + 1024]), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, i
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def test_a_clip_holds_the_stretch_that_was_asked_for(tmp_path):
    import av
    clip = clips.cut(film(tmp_path / "a.mp4"), 1.0, 2.5, tmp_path / "clip")
    with av.open(str(clip)) as media:
        pictures = [f.to_ndarray(format="gray").mean() for f in media.decode(video=0)]
        assert float(media.duration) / 1e6 == pytest.approx(1.5, abs=0.2) and {s.type for s in media.streams} == {"video", "audio"}
    assert len(pictures) == 15 and pictures[0] == pytest.approx(255 * 0.25, abs=14) and pictures[-1] == pytest.approx(255 * 0.6, abs=14)


def test_a_stretch_without_anything_leaves_no_file(tmp_path):
    with pytest.raises(MediaError, match="nothing between"):
        clips.cut(film(tmp_path / "a.mp4"), 90.0, 91.0, tmp_path / "clip")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_clips_come_from_the_folders_named_and_what_is_not_there_is_said(corpus, tmp_path):
    (corpus / "talk" / "recording.json").write_text(json.dumps({"source": "talk.mp4"}), encoding="utf-8")
    found = find("sad but smiling", corpus, table="repo-2023")
    assert clips.export(found, tmp_path / "out") == ([], ["talk: its source isn't here; name the folder it lies in with --media"])
    (tmp_path / "films").mkdir()
    film(tmp_path / "films" / "talk.mp4")
    written, notes = clips.export(found, tmp_path / "out", folders=[tmp_path / "films"])
    assert [p.name for p in written] == ["001-talk-0.0s.mp4"] and not notes
