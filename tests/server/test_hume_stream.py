"""The official client's stream (hume 0.13.13), against a real server that measures."""

import asyncio
import base64
import io
import json
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest

pytest.importorskip("hume")
from hume.expression_measurement.stream.stream.types import Config, StreamFace, StreamLanguage

from attune.media import Media, jpeg
from attune.taxonomy import taxonomy

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")        # the client imports what websockets 14 deprecated

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
FACE, READ = Config(face=StreamFace(identify_faces=True)), Config(language=StreamLanguage(granularity="sentence"))


@pytest.fixture
def stream(hume_client):
    with hume_client.expression_measurement.stream.connect() as socket:
        yield socket


def picture(time=1.0):
    return next(jpeg(rgb) for t, rgb in Media.open(SAMPLE).frames(5) if t >= time)


def sound(start, seconds):
    samples = np.concatenate(list(Media.open(SAMPLE).blocks(16000)))[round(start * 16000) : round((start + seconds) * 16000)]
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes((samples * 32767).astype("<i2").tobytes())
    return base64.b64encode(out.getvalue()).decode()


def test_text_is_read_with_its_places_and_payload_id(stream):
    said = stream.send_text("Oh no! I am so sad.", config=READ, payload_id="p1")
    assert said.payload_id == "p1"
    assert [(p.text, p.position.begin, p.position.end) for p in said.language.predictions] == [("Oh no!", 0, 6), ("I am so sad.", 7, 19)]
    assert tuple(e.name for e in said.language.predictions[0].emotions) == taxonomy("hume53").labels


def test_a_picture_gives_the_face_which_keeps_its_name(stream, tmp_path):
    (tmp_path / "a.jpg").write_bytes(picture(1.0))
    first = stream.send_file(tmp_path / "a.jpg", config=FACE).face.predictions
    again = stream.send_file(tmp_path / "a.jpg", config=FACE).face.predictions
    assert len(first) == 1 and first[0].bbox.w > 60 and first[0].prob > 0.9 and tuple(e.name for e in first[0].emotions) == taxonomy("eee48").labels
    assert first[0].face_id == again[0].face_id == "face_0"


def test_sound_gives_prosody_and_the_window_brings_back_what_was_sent_before(stream):
    def send(**more):
        stream._send({"models": {"prosody": {}}, **more})
        return stream.recv()

    one = send(data=sound(3.0, 2.5)).prosody.predictions
    both = send(data=sound(5.5, 1.0), stream_window_ms=5000).prosody.predictions
    fresh = send(data=sound(5.5, 1.0), stream_window_ms=5000, reset_stream=True)
    assert one[0].time.end <= 2.6 and max(p.time.end for p in both) > 2.0
    assert not fresh.prosody.predictions or max(p.time.end for p in fresh.prosody.predictions) <= 1.1


def test_job_details_come_alone_or_beside_an_answer(stream):
    alone = stream.get_job_details()
    stream._send({"data": "Fine.", "raw_text": True, "models": {"language": {}}, "job_details": True})
    assert alone.job_details.job_id == stream.recv().job_details.job_id
    assert stream.reset().language is None


def test_nothing_found_is_a_warning_with_the_documented_code(stream):
    blank = np.full((120, 160, 3), 128, np.uint8)
    stream._send({"data": base64.b64encode(jpeg(blank)).decode(), "models": {"face": {}}})
    said = stream.recv()
    assert (said.face.code, said.face.predictions) == ("W0103", None) and "faces" in said.face.warning
    silence = np.zeros(16000, "<i2").tobytes()
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes(silence)
    stream._send({"data": base64.b64encode(out.getvalue()).decode(), "models": {"prosody": {}}})
    assert stream.recv().prosody.code == "W0105"


@pytest.mark.parametrize(("sent", "code"), [
    ("no json {", "E0100"), ('{"data": NaN}', "E0100"), ("[1]", "E0101"), ("{}", "E0101"), ({"data": "x"}, "E0101"), ({"data": 5, "models": {"face": {}}}, "E0101"),
    ({"data": "x", "models": {"face": {"fps_pred": "often"}}}, "E0101"), ({"data": "x", "raw_text": True, "models": {"face": {}}}, "E0102"),
    ({"data": "[[[0, 0, 0]]]", "models": {"facemesh": {}}}, "E0102"), ({"data": "%%%", "models": {"face": {}}}, "E0201"),
    ({"data": base64.b64encode(b"\x00\x01\x02 nothing").decode(), "models": {"face": {}}}, "E0200"),
    ({"data": "x" * 10_001, "raw_text": True, "models": {"language": {}}}, "E0206"), ({"data": "x", "models": {"face": {}}, "stream_window_ms": 1}, "E0101"),
])
def test_each_mistake_has_the_documented_code_and_the_stream_goes_on(stream, sent, code):
    stream._websocket.send(sent if isinstance(sent, str) else json.dumps(sent))
    said = stream.recv()
    assert said.code == code and len(said.error) > 10
    assert stream.send_text("Fine.", config=READ).language.predictions


def test_a_picture_has_no_sound_and_long_sound_is_refused(stream):
    stream._send({"data": base64.b64encode(picture()).decode(), "models": {"prosody": {}}})
    assert stream.recv().code == "E0202"
    stream._send({"data": sound(0, 7), "models": {"prosody": {}}})
    assert stream.recv().code == "E0203"


def test_a_model_that_is_met_answers_beside_one_that_is_not(stream):
    stream._send({"data": base64.b64encode(picture()).decode(), "models": {"prosody": {}, "face": {}, "facemesh": {}}})
    said = stream.recv()
    assert said.face.predictions and said.prosody.code == "E0202" and said.facemesh.code == "E0102" and not hasattr(said, "code")


def test_the_asynchronous_client_streams_too(serving):
    from hume import AsyncHumeClient
    from hume.environment import HumeClientEnvironment

    async def ask():
        where = HumeClientEnvironment(base=serving, evi="", tts="", stream=f"{serving.replace('http', 'ws')}/v0/stream")
        async with httpx.AsyncClient(timeout=240) as connection:
            client = AsyncHumeClient(api_key="any", environment=where, httpx_client=connection)
            async with client.expression_measurement.stream.connect() as socket:
                return await socket.send_text("I am so glad.", config=READ)

    assert asyncio.run(ask()).language.predictions[0].text == "I am so glad."


def test_sessions_at_once_are_kept_apart(hume_client):
    connect = hume_client.expression_measurement.stream.connect
    with connect() as one, connect() as two:
        for socket, text in ((one, "Oh no."), (two, "Well done.")):
            socket._send({"data": text, "raw_text": True, "models": {"language": {"granularity": "passage"}}, "payload_id": text})
        assert [s.recv().language.predictions[0].text for s in (one, two)] == ["Oh no.", "Well done."]
