"""Checkpoints of a test lie in its own folder, and nothing may reach for a network."""

import pytest

from attune import checkpoints, registry


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path / "here"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield
    for folder, name in checkpoints.adapters():
        getattr(getattr(registry.load(folder, name), "load", None), "cache_clear", lambda: None)()      # nothing tiny is left for others
