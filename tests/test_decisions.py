"""Decision curves and ordinal figures, by hand."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attune.errors import ShapeError, UnknownName
from attune.evaluate.deciding import decide, markdown
from attune.evaluate.predictions import Predictions, write_predictions
from attune.metrics import mae_classes, net_benefit, qwk, treat_all

TRUE = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], bool)
SAID = np.array([0.9, 0.7, 0.2, 0.8, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1])


def test_net_benefit_by_hand():
    # t = .25: acts on .9 .7 .8 .3: 2 hits, 2 false alarms: .2 - .2 * 1/3; t = .5: 2 and 1: .2 - .1; t = .75: 1 and 1: .1 - .1 * 3
    assert net_benefit(TRUE, SAID, np.array([0.25, 0.5, 0.75])) == pytest.approx([0.2 - 0.2 / 3, 0.1, -0.2])


def test_a_probability_on_the_threshold_is_acted_on():
    assert net_benefit(np.array([True, False]), np.array([0.5, 0.4]), np.array([0.5])).tolist() == [0.5]


def test_acting_on_everybody_is_the_curve_of_a_model_that_always_says_one_and_0_where_t_is_the_share():
    t = np.array([0.1, 0.3, 0.6])
    assert net_benefit(TRUE, np.ones(10), t) == pytest.approx(treat_all(TRUE, t))
    assert treat_all(TRUE, np.array([0.3]))[0] == pytest.approx(0)
    assert net_benefit(TRUE, np.zeros(10), t).tolist() == [0, 0, 0]


def test_no_model_gains_more_than_one_that_knows():
    t = np.array([0.1, 0.5, 0.9])
    assert net_benefit(TRUE, TRUE.astype(float), t) == pytest.approx([0.3] * 3)
    assert (net_benefit(TRUE, SAID, t) <= 0.3).all()


def test_thresholds_outside_are_refused_and_say_why():
    with pytest.raises(ValueError, match="at 1 no number of false alarms"):
        net_benefit(TRUE, SAID, np.array([1.0]))
    with pytest.raises(ShapeError):
        net_benefit(TRUE, SAID[:3])


def test_quadratic_kappa_by_hand():
    # true 0 0 1 2, said 0 1 1 1; observed squared distances 0 + 1 + 0 + 1 = 2; by chance, with margins 2 1 1 and 1 3 0:
    # 0: 2/4 * (1*0 + 3*1), 1: 1/4 * (1*1 + 0), 2: 1/4 * (1*4 + 3*1) = 1.5 + .25 + 1.75 = 3.5
    assert qwk(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), 3) == pytest.approx(1 - 2 / 3.5)


def test_quadratic_kappa_equals_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 200))
    assert qwk(a, b, 5) == pytest.approx(metrics.cohen_kappa_score(a, b, weights="quadratic"))


def test_saying_the_opposite_is_worse_than_chance_and_one_class_only_is_undefined():
    assert qwk(np.array([0, 2]), np.array([2, 0]), 3) == -1
    assert np.isnan(qwk(np.array([1, 1]), np.array([1, 1]), 3))


def test_distance_is_in_classes():
    assert mae_classes(np.array([0, 1, 4]), np.array([2, 1, 3])) == pytest.approx(1)


def predictions(kind, truth, said):
    name = {"exclusive": "ekman7", "dimensional": "vad", "multilabel": "goemotions28"}[kind]
    k = {"exclusive": 7, "dimensional": 3, "multilabel": 28}[kind]
    t, s = np.zeros((len(truth), k)), np.full((len(truth), k), 0.0)
    t[:, 0], s[:, 0] = truth, said
    return Predictions.of(name, t, s, ids=[str(i) for i in range(len(truth))], groups=[str(i % 5) for i in range(len(truth))], corpus="own", model="net")


def test_a_label_of_one_gets_a_curve_with_intervals_and_where_it_is_useful():
    p = predictions("exclusive", TRUE.astype(float), SAID)
    d = decide(p, p.taxonomy.labels[0], thresholds=np.array([0.25, 0.5, 0.75]), draws=50)
    assert [i.value for i in d.acting] == pytest.approx([0.2 - 0.2 / 3, 0.1, -0.2])
    assert [i.value for i in d.everybody] == pytest.approx(treat_all(TRUE, d.thresholds))
    assert all(i.low <= i.value <= i.high for i in d.acting)
    assert not d.ordinal
    text = markdown(d, "own")
    assert "| .50 | .100 |" in text and text.count("yes") == 2


def test_degrees_get_kappa_and_distance():
    truth = np.array([0, 1, 2, 3] * 5) / 3
    d = decide(predictions("multilabel", truth, np.clip(truth + 0.1, 0, 1)), "admiration", draws=20)
    assert d.ordinal["qwk"].value == 1 and d.ordinal["mae_classes"].value == 0
    assert d.share == 0.75
    moved = decide(predictions("dimensional", truth, truth + 1 / 3), "valence", draws=20)
    assert moved.ordinal["mae_classes"].value == pytest.approx(0.75)
    assert moved.acting == ()
    assert "degrees" in markdown(moved, "own")


def test_a_position_without_degrees_is_nothing_to_decide_by():
    x = np.linspace(-1, 1, 40)
    assert "nothing to decide by" in markdown(decide(predictions("dimensional", x, x), "valence", draws=10), "own")


def test_unknown_labels_are_named():
    with pytest.raises(UnknownName, match="did you mean 'valence'"):
        decide(predictions("dimensional", np.zeros(3), np.zeros(3)), "valense")


def test_the_command_prints_and_writes_them(tmp_path):
    file = write_predictions(tmp_path / "own.parquet", predictions("exclusive", TRUE.astype(float), SAID))

    def attune(label):
        told = [sys.executable, "-m", "attune.cli", "evaluate", "--predictions", file, "--draws", "20", "--out", tmp_path, "--decision", label]
        root = Path(__file__).parent.parent
        return subprocess.run([str(a) for a in told], capture_output=True, text=True, cwd=root, timeout=300, env={**os.environ, "COLUMNS": "140"})

    done = attune("anger")
    assert done.returncode == 0, done.stderr
    assert "decisions by anger" in done.stdout and "--decision anger" in done.stdout
    assert "| .50 | .100 |" in (tmp_path / "own" / "decision-anger.md").read_text(encoding="utf-8")
    wrong = attune("angr")
    assert wrong.returncode and "did you mean 'anger'" in wrong.stderr
