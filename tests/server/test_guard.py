"""Safe by default: who may ask, and a list of hostile requests and files, each with its answer; nothing gives a 500."""

import io
import json
import tarfile
import time
import zipfile

import pytest

from attune.errors import SettingError
from attune.server import intake
from attune.server.config import Config, Limits
from attune.server.intake import Refused

KEY, OTHER = "k" * 32, "o" * 32
TEXT = {"text": ["hello"]}


# ---- who may ask ----------------------------------------------------------------------------------------------------------------

def test_another_address_needs_a_key_and_a_long_one(tmp_path):
    with pytest.raises(SettingError, match="give at least one key"):
        Config(tmp_path, host="0.0.0.0").checked()
    with pytest.raises(SettingError, match="at least 16"):
        Config(tmp_path, host="0.0.0.0", keys=("short",)).checked()
    assert Config(tmp_path, host="0.0.0.0", keys=(KEY,)).checked() and Config(tmp_path, host="::1").checked() and Config(tmp_path, host="localhost").checked()


def test_with_keys_nothing_is_told_without_one(local):
    client = local(keys=(KEY, OTHER))
    for how in ({}, {"headers": {"X-Hume-Api-Key": "wrong"}}, {"headers": {"Authorization": "Basic x"}}, {"params": {"apikey": "é"}}):
        answer = client.get("/v0/batch/jobs", **how)
        assert answer.status_code == 401 and answer.json()["fault"]["faultstring"] == "Invalid ApiKey"
    for how in ({"headers": {"X-Hume-Api-Key": KEY}}, {"headers": {"Authorization": f"Bearer {KEY}"}}, {"params": {"apikey": KEY}}):
        assert client.get("/v0/batch/jobs", **how).status_code == 200
    assert client.get("/health").status_code == 200


def test_a_signed_link_opens_one_path_for_a_minute_and_names_no_key(local):
    from attune.server import signing

    client, path = local(keys=(KEY, OTHER)), "/v1/recordings/00000000-0000-0000-0000-000000000000.0.0/report"
    told = client.post("/v1/links", json={"path": path}, headers={"X-API-Key": OTHER})
    link = told.json()["link"]
    assert told.json()["seconds"] == 60 and link.startswith(f"{path}?until=") and OTHER not in link
    assert client.get(link).status_code == 404                 # it opens; the recording isn't there
    query = link.partition("?")[2]
    for other in (f"/v1/recordings?{query}", f"{path}x?{query}", link[:-1] + ("0" if link[-1] != "0" else "1"), path, f"/v1/live?{query}",
                  signing.signed("wrong" * 8, path, time.time()), signing.signed(OTHER, path, 1000.0), f"{path}?until=9{query[6:]}", f"{path}?until=é&signature=é"):
        assert client.get(other).status_code == 401, other
    assert client.post("/v1/links", json={"path": path}).status_code == 401
    assert client.delete(link).status_code == 401              # it reads, and does nothing else
    for wrong in ("/v1/recordings", "/v1/jobs/1", "//evil.example/v1/live", "/v1/recordings/../report/report"):
        assert client.post("/v1/links", json={"path": wrong}, headers={"X-API-Key": KEY}).status_code == 400, wrong
    assert local().post("/v1/links", json={"path": path}).json()["link"] == path


def test_a_signed_link_opens_a_live_session(local):
    from starlette.testclient import WebSocketDenialResponse

    client, here = local(keys=(KEY,)), {"host": "127.0.0.1:8000"}
    link = client.post("/v1/links", json={"path": "/v1/live"}, headers={"X-API-Key": KEY}).json()["link"]
    with client.websocket_connect(link, headers=here) as socket:
        socket.send_json({"type": "nothing"})
        assert socket.receive_json()["code"] == "start_first"
    assert client.get(link).status_code == 401                 # the sessions' list is asked with the key itself
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/v1/live", headers=here):
        pass
    assert refused.value.status_code == 401


def test_what_one_key_sent_another_does_not_see(local):
    client = local(keys=(KEY, OTHER))
    mine, theirs = {"X-Hume-Api-Key": KEY}, {"X-Hume-Api-Key": OTHER}
    job = client.post("/v0/batch/jobs", json=TEXT, headers=mine).json()["job_id"]
    assert client.get(f"/v0/batch/jobs/{job}", headers=mine).status_code == 200
    for path in (f"/v0/batch/jobs/{job}", f"/v0/batch/jobs/{job}/predictions", f"/v1/jobs/{job}", f"/v1/jobs/{job}/audit", f"/v1/recordings/{job}.0.0"):
        assert client.get(path, headers=theirs).status_code == 404
    assert client.delete(f"/v1/jobs/{job}", headers=theirs).status_code == 404
    assert client.get("/v0/batch/jobs", headers=theirs).json() == []


def test_keys_are_not_stored(local, tmp_path):
    client = local(keys=(KEY,))
    client.post("/v0/batch/jobs", json=TEXT, headers={"X-Hume-Api-Key": KEY})
    assert all(KEY.encode() not in f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


def test_a_foreign_name_that_leads_here_gets_nothing(local):
    client = local()
    assert client.get("/v1/jobs", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/v1/jobs", headers={"Host": "localhost:1234"}).status_code == 200
    assert local(names=("box.lan",)).get("/v1/jobs", headers={"Host": "box.lan"}).status_code == 200


def test_pages_elsewhere_may_not_send_and_read_nothing(local):
    client = local()
    foreign = {"Origin": "https://evil.example"}
    assert client.post("/v0/batch/jobs", json=TEXT, headers=foreign).status_code == 403
    assert "access-control-allow-origin" not in client.get("/v1/jobs", headers=foreign).headers
    assert client.post("/v0/batch/jobs", json=TEXT, headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200
    allowed = local(origins=("https://lab.example",)).post("/v0/batch/jobs", json=TEXT, headers={"Origin": "https://lab.example"})
    assert allowed.status_code == 200 and allowed.headers["access-control-allow-origin"] == "https://lab.example"


def test_streams_of_foreign_pages_and_without_a_key_are_refused(local):
    for client, headers in ((local(), {"Origin": "https://evil.example"}), (local(keys=(KEY,)), {})):
        with pytest.raises(Exception), client.websocket_connect("/v0/stream/models", headers=headers):  # noqa: B017, PT011  (its kind is the test client's)
            pass


# ---- how much -------------------------------------------------------------------------------------------------------------------

def test_a_full_queue_says_so_and_whose(local):
    client = local(limits=Limits(queued_per_key=1))
    assert client.post("/v0/batch/jobs", json=TEXT).status_code == 200
    answer = client.post("/v0/batch/jobs", json=TEXT)
    assert answer.status_code == 429 and answer.headers["retry-after"] and "1 of your jobs wait" in answer.json()["message"]
    full = local(limits=Limits(queued=1))
    full.post("/v0/batch/jobs", json=TEXT)
    assert full.post("/v0/batch/jobs", json=TEXT).status_code == 503


def test_the_same_idempotency_key_makes_one_job(local):
    client = local()
    first, again = (client.post("/v0/batch/jobs", json=TEXT, headers={"Idempotency-Key": "a"}).json() for _ in range(2))
    assert first == again and len(client.get("/v0/batch/jobs").json()) == 1


def test_too_much_is_refused_and_leaves_nothing_behind(local, tmp_path):
    client = local(limits=Limits(upload_bytes=50_000, file_bytes=20_000, json_bytes=1000))
    big = client.post("/v0/batch/jobs", files={"file": ("a.wav", b"x" * 30_000)})
    assert big.status_code == 413 and "a.wav" in big.json()["message"]
    assert client.post("/v0/batch/jobs", files={"file": ("a.wav", b"x" * 60_000)}).status_code == 413
    assert client.post("/v0/batch/jobs", content=(b"x" * 1000 for _ in range(100)), headers={"Content-Type": "application/json"}).status_code == 413
    assert client.post("/v0/batch/jobs", json={"text": ["x" * 2000]}).status_code == 413
    assert list((tmp_path / "data0" / "jobs").iterdir()) == []


# ---- hostile requests -----------------------------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}
HOSTILE = [
    ("POST", "/v0/batch/jobs", {"content": b"", "headers": JSON}, 400), ("POST", "/v0/batch/jobs", {"content": b"{", "headers": JSON}, 400),
    ("POST", "/v0/batch/jobs", {"content": b"[" * 100_000, "headers": JSON}, 400), ("POST", "/v0/batch/jobs", {"content": b"null", "headers": JSON}, 400),
    ("POST", "/v0/batch/jobs", {"content": b"[]", "headers": JSON}, 400), ("POST", "/v0/batch/jobs", {"content": b'"x"', "headers": JSON}, 400),
    ("POST", "/v0/batch/jobs", {"content": b"\xff\xfe\x00", "headers": JSON}, 400), ("POST", "/v0/batch/jobs", {"content": b'{"text": ["\\ud800"]}', "headers": JSON}, 200),
    ("POST", "/v0/batch/jobs", {"content": b'{"text": NaN}', "headers": JSON}, 400), ("POST", "/v0/batch/jobs", {"content": b'{"text": [1e999]}', "headers": JSON}, 400),
    ("POST", "/v0/batch/jobs", {"content": b"x"}, 415), ("POST", "/v0/batch/jobs", {"content": b"<a/>", "headers": {"Content-Type": "text/xml"}}, 415),
    ("POST", "/v0/batch/jobs", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    ("POST", "/v0/batch/jobs", {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"text": "not a list"}}, 400), ("POST", "/v0/batch/jobs", {"json": {"text": [5]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"text": [None]}}, 400), ("POST", "/v0/batch/jobs", {"json": {"urls": {}}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"models": "all", "text": ["x"]}}, 400), ("POST", "/v0/batch/jobs", {"json": {"models": {"face": []}, "text": ["x"]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"models": {"prosody": {"window": {"length": -1}}}, "text": ["x"]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"urls": ["ftp://example.org/a.mp4"]}}, 400), ("POST", "/v0/batch/jobs", {"json": {"urls": ["//example.org/a"]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"urls": ["gopher://127.0.0.1:25/_HELO"]}}, 400), ("POST", "/v0/batch/jobs", {"json": {"urls": ["http://"]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"urls": ["http://u:p@example.org/a"]}}, 400), ("POST", "/v0/batch/jobs", {"json": {"urls": ["http://[::1"]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"urls": ["http://example.org:99999/a"]}}, 400), ("POST", "/v0/batch/jobs", {"json": {"urls": ["http://a\r\nX: y/"]}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"text": ["x"], "callback_url": "file:///etc/passwd"}}, 400),
    ("POST", "/v0/batch/jobs", {"json": {"text": ["x"], "consent": "x" * 501}}, 400), ("POST", "/v0/batch/jobs", {"json": TEXT, "headers": {"Idempotency-Key": "x" * 500}}, 400),
    ("POST", "/v0/batch/jobs", {"files": {"file": ("../../etc/passwd", b"x")}}, 200), ("POST", "/v0/batch/jobs", {"files": {"file": ("a\x00b.mp4", b"x")}}, 200),
    ("POST", "/v0/batch/jobs", {"files": {"file": ("x" * 5000 + ".mp4", b"x")}}, 400), ("POST", "/v0/batch/jobs", {"files": {"file": ("", b"x")}}, 400),
    ("POST", "/v0/batch/jobs", {"files": {"file": ("a.mp4", b"")}}, 200), ("POST", "/v0/batch/jobs", {"files": {"other": ("a.mp4", b"x")}}, 400),
    ("POST", "/v0/batch/jobs", {"files": {"file": ("a.mp4", b"x"), "json": ("upload", b"{{{")}}, 400),
    ("POST", "/v0/batch/jobs", {"files": {"file": ("a.mp4", b"x"), "json": ("upload", b"\xff\xff")}}, 400),
    ("GET", "/v0/batch/jobs?limit=0", {}, 400), ("GET", "/v0/batch/jobs?limit=x", {}, 400), ("GET", "/v0/batch/jobs?limit=99999999999999999999", {}, 400),
    ("GET", "/v0/batch/jobs?status=DROP%20TABLE", {}, 400), ("GET", "/v0/batch/jobs?sort_by=1;--", {}, 400), ("GET", "/v0/batch/jobs?direction=up", {}, 400),
    ("GET", "/v0/batch/jobs?timestamp_ms=-1", {}, 400), ("GET", "/v0/batch/jobs?timestamp_ms=99999999999999999999999", {}, 400), ("GET", "/v0/batch/jobs?when=now", {}, 400),
    ("GET", "/v0/batch/jobs/..%2f..%2fetc%2fpasswd", {}, 404), ("GET", "/v0/batch/jobs/%00", {}, 404), ("GET", "/v0/batch/jobs/' OR 1=1 --/predictions", {}, 404),
    ("GET", "/v1/recordings/../../../etc/passwd", {}, 404), ("GET", "/v1/recordings/..%2f..%2f.0.0/report", {}, 404), ("GET", "/v1/recordings/x.y.z/table?format=exe", {}, 400),
    ("GET", "/v1/recordings/a/describe?form=../../x", {}, 400), ("GET", "/v1/recordings/a/export?as=../../../x", {}, 404), ("GET", "/v1/jobs/%F0%9F%92%A9/events", {}, 404),
    ("GET", "/v1/jobs?state=x", {}, 400), ("DELETE", "/v1/jobs/x", {}, 404), ("PUT", "/v0/batch/jobs", {}, 405), ("GET", "/nowhere", {}, 404),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"transcript": "/etc/passwd"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"face": "../../evil"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"baseline": "/etc/passwd"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"voices": "/etc/passwd"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"speakers": "many"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"fps": "many"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"fps": 1e9}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"granularity": ["word"]}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "settings": {"recogniser": "os"}}}, 400),
    ("POST", "/v1/recordings", {"json": {"url": "https://example.org/a.mp4", "nonsense": 1}}, 400), ("POST", "/v1/recordings", {"json": {}}, 400),
    ("POST", "/v1/recordings", {"files": {"file": ("a.mp4", b"x")}, "data": {"settings": "{"}}, 400),
    ("POST", "/v1/recordings", {"files": {"file": ("a.mp4", b"x")}, "data": {"keep_media": "perhaps"}}, 400),
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    from starlette.testclient import TestClient

    from attune.server.app import create_app

    with TestClient(create_app(Config(tmp_path_factory.mktemp("hostile"), workers=0)), base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "how", "status"), HOSTILE, ids=[f"{n}" for n in range(len(HOSTILE))])
def test_a_hostile_request_gets_its_answer_in_a_sentence(hostile, method, path, how, status):
    answer = hostile.request(method, path, **how)
    assert answer.status_code == status, answer.text[:300]
    if status != 200:
        said = answer.json()
        assert said["status"] == status and said["code"] and len(said["message"]) > 10 and "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_file_names_of_strangers_stay_inside(hostile, tmp_path):
    job = hostile.post("/v0/batch/jobs", files=[("file", ("../../../outside.mp4", b"x")), ("file", ("..\\..\\con.mp4", b"x")), ("file", (".", b"x"))]).json()["job_id"]
    place = hostile.app.state.service.store.folder(job)
    assert sorted(str(f.relative_to(place)) for f in place.rglob("*") if f.is_file()) == ["media/0/outside.mp4", "media/1/con.mp4", "media/2/file"]


# ---- addresses ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("url", [
    "http://127.0.0.1/a", "http://localhost/a", "http://[::1]/a", "http://0.0.0.0/a", "http://10.1.2.3/a", "http://192.168.0.1/a", "http://172.16.0.9/a",
    "http://169.254.169.254/latest/meta-data", "http://[::ffff:127.0.0.1]/a", "http://2130706433/a", "http://0x7f.1/a", "http://[fe80::1]/a", "http://[fd00::1]/a",
    "http://100.64.0.1/a", "http://224.0.0.1/a", "http://255.255.255.255/a",
])
def test_addresses_of_the_private_network_are_not_fetched(url, tmp_path):
    with pytest.raises(Refused, match=r"private network|isn't found"):
        intake.fetch(url, tmp_path, Limits())


# ---- archives -------------------------------------------------------------------------------------------------------------------

def zipped(tmp_path, *members, name="a.zip"):
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members:
            archive.writestr(member, data)
    return path


def tarred(tmp_path, *members):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, data in members:
            info = tarfile.TarInfo(member)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("name", ["../evil.wav", "/etc/evil.wav", "a/../../evil.wav", "C:\\evil.wav", "..\\evil.wav"])
def test_an_archive_that_names_places_outside_is_refused(tmp_path, name):
    for path in (zipped(tmp_path, (name, b"x")), tarred(tmp_path, (name, b"x"))):
        with pytest.raises(Refused, match="outside of itself"):
            intake.unpack(path, tmp_path / "out", Limits())
    assert not list(tmp_path.rglob("evil.wav"))


def test_links_and_hidden_files_in_an_archive_are_left_out(tmp_path):
    path = tarred(tmp_path, ("link.wav", "/etc/passwd"), ("ok.wav", b"x"), ("__MACOSX/ok.wav", b"x"), (".hidden.wav", b"x"))
    found, left = intake.unpack(path, tmp_path / "out", Limits())
    assert [f.name for f in found] == ["ok.wav"] and left == []


def test_bombs_are_stopped_while_they_unpack(tmp_path):
    for path in (zipped(tmp_path, ("zeros.wav", bytes(30_000_000))), tarred(tmp_path, ("zeros.wav", bytes(30_000_000)))):
        with pytest.raises(Refused, match="unpacks to more than"):
            intake.unpack(path, tmp_path / "out" / path.name, Limits())
        assert sum(f.stat().st_size for f in (tmp_path / "out" / path.name).rglob("*") if f.is_file()) < 8_000_000


def test_too_many_and_too_large_files_in_an_archive_are_refused(tmp_path):
    many = zipped(tmp_path, *((f"{i}.wav", b"x") for i in range(5)))
    with pytest.raises(Refused, match="more than 4 files"):
        intake.unpack(many, tmp_path / "out", Limits(archive_files=4))
    with pytest.raises(Refused, match="at most"):
        intake.unpack(zipped(tmp_path, ("a.wav", bytes(5000)), name="b.zip"), tmp_path / "out2", Limits(file_bytes=1000))


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + b"\xff" * 500, b"PK\x05\x06" + b"\x00" * 18, b""])
def test_a_broken_archive_is_refused_in_a_sentence(tmp_path, data):
    for name in ("a.zip", "a.tar.gz", "a.tar"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Refused, match="archive"):
            intake.unpack(tmp_path / name, tmp_path / "out", Limits())


def test_an_encrypted_archive_is_refused_in_a_sentence(tmp_path):
    path = zipped(tmp_path, ("a.wav", b"x" * 100))
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)
    with pytest.raises(Refused, match="damaged or encrypted"):
        intake.unpack(path, tmp_path / "out", Limits())


def test_archives_in_an_archive_stay_closed(tmp_path):
    inner = zipped(tmp_path, ("a.wav", b"x"), name="inner.zip").read_bytes()
    found, left = intake.unpack(zipped(tmp_path, ("inner.zip", inner), ("ok.txt", b"hi")), tmp_path / "out", Limits())
    assert [f.name for f in found] == ["ok.txt"] and left[0][0] == "inner.zip"


def test_the_openapi_page_tells_every_route(hostile):
    told = json.loads(hostile.get("/openapi.json").text)["paths"]
    assert {"/v0/batch/jobs", "/v0/batch/jobs/{job_id}/artifacts", "/v1/recordings", "/v1/jobs/{job_id}/events", "/health"} <= set(told)


def test_the_page_of_the_interface_comes_from_here_alone(hostile):
    page = hostile.get("/docs")
    assert page.status_code == 200 and "https://" not in page.text and "'self'" in page.headers["content-security-policy"]
    for name, kind in (("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")):
        part = hostile.get(f"/static/reference/{name}")
        assert part.status_code == 200 and part.headers["content-type"].startswith(kind) and len(part.content) > 100_000
    assert hostile.get("/static/reference/..%2fmain.py").status_code == 404 and hostile.get("/static/reference/other.js").status_code == 404
