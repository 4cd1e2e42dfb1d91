"""The official client of the API v1 (hume-expression-measurement 0.1.0), with nothing changed but the address, against a real server that measures."""

import asyncio
import contextlib
import io
import json
import time
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest

pytest.importorskip("hume_expression_measurement")
import hume_expression_measurement as hume
from hume_expression_measurement import (
    AsyncExpressionMeasurementClient,
    AudioConfigUpdate,
    AudioFileConfig,
    AudioSessionUpdate,
    ExpressionMeasurementClient,
    FaceConfigUpdate,
    SessionClose,
    VideoFileConfig,
    VideoFileConfigFace,
    VideoSessionUpdate,
)
from hume_expression_measurement.environment import ExpressionMeasurementClientEnvironment

from attune.media import Media, jpeg
from attune.taxonomy import taxonomy

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")        # the client imports what websockets 14 deprecated

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
NAMES = {name.lower() for name in taxonomy("eee48").labels}
SECOND = 32_000                          # bytes


@pytest.fixture(scope="module")
def where(serving):
    return ExpressionMeasurementClientEnvironment(base=serving, production=serving.replace("http", "ws"))


@pytest.fixture(scope="module")
def client(where):
    with httpx.Client(timeout=240) as connection:
        yield ExpressionMeasurementClient(api_key="any", environment=where, httpx_client=connection, max_retries=0)


@pytest.fixture(scope="module")
def pcm():
    """The sample's sound, then some of it again without its pauses: s16le."""
    sound = Media.open(SAMPLE).waveform(16_000)
    return (np.concatenate([sound, sound[7_100:44_000], sound[54_000:86_000], sound[95_000:129_000], sound]) * 32767).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def pictures():
    return [jpeg(rgb) for _, rgb in Media.open(SAMPLE).frames(1.0)][:6]


@pytest.fixture(scope="module")
def uploaded(client, pcm):
    return client.audio.measure(file=wav(pcm))


def wav(pcm, *, rate=16_000, channels=1, width=2):
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setparams((channels, width, rate, 0, "NONE", ""))
        w.writeframes(pcm)
    return out.getvalue()


def plain(model):
    return json.loads(model.json()) if hasattr(model, "json") else model


def without(model, *names):
    return {k: v for k, v in plain(model).items() if k not in names}


# ---- sound ------------------------------------------------------------------------------------------------------------------

def test_an_upload_has_its_utterances_and_their_measurements(uploaded, pcm):
    assert uploaded.received.audio_duration_ms == round(len(pcm) / SECOND * 1000)
    assert [u.utterance_id for u in uploaded.utterances] == list(range(len(uploaded.utterances))) and len(uploaded.utterances) >= 8
    assert {m.utterance_id for m in uploaded.measurements} == {u.utterance_id for u in uploaded.utterances}
    assert {m.trigger for m in uploaded.measurements} == {"interval", "speech_ended"}
    for m in uploaded.measurements:
        assert m.audio_end_ms - m.audio_start_ms <= 10_000
        assert m.voice_attributes == [] and "no model" in m.missing["voice_attributes"]
        assert {e.name for e in m.expressions} <= NAMES and all(e.probability > 0.1 and e.basis == "projected" for e in m.expressions)
        assert [e.probability for e in m.expressions] == sorted((e.probability for e in m.expressions), reverse=True)
        assert -1 <= m.valence <= 1 and 0 <= m.quality <= 1
    assert any(m.expressions for m in uploaded.measurements)


def test_the_timer_says_how_often_speech_is_measured(client, pcm, uploaded):
    rarely = client.audio.measure(file=wav(pcm), config=AudioFileConfig(measurement_timer_ms=10_000))
    assert [plain(u) for u in rarely.utterances] == [plain(u) for u in uploaded.utterances]
    count = [sum(m.trigger == "interval" for m in r.measurements) for r in (rarely, uploaded)]
    assert count[0] < count[1]


def test_headerless_samples_give_what_a_wav_file_gives(client, pcm, uploaded):
    assert [plain(m) for m in client.audio.measure(file=pcm).measurements] == [plain(m) for m in uploaded.measurements]


def test_a_session_streams_what_an_upload_gives(client, pcm):
    """In frames of odd lengths; the sound is short enough to come at once, since nobody is held to real time within ten seconds."""
    short = pcm[: 9 * SECOND]
    whole = client.audio.measure(file=wav(short))
    with client.audio.connect() as socket:
        created = socket.recv()
        assert created.type == "session.created" and created.measurement_timer_ms == 3000 and created.audio.sample_rate == 16_000
        for at in range(0, len(short), 7_002):
            socket.send_audio_frame(short[at : at + 7_002])
        socket.send_audio_session_close(SessionClose(type="session.close"))
        told = []
        while not told or told[-1].type != "session.closed":
            told.append(socket.recv())
    kinds = [t.type for t in told]
    assert kinds[0] == "utterance.start" and kinds[-2] == "utterance.end"
    assert [without(t, "type") for t in told if t.type == "measurement.result"] == [plain(m) for m in whole.measurements]
    assert [without(t, "type") for t in told if t.type == "utterance.end"] == [plain(u) for u in whole.utterances]
    closed = told[-1]
    assert (closed.reason, closed.session_id) == ("client_request", created.session_id)
    assert (closed.received.frames, closed.received.audio_duration_ms) == (-(-len(short) // 7_002), 9000)
    assert (closed.produced.utterances, closed.produced.measurements) == (kinds.count("utterance.start"), kinds.count("measurement.result"))


def test_a_session_is_configured_before_its_first_frame_and_not_after(client, pcm):
    with client.audio.connect() as socket:
        socket.recv()
        socket.send_audio_session_update(AudioSessionUpdate(type="session.update", measurement_timer_ms=5000))
        updated = socket.recv()
        assert (updated.type, updated.measurement_timer_ms, updated.audio.encoding) == ("session.updated", 5000, "s16le")
        socket.send_audio_frame(pcm[:3200])
        socket.send_audio_session_update(AudioSessionUpdate(type="session.update", measurement_timer_ms=5000))
        error, closed = socket.recv(), socket.recv()
        assert (error.code, error.retryable, closed.reason) == ("config_invalid", False, "error")
        with pytest.raises(Exception, match="1008"):
            socket.recv()


@pytest.mark.parametrize("update", [
    AudioSessionUpdate(type="session.update", measurement_timer_ms=10), AudioSessionUpdate(type="session.update", audio=AudioConfigUpdate(sample_rate=8000)),
    AudioSessionUpdate(type="session.update", audio=AudioConfigUpdate(encoding="mp3")),
])
def test_a_configuration_that_cannot_be_met_ends_the_session(client, update):
    with client.audio.connect() as socket:
        socket.recv()
        socket.send_audio_session_update(update)
        assert socket.recv().code == "config_invalid"


def test_a_frame_that_is_none_is_rejected_and_the_session_goes_on(client, pcm):
    with client.audio.connect() as socket:
        socket.recv()
        for frame in (b"", pcm[:3201], pcm[: 11 * SECOND]):
            socket.send_audio_frame(frame)
            error = socket.recv()
            assert (error.code, error.retryable) == ("invalid_audio_frame", True) and len(error.message) > 10
        for text in ("no json {", "[1]", '{"type": "session.dance"}'):
            socket._websocket.send(text)
            assert socket.recv().code == "message_invalid"
        socket.send_audio_frame(pcm[: 9 * SECOND])
        told = {socket.recv().type for _ in range(3)}
        assert told == {"utterance.start", "measurement.result", "utterance.end"}
        for _ in range(6):                                     # time goes by meanwhile: on a busy machine the second might be in time
            socket.send_audio_frame(pcm[: 9 * SECOND])
        answers = [socket.recv()]
        while answers[-1].type != "error":
            answers.append(socket.recv())
        assert answers[-1].code == "rate_limited"


def test_a_message_that_is_too_large_ends_the_session(client):
    with client.audio.connect() as socket:
        socket.recv()
        socket.send_audio_frame(b"\0" * (2**20 + 2))
        assert (socket.recv().code, socket.recv().reason) == ("message_too_large", "error")


@pytest.mark.parametrize(("sent", "status", "code"), [
    (b"", 400, "audio_decode_failed"), (b"\1\2\3", 400, "audio_decode_failed"), (b"ID3" + b"\0" * 400, 415, "unsupported_media_type"),
    (b"fLaC" + b"\0" * 400, 415, "unsupported_media_type"), (b"RIFF\0\0\0\0AVI " + b"\0" * 400, 415, "unsupported_media_type"),
    (b"\0\0\0\x18ftypmp42" + b"\0" * 400, 415, "unsupported_media_type"), (wav(b"\0" * 4000, rate=8000), 400, "audio_decode_failed"),
    (wav(b"\0" * 4000, channels=2), 400, "audio_decode_failed"), (wav(b"\0" * 4000)[:-100], 400, "audio_decode_failed"), (wav(b""), 400, "audio_decode_failed"),
    (b"RIFF\0\0\0\0WAVE", 400, "audio_decode_failed"),
])
def test_sound_that_cannot_be_read_has_the_documented_error(client, sent, status, code):
    with pytest.raises(hume.core.api_error.ApiError) as error:
        client.audio.measure(file=("sound.wav", sent))
    assert (error.value.status_code, error.value.body.code, error.value.body.type) == (status, code, "error")
    assert error.value.body.request_id and len(error.value.body.message) > 10


def test_requests_that_are_none_are_answered(serving, pcm):
    def post(what, **more):
        return httpx.post(f"{serving}/v1/expression/{what}/file", timeout=240, **more)

    large = post("audio", files={"file": ("a", b"\0" * (26 * 2**20))})
    assert (large.status_code, large.json()["code"]) == (413, "audio_too_long")
    assert post("audio", json={}).json()["code"] == "unsupported_media_type"
    assert post("audio", files={"config": (None, "{}")}).json()["code"] == "invalid_request"
    assert post("audio", files={"file": pcm[:3200], "config": (None, "{no")}).json()["code"] == "message_invalid"
    assert post("audio", files={"file": pcm[:3200], "config": (None, '{"measurement_timer_ms": 5}')}).json()["code"] == "config_invalid"
    assert post("audio", content=b"--x\r\nnothing", headers={"content-type": "multipart/form-data; boundary=x"}).status_code == 400
    assert post("video", files=[("config", (None, "{}"))]).json()["code"] == "invalid_request"


# ---- pictures ---------------------------------------------------------------------------------------------------------------

def test_pictures_give_faces_that_keep_their_numbers(client, pictures):
    said = client.video.measure(file=pictures)
    assert said.received.frames == len(pictures) and [m.frame_id for m in said.measurements] == list(range(len(pictures)))
    for m in said.measurements:
        face, = m.faces
        assert face.face_id == 0 and face.confidence >= 0.9 and face.bbox[2] - face.bbox[0] > 60
        assert face.descriptions == [] and {e.name for e in face.expressions} <= NAMES and face.expressions
    assert [m.faces[0].expressions[0].name for m in said.measurements][4] == "joy"


def test_a_session_of_pictures_gives_what_an_upload_gives(client, pictures):
    whole = client.video.measure(file=pictures)
    with client.video.connect() as socket:
        created = socket.recv()
        assert (created.image.type, created.face.threshold, created.face.min_size) == ("image/jpeg", 0.9, 60)
        told = []
        for picture in pictures:
            socket.send_image_frame(picture)
            told.append(socket.recv())
        socket.send_video_session_close(SessionClose(type="session.close"))
        closed = socket.recv()
    assert [without(t, "type") for t in told] == [plain(m) for m in whole.measurements]
    assert (closed.reason, closed.received.frames, closed.produced.measurements) == ("client_request", len(pictures), len(pictures))


def test_a_face_state_lets_the_numbers_go_on(client, pictures):
    first = client.video.measure(file=pictures[:2], config=VideoFileConfig(face=VideoFileConfigFace(return_face_state=True)))
    again = client.video.measure(file=pictures[2:4], config=VideoFileConfig(face=VideoFileConfigFace(return_face_state=True), face_state=first.face_state))
    assert first.face_state and again.measurements[0].faces[0].face_id == 0
    other = client.video.measure(file=pictures[:1], config=VideoFileConfig(face_state="altered"))
    assert other.face_state is None and other.measurements[0].faces[0].face_id == 0


def test_size_and_threshold_leave_faces_out(client, pictures):
    assert client.video.measure(file=pictures[:1], config=VideoFileConfig(face=VideoFileConfigFace(min_size=400))).measurements[0].faces == []
    with client.video.connect() as socket:
        socket.recv()
        socket.send_video_session_update(VideoSessionUpdate(type="session.update", face=FaceConfigUpdate(min_size=400)))
        assert socket.recv().face.min_size == 400
        socket.send_image_frame(pictures[0])
        assert socket.recv().faces == []


def test_a_frame_that_is_no_jpeg_is_rejected_and_has_no_number(client, pictures):
    with client.video.connect() as socket:
        socket.recv()
        for bad in (b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, pictures[0][:200], b"\xff\xd8\xff" + b"\0" * 50):
            socket.send_image_frame(bad)
            assert socket.recv().code == "invalid_image_frame"
        socket.send_image_frame(pictures[0])
        assert socket.recv().frame_id == 0
        for _ in range(60):                                    # so many that some are too many on a slow machine, too
            socket.send_image_frame(pictures[0])
        assert "rate_limited" in {getattr(socket.recv(), "code", None) for _ in range(60)}
        socket.send_image_frame(b"\xff\xd8\xff" + b"\0" * (2 * 2**20))
        assert (socket.recv().code, socket.recv().reason) == ("message_too_large", "error")


@pytest.mark.parametrize(("bad", "status", "code"), [
    (b"\x89PNG\r\n\x1a\n", 415, "unsupported_media_type"), (b"\xff\xd8\xff" + b"\0" * (2 * 2**20), 413, "image_too_large"),
    (b"\xff\xd8\xff" + b"\0" * 40, 400, "image_decode_failed"), (jpeg(np.zeros((16, 16, 3), np.uint8)).partition(b"\xff\xda")[0], 400, "image_decode_failed"),
])
def test_one_bad_picture_fails_the_request(client, pictures, bad, status, code):
    with pytest.raises(hume.core.api_error.ApiError) as error:
        client.video.measure(file=[pictures[0], bad])
    assert (error.value.status_code, error.value.body.code) == (status, code)


# ---- runs -------------------------------------------------------------------------------------------------------------------

def test_runs_tell_what_was_measured_and_what_went_wrong(client, uploaded, pcm):
    run = client.runs.get(uploaded.run_id)
    assert (run.status, run.endpoint, run.mode, run.config.schema_) == ("ended", "audio", "file", "v4")
    assert run.metered_seconds == pytest.approx(len(pcm) / SECOND, abs=0.01) and run.bytes_received == len(wav(pcm))
    with client.audio.connect() as socket:
        session = socket.recv().session_id
        assert client.runs.get(session).status == "live"
        socket.send_audio_frame(b"\0" * 3)
        socket.recv()
        socket.send_audio_session_close(SessionClose(type="session.close"))
        assert socket.recv().type == "session.closed"
    until = time.monotonic() + 240
    while client.runs.get(session).status == "live" and time.monotonic() < until:
        time.sleep(0.1)
    run = client.runs.get(session)
    assert (run.status, run.mode, run.close_code, run.close_reason) == ("ended", "realtime", 1000, "client_request")
    page = client.runs.list_events(session)
    assert [e.kind for e in page.events] == ["invalid_audio_frame"] and not page.at_cap


def test_runs_are_listed_newest_first_page_by_page(client, serving, uploaded):
    client.video.measure(file=[jpeg(np.zeros((64, 64, 3), np.uint8))])
    ids, cursor = [], None
    while True:
        page = client.runs.list(page_size=2, cursor=cursor)
        ids += [r.run_id for r in page.runs]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert uploaded.run_id in ids and len(ids) == len(set(ids))
    assert {r.endpoint for r in client.runs.list(endpoint="video", mode="file").runs} == {"video"}
    when = client.runs.get(uploaded.run_id).started_at
    assert uploaded.run_id not in {r.run_id for r in client.runs.list(started_before=when, page_size=100).runs}
    assert uploaded.run_id in {r.run_id for r in client.runs.list(started_after=when, page_size=100).runs}
    assert httpx.get(f"{serving}/v1/expression/run?cursor=none", timeout=240).json()["code"] == "invalid_request"


def test_a_run_that_is_not_there_is_not_found(client):
    with pytest.raises(hume.NotFoundError) as error:
        client.runs.get("nothing")
    assert error.value.body.code == "not_found"


def test_the_asynchronous_client_and_its_reconnecting_socket_work_too(where, pcm):
    async def ask():
        async with httpx.AsyncClient(timeout=240) as connection:
            client = AsyncExpressionMeasurementClient(api_key="any", environment=where, httpx_client=connection)
            said = await client.audio.measure(file=wav(pcm[: 4 * SECOND]))
            async with client.audio.connect() as socket:
                created = await socket.recv()
                await socket.send_audio_session_close(SessionClose(type="session.close"))
                with contextlib.suppress(Exception):
                    return said, created, await socket.recv()

    said, created, closed = asyncio.run(ask())
    assert said.measurements and closed.session_id == created.session_id
