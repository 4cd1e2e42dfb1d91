"""A recording in Hume's names: what is measured, projected, unreached, and how a part of a job becomes a result."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from media_made import movie, tone

from attune.server.config import Config, Limits
from attune.server.hume_v0 import predicted
from attune.server.hume_v0.artifacts import table
from attune.server.hume_v0.asked import Models, Transcription, plan, request_of
from attune.server.hume_v0.predicted import Scores, Wanted
from attune.server.jobs.store import Store
from attune.server.measuring import measure_part
from attune.server.texts import pieces
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.types import Estimates, Faces, Recording, Segment


def estimates(values, name, *, modality="face", spread=None, person="person 1"):
    t = taxonomy(name)
    rows = [Segment(i, i + 1.0, person) for i in range(len(values))]
    return Estimates.of(rows, np.array(values, np.float32), taxonomy=t, modality=modality, model="m", spread=spread)


def one(n, k, value=1.0):
    row = np.zeros(n, np.float32)
    row[k] = value
    return row


def faces(n, width=100):
    zero = np.zeros(n)
    box = np.tile([10.0, 20.0, 10.0 + width, 140.0], (n, 1))
    return Faces(np.arange(n) * 1.0, box, np.zeros((n, 5, 2)), np.full(n, 0.95), np.zeros(n, np.int64), np.zeros((n, 3)), zero, zero + 1)


def recording(*sets, found=None, segments=()):
    return Recording(source="a.mp4", duration=2.0, segments=segments, faces=found or Faces.empty(), estimates=sets, media={"video": {"fps": 25.0}})


def test_a_crosswalk_projects_and_what_it_cannot_reach_is_unreached():
    happy = taxonomy("ferplus8").index("happiness")
    said = {e["name"]: e for e in Scores.of([estimates([one(8, happy)], "ferplus8")], "eee48").emotions(0)}
    assert said["Joy"] == {"name": "Joy", "score": 1.0, "basis": "projected"} and said["Triumph"] == {"name": "Triumph", "score": 0.0, "basis": "unreached"}
    assert tuple(said) == taxonomy("eee48").labels


def test_names_that_nothing_measures_can_be_left_out():
    said = Scores.of([estimates([one(8, 0)], "ferplus8")], "eee48", fill=False).emotions(0)
    assert len(said) == 8 and all(e["basis"] == "projected" for e in said)


def test_a_model_trained_on_the_names_is_measured_and_keeps_its_spread():
    spread = np.full((1, 48), 0.1, np.float32)
    said = Scores.of([estimates([one(48, 3)], "eee48", spread=spread), estimates([one(8, 0)], "ferplus8")], "eee48").emotions(0)
    assert said[3] == {"name": "Amusement", "score": 1.0, "basis": "measured", "spread": 0.1}


def test_a_row_without_a_value_gives_no_prediction():
    e = estimates([np.full(8, np.nan), one(8, 1)], "ferplus8")
    found = predicted.predictions(recording(e, found=faces(2)))["face"]["grouped_predictions"]
    assert [p["time"] for p in found[0]["predictions"]] == [1.0] and found[0]["predictions"][0]["frame"] == 25


def test_faces_smaller_or_less_sure_than_asked_are_left_out():
    e = estimates([one(8, 1)], "ferplus8")
    for wanted, count in ((Wanted(min_face_size=90), 1), (Wanted(min_face_size=110), 0), (Wanted(prob_threshold=0.96), 0)):
        found = predicted.predictions(recording(e, found=faces(1)), wanted)["face"]["grouped_predictions"]
        assert sum(len(g["predictions"]) for g in found) == count


def test_people_are_told_apart_only_when_asked():
    e = estimates([one(8, 1)], "ferplus8")
    for wanted, name in ((Wanted(identify_faces=True), "face_0"), (Wanted(identify_faces=False), "unknown")):
        assert predicted.predictions(recording(e, found=faces(1)), wanted)["face"]["grouped_predictions"][0]["id"] == name


def test_the_stream_is_flat_and_calls_the_box_bbox():
    p = predicted.predictions(recording(estimates([one(8, 1)], "ferplus8"), found=faces(1)), flat=True)["face"]["predictions"][0]
    assert p["bbox"] == {"x": 10.0, "y": 20.0, "w": 100.0, "h": 120.0} and p["face_id"] == "face_0" and "box" not in p


def test_dimensions_stand_beside_the_names():
    sets = estimates([one(8, 1)], "ferplus8"), estimates([[0.5, -0.25, 0.0]], "vad")
    p = predicted.predictions(recording(*sets, found=faces(1)))["face"]["grouped_predictions"][0]["predictions"][0]
    assert (p["valence"], p["arousal"], p["dominance"]) == (0.5, -0.25, 0.0) and p["crosswalk"] == "ferplus8->eee48"


def test_positions_count_characters_of_all_that_was_said():
    e = estimates([one(28, 1), one(28, 2)], "goemotions28", modality="text")
    said = (Segment(0, 1.0, "person 1", "Oh no."), Segment(1, 2.0, "person 1", "Well."))
    found = predicted.predictions(recording(e, segments=said))["language"]["grouped_predictions"][0]["predictions"]
    assert [(p["text"], p["position"]) for p in found] == [("Oh no.", {"begin": 0, "end": 6}), ("Well.", {"begin": 7, "end": 12})]


def test_in_a_table_an_unreached_name_is_an_empty_cell():
    found = predicted.predictions(recording(estimates([one(8, 1)], "ferplus8"), found=faces(1)))["face"]
    head, row = (line.split(",") for line in table("face", found).splitlines())
    cells = dict(zip(head, row, strict=True))
    assert cells["Joy"] == "1.0" and cells["Triumph"] == "" and cells["Anger"] == "0.0"


@pytest.mark.parametrize("granularity", ["word", "sentence", "utterance", "turn", "passage"])
@pytest.mark.parametrize("text", ["", "  ", "Oh no! Really?\nYes, e.g. Dr. Who.", "a a a. a", "你好。再见", "...", "\n\n x"])
def test_pieces_of_a_text_stand_where_they_say_and_in_order(text, granularity):
    found = pieces(text, granularity)
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert "".join("".join(text[a:b] for a, b in found).split()) == "".join(text.split())


def test_what_a_client_leaves_out_is_ours_and_what_it_states_counts():
    base = Settings()
    assert plan(Models(face={}), Transcription(), base).settings.face_score == base.face_score
    stated = plan(request_of({"models": {"face": {"prob_threshold": 0.99, "fps_pred": 0, "min_face_size": 100}}, "transcription": None}).models, None, base)
    assert (stated.settings.face_score, stated.settings.min_face, stated.settings.fps, stated.settings.voice, stated.settings.text) == (0.99, 100, 120.0, None, None)


# ---- a part of a job ------------------------------------------------------------------------------------------------------------

def part(tmp_path, name, request, config=None):
    """measure_part on a file that lies where an upload would."""
    config = config or Config(tmp_path / "data", settings=replace(Settings(), text=None))
    media = tmp_path / "media"
    job = {"kind": "attune", "request": json.dumps(request), "consent": "c", "purpose": "", "id": "x"}
    row = {"n": 0, "source": json.dumps({"type": "file", "path": name, "filename": name})}
    return measure_part(job, row, tmp_path / "part", media, config, lambda *step: None)


def place(tmp_path, name):
    (tmp_path / "media" / "0").mkdir(parents=True)
    return tmp_path / "media" / "0" / name


def test_a_recording_that_is_too_long_is_refused(tmp_path):
    movie(place(tmp_path, "a.mp4"), seconds=2)
    found = part(tmp_path, "a.mp4", {"settings": {}}, Config(tmp_path / "data", limits=Limits(media_seconds=1)))
    assert "at most 1 s" in found["error"] and found["results"] is None


def test_a_file_that_was_measured_before_the_worker_died_is_not_measured_again(tmp_path):
    movie(place(tmp_path, "a.mp4"), seconds=1, sound=tone(1.0))
    first = part(tmp_path, "a.mp4", {"settings": {"face": None}})
    written = (tmp_path / "part" / "recordings" / "0" / "recording.json").stat().st_mtime_ns
    assert part(tmp_path, "a.mp4", {"settings": {"face": None}}) == first
    assert (tmp_path / "part" / "recordings" / "0" / "recording.json").stat().st_mtime_ns == written
    assert "consent: c" in first["recordings"][0]["notes"]


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    store, job = Store(tmp_path), "12345678-1234-5678-1234-567812345678"
    assert store.result(job, 0) is None
    store.keep(job, 0, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        store.keep(job, 0, {"a": float("nan")})
    assert store.result(job, 0) == {"a": 1} and [f.name for f in store.part(job, 0).iterdir()] == ["result.json"]


@pytest.mark.parametrize("number", ["..", "../../etc", "", "x", "12345678"])
def test_what_is_no_job_number_leads_to_no_folder(tmp_path, number):
    with pytest.raises(ValueError, match=r".+"):
        Store(tmp_path).folder(number)
    assert not Path(tmp_path / "etc").exists()
