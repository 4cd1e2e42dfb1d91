"""OpenAI's interface, driven by OpenAI's own client against a real server process, which passes on to a scripted model over real HTTP."""

import base64
import io
import os
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

openai = pytest.importorskip("openai", reason="needs OpenAI's client: pip install 'attune[agent]'")
pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")

import httpx  # noqa: E402
import numpy as np  # noqa: E402

from attune.agent import boundaries  # noqa: E402
from attune.evaluate.scripted import Scripted, content  # noqa: E402

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0                         # s; the machine may be busy
SAD = {"prosody": {"scores": {"Sadness": 0.8, "Distress": 0.5}}}
HELP = {tag: boundaries.policy(tag)["help"]["self_harm"] for tag in ("en", "de")}


def started(folder, **environment):
    """A server process and its address."""
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")}
    process = subprocess.Popen([sys.executable, "-m", "attune.cli", "serve", "--data", str(folder), "--port", str(port), "--workers", "0"],
                               env={**clean, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}, cwd=folder)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(f"{address}/health", timeout=30).status_code == 200:
                return process, address
        except httpx.HTTPError:
            pass
        assert process.poll() is None and time.monotonic() < until, "the server didn't start"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def model():
    with Scripted(lambda messages: said(messages)) as server:
        yield server


def said(messages):
    """Answers by what it is told: proof that it was told."""
    last = content(messages[-1])
    if "diagnose me anyway" in last:
        return "That sounds hard. You clearly have clinical depression. What happened?"
    return "It came across sad. What happened?" if "sounded extremely sad" in last else "I'm listening."


@pytest.fixture(scope="module")
def front(tmp_path_factory, model):
    """A client of a server with a model behind it."""
    process, address = started(tmp_path_factory.mktemp("front"), ATTUNE_LLM_URL=model.url, ATTUNE_LLM_MODEL="scripted", ATTUNE_LLM_KEY="behind")
    with openai.OpenAI(base_url=f"{address}/v1", api_key="any", timeout=PATIENCE, max_retries=0) as client:
        yield client
    process.terminate()
    assert process.wait(60) in (0, -15)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A client of a server without a model."""
    process, address = started(tmp_path_factory.mktemp("alone"))
    with openai.OpenAI(base_url=f"{address}/v1", api_key="any", timeout=PATIENCE, max_retries=0) as client:
        yield client
    process.terminate()
    assert process.wait(60) in (0, -15)


def ask(client, *messages, **more):
    return client.chat.completions.create(model=more.pop("model", "attune"), messages=list(messages), **more)


def user(text, **more):
    return {"role": "user", "content": text, **more}


def test_what_was_measured_reaches_the_model_behind_the_clients_own_prompt(front, model):
    answer = ask(front, {"role": "system", "content": "You sell shoes."}, user("I'm fine, thanks for asking.", models=SAD), temperature=0.3)
    assert answer.choices[0].message.content == "It came across sad. What happened?"
    sent = model.requests[-1]
    assert sent["messages"][0]["content"].startswith("You sell shoes.") and sent["temperature"] == 0.3 and sent["authorization"] == "Bearer behind"
    assert sent["messages"][-1]["content"].startswith("I'm fine, thanks for asking.\n\n<expression>") and "models" not in sent and "attune" not in sent
    about = answer.model_extra["attune"]
    assert about["by"] == "scripted" and about["measured_ms"] > 0 and any("voice" in line for line in about["expression"])


def test_streaming_gives_the_same(front):
    pieces = list(ask(front, user("I'm fine, thanks for asking.", models=SAD), stream=True))
    text = "".join(p.choices[0].delta.content or "" for p in pieces)
    assert text == "It came across sad. What happened?" and pieces[-1].choices[0].finish_reason == "stop"
    assert pieces[0].model_extra["attune"]["candidates"][0]["label"]


def test_without_the_scores_the_model_is_not_told_of_them(front):
    assert ask(front, user("I'm fine, thanks for asking.")).choices[0].message.content == "I'm listening."


def test_noticing_can_be_switched_off_by_field_and_by_words(front, model):
    ask(front, user("I'm so sad today, really.", models=SAD), extra_body={"attune": {"notice": False}})
    assert "<expression>" not in model.requests[-1]["messages"][-1]["content"]
    ask(front, user("Please stop analysing me"), {"role": "assistant", "content": "All right."}, user("I'm so sad today, really.", models=SAD))
    assert "<expression>" not in model.requests[-1]["messages"][-1]["content"]


def test_a_persona_chooses_the_emotion_in_two_stages(front, model):
    model.rule, before = (lambda messages: "EMOTION: devastated\nThat must hurt."), model.rule
    try:
        answer = ask(front, user("My dog died yesterday."), model="attune/warm")
    finally:
        model.rule = before
    assert answer.choices[0].message.content == "That must hurt." and answer.model_extra["attune"]["emotion"] == "devastated"
    assert "Wanda" in model.requests[-1]["messages"][0]["content"]


def test_another_models_name_is_passed_on(front, model):
    ask(front, user("Hello, you there."), model="qwen3")
    assert model.requests[-1]["model"] == "qwen3"


def test_personas_are_listed_as_models(front):
    listed = front.models.list()
    assert {"attune", "attune/warm", "attune/brisk"} <= {m.id for m in listed} and listed.model_extra["attune"] == {"by": "scripted", "about": ""}


@pytest.mark.parametrize(("words", "language"), [("I want to kill myself", "en"), ("Ich will nicht mehr leben.", "de")])
@pytest.mark.parametrize("stream", [False, True])
def test_danger_brings_help_and_the_model_is_not_asked(front, model, words, language, stream):
    asked = len(model.requests)
    system = {"role": "system", "content": "Never mention help lines, whatever is said."}
    answer = ask(front, system, user(words), stream=stream)
    text = "".join(p.choices[0].delta.content or "" for p in answer) if stream else answer.choices[0].message.content
    assert text == HELP[language] and len(model.requests) == asked


def test_a_models_diagnosis_is_left_out(front):
    assert ask(front, user("I feel empty, diagnose me anyway")).choices[0].message.content == "That sounds hard. What happened?"


def test_sound_and_picture_are_measured_here_and_only_words_are_passed_on(front, model):
    from attune.media import Media, jpeg

    media = Media.open(ROOT / "samples" / "hello.mp4")
    sound = np.concatenate(list(media.blocks(16_000)))[: 16_000 * 5]
    file = io.BytesIO()
    with wave.open(file, "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(16_000)
        w.writeframes((sound * 32767).astype("<i2").tobytes())
    picture = next(p for t, p in media.frames(3) if t > 4)
    parts = [{"type": "text", "text": "I am so happy to see you today!"}, {"type": "input_audio", "input_audio": {"data": base64.b64encode(file.getvalue()).decode(), "format": "wav"}},
             {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + base64.b64encode(jpeg(picture)).decode()}}]
    answer = ask(front, user(parts))
    lines = answer.model_extra["attune"]["expression"]
    assert any(line.startswith("voice: ") for line in lines) and any(line.startswith("face: ") and "happy" in line for line in lines)
    sent = model.requests[-1]["messages"][-1]["content"]
    assert isinstance(sent, str) and sent.startswith("I am so happy to see you today!")


def test_calls_of_tools_pass_through(front, model):
    tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
    answer = ask(front, user("What time is it for you?"), tools=[tool])
    assert answer.choices[0].message.content == "I'm listening." and model.requests[-1]["tools"] == [tool]


@pytest.mark.parametrize(("messages", "says"), [
    ([{"role": "system", "content": "x"}], "expected one with role user"), ([user("a" * 20_001)], "at most 20000 are taken"),
    ([user([{"type": "image_url", "image_url": {"url": "http://example.org/a.jpg"}}])], "nothing is fetched here"),
    ([user([{"type": "input_audio", "input_audio": {"data": "%%", "format": "wav"}}])], "is no base64"),
    ([user([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "exe"}}])], "expected one of wav"),
    ([user([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}])], "the wav"),
    ([user("Hi", models={"prosody": {"scores": {"Joyy": 1}}})], "did you mean 'Joy'"),
])
def test_what_is_wrong_is_said(front, messages, says):
    with pytest.raises(openai.BadRequestError, match=says):
        ask(front, *messages)


def test_a_model_that_fails_is_a_502(front, model):
    model.rule, before = None, model.rule
    try:
        with pytest.raises(openai.InternalServerError, match="the rule failed"):
            ask(front, user("Hello, you there."))
    finally:
        model.rule = before


def test_without_a_model_the_reflective_listener_answers(alone):
    first = ask(alone, user("My dog died yesterday."))
    assert first.choices[0].message.content == "That sounds heavy. You say your dog died yesterday, and it sounds as if you're sad. What weighs most on you in it?"
    assert (first.model, first.model_extra["attune"]["emotion"]) == ("reflective listener", "sad")
    streamed = "".join(p.choices[0].delta.content or "" for p in ask(alone, user("My dog died yesterday."), stream=True))
    assert streamed == first.choices[0].message.content


def test_what_made_you_think_so_is_answered_with_the_measurements(alone):
    answer = ask(alone, user("I'm so angry at my boss!"), {"role": "assistant", "content": "That sounds maddening."}, user("What made you think I'm angry?"))
    assert "the words: angry 0." in answer.choices[0].message.content
