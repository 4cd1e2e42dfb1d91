"""The commands as a user types them, in a process of their own."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "samples" / "hello.mp4"


def attune(*arguments, cwd=ROOT):
    return subprocess.run([sys.executable, "-m", "attune.cli", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=300,
                          env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The sample and a file that is no media, measured into one folder."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "bad.mp4").write_text("this is no film")
    done = attune("measure", SAMPLE, folder / "bad.mp4", "--out", folder / "out", "--format", "parquet", "--format", "csv")
    return folder, done


def test_one_bad_file_is_a_line_and_the_others_are_done(measured):
    folder, done = measured
    assert done.returncode == 1, done.stderr
    assert (folder / "out" / "hello" / "table.parquet").exists()
    assert (folder / "out" / "hello" / "table.csv").exists()
    assert (folder / "out" / "hello" / "report.html").stat().st_size > 1e6
    rows = list(csv.DictReader((folder / "out" / "failures.csv").read_text(encoding="utf-8").splitlines()))
    assert [Path(r["file"]).name for r in rows] == ["bad.mp4"]
    assert "no media" in rows[0]["error"]
    assert "Traceback" not in done.stderr


def test_running_again_skips_what_is_done(measured):
    folder, _ = measured
    stamp = (folder / "out" / "hello" / "table.parquet").stat().st_mtime_ns
    again = attune("measure", SAMPLE, "--out", folder / "out", "--format", "parquet", "--format", "csv")
    assert again.returncode == 0
    assert "done before" in again.stderr
    assert (folder / "out" / "hello" / "table.parquet").stat().st_mtime_ns == stamp
    assert not (folder / "out" / "failures.csv").exists()


def test_show_prints_the_table(measured):
    folder, _ = measured
    shown = attune("show", folder / "out" / "hello")
    assert shown.returncode == 0, shown.stderr
    assert "person 1" in shown.stdout
    assert "valence" in shown.stdout


def test_report_writes_the_page_again(measured, tmp_path):
    folder, _ = measured
    assert attune("report", folder / "out" / "hello", "--out", tmp_path / "again.html").returncode == 0
    assert (tmp_path / "again.html").stat().st_size > 1e6


def test_settings_travel_with_the_recording(measured):
    facts = json.loads((measured[0] / "out" / "hello" / "recording.json").read_text(encoding="utf-8"))
    assert facts["settings"]["fps"] == 3.0
    assert set(facts["versions"]["models"]) == {"face", "voice", "text"}


def test_every_setting_is_an_option():
    from dataclasses import fields

    from attune.settings import Settings

    shown = attune("measure", "--help").stdout
    for f in fields(Settings):
        assert f"--{'no-' if f.default is True else ''}{f.name.replace('_', '-')}" in shown


@pytest.mark.parametrize(("arguments", "expected"), [
    (("measure", "nowhere.mp4"), "no file nowhere.mp4; expected"),
    (("measure", SAMPLE, "--fps", "0"), "expected a number from 0.01"),
    (("measure", SAMPLE, "--face", "ferplus"), "did you mean 'ferplus_resnet'"),
    (("measure", SAMPLE, "--granularity", "year"), "year"),
    (("measure", SAMPLE, "--commercial-safe"), "refuses it"),
    (("show", "nowhere"), "holds no recording"),
    (("taxonomies", "ekman"), "did you mean 'ekman7'"),
])
def test_mistakes_are_answered_in_a_sentence(arguments, expected, tmp_path):
    more = ("--out", tmp_path) if arguments[0] == "measure" else ()
    done = attune(*arguments, *more)
    assert done.returncode in (1, 2)
    assert expected in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("nowhere.mp4",), ("nowhere.mp4", "nor/here.wav"), (SAMPLE, "--face", "ferplus"), (SAMPLE, "--engine", "steam")])
def test_nothing_is_made_where_nothing_can_be_measured(arguments, tmp_path):
    done = attune("measure", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_a_line_beside_one_that_is(tmp_path):
    (tmp_path / "bad.mp4").write_text("this is no film")
    attune("measure", "nowhere.mp4", "bad.mp4", cwd=tmp_path)
    rows = list(csv.DictReader((tmp_path / "measured" / "failures.csv").read_text(encoding="utf-8").splitlines()))
    assert [r["file"] for r in rows] == ["nowhere.mp4", "bad.mp4"]


def test_models_and_taxonomies_are_listed():
    listed = attune("models").stdout
    assert all(name in listed for name in ("ferplus_resnet", "prosody_whisper", "minilm_emotions", "non-commercial"))
    assert "goemotions28" in attune("taxonomies").stdout
    assert "->" not in attune("taxonomies", "ekman7").stderr


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("attune measure", "attune show", "attune report", "attune models", "attune taxonomies"):
        assert command in readme
