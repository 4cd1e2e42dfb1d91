import csv
import json
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attune import export
from attune.errors import RecordingError, UnknownName
from attune.fusion import fuse, project
from attune.taxonomy import Taxonomy, taxonomy
from attune.types import Estimates, Faces, Recording, Segment


def recording():
    rows = (Segment(0, 1, "Ada", 'She said "no", twice', (Segment(0, 0.5, "Ada", "She"), Segment(0.5, 1, "Ada", "said"))), Segment(1, 2, kind="pause"))
    p = np.full((1, 8), 0.125)
    face = Estimates.of(rows[:1], p, taxonomy=taxonomy("ferplus8"), modality="face", model="f", quality=[0.5])
    text = Estimates.of(rows[:1], [[0.1, -0.2, np.nan]], taxonomy=taxonomy("vad"), modality="text", model="t", spread=np.ones((1, 3)))
    estimates = (face, project(face, "vad"), text)
    fused = fuse([export.align(e, rows, missing="none") for e in estimates])
    faces = Faces(np.array([0.0]), np.ones((1, 4)), np.ones((1, 5, 2)), np.ones(1), np.zeros(1, int), np.zeros((1, 3)), np.ones(1), np.ones(1))
    return Recording("talk.mp4", 2.0, rows, faces, (*estimates, *fused), {"fps": 3.0}, {"attune": "0"}, ("no sound",), {"Ada": b"jpeg"}, {"width": 4})


def same(a, b):
    for f in fields(a):
        x, y = getattr(a, f.name), getattr(b, f.name)
        if isinstance(x, np.ndarray) and x.dtype != object:
            np.testing.assert_array_equal(x, y)
        elif isinstance(x, np.ndarray):
            assert x.tolist() == y.tolist()
        else:
            assert x == y


def test_a_recording_comes_back_as_it_was(tmp_path):
    original = recording()
    back = export.read(export.write(original, tmp_path / "talk", ("parquet", "csv", "json")))
    assert back.segments == original.segments
    assert (back.source, back.duration, back.notes, back.portraits, back.media) == ("talk.mp4", 2.0, ("no sound",), {"Ada": b"jpeg"}, {"width": 4})
    same(back.faces, original.faces)
    for a, b in zip(original, back, strict=True):
        same(a, b)


def test_the_table_says_what_is_projected_and_who_carried_a_row():
    t = export.table(recording())
    assert {"face.ferplus8.happiness", "face.vad.valence_projected", "text.vad.valence", "fused.vad.valence_projected"} <= set(t.column_names)
    assert t["fused.from"].to_pylist() == ["face+text", ""]
    assert t["face.reason"].to_pylist() == ["", "no face"]
    assert t.num_rows == 2


def test_csv_and_json_say_missing_not_zero(tmp_path):
    export.write(recording(), tmp_path, ("csv", "json"))
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[1]["face.ferplus8.happiness"] == ""
    assert rows[0]["text"] == 'She said "no", twice'
    assert json.loads((tmp_path / "table.json").read_text())[1]["face.ferplus8.happiness"] is None
    assert not (tmp_path / "table.parquet").exists()


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'parquet'"):
        export.write(recording(), tmp_path / "x", ("parket",))
    assert not (tmp_path / "x").exists()


def test_what_a_stopped_run_finished_can_be_read(tmp_path):
    e = recording()["face.ferplus8"]
    partial = export.Partial(tmp_path)
    partial.add(e)
    partial.add(e)
    back = export.read(tmp_path)
    assert len(back["face.ferplus8"]) == 2
    assert "unfinished" in back.notes[0]


def test_a_finished_run_leaves_no_pieces(tmp_path):
    export.Partial(tmp_path).add(recording()["face.ferplus8"])
    export.write(recording(), tmp_path)
    assert not (tmp_path / "partial").exists()


def test_a_folder_without_a_recording_says_what_was_expected(tmp_path):
    with pytest.raises(RecordingError, match=r"expected a folder that `attune measure` wrote"):
        export.read(tmp_path)


@pytest.mark.parametrize("damage", ["", "{", '{"attune_recording": 1}'])
def test_a_damaged_recording_is_a_clear_error(tmp_path, damage):
    export.write(recording(), tmp_path)
    (tmp_path / "recording.json").write_text(damage)
    with pytest.raises(RecordingError, match="measure it again"):
        export.read(tmp_path)


def test_a_taxonomy_that_attune_doesnt_know_survives():
    own = Taxonomy("mine", ("calm", "tense"), "multilabel", (0.0, 1.0), "made up")
    e = Estimates.of([Segment(0, 1)], [[0.1, 0.2]], taxonomy=own, modality="voice", model="m")
    assert export.estimates_of(export.estimates_table(e)).taxonomy.labels == ("calm", "tense")


def test_an_empty_recording_is_a_table_without_rows(tmp_path):
    empty = Recording("a.wav", 0.0, (), Faces.empty(), ())
    assert export.table(empty).num_rows == 0
    assert export.read(export.write(empty, tmp_path)).segments == ()


def test_files_are_plain_parquet_that_others_can_read(tmp_path):
    export.write(recording(), tmp_path)
    assert pq.read_table(tmp_path / "table.parquet").schema.field("start").type == pa.float64()


def test_to_frame_gives_pandas():
    pandas = pytest.importorskip("pandas")
    frame = export.to_frame(recording())
    assert isinstance(frame, pandas.DataFrame)
    assert frame["person"].tolist() == ["Ada", ""]
