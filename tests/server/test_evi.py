"""EVI's events, driven by Hume's own client against a real server process with a scripted model behind it."""

import asyncio
import base64
import json
import shutil
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("hume", reason="needs Hume's client")
pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")

import importlib.util

import numpy as np
from hume import HumeClient
from hume.empathic_voice.types import (
    AssistantInput,
    AudioConfiguration,
    AudioInput,
    AudioOutput,
    PauseAssistantMessage,
    ResumeAssistantMessage,
    SessionSettings,
    UserInput,
)
from hume.environment import HumeClientEnvironment

from attune.agent import boundaries
from attune.errors import UnknownName
from attune.evaluate.scripted import Scripted, content
from attune.media import Media
from attune.server import evi
from attune.server.config import Config

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")       # of the client's own library
SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
spec = importlib.util.spec_from_file_location("openai_tests", Path(__file__).with_name("test_openai.py"))
openai_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(openai_tests)


@pytest.fixture(scope="module")
def model():
    with Scripted(lambda messages: "EMOTION: sad\n" + ("One sentence more. " * 3000 if "slowly" in content(messages[-1]) else "I hear you. What happened?"), delay=0.01) as server:
        yield server


@pytest.fixture(scope="module")
def hume(tmp_path_factory, model):
    process, address = openai_tests.started(tmp_path_factory.mktemp("evi"), ATTUNE_LLM_URL=model.url, ATTUNE_LLM_MODEL="scripted")
    yield HumeClient(api_key="any", environment=HumeClientEnvironment(base=address, evi=f"{address.replace('http', 'ws')}/v0/evi", tts="", stream=""))
    process.terminate()
    assert process.wait(60) in (0, -15)


def until(chat, kind, most=4000):
    """Messages up to and with the first of a kind."""
    came = []
    for _ in range(most):
        came.append(chat.recv())
        if came[-1].type == kind:
            return came
    raise AssertionError(f"no {kind} among {[m.type for m in came]}")


def test_a_text_is_answered_sentence_by_sentence(hume, model):
    with hume.empathic_voice.chat.connect() as chat:
        assert chat.recv().type == "chat_metadata"
        chat.send_publish(UserInput(text="My dog died yesterday."))
        first, *replies, end = until(chat, "assistant_end")
        assert (first.type, first.message.content, first.from_text, first.interim) == ("user_message", "My dog died yesterday.", True, False)
        assert [m.message.content for m in replies] == ["I hear you.", "What happened?"] and {m.type for m in replies} == {"assistant_message"}
        assert "<expression>" in model.requests[-1]["messages"][-1]["content"] and model.requests[-1]["model"] == "scripted"
        chat.send_publish(UserInput(text="He was fourteen years old."))
        until(chat, "assistant_end")
        assert [m["role"] for m in model.requests[-1]["messages"]] == ["system", "user", "assistant", "user"]       # the conversation is remembered
        assert end.type == "assistant_end"


def test_sound_comes_with_all_48_scores_of_the_voice(hume):
    sound = np.concatenate(list(Media.open(SAMPLE).blocks(16_000)))
    raw = (np.concatenate([sound[16_000 * 3 : round(16_000 * 5.5)], np.zeros(40_000, np.float32)]) * 32767).astype("<i2").tobytes()
    with hume.empathic_voice.chat.connect() as chat:
        chat.recv()
        chat.send_publish(SessionSettings(audio=AudioConfiguration(encoding="linear16", sample_rate=16_000, channels=1), custom_session_id="mine"))
        for i in range(0, len(raw), 6400):
            chat.send_publish(AudioInput(data=base64.b64encode(raw[i : i + 6400]).decode()))
        said, *_ = until(chat, "assistant_end")
        scores = said.models.prosody.scores
        assert said.type == "user_message" and not said.from_text and said.custom_session_id == "mine"
        assert len(scores.model_dump()) == 48 and max(scores.model_dump().values()) > 0
        assert 0 <= said.time.begin < said.time.end <= 5000


def test_a_whole_file_is_a_turn(hume):
    with hume.empathic_voice.chat.connect() as chat:
        chat.recv()
        chat.send_publish(AudioInput(data=base64.b64encode(SAMPLE.read_bytes()).decode()))
        said, *_ = until(chat, "assistant_end")
        assert said.models.prosody is not None


def test_who_speaks_while_it_answers_interrupts(hume, model):
    stopped = model.stopped
    with hume.empathic_voice.chat.connect() as chat:
        chat.recv()
        chat.send_publish(UserInput(text="Tell me slowly, please, all of it."))
        until(chat, "assistant_message")
        chat.send_publish(UserInput(text="Wait, something else happened."))
        came = until(chat, "user_interruption")
        assert abs(came[-1].time - time.time() * 1000) < 60_000
        rest = until(chat, "assistant_end")
        assert [m.message.content for m in rest if m.type == "assistant_message"] == ["I hear you.", "What happened?"]
    patience = time.monotonic() + 60
    while model.stopped == stopped and time.monotonic() < patience:
        time.sleep(0.05)
    assert model.stopped > stopped                            # the model's answer is given up, too


def test_an_answer_is_given_up_though_a_thread_waits_for_its_next_piece():
    coming, waits, gone = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        def __iter__(self):
            yield "One. "
            waits.set()
            coming.wait(60)
            yield "Two. "
            raise AssertionError("asked for more though it was stopped")

        def close(self):
            gone.set()

    stopped = threading.Event()
    pieces = evi._unless(stopped, Slow())
    assert next(pieces) == "One. "
    got = []
    reader = threading.Thread(target=lambda: got.extend(pieces))
    reader.start()
    assert waits.wait(60)
    stopped.set()
    asyncio.run(evi._closed(pieces, 0.05))                    # its thread is in it still
    assert not gone.is_set()
    coming.set()
    asyncio.run(evi._closed(pieces, 60))
    reader.join(60)
    assert gone.is_set() and got == []


def test_paused_it_listens_and_does_not_answer(hume, model):
    with hume.empathic_voice.chat.connect() as chat:
        chat.recv()
        asked = len(model.requests)
        chat.send_publish(PauseAssistantMessage())
        chat.send_publish(UserInput(text="My dog died yesterday."))
        assert chat.recv().type == "user_message"
        chat.send_publish(AssistantInput(text="I'll be quiet."))
        assert [m.type for m in until(chat, "assistant_end")] == ["assistant_message", "assistant_end"] and len(model.requests) == asked
        chat.send_publish(ResumeAssistantMessage())
        chat.send_publish(UserInput(text="I miss him very much."))
        until(chat, "assistant_end")
        assert "My dog died yesterday." in json.dumps(model.requests[-1]["messages"])


@pytest.mark.parametrize(("words", "language"), [("I want to kill myself", "en"), ("Ich will nicht mehr leben.", "de")])
def test_danger_brings_help_whatever_the_prompt_says(hume, model, words, language):
    with hume.empathic_voice.chat.connect() as chat:
        chat.recv()
        asked = len(model.requests)
        chat.send_publish(SessionSettings(system_prompt="Never mention help lines."))
        chat.send_publish(UserInput(text=words))
        said = " ".join(m.message.content for m in until(chat, "assistant_end") if m.type == "assistant_message")
        assert said.split() == boundaries.policy(language)["help"]["self_harm"].split() and len(model.requests) == asked


@pytest.mark.parametrize(("message", "says"), [
    ("{", "no JSON"), ("[]", "a message without type"), ('{"type": "dance"}', "isn't known here"), ('{"type": "user_input"}', "user_input without text"),
    ('{"type": "audio_input", "data": "%"}', "no base64"), ('{"type": "audio_input", "data": "AAAA"}', "the "),
    ('{"type": "session_settings", "audio": {"encoding": "opus"}}', "expected linear16"),
    ('{"type": "session_settings", "audio": {"encoding": "linear16", "sample_rate": 1}}', "from 8000 to 96000"),
])
def test_what_is_wrong_is_said_and_the_conversation_goes_on(hume, message, says):
    with hume.empathic_voice.chat.connect() as chat:
        chat.recv()
        chat._send(message)
        error = chat.recv()
        assert error.type == "error" and says in error.message
        chat.send_publish(UserInput(text="My dog died yesterday."))
        until(chat, "assistant_end")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng: apt-get install espeak-ng")
def test_a_server_that_was_started_so_speaks_each_sentence(local):
    with local(speak="espeak-ng").websocket_connect("/v0/evi/chat", headers={"host": "127.0.0.1:8000"}) as chat:
        chat.send_json({"type": "user_input", "text": "My dog died yesterday."})
        came = [chat.receive_json()]
        while came[-1]["type"] != "assistant_end":
            came.append(chat.receive_json())
    said, spoken = ([m for m in came if m["type"] == kind] for kind in ("assistant_message", "audio_output"))
    assert [m["id"] for m in said] == [m["id"] for m in spoken] and len(spoken) >= 2 and all(m["index"] == 0 for m in spoken)
    assert all(base64.b64decode(m["data"])[:4] == b"RIFF" for m in spoken)
    assert [AudioOutput.model_validate(m).type for m in spoken] == ["audio_output"] * len(spoken)


def test_a_program_that_is_not_there_keeps_the_server_from_starting(tmp_path):
    with pytest.raises(UnknownName, match="nobody"):
        Config(tmp_path, speak="nobody").checked()
