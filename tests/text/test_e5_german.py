"""The packaged German model: rows, not numbers of the training; those stand in its card."""

import numpy as np
import pytest

from attune.taxonomy import taxonomy
from attune.text.models import e5_german
from attune.text.models.e5_german import load

SENTENCES = ["Vielen Dank, das bedeutet mir sehr viel!", "Warum sollte jemand so etwas tun?", "lol", "Das Treffen ist um zehn.", "😡", "!!"]
EKMAN, SIX = taxonomy("ekman7").labels, taxonomy("basic6").labels


def said(text: str) -> dict[str, float]:
    return dict(zip([*EKMAN, *(f"how much {e}" for e in SIX)], load()([text])[0].tolist(), strict=False))


def test_columns_are_the_labels_of_its_taxonomies_side_by_side() -> None:
    values = load()(SENTENCES)
    assert values.shape == (len(SENTENCES), sum(len(taxonomy(name)) for name in e5_german.TAXONOMIES))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, :7].sum(1), 1, atol=1e-5)
    assert ((values >= 0) & (values <= 1)).all()


def test_a_batch_of_one_is_the_batch_and_twice_is_the_same() -> None:
    whole = load()(SENTENCES)
    np.testing.assert_array_equal(whole, load()(SENTENCES))
    np.testing.assert_array_equal(whole, np.concatenate([load()([s]) for s in SENTENCES]))


@pytest.mark.parametrize("nothing", ["", " ", "\n\t", "\u200b", "\x00", "\ud800", "丂"])
def test_no_text_that_can_be_read_is_nan(nothing: str) -> None:
    values = load()([nothing, "gut"])
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()
    assert np.isnan(load().embed([nothing])).all()


def test_no_rows_in_no_rows_out() -> None:
    assert load()([]).shape == (0, 41)


# anybody's reading of these sentences; a wrong order of labels would fail all of them
@pytest.mark.parametrize(("text", "label"), [
    ("Ich freue mich so für dich!", "joy"),
    ("Das macht mich so wütend, wie kannst du es wagen!", "anger"),
    ("Mein Hund ist gestern gestorben, ich bin so traurig.", "sadness"),
    ("Was? Das gibt's doch nicht!", "surprise"),
    ("Der Zug fährt um neun Uhr ab.", "neutral"),
])
def test_a_plain_sentence_is_read_plainly(text: str, label: str) -> None:
    row = said(text)
    assert max(EKMAN, key=lambda e: row[e]) == label


@pytest.mark.parametrize(("text", "label"), [
    ("Ich habe so große Angst vor der Operation.", "fear"),
    ("Das ist ja ekelhaft, mir wird schlecht.", "disgust"),
    ("Diese Regierung macht mich wütend!", "anger"),
    ("Was für ein schöner Tag, ich bin glücklich!", "joy"),
])
def test_what_is_felt_is_stronger_than_where_nothing_is(text: str, label: str) -> None:
    assert said(text)[f"how much {label}"] > 2 * said("Der Zug fährt um neun Uhr ab.")[f"how much {label}"]


def test_only_the_first_tokens_are_read() -> None:
    long = "gut " * 140
    np.testing.assert_array_equal(load()([long]), load()([long + "aber dann ging alles schief"]))


def test_written_tokens_of_the_model_disturb_nothing() -> None:
    assert np.isfinite(load()(["</s> gut"])).all()


def test_skin_tones_make_no_difference() -> None:
    np.testing.assert_array_equal(load()(["Super 👍🏽"]), load()(["Super 👍"]))


def test_embedding_is_what_the_heads_see() -> None:
    near, far = load().embed(["Schön, dich zu sehen.", "Ich freue mich, dass du da bist."]), load().embed(["Er hasst es."])
    cosine = lambda a, b: float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))      # noqa: E731
    assert near.shape == (2, 384)
    assert cosine(near[0], near[1]) > cosine(near[0], far[0])


def test_loading_twice_gives_the_same_object() -> None:
    assert load() is load()
