"""Outputs become columns by name."""

import itertools

import numpy as np
import pytest
from checkpoints_made import write_config

from attune.checkpoints import labels_of
from attune.checkpoints.labels import Output
from attune.errors import ShapeError, WeightsError
from attune.taxonomy import taxonomy


@pytest.mark.parametrize("order", list(itertools.permutations(("arousal", "dominance", "valence"))))
def test_positions_come_out_by_name_whatever_the_checkpoint_s_order(order):
    at = {"valence": 1.0, "arousal": 0.5, "dominance": 0.25}
    row = Output("vad", "values").columns(order)(np.array([at[name] for name in order]))
    assert row.tolist() == [1.0, 0.0, -0.5]
    assert row.dtype == np.float32


@pytest.mark.parametrize("seed", range(5))
def test_a_softmax_comes_out_by_name_whatever_the_checkpoint_s_order(seed):
    labels = taxonomy("ekman7").labels
    order = np.random.default_rng(seed).permutation(7)
    logits = np.arange(7.0)                                   # in the taxonomy's order
    row = Output("ekman7", "softmax").columns([labels[i] for i in order])(logits[order])
    np.testing.assert_allclose(row, np.exp(logits) / np.exp(logits).sum(), rtol=1e-6)
    assert row.sum() == pytest.approx(1, abs=1e-6)


def test_other_names_and_adjectives_are_known_in_any_letter_case():
    columns = Output("ekman7", "probabilities", names={"happy": "joy"}).columns(["Angry", "DISGUST", "fearful", "Happy", "sad", "surprise", "neutral"])
    row = columns(np.eye(7)[3])
    assert taxonomy("ekman7").labels[int(row.argmax())] == "joy"


def test_sigmoids_stand_alone_and_do_not_overflow():
    labels = taxonomy("goemotions28").labels
    row = Output("goemotions28", "sigmoid").columns(labels)(np.array([1e6, -1e6, *np.zeros(26)]))
    assert row[:3].tolist() == [1.0, 0.0, 0.5]


def test_what_the_checkpoint_lacks_is_missing_not_zero():
    row = Output("vad", "values", span=(-1, 1), lacks=("dominance",)).columns(("arousal", "valence"))(np.array([-1.0, 0.5]))
    np.testing.assert_array_equal(row, np.array([0.5, -1.0, np.nan], np.float32))


def test_ignored_labels_drop_out_of_the_softmax():
    row = Output("iemocap4", "softmax", ignores=("other",)).columns(["other", "sad", "happy", "neutral", "angry"])(np.array([9.0, 0, 0, 0, 0]))
    assert row.tolist() == [0.25] * 4


def test_each_label_may_have_a_scale_of_its_own_and_values_beyond_its_ends_are_cut_off():
    output = Output("vad", "values", spans={"valence": (-3, 3), "arousal": (0, 4), "dominance": (-3, 3)})
    assert output.columns(("valence", "arousal", "dominance"))(np.array([-1.5, 3.0, 7.0])).tolist() == [-0.5, 0.5, 1.0]


def test_a_label_that_nobody_knows_is_refused_with_the_nearest():
    with pytest.raises(WeightsError, match=r"no label of taxonomy vad 'arousel'; did you mean 'arousal'"):
        Output("vad", "values").columns(("arousel", "dominance", "valence"))


def test_a_missing_label_is_refused():
    with pytest.raises(WeightsError, match=r"has no dominance, labels of vad"):
        Output("vad", "values").columns(("arousal", "valence"))


def test_a_label_that_is_there_twice_is_refused():
    with pytest.raises(WeightsError, match=r"'joy' twice: 'happy' and 'joy'"):
        Output("ekman7", "softmax", names={"happy": "joy"}).columns(["happy", "joy"])


def test_outputs_of_another_number_are_refused():
    with pytest.raises(ShapeError, match=r"shape \(2,\), expected \(3,\)"):
        Output("vad", "values").columns(("arousal", "dominance", "valence"))(np.zeros(2))


def test_labels_are_read_from_the_config_in_the_order_of_their_numbers(tmp_path):
    write_config(tmp_path, id2label={"10": "k", **{str(i): chr(97 + i) for i in range(9, -1, -1)}})
    assert labels_of(tmp_path) == tuple("abcdefghijk")


def test_without_names_in_the_config_the_stated_order_counts(tmp_path):
    for facts in ({}, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}):
        write_config(tmp_path, **facts)
        assert labels_of(tmp_path, ("b", "a")) == ("b", "a")
        with pytest.raises(WeightsError, match=r"doesn't name its labels"):
            labels_of(tmp_path)


def test_a_config_that_is_missing_damaged_or_skips_a_number_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"no config.json"):
        labels_of(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"isn't JSON"):
        labels_of(tmp_path)
    write_config(tmp_path, id2label={"0": "a", "2": "c"})
    with pytest.raises(WeightsError, match=r"numbers its labels \[0, 2\]; expected 0 to 1"):
        labels_of(tmp_path)
