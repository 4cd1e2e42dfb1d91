"""Tables as OpenFace and Py-Feat write them, made up: columns and forms are those of their documentation and of published tables."""

import csv
import re

import numpy as np
import pytest
from recordings_made import UNITS, ordered, talk

from attune import export, exports, report
from attune.describe.render import rendered
from attune.errors import RecordingError
from attune.face.models import pyfeat_units
from attune.fusion import project
from attune.taxonomy import taxonomy
from attune.types import PRESENCE, Estimates, Faces, Recording, Segment

ALL = [*(f"{u}_r" for u in (*UNITS, "AU45")), *(f"{u}_c" for u in (*UNITS, "AU28", "AU45"))]


def openface(path, rows, *, units=ALL, points=True, separator=", ", number="face_id"):
    """rows: (frame, face, timestamp, confidence, success, intensity of every unit)"""
    points = [f"{axis}_{i}" for axis in "xy" for i in range(68)] if points else []
    head = ["frame", number, "timestamp", "confidence", "success", "pose_Tx", "pose_Rx", "pose_Ry", "pose_Rz", *points, *units]
    lines = [separator.join(head)]
    for frame, face, time, confidence, success, intensity in rows:
        at = [100 + i for i in range(68)] + [200 + 2 * i for i in range(68)] if points else []
        values = [intensity if u.endswith("_r") else 1 for u in units]
        lines.append(separator.join(map(str, [frame, face, time, confidence, success, 1.5, 0.1, -0.2, 0.3, *at, *values])))
    path.write_text("\n".join(lines) + "\n")
    return path


def fex(path, rows, *, more=(), **columns):
    """rows: (frame, x, score, AU12, happiness); the rest is constant."""
    units = [f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)]
    head = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "Pitch", "Roll", "Yaw", *units,
            "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "input", "frame", *more]
    lines = [",".join(head)]
    for frame, x, score, smile, joy in rows:
        au = [smile if u == "AU12" else columns.get("rest", 0.25) for u in units]
        cells = [x, 20, 30, 40, score, -3.5, 1.5, 2.5, *au, 0, 0, 0, joy, 0, 0, 1 - joy, columns.get("input", "/home/x/talk.mp4"), frame]
        lines.append(",".join(map(str, [*cells, *(columns[name](frame) for name in more)])))
    path.write_text("\n".join(lines) + "\n")
    return path


# ---- OpenFace ---------------------------------------------------------------------------------------------------------------

def test_openface_intensities_are_units_by_name_and_a_failed_frame_is_nan(tmp_path):
    file = openface(tmp_path / "clip.csv", [(1, 0, 0.0, 0.98, 1, 2.5), (2, 0, 0.04, 0.2, 0, 1.0), (3, 0, 0.08, 0.97, 1, 0.0)])
    assert exports.recognised(file) == "openface"
    back = exports.read(file)
    e = back["face.facs"]
    assert (e.model, e.projected, e.modality) == ("openface", "", "face")
    assert e.label("AU12").tolist() == [2.5, pytest.approx(np.nan, nan_ok=True), 0.0]
    assert np.isnan(e.label("AU11")).all() and np.isnan(e.label("AU43")).all()             # OpenFace doesn't look for them
    assert e.reason.tolist() == ["", "the tracker failed", ""]
    np.testing.assert_allclose(e.quality, [0.98, 0.2, 0.97])
    np.testing.assert_allclose(e.end - e.start, 0.04)
    assert back.people == ("person 1",)
    assert any("AU45" in note for note in back.notes)


def test_openface_points_become_boxes_and_five_landmarks_and_radians_degrees(tmp_path):
    faces = exports.read(openface(tmp_path / "clip.csv", [(1, 0, 0.0, 0.98, 1, 0), (2, 0, 0.5, 0.1, 0, 0)])).faces
    assert faces.time.tolist() == [0.0]                                                     # a failed frame has no face
    assert faces.box.tolist() == [[100, 200, 167, 334]]
    assert faces.landmarks[0].tolist() == [[138.5, 277.0], [144.5, 289.0], [130, 260], [148, 296], [154, 308]]
    np.testing.assert_allclose(faces.pose, np.rad2deg([[-0.2, 0.1, 0.3]]))
    assert np.isnan(faces.sharpness).all()


@pytest.mark.parametrize("separator", [",", ", "])
def test_openface_of_several_faces_has_several_people(separator, tmp_path):
    file = openface(tmp_path / "clip.csv", [(1, 0, 0.0, 0.9, 1, 1), (1, 1, 0.0, 0.8, 1, 2), (2, 1, 0.1, 0.8, 1, 3)], separator=separator, points=False)
    back = exports.read(file)
    assert back["face.facs"].person.tolist() == ["person 1", "person 2", "person 2"]
    assert np.isnan(back.faces.box).all()
    assert {s.person for s in back.segments} == {"person 1", "person 2"}


def test_openface_of_a_single_picture_has_neither_frames_nor_times(tmp_path):
    (tmp_path / "photo.csv").write_text("face, confidence, pose_Rx, pose_Ry, pose_Rz, AU12_r\n0, 0.9, 0, 0, 0, 3\n1, 0.7, 0, 0, 0, 1\n")
    back = exports.read(tmp_path / "photo.csv")
    assert back["face.facs"].start.tolist() == [0, 0]
    assert back.people == ("person 1", "person 2")


def test_openface_intensities_beyond_their_range_are_kept_and_told(tmp_path):
    back = exports.read(openface(tmp_path / "clip.csv", [(1, 0, 0.0, 0.9, 1, 5.5)]))
    assert back["face.facs"].label("AU12").tolist() == [5.5]
    assert any("outside 0 to 5" in note for note in back.notes)


def test_an_openface_table_without_rows_is_an_error(tmp_path):
    with pytest.raises(RecordingError, match="no rows"):
        exports.read(openface(tmp_path / "clip.csv", []))


def test_what_openface_reads_are_its_own_columns(tmp_path):
    import csv

    file = exports.write(talk(), tmp_path / "talk.csv", "openface")
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0])[:8] == ["frame", "face_id", "timestamp", "confidence", "success", "pose_Ry", "pose_Rx", "pose_Rz"]
    assert {f"{u}_r" for u in UNITS} <= set(rows[0]) and "AU11_r" not in rows[0]
    assert [r["success"] for r in rows[:5]] == ["1", "1", "1", "0", "1"]
    assert float(rows[0]["AU12_r"]) == pytest.approx(float(talk()["face.facs"].label("AU12")[0]))
    assert rows[3]["AU12_r"] == ""


def test_a_recording_without_a_face_is_no_openface_table(tmp_path):
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    with pytest.raises(RecordingError, match="neither action units"):
        exports.write(exports.read(tmp_path / "a.vtt"), tmp_path / "a.csv", "openface")


# ---- Py-Feat ----------------------------------------------------------------------------------------------------------------

def test_fex_emotions_are_measured_and_presences_are_kept_and_marked(tmp_path):
    file = fex(tmp_path / "clip.csv", [(0, 10, 0.99, 0.5, 0.75), (1, 11, 0.98, 1.0, 0.5)])
    assert exports.recognised(file) == "fex"
    back = exports.read(file)
    emotions, units = back["face.ekman7"], back["face.facs"]
    assert (emotions.label("joy").tolist(), emotions.projected) == ([0.75, 0.5], "")
    assert (units.label("AU12").tolist(), units.projected) == ([0.5, 1.0], PRESENCE)
    assert back.source == "talk.mp4"                                                        # without the folders of the machine it lay on
    assert back["face.vad"].projected == "ekman7->vad"
    assert back["fused.ekman7"].label("joy")[0] > 0.5                                       # of the emotions, not of presences taken for intensities
    np.testing.assert_allclose(back.faces.box, [[10, 20, 40, 60], [11, 20, 41, 60]])
    np.testing.assert_allclose(back.faces.pose[0], [2.5, -3.5, 1.5])                        # yaw, pitch, roll
    np.testing.assert_allclose(back.faces.score, [0.99, 0.98])


def test_fex_presences_go_out_as_they_came(tmp_path):
    file = fex(tmp_path / "clip.csv", [(0, 10, 0.99, 0.3, 0.7)])
    again = exports.write(exports.read(file), tmp_path / "again.csv", "fex")
    head, row = (line.split(",") for line in again.read_text(encoding="utf-8").splitlines())
    cells = dict(zip(head, row, strict=True))
    assert float(cells["AU12"]) == pytest.approx(0.3, abs=1e-7)
    assert "valence_projected" in cells and "valence" not in cells
    assert ordered(exports.read(again)["face.facs"]).projected == PRESENCE


def test_presences_that_pyfeat_units_measured_come_back_from_a_fex_table_as_presences(tmp_path):
    values = np.random.default_rng(0).uniform(0, 1, (4, len(taxonomy("facs")))).astype(np.float32)
    rows = [Segment(i / 10, (i + 1) / 10, "person 1") for i in range(4)]
    e = Estimates.of(rows, values, taxonomy=taxonomy("facs"), modality="face", model="pyfeat_units", projected=pyfeat_units.PROJECTED)
    file = exports.write(Recording("a.mp4", 0.4, tuple(rows), Faces.empty(), (e,)), tmp_path / "a.csv", "fex")
    cells = next(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert float(cells["AU01"]) == pytest.approx(values[0, 0]) and not any(c.startswith("AU") and not re.fullmatch(r"AU\d\d", c) for c in cells)
    back = exports.read(file)["face.facs"]
    assert (back.projected, back.model) == (PRESENCE, "pyfeat_units") and back.measured
    np.testing.assert_allclose(back.values, values, atol=1e-6)


def test_fex_units_beyond_one_are_intensities_as_they_are(tmp_path):
    back = exports.read(fex(tmp_path / "clip.csv", [(0, 10, 0.99, 3.5, 0.7)], rest=2.0))
    assert back["face.facs"].label("AU12").tolist() == [3.5]
    assert back["face.facs"].projected == ""
    assert any("taken as intensities" in note for note in back.notes)


def test_fex_times_are_pictures_over_a_rate_that_is_told_or_said(tmp_path):
    from attune.exports import fex as module

    file = fex(tmp_path / "clip.csv", [(k, 10, 0.99, 0.5, 0.7) for k in (0, 30, 60)])
    assert exports.read(file)["face.ekman7"].start.tolist() == [0, 1, 2]
    assert any("30 is assumed" in note for note in exports.read(file).notes)
    assert module.read(file, fps=15)["face.ekman7"].start.tolist() == [0, 2, 4]
    clock = fex(tmp_path / "long.csv", [(k, 10, 0.99, 0.5, 0.7) for k in range(0, 500, 25)], more=("approx_time",),
                approx_time=lambda k: f"{k // 25 // 60:02d}:{k // 25 % 60:02d}")
    back = exports.read(clock)
    assert any("25 per second" in note or "24 per second" in note for note in back.notes)


def test_a_fex_row_without_a_face_is_nan(tmp_path):
    back = exports.read(fex(tmp_path / "clip.csv", [(0, 10, 0.99, 0.5, 0.7), (1, "", "", "", float("nan"))]))
    assert np.isnan(back["face.ekman7"].label("joy")[1])
    assert len(back.faces) == 1


def test_unnamed_faces_are_one_person_only_if_never_two_are_in_view(tmp_path):
    one = exports.read(fex(tmp_path / "one.csv", [(0, 10, 0.99, 0.5, 0.7), (1, 11, 0.98, 1.0, 0.5)]))
    two = exports.read(fex(tmp_path / "two.csv", [(0, 10, 0.99, 0.5, 0.7), (0, 300, 0.98, 1.0, 0.5)]))
    assert one.people == ("person 1",)
    assert two.people == ()
    named = exports.read(fex(tmp_path / "named.csv", [(0, 10, 0.99, 0.5, 0.7), (0, 300, 0.98, 1.0, 0.5)], more=("Identity",), Identity=lambda k: "Person_0"))
    assert named.people == ("Person_0",)


def test_a_fex_table_of_several_films_is_refused(tmp_path):
    file = fex(tmp_path / "clip.csv", [(0, 10, 0.99, 0.5, 0.7)])
    other = fex(tmp_path / "other.csv", [(0, 10, 0.99, 0.5, 0.7)], input="b.mp4").read_text().splitlines()[1]
    file.write_text(file.read_text() + other + "\n")
    with pytest.raises(RecordingError, match="2 films or pictures"):
        exports.read(file)


def test_projected_labels_are_marked_in_every_column(tmp_path):
    from dataclasses import replace

    original = talk()
    seen = project(original["face.ferplus8"], "ekman7")
    only = replace(original, estimates=(seen,))
    head = exports.write(only, tmp_path / "p.csv", "fex").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert "happiness_projected" in head and "happiness" not in head
    assert exports.read(tmp_path / "p.csv")["face.ekman7"].projected


# ---- both are shown, reported, described -------------------------------------------------------------------------------------

@pytest.mark.parametrize("make", [
    lambda path: openface(path, [(k + 1, 0, k / 10, 0.98, 1, 2.5) for k in range(20)]),
    lambda path: fex(path, [(3 * k, 10, 0.99, 0.5, 0.75) for k in range(20)]),
], ids=["openface", "fex"])
def test_what_was_imported_is_shown_reported_and_described(make, tmp_path):
    recording = exports.read(make(tmp_path / "clip.csv"))
    folder = export.write(recording, tmp_path / "clip")
    back = export.read(folder)
    assert export.table(back).num_rows == len(back.segments) > 0
    assert report.write(back, tmp_path / "report.html").stat().st_size > 1e6
    assert "person 1" in rendered(back, "cues")
    rendered(back)


def test_the_taxonomy_of_units_is_the_one_that_is_there():
    assert {f"{u}" for u in UNITS} <= set(taxonomy("facs").labels)
    assert taxonomy("facs").range == (0, 5)
