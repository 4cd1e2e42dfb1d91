"""Evaluating made-up models on made-up corpora: the figures, what they promise, and what stops them."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from attune import metrics
from attune.datasets import Item, one_hot, shares
from attune.errors import LeakError, RecordingError, SettingError, ShapeError, UnknownName
from attune.evaluate import Predictions, baseline_of, evaluate, evaluate_predictions, leaks, protocols, read_predictions, said, write_predictions
from attune.evaluate.predictions import STATUSES
from attune.evaluate.score import age_band, fitted_thresholds, score
from attune.evaluate.status import learned, status, worst
from attune.taxonomy import taxonomy

EKMAN = taxonomy("ekman7").labels
WORDS = {"glad": "joy", "furious": "anger", "crying": "sadness", "afraid": "fear", "plain": "neutral"}


class Reader:
    """A model of texts: surely the label of the first word it knows, half sure of neutral otherwise; counts what it is asked."""

    def __init__(self, labels=EKMAN):
        self.labels, self.asked = labels, 0

    def __call__(self, texts):
        self.asked += len(texts)
        rows = np.full((len(texts), len(self.labels)), 0.1 / (len(self.labels) - 1), np.float32)
        for row, text in zip(rows, texts, strict=True):
            found = next((WORDS[w] for w in text.split() if w in WORDS), "neutral")
            row[self.labels.index(found)] = 0.9
            if not text:
                row[:] = np.nan
        return rows


def model(taxonomies=("ekman7",), reader=None, **facts):
    reader = reader or Reader()
    return SimpleNamespace(__name__="made.up.reader", MODALITY="text", TAXONOMIES=taxonomies, WEIGHTS=(), load=lambda: reader, **facts)


def item(i, label, text, split="test", group="", **about):
    return Item(f"{split}{i}", split, group, one_hot("ekman7", label), text=text, about=about)


def corpus(split="test", people=6, each=10, right=0.7, **about):
    """Clips of people, most of which say what they show."""
    rng, out = np.random.default_rng(len(split)), []
    for p in range(people):
        for i in range(each):
            word = rng.choice(list(WORDS))
            said_word = word if rng.random() < right else "plain"
            own = {name: values[p % len(values)] for name, values in about.items()}
            out.append(item(f"-{p}-{i}", WORDS[word], f"{split} person {p} moment {i} so {said_word}", split, f"{split}-{p}", **own))
    return out


FACTS = {"taxonomy": "ekman7", "speakers": "6"}


def test_figures_are_those_of_the_metrics():
    items = corpus()
    result = evaluate(items, model(), facts=FACTS, draws=20)
    only = result.scores[0]
    y = np.array([i.values.argmax() for i in items])
    p = Reader()([i.text for i in items])
    assert only.figures["uar"].value == pytest.approx(metrics.uar(y, p.argmax(1)))
    assert only.figures["accuracy"].value == pytest.approx(metrics.accuracy(y, p.argmax(1)))
    assert only.figures["ece"].value == pytest.approx(metrics.ece(y, p))
    assert only.figures["brier"].value == pytest.approx(metrics.brier(y, p), abs=1e-6)
    assert only.figures["aurc"].value == pytest.approx(metrics.aurc(p.argmax(1) == y, p.max(1)))
    assert only.confusion.tolist() == metrics.confusion(y, p.argmax(1), 7).tolist()
    chance = metrics.ece_by_chance(p)
    assert any(f"an ECE of {chance[0]:.3f}, and one under {chance[1]:.3f} in 95" in note for note in only.notes)
    assert (len(only.predictions), only.speakers, only.unmeasured) == (60, 6, 0)


def test_the_same_twice_is_the_same_to_the_last_digit():
    once, twice = (evaluate(corpus(), model(), facts=FACTS, draws=30) for _ in range(2))
    assert once.to_markdown() == twice.to_markdown()
    assert once.table().equals(twice.table())


def test_intervals_draw_speakers():
    only = evaluate(corpus(people=2), model(), facts=FACTS, draws=40).scores[0]
    each = [metrics.accuracy(*(a[rows] for a in (only.predictions.truth.argmax(1), only.predictions.said.argmax(1))))
            for rows in metrics.members(only.predictions.groups, 20)]
    assert only.figures["accuracy"].low == pytest.approx(min(each))
    assert only.figures["accuracy"].high == pytest.approx(max(each))
    assert any("2 speakers" in note for note in only.notes)


def test_labels_that_a_corpus_does_not_have_are_left_out_and_said():
    known = ("joy", "anger", "neutral")
    items = [Item(str(i), "test", "", one_hot("ekman7", label, known), text=text)
             for i, (label, text) in enumerate([("joy", "glad"), ("anger", "crying"), ("neutral", "plain"), ("anger", "furious")])]
    only = evaluate(items, model(), facts=FACTS, draws=10).scores[0]
    assert only.labels == ("anger", "joy", "neutral")
    assert any("not in the corpus" in note and "fear" in note for note in only.notes)
    # "crying" says sadness, which can't be: what is left of the probabilities is shared equally, and the first label comes first
    assert only.figures["accuracy"].value == 1.0
    assert only.predictions.said[1].argmax() == EKMAN.index("sadness")


def test_what_gave_nothing_to_measure_is_counted_and_not_scored():
    only = evaluate([item(0, "joy", "glad"), item(1, "joy", "")], model(), facts=FACTS, draws=10).scores[0]
    assert only.unmeasured == 1
    assert len(only.predictions) == 1
    assert only.figures["accuracy"].value == 1
    assert any("1 of 2 items gave nothing" in note for note in only.notes)


def test_votes_are_scored_as_distributions_and_ties_have_no_one_label():
    votes = [{"joy": 3, "neutral": 1}, {"anger": 2, "sadness": 2}]
    items = [Item(str(i), "test", "", shares("ekman7", v), text=t) for i, (v, t) in enumerate(zip(votes, ("glad", "furious"), strict=True))]
    only = evaluate(items, model(), facts=FACTS, draws=10).scores[0]
    p = Reader()(["glad", "furious"])
    assert only.n == {**dict.fromkeys(only.figures, 1), "jsd": 2, "cross_entropy": 2, "set_f1": 2, "ece_votes": 2}
    assert only.figures["jsd"].value == pytest.approx(metrics.jsd(np.stack([i.values for i in items]), p).mean(), abs=1e-6)
    assert any("two labels with most votes" in note for note in only.notes)


def test_one_hot_truth_has_no_distances_between_distributions():
    assert "jsd" not in evaluate(corpus(), model(), facts=FACTS, draws=10).scores[0].figures


# several labels, positions

def several(split, rows):
    return [Item(f"{split}{i}", split, "", np.array(values, np.float32), text=text) for i, (values, text) in enumerate(rows)]


GO = taxonomy("goemotions28")


def go(*labels):
    return [float(label in labels) for label in GO.labels]


class Labeller:
    """0.4 for what is written, 0.05 for the rest."""

    def __call__(self, texts):
        return np.array([[0.4 if label in text.split() else 0.05 for label in GO.labels] for text in texts], np.float32)


def labeller(**facts):
    return SimpleNamespace(__name__="labeller", MODALITY="text", TAXONOMIES=("goemotions28",), WEIGHTS=(), load=Labeller, **facts)


def test_thresholds_are_the_models_own_or_fitted_on_dev_and_never_on_test():
    dev = several("dev", [(go("joy"), "joy"), (go("anger"), "anger"), (go("joy", "love"), "joy love")])
    test = several("test", [(go("joy"), "joy"), (go("anger"), "anger joy")])
    facts = {"taxonomy": "goemotions28"}
    fitted = evaluate([*dev, *test], labeller(), facts=facts, draws=10).scores[0]
    assert fitted.thresholds["joy"] == pytest.approx((0.4 + 0.05) / 2, abs=1e-6)
    assert "fear" not in fitted.thresholds                                  # never there in dev
    assert any("fitted on 3 items of dev" in note for note in fitted.notes)
    plain = evaluate(test, labeller(), facts=facts, draws=10).scores[0]
    assert plain.figures["micro_f1"].value == 0                             # nothing reaches .5
    own = evaluate([*dev, *test], labeller(THRESHOLDS=dict.fromkeys(GO.labels, 0.3)), facts=facts, draws=10).scores[0]
    assert any("the model's own" in note for note in own.notes)
    assert own.figures["micro_f1"].value == fitted.figures["micro_f1"].value == pytest.approx(2 * 2 / (2 + 3))
    assert own.figures["macro_f1_at_.5"].value == 0


def test_labels_that_are_never_there_are_named_since_they_count_nothing():
    notes = evaluate(several("test", [(go("joy"), "joy"), (go("anger"), "anger")]), labeller(), facts={"taxonomy": "goemotions28"}, draws=10).scores[0].notes
    (named,) = [note for note in notes if note.startswith("labels that are never there, each of which counts 0 in macro-F1")]
    assert "fear" in named
    assert "joy" not in named


def test_a_fitted_threshold_lies_between_what_is_said_and_what_is_not():
    rng = np.random.default_rng(1)
    said_, truth = rng.random((50, 28)).round(2), rng.random((50, 28)) < 0.3
    names = np.array([str(i) for i in range(50)])
    p = Predictions("", "", GO, names, names, names, np.array(["unknown"] * 50), truth.astype(float), said_)
    for label, at in fitted_thresholds(p).items():
        j = GO.index(label)
        best = max(metrics.f1(truth[:, [j]], said_[:, [j]] >= t)[0] for t in np.unique(said_[:, j]))
        assert metrics.f1(truth[:, [j]], said_[:, [j]] >= at)[0] == pytest.approx(best)


def test_intensities_are_correlated_as_well():
    rows = several("test", [([0.3 if label == "joy" else 0.0 for label in GO.labels], "joy"), (go("joy"), "joy"), (go(), "none")])
    only = evaluate(rows, labeller(), facts={"taxonomy": "goemotions28"}, draws=10).scores[0]
    assert only.by_label["joy"]["r"].value == pytest.approx(metrics.pearson(np.array([0.3, 1, 0]), np.array([0.4, 0.4, 0.05])))
    assert only.by_label["joy"]["n"].value == 2


def test_positions_are_scored_by_dimension():
    truth, said_ = np.random.default_rng(0).uniform(-1, 1, (2, 40, 3))
    p = Predictions.of("vad", truth, said_, ids=[str(i) for i in range(40)], groups=[f"p{i % 4}" for i in range(40)], corpus="mine", model="net")
    only = score(p, draws=20)
    assert only.by_label["arousal"]["ccc"].value == pytest.approx(metrics.ccc(truth[:, 1], said_[:, 1]))
    assert only.figures["mae"].value == pytest.approx(np.abs(truth - said_).mean())


def test_each_dimension_is_scored_on_the_items_that_have_it():
    truth, said_ = np.random.default_rng(0).uniform(-1, 1, (2, 40, 3))
    truth[:25, 0] = np.nan
    p = Predictions.of("vad", truth, said_, ids=[str(i) for i in range(40)], groups=[f"p{i % 4}" for i in range(40)], corpus="mine", model="net")
    only = score(p, draws=20)
    assert only.by_label["valence"]["ccc"].value == pytest.approx(metrics.ccc(truth[25:, 0], said_[25:, 0]))
    assert only.by_label["arousal"]["ccc"].value == pytest.approx(metrics.ccc(truth[:, 1], said_[:, 1]))
    assert [only.by_label[label]["n"].value for label in ("valence", "arousal", "dominance")] == [15, 40, 40]
    assert any("each is scored on those that have it" in note for note in only.notes)


def two_people():
    """One only shows joy, and is right; the other only anger, and is wrong; ten clips each."""
    truth = one_hot("ekman7", "joy")[None].repeat(20, 0)
    truth[10:] = one_hot("ekman7", "anger")
    return Predictions.of("ekman7", truth, one_hot("ekman7", "joy")[None].repeat(20, 0), ids=[str(i) for i in range(20)], groups=["ada"] * 10 + ["ben"] * 10,
                          corpus="mine", model="net")


def test_a_draw_without_a_class_says_nothing_of_the_mean_over_classes():
    # ann and amy are always right with joy, ben and bob always wrong with anger: whoever is drawn, the mean over both is a half. Draws of ann
    # and amy alone would have 1, over one class.
    p = two_people()
    p = replace(p, groups=np.array(["ann", "amy"] * 5 + ["ben", "bob"] * 5))
    only = score(p, draws=100)
    assert tuple(only.figures["uar"]) == (0.5, 0.5, 0.5)
    assert (only.figures["accuracy"].low, only.figures["accuracy"].high) == (0, 1)
    assert any("anger 2, joy 2; draws that lack one don't count" in note for note in only.notes)


def test_a_class_of_one_person_leaves_its_recall_and_the_mean_over_classes_without_interval():
    only = score(two_people(), draws=50)
    assert only.figures["uar"].value == 0.5
    for interval in (only.figures["uar"], only.figures["macro_f1"], only.by_label["joy"]["recall"]):
        assert np.isnan(interval.low)
    assert not np.isnan(only.figures["accuracy"].low)
    assert any("anger 1, joy 1; UAR and macro-F1 have no interval" in note for note in only.notes)


def test_a_gap_is_drawn_over_the_same_labels_on_both_sides():
    # Joy is always right and anger always wrong, whoever shows it: there is no gap. Of the women cas doesn't show joy; a draw of her alone would
    # set the mean over anger beside that over both.
    shown = [(who, sex, label) for who, sex in (("ann", "F"), ("bea", "F"), ("cas", "F"), ("don", "M"), ("eli", "M"), ("fin", "M"))
             for label in ("joy", "anger") for _ in range(20) if (label, sex) != ("joy", "F") or who != "cas"]
    p = Predictions.of(
        "ekman7", np.stack([one_hot("ekman7", label) for *_, label in shown]),
        np.stack([one_hot("ekman7", "joy" if label == "joy" else "neutral") for *_, label in shown]), ids=[str(i) for i in range(len(shown))],
        groups=[who for who, *_ in shown], corpus="mine", model="net", about={"sex": [sex for _, sex, _ in shown]})
    women = next(g for g in score(p, draws=200).groups if g.name == "F")
    assert tuple(women.value) == (0.5, 0.5, 0.5)
    assert tuple(women.gap) == (0, 0, 0)


def test_a_row_nobody_voted_for_is_no_tie():
    p = two_people()
    p.truth[3] = 0
    only = score(p, draws=10)
    assert any("1 items have none of the labels" in note for note in only.notes)
    assert not any("two labels with most votes" in note for note in only.notes)
    assert only.n["accuracy"] == 19


# crosswalks

def test_a_corpus_of_other_labels_is_met_by_a_crosswalk_with_its_coverage():
    items = [Item(str(i), "test", "", one_hot("ravdess8", label), text=text)
             for i, (label, text) in enumerate([("happy", "glad"), ("calm", "plain"), ("angry", "furious")])]
    only = evaluate(items, model(), facts={"taxonomy": "ravdess8"}, draws=10).scores[0]
    assert only.predictions.taxonomy.name == "ekman7"
    assert only.predictions.via == ("ravdess8->ekman7",)
    assert only.figures["accuracy"].value == 1
    assert any("labels reached" in note for note in only.notes)


def test_labels_that_a_corpus_lacks_stay_unknown_behind_a_crosswalk():
    items = [Item(str(i), "test", "", one_hot("ravdess8", label, ("happy", "angry", "neutral")), text=text)
             for i, (label, text) in enumerate([("happy", "glad"), ("neutral", "plain")])]
    only = evaluate(items, model(), facts={"taxonomy": "ravdess8"}, draws=10).scores[0]
    assert set(only.labels) == {"joy", "anger", "neutral"}


def test_items_of_labels_that_the_model_cannot_say_are_left_out_and_said():
    class Half:
        def __call__(self, texts):
            rows = Reader()(texts)
            rows[:, EKMAN.index("fear")] = np.nan
            return rows

    only = evaluate([item(0, "joy", "glad"), item(1, "fear", "afraid")], model(reader=Half()), facts=FACTS, draws=10).scores[0]
    assert "fear" not in only.labels
    assert only.n["accuracy"] == 1
    assert any("can't say (fear)" in note for note in only.notes)


def test_an_anchor_on_an_axis_is_never_taken_for_the_truth():
    moods = SimpleNamespace(__name__="moods", MODALITY="text", TAXONOMIES=("vad",), WEIGHTS=(), load=lambda: lambda texts: np.zeros((len(texts), 3)))
    with pytest.raises(UnknownName, match="no crosswalk lets"):
        evaluate([item(0, "joy", "glad")], moods, facts=FACTS, draws=10)
    asked = evaluate([item(0, "joy", "glad"), item(1, "anger", "glad")], moods, facts=FACTS, into="vad", draws=10)
    assert asked.scores[0].predictions.via == ("ekman7->vad",)


def test_a_corpus_with_two_taxonomies_is_scored_in_each_that_the_model_has():
    two = SimpleNamespace(__name__="two", MODALITY="text", TAXONOMIES=("ekman7", "vad"), WEIGHTS=(),
                          load=lambda: lambda texts: np.concatenate([Reader()(texts), np.zeros((len(texts), 3), np.float32)], axis=1))
    items = [Item(str(i), "test", "", one_hot("ekman7", "joy"), text="glad", more={"vad": np.array([0.5, 0.1 * i, 0], np.float32)}) for i in range(3)]
    result = evaluate(items, two, facts={"taxonomy": "ekman7", "more": ("vad",)}, draws=10)
    assert [s.predictions.taxonomy.name for s in result.scores] == ["ekman7", "vad"]
    assert result.scores[1].figures["mae"].value == pytest.approx((0.5 + 0.1 + 0) / 3)


# status

TRAINED = {"TRAINED_ON": {"made": ("train", "test-3")}, "TUNED_ON": {"made": ("dev",), "other": ("dev",)}}


@pytest.mark.parametrize(("corpus_name", "split", "group", "expected"), [
    ("made", "train", "a", "in-sample"), ("made", "test", "test-3", "in-sample"), ("made", "dev", "a", "tuned"), ("made", "test", "a", "held-out"),
    ("other", "test", "a", "held-out"), ("elsewhere", "train", "a", "out-of-sample"), ("", "test", "a", "unknown"),
])
def test_status_follows_from_what_the_model_states(corpus_name, split, group, expected):
    assert status(model(**TRAINED), corpus_name, item(0, "joy", "glad", split, group)) == expected


def test_a_model_that_says_nothing_has_figures_of_unknown_status():
    assert status(model(), "made", item(0, "joy", "glad")) == "unknown"
    assert evaluate(corpus(), model(), facts=FACTS, draws=10).scores[0].status == "unknown"


def test_items_that_were_in_training_are_never_said_to_be_free_of_leaks():
    items = [*corpus("train"), *corpus("test")]
    own = model(TRAINED_ON={"made": ("train", "test")})
    result = evaluate(items, own, corpus=SimpleNamespace(__name__="made", FACTS=FACTS), facts=FACTS, draws=10)
    assert result.scores[0].status == "in-sample"
    assert not any("no leak" in note for note in result.notes)


def test_marked_copies_that_a_model_was_taught_all_the_same_are_leaks():
    there = [item(i, "joy", f"a sentence of five words {i}", split, group, duplicate=marked, listed=listed) for i, (split, group, marked, listed) in enumerate([
        ("train", "twin", True, False), ("train", "like", True, True), ("train", "lone", False, False), ("test", "twin", True, True), ("test", "like", True, True)])]
    plain, taught = (model(TRAINED_ON={"made": ("train",)}, **more) for more in ({}, {"TAUGHT_COPIES": ("made",)}))
    assert [i.group for i in learned(plain, "made", there)] == ["lone"]
    assert [i.group for i in learned(taught, "made", there)] == ["twin", "lone"]
    with pytest.raises(LeakError, match="1 of 2 evaluated items meet"):
        evaluate(there, taught, corpus=SimpleNamespace(__name__="made", FACTS=FACTS), facts=FACTS, draws=10)


def test_all_of_a_corpus_is_no_leak_of_itself():
    result = evaluate([*corpus("train"), *corpus("test")], model(), facts=FACTS, split="all", draws=10)
    assert (len(result.scores[0].predictions), result.leaks) == (120, ())


def test_corpora_of_training_in_which_no_leak_was_looked_for_are_named():
    own = model(TRAINED_ON={"made": ("train",), "goemotions": ("train",)})
    source = {"corpus": SimpleNamespace(__name__="made", FACTS=FACTS), "facts": FACTS, "draws": 10}
    alone = evaluate([*corpus("train"), *corpus("test")], own, **source)
    assert any("weren't looked for in other corpora" in note and "(goemotions)" in note for note in alone.notes)
    beside = evaluate([*corpus("train"), *corpus("test")], own, seen=[item(0, "joy", "something else altogether in here", "train")], **source)
    assert not any("weren't looked for" in note for note in beside.notes)
    more = model(TRAINED_ON={"made": ("train",), "goemotions": ("train",), "emobank": ("train",)})
    named = evaluate([*corpus("train"), *corpus("test")], more, seen={"goemotions": [item(0, "joy", "quite another text of goemotions", "train")]}, **source)
    assert any("weren't looked for in other corpora" in note and "(emobank)" in note for note in named.notes)


@pytest.mark.parametrize(("items", "expected"), [
    ([item(0, "joy", "")], "1 of 1 items gave nothing to measure.*measures texts.*the first, test0, is empty"),
    ([Item("a", "test", "", np.full(7, np.nan), text="glad")], "1 items have no label here.*the first, a, is a text"),
])
def test_a_model_without_a_figure_says_why(items, expected):
    with pytest.raises(SettingError, match=expected):
        evaluate(items, model(), facts=FACTS, draws=10)


def test_a_figure_over_items_of_several_statuses_counts_as_the_least_of_them():
    assert worst(["held-out", "in-sample", "held-out"]) == ("in-sample", "items of several statuses (1 in-sample, 2 held-out); the figures count as in-sample")
    assert worst(STATUSES)[0] == "in-sample"


def test_a_corpus_that_shares_material_with_one_trained_on_is_never_out_of_sample():
    facts = FACTS | {"shares": ("films",)}
    only = evaluate(corpus(), model(TRAINED_ON={"films": ("train",)}), facts=facts, corpus="", draws=10)
    assert any("shares material with films" in note for note in only.notes)


# leaks

def test_a_speaker_on_both_sides_stops_the_run_by_name():
    items = [*corpus(), item(99, "joy", "glad", "train", "test-2")]
    with pytest.raises(LeakError, match=r"10 of 60 evaluated items .*test-2-0 \(the same group\) meets train99 of test-2.*--allow-leak"):
        evaluate(items, model(), facts=FACTS, draws=10)


def test_a_leak_is_left_out_or_kept_on_demand_and_said_beside_the_figures():
    items = [*corpus(), item(99, "joy", "glad", "train", "test-2")]
    dropped = evaluate(items, model(), facts=FACTS, draws=10, leak="drop")
    allowed = evaluate(items, model(), facts=FACTS, draws=10, leak="allow")
    assert (len(dropped.scores[0].predictions), len(allowed.scores[0].predictions)) == (50, 60)
    assert "they are left out" in dropped.to_markdown()
    assert "they are in the figures" in allowed.to_markdown()


@pytest.mark.parametrize(("text", "what"), [
    ("The quick brown fox jumps over dogs!", "the same text"),
    ("the quick brown fox jumps over dogs and the lazy cat sleeps by the warm kitchen stove today", None),
    ("Thank you!", None),
])
def test_texts_are_compared_without_case_and_punctuation(text, what):
    seen = [item(0, "joy", "the QUICK brown fox, jumps over dogs", "train"), item(1, "joy", "Thank you!", "train")]
    found = leaks.find([item(2, "joy", text)], seen, "text")
    assert [leak.what for leak in found] == ([what] if what else [])


def test_a_text_with_one_word_more_is_nearly_the_same():
    long = "we went down to the river in the early morning and saw that the boats had already left for the other side"
    found = leaks.find([item(0, "joy", long + " again")], [item(1, "joy", long, "train")], "text")
    assert found == [leaks.Leak("test0", "train1", "nearly the same text")]


def test_words_are_no_leak_for_a_model_of_voices():
    same = "kids are talking by the door"
    assert leaks.find([item(0, "joy", same)], [item(1, "joy", same, "train")], "voice") == []


def picture(i, split, pixels):
    return Item(f"{split}{i}", split, "", one_hot("ekman7", "joy"), pixels=pixels)


def test_a_picture_is_known_again_when_it_was_coded_anew_or_made_brighter():
    rng = np.random.default_rng(0)
    faces = [np.kron(rng.integers(40, 200, (12, 12)), np.ones((4, 4))).astype(np.uint8) for _ in range(20)]
    noisy = np.clip(faces[3].astype(int) + rng.integers(-3, 4, (48, 48)) + 20, 0, 255).astype(np.uint8)
    seen = [picture(i, "train", face) for i, face in enumerate(faces)]
    found = leaks.find([picture(0, "test", noisy), picture(1, "test", faces[5]), picture(2, "test", np.full((48, 48), 9, np.uint8))], seen, "face")
    assert found == [leaks.Leak("test0", "train3", "nearly the same picture"), leaks.Leak("test1", "train5", "the same bytes")]


def test_other_pictures_of_the_same_kind_are_no_leak():
    rng = np.random.default_rng(1)
    faces = [np.kron(rng.integers(40, 200, (12, 12)), np.ones((4, 4))).astype(np.uint8) for _ in range(60)]
    assert leaks.find([picture(i, "test", f) for i, f in enumerate(faces[:30])], [picture(i, "train", f) for i, f in enumerate(faces[30:])], "face") == []


def wav(path, samples, rate=16_000):
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def spoken(seed, seconds=1.5, rate=16_000):
    """Syllables of changing pitch, another sequence for each seed."""
    rng, t = np.random.default_rng(seed), np.arange(int(seconds * rate)) / rate
    pitch = np.repeat(rng.uniform(90, 300, 10), len(t) // 10 + 1)[: len(t)]
    loud = np.repeat(rng.uniform(0.1, 1, 15), len(t) // 15 + 1)[: len(t)]
    return sum(np.sin(2 * np.pi * np.cumsum(pitch) * k / rate) / k for k in range(1, 8)) * loud * 0.2


def sounds(tmp_path, split, made):
    return [Item(f"{split}{i}", split, f"{split}-{i}", one_hot("ekman7", "joy"), wav(tmp_path / f"{split}{i}.wav", s)) for i, s in enumerate(made)]


def test_a_sound_is_known_again_when_it_is_softer_and_coded_anew(tmp_path):
    seen = sounds(tmp_path, "train", [spoken(i) for i in range(8)])
    test = sounds(tmp_path, "test", [0.3 * spoken(4) + np.random.default_rng(0).normal(0, 1e-4, 24_000), spoken(77), np.zeros(9000)])
    cache = tmp_path / "cache"
    found = leaks.find(test, seen, "voice", folder=cache)
    assert found == [leaks.Leak("test0", "train4", "nearly the same recording")]
    assert leaks.find(test, seen, "voice", folder=cache) == found           # from what was kept


# predictions, in files and out of folds

def predictions(n=12, **more):
    rng = np.random.default_rng(3)
    truth = np.eye(7)[rng.integers(0, 7, n)]
    said_ = rng.dirichlet(np.ones(7), n)
    facts = {"ids": [f"c{i}" for i in range(n)], "groups": [f"p{i % 4}" for i in range(n)], "corpus": "mine", "model": "net", "split": "test"}
    return Predictions.of("ekman7", truth, said_, **facts | more)


def test_predictions_come_back_from_their_file(tmp_path):
    p = predictions(status="held-out", fold=[i % 4 for i in range(12)], about={"sex": ["F", "M"] * 6, "age": [30, None] * 6})
    back = read_predictions(write_predictions(tmp_path / "p.parquet", p))[0]
    np.testing.assert_array_equal(back.truth, p.truth)
    np.testing.assert_array_equal(back.said, p.said)
    assert back.folds.tolist() == p.folds.tolist()
    assert back.about["age"].tolist() == ["30", ""] * 6
    assert (back.corpus, back.model, back.taxonomy.name, back.statuses[0]) == ("mine", "net", "ekman7", "held-out")


def test_a_file_gives_the_figures_that_the_model_would_have_given(tmp_path):
    direct = evaluate(corpus(), model(), facts=FACTS, corpus="", draws=20)
    path = write_predictions(tmp_path / "p.parquet", direct.scores[0].predictions)
    again = evaluate_predictions(path, draws=20)
    assert again.scores[0].figures == direct.scores[0].figures
    assert repr(again.scores[0].by_label) == repr(direct.scores[0].by_label)


def test_a_person_in_two_folds_stops_the_run():
    with pytest.raises(LeakError, match=r"group 'p0' is in fold 0 and in 1; .*split by group"):
        evaluate_predictions(predictions(fold=[i // 6 for i in range(12)]), draws=10)
    evaluate_predictions(predictions(fold=[i % 4 for i in range(12)]), draws=10)


def test_dev_rows_of_a_file_fit_thresholds_and_are_not_scored():
    truth = np.array([go("joy"), go(), go("joy"), go()])
    said_ = np.where(truth > 0, 0.3, 0.1)
    p = Predictions.of("goemotions28", truth, said_, ids=list("abcd"), groups=list("abcd"), corpus="mine", model="net", split=["dev", "dev", "test", "test"])
    only = evaluate_predictions(p, draws=10).scores[0]
    assert len(only.predictions) == 2
    assert only.thresholds == {"joy": pytest.approx(0.2)}
    assert only.by_label["joy"]["f1"].value == 1


def test_labels_that_a_file_chose_count_as_they_are():
    truth = np.array([go("joy"), go("joy")])
    p = Predictions.of("goemotions28", truth, truth * 0.2, ids=list("ab"), groups=["", ""], corpus="mine", model="net", chosen=truth > 0)
    assert evaluate_predictions(p, draws=10).scores[0].figures["micro_f1"].value == 1


@pytest.mark.parametrize(("columns", "expected"), [
    ({"id": ["a"]}, "no column 'group'"),
    ({name: ["unknown"] for name in ("id", "group", "split", "status", "corpus", "model")}, "no column said.TAXONOMY.LABEL"),
])
def test_a_file_that_lacks_a_column_is_answered_in_a_sentence(tmp_path, columns, expected):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    with pytest.raises(RecordingError, match=expected):
        read_predictions(tmp_path / "p.parquet")


def odd(values=None, ids=("a", "b"), taxonomy_name="ekman7", truth=None):
    k = len(taxonomy(taxonomy_name))
    said_ = np.full((2, k), 1 / k)
    if values is not None:
        said_[1, :2] = values
    return Predictions.of(taxonomy_name, np.eye(k)[:2] if truth is None else truth, said_, ids=list(ids), groups=["", ""], corpus="mine", model="net")


@pytest.mark.parametrize(("p", "expected"), [
    (odd(ids=("a", "a")), "the id 'a' is there 2 times for net; expected one row per item"),
    (odd([-2.5, 1 / 7]), "said.ekman7.anger of 'b' is -2.5; expected 0 to 1; logits need a softmax"),
    (odd([np.inf, 0]), "said.ekman7.anger of 'b' is inf"),
    (odd([3, 0], taxonomy_name="goemotions28"), "said.goemotions28.admiration of 'b' is 3; expected 0 to 1; logits need"),
    (odd(truth=-np.eye(7)[:2]), "truth.ekman7.anger of 'a' is -1; expected a number of votes or a share"),
    (odd(truth=np.full((2, 7), np.nan)), "nothing to score: 2 items have no label here"),
    ([], "nothing to score: no row"),
])
def test_numbers_that_cannot_be_are_refused(p, expected):
    with pytest.raises(RecordingError, match=expected):
        evaluate_predictions(p, draws=10)


def test_probabilities_that_do_not_sum_to_one_are_scaled_and_said():
    notes = evaluate_predictions(odd([0.9, 0.9]), draws=10).scores[0].notes
    assert any("the probabilities of 1 rows sum to 2.51 to 2.51; they are scaled to 1" in note for note in notes)
    assert not any("scaled" in note for note in evaluate_predictions(odd(), draws=10).scores[0].notes)


def test_votes_may_be_counted_or_shared():
    counted, shared = (evaluate_predictions(odd(truth=votes), draws=10).scores[0]
                       for votes in (np.array([[3, 1, 0, 0, 0, 0, 0]] * 2, float), np.array([[0.75, 0.25, 0, 0, 0, 0, 0]] * 2)))
    assert counted.figures["jsd"].value == pytest.approx(shared.figures["jsd"].value)
    np.testing.assert_allclose(counted.predictions.truth, shared.predictions.truth)          # decisions ask for at least a half of the votes


def test_a_column_of_words_is_answered_in_a_sentence(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = write_predictions(tmp_path / "p.parquet", odd())
    table = pq.read_table(path)
    where = table.column_names.index("said.ekman7.joy")
    pq.write_table(table.set_column(where, "said.ekman7.joy", pa.array(["much", "little"])), path)
    with pytest.raises(RecordingError, match=r"column said\.ekman7\.joy holds no numbers"):
        read_predictions(path)


def test_shapes_and_statuses_are_checked():
    with pytest.raises(ShapeError, match=r"truth has shape \(2, 6\), expected \(2, 7\)"):
        Predictions.of("ekman7", np.zeros((2, 6)), np.zeros((2, 7)), ids=["a", "b"], groups=["", ""], corpus="", model="")
    with pytest.raises(ShapeError, match="status 'secret'"):
        predictions(status="secret")


# groups of people

def test_the_gap_between_groups_has_an_interval_and_turns_its_sign():
    items = corpus(people=12, each=20, sex=("F", "M"), age=(25, 25, 70))
    for i in items:                                                         # men's moments are all said plainly
        if i.about["sex"] == "M":
            object.__setattr__(i, "text", i.text.replace(i.text.split()[-1], "plain"))
    only = evaluate(items, model(), facts=FACTS, draws=40).scores[0]
    by_name = {(g.attribute, g.name): g for g in only.groups}
    f, m = by_name["sex", "F"], by_name["sex", "M"]
    assert f.gap.value == pytest.approx(-m.gap.value)
    assert f.gap.low > 0
    assert (f.n, f.speakers) == (120, 6)
    assert ("age", "18-29") in by_name
    assert ("age", "60 and over") in by_name


def test_a_corpus_own_age_bands_are_compared():
    groups = evaluate(corpus(people=8, each=20, age_group=("4-19", "20-39")), model(), facts=FACTS, draws=20).scores[0].groups
    assert {(g.attribute, g.name) for g in groups} == {("age", "4-19"), ("age", "20-39")}


def test_small_groups_are_named_but_not_compared():
    items = corpus(people=7, each=20, race=("A", "A", "A", "B", "B", "B", "C"))
    only = evaluate(items, model(), facts=FACTS, draws=10).scores[0]
    assert {g.name for g in only.groups} == {"A", "B"}
    assert any("too few to compare: C" in note for note in only.notes)


@pytest.mark.parametrize(("age", "band"), [("17.9", "under 18"), ("18", "18-29"), ("30", "30-44"), ("59", "45-59"), ("60", "60 and over"), ("20s", "20s")])
def test_ages_fall_into_half_open_bands(age, band):
    assert age_band(age) == band


# protocols

def test_majority_and_plurality_say_which_items_count():
    rules = protocols(None, FACTS)
    many, more = (Item("a", "test", "", shares("ekman7", v)) for v in ({"joy": 2, "anger": 2}, {"joy": 2, "anger": 1, "fear": 1}))
    assert rules["plurality"](many) is None
    assert rules["majority"](more) is None
    assert rules["plurality"](more).argmax() == EKMAN.index("joy")
    assert math.isnan(rules["plurality"](Item("a", "test", "", one_hot("ekman7", "joy", ("joy", "fear"))))[0])


def test_each_protocol_has_a_score_and_its_name():
    result = evaluate(corpus(), model(), facts=FACTS, draws=10, protocol=("all", "majority"))
    assert [s.protocol for s in result.scores] == ["", "majority"]
    with pytest.raises(UnknownName, match="did you mean 'majority'"):
        evaluate(corpus(), model(), facts=FACTS, draws=10, protocol="majorty")


# what is kept

def test_a_second_evaluation_asks_the_model_nothing(tmp_path):
    reader = Reader()
    first = evaluate(corpus(), model(reader=reader), facts=FACTS, draws=10, cache=tmp_path)
    assert reader.asked == 60
    second = evaluate(corpus(), model(reader=reader), facts=FACTS, draws=10, cache=tmp_path)
    assert reader.asked == 60
    assert second.to_markdown() == first.to_markdown()
    evaluate([*corpus()[:-1], item("new", "joy", "glad indeed")], model(reader=reader), facts=FACTS, draws=10, cache=tmp_path)
    assert reader.asked == 61


def test_a_run_that_was_stopped_goes_on(tmp_path):
    class Dying(Reader):
        def __call__(self, texts):
            if self.asked >= 32:
                raise KeyboardInterrupt
            return super().__call__(texts)

    with pytest.raises(KeyboardInterrupt):
        evaluate(corpus(), model(reader=Dying()), facts=FACTS, draws=10, cache=tmp_path)
    reader = Reader()
    evaluate(corpus(), model(reader=reader), facts=FACTS, draws=10, cache=tmp_path)
    assert reader.asked == 60 - 32


def test_what_is_kept_belongs_to_one_content():
    one, other = item(0, "joy", "glad"), item(0, "joy", "sad")
    assert said.key(one, "text") != said.key(other, "text")
    a, b = (picture(0, "test", np.full((2, 2), v, np.uint8)) for v in (1, 2))
    assert said.key(a, "face") != said.key(b, "face")


# how items are fed

def test_a_voice_model_hears_the_stretch_at_its_rate(tmp_path):
    heard = []

    def listen(waves):
        heard.extend(waves)
        return np.tile(np.float32([1, 0, 0, 0, 0, 0, 0]), (len(waves), 1))

    ear = SimpleNamespace(__name__="ear", MODALITY="voice", SAMPLE_RATE=8000, TAXONOMIES=("ekman7",), WEIGHTS=(), load=lambda: listen)
    path = wav(tmp_path / "a.wav", spoken(0, 2.0))
    items = [Item("a", "test", "p", one_hot("ekman7", "anger"), path, start=0.5, end=1.25), Item("b", "test", "p", one_hot("ekman7", "joy"), tmp_path / "gone.wav")]
    only = evaluate(items, ear, facts=FACTS, draws=10).scores[0]
    assert [len(w) for w in heard] == [6000]
    assert only.unmeasured == 1


def test_a_small_picture_is_a_crop_already_and_comes_as_it_is():
    from attune import registry
    from attune.face import align

    face = registry.load("attune.face.models", "ferplus_resnet")
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)
    np.testing.assert_array_equal(said.framed(pixels, face), pixels)
    larger = SimpleNamespace(SIZE=(96, 96), TEMPLATE=align.FER * 2)
    assert said.framed(pixels, larger).shape == (96, 96, 3)


# personal baseline

def test_the_baseline_is_reported_beside_the_plain_figures():
    seen = []

    def adapt(probabilities, embedding, of):
        seen.append((probabilities.shape, embedding, of.name))
        return np.eye(7, dtype=np.float32)[np.zeros(len(probabilities), int)]

    result = evaluate(corpus(), model(), facts=FACTS, draws=10, adapt=adapt)
    assert [s.predictions.variant for s in result.scores] == ["", "baseline"]
    assert seen == [((10, 7), None, "ekman7")] * 6
    assert result.scores[0].figures != result.scores[1].figures


# results

def test_a_result_is_written_and_holds_no_folder_of_this_machine(tmp_path):
    result = evaluate(corpus(sex=("F", "M")), model(), facts=FACTS, draws=10, command="attune evaluate made DIR")
    written = result.write(tmp_path / "out")
    assert {p.name for p in written} == {"figures.md", "figures.parquet", "evaluation.json", "predictions-own-test-reader-ekman7.parquet",
                                         "calibration-own-test-reader-ekman7.svg"}
    facts = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert facts["scores"][0]["figures"]["uar"]["value"] == round(result.scores[0].figures["uar"].value, 4)
    assert str(tmp_path) not in (tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8")
    assert read_predictions(written[3])[0].taxonomy.name == "ekman7"
    import xml.etree.ElementTree as ET

    assert ET.parse(written[4]).getroot().tag.endswith("svg")


def test_every_row_of_the_table_can_be_understood_alone():
    rows = evaluate(corpus(), model(), facts=FACTS, draws=10, command="attune evaluate made DIR").table().to_pylist()
    assert {"uar", "recall", "accuracy"} <= {r["metric"] for r in rows}
    for row in rows:
        assert row["model"] == "reader"
        assert row["status"] == "unknown"
        assert row["command"] == "attune evaluate made DIR"
        assert row["n"] is not None


def test_a_split_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(SettingError, match="no item of split 'dev'; there are: test"):
        evaluate(corpus(), model(), facts=FACTS, split="dev")


def test_items_of_ones_own_need_a_taxonomy():
    with pytest.raises(SettingError, match="facts="):
        evaluate(corpus(), model())


def test_what_a_corpus_has_beside_its_labels_counts_only_where_an_item_has_it():
    two = SimpleNamespace(__name__="two", MODALITY="text", TAXONOMIES=("ekman7", "vad"), WEIGHTS=(),
                          load=lambda: lambda texts: np.concatenate([Reader()(texts), np.zeros((len(texts), 3), np.float32)], axis=1))
    with_it = Item("a", "test", "", one_hot("ekman7", "joy"), text="glad", more={"vad": np.array([0.5, 0.1, 0], np.float32)})
    result = evaluate([with_it, item(0, "joy", "glad")], two, facts={"taxonomy": "ekman7", "more": ("vad",)}, draws=10)
    assert [len(s.predictions) for s in result.scores] == [2, 1]


def test_a_table_of_ones_own_is_scored_in_its_own_taxonomy(tmp_path):
    from attune.datasets import table

    (tmp_path / "mine.csv").write_text("# taxonomy: ravdess8\ntext,person,label,split\nglad,ann,happy,test\nfurious,ben,angry,test\n", encoding="utf-8")
    only = evaluate(table.items(tmp_path), model(), corpus="table", facts=table.facts(tmp_path), draws=10).scores[0]
    assert only.predictions.via == ("ravdess8->ekman7",)
    assert only.figures["accuracy"].value == 1


def test_texts_without_exclamation_marks_are_a_protocol_of_their_own():
    items = [item(0, "joy", "glad"), item(1, "anger", "furious!")]
    both = evaluate(items, model(), facts=FACTS, draws=10, protocol=("all", "no-exclamation"))
    assert [len(s.predictions) for s in both.scores] == [2, 1]


def test_the_built_in_baseline_takes_a_persons_habit_out():
    class Habitual(Reader):
        """Hears anger in everything that a person with an odd number says, as strongly as what is said."""

        def __call__(self, texts):
            rows = super().__call__(texts)
            for row, text in zip(rows, texts, strict=True):
                if int(text.split()[2]) % 2:
                    row[EKMAN.index("anger")] = max(row[EKMAN.index("anger")], 1.0)
            return rows / rows.sum(1, keepdims=True)

    items = [*corpus("dev", people=10, each=30, right=1.0), *corpus("test", people=4, each=40, right=1.0)]
    plain, adapted = evaluate(items, model(reader=Habitual()), facts=FACTS, draws=10, adapt="baseline").scores
    assert adapted.figures["uar"].value > plain.figures["uar"].value + 0.1


def test_a_packaged_models_people_are_those_of_attune_measure():
    from attune import baseline
    from attune.voice.models import prosody_whisper

    adapt, whence = baseline_of(prosody_whisper, [], "test")
    rows = np.random.default_rng(0).dirichlet(np.ones(8), 12)
    labels = taxonomy("ravdess8")
    population = baseline.packaged("voice", "prosody_whisper", labels.labels)
    np.testing.assert_allclose(adapt(rows, None, labels), baseline.Baseline("ann", population).push(rows).adapt(rows))
    assert "as in attune measure" in whence


def test_people_that_a_model_was_fitted_on_are_no_fair_comparison_and_that_is_said():
    people = [*corpus("dev"), *corpus("test")]
    fitted = model(TRAINED_ON={"made": ("dev",)})
    assert "fitted on them" in baseline_of(fitted, people, "test", corpus="made")[1]
    assert "fitted on them" not in baseline_of(model(TRAINED_ON={"other": ("train",)}), people, "test", corpus="made")[1]


def test_a_baseline_needs_people_to_compare_with():
    with pytest.raises(SettingError, match="there aren't two of them"):
        evaluate(corpus(), model(), facts=FACTS, draws=10, adapt="baseline")


def test_a_model_of_texts_is_scored_on_the_languages_it_reads():
    both = corpus(language=("en", "de"))
    english = evaluate(both, model(LANGUAGES=("en",)), facts={"taxonomy": "ekman7"}, draws=10)
    assert english.scores[0].n["uar"] == 30
    assert any(note.startswith("30 items are in other languages than en") for note in english.notes)
    elsewhere = evaluate(both, model(LANGUAGES=("en",), TRAINED_ON={"films": ("train",)}), corpus="meld", facts={"taxonomy": "ekman7"}, draws=10)
    assert elsewhere.scores[0].status == "out-of-sample"
    untold = evaluate(corpus(), model(LANGUAGES=("en",)), facts={"taxonomy": "ekman7"}, draws=10)
    assert untold.scores[0].n["uar"] == 60
    with pytest.raises(SettingError, match="reads pl, and no item of split 'test'"):
        evaluate(both, model(LANGUAGES=("pl",)), facts={"taxonomy": "ekman7"}, draws=10)


@pytest.mark.parametrize(("speakers", "unit"), [
    ("24 actors", "speakers"), ("unknown: without their writers", "groups"), ("the characters of Friends; `group` is the dialogue", "groups"),
])
def test_groups_are_called_speakers_only_where_they_are(speakers, unit):
    assert evaluate(corpus(), model(), facts={"taxonomy": "ekman7", "speakers": speakers}, draws=10).scores[0].unit == unit
