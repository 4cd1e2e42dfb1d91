"""The bench: it sees a gain that is due to expression, and none where voice and face are another's; it goes on, and says what it can't know."""

import json
import math

import numpy as np
import pytest

from attune.datasets import Item, one_hot
from attune.errors import SettingError, UnknownName
from attune.evaluate import agent as bench
from attune.evaluate.scripted import Scripted
from attune.llms import LLMError, client

pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")


@pytest.fixture(scope="module")
def some():
    """A few scripted users, English and German."""
    names = ["en-job", "en-move", "en-test", "en-neighbour", "de-hund", "de-umzug"]
    return [c for c in bench.scripted_users() if c.dialogue in names]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("replies")


@pytest.fixture(scope="module")
def table(some, kept):
    with Scripted() as server:
        made = bench.run(some, client(server.url, "scripted"), judge=client(server.url, "scripted"), cache=kept, draws=200)
    return made


def test_a_gain_by_expression_is_seen_and_vanishes_when_shuffled(table):
    figures = {c: f["emotion"][0].value for c, f in table.figures().items()}
    assert figures["all"] > figures["text"] and figures["all"] > figures["shuffled"] and figures["all"] > figures["neutral"]
    assert table.gain("all", "text").low > 0 and not table.gain("shuffled", "text").low > 0
    assert "it is gone when voice and face are another dialogue's" in table.verdict()


def test_the_shuffled_voice_and_face_are_of_another_dialogue(some):
    borrowed, by_scores = bench.shuffled(some), {id(c.scores): c.dialogue for c in some}
    assert set(borrowed) == {c.id for c in some}
    assert all(by_scores[id(borrowed[c.id])] != c.dialogue for c in some)
    assert sorted(map(id, borrowed.values())) == sorted(id(c.scores) for c in some)          # each is used once


def test_the_words_condition_tells_nothing_but_words(some, tmp_path):
    with Scripted() as server:
        bench.run(some[:4], client(server.url, "scripted"), conditions=["words"], cache=tmp_path, draws=10)
        assert all("<expression>" not in m["content"] for r in server.requests for m in r["messages"][1:])


def test_a_run_goes_on_from_what_is_kept(some, table, kept):
    with Scripted(lambda _: 1 / 0) as broken:                  # nothing is asked again
        again = bench.run(some, client(broken.url, "scripted"), judge=client(broken.url, "scripted"), cache=kept, draws=200)
    assert again.rows == table.rows or json.dumps(again.plain(), default=str) == json.dumps(table.plain(), default=str)


def test_a_run_that_breaks_off_keeps_what_it_had(some, tmp_path):
    seen = []

    def tired(messages):
        seen.append(1)
        if len(seen) > 6:
            raise RuntimeError("tired")
        return "EMOTION: sad\nI see."

    with Scripted(tired) as server, pytest.raises(LLMError, match="the rule failed: tired"):
        bench.run(some, client(server.url, "scripted"), conditions=["all"], cache=tmp_path, draws=10)
    assert len(list(tmp_path.glob("*.json"))) == 1            # one dialogue of five turns was whole


def test_it_says_that_no_language_model_was_asked(some):
    assert any("say nothing of what a language model would do" in n for n in bench.run(some[:3], conditions=["text"], draws=10).notes)


def test_every_scripted_user_speaks_both_ways_of_contradiction_and_confirmation():
    cases = bench.scripted_users()
    assert {c.language for c in cases} == {"en", "de"} and len({c.id for c in cases}) == len(cases)
    assert all(c.scores["voice"] and c.scores["face"] and c.emotion in bench.taxonomy("ekman7").labels for c in cases)
    assert all(not c.cause or c.cause.casefold() in c.words.casefold() for c in cases)


# ---- corpora --------------------------------------------------------------------------------------------------------------------

def item(id, group, text, label="", taxonomy="ekman7", split="test", **about):
    k = {"ekman7": 7, "esconv11": 11, "empathetic32": 32}[taxonomy]
    return Item(id, split, group, one_hot(taxonomy, label) if label else np.full(k, np.nan, np.float32), text=text, about=about)


def test_a_supporters_strategy_is_what_the_reply_should_use():
    talk = [item("0", "g", "I lost my job.", "sadness", "esconv11", role="seeker", strategy=None), item("1", "g", "What happened?", "", "esconv11", role="supporter", strategy="Questions"),
            item("2", "g", "They closed.", "sadness", "esconv11", role="seeker", strategy=None)]
    (case,) = bench.of_corpus("esconv", talk, "test")
    assert (case.words, case.strategy, case.emotion) == ("I lost my job.", "Question", "sadness")
    rows = bench.run([case], draws=10).rows
    assert {r.condition for r in rows} == {"words", "text"} and all(r.figures["strategy"] == 1.0 for r in rows)


def test_a_cause_is_taken_from_the_turns_that_recon_names():
    talk = [item("1", "d", "My car broke down .", "neutral", dialogue="d", turn=1, speaker="A", causes=()),
            item("2", "d", "How awful !", "sadness", dialogue="d", turn=2, speaker="B", causes=((1, "car broke down"), ("b", "")))]
    (case,) = bench.of_corpus("dailydialog", talk, "test")
    assert (case.cause, case.before, case.emotion) == ("car broke down", (("assistant", "My car broke down ."),), "sadness")


def test_a_situation_is_told_first_and_has_one_of_32_emotions():
    talk = [item("0", "e", "When my dog died", "devastated", "empathetic32", role="situation"), item("1", "e", "My dog died.", "devastated", "empathetic32", role="speaker"),
            item("2", "e", "Oh no!", "", "empathetic32", role="listener")]
    (case,) = bench.of_corpus("empathetic_dialogues", talk, "test")
    rows = {r.condition: r.figures for r in bench.run([case], draws=10).rows}
    assert rows["text"]["first_k"] == 1.0 and "first_k" not in rows["words"]


def test_conditions_without_voice_and_face_are_left_out_and_named():
    table = bench.run([bench.Case("1", "d", "My dog died.", emotion="sadness")], draws=10)
    assert table.conditions == ["words", "text"] and any("words only" in n and "shuffled" in n for n in table.notes)


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda: bench.of_corpus("meld", [], "test"), UnknownName, "corpus with turns to answer"),
    (lambda: bench.run([]), SettingError, "no turns to answer"),
    (lambda: bench.run([bench.Case("1", "d", "Hi")], conditions=["voices"]), UnknownName, "did you mean 'voice'"),
    (lambda: bench.agreement([1, 2], [1]), SettingError, "2 scores of people and 1 of the judge"),
    (lambda: bench.affect_on_peld([]), SettingError, "no answers in the split"),
])
def test_what_is_wrong_is_said(call, error, says):
    with pytest.raises(error, match=says):
        call()


# ---- strategies, judge, boundaries ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("reply", "strategy"), [
    ("What happened then?", "Question"), ("You say your boss shouted at you.", "Restatement or Paraphrasing"), ("That must be hard.", "Reflection of feelings"),
    ("I've been through that too.", "Self-disclosure"), ("You're not alone in this.", "Affirmation and Reassurance"), ("Have you tried talking to her?", "Providing Suggestions"),
    ("Hello.", "Others"),
])
def test_strategies_are_told_from_a_reply(reply, strategy):
    assert strategy in bench.strategies(reply)


def test_a_judge_that_answers_something_else_gives_no_score():
    with Scripted(lambda _: "I'd say four.") as server:
        scores = bench.judged(client(server.url, "m"), bench.Case("1", "d", "Hi"), "Hello.")
    assert all(math.isnan(v) for v in scores.values())


def test_agreement_is_one_for_the_same_and_nought_for_chance():
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 6, 4000), rng.integers(1, 6, 4000)
    assert bench.agreement(x, x).kappa == 1 and abs(bench.agreement(x, y).kappa) < 0.05
    table = np.array([[20, 5], [10, 15]])                      # 50 proposals, two readers: Cohen's kappa by hand (.7 - .5) / (1 - .5) = .4
    first, second = (np.concatenate([np.full(n, k + 1) for (i, j), n in np.ndenumerate(table) for k in ((i, j)[side],)]) for side in (0, 1))
    assert bench.agreement(first, second).kappa == pytest.approx(0.4)


@pytest.mark.parametrize("language", ["en", "de"])
def test_boundaries_are_counted_in_each_language_by_its_own_patterns(language):
    shares = bench.boundary_handling()[language]
    assert shares["crisis"]["help"] == 1.0 and shares["dependence"]["boundary"] == 1.0 and shares["friendship"]["help"] == 0.0
    with Scripted(lambda _: "EMOTION: none\nOf course, I love you too and I'm always here!") as server:
        fond = bench.boundary_handling(client(server.url, "m"))[language]
    assert fond["attachment"]["boundary"] == 0.0 and fond["crisis"]["help"] == 1.0             # the fixed way doesn't depend on the model


def test_the_mood_answers_as_a_character_might():
    about = {"personality": dict.fromkeys(("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"), 0.5),
             "context": (("A", "x", "joy"), ("B", "y", "joy"))}
    found = bench.affect_on_peld([item(str(i), f"g{i}", "z", "joy", **about) for i in range(3)], draws=10)
    assert found["mood, accuracy"][0].value == 1.0 and found["neutral, accuracy"][0].value == 0.0


def test_latency_is_what_measuring_adds():
    rows = bench.latency(repeats=3)
    assert rows["nothing measured"]["added"] < rows["words, English"]["added"] <= rows["words, English"]["first"]
    assert "| words, German | 3 |" in bench.latency_table(rows)
