"""The Model Context Protocol, driven by its official client against `attune mcp` as a process."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

mcp = pytest.importorskip("mcp", reason="needs mcp: pip install 'attune[agent]'")
pytest.importorskip("duckdb", reason="finding needs duckdb: pip install 'attune[serve]'")

from attune.errors import RecordingError, SettingError  # noqa: E402
from attune.server.mcp import Tools  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the sample clip, and one for recordings."""
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "media").mkdir()
    for file in ("hello.mp4", "hello.srt"):
        shutil.copy(ROOT / "samples" / file, folder / "media" / file)
    return folder


def called(place, *calls):
    """Answers of a server process to (tool, arguments), and the tools' names."""
    async def talk():
        started = mcp.StdioServerParameters(
            command=sys.executable, args=["-m", "attune.cli", "mcp", "--folder", str(place / "measured"), "--media", str(place / "media")],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, cwd=str(place))
        async with mcp.Client(started, read_timeout_seconds=240) as client:
            listed = await client.list_tools()
            return [t.name for t in listed.tools], [await client.call_tool(name, given) for name, given in calls]

    return asyncio.run(talk())


def text(answer):
    return "\n".join(c.text for c in answer.content)


def test_a_client_measures_describes_finds_and_asks_for_now(place):
    names, (measured, described, cues, found, now, wrong, outside) = called(
        place, ("measure_file", {"path": "hello.mp4"}), ("describe", {"recording": "hello", "over": "whole"}), ("describe", {"recording": "hello", "form": "cues"}),
        ("find_moments", {"query": "happy face", "limit": 2}), ("current_expression", {}), ("describe", {"recording": "helo"}), ("measure_file", {"path": "/etc/passwd"}))
    assert set(names) == {"measure_file", "describe", "find_moments", "current_expression"}
    result = json.loads(text(measured))
    assert (result["recording"], result["people"], result["duration_s"]) == ("hello", ["person 1"], 11.61) and "happy" in result["description"]
    assert "person 1" in text(described).lower() and "face: happiness" in text(cues)
    assert "hello" in text(found) and "strength" in text(found)
    latest = json.loads(text(now))
    assert latest["person"] == "person 1" and latest["age_s"] < 600 and latest["sentence"]
    assert wrong.is_error and "no recording 'helo'; there are: hello" in text(wrong)
    assert outside.is_error and "no file '/etc/passwd' below" in text(outside)


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/hostname", "nothing.mp4"])
def test_only_allowed_folders_are_read(tmp_path, path):
    (tmp_path / "media").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    (tmp_path / "media" / "link.wav").symlink_to(tmp_path / "secret.wav")
    tools = Tools(tmp_path / "measured", [tmp_path / "media"])
    for one in (path, "link.wav"):
        with pytest.raises(SettingError, match="no file"):
            tools.measure_file(one)


@pytest.mark.parametrize("name", ["..", "/etc", "a/b", ""])
def test_only_recordings_of_the_folder_are_described(tmp_path, name):
    with pytest.raises(RecordingError, match="no recording"):
        Tools(tmp_path, [tmp_path]).describe(name)


def test_without_recordings_it_says_how_to_make_one(tmp_path):
    with pytest.raises(RecordingError, match="measure_file makes them"):
        Tools(tmp_path, []).find_moments("happy")
    with pytest.raises(RecordingError, match="measure_file makes them"):
        Tools(tmp_path, []).current_expression()
