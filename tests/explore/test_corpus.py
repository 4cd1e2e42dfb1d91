"""A corpus of folders: which columns there are, rows in whole recordings, and what happens where one lacks a modality."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attune.errors import RecordingError, UnknownName

pytest.importorskip("duckdb")

from attune.explore.corpus import Corpus, parts
from attune.taxonomy import taxonomy

FACE, VOICE = taxonomy("ferplus8"), taxonomy("ravdess8")


def recording(folder, n=12, *, seed=0, voice=True, people=("Ada", "Bo"), **columns):
    """A made-up table as `attune measure` writes it: face always, voice if wanted."""
    rng = np.random.default_rng(seed)
    table = {"start": np.arange(n) * 2.0, "end": np.arange(n) * 2.0 + 1.5, "kind": ["speech"] * n, "person": [people[i % len(people)] for i in range(n)],
             "text": [f"line {i}" for i in range(n)]}
    for name, of in (("face", FACE), *((("voice", VOICE),) if voice else ())):
        table |= {f"{name}.{of.name}.{label}": v for label, v in zip(of.labels, rng.dirichlet(np.ones(8), n).T.astype(np.float32), strict=True)}
        table |= {f"{name}.quality": np.full(n, 0.8, np.float32), f"{name}.reason": [""] * n}
        table |= {f"{name}.vad.{d}_projected": rng.uniform(-1, 1, n).astype(np.float32) for d in ("valence", "arousal", "dominance")}
    table["fused.pool.discord_projected"] = rng.random(n).astype(np.float32) * 0.2
    table |= columns
    folder.mkdir(parents=True)
    pq.write_table(pa.table(table), folder / "table.parquet")
    return folder


def test_columns_say_what_they_are():
    assert parts("text.eee48.Surprise (positive)") == ("text", "eee48", "Surprise (positive)", False)
    assert parts("fused.from") is None and parts("person") is None


def test_sets_are_known_from_the_columns(tmp_path):
    recording(tmp_path / "a")
    corpus = Corpus(tmp_path)
    assert [s.name for s in corpus.sets] == ["face.ferplus8", "face.vad", "voice.ravdess8", "voice.vad", "fused.pool"]
    assert corpus.positions("voice").projected and not corpus.expressions("face").projected


def test_rows_come_in_whole_recordings_with_people_kept_apart(tmp_path):
    for i in range(5):
        recording(tmp_path / f"r{i}", seed=i)
    corpus = Corpus(tmp_path)
    pieces = list(corpus.pieces([corpus.expressions("face")], at_once=2))
    assert [sorted(set(p.recording.tolist())) for p in pieces] == [[0, 1], [2, 3], [4]]
    assert np.concatenate([p.group for p in pieces]).max() == 9
    first = pq.read_table(tmp_path / "r0" / "table.parquet")
    assert np.array_equal(pieces[0].values(corpus.expressions("face"))[:12, 0], first["face.ferplus8.neutral"].to_numpy())


def test_a_recording_without_a_modality_has_nan_there_whatever_piece_it_is_in(tmp_path):
    recording(tmp_path / "a", voice=True)
    recording(tmp_path / "b", voice=False)
    corpus = Corpus(tmp_path)
    for at_once in (1, 2):
        pieces = list(corpus.pieces([corpus.expressions("voice")], at_once=at_once))
        missing = np.concatenate([np.isnan(p.values(corpus.expressions("voice"))).all(axis=1) for p in pieces])
        assert missing.tolist() == [False] * 12 + [True] * 12


def test_what_is_known_of_recordings_joins_and_groups_by_speaker(tmp_path):
    for i in range(3):
        recording(tmp_path / f"r{i}", people=("person 1",), seed=i)
    (tmp_path / "about.csv").write_text("recording,who,age\nr0,eve,30\nr1,dan,40\nr2,eve,30\n", encoding="utf-8")
    corpus = Corpus(tmp_path, about=tmp_path / "about.csv", speaker="who")
    assert [r.name for r in corpus.recordings] == ["r1", "r0", "r2"] and corpus.facts == ["age", "who"]
    rows = next(iter(corpus.pieces([corpus.expressions("face")])))
    assert len(set(rows.group.tolist())) == 2


def test_a_table_of_facts_must_name_recordings_that_are_there(tmp_path):
    recording(tmp_path / "talk")
    (tmp_path / "about.csv").write_text("recording,who\ntlak,eve\n", encoding="utf-8")
    with pytest.raises(UnknownName, match="did you mean 'talk'"):
        Corpus(tmp_path, about=tmp_path / "about.csv")


def test_an_empty_folder_is_no_corpus(tmp_path):
    with pytest.raises(RecordingError, match="attune measure"):
        Corpus(tmp_path)


def test_names_with_quotes_are_names(tmp_path):
    recording(tmp_path / "a", **{'face.odd9.it"s': np.ones(12, np.float32)})
    corpus = Corpus(tmp_path)
    odd = next(s for s in corpus.sets if s.taxonomy.name == "odd9")
    assert next(iter(corpus.pieces([odd]))).values(odd).shape == (12, 1)
