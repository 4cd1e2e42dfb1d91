"""The commands among what a shell does to them: narrow windows, pipes, other alphabets, Ctrl-C, places that can't be written to."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "samples" / "hello.mp4"
PLAIN = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "PYTHONIOENCODING", "PYTHONUTF8")} | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def attune(*arguments, cwd=ROOT, **environment):
    return subprocess.run([sys.executable, "-m", "attune.cli", *map(str, arguments)], capture_output=True, cwd=cwd, timeout=300, env=PLAIN | environment)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shell")
    done = attune("measure", SAMPLE, "--out", folder, "--no-report")
    assert done.returncode == 0, done.stderr
    return folder / "hello"


def test_the_version_is_told():
    from attune import __version__

    done = attune("--version")
    assert done.returncode == 0 and done.stdout.decode().strip() == f"attune {__version__}"


def test_a_narrow_window_says_what_it_leaves_out(measured):
    narrow, wide = (attune("show", measured, COLUMNS=columns).stdout.decode() for columns in ("80", "140"))
    assert "face, voice, text: in a window of 110 columns or more (this has 80)" in " ".join(narrow.split())
    assert "ferplus" not in narrow and "happiness" not in narrow
    assert "happiness" in wide and "in a window" not in wide


def test_a_pipe_gets_the_whole_table(measured):
    assert "happiness" in attune("show", measured).stdout.decode()


def test_letters_that_cannot_be_shown_end_no_command(measured):
    for encoding in ("ascii", "latin-1", "cp1252"):
        for command in (("show", measured), ("describe", measured), ("export",), ("taxonomies",)):
            done = attune(*command, PYTHONIOENCODING=encoding)
            assert done.returncode == 0 and b"Traceback" not in done.stderr, (encoding, command, done.stderr)


@pytest.mark.parametrize("command", [("measure", SAMPLE, "--out"), ("export", "RECORDING", "--as", "parquet", "--out"), ("report", "RECORDING", "--out")])
def test_a_place_that_cannot_be_written_to_is_a_sentence(command, measured, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = attune(*(measured if c == "RECORDING" else c for c in command), tmp_path / "taken" / "below")
    said = done.stderr.decode()
    assert done.returncode == 2
    assert said.strip().startswith("error") and "taken" in said and ("a file is in its place" in said or "a file of that name is there" in said)
    assert "Traceback" not in said and ".half" not in said and ".part" not in said


def test_a_folder_is_a_place_for_an_export(measured, tmp_path):
    done = attune("export", measured, "--as", "eaf", "--out", f"{tmp_path / 'new'}/")
    assert done.returncode == 0 and (tmp_path / "new" / "hello.eaf").is_file(), done.stderr
    assert attune("export", measured, "--as", "csv", "--out", tmp_path / "new").returncode == 0
    assert (tmp_path / "new" / "hello.csv").is_file()


def test_hidden_files_of_a_folder_are_no_media(tmp_path):
    from attune import batch

    for name in ("talk.mp4", "._talk.mp4", ".hidden.wav"):
        (tmp_path / name).touch()
    assert [f.name for f in batch.find([tmp_path])] == ["talk.mp4"]
    assert [f.name for f in batch.find([tmp_path / ".hidden.wav"])] == [".hidden.wav"]


def test_a_voice_that_may_be_anybodys_is_not_counted_as_a_person(measured):
    from dataclasses import replace

    from attune import batch, export
    from attune.timeline import SPEAKER, rename

    recording = export.read(measured)
    assert batch.folk(recording) == "1 person"
    apart = tuple(rename(e, {"person 1": SPEAKER}) if e.modality == "voice" else e for e in recording)
    assert batch.folk(replace(recording, estimates=apart)) == "1 person, voices not told apart"
    assert batch.folk(replace(recording, estimates=tuple(e for e in apart if e.modality == "voice"))) == "voices not told apart"


def test_a_picture_is_said_without_times():
    from dataclasses import replace

    from attune.agent.heard import of_words
    from attune.describe import describe

    said = describe(of_words("I am so happy!"), whole=False)
    assert str(said).startswith("[0.0–")
    still = replace(said, moments=tuple(replace(m, start=0.0, end=0.0) for m in said.moments))
    assert not str(still).startswith("[")


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C of a shell, as POSIX has it")
def test_ctrl_c_says_what_is_kept_and_running_again_does_the_rest(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for i in range(4):
        shutil.copyfile(SAMPLE, clips / f"clip [{i}].mp4")
    command = [sys.executable, "-m", "attune.cli", "measure", str(clips), "--out", str(tmp_path / "out"), "--text", "none", "--no-report"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)      # a job in the background ignores it, and so would what it starts
    try:
        run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=PLAIN, cwd=ROOT, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with run:
        first = run.stderr.readline().decode()
        os.killpg(run.pid, signal.SIGINT)          # a terminal sends it to everything that the command started
        rest = run.stderr.read().decode()
    assert "clip [0].mp4" in first
    assert run.returncode == 130
    assert re.search("stopped; [123] of 4 done, and kept", rest) and "Traceback" not in rest and "KeyboardInterrupt" not in rest
    assert "done before" in attune("measure", clips, "--out", tmp_path / "out", "--text", "none", "--no-report").stderr.decode()
