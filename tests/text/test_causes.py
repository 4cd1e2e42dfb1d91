"""Which words an estimate rests on, with models made here whose reasons are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from attune.errors import UnknownName
from attune.text.causes import causes, column_of, without


def model(score):
    """A text model whose valence is `score(text)`."""
    return SimpleNamespace(TAXONOMIES=("ekman7", "vad"), load=lambda: lambda texts: np.array([[0] * 7 + [score(t), 0, 0] for t in texts], np.float32))


def test_the_word_that_carries_it_gets_all_of_it() -> None:
    words, share = causes("what a lovely day", model(lambda t: 0.8 * ("lovely" in t)), "valence")
    assert words == ["what", "a", "lovely", "day"]
    assert share.tolist() == pytest.approx([0, 0, 0.8, 0])


def test_words_of_a_sum_get_their_own_parts() -> None:
    weights = {"good": 0.5, "bad": -0.3, "so": 0.1}
    words, share = causes("so good and so bad", model(lambda t: sum(weights.get(w, 0) for w in t.split())), "vad.valence")
    np.testing.assert_allclose(share, [weights.get(w, 0) for w in words], atol=1e-6)


def test_a_word_said_twice_carries_nothing_alone_if_once_is_enough() -> None:
    _, share = causes("help help", model(lambda t: float("help" in t)), "valence")
    assert share.tolist() == [0, 0]


def test_nothing_said_has_no_causes() -> None:
    words, share = causes("  ", model(lambda t: 1.0), "valence")
    assert words == []
    assert share.shape == (0,)


def test_the_only_word_is_the_whole_cause() -> None:
    assert causes("Wow!", model(lambda t: 0.7 * bool(t)), "valence")[1].tolist() == pytest.approx([0.7])


def test_a_label_is_found_with_or_without_its_taxonomy_and_a_wrong_one_gets_the_nearest() -> None:
    assert column_of(model(len), "Arousal") == column_of(model(len), "vad.arousal") == 8
    with pytest.raises(UnknownName, match="valence"):
        column_of(model(len), "vad.valense")


def test_each_text_lacks_one_word() -> None:
    assert without(["a", "b", "c"]) == ["b c", "a c", "a b"]


def test_the_packaged_model_leans_on_the_thanks() -> None:
    from attune.text.models import minilm_emotions

    words, share = causes("The train was late, but thank you for waiting.", minilm_emotions, "gratitude")
    assert words[int(share.argmax())] in ("thank", "you")
