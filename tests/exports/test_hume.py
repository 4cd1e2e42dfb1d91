"""Archives of Hume's v0, made up in the shapes of its clients' types and of a published face.csv."""

import json
import zipfile

import numpy as np
import pytest
from recordings_made import talk

from attune import export, exports, report
from attune.describe.render import rendered
from attune.errors import RecordingError
from attune.taxonomy import taxonomy
from attune.types import PRESENCE

EEE, HUME = taxonomy("eee48").labels, taxonomy("hume53").labels
# the order of a published face.csv, which isn't the alphabet's
FACE_HEAD = [*EEE]
FACE_HEAD[11], FACE_HEAD[12] = FACE_HEAD[12], FACE_HEAD[11]


def scores(labels, top="", high=0.8):
    return [{"name": label, "score": high if label == top else 0.1} for label in labels]


def face(frame, time, top, **more):
    return {"frame": frame, "time": time, "prob": 0.99, "box": {"x": 10.0, "y": 20.0, "w": 30.0, "h": 40.0}, "emotions": scores(EEE, top), "facs": None, "descriptions": None} | more


def spoken(text, begin, end, top, labels=EEE, **more):
    return {"text": text, "time": {"begin": begin, "end": end}, "confidence": 0.9, "speaker_confidence": None, "emotions": scores(labels, top)} | more


def model(groups, metadata=None):
    return {"metadata": metadata, "grouped_predictions": [{"id": who, "predictions": rows} for who, rows in groups.items()]}


def file(name="faces/talk.mp4", **models):
    return {"file": name, "file_type": "video", "models": models}


def answer(*files, errors=(), error=None):
    return [{"source": {"type": "url", "url": "https://example.org/talk.mp4"}, "results": {"predictions": list(files), "errors": list(errors)}, "error": error}]


def one():
    return file(
        face=model({"face_0": [face(0, 0.0, "Joy"), face(10, 1 / 3, "Joy"), face(20, 2 / 3, "Sadness")]}),
        prosody=model({"unknown": [spoken('Grüße, "ja"!', 0.0, 1.0, "Amusement")]}, {"confidence": 0.9, "detected_language": "de"}),
        language=model({"unknown": [
            spoken("Grüße,", 0.0, 0.5, "Gratitude", HUME, position={"begin": 0, "end": 6}, sentiment=[{"name": str(i), "score": 1 / 9} for i in range(1, 10)],
                   toxicity=[{"name": "toxic", "score": 0.01}]),
            spoken('"ja"!', 0.5, 1.0, "Joy", HUME, position={"begin": 7, "end": 11}, sentiment=[], toxicity=[])]}),
        burst=model({"unknown": [{"time": {"begin": 0.8, "end": 1.0}, "emotions": scores(EEE, "Amusement"), "descriptions": [{"name": "Giggle", "score": 0.7}]}]}))


def written(tmp_path, data, name="predictions.json"):
    (tmp_path / name).write_text(json.dumps(data))
    return tmp_path / name


def test_a_batch_answer_is_a_recording_with_every_model_by_name(tmp_path):
    path = written(tmp_path, answer(one()))
    assert exports.recognised(path) == "hume_json"
    back = exports.read(path)
    assert back.source == "talk.mp4"
    assert {"face.eee48", "voice.eee48", "voice.eee48_burst", "text.hume53", "text.hume_sentiment9", "text.hume_toxicity6", "voice.hume_burst_descriptions"} <= {
        e.name for e in back}
    assert back["face.eee48"].label("Joy").tolist() == pytest.approx([0.8, 0.8, 0.1])
    assert back["text.hume53"].label("Gratitude").tolist() == pytest.approx([0.8, 0.1])
    assert (back["face.eee48"].projected, back["face.eee48"].model) == ("", "hume_v0_face")
    np.testing.assert_allclose(back["face.eee48"].end, [1 / 3, 2 / 3, 1.0])
    assert back.faces.box.tolist() == [[10, 20, 40, 60]] * 3
    assert back.people == ("face_0",)
    said = [s for s in back.segments if s.kind == "speech"]
    assert [(s.text, s.person, [w.text for w in s.words]) for s in said] == [('Grüße, "ja"!', "face_0", ["Grüße,", '"ja"!'])]
    assert np.isnan(back["text.hume_toxicity6"].label("threat")).all()                      # it didn't say


def test_categories_and_dimensions_are_projected_and_fused(tmp_path):
    back = exports.read(written(tmp_path, answer(one())))
    assert back["face.ekman7"].projected == "eee48->ekman7"
    assert back["text.ekman7"].projected == "hume53->eee48, eee48->ekman7"
    assert back["fused.ekman7"].projected
    assert len(back["fused.vad"]) == len(back.segments)


def test_archives_are_shown_reported_and_described(tmp_path):
    back = export.read(export.write(exports.read(written(tmp_path, answer(one()))), tmp_path / "talk"))
    assert export.table(back).num_rows == len(back.segments)
    assert report.write(back, tmp_path / "report.html").stat().st_size > 1e6
    assert "happy" in rendered(back) or "amused" in rendered(back)


def test_several_files_are_several_recordings(tmp_path):
    path = written(tmp_path, answer(one(), file("b.wav", prosody=one()["models"]["prosody"])))
    assert [r.source for r in exports.read_all(path)] == ["talk.mp4", "b.wav"]
    with pytest.raises(RecordingError, match="2 files"):
        exports.read(path)


def test_errors_that_hume_reported_are_notes_or_the_reason_why_there_is_nothing(tmp_path):
    back = exports.read(written(tmp_path, answer(one(), errors=[{"message": "transcript too uncertain", "file": "x"}])))
    assert any("transcript too uncertain" in note for note in back.notes)
    with pytest.raises(RecordingError, match="no audio"):
        exports.read(written(tmp_path, answer(error="no audio")), "hume_json")
    with pytest.raises(RecordingError, match="no predictions"):
        exports.read(written(tmp_path, answer(file(face=model({})))), "hume_json")


def test_a_message_of_a_stream_is_read(tmp_path):
    said = {"face": {"predictions": [{**face(0, 0.0, "Joy"), "bbox": {"x": 1, "y": 2, "w": 3, "h": 4}, "face_id": "unknown"}]}}
    del said["face"]["predictions"][0]["box"]
    back = exports.read(written(tmp_path, said))
    assert back.people == ("person 1",)
    assert back.faces.box.tolist() == [[1, 2, 4, 6]]


def test_words_without_times_are_laid_one_after_the_other_and_the_note_says_so(tmp_path):
    words = [{"text": t, "position": {"begin": 0, "end": 1}, "time": None, "confidence": None, "speaker_confidence": None, "emotions": scores(HUME, "Joy")} for t in ("Oh", "really")]
    back = exports.read(written(tmp_path, answer(file("a.txt", language=model({"unknown": words})))))
    assert (back["text.hume53"].start[1:] == back["text.hume53"].end[:-1]).all()
    assert any("no times" in note for note in back.notes)
    assert " ".join(s.text for s in back.segments if s.text) == "Oh really"


def test_action_units_are_mapped_by_number_and_kept_under_their_own_names(tmp_path):
    rows = [face(0, 0.0, "Joy", facs=[{"name": "AU12 Lip Corner Puller", "score": 0.5}, {"name": "AU19 Tongue Show", "score": 0.25}, {"name": "Hand over Mouth", "score": 0.1}],
                 descriptions=[{"name": "Smile", "score": 0.6}])]
    back = exports.read(written(tmp_path, answer(file(face=model({"face_0": rows})))))
    assert back["face.hume_facs"].taxonomy.labels == ("AU12 Lip Corner Puller", "AU19 Tongue Show", "Hand over Mouth")
    assert back["face.facs"].label("AU12").tolist() == [0.5]
    assert back["face.facs"].projected == PRESENCE
    assert back["face.hume_descriptions"].label("Smile").tolist() == pytest.approx([0.6])


def test_scores_that_no_model_reached_are_missing_not_zero(tmp_path):
    rows = [face(0, 0.0, "", crosswalk="ferplus8->eee48", emotions=[
        {"name": "Joy", "score": 0.5, "basis": "projected"}, {"name": "Envy", "score": 0.0, "basis": "unreached"}])]
    back = exports.read(written(tmp_path, answer(file(face=model({"face_0": rows})))))
    assert back["face.eee48"].label("Joy").tolist() == [0.5]
    assert np.isnan(back["face.eee48"].label("Envy")).all()
    assert back["face.eee48"].projected == "ferplus8->eee48"


def test_what_attune_writes_has_every_name_of_hume_in_its_order_and_says_its_basis(tmp_path):
    data = json.loads(exports.write(talk(), tmp_path / "talk.json", "hume_json").read_text(encoding="utf-8"))
    models = data[0]["results"]["predictions"][0]["models"]
    first = models["face"]["grouped_predictions"][0]["predictions"][0]
    assert [e["name"] for e in first["emotions"]] == list(EEE)
    assert {e["basis"] for e in first["emotions"]} == {"projected", "unreached"}
    assert all(e["score"] == 0 for e in first["emotions"] if e["basis"] == "unreached")
    assert set(first["box"]) == set("xywh")
    prosody = models.get("prosody", models["attune:voice.ravdess8"])["grouped_predictions"]
    assert [g["id"] for g in prosody] == ["Ada", "Bo Müller"]
    assert prosody[0]["predictions"][0]["text"].startswith("Er sagte")
    assert "attune:face.facs" in models


# ---- tables -----------------------------------------------------------------------------------------------------------------

def table(rows):
    """A face.csv as published: names in another order, action units and descriptions as empty columns."""
    head = ["Id", "Frame", "Time", "Probability", "FaceX0", "FaceY0", "FaceWidth", "FaceHeight", *FACE_HEAD, "AU1 Inner Brow Raise", "AU12 Lip Corner Puller",
            "Hand over Mouth", "Hand touching Face / Head", "Beaming", "Smile"]
    return "\n".join([",".join(head), *(",".join(map(str, [*r, *[0.9 if label == "Contemplation" else 0.1 for label in FACE_HEAD], *[""] * 6])) for r in rows)]) + "\n"


def test_a_face_table_is_read_by_name_in_a_zip_in_a_folder_and_alone(tmp_path):
    text = table([("face_0", 8, 0.32, 1.0, 859.0, 309.0, 195.0, 243.0), ("face_1", 8, 0.32, 0.9, 10, 20, 30, 40), ("face_0", 17, 0.68, 1.0, 853.0, 312.0, 200.0, 239.0)])
    (tmp_path / "face.csv").write_text(text)
    (tmp_path / "f" / "csv" / "talk.mp4").mkdir(parents=True)
    (tmp_path / "f" / "csv" / "talk.mp4" / "face.csv").write_text(text)
    with zipfile.ZipFile(tmp_path / "artifacts.zip", "w") as archive:
        archive.writestr("job/csv/talk.mp4/face.csv", text)
        archive.writestr("job/readme.txt", "hello")
    for path in (tmp_path / "face.csv", tmp_path / "f", tmp_path / "artifacts.zip"):
        assert exports.recognised(path) == "hume_csv"
        back = exports.read(path)
        e = back["face.eee48"]
        assert e.label("Contemplation").tolist() == pytest.approx([0.9, 0.9, 0.9])
        assert e.label("Confusion").tolist() == pytest.approx([0.1, 0.1, 0.1])
        assert e.person.tolist() == ["face_0", "face_1", "face_0"]
        np.testing.assert_allclose(e.start, [0.32, 0.32, 0.68])
        assert back.faces.box[0].tolist() == [859, 309, 1054, 552]
        assert not any(e.name.endswith(("facs", "descriptions")) for e in back)            # empty columns say nothing


def test_tables_of_words_are_read_in_several_spellings(tmp_path):
    prosody = ",".join(["Id", "Text", "BeginTime", "EndTime", *EEE]) + "\n" + ",".join(["speaker_0", '"Well, ""yes"""', "0.5", "1.5", *["0.2"] * 48]) + "\n"
    language = ",".join(["Text", "time.begin", "time.end", "Confidence", *HUME]) + "\n" + ",".join(['"Well,"', "0.5", "1.0", "0.7", *["0.3"] * 53]) + "\n"
    with zipfile.ZipFile(tmp_path / "artifacts.zip", "w") as archive:
        archive.writestr("csv/talk.wav/prosody.csv", prosody)
        archive.writestr("csv/talk.wav/language.csv", language)
    back = exports.read(tmp_path / "artifacts.zip")
    assert [(s.start, s.end, s.person, s.text) for s in back.segments if s.kind == "speech"] == [(0.5, 1.5, "speaker_0", 'Well, "yes"')]
    assert back["text.hume53"].start.tolist() == [0.5]


def test_tables_of_several_files_are_several_recordings(tmp_path):
    with zipfile.ZipFile(tmp_path / "artifacts.zip", "w") as archive:
        for name in ("a.mp4", "b.mp4"):
            archive.writestr(f"csv/{name}/face.csv", table([("face_0", 8, 0.32, 1.0, 859.0, 309.0, 195.0, 243.0)]))
    assert [r.source for r in exports.read_all(tmp_path / "artifacts.zip")] == ["a.mp4", "b.mp4"]


def test_a_projected_table_says_so(tmp_path):
    exports.write(talk(), tmp_path / "talk.zip", "hume_csv")
    with zipfile.ZipFile(tmp_path / "talk.zip") as archive:
        names = [n.rpartition("/")[2] for n in archive.namelist()]
        head, row = archive.read(next(n for n in archive.namelist() if n.endswith("/face.csv"))).decode().splitlines()[:2]
    assert "attune_face.vad_projected.csv" in names and "attune_face.ferplus8.csv" in names
    assert row.split(",")[head.split(",").index("Basis")] == "projected"
    assert row.split(",")[head.split(",").index("Envy")] == ""                             # nothing leads there
