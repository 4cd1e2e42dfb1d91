"""The detector's network as it is laid out here, beside the form that its package carries."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from attune import weights
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
