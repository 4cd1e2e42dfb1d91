"""Each text gets its row, with a reason where there is nothing to read."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attune.text import BATCH, NO_WORDS, UNMEASURED, measure
from attune.types import Segment

asked: list[str] = []


def model(texts):
    """Letters, words and vowels of a text: three numbers that tell which text was given."""
    asked.extend(texts)
    return np.array([[len(t), len(t.split()), sum(c in "aeiou" for c in t)] for t in texts], np.float32)


FACTS = SimpleNamespace(load=lambda: model, TAXONOMIES=("vad",))


def said(*texts):
    return [Segment(i, i + 1, text=t) for i, t in enumerate(texts)]


@given(st.lists(st.sampled_from(["yes", "Oh, really?", "", "[laughs]", "no no", "..."]), max_size=12))
def test_row_of_a_text_does_not_depend_on_the_others(texts):
    values, reasons = measure(said(*texts), FACTS)
    assert values.shape == (len(texts), 3)
    for i, text in enumerate(texts):
        alone, why = measure(said(text), FACTS)
        assert np.array_equal(values[i], alone[0], equal_nan=True)
        assert reasons[i] == why[0]


def test_nothing_to_read_is_nan_with_a_reason():
    values, reasons = measure(said("", "  ", "♪♪", "[door slams]", "(sighs)", "— …"), FACTS)
    assert np.isnan(values).all()
    assert reasons == [NO_WORDS] * 6


def test_sounds_in_brackets_are_not_read():
    values, _ = measure(said("[laughs] yes", "♪ yes ♪"), FACTS)
    assert np.array_equal(values, model(["yes", "yes"]))


def test_same_text_is_asked_about_once():
    asked.clear()
    values, _ = measure(said("yes", "no", "yes"), FACTS)
    assert asked == ["yes", "no"]
    assert np.array_equal(values[0], values[2])


def test_model_that_gives_nan_is_a_reason():
    nothing = SimpleNamespace(TAXONOMIES=("vad",), load=lambda: lambda texts: np.full((len(texts), 3), np.nan))
    assert measure(said("yes"), nothing)[1] == [UNMEASURED]


def test_model_is_not_asked_about_a_language_it_does_not_read():
    english = SimpleNamespace(**vars(FACTS), LANGUAGES=("en",))
    values, reasons = measure(said("ja", ""), english, "de-AT")
    assert np.isnan(values).all()
    assert reasons == ["the model reads en, not de", NO_WORDS]
    assert measure(said("yes"), english, "en_US")[1] == [""]


def test_hook_hears_of_every_batch():
    heard = []
    measure(said(*(f"text {i}" for i in range(BATCH + 1))), FACTS, hook=lambda *step: heard.append(step))
    assert heard == [("text", BATCH, BATCH + 1), ("text", BATCH + 1, BATCH + 1)]


def test_no_segments_give_no_rows():
    values, reasons = measure([], FACTS)
    assert values.shape == (0, 3)
    assert reasons == []
