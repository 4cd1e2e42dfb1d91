"""`attune chat` and `attune evaluate agent`, as a user runs them."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attune.cli.app import app
from attune.errors import RecordingError, SettingError

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"


def attune(*arguments, given=""):
    done = CliRunner().invoke(app, list(map(str, arguments)), input=given, env={"ATTUNE_LLM_URL": "", "ATTUNE_LLM_MODEL": "", "COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, re.sub(r"\s+", " ", done.output)


def test_a_conversation_is_answered_kept_replayed_and_deleted(tmp_path):
    code, said = attune("chat", "--keep", tmp_path / "talk", given="My dog died yesterday.\n/seen\n/why\n/quit\n")
    assert code == 0 and "That sounds heavy. You say your dog died yesterday" in said
    assert "words: The words read as" in said and "the words: sad 0." in said
    code, again = attune("chat", "--replay", tmp_path / "talk")
    assert code == 0 and "› My dog died yesterday. That sounds heavy. You say your dog died yesterday" in again
    code, said = attune("chat", "--forget", tmp_path / "talk")
    assert code == 0 and not (tmp_path / "talk").exists()


def test_one_turn_can_be_a_clip(tmp_path):
    code, said = attune("chat", "--clip", SAMPLE, "--seen")
    assert code == 0 and "› Hello. This is a short test." in said and "face: They" in said and "voice: They" in said


def test_a_clips_name_may_have_blanks_and_words_may_follow_it(tmp_path):
    spaced = tmp_path / "my first turn.mp4"
    spaced.symlink_to(SAMPLE)
    _, said = attune("chat", given=f"/clip {spaced}\n/clip '{spaced}' I am fine, thanks.\n/clip {SAMPLE} I am fine.\n")
    assert "no file" not in said
    assert "› I am fine, thanks." in said and "› I am fine. " in said


def test_a_clip_may_have_more_words_than_a_name_has_letters():
    code, said = attune("chat", given=f"/clip {SAMPLE} {'I am fine. ' * 30}\n/quit\n")
    assert code == 0 and "› I am fine. I am fine." in said


def test_a_clip_of_nobody_s_folder_is_not_there():
    assert "~nobody-of-this-name/talk.mp4" in attune("chat", given="/clip ~nobody-of-this-name/talk.mp4\n/quit\n")[1]


def test_a_microphone_without_a_recogniser_says_that_words_stay_unknown(monkeypatch):
    from attune.agent import microphone
    from attune.text import recognisers

    monkeypatch.setattr(microphone, "device", lambda name: iter(()))
    for here, told in ((None, True), ("faster_whisper", False)):
        monkeypatch.setattr(recognisers, "first", lambda wanted="auto", here=here: here)
        assert ("your words stay unknown" in attune("chat", "--microphone")[1]) == told


def test_noticing_is_switched_off_and_on():
    _, said = attune("chat", given="/off\nMy dog died yesterday.\n/seen\n/on\n/forget\n/what\n")
    assert "noticing is off" in said and "words: The words" not in said and "noticing is on" in said and "the conversation is deleted" in said and "/clip FILE" in said


def test_a_model_is_asked_and_one_that_is_away_is_named(scripted):
    server = scripted(lambda _: "EMOTION: sad\nI hear you.")
    assert "I hear you." in attune("chat", "--url", server.url, "--model", "m", "My dog died.")[1]
    code, said = attune("chat", "--url", "http://127.0.0.1:9/v1", "--model", "m", "My dog died.")
    assert code == 1 and "is the server running there?" in said


def test_danger_brings_help_in_the_terminal():
    assert "findahelpline.com" in attune("chat", "I want to kill myself")[1]
    assert "TelefonSeelsorge" in attune("chat", "Ich will nicht mehr leben.")[1]


@pytest.mark.parametrize(("arguments", "error", "says"), [
    (["--model", "x", "Hi"], SettingError, "needs the address of a server"), (["--url", "nowhere", "Hi"], SettingError, "no address of a language model"),
    (["--persona", "atune", "Hi"], LookupError, "did you mean 'attune'"), (["--forget", "nothing"], RecordingError, "holds no recording"),
])
def test_what_is_wrong_is_said(arguments, error, says):
    with pytest.raises(error, match=says):
        attune("chat", *arguments)


def test_the_bench_writes_a_table(tmp_path):
    pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")
    code, said = attune("evaluate", "agent", "users", "--scripted", "--limit", 2, "--draws", 20, "--out", tmp_path, "--cache", tmp_path / "kept", "--condition", "text",
                        "--condition", "all")
    assert code == 0 and "| all |" in said and "`attune evaluate agent users --scripted --condition text --condition all --limit 2 --draws 20`" in said
    written = json.loads((tmp_path / "agent-users" / "table.json").read_text(encoding="utf-8"))
    assert set(written["figures"]) == {"text", "all"} and "say nothing of what a language model would do" in " ".join(written["notes"])


def test_a_corpus_needs_its_folder():
    with pytest.raises(SettingError, match="expected DIR, as in: attune evaluate agent esconv DIR"):
        attune("evaluate", "agent", "esconv")
    with pytest.raises(SettingError, match="exclude each other"):
        attune("evaluate", "agent", "--scripted", "--url", "http://localhost")
