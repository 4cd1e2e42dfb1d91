"""The detector's network as it is laid out here, beside the form that its package carries."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from attune import weights
from attune.errors import WeightsError
from attune.voice import silero

pytestmark = pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None, reason="silero-vad isn't installed")

NOTHING = np.zeros((1, 1, 128), np.float32)


def said(path, windows, h=NOTHING, c=NOTHING):
    return weights.session(path).run(None, {"input": windows, "h": h, "c": c})


@pytest.fixture
def windows():
    """Two seconds of something like a voice: a buzz that comes and goes, and noise."""
    t = np.arange(64 * silero.HEARD) / 16_000
    buzz = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 3 * t) > 0)
    return (0.05 * buzz + 0.003 * np.random.default_rng(0).normal(size=len(t))).reshape(64, -1).astype(np.float32)


def test_probabilities_are_those_of_the_form_that_the_package_carries(windows):
    ours, carried = said(silero.path(), windows), said(silero.carried(), windows)
    assert np.ptp(ours[0]) > 0.1
    for a, b in zip(ours, carried, strict=True):
        assert np.allclose(a.ravel(), b.ravel(), atol=2e-5)


def test_windows_in_groups_give_the_bits_of_all_at_once(windows):
    whole, h, c, parts = said(silero.path(), windows), NOTHING, NOTHING, []
    for i in range(0, len(windows), 8):
        p, h, c = said(silero.path(), windows[i : i + 8], h, c)
        parts.append(p)
    assert np.array_equal(np.concatenate(parts), whole[0]) and np.array_equal(h, whole[1]) and np.array_equal(c, whole[2])


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Nothing is in the cache; gives what the carried network is, to be changed and put in its place."""
    onnx = pytest.importorskip("onnx")
    source = silero.carried()
    monkeypatch.setenv("ATTUNE_CACHE", str(tmp_path / "cache"))

    def put(change=None, content=None):
        model = onnx.load(str(source))
        if change:
            change(model.graph)
        other = tmp_path / "other.onnx"
        other.write_bytes(content if content is not None else model.SerializeToString())
        monkeypatch.setattr(silero, "carried", lambda: other)
        return other

    return put


def renamed(graph):
    """One array has another name."""
    for array in graph.initializer:
        array.name = array.name.replace("encoder.0.weight", "first.weight")
    for node in graph.node:
        node.input[:] = [name.replace("encoder.0.weight", "first.weight") for name in node.input]


def sharper(graph):
    """The same arrays and nodes, and one step more: it says something else than what is laid out."""
    from onnx import helper

    last = next(node for node in graph.node if graph.output[0].name in node.output)
    last.output[:] = ["before" if name == graph.output[0].name else name for name in last.output]
    graph.node.append(helper.make_node("Sqrt", ["before"], [graph.output[0].name]))


def test_the_graph_is_kept_by_what_it_was_made_of(fresh, tmp_path):
    other = fresh()
    found = silero.path.__wrapped__()
    assert found.parent == tmp_path / "cache" and weights.digest(other) in found.name
    other.write_bytes(other.read_bytes() + b"\x32\x00")                # an empty description: another file, the same network
    assert silero.path.__wrapped__() != found


@pytest.mark.parametrize("change", [renamed, sharper])
def test_another_network_runs_as_it_is_carried(fresh, windows, change):
    other = fresh(change)
    assert silero.path.__wrapped__() == other and said(other, windows)[0].size == len(windows)


@pytest.mark.parametrize("content", [b"", b"no network", None])
def test_what_is_no_such_network_is_a_clear_error(fresh, content):
    def asks(graph):
        graph.input[0].name = "sound"

    fresh(asks if content is None else None, content)
    with pytest.raises(WeightsError, match=r"silero-vad.*reinstall"):
        silero.path.__wrapped__()
