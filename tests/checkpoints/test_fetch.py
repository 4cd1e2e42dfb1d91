"""What is fetched is asked for, checked, and written down; from a server of our own on loopback."""

import dataclasses
import hashlib
import http.server
import json
import os
import threading

import pytest

from attune import checkpoints
from attune.checkpoints import Checkpoint, fetch, verify
from attune.errors import WeightsError

WEIGHTS = bytes(range(256)) * 40_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NET = Checkpoint("owner/net", ("config.json", "model.safetensors|pytorch_model.bin", "extra.json?"))


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that sends weights to another host, as the real one does, and names the commit before it does."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, dict(self.headers)))
        name = self.path.rsplit("/", 1)[-1]
        if name not in server.files:
            return self.reply(404, b"")
        if server.elsewhere and "/resolve/" in self.path:
            self.send_response(302)
            self.send_header("Location", f"{server.elsewhere}/blobs/{name}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            return None
        body = server.files[name]
        first = int(self.headers["Range"][6:-1]) if "Range" in self.headers and self.headers.get("If-Range") == server.tag else 0
        self.reply(206 if first else 200, body[first:], cut=server.cut)

    def reply(self, code, body, cut=None):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", self.server.tag)
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def start():
    """Servers by their files; all are stopped in the end."""
    started = []

    def new(files, elsewhere=""):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        server.files, server.asked, server.tag, server.cut, server.elsewhere = files, [], '"one"', None, elsewhere
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        started.append(server)
        return server

    yield new
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub(start, tmp_path, monkeypatch):
    """A hub with a net, and a place for checkpoints."""
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path / "here"))
    for name in ("ATTUNE_OFFLINE", "HF_TOKEN", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = start({"config.json": b"{}", "pytorch_model.bin": WEIGHTS})
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    return server


def test_files_come_and_what_came_is_written_down(hub):
    seen = []
    folder = fetch.add(NET, "net", hook=lambda *step: seen.append(step))
    assert (folder / "pytorch_model.bin").read_bytes() == WEIGHTS      # the second of the two, since the first isn't there
    lock = json.loads((folder / "lock.json").read_text())
    assert lock["revision"] == COMMIT
    assert lock["files"]["pytorch_model.bin"]["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert set(lock["files"]) == {"config.json", "pytorch_model.bin"}  # what may be missing is missing
    assert seen[-1] == ("pytorch_model.bin", len(WEIGHTS), len(WEIGHTS))
    assert NET.here("net") == folder
    assert not folder.with_name(folder.name + ".part").exists()


def test_what_is_here_is_not_fetched_again(hub):
    fetch.add(NET, "net")
    hub.asked.clear()
    fetch.add(dataclasses.replace(NET), "net")
    assert hub.asked == []


def test_the_first_that_came_is_kept_and_a_change_is_refused(hub):
    folder = fetch.add(NET, "net")
    hub.files["pytorch_model.bin"] = WEIGHTS[::-1]
    (folder / "pytorch_model.bin").unlink()                            # so that it has to come again
    with pytest.raises(WeightsError, match=r"pytorch_model.bin of owner/net came with the SHA-256 .* by the lock of the day .* attune models remove net"):
        fetch.add(NET, "net")
    assert not NET.present
    fetch.remove(NET)
    assert fetch.add(NET, "net").is_dir()                              # whoever trusts the change says so


def test_a_pinned_sum_is_kept(hub):
    pinned = dataclasses.replace(NET, sha256={"pytorch_model.bin": "0" * 64}, revision=COMMIT)
    with pytest.raises(WeightsError, match=r"expected 000000.* by its facts; it is refused"):
        fetch.add(pinned, "net")
    assert not NET.folder.exists()
    right = dataclasses.replace(pinned, sha256={"pytorch_model.bin": hashlib.sha256(WEIGHTS).hexdigest()})
    fetch.add(right, "net")
    assert f"/owner/net/resolve/{COMMIT}/config.json" in [path for path, _ in hub.asked]


def test_a_changed_file_is_not_loaded(hub):
    folder = fetch.add(NET, "net")
    damaged = bytearray(WEIGHTS)
    damaged[5] ^= 1
    (folder / "pytorch_model.bin").write_bytes(damaged)
    with pytest.raises(WeightsError, match=r"it was changed or is damaged; delete .* and add net again"):
        NET.here("net")


def test_a_change_that_kept_size_and_time_is_noticed_when_every_byte_is_read(hub):
    path = fetch.add(NET, "net") / "pytorch_model.bin"
    before = path.stat()
    path.write_bytes(WEIGHTS[:-1] + b"\0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    verify(NET, "net")
    with pytest.raises(WeightsError, match=r"changed"):
        verify(NET, "net", again=True)


def test_files_that_nobody_checked_in_are_not_loaded(hub):
    NET.folder.mkdir(parents=True)
    (NET.folder / "config.json").write_text("{}")
    (NET.folder / "pytorch_model.bin").write_bytes(WEIGHTS)
    with pytest.raises(WeightsError, match=r"nothing says what it should be; let it be checked in by: attune models add net --from"):
        NET.here("net")
    fetch.add(NET, "net", source=NET.folder)
    assert NET.here("net") == NET.folder
    assert hub.asked == []


@pytest.mark.parametrize("forbid", ["flag", "environment"])
def test_offline_nothing_is_asked(hub, monkeypatch, forbid):
    if forbid == "environment":
        monkeypatch.setenv("ATTUNE_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"offline: owner/net can't be fetched; add net from a folder by --from DIR"):
        fetch.add(NET, "net", forbidden=forbid == "flag")
    assert hub.asked == []


def test_offline_a_folder_can_still_be_added(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("ATTUNE_OFFLINE", "yes")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"no model.safetensors or pytorch_model.bin in"):
        fetch.add(NET, "net", source=tmp_path)
    assert not NET.folder.exists()
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    fetch.add(NET, "net", source=tmp_path)
    assert [p.name for p in NET.paths] == ["config.json", "model.safetensors"]
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"


def test_what_was_half_fetched_goes_on_where_it_stopped(hub):
    hub.cut = 3_000_000
    with pytest.raises(WeightsError, match=r"can't be fetched"):
        fetch.add(NET, "net")
    hub.cut = None
    hub.asked.clear()
    folder = fetch.add(NET, "net")
    assert (folder / "pytorch_model.bin").read_bytes() == WEIGHTS
    assert any("Range" in headers for path, headers in hub.asked if path.endswith(".bin"))


def test_half_of_another_file_is_not_gone_on_with(hub):
    hub.cut = 3_000_000
    with pytest.raises(WeightsError, match=r"can't be fetched"):
        fetch.add(NET, "net")
    hub.cut, hub.tag = None, '"two"'
    hub.files["pytorch_model.bin"] = WEIGHTS[::-1]
    assert (fetch.add(NET, "net") / "pytorch_model.bin").read_bytes() == WEIGHTS[::-1]


def test_the_token_goes_to_the_hub_alone_and_the_commit_is_kept_over_the_way(hub, start, monkeypatch):
    store = start(hub.files)
    hub.elsewhere = store.address.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_TOKEN", "secret")
    folder = fetch.add(NET, "net")
    assert all(headers.get("Authorization") == "Bearer secret" for _, headers in hub.asked)
    assert store.asked
    assert all("Authorization" not in headers for _, headers in store.asked)
    assert json.loads((folder / "lock.json").read_text())["revision"] == COMMIT


def test_a_missing_file_and_a_silent_host_are_told(hub, monkeypatch):
    del hub.files["config.json"]
    with pytest.raises(WeightsError, match=r"answered 404: there is no such file"):
        fetch.add(NET, "net")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"can't be fetched .* try again or add from a folder by --from DIR"):
        fetch.add(NET, "net")


def test_files_elsewhere_have_an_address_of_their_own():
    net = Checkpoint("Lib/net", ("net.onnx",), "abc", url="https://example.org/{revision}/{file}")
    assert fetch.address(net, "net.onnx", "abc") == "https://example.org/abc/net.onnx"
    assert fetch.address(NET, "a b.bin", "refs/pr/1").endswith("/owner/net/resolve/refs%2Fpr%2F1/a%20b.bin")


def test_a_damaged_lock_is_told(hub):
    folder = fetch.add(NET, "net")
    (folder / "lock.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"can't be read as a lock"):
        NET.here("net")


def test_checkpoints_lie_in_the_cache_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("ATTUNE_CHECKPOINTS", raising=False)
    monkeypatch.setenv("ATTUNE_CACHE", str(tmp_path))
    assert NET.folder == tmp_path / "checkpoints" / "owner--net"
    assert checkpoints.folder() == tmp_path / "checkpoints"
