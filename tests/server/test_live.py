"""`/v1/live` against a real server that measures: every message that docs/live.md describes, and what becomes of those it doesn't."""

import contextlib
import json
import os
import re
import signal
import socket as socket_of
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

pytest.importorskip("websockets")
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import attune
from attune.media import Media, jpeg
from attune.server import live
from attune.taxonomy import taxonomy

get, delete = (partial(f, timeout=240) for f in (httpx.get, httpx.delete))                    # the machine may be busy

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
DOCS = Path(__file__).parents[2] / "docs" / "live.md"
SECONDS = 4.6                            # of the sample that are sent at once: five seconds ahead of the clock are allowed


@pytest.fixture(scope="module")
def sound():
    return (Media.open(SAMPLE).waveform(16_000)[: round(SECONDS * 16_000)] * 32_767).astype("<i2")


@pytest.fixture(scope="module")
def frames():
    return [(time, rgb) for time, rgb in Media.open(SAMPLE).frames(3.0) if time < SECONDS]


@pytest.fixture
def client(serving):
    """client(**start) -> a socket that has been answered with `started`."""
    with contextlib.ExitStack() as stack:
        def start(**more):
            socket = stack.enter_context(connect(f"{serving.replace('http', 'ws')}/v1/live", max_size=2**24))
            say(socket, type="start", **more)
            socket.started = heard(socket)
            assert socket.started["type"] == "started", socket.started
            return socket

        yield start


def say(socket, **message):
    socket.send(json.dumps(message))


def heard(socket, kind=None):
    """The next message; with a kind, the next of it."""
    while True:
        message = json.loads(socket.recv(timeout=240))
        if kind is None or message["type"] == kind:
            return message


def rest(socket):
    """Everything until `ended`."""
    out = [heard(socket)]
    while out[-1]["type"] != "ended":
        out.append(heard(socket))
    return out


def audio(time, samples):
    return b"\x01" + struct.pack("<d", time) + samples.tobytes()


def picture(time, data):
    return b"\x02" + struct.pack("<d", time) + data


def png(rgb):
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width, encoder.pix_fmt = *rgb.shape[:2], "rgb24"
    return b"".join(bytes(packet) for packet in (*encoder.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")), *encoder.encode(None)))


def send(socket, sound, frames, encode=jpeg, chunk=1600):
    """Everything in order of time; pictures one by one, each when the one before is answered, so that none is passed over."""
    waiting = list(frames)
    for at in range(0, len(sound), chunk):
        socket.send(audio(at / 16_000, sound[at : at + chunk]))
        while waiting and waiting[0][0] < (at + chunk) / 16_000:
            socket.send(picture(waiting[0][0], encode(waiting.pop(0)[1])))
            while (message := heard(socket))["type"] != "face":
                yield message
            yield message


# ---- what is told -----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def told(serving, sound, frames):
    """All messages of one recorded session, the first and the last included."""
    with connect(f"{serving.replace('http', 'ws')}/v1/live") as socket:
        say(socket, type="start", record=True, consent="asked", purpose="a test", language="en")
        out = [heard(socket), *send(socket, sound, frames, png)]
        say(socket, type="words", start=0.5, end=2.7, text="Hello, I am so happy to see you.")
        say(socket, type="ping", id="last")
        say(socket, type="stop")
        return out + rest(socket)


def of(told, kind):
    return [t for t in told if t["type"] == kind]


def test_a_session_starts_with_what_it_measures_with(told):
    started = told[0]
    assert set(started["models"]) == {"face", "voice", "text"} and all(m["license"] and m["license_class"] for m in started["models"].values())
    for name in ("ferplus8", "ravdess8", "goemotions28", "ekman7", "vad"):
        shown = started["taxonomies"][name]
        assert shown["labels"] == list(taxonomy(name).labels) and len(shown["colours"]) == len(shown["labels"]) and shown["kind"] and len(shown["range"]) == 2
    assert started["limits"]["fps"] == 3 and "informed" in started["notice"]["law"] and started["settings"]["portraits"] is False


def test_every_picture_is_answered_with_its_faces(told, frames):
    faces = of(told, "face")
    assert [t["time"] for t in faces] == [pytest.approx(time, abs=1e-4) for time, _ in frames]
    for t in faces:
        assert t["size"] == [640, 480] and t["took"] > 0 and t["sent"] == t["time"]
        one, = t["faces"]
        assert one["person"] == "person 1" and len(one["box"]) == 4 and np.shape(one["landmarks"]) == (5, 2) and 0 < one["quality"] <= 1
        assert sum(one["values"].values()) == pytest.approx(1, abs=0.01) and set(one["vad"]) == {"valence", "arousal", "dominance"} and one["projected"]


def test_voice_is_interim_until_the_utterance_is_over(told):
    voice = of(told, "voice")
    assert {t["interim"] for t in voice} == {True, False} and all(t["person"] == "person 1" for t in voice[1:])
    assert all(set(t["values"]) == set(taxonomy("ravdess8").labels) for t in voice)
    speech = of(told, "speech")
    assert [t["on"] for t in speech] == [True, False, True, False] and speech[0]["time"] < 1 < speech[1]["time"]


def test_all_is_fused_and_said_in_words(told):
    fused = of(told, "fused")
    assert fused and all(set(t["values"]) == set(taxonomy("ekman7").labels) for t in fused)
    both = [t for t in fused if {"face", "voice"} <= set(t["from"])]
    assert both and both[0]["carried"] in both[0]["from"] and both[0]["discord"] >= 0 and sum(both[0]["shares"].values()) == pytest.approx(1, abs=0.01)
    assert [t["interim"] for t in fused].count(False) >= 2
    assert all(t["text"].endswith(".") for t in of(told, "said")) and of(told, "said")
    text, = of(told, "text")
    assert text["text"].startswith("Hello") and next(iter(text["values"])) in ("joy", "excitement") and len(text["values"]) == 5
    assert of(told, "pong")[-1]["id"] == "last"


def test_what_was_recorded_is_what_the_same_media_give_as_a_file(told, data, sound, frames):
    ended = told[-1]
    assert ended["received"]["pictures"] == len(frames) and ended["received"]["dropped"] == 0
    kept = attune.open(data / "jobs" / told[0]["session"] / "0" / "recordings" / "0")
    file = attune.measure(Media.of(waveform=sound, sample_rate=16_000, frames=frames), portraits=False, language="en", text=None)
    for e in file:
        if e.modality in ("face", "voice"):
            np.testing.assert_array_equal(kept[e.name].values, e.values, err_msg=e.name)
            assert kept[e.name].person.tolist() == e.person.tolist()
    assert kept.duration == pytest.approx(SECONDS) and {"consent: asked", "purpose: a test"} <= set(kept.notes)


def test_a_recording_is_described_reported_and_deleted_like_any_other(told, serving, data):
    number = told[-1]["recording"]
    job = number.partition(".")[0]
    assert job == told[0]["session"] and told[-1]["report"] == f"/v1/recordings/{number}/report"
    assert "happy" in get(f"{serving}/v1/recordings/{number}/describe").text
    assert "<html" in get(f"{serving}{told[-1]['report']}").text
    assert get(f"{serving}/v1/jobs/{job}").json()["kind"] == "live"
    listed, = [r for r in get(f"{serving}/v1/recordings").json() if r["id"] == number]
    assert listed["consent"] == "asked" and listed["people"] == ["person 1"]
    assert get(f"{serving}/v1/recordings/{number}/export?as=srt").status_code == 200
    assert [line["event"] for line in get(f"{serving}/v1/jobs/{job}/audit").json()] == ["recorded", "live"]
    kept = {f.suffix for f in (data / "jobs" / job).rglob("*") if f.is_file()}
    assert kept <= {".json", ".parquet", ".html"}            # nothing that shows or sounds like anybody
    assert delete(f"{serving}/v1/jobs/{job}").status_code == 204 and not (data / "jobs" / job).exists()


def test_without_recording_only_a_line_of_the_audit_remains(client, serving, data, sound):
    socket = client(purpose="nothing kept")
    socket.send(audio(0.0, sound[:8000]))
    say(socket, type="stop")
    ended = rest(socket)[-1]
    job = socket.started["session"]
    assert ended["recording"] is None and ended["report"] is None and ended["duration"] == 0.5
    assert not (data / "jobs" / job).exists()
    line, = get(f"{serving}/v1/jobs/{job}/audit").json()
    assert (line["event"], line["audio_seconds"], line["recorded"], line["purpose"]) == ("live", 0.5, False, "nothing kept")


def test_a_client_that_goes_has_its_recording_kept(client, serving, sound):
    socket = client(record=True, consent="asked")
    socket.send(audio(0.0, sound[:48_000]))
    heard(socket, "speech")
    socket.close()
    number, until = f"{socket.started['session']}.0.0", time.monotonic() + 240
    while (found := get(f"{serving}/v1/recordings/{number}")).status_code == 404 and time.monotonic() < until:
        time.sleep(0.2)
    assert found.json()["duration"] == pytest.approx(3.0)


def test_mute_leaves_a_modality_out(client, sound, frames):
    socket = client()
    say(socket, type="mute", modality="face", on=True)
    socket.send(picture(0.0, jpeg(frames[0][1])))
    socket.send(audio(0.0, sound))
    say(socket, type="stop")
    kinds = {t["type"] for t in rest(socket)}
    assert "face" not in kinds and "voice" in kinds


def test_settings_choose_models_rate_and_baseline(client, sound):
    socket = client(settings={"face": None, "text": None, "voice": "prosody_tiny", "fps": 1.0}, baseline="own")
    assert set(socket.started["models"]) == {"voice"} and socket.started["limits"]["fps"] == 1 and socket.started["settings"]["baseline"] == "own"
    socket.send(audio(0.0, sound))
    say(socket, type="stop")
    assert any(t["type"] == "voice" and not t["interim"] for t in rest(socket))


# ---- what isn't right -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("sent", "code"), [
    ("no json", "start_invalid"), ("[]", "start_first"), ('{"type": "stop"}', "start_first"), (b"\x01abc", "start_first"),
    ({"type": "start", "settings": {"fpz": 3}}, "start_invalid"), ({"type": "start", "settings": {"fps": 1e9}}, "start_invalid"),
    ({"type": "start", "settings": {"face": "nobody"}}, "start_invalid"), ({"type": "start", "settings": {"transcript": "/etc/passwd"}}, "start_invalid"),
    ({"type": "start", "settings": {"baseline": "/etc/passwd"}}, "start_invalid"), ({"type": "start", "baseline": "/etc/passwd"}, "start_invalid"),
    ({"type": "start", "record": "perhaps"}, "start_invalid"), ({"type": "start", "consent": "x" * 501}, "start_invalid"),
    ({"type": "start", "settings": {"portraits": True}}, "start_invalid"), ({"type": "start", "more": 1}, "start_invalid"),
])
def test_a_start_that_is_not_right_is_told_and_may_be_sent_again(serving, sent, code):
    with connect(f"{serving.replace('http', 'ws')}/v1/live") as socket:
        socket.send(sent if isinstance(sent, str | bytes) else json.dumps(sent))
        error = heard(socket)
        assert (error["type"], error["code"]) == ("error", code) and len(error["message"]) > 10
        say(socket, type="start")
        assert heard(socket)["type"] == "started"


def test_five_wrong_starts_are_enough(serving):
    with connect(f"{serving.replace('http', 'ws')}/v1/live") as socket:
        for _ in range(5):
            say(socket, type="hello")
            assert heard(socket)["code"] == "start_first"
        assert heard(socket)["code"] == "start_invalid"
        with pytest.raises(ConnectionClosed):
            heard(socket)


BAD = [
    (b"", "message_invalid"), (b"\x01", "message_invalid"), (b"\x07" + b"\0" * 20, "message_invalid"), (b"\x01" + struct.pack("<d", float("nan")) + b"\0\0", "message_invalid"),
    (b"\x02" + struct.pack("<d", -1.0) + b"\xff\xd8\xff", "message_invalid"), (b"\x01" + struct.pack("<d", 0.0) + b"\0\0\0", "sound_invalid"),
    (b"\x01" + struct.pack("<d", 0.0) + b"\0" * 32_000 * 6, "sound_invalid"), (b"\x01" + struct.pack("<d", 1e9) + b"\0\0", "rate_limited"),
    (b"\x02" + struct.pack("<d", 0.1) + b"no picture", "picture_invalid"), (b"\x02" + struct.pack("<d", 0.1) + b"\xff\xd8\xff" + b"\0" * 99, "picture_invalid"),
    (b"\x02" + struct.pack("<d", 0.1) + b"\xff\xd8\xff" + b"\0" * (5 * 2**20), "message_too_large"),
    ("no json", "message_invalid"), ("[1, 2]", "message_invalid"), ('{"type": 5}', "message_invalid"), ('{"type": "start"}', "message_invalid"),
    ('{"type": "mute"}', "message_invalid"), ('{"type": "mute", "modality": "smell", "on": true}', "message_invalid"),
    ('{"type": "words", "start": 3, "end": 1, "text": "a"}', "message_invalid"), ('{"type": "words", "start": NaN, "end": 1, "text": "a"}', "message_invalid"),
    ('{"type": "words", "start": 0, "end": 1e400, "text": "a"}', "message_invalid"), ('{"type": "words", "start": 0, "end": 1, "text": 5}', "message_invalid"),
    ("[" * 5000, "message_invalid"),
]


def test_every_malformed_message_has_its_error_and_the_session_goes_on(client, sound, frames):
    socket = client()
    for sent, code in BAD:
        socket.send(sent)
        error = heard(socket, "error")
        assert error["code"] == code, (sent[:60], error)
        assert len(error["message"]) > 10 and error["retryable"]
    socket.send(picture(0.2, jpeg(frames[0][1])))
    assert heard(socket, "face")["faces"]
    say(socket, type="ping", id={"deep": 1})
    assert heard(socket, "pong")["id"] is None
    say(socket, type="stop")
    assert rest(socket)[-1]["type"] == "ended"


def test_pictures_that_go_back_in_time_are_refused(client, frames):
    socket = client()
    socket.send(picture(2.0, jpeg(frames[0][1])))
    heard(socket, "face")
    socket.send(picture(1.0, jpeg(frames[0][1])))
    say(socket, type="stop")
    assert not [t for t in rest(socket) if t["type"] == "face"]


def test_a_picture_that_is_too_large_is_refused_undecoded(client):
    socket = client()
    socket.send(picture(0.0, jpeg(np.zeros((3100, 3100, 3), np.uint8))))
    assert heard(socket, "error")["code"] == "picture_invalid"


def test_too_many_messages_and_sound_faster_than_time_are_limited(client, sound):
    socket = client()
    for _ in range(60):
        say(socket, type="ping", id=1)
    assert "rate_limited" in {heard(socket).get("code") for _ in range(60)}
    for i in range(6):                                         # 24 s of sound: too fast, even if the session is 15 s old
        socket.send(audio(0.0 + i, sound[: 4 * 16_000]))
    assert heard(socket, "error")["code"] == "rate_limited"


def test_silence_of_the_client_ends_the_session(local, monkeypatch):
    monkeypatch.setattr(live, "IDLE", 0.3)
    client = local()
    with client.websocket_connect("/v1/live", headers={"Host": "127.0.0.1:8000"}) as socket:
        assert socket.receive_json()["code"] == "idle_timeout"
    monkeypatch.setattr(live, "IDLE", 3.0)
    with client.websocket_connect("/v1/live", headers={"Host": "127.0.0.1:8000"}) as socket:
        socket.send_json({"type": "start", "settings": {"face": None, "text": None}})
        kinds = []
        while not kinds or kinds[-1]["type"] != "ended":
            kinds.append(socket.receive_json())
        assert [k.get("code") for k in kinds if k["type"] == "error"] == ["idle_timeout"]


def test_more_streams_than_a_key_may_have_are_refused(local):
    from attune.server.config import Limits

    client = local(limits=Limits(streams_per_key=1))
    with client.websocket_connect("/v1/live", headers={"Host": "127.0.0.1:8000"}) as one:
        one.send_json({"type": "start", "settings": {"face": None, "text": None}})
        assert one.receive_json()["type"] == "started"
        with client.websocket_connect("/v1/live", headers={"Host": "127.0.0.1:8000"}) as two:
            assert two.receive_json()["code"] == "full"


def test_foreign_pages_and_strangers_are_kept_out(local):
    for client, headers in ((local(), {"Origin": "https://evil.example"}), (local(keys=("k" * 20,)), {})):
        with pytest.raises(Exception), client.websocket_connect("/v1/live", headers=headers):  # noqa: B017, PT011  (its kind is the test client's)
            pass


def test_a_measuring_process_that_dies_is_told_and_the_next_session_works(tmp_path):
    """A server of its own, whose measuring process is killed in the middle."""
    with socket_of.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "attune.cli", "serve", "--data", str(tmp_path), "--port", str(port), "--workers", "0"]
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SAMPLE.parents[1]), "OMP_NUM_THREADS": "1"}, cwd=tmp_path)
    try:
        until = time.monotonic() + 240
        while time.monotonic() < until:
            try:
                get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        with connect(f"ws://127.0.0.1:{port}/v1/live") as socket:
            say(socket, type="start", record=True)
            heard(socket, "started")
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            streamer, = [pid for pid in children if b"streamer" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            os.kill(int(streamer), signal.SIGKILL)
            socket.send(audio(0.0, np.zeros(1600, "<i2")))
            assert heard(socket, "error")["code"] == "session_lost"
            assert heard(socket, "ended")["recording"] is None
        with connect(f"ws://127.0.0.1:{port}/v1/live") as socket:
            say(socket, type="start")
            assert heard(socket)["type"] == "started"
    finally:
        server.terminate()
        server.wait(120)


def test_the_page_describes_every_message_and_error():
    page = DOCS.read_text(encoding="utf-8")
    source = Path(live.__file__).read_text() + Path(live.__file__).with_name("telling.py").read_text() + Path(live.__file__).with_name("live_session.py").read_text()
    for kind in {*re.findall(r'"type": "(\w+)"', source), *re.findall(r'Trouble\("(\w+)"', source)}:
        assert kind == "live" or f"`{kind}`" in page or f'"{kind}"' in page, kind
