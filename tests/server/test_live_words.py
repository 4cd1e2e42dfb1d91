"""`/v1/live` with a recogniser: words of each utterance over the WebSocket, and what is told where there is none."""

import base64
import os
import struct
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path

import httpx
import numpy as np
import pytest
import whisper_made
from browser import CHROMIUM, Browser, sound_of

from attune.live import recognising
from attune.media import Media
from attune.server import streamer
from attune.server.config import Config

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
HOST = {"Host": "127.0.0.1:8000"}
ONLY = {"face": None, "voice": "prosody_tiny"}


@pytest.fixture(scope="module")
def sound():
    """The first utterance, and silence enough to end it."""
    return (np.pad(Media.open(SAMPLE).waveform(16_000)[:48_000], (0, 16_000)) * 32_767).astype("<i2")


@pytest.fixture
def whisper(monkeypatch, tmp_path):
    """whisper(lines): the library and a model for the server's processes."""
    def install(says):
        monkeypatch.syspath_prepend(str(whisper_made.library(tmp_path / "library")))
        monkeypatch.setenv("ATTUNE_WHISPER", str(whisper_made.model(tmp_path / "base", says)))

    yield install
    sys.modules.pop("faster_whisper", None)


def until(socket, kind):
    out = []
    while not out or out[-1]["type"] != kind:
        out.append(socket.receive_json())
    return out


def hear(socket, sound, start=0.0):
    socket.send_bytes(b"\x01" + struct.pack("<d", start) + sound.tobytes())


def test_words_are_told_once_the_utterance_is_over_although_nothing_more_comes(local, whisper, sound):
    whisper(["I am so happy to see you!"])
    with local().websocket_connect("/v1/live", headers=HOST) as socket:
        socket.send_json({"type": "start", "settings": {**ONLY, "recogniser": "auto"}, "record": True, "language": "en"})
        started = socket.receive_json()
        assert started["recogniser"] == {"name": "faster_whisper", "title": "faster-whisper"} and started["settings"]["recogniser"] == "faster_whisper"
        hear(socket, sound)
        text = until(socket, "text")[-1]                     # no stop, and no sound after it
        assert text["text"] == "I am so happy to see you!" and next(iter(text["values"])) == "joy" and text["recogniser"] == "faster_whisper"
        assert [w["text"] for w in text["words"]] == text["text"].split() and text["words"][0]["confidence"] == 0.75
        assert text["start"] == text["words"][0]["start"] and text["end"] == text["words"][-1]["end"]
        fused = until(socket, "fused")[-1]
        assert fused["from"] == ["voice", "text"] and not fused["interim"]
        socket.send_json({"type": "words", "start": 0.4, "end": 2.8, "text": "I am so sad."})
        pushed = until(socket, "text")[-1]
        assert pushed["recogniser"] is None and pushed["words"] == []
        socket.send_json({"type": "stop"})
        ended = until(socket, "ended")[-1]
        assert ended["recording"]


def test_the_end_waits_for_the_last_words_and_the_recording_has_them(local, whisper, sound):
    whisper(["Goodbye then."])
    client = local()
    with client.websocket_connect("/v1/live", headers=HOST) as socket:
        socket.send_json({"type": "start", "settings": {**ONLY, "recogniser": "faster_whisper"}, "record": True, "language": "en"})
        until(socket, "started")
        hear(socket, sound[:40_000])                         # in the middle of the utterance
        socket.send_json({"type": "stop"})
        told = until(socket, "ended")
    assert [t["text"] for t in told if t["type"] == "text"] == ["Goodbye then."]
    table = client.get(f"/v1/recordings/{told[-1]['recording']}/table", params={"format": "json"}, headers=HOST).text
    assert "Goodbye then." in table


def test_a_recogniser_that_fails_is_one_error_and_the_session_goes_on(local, whisper, sound):
    whisper([None, None])
    with local().websocket_connect("/v1/live", headers=HOST) as socket:
        socket.send_json({"type": "start", "settings": {**ONLY, "recogniser": "faster_whisper"}})
        until(socket, "started")
        hear(socket, sound)
        error = until(socket, "error")[-1]
        assert error["code"] == "recogniser_failed" and error["retryable"] and "unexpected RuntimeError" in error["message"]
        socket.send_json({"type": "stop"})
        assert not [t for t in until(socket, "ended") if t["type"] == "error"]


def test_without_one_it_is_off_and_asking_for_it_is_refused_at_the_start(local, monkeypatch, tmp_path):
    monkeypatch.setenv("ATTUNE_WHISPER", str(tmp_path))
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path))
    client = local()
    assert client.get("/v1/settings", headers=HOST).json()["recogniser"]["here"] == []
    with client.websocket_connect("/v1/live", headers=HOST) as socket:
        for name, says in (("auto", "none of the recognisers is here"), ("faster_whisper", "isn't here: pip install"), ("whisperer", "no recogniser 'whisperer'")):
            socket.send_json({"type": "start", "settings": {**ONLY, "recogniser": name}})
            error = socket.receive_json()
            assert error["code"] == "start_invalid" and says in error["message"]
        socket.send_json({"type": "start", "settings": {**ONLY, "recogniser": "none"}})
        assert socket.receive_json()["recogniser"] is None


def test_what_is_here_can_be_asked_for_before_the_start(local, whisper):
    whisper([])
    assert local().get("/v1/settings", headers=HOST).json()["recogniser"]["here"] == ["faster_whisper"]


# ---- in the process that measures --------------------------------------------------------------------------------------------------

START = {"settings": {**ONLY, "recogniser": "faster_whisper"}, "record": False, "baseline": "none", "language": "en", "share": False, "consent": "", "purpose": ""}
ENDS = {"stop": [{"live": "stop"}], "over": [{"over": True}], "start": [{"live": "start", "start": START | {"settings": ONLY}}], "eviction": [{}, {}]}


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
def test_however_a_session_ends_its_words_are_given_up_and_its_sound_let_go_of(whisper, sound, tmp_path, monkeypatch, ends):
    whisper(["I am so happy to see you!"])
    import faster_whisper

    faster_whisper.GATE.clear()
    monkeypatch.setattr(streamer, "SESSIONS", 2)
    sessions, config = OrderedDict(), Config(tmp_path)
    asked = [{"live": "start", "start": START}, {"live": "hear", "time": 0.0, "data": base64.b64encode(sound.tobytes()).decode()}]
    told = [streamer._said(sessions, {"session": "a", **one}, config) for one in asked]
    assert told[-1]["waiting"] == 1 and len(recognising._thread._things) == 1        # the model being opened isn't there any more
    for i, one in enumerate(ends):
        streamer._said(sessions, {"session": f"other {i}" if not one else "a", **one}, config)
    assert not recognising._thread._things
    faster_whisper.GATE.set()
    recognising._thread._running.join(60)
    assert not faster_whisper.MODELS or not faster_whisper.MODELS[-1].heard


# ---- the live page --------------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(CHROMIUM is None, reason="looks at the page with Chromium: apt-get install chromium")
def test_the_page_offers_to_recognise_words_shows_them_and_answers_them(tmp_path):
    import socket as socket_of

    with socket_of.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    says = ["I am so happy to see you!"] * 50
    path = os.pathsep.join([str(whisper_made.library(tmp_path / "library")), str(SAMPLE.parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "ATTUNE_WHISPER": str(whisper_made.model(tmp_path / "base", says))}
    command = [sys.executable, "-m", "attune.cli", "serve", "--data", str(tmp_path / "data"), "--port", str(port), "--workers", "0"]
    server, page = subprocess.Popen(command, env=environment, cwd=tmp_path), None
    try:
        until_then = time.monotonic() + 240
        while time.monotonic() < until_then:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=30)
                break
            except httpx.HTTPError:
                time.sleep(0.3)
        page = Browser(tmp_path / "profile", microphone=sound_of(SAMPLE, tmp_path / "hello.wav"))
        page.go(f"http://127.0.0.1:{port}/", "addEventListener('load', () => import('/static/live.js').then((m) => (globalThis.page = m)));")
        page.until("globalThis.page && document.querySelector('form.idle [name=words]')")
        for name in ("agreed", "camera", "words"):
            page.click(f"[name={name}]")
        assert "en" in page.js("[...document.querySelectorAll('select[name=language] option')].map((o) => o.value)")
        page.press("s")
        page.until("document.querySelector('#live').dataset.state === 'live'")
        page.until("document.querySelector('.heard').textContent === '“I am so happy to see you!”' && page.live.memory.rows.text.length", seconds=100)
        page.js("document.querySelector('#tab-talk').click(); document.querySelector('[name=spoken]').click()")
        page.until("page.live.talk.turns.some((turn) => turn.text === 'I am so happy to see you!')", seconds=100)
        page.js("page.stop()")
        page.until("document.querySelector('#live').dataset.state === 'over'", seconds=100)
        assert page.errors == []
    finally:
        if page is not None:
            page.close()
        server.terminate()
        server.wait(60)
