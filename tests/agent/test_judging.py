"""The judge beside people: one that says what people say agrees, those that understand nothing don't; what was asked once isn't asked again."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attune.errors import AttuneError, SettingError
from attune.evaluate import judging
from attune.evaluate.scripted import Scripted, content
from attune.llms import client

SAID = {"sympathizing": "Oh no, that must hurt you very much.", "questioning": "When was it?", "agreeing": "Yes, the same here."}


@pytest.fixture
def intents(tmp_path):
    rows = [{"text": f"{SAID[kind]} {i}", "intent": kind} for i in range(12) for kind in SAID]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "intent_manual.parquet")
    return tmp_path


@pytest.fixture
def essays(tmp_path):
    rows = [{"message_id": str(i), "response_id": str(i), "article_id": i % 5, "empathy": 1 + i % 7, "distress": 1.0, "essay": f"I felt it {i % 7} times."} for i in range(28)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "dev.parquet")
    return tmp_path


def by_hurt(messages):
    return json.dumps({"empathy": 5 if "hurt" in content(messages[-1]) else 1, "specificity": 2})


def by_number(messages):
    return json.dumps({"empathy": 1 + int(content(messages[-1]).split(" times")[0][-1]) * 4 / 6, "specificity": 2})


def test_intents_that_are_neither_are_left_out(intents):
    texts = judging.labelled("empathetic_intents", intents)
    assert len(texts) == 24 and {t.label for t in texts} == {0.0, 1.0} and not any("same here" in t.text for t in texts)


def test_a_judge_that_sees_what_people_see_tells_the_kinds_apart(intents, tmp_path):
    texts = judging.labelled("empathetic_intents", intents)
    with Scripted(by_hurt) as server:
        judge = client(server.url, "scripted")
        first = judging.compared(texts, judge, cache=tmp_path / "kept", draws=50)
        asked = len(server.requests)
        again = judging.compared(texts, judge, cache=tmp_path / "kept", draws=50)
        assert asked == 24 and len(server.requests) == 24 and judging.plain(first) == judging.plain(again)
        assert "RUBRIC" in content(server.requests[0]["messages"][0])
    figures = {j.name: j.figures["AUC"][0].value for j in first}
    assert figures == {"judge: scripted": 1.0, "always 3": 0.5, "length, in fifths": 1.0, "the scripted server's rule": 0.0}       # it counts question marks


def test_graded_empathy_is_compared_as_of_two_raters(essays):
    texts = judging.labelled("empathic_reactions", essays)
    assert texts[0].label == 1 and texts[6].label == 5 and texts[0].group == "article-0"
    with Scripted(by_number) as server:
        judges = {j.name: j.figures for j in judging.compared(texts, client(server.url, "scripted"), draws=50)}
    mine = judges["judge: scripted"]
    assert mine["weighted kappa"][0].value == pytest.approx(1) and mine["Spearman"][0].value == pytest.approx(1) and mine["judge less people"][0].value == pytest.approx(0, abs=1e-6)
    assert judges["always 3"]["weighted kappa"][0].value == pytest.approx(0, abs=1e-9) and math.isnan(judges["always 3"]["Spearman"][0].value)


def test_the_table_says_that_no_model_was_asked_and_that_specificity_is_not_known(essays):
    text = judging.table(judging.compared(judging.labelled("empathic_reactions", essays), draws=20), "empathic_reactions", "attune evaluate agent")
    assert "No language model was asked" in text and "Nobody labelled specificity" in text and "| – |" in text


def test_answers_that_are_no_scores_are_left_out(essays):
    texts = judging.labelled("empathic_reactions", essays)
    with Scripted(lambda _: "I'd rather not.") as server:
        (judge, *_) = judging.compared(texts, client(server.url, "scripted"), draws=20)
    assert judge.figures["Spearman"][1] == 0 and math.isnan(judge.figures["Spearman"][0].value)


def test_too_few_texts_and_a_missing_file_are_said(essays, tmp_path):
    with pytest.raises(SettingError, match="3 labelled texts of empathic_reactions; expected at least 10"):
        judging.labelled("empathic_reactions", essays, limit=3)
    with pytest.raises(AttuneError, match="intent_manual"):
        judging.labelled("empathetic_intents", tmp_path)
    assert math.isnan(judging.auc(np.array([1.0, 1.0]), np.array([1.0, 2.0])))


def test_the_command_runs_with_a_corpus_and_a_folder(intents, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from attune.cli.app import app

    monkeypatch.setenv("ATTUNE_CACHE", str(tmp_path / "cache"))
    told = CliRunner().invoke(app, ["evaluate", "agent", "empathetic_intents", str(intents), "--scripted", "--draws", "20", "--out", str(tmp_path / "out"),
                                    "--cache", str(tmp_path / "kept")])
    assert told.exit_code == 0, told.output
    assert "judge: scripted | 24" in told.output.replace("│", "|") and (tmp_path / "out" / "agent-empathetic_intents" / "table.md").is_file()
