"""Our own interface, against a real server that measures."""

import io
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from attune import export, exports
from attune.errors import SettingError
from attune.server.config import Config
from attune.server.measuring import plan_of
from attune.settings import Settings

get, post, delete = (partial(f, timeout=240) for f in (httpx.get, httpx.post, httpx.delete))       # the machine may be busy

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"


@pytest.fixture(scope="module")
def measured(serving):
    """The sample clip with its transcript, measured; the job as it is told."""
    files = [("file", ("hello.mp4", SAMPLE.read_bytes(), "video/mp4")), ("file", ("hello.srt", SAMPLE.with_suffix(".srt").read_bytes(), "text/plain"))]
    sent = post(f"{serving}/v1/recordings", files=files, data={"settings": json.dumps({"fps": 1, "granularity": "sentence"}), "consent": "c", "purpose": "p"})
    assert sent.status_code == 202
    with httpx.stream("GET", f"{serving}{sent.json()['events']}", timeout=240) as stream:
        told = [line for line in stream.iter_lines() if line]
    steps = [json.loads(line[6:]) for line in told if line.startswith("data: ")]
    assert told[-2] == "event: end" and [s["done"] for s in steps] == sorted(s["done"] for s in steps)
    return steps[-1]


def test_a_job_tells_its_progress_its_sources_and_its_recordings(measured):
    assert (measured["state"], measured["done"], len(measured["recordings"])) == ("COMPLETED", 1.0, 1)
    assert measured["sources"][0]["filename"] == "hello.mp4" and measured["sources"][0]["error"] is None
    assert measured["recordings"][0]["people"] == ["person 1"] and measured["expires"] > measured["ended"]


def test_the_numbers_over_http_are_those_of_a_call(serving, measured, tmp_path):
    import attune

    link = serving + measured["recordings"][0]["link"]
    (tmp_path / "recording.json").write_bytes(get(link).content)
    there = exports.read(tmp_path / "recording.json", "json")
    here = attune.measure(SAMPLE, fps=1, granularity="sentence", portraits=False)
    ours, theirs = export.table(here).to_pydict(), export.table(there).to_pydict()
    assert list(ours) == list(theirs)
    for name, column in ours.items():
        np.testing.assert_array_equal(np.array(theirs[name]), np.array(column), err_msg=name)


def test_a_recording_is_given_as_tables_words_report_and_other_formats(serving, measured):
    link = serving + measured["recordings"][0]["link"]
    rows = get(f"{link}/table").json()
    assert rows[0]["kind"] == "speech" or len(rows) > 3
    assert pq.read_table(io.BytesIO(get(f"{link}/table?format=parquet").content)).num_rows == len(rows)
    assert len(get(f"{link}/table?format=csv").text.splitlines()) == len(rows) + 1
    assert "happy" in get(f"{link}/describe").text.lower() and get(f"{link}/describe?form=vtt").text.startswith("WEBVTT")
    report = get(f"{link}/report")
    assert report.headers["content-type"].startswith("text/html") and "connect-src" not in report.headers["content-security-policy"]
    assert "default-src 'none'" in report.headers["content-security-policy"] and report.text.lower().startswith("<!doctype html>")
    assert "-->" in get(f"{link}/export?as=vtt").text
    assert any(r["link"] in link for r in get(f"{serving}/v1/recordings").json())


def test_uploads_are_deleted_once_measured_unless_they_are_to_be_kept(serving, data, measured):
    assert (data / "jobs" / measured["id"] / "0" / "result.json").is_file() and not (data / "jobs" / measured["id"] / "media").exists()
    kept = post(f"{serving}/v1/recordings", files={"file": ("a.txt", b"I am glad.")}, data={"keep_media": "true"}).json()
    get(f"{serving}{kept['events']}")
    assert (data / "jobs" / kept["id"] / "media" / "0" / "a.txt").read_bytes() == b"I am glad."


def test_an_ended_job_is_deleted_with_all_it_made(serving):
    sent = post(f"{serving}/v1/recordings", files={"file": ("a.txt", b"I am glad.")}).json()
    get(f"{serving}{sent['events']}")
    assert delete(f"{serving}{sent['job']}").status_code == 204
    assert get(f"{serving}{sent['job']}").status_code == 404
    assert get(f"{serving}{sent['job']}/audit").json()[-1]["event"] == "forgotten"


def test_settings_and_the_notice_can_be_asked_for(serving):
    settings = get(f"{serving}/v1/settings").json()
    assert settings["fps"]["default"] == 3.0 and settings["fps"]["reason"] and "transcript" not in settings
    assert "Art. 50(3)" in get(f"{serving}/v1/notice").json()["law"]


@pytest.mark.parametrize(("modality", "given"), [("face", "onnx:/etc/hosts"), ("voice", "hub:somebody/voice"), ("text", "onnx:../net.toml")])
def test_a_client_names_no_model_by_its_path_or_address(serving, modality, given):
    answer = post(f"{serving}/v1/recordings", files={"file": ("a.txt", b"I am glad.")}, data={"settings": json.dumps({modality: given})})
    assert answer.status_code == 400 and "a model by its name" in answer.json()["message"]


def test_a_client_doesnt_switch_off_that_models_may_be_used_commercially(local, tmp_path):
    safe = Settings(face=None, voice=None, commercial_safe=True)
    client = local(settings=safe)
    answer = client.post("/v1/recordings", json={"url": "https://example.org/a.mp4", "settings": {"commercial_safe": False, "text": "minilm_emotions"}})
    assert answer.status_code == 400 and "settings.commercial_safe=False: this server takes only models" in answer.json()["message"]
    with client.websocket_connect("/v1/live", headers={"Host": "127.0.0.1:8000"}) as socket:
        socket.send_json({"type": "start", "settings": {"commercial_safe": False}})
        error = socket.receive_json()
    assert error["code"] == "start_invalid" and "settings.commercial_safe=False" in error["message"]
    with pytest.raises(SettingError, match="commercial_safe=False"):        # a job from before the server was started so
        plan_of("attune", {"settings": {"commercial_safe": False}}, Config(tmp_path, settings=safe))
    assert plan_of("attune", {"settings": {"fps": 5, "commercial_safe": True}}, Config(tmp_path, settings=safe)).settings.text == "minilm_open"
    assert plan_of("attune", {"settings": {"commercial_safe": True}}, Config(tmp_path)).settings.commercial_safe


def test_a_server_for_commercial_use_has_no_bursts_for_clients_of_v0(tmp_path):
    free, safe = Settings(), Settings(face=None, voice=None, commercial_safe=True)
    request = {"models": {"burst": {}, "language": {}}}
    assert "burst" in plan_of("hume_v0", request, Config(tmp_path, settings=free)).models
    plan = plan_of("hume_v0", request, Config(tmp_path, settings=safe))
    assert "burst" not in plan.models and [name for name, _ in plan.missing] == ["burst"]
    assert plan.settings.text == "minilm_open"


def test_the_command_says_at_once_which_model_it_refuses(tmp_path):
    command = [sys.executable, "-m", "attune.cli", "serve", "--data", str(tmp_path), "--port", "0", "--voice", "none", "--commercial-safe"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 2 and "ferplus_resnet is research-only" in done.stderr and "--face none" in done.stderr


def test_moments_are_found_by_what_they_express(serving, measured):
    pytest.importorskip("duckdb")
    found = get(f"{serving}/v1/find", params={"query": "happy", "limit": 100}).json()      # other tests' recordings as well
    mine = [moment for moment in found if moment["recording"] == measured["recordings"][0]["id"]]
    assert any("happy" in " ".join(moment["says"].values()) for moment in mine)
    assert get(f"{serving}/v1/find", params={"query": "happy", "limit": 3}).json() == found[:3]
    assert get(f"{serving}/v1/find", params={"query": "hapy"}).status_code == 400 and get(f"{serving}/v1/find").status_code == 400


def test_nothing_is_found_before_there_is_anything(local):
    pytest.importorskip("duckdb")
    answer = local().get("/v1/find", params={"query": "happy"})
    assert answer.status_code == 400 and "no recordings yet" in answer.json()["message"]


def test_a_recording_is_told_as_the_data_that_its_report_shows(serving, measured):
    link = serving + measured["recordings"][0]["link"]
    facts = get(f"{link}/facts").json()
    assert [p["id"] for p in facts["people"]] == ["person 1"] and facts["people"][0]["means"][0]["modality"] == "fused"
    assert {s["modality"] for s in facts["series"]} == {"fused", "face", "voice", "text"}
    assert len(facts["taxonomies"]["ekman7"]["colours"]) == 7 and get(f"{serving}/v1/recordings/none.0.0/facts").status_code == 404


def test_formats_of_export_are_those_of_one_file(serving, measured):
    formats = get(f"{serving}/v1/formats").json()
    assert formats["csv"] == {"title": "CSV", "suffix": ".csv"} and "parquet" not in formats
    link = serving + measured["recordings"][0]["link"]
    assert get(f"{link}/export?as=rttm").text.startswith("SPEAKER") and "rttm" in formats
