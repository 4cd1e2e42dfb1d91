"""The Model Context Protocol, driven by its official client against `attune mcp` as a process."""

import asyncio
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

mcp = pytest.importorskip("mcp", reason="needs mcp: pip install 'attune[agent]'")
pytest.importorskip("duckdb", reason="finding needs duckdb: pip install 'attune[serve]'")

from attune.errors import RecordingError, SettingError  # noqa: E402
from attune.server.mcp import Tools, shown  # noqa: E402

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


def test_a_server_that_does_not_answer_is_named_and_the_newest_recording_told(place, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RecordingError, match=f"{address} doesn't answer .* is attune serve running.; there are no recordings yet"):
        Tools(tmp_path, [], address).current_expression()
    tools = Tools(place / "measured", [place / "media"], address)
    tools.measure_file("hello.mp4")
    assert "doesn't answer" in tools.current_expression()["note"]
    with pytest.raises(SettingError, match="expected the address of a running attune serve"):
        Tools(tmp_path, [], "127.0.0.1:8000")


def test_of_a_live_session_the_person_asked_for_is_told_and_a_lone_face_has_the_voice():
    def row(kind, person, age=1.0, **values):
        return {"type": kind, "person": person, "values": values, "age": age}

    alone = {"session": "7", "sentence": "s", "record": False, "latest": [
        {"type": "face", "age": 0.2, "faces": [row("face", "person 1", happy=0.8, sad=None)]}, row("voice", "speaker 1", calm=0.6), row("fused", "person 1", joy=0.7)]}
    told = shown(alone)
    assert (told["person"], told["age_s"]) == ("person 1", 0.2) and list(told["expression"]) == ["fused", "face", "voice"]
    two = alone | {"latest": [{"type": "face", "age": 0.2, "faces": [row("face", "Ada", happy=0.8), row("face", "Ben", angry=0.9)]}, row("voice", "speaker 1", calm=0.6)]}
    assert shown(two, "Ben")["expression"] == {"face": [{"name": "angry", "score": 0.9}]}          # whose voice it is isn't known
    assert shown(two, "Cleo")["expression"] == {}
