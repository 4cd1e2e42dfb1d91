"""The packaged text model: rows, not numbers of the training; those stand in its card."""

import numpy as np
import pytest

from attune.taxonomy import taxonomy
from attune.text.models import _minilm, minilm_emotions
from attune.text.models._minilm import named
from attune.text.models.minilm_emotions import load

SENTENCES = [
    "Thank you so much, this means a lot to me!",
    "I am so sorry, please forgive me.",
    "Why would anybody do that?",
    "lol",
    "The meeting is at ten.",
    "😡",
    "!!",
]
GO, VAD, NAMES = taxonomy("goemotions28"), taxonomy("vad"), taxonomy(minilm_emotions.NAMED)


def said(text: str) -> set[str]:
    row = load()([text])[0]
    return {label for label, p in zip(GO.labels, row, strict=False) if p >= minilm_emotions.THRESHOLDS[label]}


def vad(text: str) -> dict[str, float]:
    return dict(zip(VAD.labels, load()([text])[0, len(GO) : len(GO) + 3].tolist(), strict=True))


def names(text: str) -> dict[str, float]:
    return dict(zip(NAMES.labels, load()([text])[0, -len(NAMES) :].tolist(), strict=True))


def situation(text: str) -> str:
    return taxonomy("empathetic32").labels[int(load()([text])[0, 31:63].argmax())]


def test_columns_are_the_labels_of_its_taxonomies_side_by_side() -> None:
    values = load()(SENTENCES)
    assert values.shape == (len(SENTENCES), sum(len(taxonomy(name)) for name in minilm_emotions.TAXONOMIES))
    assert values.dtype == np.float32
    assert (values[:, :28] > 0).all()
    assert (values[:, :28] < 1).all()
    assert (np.abs(values[:, 28:31]) <= 1).all()
    np.testing.assert_allclose(values[:, 31:63].sum(1), 1, atol=1e-5)
    assert ((values[:, 63:] >= 0) & (values[:, 63:] <= 1)).all()


def test_a_batch_of_one_is_the_batch_and_twice_is_the_same() -> None:
    whole = load()(SENTENCES)
    np.testing.assert_array_equal(whole, load()(SENTENCES))
    np.testing.assert_array_equal(whole, np.concatenate([load()([s]) for s in SENTENCES]))


@pytest.mark.parametrize("nothing", ["", " ", "\n\t", "\u200b", "\x00", "\ud800", "丂"])
def test_no_text_that_can_be_read_is_nan(nothing: str) -> None:
    values = load()([nothing, "fine"])
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()
    assert np.isnan(load().embed([nothing])).all()


def test_no_rows_in_no_rows_out() -> None:
    assert load()([]).shape == (0, 108)


# golden: anybody's reading of these sentences; a wrong order of labels would fail all of them
@pytest.mark.parametrize(("text", "label"), [
    ("Thank you so much, this means a lot to me!", "gratitude"),
    ("I am so sorry, please forgive me.", "remorse"),
    ("I love you with all my heart.", "love"),
    ("I am furious, how dare they do this to me!", "anger"),
    ("I'm terrified, I can't stop shaking.", "fear"),
    ("Hahaha, that was hilarious", "amusement"),
    ("I wonder how that works?", "curiosity"),
    ("Wow, I did not expect that at all!", "surprise"),
    ("I feel so sad and lonely tonight.", "sadness"),
    ("Congratulations, you did an amazing job!", "admiration"),
    ("That is disgusting, it makes me want to vomit.", "disgust"),
    ("The meeting is at ten.", "neutral"),
])
def test_a_plain_sentence_is_read_plainly(text: str, label: str) -> None:
    assert label in said(text)


@pytest.mark.parametrize(("text", "label"), [
    ("My neighbour bought a huge new car and I wish it was mine.", "jealous"),
    ("I looked at old photos of my childhood and it took me back.", "nostalgic"),
    ("I stole money from my mother and I can't look her in the eye.", "guilty"),
    ("Nobody called me for weeks, I have no friends here.", "lonely"),
    ("I studied hard, I have everything ready for the exam.", "prepared"),
])
def test_a_situation_is_recognised(text: str, label: str) -> None:
    assert situation(text) == label


# the names that GoEmotions doesn't have, next to a sentence that says nothing of them
@pytest.mark.parametrize(("text", "name"), [
    ("This lecture is so boring, I nearly fell asleep.", "Boredom"),
    ("I'm exhausted, I haven't slept for two days.", "Tiredness"),
    ("Then nobody said a word, it was so awkward.", "Awkwardness"),
    ("My back hurts, it is so painful.", "Pain"),
    ("She got the job I wanted, I am so envious of her.", "Envy"),
    ("I miss the old days when we were kids, so nostalgic.", "Nostalgia"),
    ("We finally won the championship!", "Triumph"),
    ("The lake was calm and peaceful.", "Calmness"),
    ("I am ashamed of what I did.", "Shame"),
    ("I'm so sorry for your loss.", "Sympathy"),
    ("What a beautiful sunset over the sea.", "Aesthetic Appreciation"),
])
def test_a_name_is_higher_where_it_is_said(text: str, name: str) -> None:
    assert names(text)[name] > max(0.1, 4 * names("The meeting is at ten.")[name])


def test_names_that_a_label_means_are_that_label() -> None:
    row = load()(["I'm terrified, I can't stop shaking."])[0]
    for name, label in _minilm.OF_GOEMOTIONS.items():
        assert row[63 + NAMES.index(name)] == row[GO.index(label)]


def test_valence_and_arousal_point_the_right_way() -> None:
    joy, grief = vad("What a wonderful day, I am so happy!"), vad("The little boy died alone in the fire.")
    assert joy["valence"] > 0.2 > -0.2 > grief["valence"]
    assert vad("They screamed and ran for their lives!")["arousal"] > vad("He sat quietly by the lake.")["arousal"] + 0.1


def test_only_the_first_tokens_are_read() -> None:
    long = "good " * 126
    np.testing.assert_array_equal(load()([long]), load()([long + "but then everything went horribly wrong"]))


def test_upper_case_makes_no_difference_as_the_encoder_is_uncased() -> None:
    np.testing.assert_array_equal(load()(["GO AWAY!"]), load()(["go away!"]))


def test_written_tokens_of_the_model_are_words_not_commands() -> None:
    assert np.isfinite(load()(["[SEP]"])).all()


def test_emoji_are_read_by_name_and_skin_tones_left_out() -> None:
    assert named("Great 👍🏽") == named("Great 👍") == "Great  thumbs up sign "
    assert vad("😭")["valence"] < vad("😊")["valence"]


def test_embedding_is_what_the_heads_see() -> None:
    near, far = load().embed(["I'm glad to see you.", "I am happy that you are here."]), load().embed(["He hates it."])
    cosine = lambda a, b: float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))      # noqa: E731
    assert near.shape == (2, 384)
    assert cosine(near[0], near[1]) > cosine(near[0], far[0])


def test_thresholds_are_named_by_label() -> None:
    assert tuple(minilm_emotions.THRESHOLDS) == GO.labels
    assert all(0 < t < 1 for t in minilm_emotions.THRESHOLDS.values())


def test_loading_twice_gives_the_same_object() -> None:
    assert load() is load()
