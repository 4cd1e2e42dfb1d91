"""Many files: nothing that happens to one costs another, and doing it again does what is left."""

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import media_made as made
import numpy as np
import pyarrow.parquet as pq
import pytest
from light_work import alive, noted, work
from rich.console import Console

from attune import batch, weights
from attune.batch import Limits, one, places
from attune.batch.folders import Private, sweep
from attune.batch.worker import Outcome, Worker, kind_of
from attune.errors import MediaError, SettingError, UnknownName, WeightsError
from attune.settings import Settings

VOICE = Settings(face=None, text=None)
NOTHING = Settings(face=None, voice=None, text=None)


def outcomes(items, **options):
    return {o.index: o for o in batch.map(work, items, **options)}


def tree(folder, ignore=()):
    """name -> SHA-256 of every file below a folder."""
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name not in ignore}


@pytest.fixture
def sounds(tmp_path):
    """Four short sounds that differ."""
    folder = tmp_path / "study"
    folder.mkdir()
    return [made.plain_wav(folder / f"{i}.wav", made.tone(0.5, 200 + 100 * i)) for i in range(4)]


def run(files, out, settings=VOICE, **options):
    return {Path(r.source).name: r for r in batch.run(files, out, settings, page=False, **options)}


# ---- map --------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_is_done_once(workers, tmp_path):
    items = [{"n": n, "ledger": str(tmp_path / "l")} for n in range(6)]
    assert {i: o.value for i, o in outcomes(items, workers=workers).items()} == {n: n * 10 for n in range(6)}
    assert sorted(line[:2] for line in noted(tmp_path / "l")) == sorted((str(n), what) for n in range(6) for what in ("begun", "done"))


def test_a_killed_worker_is_replaced_and_its_item_tried_again(tmp_path):
    items = [{"n": n, "ledger": str(tmp_path / "l"), "die": 1 if n == 1 else 0} for n in range(4)]
    done = outcomes(items, workers=2, limits=Limits(wait=0))
    assert [done[n].value for n in range(4)] == [0, 10, 20, 30]
    assert [done[n].tries for n in range(4)] == [1, 2, 1, 1]
    assert sum(line[1] == "done" for line in noted(tmp_path / "l")) == 4


def test_an_item_that_always_kills_its_worker_is_given_up_and_says_so(tmp_path):
    done = outcomes([{"n": 0, "ledger": str(tmp_path / "l"), "die": 9}, {"n": 1}], workers=2, limits=Limits(wait=0, retries=1))
    assert (done[0].kind, done[0].tries, done[1].value) == ("killed", 2, 10)
    assert "SIGKILL" in done[0].error and "tried 2 times" in done[0].error


@pytest.mark.parametrize("workers", [1, 2])
def test_what_may_pass_is_tried_again_and_what_would_not_is_not(workers, tmp_path):
    items = [{"n": 0, "ledger": str(tmp_path / "l"), "unreachable": 2}, {"n": 1, "ledger": str(tmp_path / "l"), "bad": True}]
    done = outcomes(items, workers=workers, limits=Limits(wait=0, retries=2))
    assert (done[0].value, done[0].tries) == (0, 3)
    assert (done[1].kind, done[1].tries) == ("failed", 1)


def test_waiting_doubles_from_try_to_try(tmp_path):
    began = time.monotonic()
    (done,) = outcomes([{"n": 0, "ledger": str(tmp_path / "l"), "unreachable": 9}], limits=Limits(wait=0.1, retries=2)).values()
    assert time.monotonic() - began >= 0.1 + 0.2
    assert (done.kind, done.tries) == ("io", 3)


def test_an_item_over_its_time_is_ended_and_the_next_one_done():
    done = outcomes([{"n": 0, "seconds": 60}, {"n": 1}], limits=Limits(seconds=6, wait=0))      # the second one's hold a new process's start
    assert (done[0].kind, done[0].tries, done[1].value) == ("time", 1, 10)
    assert "limit of 6 s" in done[0].error


def test_an_item_over_its_memory_is_ended_and_the_next_one_done():
    done = outcomes([{"n": 0, "bytes": 400_000_000}, {"n": 1}], limits=Limits(memory=300e6, wait=0))
    assert (done[0].kind, done[1].value) == ("memory", 10)
    assert "over the limit of 300 MB" in done[0].error
    assert 0 < done[1].peak < 300e6


def test_steps_are_passed_on_with_their_item():
    told = []
    outcomes([{"n": 0, "seconds": 0.1}, {"n": 1, "seconds": 0.1}], workers=2, tell=lambda *step: told.append(step))
    assert {step[:2] for step in told} == {(0, "light"), (1, "light")}


@pytest.mark.parametrize("several", [{"workers": 2}, {"together": 3}])
def test_leaving_early_ends_the_workers_and_all_that_is_under_way(tmp_path, several):
    mapped = batch.map(work, ({"n": n, "ledger": str(tmp_path / "l"), "seconds": 0 if n == 0 else 60} for n in range(9)), **several)
    next(mapped)
    mapped.close()
    until = time.monotonic() + 20                             # of their 60 s
    while (left := alive(tmp_path / "l")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def test_a_worker_leaves_nothing_behind_when_killed():
    worker = Worker()
    timer = threading.Timer(2.0, lambda: os.kill(worker._process.pid, signal.SIGKILL))
    timer.start()
    assert worker.do(work, 0, {"n": 0, "seconds": 60}).kind == "killed"
    assert not worker._folder.path.exists()
    worker.close()


def test_what_was_left_by_all_who_were_killed_is_swept_and_what_is_in_use_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    held = "import time\nfrom attune.batch.folders import Private\nfolder = Private()\nprint(folder.path, flush=True)\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    ours = Private()
    with process:
        folder = Path(process.stdout.readline().strip())
        (folder / "talk.mp4").write_text("what was fetched")
        (tmp_path / "attune-of-a-user").mkdir()
        (tmp_path / "attune-elsewhere").mkdir()
        (tmp_path / "attune-elsewhere" / ".held").write_text("another machine")
        assert sweep() == []
        process.kill()
        process.wait()
        assert sweep() == [folder]
        assert ours.path.is_dir() and (tmp_path / "attune-of-a-user").is_dir() and (tmp_path / "attune-elsewhere").is_dir() and not folder.exists()
    ours.remove()


def test_on_a_disk_without_locks_folders_are_made_all_the_same_and_not_swept(tmp_path, monkeypatch):
    def refused(*given):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys.modules["attune.batch.folders"], "fcntl", SimpleNamespace(flock=refused, LOCK_EX=2, LOCK_NB=4))
    ours = Private()
    assert sweep() == [] and ours.path.is_dir()
    ours.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"engine": "rai"}, UnknownName, "did you mean 'ray'"),
    ({"workers": 0}, SettingError, "workers=0"),
    ({"limits": Limits(), "address": "ray://x"}, SettingError, "--engine ray"),
])
def test_mistakes_are_answered(options, error, said):
    with pytest.raises(error, match=said):
        list(batch.map(work, [{"n": 0}], **options))


def test_limits_below_reason_are_refused():
    with pytest.raises(SettingError, match="seconds=0"):
        Limits(seconds=0)


def test_errors_are_sorted_by_whether_they_pass():
    assert kind_of(TimeoutError()) == "io"
    assert kind_of(PermissionError()) == kind_of(OSError(28, "full")) == kind_of(MediaError("no media")) == "failed"


# ---- run --------------------------------------------------------------------------------------------------------------------

def test_two_workers_give_the_same_bytes_as_one(sounds, tmp_path):
    batches = [tmp_path / "one", tmp_path / "two"]
    for out, workers in zip(batches, (1, 2), strict=True):
        assert all(not r.error for r in run(sounds, out, workers=workers).values())
    assert tree(batches[0]) == tree(batches[1])


def test_a_renamed_file_is_known_and_a_changed_one_measured(sounds, tmp_path):
    out = tmp_path / "out"
    run(sounds, out)
    moved = sounds[0].rename(sounds[0].with_name("renamed.wav"))
    made.plain_wav(sounds[1], made.tone(0.5, 900))
    again = run([moved, *sounds[1:]], out)
    assert {name: r.skipped for name, r in again.items()} == {"renamed.wav": True, "1.wav": False, "2.wav": True, "3.wav": True}
    assert again["renamed.wav"].folder == out / "0"
    assert sorted(p.parent.name for p in out.glob("*/table.parquet")) == ["0", "1", "2", "3"]


def test_a_touched_file_is_known(sounds, tmp_path):
    run(sounds[:1], tmp_path / "out")
    os.utime(sounds[0], (1, 1))
    assert run(sounds[:1], tmp_path / "out")["0.wav"].skipped


def test_a_copy_is_a_recording_of_its_own(sounds, tmp_path):
    copy = Path(shutil.copy(sounds[0], sounds[0].with_name("copy.wav")))
    run(sounds[:1], tmp_path / "out")
    assert not run([sounds[0], copy], tmp_path / "out")["copy.wav"].skipped


def test_a_moved_files_folder_is_not_taken_by_another_of_its_old_name(sounds, tmp_path):
    out = tmp_path / "out"
    run(sounds[:1], out)
    moved = sounds[0].rename(sounds[0].with_name("moved.wav"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = made.plain_wav(elsewhere / "0.wav", made.tone(0.5, 777))
    results = run([other, moved], out)
    assert results["moved.wav"].skipped and results["moved.wav"].folder == out / "0"
    assert results["0.wav"].folder != out / "0"
    assert all(r.skipped for r in run([other, moved], out).values()) or len(list(out.glob("*/table.parquet"))) == 2


@pytest.mark.parametrize("change", [{"pause": 0.3}, {"voice": None}])
def test_a_changed_setting_measures_again(change, sounds, tmp_path):
    run(sounds[:1], tmp_path / "out")
    assert not run(sounds[:1], tmp_path / "out", Settings(**{**VOICE.asdict(), **change}))["0.wav"].skipped


def test_changed_weights_words_and_formats_measure_again(sounds, tmp_path):
    words = tmp_path / "study" / "0.srt"
    job = one.Job(sounds[0], tmp_path / "o", tmp_path, Settings(), depends="weights 1")
    keys = [one.key_of(job, "c"), one.key_of(one.Job(sounds[0], tmp_path / "o", tmp_path, Settings(), depends="weights 2"), "c"),
            one.key_of(one.Job(sounds[0], tmp_path / "o", tmp_path, Settings(), ("csv",), depends="weights 1"), "c")]
    for text in ("one", "two"):
        words.write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n")
        keys.append(one.key_of(job, "c"))
    assert len(set(keys)) == 5


def test_weights_are_part_of_what_a_result_depends_on():
    models = json.loads(batch._depends(Settings()))["models"]
    assert all(len(w) == 16 for facts in models.values() for w in facts["weights"].values())


def test_an_interrupted_measurement_is_done_again(sounds, tmp_path):
    out = tmp_path / "out"
    run(sounds[:2], out)
    (out / "0" / batch.DONE).unlink()                          # it is written last
    assert {name: r.skipped for name, r in run(sounds[:2], out).items()} == {"0.wav": False, "1.wav": True}


def test_failures_are_a_table_and_go_when_there_are_none(sounds, tmp_path):
    bad = tmp_path / "study" / "bad.wav"
    bad.write_text("no sound")
    run([*sounds, bad], tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "failures.parquet").to_pylist()
    assert row["file"].endswith("bad.wav") and row["kind"] == "failed" and row["tries"] == 1 and row["error"]
    run(sounds, tmp_path / "out")
    assert not list((tmp_path / "out").glob("failures.*"))


def test_the_manifest_lists_the_corpus_and_duckdb_reads_it(sounds, tmp_path):
    run(sounds, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / batch.MANIFEST).to_pylist()
    assert [r["recording"] for r in rows] == ["0", "1", "2", "3"]
    assert all(r["duration"] == pytest.approx(0.5, abs=0.01) and len(r["content"]) == 64 for r in rows)
    duckdb = pytest.importorskip("duckdb")
    counted = duckdb.sql(f"SELECT count(DISTINCT filename) FROM read_parquet('{tmp_path}/out/*/table.parquet', union_by_name = true, filename = true)")
    assert counted.fetchall() == [(4,)]


def test_explore_reads_the_corpus_with_the_manifest_as_facts(sounds, tmp_path):
    pytest.importorskip("duckdb")
    from attune.explore.corpus import Corpus

    run(sounds, tmp_path / "out")
    corpus = Corpus(tmp_path / "out", about=tmp_path / "out" / batch.MANIFEST)
    assert len(corpus) == 4 and "duration" in corpus.facts


def test_portraits_of_what_was_measured_are_no_media_to_measure(tmp_path, monkeypatch):
    for folder in ("measured/talk/portraits", "study/portraits"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.jpg").touch()
    (tmp_path / "measured" / "talk" / "recording.json").touch()
    assert places.find([tmp_path]) == places.find([f"{tmp_path}/**/*.jpg"]) == [tmp_path / "study" / "portraits" / "1.jpg"]
    monkeypatch.chdir(tmp_path / "measured" / "talk")
    assert places.find(["."]) == []


@pytest.mark.parametrize("given", ["measured/talk/portraits", "measured/talk/portraits/", "measured/*/portraits/*.jpg", "measured/talk/portraits/1.jpg"])
def test_portraits_that_are_named_are_measured(given, tmp_path, monkeypatch):
    (tmp_path / "measured" / "talk" / "portraits").mkdir(parents=True)
    (tmp_path / "measured" / "talk" / "portraits" / "1.jpg").touch()
    (tmp_path / "measured" / "talk" / "recording.json").touch()
    assert places.find([tmp_path / given]) == places.find([f"{tmp_path}/{given}"]) == [tmp_path / "measured" / "talk" / "portraits" / "1.jpg"]
    monkeypatch.chdir(tmp_path)
    assert places.find([given]) == [Path("measured/talk/portraits/1.jpg")]


def test_a_cache_and_words_at_an_address_are_refused(sounds, tmp_path):
    with pytest.raises(SettingError, match="a folder of this machine"):
        run(sounds[:1], tmp_path / "out", cache="s3://bucket/kept")
    with pytest.raises(SettingError, match="transcript='s3://bucket/words' is an address"):
        run(sounds[:1], tmp_path / "out", Settings(transcript="s3://bucket/words"))


def test_a_folder_that_cannot_be_written_to_is_named_and_not_the_file_that_tried_it(sounds, tmp_path, monkeypatch):
    def refused(place, content):
        raise PermissionError(errno.EACCES, "Permission denied", f"{place}.1.half")

    monkeypatch.setattr(places, "write", refused)
    with pytest.raises(PermissionError) as told:
        run(sounds, tmp_path / "out")
    assert told.value.filename == str(tmp_path / "out")


def test_results_that_lie_on_another_machine_are_no_results(sounds, tmp_path, monkeypatch):
    elsewhere = [Outcome(i, one.Result(str(f), tmp_path / "out" / f.stem)) for i, f in enumerate(sounds)]
    monkeypatch.setattr(batch, "map", lambda *given, **more: iter(elsewhere))
    results = run(sounds, tmp_path / "out")
    assert all("measured on another machine" in r.error for r in results.values())
    assert pq.read_table(tmp_path / "out" / "failures.parquet").num_rows == len(sounds)


def test_the_live_progress_says_files_hours_speed_and_cost(monkeypatch):
    from attune.cli import measuring
    from attune.cli.measuring import _Bars, _Shown

    monkeypatch.setattr(measuring, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    bar = _Bars(console=Console(file=io.StringIO(), width=80, force_terminal=True), auto_refresh=False)
    shown = _Shown(bar, 4, cost_per_hour=1e6)
    assert shown.so_far().startswith("0.00 h of media, 0.0 x real time")     # before the clock has ticked
    shown.began -= 36
    shown.done(one.Result("talk.mp4", "out/talk", seconds=360.0))
    drawn = Console(file=io.StringIO(), width=80)
    drawn.print(bar.get_renderable())
    said = drawn.file.getvalue()
    assert "1/4" in said and "0.10 h of media, 10.0 x real time, 1.7 files/min, cost 100" in said
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize(("several", "batch_of"), [(("--workers", "2"), 1), (("--batch", "4"), 4)])
def test_a_command_that_is_told_to_end_ends_its_workers_and_says_what_is_kept(tmp_path, several, batch_of):
    sounds = [made.plain_wav(tmp_path / f"{i}.wav", made.tone(0.5 if i == 0 else 200, 200 + 100 * i)) for i in range(4)]
    command = [sys.executable, "-m", "attune.cli", "measure", *map(str, sounds), "--out", str(tmp_path / "out"), "--face", "none", "--text", "none", *several]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"})
    line = process.stderr.readline()
    process.terminate()
    _, said = process.communicate(timeout=120)                # it takes no more than a moment, but the machine may be busy
    assert "✓" in line and (process.returncode in (0, 130)) and ("stopped;" in said) == (process.returncode == 130)
    assert not list(tmp_path.glob("attune-*"))
    again = list(batch.run(sounds, tmp_path / "out", Settings(face="none", text="none", batch=batch_of), page=True))
    assert not [r.error for r in again if r.error] and any(r.skipped for r in again)


def test_paths_need_no_library(tmp_path):
    places.write(tmp_path / "a" / "b.txt", b"x")
    assert places.read(tmp_path / "a" / "b.txt") == b"x"
    assert places.read(tmp_path / "none") is None
    assert places.mark(tmp_path / "a" / "b.txt") == ""


# ---- cache ------------------------------------------------------------------------------------------------------------------

SAMPLE = Path(__file__).parent.parent / "samples" / "hello.mp4"


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    """A cache that holds the sample."""
    folder = tmp_path_factory.mktemp("cached")
    list(batch.run([SAMPLE], folder / "first", Settings(), page=False, cache=folder / "cache"))
    return folder


def test_a_cached_run_gives_the_same_bytes(cached, tmp_path):
    run([SAMPLE], tmp_path / "plain", Settings())
    run([SAMPLE], tmp_path / "again", Settings(), cache=cached / "cache")
    assert tree(cached / "first") == tree(tmp_path / "plain") == tree(tmp_path / "again")


@pytest.mark.parametrize("change", [{"gap": 0.5}, {"baseline": "own"}, {"granularity": "sentence"}, {"pause": 0.3}, {"voice": None}])
def test_what_comes_after_the_models_reuses_faces_and_gives_the_same_bytes(change, cached, tmp_path):
    before = tree(cached / "cache" / "face")
    run([SAMPLE], tmp_path / "plain", Settings(**change))
    run([SAMPLE], tmp_path / "cached", Settings(**change), cache=cached / "cache")
    assert tree(tmp_path / "plain") == tree(tmp_path / "cached")
    assert tree(cached / "cache" / "face") == before           # nothing was looked at anew


def test_a_cached_run_decodes_nothing(cached, tmp_path):
    steps = []
    run([SAMPLE], tmp_path / "out", Settings(gap=1.0), cache=cached / "cache", hook=lambda file, step, done, total: steps.append(step))
    assert not {"face", "voice"} & set(steps)


@pytest.mark.parametrize("change", [{"fps": 1.0}, {"patience": 3.0}, {"portraits": False}])
def test_what_the_face_model_sees_is_looked_at_anew(change, cached, tmp_path):
    steps = []
    run([SAMPLE], tmp_path / "out", Settings(**change), cache=cached / "cache", hook=lambda file, step, done, total: steps.append(step))
    assert "face" in steps and "voice" not in steps


def test_a_damaged_cache_is_measured_anew(tmp_path):
    sound = made.plain_wav(tmp_path / "a.wav", made.tone(1.0))
    run([sound], tmp_path / "one", cache=tmp_path / "cache")
    (kept,) = (tmp_path / "cache").rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:50])
    assert not run([sound], tmp_path / "two", cache=tmp_path / "cache")["a.wav"].error
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    with np.load(kept) as whole:
        assert whole["facts"].size == 1


# ---- what networks run on ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("said", "expected"), [("", ["CPUExecutionProvider"]), ("cpu", ["CPUExecutionProvider"])])
def test_networks_run_on_the_cpu_unless_told(said, expected, monkeypatch):
    monkeypatch.setenv("ATTUNE_PROVIDERS", said)
    assert weights.providers() == expected


@pytest.mark.parametrize(("there", "said", "expected"), [
    (["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"], "auto", ["CUDAExecutionProvider", "CPUExecutionProvider"]),
    (["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"], "tensorrt, cuda",
     ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]),
    (["CoreMLExecutionProvider", "CPUExecutionProvider"], "auto", ["CoreMLExecutionProvider", "CPUExecutionProvider"]),
    (["DmlExecutionProvider", "CPUExecutionProvider"], "DML", ["DmlExecutionProvider", "CPUExecutionProvider"]),
    (["CUDAExecutionProvider", "CPUExecutionProvider"], "", ["CPUExecutionProvider"]),
    (["CPUExecutionProvider"], "auto", ["CPUExecutionProvider"]),
])
def test_networks_run_on_what_is_there_when_told(there, said, expected, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: there)
    monkeypatch.setenv("ATTUNE_PROVIDERS", said)
    assert weights.providers() == expected


def test_a_session_is_asked_for_on_what_was_told_and_directml_plans_no_memory(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["DmlExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda path, options, providers: asked.append((options.enable_mem_pattern, providers)))
    monkeypatch.setenv("ATTUNE_PROVIDERS", "auto")
    (tmp_path / "net.onnx").touch()
    weights.session(tmp_path / "net.onnx")
    assert asked == [(False, ["DmlExecutionProvider", "CPUExecutionProvider"])]


def test_a_provider_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("ATTUNE_PROVIDERS", "abacus")
    with pytest.raises(WeightsError, match="names 'abacus'; the onnxruntime here has"):
        weights.providers()
