"""The table of the paper on LEED on made-up actors: what can be learned is, nobody is tested by a model that met them, endpoints are scripted."""

import json

import numpy as np
import pytest

from attune.datasets import Item
from attune.errors import AttuneError, LeakError, SettingError, UnknownName
from attune.evaluate import leed as experiment
from attune.evaluate.leed import MOVEMENTS, PUBLISHED, Clips, OpenAI, Packaged, Stream, clips, embedder, made_up, rotation
from attune.evaluate.predictions import Predictions
from attune.taxonomy import taxonomy


def items(actors=("a", "b"), each=4):
    rng = np.random.default_rng(0)
    return [Item(f"{g}{i}", "train", g, np.eye(8, dtype=np.float32)[i % 8], text="Dogs are sitting by the door", features={"au": rng.random(35).astype(np.float32) * 3})
            for g in actors for i in range(each)]


def heard(of, fold=True, steps=1):
    rng = np.random.default_rng(1)
    ids, groups = ([getattr(i, name) for i in of for _ in range(steps)] for name in ("id", "group"))
    folds = [str(sorted(set(groups)).index(g)) for g in groups] if fold else None
    return Predictions.of("ravdess8", np.eye(8)[np.zeros(len(ids), int)], rng.dirichlet(np.ones(8), len(ids)), ids=ids, groups=groups, corpus="ravdess", model="net", fold=folds)


def test_the_published_figures_are_those_of_the_source():
    assert sorted(PUBLISHED.values()) == [0.66, 0.69, 0.72, 0.78, 0.79]


def test_every_actor_is_tested_once_and_never_learned_from_then():
    groups = np.repeat([f"a{i:02d}" for i in range(20)], 3)
    folds = rotation(groups)
    assert len(folds) == 5 and sorted(np.concatenate(folds).tolist()) == list(range(60))
    assert all(len(set(groups[f])) == 4 and not set(groups[f]) & set(np.delete(groups, f)) for f in folds)


def test_too_few_actors_are_refused():
    with pytest.raises(SettingError, match="at least 8"):
        rotation(np.array(["a", "b", "c"]))


def test_levels_come_from_the_training_actors_alone():
    given = made_up()
    stream, train = given.streams["face"], np.arange(64)
    changed = Stream("face", stream.taxonomy, [v if i < 64 else v * 0 + 5 for i, v in enumerate(stream.values)], stream.least)
    assert stream.texts(stream.calibrated(train), given.said)[:64] == changed.texts(changed.calibrated(train), given.said)[:64]


def test_a_face_is_said_in_movements_and_a_voice_with_its_words():
    given = made_up()
    said = experiment._Texts(given).sentences(np.arange(len(given.truth)))
    assert all(t.startswith("They looked ") for t in said["face mean LEED"])
    assert all(t.startswith('They said "Kids are talking by the door" and they sounded ') for t in said["voice mean LEED"])
    assert said["late"][0] == said["face mean LEED"][0] + " " + said["voice mean LEED"][0]
    assert any(word in " ".join(said["face mean LEED"]) for word in MOVEMENTS.values())


def test_several_rows_of_a_clip_are_its_time_steps():
    there = items()
    given = clips(there, heard(there, steps=3))
    said = experiment._Texts(given).sentences(np.arange(8))
    assert said["voice LEED per step"][0].count("sounded") == 3 and said["voice mean LEED"][0].count("sounded") == 1
    assert "face LEED per step" not in said


def test_a_voice_that_was_heard_in_training_is_refused():
    with pytest.raises(LeakError, match="no column 'fold'"):
        clips(items(), heard(items(), fold=False))


def test_a_person_in_two_folds_is_refused():
    p = heard(items())
    p.folds[0] = "1"
    with pytest.raises(LeakError, match="several folds"):
        clips(items(), p)


def test_clips_without_a_prediction_are_left_out_and_counted():
    given = clips(items(), heard(items()[:6]))
    assert len(given.truth) == 6 and any("2 clips have no prediction" in n for n in given.notes)


def test_streams_must_be_of_the_same_clips():
    with pytest.raises(ValueError, match="expected 3"):
        Clips(np.zeros(3, int), np.array(list("abc")), [""] * 3, {"voice": Stream("voice", taxonomy("ravdess8"), [np.ones((1, 8))], 0.1)})


def scripted(url, headers, body):
    """An endpoint that gives each text its length and its number of blanks, last text first."""
    asked = json.loads(body)
    scripted.seen.append((url, headers.get("Authorization"), asked["model"], len(asked["input"])))
    return json.dumps({"data": [{"index": i, "embedding": [len(t), t.count(" ")]} for i, t in reversed(list(enumerate(asked["input"])))]}).encode()


scripted.seen = []


def test_an_endpoint_is_asked_once_per_text_in_parts_and_its_order_is_put_right():
    scripted.seen.clear()
    e = OpenAI("ada", "http://here/v1/", key="secret", post=scripted)
    texts = [f"{'x' * i} y" for i in range(150)]
    assert e(texts + texts[:3])[:, 0].tolist() == [i + 2 for i in range(150)] + [2, 3, 4]
    e(texts[:5])
    assert scripted.seen == [("http://here/v1/embeddings", "Bearer secret", "ada", 100), ("http://here/v1/embeddings", "Bearer secret", "ada", 50)]


@pytest.mark.parametrize("answer", [b"<html>", b'{"error": "no"}', b'{"data": []}'])
def test_an_answer_without_embeddings_is_shown(answer):
    with pytest.raises(AttuneError, match="answered"):
        OpenAI("ada", "http://here/v1", post=lambda *_: answer)(["a"])


def test_an_endpoint_that_is_not_there_says_how_to_name_one():
    with pytest.raises(AttuneError, match="openai:MODEL@URL"):
        OpenAI("ada", "http://127.0.0.1:9/v1", key="")(["a"])


def test_an_unknown_embedder_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'tfidf'"):
        embedder("tfidff")


def test_the_packaged_encoder_gives_the_same_vector_for_the_same_text():
    e = Packaged()
    vectors = e(["They looked very sad.", "They looked very happy.", "They looked very sad."])
    assert vectors.shape == (3, 384) and np.array_equal(vectors[0], vectors[2]) and not np.array_equal(vectors[0], vectors[1])


@pytest.fixture(scope="module")
def table():
    pytest.importorskip("sklearn")
    e = OpenAI("length", "http://here/v1", key="", post=scripted)
    return experiment.run(made_up(), embedders=[embedder("tfidf"), e], grid=(1e-2, 1.0), draws=30, command="attune evaluate leed DIR")


def test_rows_are_the_sources_rows(table):
    names = [r.name for r in table.rows if r.protocol == "nested" and r.embedder in ("", "tfidf")]
    assert names == ["face raw", "voice raw", "face + voice raw", "face mean LEED", "voice mean LEED", "early", "late"]


def test_early_puts_two_vectors_side_by_side_and_late_makes_one(table):
    width = {r.name: r.dimensions for r in table.rows if r.embedder == "openai:length"}
    assert width["early"] == 4 and width["late"] == 2


def test_numbers_that_hold_everything_are_learned(table):
    assert next(r for r in table.rows if r.name == "face + voice raw" and r.protocol == "nested").uar.value > 0.9


def test_choosing_on_test_is_never_worse_and_is_flagged(table):
    rows = {(r.name, r.embedder, r.protocol): r for r in table.rows}
    worse = [k for k, r in rows.items() if k[2] == "paper" and r.uar.value < rows[k[:2] + ("nested",)].uar.value - 0.05]
    assert not worse and all(r.optimistic == (r.protocol == "paper") for r in table.rows)
    assert table.markdown().count("optimistic") == sum(r.optimistic for r in table.rows)


def test_words_are_compared_with_the_numbers_they_were_made_from(table):
    pairs = {(d.words.name, d.numbers.name) for d in table.differences}
    assert pairs == {("face mean LEED", "face raw"), ("voice mean LEED", "voice raw"), ("early", "face + voice raw"), ("late", "face + voice raw")}
    length = next(d for d in table.differences if d.words.embedder == "openai:length" and d.words.name == "late" and d.words.protocol == "nested")
    assert length.uar.high < 0 and "raw numbers beat words" in str(length)


def test_the_table_says_whose_numbers_it_has_and_how_it_was_made(table):
    text = table.markdown()
    assert "ours on our features" in text and "`attune evaluate leed DIR`" in text and "| .690 |" in text
    assert json.loads(json.dumps(table.plain()))["rows"][0]["uar"]["value"] == table.rows[0].uar.value


def test_labels_that_say_nothing_give_chance():
    pytest.importorskip("sklearn")
    given = made_up()
    mixed = Clips(np.random.default_rng(3).permutation(given.truth), given.groups, given.said, given.streams)
    made = experiment.run(mixed, embedders=[], protocols=("nested",), grid=(1e-2,), draws=10)
    assert all(r.uar.value < 0.3 for r in made.rows)
