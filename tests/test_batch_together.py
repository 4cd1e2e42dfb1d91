"""Several files at once in a worker's process: each ends by itself, what ends the process is found out, and a network's inputs go together."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import media_made as made
import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from checkpoints_made import word_tokenizer
from light_work import alive, noted, work
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from attune import batch, measure
from attune.batch import Limits, one
from attune.batch.mapping import _Room, _tried
from attune.batch.worker import Outcome, Worker
from attune.cli import app
from attune.errors import SettingError
from attune.media import Media
from attune.settings import Settings

SAMPLE = Path(__file__).parent.parent / "samples" / "hello.mp4"


def outcomes(items, **options):
    return {o.index: o for o in batch.map(work, items, **options)}


# ---- items at once ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("workers", "together"), [(1, 3), (2, 2), (2, 9)])
def test_every_item_is_done_once_and_several_at_the_same_time(workers, together, tmp_path):
    items = [{"n": n, "ledger": str(tmp_path / "l"), "seconds": 0.2} for n in range(8)]
    done = outcomes(items, workers=workers, together=together)
    assert {i: (o.value, o.tries) for i, o in done.items()} == {n: (n * 10, 1) for n in range(8)}
    lines = noted(tmp_path / "l")
    assert sorted(line[:2] for line in lines) == sorted((str(n), what) for n in range(8) for what in ("begun", "done"))
    assert len({pid for _, _, pid in lines}) <= workers and str(os.getpid()) not in {pid for _, _, pid in lines}
    under_way = np.cumsum([1 if what == "begun" else -1 for _, what, _ in lines])
    assert 1 < under_way.max() <= workers * together


def test_only_the_item_that_kills_its_process_fails_and_those_beside_it_are_done(tmp_path):
    items = [{"n": n, "ledger": str(tmp_path / "l"), "seconds": 0.2, "die": 9 if n == 2 else 0} for n in range(6)]
    done = outcomes(items, together=4, limits=Limits(wait=0, retries=1))
    assert (done[2].kind, done[2].tries) == ("killed", 2) and "tried 2 times" in done[2].error
    assert {n: (done[n].value, done[n].tries) for n in done if n != 2} == {n: (n * 10, 1) for n in (0, 1, 3, 4, 5)}
    assert sum(line[:2] == ("2", "begun") for line in noted(tmp_path / "l")) == 3      # beside others, then twice by itself
    assert {int(n) for n, what, _ in noted(tmp_path / "l") if what == "done"} == {0, 1, 3, 4, 5}      # one that was through when its process ended, twice


def test_only_the_item_over_its_time_fails_and_those_beside_it_are_done():
    done = outcomes([{"n": n, "seconds": 60 if n == 1 else 0.2} for n in range(5)], together=3, limits=Limits(seconds=6, wait=0))
    assert (done[1].kind, done[1].tries) == ("time", 1) and "limit of 6 s" in done[1].error
    assert {n: done[n].value for n in done if n != 1} == {n: n * 10 for n in (0, 2, 3, 4)}


def test_only_the_item_over_its_memory_fails_and_those_beside_it_are_done():
    done = outcomes([{"n": n, "bytes": 400_000_000 if n == 1 else 0, "seconds": 0.2} for n in range(5)], together=3, limits=Limits(memory=300e6, wait=0))
    assert done[1].kind == "memory" and "over the limit of 300 MB" in done[1].error
    assert {n: done[n].value for n in done if n != 1} == {n: n * 10 for n in (0, 2, 3, 4)}


def test_an_item_that_raises_costs_the_others_nothing(tmp_path):
    items = [{"n": 0, "bad": True}, {"n": 1, "ledger": str(tmp_path / "l"), "unreachable": 1}, *({"n": n, "seconds": 0.2} for n in (2, 3))]
    done = outcomes(items, together=4, limits=Limits(wait=0))
    assert (done[0].kind, done[1].tries, [done[n].value for n in (1, 2, 3)]) == ("failed", 2, [10, 20, 30])


def test_steps_are_passed_on_with_their_item():
    told = []
    outcomes([{"n": n, "seconds": 0.1} for n in range(3)], together=3, tell=lambda *step: told.append(step))
    assert {step[:2] for step in told} == {(n, "light") for n in range(3)}


def test_a_process_ends_for_all_who_wait_for_it_and_another_is_started():
    worker, ends = Worker(3), []
    threads = [threading.Thread(target=lambda n=n: ends.append(worker.do(work, n, {"n": n, "seconds": 60}).kind)) for n in range(3)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while len(worker._said._waiting) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    worker._process.kill()
    for thread in threads:
        thread.join(20)
    assert ends == ["killed"] * 3
    assert worker.do(work, 9, {"n": 9}).value == 90
    worker.close()
    assert worker.do(work, 9, {"n": 9}).kind == "killed"


def test_a_worker_that_is_closed_while_its_process_starts_leaves_none(monkeypatch):
    plain, starting, go, ends, made = subprocess.Popen, threading.Event(), threading.Event(), [], []

    def slow(*given, **more):
        starting.set()
        assert go.wait(60)
        made.append(plain(*given, **more))
        return made[-1]

    monkeypatch.setattr("attune.batch.worker.subprocess.Popen", slow)
    worker = Worker(2)
    doing = threading.Thread(target=lambda: ends.append(worker.do(work, 0, {"n": 0, "seconds": 600}).kind), daemon=True)
    doing.start()
    assert starting.wait(60)
    closing = threading.Thread(target=worker.close, daemon=True)
    closing.start()
    closing.join(0.3)                                          # it has looked by now, and found no process
    go.set()
    closing.join(60)
    doing.join(60)
    assert ends == ["killed"] and made[0].poll() is not None


def test_a_limit_is_kept_though_another_item_cannot_be_handed_over():
    worker, ends = Worker(2), {}

    def do(n, item, seconds):
        ends[n] = worker.do(deaf, n, item, seconds=seconds).kind

    threads = [threading.Thread(target=do, args=(0, "", 5), daemon=True)]
    threads[0].start()
    until = time.monotonic() + 60
    while worker._process is None and time.monotonic() < until:
        time.sleep(0.01)
    threads.append(threading.Thread(target=do, args=(1, "x" * 3_000_000, None), daemon=True))      # more than a pipe holds
    os.kill(worker._process.pid, signal.SIGSTOP)               # as code that keeps the interpreter to itself
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert ends[0] in ("time", "killed") and ends[1] == "killed"
    worker.close()


def test_a_value_that_cannot_be_read_here_costs_its_own_item_alone():
    done = {o.index: o for o in batch.map(told_in_vain, range(4), together=2)}
    assert done[1].kind == "failed" and "only there" in done[1].error
    assert {n: done[n].value for n in (0, 2, 3)} == {0: 0, 2: 20, 3: 30}


class Unreadable:
    def __reduce__(self):
        return only_in, (os.getpid(),)


def only_in(pid):
    if pid != os.getpid():
        raise ValueError("only there")


def told_in_vain(item, tell):
    return Unreadable() if item == 1 else item * 10


def deaf(item, tell):
    time.sleep(600)


def test_a_process_with_items_in_hand_leaves_nothing_when_who_holds_it_is_gone(tmp_path):
    holder = ("import sys, threading, time\nfrom attune.batch.worker import Worker\nfrom light_work import work\nworker = Worker(2)\n"
              f"threading.Thread(target=worker.do, args=(work, 0, {{'n': 0, 'ledger': {str(tmp_path / 'l')!r}, 'seconds': 600}}), daemon=True).start()\n"
              "time.sleep(600)")
    paths = os.pathsep.join(p for p in sys.path if p)
    process = subprocess.Popen([sys.executable, "-c", holder], env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": paths})
    until = time.monotonic() + 60
    while not noted(tmp_path / "l") and time.monotonic() < until:
        time.sleep(0.01)
    assert list(tmp_path.glob("attune-*"))
    process.kill()
    process.wait()
    until = time.monotonic() + 60
    while (left := [*alive(tmp_path / "l"), *tmp_path.glob("attune-*")]) and time.monotonic() < until:
        time.sleep(0.01)
    assert noted(tmp_path / "l") and not left


def test_what_waits_to_be_alone_is_not_begun_once_the_run_is_over():
    stop, begun = threading.Event(), []

    class Lane:
        def do(self, work, index, item, **more):
            begun.append(index)
            return Outcome(index)

    room, got = _Room(2), []
    with room.stay(True):
        thread = threading.Thread(target=lambda: got.append(_tried(Lane(), room, work, 1, None, Limits(), stop, None)), daemon=True)
        thread.start()
        stop.set()
    thread.join(60)
    assert [o.kind for o in got] == ["killed"] and not begun


def test_who_is_to_be_alone_waits_for_those_inside_and_new_ones_wait_for_it():
    room, order, inside, go = _Room(3), [], threading.Event(), threading.Event()

    def stay(name, alone):
        with room.stay(alone) as own:
            order.append(name)
            inside.set()
            assert go.wait(60)
            order.append((name, own.accompanied))

    threads = [threading.Thread(target=stay, args=given) for given in (("first", False), ("alone", True), ("last", False))]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    until = time.monotonic() + 60
    while not room._wanted and time.monotonic() < until:      # it waits to be alone
        time.sleep(0.01)
    threads[2].start()
    time.sleep(0.05)                                           # were it let in, it would be in by now
    go.set()
    for thread in threads:
        thread.join(60)
    assert order == ["first", ("first", False), "alone", ("alone", False), "last", ("last", False)]


# ---- the setting ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("given", [0, 129, 2.5, "many"])
def test_a_batch_that_cannot_be_is_told(given):
    with pytest.raises(SettingError, match=r"batch=.*expected a (whole )?number from 1 to 128"):
        Settings.of(batch=given)


def test_the_command_says_what_a_batch_may_be(tmp_path):
    made.plain_wav(tmp_path / "a.wav", made.tone(0.3))
    told = CliRunner().invoke(app, ["measure", str(tmp_path / "a.wav"), "--out", str(tmp_path / "out"), "--batch", "0"])
    assert told.exit_code and "batch=0; expected a number from 1 to 128" in str(told.exception)
    assert not (tmp_path / "out").exists()


def test_a_batch_is_part_of_what_a_result_depends_on(tmp_path):
    keys = {one.key_of(one.Job(tmp_path / "a.wav", tmp_path / "o", tmp_path, Settings(batch=n)), "content") for n in (1, 8)}
    assert len(keys) == 2


def test_no_model_is_joined_unless_that_is_asked_for():
    from attune import registry
    from attune.measure import load_models

    for modality, module in load_models(Settings()).items():
        assert module is registry.load(f"attune.{modality}.models", getattr(Settings(), modality))


# ---- files ------------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four stretches of the sample, of 2 to 3 s, with a face, a voice and words."""
    folder = tmp_path_factory.mktemp("study")
    media = Media.open(SAMPLE)
    pictures, sound = list(media.frames(5)), Media.open(SAMPLE).waveform(16_000)
    for i, (start, end) in enumerate([(0, 3), (3, 5.5), (5.5, 8), (8, 11)]):
        shown = [picture for time, picture in pictures if start <= time < end]
        made.movie(folder / f"{i}.mp4", fps=5.0, pictures=shown, size=shown[0].shape[1::-1], seconds=end - start, sound=sound[int(start * 16_000) : int(end * 16_000)],
                   sample_rate=16_000)
        (folder / f"{i}.srt").write_text(f"1\n00:00:00,200 --> 00:00:01,000\n{'so ' * i}happy\n\n2\n00:00:01,200 --> 00:00:02,000\nsad so {'happy ' * i}\n")
    return sorted(folder.glob("*.mp4"))


def graph(path, inputs, nodes, weight, kind=TensorProto.FLOAT, mean="mean"):
    """An ONNX file with an open batch axis: what `nodes` make of the inputs (n, d), times weight (d, k)."""
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in {"weight": weight.astype(np.float32), "axis": np.array([1]), "places": np.array([2, 3])}.items()]
    made_of = helper.make_graph(
        [*(helper.make_node(*node[:3], **(node[3] if len(node) > 3 else {})) for node in nodes), helper.make_node("MatMul", [mean, "weight"], ["said"])], "net",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()], [helper.make_tensor_value_info("said", TensorProto.FLOAT, ["n", weight.shape[1]])],
        constants)
    onnx.save(helper.make_model(made_of, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A face, a voice and a text model that see several inputs in a call, by files of facts."""
    folder, draw = tmp_path_factory.mktemp("nets"), np.random.default_rng(0)
    graph(folder / "face.onnx", {"x": ["n", 3, 32, 32]}, [("ReduceMean", ["x", "places"], ["mean"], {"keepdims": 0})], 4 * draw.normal(size=(3, 4)))
    graph(folder / "voice.onnx", {"x": ["n", "t", 64]}, [("ReduceMean", ["x", "axis"], ["mean"], {"keepdims": 0})], draw.normal(size=(64, 4)))
    graph(folder / "text.onnx", {"input_ids": ["n", "t"], "attention_mask": ["n", "t"]},
          [("Mul", ["input_ids", "attention_mask"], ["read"]), ("ReduceSum", ["read", "axis"], ["sum"]), ("ReduceSum", ["attention_mask", "axis"], ["count"]),
           *(("Cast", [name], [f"{name}_"], {"to": TensorProto.FLOAT}) for name in ("sum", "count")), ("Div", ["sum_", "count_"], ["mean"])],
          draw.normal(size=(1, 4)), TensorProto.INT64)
    word_tokenizer(folder / "tokenizer.json", ["so", "happy", "sad", "<pad>"])
    for name, more in (("face", "size = 32"), ("voice", 'hears = "mel"'), ("text", "")):
        (folder / f"{name}.toml").write_text(f'onnx = "{name}.onnx"\ntaxonomy = "iemocap4"\nlabels = ["sad", "angry", "neutral", "happy"]\n{more}\n')
    return {name: f"onnx:{folder / name}.toml" for name in ("face", "voice", "text")}


def tables(out):
    return {path.parent.name: pq.read_table(path) for path in sorted(out.glob("*/table.parquet"))}


def must_be_close(found, expected, atol=1e-4):
    """Tables with the same columns, and numbers that are the same but for their last digits."""
    assert found.keys() == expected.keys() and found
    for name in found:
        assert found[name].schema.equals(expected[name].schema)
        for column in found[name].column_names:
            got, wanted = (t[name][column].to_pylist() for t in (found, expected))
            if isinstance(next((value for value in wanted if value is not None), ""), float):
                np.testing.assert_allclose(*(np.array([np.nan if v is None else v for v in vs]) for vs in (got, wanted)), rtol=0 if atol == 0 else 1e-7, atol=atol, err_msg=f"{name} {column}")
            else:
                assert got == wanted, (name, column)


@pytest.fixture(scope="module")
def one_by_one(clips, models, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "one"
    assert not [r.error for r in batch.run(clips, out, Settings(**models), page=False) if r.error]
    return tables(out)


@pytest.mark.parametrize("workers", [1, 2])
def test_tables_are_the_same_but_for_last_digits(workers, clips, models, one_by_one, tmp_path):
    results = list(batch.run(clips, tmp_path / "out", Settings(batch=8, **models), page=False, workers=workers))
    assert not [r.error for r in results if r.error] and len(results) == 4
    must_be_close(tables(tmp_path / "out"), one_by_one)
    for modality in models:                                    # they do say something of what they are given
        said = [value for table in one_by_one.values() for value in table[f"{modality}.iemocap4.happy"].to_pylist() if value is not None]
        assert len({round(value, 4) for value in said if value == value}) > 2
    assert all(r.skipped for r in batch.run(clips, tmp_path / "out", Settings(batch=8, **models), page=False, workers=workers))
    assert batch.manifest(tmp_path / "out").num_rows == 4


def test_packaged_models_say_the_same_to_the_bit_in_threads(clips, tmp_path):
    """They take one input at a time; files that are measured at the same time share them."""
    for name, settings in (("one", Settings()), ("eight", Settings(batch=8))):
        assert not [r.error for r in batch.run(clips, tmp_path / name, settings) if r.error]
    must_be_close(tables(tmp_path / "eight"), tables(tmp_path / "one"), atol=0)
    assert all((tmp_path / "eight" / f"{i}" / "report.html").is_file() for i in range(4))


def test_one_bad_file_among_several_at_once_is_a_line_and_no_more(clips, models, one_by_one, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no film")
    results = {Path(r.source).name: r for r in batch.run([*clips, bad], tmp_path / "out", Settings(batch=8, **models), page=False)}
    assert [name for name, r in results.items() if r.error] == ["bad.mp4"]
    assert pq.read_table(tmp_path / "out" / "failures.parquet")["file"].to_pylist() == [str(bad)]
    must_be_close(tables(tmp_path / "out"), one_by_one)


def test_a_network_is_asked_far_fewer_times(clips, models, one_by_one, monkeypatch):
    import onnxruntime

    plain, calls = onnxruntime.InferenceSession.run, {}

    def run(session, names, feed, *more):
        name = Path(str(session._model_path)).stem
        calls.setdefault(name, []).append(len(next(iter(feed.values()))))
        return plain(session, names, feed, *more)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", run)
    first = measure(clips[0], **models)
    alone = {name: len(calls[name]) for name in models}
    calls.clear()
    measure(clips[0], batch=32, **models)                       # what is said of several is compared the first time
    calls.clear()
    again = measure(clips[0], batch=32, **models)
    assert {name: len(calls[name]) for name in ("face", "text")} == {"face": 1, "text": 1} and alone["face"] >= 8
    assert sum(calls["voice"]) == alone["voice"]
    for a, b in zip(first.estimates, again.estimates, strict=True):
        np.testing.assert_allclose(a.values, b.values, atol=1e-5)


def test_copies_of_a_file_measured_at_the_same_time_are_all_done(clips, models, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}.mp4").write_bytes(clips[0].read_bytes())
    results = list(batch.run(sorted(folder.glob("*.mp4")), tmp_path / "out", Settings(batch=8, **models), page=False, cache=tmp_path / "kept"))
    assert len(results) == 4 and not [r.error for r in results if r.error]
