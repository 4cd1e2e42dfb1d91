"""The Ray engine, on a Ray that is started here: the same results as here, and nothing lost when workers are killed."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import media_made as made
import pytest
from light_work import noted, told, work
from test_batch import NOTHING, tree

ray = pytest.importorskip("ray")

from attune import batch  # noqa: E402
from attune.batch import Limits  # noqa: E402
from attune.batch.engines.ray import Distant  # noqa: E402
from attune.errors import SettingError  # noqa: E402
from attune.settings import Settings  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
WORKERS = 2


@pytest.fixture(scope="module")
def cluster():
    """Ray with two workers' room and a GPU that it is told of, one for all tests: each run joins it, as one with --ray-address joins a cluster."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=WORKERS, num_gpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
             runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}})
    yield
    ray.shutdown()


def outcomes(items, **options):
    return {o.index: o for o in batch.map(work, items, engine="ray", workers=WORKERS, **options)}


def test_files_give_the_same_bytes_as_the_local_engine(cluster, tmp_path):
    sounds = [made.plain_wav(tmp_path / f"{i}.wav", made.tone(0.5, 300 + 100 * i)) for i in range(3)]
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    settings = Settings(face=None, text=None)
    results = [{Path(r.source).name: r for r in batch.run([*sounds, bad], tmp_path / engine, settings, page=False, engine=engine, workers=WORKERS)}
               for engine in ("local", "ray")]
    assert [sorted(n for n, r in of.items() if r.error) for of in results] == [["bad.wav"]] * 2
    assert results[0]["bad.wav"].error == results[1]["bad.wav"].error
    assert tree(tmp_path / "local") == tree(tmp_path / "ray")


def test_a_killed_process_and_a_killed_actor_lose_and_double_nothing(cluster, tmp_path):
    ledger = tmp_path / "ledger"
    items = [{"n": n, "ledger": str(ledger), "seconds": 1.0} for n in range(12)]
    killed = []

    def kill():
        """First the process that does the work, then the actor that holds another."""
        while len({pid for _, _, pid in noted(ledger)}) < 2:
            time.sleep(0.05)
        mine, other = {int(pid) for _, _, pid in noted(ledger)}
        os.kill(mine, signal.SIGKILL)
        killed.append(mine)
        holder = int(Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(holder, signal.SIGKILL)
        killed.append(holder)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    done = outcomes(items, limits=Limits(wait=0.1))
    thread.join(5)
    assert len(killed) == 2
    assert {n: o.value for n, o in done.items()} == {n: n * 10 for n in range(12)}
    assert sum(o.tries > 1 for o in done.values()) == 2
    assert sorted(int(n) for n, what, _ in noted(ledger) if what == "done") == list(range(12))


def test_limits_are_kept(cluster):
    done = outcomes([{"n": 0, "seconds": 60}, {"n": 1}, {"n": 2, "bytes": 500_000_000}], limits=Limits(seconds=10, memory=400e6, wait=0))
    assert [done[n].kind for n in range(3)] == ["time", "", "memory"]


def test_several_items_at_once_and_only_the_one_that_kills_its_process_fails(cluster, tmp_path):
    items = [{"n": n, "ledger": str(tmp_path / "ledger"), "seconds": 1.0, "die": 9 if n == 1 else 0} for n in range(6)]
    done = {o.index: o for o in batch.map(work, items, engine="ray", together=3, limits=Limits(wait=0, retries=0))}
    assert (done[1].kind, done[1].tries) == ("killed", 1)
    assert {n: (done[n].value, done[n].tries) for n in done if n != 1} == {n: (n * 10, 1) for n in (0, 2, 3, 4, 5)}
    assert [what for _, what, _ in noted(tmp_path / "ledger")[:2]] == ["begun", "begun"]


def test_more_workers_than_the_cluster_has_room_for_do_everything_all_the_same(cluster, tmp_path):
    items = [{"n": n, "ledger": str(tmp_path / "ledger"), "seconds": 0.2} for n in range(6)]
    done = {o.index: o for o in batch.map(work, items, engine="ray", workers=WORKERS + 2)}
    assert {n: o.value for n, o in done.items()} == {n: n * 10 for n in range(6)}


def test_workers_share_a_gpu_and_more_than_there_are_is_refused(cluster):
    seen = [o.value for o in batch.map(told, ["CUDA_VISIBLE_DEVICES"] * 2, engine="ray", workers=WORKERS, gpus=0.5)]
    assert seen == ["0", "0"]
    with pytest.raises(SettingError, match="--gpus 2, and Ray knows of 1 here"):
        list(batch.map(work, [{"n": 0}], engine="ray", gpus=2))
    with pytest.raises(SettingError, match="use --engine ray"):
        list(batch.map(work, [{"n": 0}], gpus=0.5))


def test_a_run_that_was_stopped_goes_on_where_it_was(cluster, tmp_path):
    sounds = [made.plain_wav(tmp_path / f"{i}.wav", made.tone(0.3, 300 + 50 * i)) for i in range(4)]
    first = batch.run(sounds, tmp_path / "out", NOTHING, page=False, engine="ray", workers=WORKERS)
    next(first)
    first.close()
    again = list(batch.run(sounds, tmp_path / "out", NOTHING, page=False, engine="ray", workers=WORKERS))
    assert len(again) == 4 and not [r.error for r in again if r.error]
    assert any(r.skipped for r in again)
    assert all(r.skipped for r in batch.run(sounds, tmp_path / "out", NOTHING, page=False))


def test_paths_may_be_relative_to_where_the_command_is_given(cluster, tmp_path, monkeypatch):
    made.plain_wav(tmp_path / "0.wav", made.tone(0.3))
    monkeypatch.chdir(tmp_path)                                # the cluster was started elsewhere
    (result,) = batch.run(["0.wav"], "out", NOTHING, page=False, engine="ray")
    assert not result.error and (tmp_path / "out" / "0" / "done.json").is_file()


def test_a_worker_that_waits_for_a_place_is_not_asked_to_end():
    asked, ended = [], []

    def end_meanwhile(given, timeout=None):
        lane.close()                                           # as Ctrl-C does, from another thread
        raise RuntimeError("its actor was killed")

    actor = SimpleNamespace(process=SimpleNamespace(remote=lambda: None), close=SimpleNamespace(remote=lambda: asked.append("close")))
    lane = Distant(SimpleNamespace(get=end_meanwhile, kill=ended.append, is_initialized=lambda: True), SimpleNamespace(remote=lambda where, together: actor))
    with pytest.raises(RuntimeError):
        lane.do(work, 0, {"n": 0})
    assert (asked, ended) == ([], [actor])


@pytest.mark.parametrize(("address", "said"), [
    ("[::1:9", "expected auto, HOST:PORT"),
    ("127.0.0.1:9", "nobody answers at --ray-address 127.0.0.1:9"), ("ray://127.0.0.1:9", "nobody answers"), ("127.0.0.1:abc", "expected auto, HOST:PORT"),
])
def test_an_address_where_nobody_answers_is_said_at_once(address, said):
    with pytest.raises(SettingError, match=said):
        list(batch.map(work, [{"n": 0}], engine="ray", address=address))


def test_a_cluster_that_is_remembered_but_gone_is_said_at_once(monkeypatch, tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:9")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(SettingError, match="nobody answers at --ray-address auto"):
        list(batch.map(work, [{"n": 0}], engine="ray", address="auto"))


def test_what_ray_says_when_it_lets_nobody_in_comes_with_what_to_do():
    from attune.batch.engines.ray import _refused

    assert "pip install 'ray[client]'" in str(_refused("ray://x:1", ValueError("Ray Client requires pip package `ray[client]`.")))
    assert "RAY_AUTH_MODE=token" in str(_refused("x:1", ConnectionError("Failed to connect")))
    assert "--engine local" in str(_refused(None, RuntimeError("no room")))
