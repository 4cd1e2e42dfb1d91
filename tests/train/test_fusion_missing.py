"""The sweep over missing modalities, and the figure it draws."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("pyarrow")

import pyarrow as pa

from attune.fusion import linear
from attune.fusion._parts import PerSubset, softmax


@pytest.fixture(scope="module")
def sweep():
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("fusion_missing")
    finally:
        sys.path.remove(folder)


def made(n=200):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    return {m: np.log(softmax(2 * np.eye(3)[y] + rng.normal(size=(n, 3)))) for m in ("face", "voice")}, y


def test_late_pooling_uses_what_is_there_and_knows_nothing_of_nothing(sweep):
    parts, y = made()
    each = PerSubset(linear.Model, parts).fit(parts, y)
    late = sweep.Late(each)
    gone = {**parts, "voice": np.full_like(parts["voice"], np.nan)}
    assert np.allclose(late.predict(gone), each.members["face",].predict({"face": parts["face"]}), atol=1e-5)
    assert np.allclose(late.predict({m: np.full_like(x, np.nan) for m, x in parts.items()}), 1 / 3)
    assert (late.predict(parts).argmax(1) == y).mean() > (late.predict(gone).argmax(1) == y).mean()


def test_a_models_lead_is_the_difference_of_its_figures(sweep):
    _, y = made()
    said = {name: np.eye(3)[np.where(np.arange(len(y)) < share * len(y), y, (y + 1) % 3)] for name, share in zip(sweep.NAMES, (0.9, 0.8, 0.7), strict=True)}
    found = sweep.points([said, said], y, np.arange(len(y)) % 10)
    assert found[3].value == pytest.approx(found[0].value - found[1].value)
    assert found[4].value == pytest.approx(found[0].value - found[2].value)


@pytest.mark.parametrize(("panels", "width"), [(("one",), 3.5), (("one", "two", "three"), 7.0)])
def test_curves_have_a_panel_a_line_and_named_ticks(tmp_path, panels, width):
    pytest.importorskip("matplotlib")
    from attune import figures

    rows = [{"panel": p, "line": line, "x": x, "tick": f"{x:.0%}", "value": 0.5 - x / 4, "low": 0.4 - x / 4, "high": 0.6 - x / 4}
            for p in panels for line in ("masked", "late") for x in (0.0, 0.5, 1.0)]
    table = pa.Table.from_pylist(rows)
    figure = figures.curves(table, y="UAR")
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == list(panels)
    assert [t.get_text() for t in shown[0].get_xticklabels()] == ["0%", "50%", "100%"]
    assert len(shown[0].lines) == 2 and shown[0].get_ylim()[0] == 0
    assert figure.get_figwidth() == width
    path = figures.save(lambda: figures.curves(table, y="UAR"), tmp_path / "there" / "curves.svg")
    assert "late" in path.read_text(encoding="utf-8")
