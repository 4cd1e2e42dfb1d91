"""Checkpoints of a test lie in its own folder, and nothing may reach for a network."""

import pytest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path / "here"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
