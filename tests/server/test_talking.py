"""A conversation within a live session: what the session measured reaches the agent, and goes with it."""

import asyncio
import contextlib
import json
import os
import struct
import sys
import time
from pathlib import Path

import httpx
import pytest

pytest.importorskip("websockets")
pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")
from websockets.sync.client import connect

from attune.agent import boundaries
from attune.errors import RecordingError
from attune.media import Media, jpeg
from attune.server.mcp import Tools

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "hello.mp4"
SECONDS = 4.6                            # of the sample that are sent at once: five seconds ahead of the clock are allowed
PATIENCE = 240.0


def say(socket, **message):
    socket.send(json.dumps(message))


def heard(socket, kind):
    while (message := json.loads(socket.recv(timeout=60)))["type"] != kind:
        assert message["type"] != "error", message
    return message


class Session:
    """A live session that has seen and heard the sample's beginning."""

    def __init__(self, serving, socket, **start):
        self.serving, self.socket = serving, socket
        say(self.socket, type="start", language="en", **start)
        self.id = heard(self.socket, "started")["session"]

    def show(self, start=0.0, end=SECONDS):
        media = Media.open(SAMPLE)
        sound = (media.waveform(16_000)[round(start * 16_000) : round(end * 16_000)] * 32_767).astype("<i2")
        for at in range(0, len(sound), 16_000):
            self.socket.send(b"\x01" + struct.pack("<d", start + at / 16_000) + sound[at : at + 16_000].tobytes())
        for moment, rgb in media.frames(3.0):
            if start <= moment < end:
                self.socket.send(b"\x02" + struct.pack("<d", moment) + jpeg(rgb))
                heard(self.socket, "face")
        say(self.socket, type="ping", id=1)
        heard(self.socket, "pong")                            # so that all of it has been measured when a turn asks for it
        return self

    def ask(self, *messages, stream=False, **options):
        live = {"session": self.id, **options.pop("live", {})}
        said = [{"role": "user" if i % 2 == 0 else "assistant", "content": m} for i, m in enumerate(messages)]
        return httpx.post(f"{self.serving}/v1/chat/completions", timeout=PATIENCE,
                          json={"model": "attune", "messages": said, "stream": stream, "attune": {"live": live, **options}})

    def about(self, *messages, **options):
        answer = self.ask(*messages, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()["attune"]

    def stop(self):
        say(self.socket, type="stop")
        ended = heard(self.socket, "ended")
        self.socket.close()
        return ended


@pytest.fixture
def session(serving):
    """session(**start) -> a live session; it is ended at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda **more: Session(serving, stack.enter_context(connect(f"{serving.replace('http', 'ws')}/v1/live", max_size=2**24)), **more)


def of(about, modality):
    return [n for n in about["noticed"] if n["modality"] == modality]


def test_what_the_session_measured_is_in_the_turn_and_nothing_is_sent_again(session):
    one = session().show()
    about = one.about("I am so happy to see you.")
    assert about["by"] == "reflective listener" and about["live"]["start"] == 0 and about["live"]["end"] == pytest.approx(SECONDS, abs=0.4)
    assert of(about, "face") and of(about, "voice") and of(about, "text")[0]["word"] == "joyful"
    assert any(line.startswith("face: They") for line in about["expression"]) and any(line.startswith("voice: They") for line in about["expression"])
    face = next(n for n in of(about, "face"))
    assert face["word"] == "happy" and 0 <= face["time"] <= about["live"]["end"]


def test_a_turn_takes_what_came_since_the_one_before_and_tells_what_changed(session):
    one = session().show()
    first = one.about("I am so happy to see you.")
    time.sleep(max(0.0, 8.0 - 5.0))                            # the clock must follow
    one.show(SECONDS, 8.0)
    second = one.about("I am so happy to see you.", "That is good.", "Oh! I did not expect that!")
    assert second["live"]["start"] == pytest.approx(first["live"]["end"], abs=0.01) and second["live"]["end"] > 7
    again = one.about("I am so happy to see you.", "That is good.", "Oh! I did not expect that!", live={k: second["live"][k] for k in ("start", "end")})
    assert (again["live"]["start"], again["live"]["end"], again["noticed"]) == (second["live"]["start"], second["live"]["end"], second["noticed"])
    why = one.ask("I am so happy to see you.", "That is good.", "Oh! I did not expect that!", "So?", "What made you think I'm happy?").json()
    said = why["choices"][0]["message"]["content"]
    assert "your turn 2," in said and "your face: " in said      # the retry took no turn's place of its own
    assert all(f"{n['word']} {n['score']:.2f}" in said for n in second["noticed"])


def test_streaming_tells_what_was_measured_first(session):
    one = session().show()
    lines = [json.loads(line[6:]) for line in one.ask("I am so happy to see you.", stream=True).text.split("\n\n") if line.startswith("data: {")]
    assert lines[0]["attune"]["live"]["session"] == one.id and of(lines[0]["attune"], "face") and lines[0]["choices"][0]["delta"]["content"] == ""
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in lines).count("You say you are so happy to see you") == 1


def test_switched_off_nothing_of_the_session_is_used_and_what_was_is_forgotten(session):
    one = session().show()
    assert of(one.about("I am so happy to see you."), "face")
    off = one.about("I am so happy to see you.", "Good.", "And now I say something else.", notice=False)
    assert off["noticed"] == [] and off["expression"] == [] and off["live"]["reason"] == "noticing is off"
    why = one.ask("I am so happy to see you.", "Good.", "And now?", "Yes?", "What made you think I'm happy?").json()["choices"][0]["message"]["content"]
    assert "your face" not in why


def test_the_conversation_can_be_forgotten(session):
    one = session().show()
    one.about("I am so happy to see you.")
    say(one.socket, type="forget", what="conversation")
    say(one.socket, type="ping", id=2)
    heard(one.socket, "pong")
    answer = one.ask("Hello there, you.", "Yes?", "What made you think I'm happy?").json()["choices"][0]["message"]["content"]
    assert "your turn 1" not in answer and "happy to see" not in answer
    told = one.ask("Hello there, you.", "Yes?", "Please forget everything I said.").json()
    assert told["attune"]["boundary"] == "forget" and told["choices"][0]["message"]["content"] == boundaries.policy("en")["answers"]["forget"]


def test_danger_brings_help_whatever_becomes_of_the_session(session):
    one = session()
    one.stop()
    answer = one.ask("I want to kill myself").json()
    assert answer["choices"][0]["message"]["content"] == boundaries.policy("en")["help"]["self_harm"]
    assert "no live session of this number" in answer["attune"]["live"]["reason"] and answer["attune"]["boundary"] == "self_harm"


def test_without_recording_nothing_is_kept_and_with_it_the_conversation_is(session, serving):
    one = session().show(0, 2)
    one.about("I am so happy to see you.")
    assert one.stop()["conversation"] is None
    kept = session(record=True, consent="asked").show(0, 2)
    kept.about("I am so happy to see you.")
    ended = kept.stop()
    whole = httpx.get(f"{serving}/v1/recordings/{ended['conversation']}", timeout=PATIENCE).json()
    assert next((s["person"], s["text"]) for s in whole["segments"]) == ("you", "I am so happy to see you.") and whole["segments"][1]["person"] == "Attune"
    listed = {r["id"]: r for r in httpx.get(f"{serving}/v1/recordings", timeout=PATIENCE).json()}
    assert listed[ended["conversation"]]["file"] == "conversation" and listed[ended["recording"]]["consent"] == "asked"
    assert httpx.get(f"{serving}/v1/recordings/{ended['conversation']}/report", timeout=PATIENCE).status_code == 200


def test_a_session_tells_others_of_now_only_if_it_was_started_so(session, serving):
    session().show(0, 2)
    assert httpx.get(f"{serving}/v1/live", timeout=PATIENCE).json() == []
    one = session(share=True, purpose="a test").show(0, 3)
    (told,) = httpx.get(f"{serving}/v1/live", timeout=PATIENCE).json()
    assert told["session"] == one.id and told["purpose"] == "a test" and not told["record"]
    face = next(m for m in told["latest"] if m["type"] == "face")
    assert face["faces"][0]["values"] and 0 <= face["age"] < 60
    one.stop()
    assert httpx.get(f"{serving}/v1/live", timeout=PATIENCE).json() == []


def test_current_expression_of_mcp_reads_a_shared_session(session, serving, tmp_path):
    mcp = pytest.importorskip("mcp", reason="needs MCP's client: pip install 'attune[agent]'")
    one = session(share=True).show(0, 3)

    async def asked():
        started = mcp.StdioServerParameters(command=sys.executable, args=["-m", "attune.cli", "mcp", "--folder", str(tmp_path), "--server", serving],
                                            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, cwd=str(tmp_path))
        async with mcp.Client(started, read_timeout_seconds=PATIENCE) as client:
            one.show(3, 4.5)                                   # while it starts, time goes by
            return await client.call_tool("current_expression", {})

    told = json.loads(asyncio.run(asked()).content[0].text)
    assert told["live"] == one.id and told["person"] == "person 1" and told["age_s"] < 6 and told["expression"]["face"][0]["score"] >= 0.1
    one.stop()
    with pytest.raises(RecordingError, match="no live session was started so that it may be asked"):
        Tools(tmp_path, [], serving).current_expression()


@pytest.mark.parametrize(("live", "says"), [({"start": -1}, "start"), ({"session": "x" * 65}, "session"), ({"folder": "x"}, "folder")])
def test_what_is_wrong_about_the_session_is_said(session, live, says):
    answer = session().ask("Hello.", live=live)
    assert answer.status_code == 400 and says in answer.json()["message"]
