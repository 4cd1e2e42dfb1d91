"""Every call of the official client's batch interface (hume 0.13.13), against a real server that measures."""

import http.server
import io
import json
import threading
import wave
import zipfile
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest

from attune.taxonomy import taxonomy

pytest.importorskip("hume")
from hume.core.api_error import ApiError
from hume.expression_measurement.batch.types import Face, InferenceBaseRequest, Language, Models, Prosody, Transcription

get, post = (partial(f, timeout=240) for f in (httpx.get, httpx.post))        # the machine may be busy

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
READ = Models(language=Language(granularity="sentence"))


@pytest.fixture(scope="module")
def talk(batch, ended):
    """The sample clip with its transcript, all three models."""
    with SAMPLE.open("rb") as media, SAMPLE.with_suffix(".srt").open("rb") as words:
        models = Models(face=Face(fps_pred=1, identify_faces=True), prosody=Prosody(identify_speakers=True), language=Language(granularity="sentence"))
        job = batch.start_inference_job_from_local_file(file=[media, words], json=InferenceBaseRequest(models=models))
    details = ended(job)
    return job, details, batch.get_job_predictions(job)


def sound(seconds=1.0):
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes((np.sin(np.arange(int(16000 * seconds)) / 9) * 9000).astype("<i2").tobytes())
    return out.getvalue()


def names(emotions):
    return tuple(e.name for e in emotions)


def test_texts_are_read_and_come_back_with_53_names(batch, ended):
    job = batch.start_inference_job(text=["What a wonderful day! I am so sad.", "Go away."], models=READ)
    assert ended(job).state.num_predictions == 3
    first, second = batch.get_job_predictions(job)
    said = first.results.predictions[0].models.language.grouped_predictions[0].predictions
    assert [(p.text, p.position.begin, p.position.end) for p in said] == [("What a wonderful day!", 0, 21), ("I am so sad.", 22, 34)]
    assert names(said[0].emotions) == taxonomy("hume53").labels
    scores = {e.name: e.score for e in said[1].emotions}
    assert max(scores, key=scores.get) == "Sadness"
    assert (first.source.type, second.error, second.results.errors) == ("text", None, [])


def test_each_name_says_whether_it_was_projected_or_is_unreached_and_dimensions_stand_beside(batch, ended):
    job = batch.start_inference_job(text=["I am so happy"], models=READ)
    ended(job)
    p = batch.get_job_predictions(job)[0].results.predictions[0].models.language.grouped_predictions[0].predictions[0]
    basis = {e.name: e.basis for e in p.emotions}
    assert basis["Joy"] == "projected" and basis["Craving"] == "unreached" and set(basis.values()) == {"projected", "unreached"}
    assert p.valence > 0.2 and -1 <= p.arousal <= 1 and p.crosswalk == "goemotions28->hume53"


def test_a_clip_gives_faces_prosody_and_language_with_their_times(talk):
    _, details, predictions = talk
    assert details.type == "INFERENCE" and details.state.status == "COMPLETED" and details.state.num_errors == 0
    state = details.state
    assert state.created_timestamp_ms <= state.started_timestamp_ms <= state.ended_timestamp_ms
    source, models = predictions[0].source, predictions[0].results.predictions[0].models
    assert (source.type, source.filename, source.content_type, len(source.md_5_sum)) == ("file", "hello.mp4", "video/mp4", 32)
    assert details.request.files[0].md_5_sum == source.md_5_sum
    faces = models.face.grouped_predictions
    assert [g.id for g in faces] == ["face_0"] and names(faces[0].predictions[0].emotions) == taxonomy("eee48").labels
    times = [p.time for p in faces[0].predictions]
    assert len(times) >= 9 and times == sorted(times) and [p.frame for p in faces[0].predictions] == [round(t * 25) for t in times]
    assert all(p.box.w > 60 and p.prob > 0.9 and p.facs is None for p in faces[0].predictions)
    said = models.prosody.grouped_predictions[0].predictions
    assert said[1].text == "I am so happy to see you today!" and 3 < said[1].time.begin < said[1].time.end < 6
    words = [p.text for p in models.language.grouped_predictions[0].predictions]
    assert "Hello." in words and "Oh!" in words                        # by sentence, while prosody goes by utterance


def test_num_predictions_counts_what_there_is(talk):
    _, details, predictions = talk
    models = predictions[0].results.predictions[0].models
    assert details.state.num_predictions == sum(len(g.predictions) for m in (models.face, models.prosody, models.language) for g in m.grouped_predictions)


def test_artifacts_are_an_archive_of_tables(batch, talk, tmp_path):
    batch.get_and_write_job_artifacts(talk[0], file_name=str(tmp_path / "a.zip"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {n.rpartition("/")[2] for n in archive.namelist()} == {"face.csv", "prosody.csv", "language.csv"}
        head, first, *_ = archive.read(next(n for n in archive.namelist() if n.endswith("face.csv"))).decode().splitlines()
    assert head.startswith("Id,Frame,Time,Probability,FaceX0,FaceY0,FaceWidth,FaceHeight,Admiration") and first.startswith("face_0,0,0.0,")


def test_jobs_are_listed_filtered_and_paged(batch, ended):
    jobs = [batch.start_inference_job(text=["one"], models=READ) for _ in range(3)]
    for job in jobs:
        ended(job)
    assert [j.job_id for j in batch.list_jobs(limit=3)] == jobs[::-1]
    assert [j.job_id for j in batch.list_jobs(limit=2, sort_by="created", direction="desc", status=["COMPLETED"])] == jobs[:0:-1]
    second = batch.get_job_details(jobs[1]).state.created_timestamp_ms
    assert jobs[2] not in [j.job_id for j in batch.list_jobs(when="created_before", timestamp_ms=second + 1)]
    assert jobs[0] not in [j.job_id for j in batch.list_jobs(when="created_after", timestamp_ms=second)]
    assert batch.list_jobs(status=["FAILED"]) == []


def test_both_shapes_of_the_json_part_are_taken(batch, ended):
    asked = InferenceBaseRequest(models=READ)
    as_file = batch.start_inference_job_from_local_file(file=[("a.txt", b"I am so sad.", "text/plain")], json=asked)
    as_field = batch.with_raw_response.start_inference_job_from_local_file(file=[("a.txt", b"I am so sad.", "text/plain")], json=asked).data
    for job in (as_file, as_field):
        ended(job)
        found = batch.get_job_predictions(job)[0].results
        assert found.predictions[0].file == "a.txt" and found.predictions[0].models.language.grouped_predictions[0].predictions[0].text == "I am so sad."


def test_an_archive_is_unpacked_and_each_file_named(batch, ended):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("study/a.txt", "I am so glad.")
        archive.writestr("study/b.wav", sound())
        archive.writestr("study/notes.xyz", "?")
    models = Models(language=Language(granularity="sentence"), prosody=Prosody())
    job = batch.start_inference_job_from_local_file(file=[("study.zip", out.getvalue(), "application/zip")], json=InferenceBaseRequest(models=models))
    ended(job)
    results = batch.get_job_predictions(job)[0].results
    assert {p.file for p in results.predictions} == {"study/a.txt", "study/b.wav"}
    told = {(e.file, e.message.split(":")[0].split(";")[0]) for e in results.errors}
    assert ("study/notes.xyz", ".xyz is no media") in told and ("study/a.txt", "prosody") in told


class Site(http.server.BaseHTTPRequestHandler):
    """What a job fetches, and where it calls back."""

    came: list = []  # noqa: RUF012
    arrived = threading.Event()

    def do_GET(self):
        self.send_response(302 if self.path == "/moved" else 200 if self.path == "/talk.txt" else 404)
        if self.path == "/moved":
            self.send_header("Location", "/talk.txt")
        self.end_headers()
        self.wfile.write(b"I am so glad." if self.path == "/talk.txt" else b"")

    def do_POST(self):
        self.came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        self.arrived.set()

    def log_message(self, *said):
        pass


@pytest.fixture(scope="module")
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_addresses_are_fetched_and_the_end_is_called_back(batch, ended, site):
    job = batch.start_inference_job(urls=[f"{site}/talk.txt", f"{site}/moved", f"{site}/gone.mp4"], models=READ, callback_url=f"{site}/done", notify=True)
    details = ended(job)
    assert (details.state.num_predictions, details.state.num_errors) == (2, 1)
    found = batch.get_job_predictions(job)
    assert [f.source.url for f in found] == [f"{site}/talk.txt", f"{site}/moved", f"{site}/gone.mp4"]
    assert "answers 404" in found[2].error and found[2].results is None
    assert Site.arrived.wait(60)
    assert Site.came[0]["job_id"] == job and len(Site.came[0]["predictions"]) == 3 and Site.came[0]["status"] == "COMPLETED"


def test_what_is_not_measured_is_said_and_the_rest_is_there(batch, ended):
    models = Models(language=Language(granularity="passage", sentiment={}, toxicity={}), ner={}, facemesh={})
    job = batch.start_inference_job(text=["I am so glad. Really."], models=models)
    ended(job)
    results = batch.get_job_predictions(job)[0].results
    p = results.predictions[0].models.language.grouped_predictions[0].predictions[0]
    assert p.text == "I am so glad. Really." and p.sentiment is None and p.toxicity is None
    assert {e.message.split(":")[0] for e in results.errors} == {"ner", "facemesh", "language.sentiment", "language.toxicity"}


def test_a_window_cuts_prosody_into_steps_and_null_disables_transcription(batch, ended):
    models = Models(prosody=Prosody(window={"length": 2.0, "step": 1.0}))
    with SAMPLE.open("rb") as media:
        job = batch.start_inference_job_from_local_file(file=[media], json=InferenceBaseRequest(models=models, transcription=None))
    assert ended(job).state.status == "COMPLETED"
    found = batch.get_job_predictions(job)[0].results.predictions[0].models
    assert found.face is None and found.prosody is not None


def test_a_broken_file_is_the_sources_error_and_the_job_completes(batch, ended):
    job = batch.start_inference_job_from_local_file(file=[("broken.mp4", b"\x00\x01nothing", "video/mp4"), ("ok.txt", b"I am glad.", "text/plain")],
                                                    json=InferenceBaseRequest(models=READ))
    assert ended(job).state.num_errors >= 1
    broken, ok = batch.get_job_predictions(job)
    assert "no media" in broken.error and "/" not in broken.error.split("(")[0] and ok.error is None


@pytest.mark.parametrize(("asked", "says"), [
    ({"models": Models(face=Face(fps_pred=-1)), "text": ["x"]}, "models.face.fps_pred"),
    ({"models": Models(prosody=Prosody(granularity="letter")), "text": ["x"]}, "models.prosody.granularity"),
    ({"transcription": Transcription(language="tlh"), "text": ["x"]}, "transcription.language"),
    ({"urls": ["file:///etc/passwd"]}, "https://"), ({}, "nothing to measure"), ({"text": ["x" * 5001]}, "5001 characters"), ({"text": ["x"] * 101}, "at most 100"),
])
def test_a_wrong_request_is_refused_with_code_and_sentence(batch, asked, says):
    with pytest.raises(ApiError) as refused:
        batch.start_inference_job(**asked)
    assert refused.value.status_code == 400 and refused.value.body["code"] == "E0101" and says in refused.value.body["message"]


def test_an_unknown_job_is_not_found(batch):
    for ask in (batch.get_job_details, batch.get_job_predictions):
        with pytest.raises(ApiError) as refused:
            ask("00000000-0000-0000-0000-000000000000")
        assert refused.value.status_code == 404


def test_consent_and_purpose_travel_with_the_job_and_the_recording(serving, ended):
    sent = post(f"{serving}/v1/recordings", files={"file": ("a.wav", sound(), "audio/wav")}, data={"consent": "signed 3 May", "purpose": "study 12"})
    job = sent.json()["id"]
    ended_ = get(f"{serving}/v1/jobs/{job}/events").text
    assert "event: end" in ended_
    told = get(f"{serving}/v1/jobs/{job}").json()
    assert (told["consent"], told["purpose"], told["state"]) == ("signed 3 May", "study 12", "COMPLETED")
    assert {"consent: signed 3 May", "purpose: study 12"} <= set(get(f"{serving}{told['recordings'][0]['link']}").json()["notes"])
    assert [e["event"] for e in get(f"{serving}/v1/jobs/{job}/audit").json()] == ["accepted", "measured", "completed"]
