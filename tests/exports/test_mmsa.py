import os
import pickle

import numpy as np
import pytest
from recordings_made import talk

from attune import exports
from attune.errors import RecordingError
from attune.exports.mmsa import loads
from attune.taxonomy import taxonomy
from attune.types import PRESENCE, Estimates, Faces, Recording, Segment


class Shell:
    def __reduce__(self):
        return os.system, ("echo never",)


class Huge:
    def __reduce__(self):
        return np.ndarray, ((10**15,),)


@pytest.mark.parametrize("evil", [Shell(), Huge(), {"a": [Shell()]}, np.array([Shell()], object), print, Exception("x"), np.zeros(2).view(np.matrix)],
                         ids=["shell", "huge", "nested", "in an array", "function", "exception", "class"])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_that_asks_for_more_than_plain_types_is_refused(evil, protocol, tmp_path):
    with pytest.raises(RecordingError, match=r"refused|no whole pickle"):
        loads(pickle.dumps(evil, protocol=protocol))


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)), np.array(["ä", "bc"]),
                                   np.array(["a", None, 3], object), np.zeros((0, 4), np.int64), np.array([True, False]), np.arange(3, dtype=">i4")],
                         ids=["float64", "fortran", "text", "object", "empty", "bool", "big-endian"])
def test_arrays_come_back_as_they_were(array, protocol):
    back = loads(pickle.dumps({"x": array, "n": [1, None, "ß"]}, protocol=protocol))
    assert back["x"].dtype == array.dtype and back["x"].tolist() == array.tolist()
    assert back["n"] == [1, None, "ß"]


def test_the_sets_have_the_keys_that_mmsa_reads(tmp_path):
    file = exports.write(talk(), tmp_path / "talk.pkl", "mmsa")
    data = pickle.loads(file.read_bytes())                           # as MMSA does
    test = data["test"]
    assert test["raw_text"] == ["Er sagte „Ähm\", \"nein\", — & <b>!", "Grüße, ja?"]
    assert test["id"] == ["talk é$_$0", "talk é$_$1"]
    assert test["vision"].shape == (2, 5, 8) and test["vision_lengths"] == [4, 5]
    assert test["audio"].shape == (2, 1, 8) and test["audio_lengths"] == [1, 1]
    assert np.isnan(test["regression_labels"]).all()                 # nobody rated anything
    assert data["train"]["vision"].astype(np.float32).shape[0] == 0
    assert not np.isnan(test["vision"]).any()


def test_presences_of_a_face_model_are_the_vision_and_labels_that_it_lacks_are_no_features(tmp_path):
    facs = taxonomy("facs")
    rows = [Segment(i, i + 1, "Ada", "Oh") for i in range(2)]
    values = np.full((2, len(facs)), np.nan, np.float32)
    values[:, :3] = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    e = Estimates.of(rows, values, taxonomy=facs, modality="face", model="pyfeat_units", projected=PRESENCE)
    walked = Estimates.of(rows, np.full((2, 3), 0.9), taxonomy=taxonomy("vad"), modality="face", model="pyfeat_units", projected="ekman7->vad")
    file = exports.write(Recording("a.mp4", 2.0, tuple(rows), Faces.empty(), (walked, e)), tmp_path / "a.pkl", "mmsa")
    test = pickle.loads(file.read_bytes())["test"]
    np.testing.assert_allclose(test["vision"], values[:, None, :3])
    assert test["vision_lengths"] == [1, 1] and test["feature_names"]["face"] == [f"face.facs.{label}" for label in facs.labels[:3]]


def test_features_of_somebody_else_are_no_recording(tmp_path):
    (tmp_path / "mosi.pkl").write_bytes(pickle.dumps({"train": {"vision": np.zeros((1, 2, 3))}}))
    with pytest.raises(RecordingError, match="features without times"):
        exports.read(tmp_path / "mosi.pkl")
