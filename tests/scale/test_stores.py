"""Files that lie elsewhere: an S3 bucket served on loopback, and fsspec's memory and local stores."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import media_made as made
import pyarrow.parquet as pq
import pytest
from test_batch import VOICE, tree

fsspec = pytest.importorskip("fsspec")

from attune import batch  # noqa: E402
from attune.batch import places  # noqa: E402
from attune.errors import MediaError, MissingExtra, PlaceError, UnknownName  # noqa: E402

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture(scope="module")
def bucket():
    """s3://study with three sounds and a note, on a server of this process."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    was = dict(os.environ)
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    store = fsspec.filesystem("s3")
    store.mkdir("study")
    with tempfile.TemporaryDirectory() as folder:
        for i in range(3):
            store.put_file(str(made.plain_wav(Path(folder) / f"{i}.wav", made.tone(0.4, 300 + 100 * i))), f"study/day/{i}.wav")
    store.pipe_file("study/day/0.srt", b"1\n00:00:00,000 --> 00:00:00,400\nHello.\n")
    store.pipe_file("study/day/readme.txt", b"no media")
    yield store
    server.stop()
    os.environ.clear()
    os.environ.update(was)


def run(files, out, settings=VOICE, **options):
    return {places.name_of(r.source).name: r for r in batch.run(files, out, settings, page=False, **options)}


def test_a_bucket_is_measured_into_a_bucket_and_known_again(bucket):
    files = batch.find(["s3://study/**/*.wav"])
    assert files == [f"s3://study/day/{i}.wav" for i in range(3)]
    first = run(files, "s3://study/out")
    assert [r.error for r in first.values()] == [""] * 3
    for i in range(3):
        assert {Path(n).name for n in bucket.find(f"study/out/{i}")} >= {"table.parquet", "recording.json", "done.json", "faces.parquet"}
    assert all(r.skipped for r in run(files, "s3://study/out").values())
    with bucket.open("study/out/manifest.parquet") as file:
        assert [r["recording"] for r in pq.read_table(file).to_pylist()] == ["0", "1", "2"]


def test_a_bucket_gives_the_same_bytes_as_files_here(bucket, tmp_path):
    bucket.get("study/day/", str(tmp_path / "day"), recursive=True)
    run(batch.find([tmp_path / "day"]), tmp_path / "here")
    run(batch.find(["s3://study/day"]), tmp_path / "there")
    same = ("done.json", "manifest.parquet")                   # they say where the file lay
    index = {name for name in tree(tmp_path / "here") if name.startswith(".done")}
    assert {k: v for k, v in tree(tmp_path / "here", same).items() if k not in index} == \
        {k: v for k, v in tree(tmp_path / "there", same).items() if not k.startswith(".done")}


def test_a_changed_or_moved_object_is_noticed(bucket, tmp_path):
    run(["s3://study/day/1.wav", "s3://study/day/2.wav"], tmp_path)
    bucket.mv("study/day/1.wav", "study/day/moved.wav")
    with tempfile.TemporaryDirectory() as folder:
        bucket.put_file(str(made.plain_wav(Path(folder) / "2.wav", made.tone(0.4, 1000))), "study/day/2.wav")
    again = run(["s3://study/day/moved.wav", "s3://study/day/2.wav"], tmp_path)
    assert (again["moved.wav"].skipped, again["2.wav"].skipped) == (True, False)
    bucket.mv("study/day/moved.wav", "study/day/1.wav")


def test_content_is_hashed_when_asked(bucket, tmp_path):
    run(["s3://study/day/0.wav"], tmp_path, hashed=True)
    assert len(pq.read_table(tmp_path / "manifest.parquet").to_pylist()[0]["content"]) == 64
    assert run(["s3://study/day/0.wav"], tmp_path, hashed=True)["0.wav"].skipped


def test_what_is_fetched_is_bounded_private_and_deleted(bucket):
    with places.fetched("s3://study/day/0.wav", 1e9) as path:
        assert path.name == "0.wav" and path.parent.stat().st_mode & 0o777 == 0o700
        assert (path.parent / "0.srt").is_file()               # words beside it come along
    assert not path.parent.exists()
    with pytest.raises(MediaError, match="raise --largest"), places.fetched("s3://study/day/0.wav", 100):
        pass


def test_the_command_takes_addresses(bucket):
    done = subprocess.run([sys.executable, "-m", "attune.cli", "measure", "s3://study/day/*.wav", "s3://study/none.wav", "--out", "s3://study/by_command",
                           "--face", "none", "--text", "none", "--no-report", "--workers", "2", "--cost-per-hour", "2"],
                          capture_output=True, text=True, cwd=ROOT, timeout=120, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 1, done.stderr                   # none.wav isn't there
    assert "3 of 4 measured; the others are in s3://study/by_command/failures.csv" in done.stderr
    assert "cost 0." in done.stderr
    assert bucket.exists("study/by_command/0/table.parquet") and b"none.wav" in bucket.cat("study/by_command/failures.csv")


def test_an_error_names_the_address_and_not_where_it_was_fetched_to(bucket, tmp_path):
    bucket.pipe_file("study/bad.wav", b"no sound")
    assert run(["s3://study/bad.wav"], tmp_path)["bad.wav"].error.startswith("s3://study/bad.wav is no media")
    bucket.rm_file("study/bad.wav")


def test_results_in_a_bucket_are_no_media_to_measure(bucket):
    for name in ("portraits/1.jpg", "recording.json"):
        bucket.pipe_file(f"study/results/a/{name}", b"x")
    assert "s3://study/results/a/portraits/1.jpg" not in batch.find(["s3://study"])
    for named in ("s3://study/results/a/portraits", "s3://study/results/a/portraits/", "s3://study/results/*/portraits/*.jpg"):
        assert batch.find([named]) == ["s3://study/results/a/portraits/1.jpg"]
    bucket.rm("study/results", recursive=True)


def test_a_bucket_that_is_not_there_is_said_before_anything_is_measured_and_not_made(bucket):
    with pytest.raises(PlaceError, match=r"bucket does not exist.*credentials"):
        run(["s3://study/day/0.wav"], "s3://studdy/out")
    assert not bucket.exists("studdy")
    assert batch.find(["s3://studdy/*.wav"]) == []


def test_a_store_that_does_not_answer_for_a_while_is_asked_again():
    tried = []

    def do():
        tried.append(1)
        if len(tried) < 3:
            raise ConnectionResetError("for now")
        return "done"

    assert places.steadily("s3://study", do) == "done" and len(tried) == 3
    with pytest.raises(PermissionError):                       # of this machine: said as it is
        places.steadily("here", lambda: (_ for _ in ()).throw(PermissionError("no")))


def test_memory_and_local_stores(tmp_path):
    sound = made.plain_wav(tmp_path / "a.wav", made.tone(0.4))
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/in/a.wav", sound.read_bytes())
    assert not run(batch.find(["memory://in"]), "memory://out")["a.wav"].error
    assert memory.exists("/out/a/table.parquet")
    assert run(["memory:///in/a.wav"], "memory://out")["a.wav"].skipped
    assert not run([f"file://{sound}"], f"file://{tmp_path}/out")["a.wav"].error
    assert (tmp_path / "out" / "a" / "done.json").is_file()


def test_addresses_that_nobody_knows_are_answered():
    with pytest.raises((UnknownName, MissingExtra), match="nowhere"):
        batch.find(["nowhere://bucket/*.mp4"])
