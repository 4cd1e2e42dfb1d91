"""Telling English from German, and finding who reads it."""

import pytest

from attune.text import choose
from attune.text.language import guess, primary, reader
from attune.types import Segment


@pytest.mark.parametrize(("text", "language"), [
    ("Ich weiß nicht, was soll es bedeuten, dass ich so traurig bin.", "de"),
    ("It was the best of times, it was the worst of times.", "en"),
    ("Il était une fois un roi et une reine.", ""),
    ("C'era una volta un pezzo di legno.", ""),
    ("Okay.", ""),
    ("", ""),
    ("你好，世界", ""),
])
def test_a_sentence_is_told_by_its_common_words(text: str, language: str) -> None:
    assert guess([text]) == language


def test_many_texts_count_together() -> None:
    assert guess(["Ja.", "Nein!", "Doch.", "Was?"]) == "de"


def test_region_and_case_of_a_tag_change_nothing() -> None:
    assert primary("de-AT") == primary("DE") == "de"
    assert reader("EN_gb", "minilm_emotions") == "minilm_emotions"


def test_a_language_that_nobody_reads_stays_with_the_default() -> None:
    assert reader("fr", "minilm_emotions") == "minilm_emotions"


def test_german_has_a_reader_of_its_own() -> None:
    assert reader("de-AT", "minilm_emotions") == "e5_german"
    assert choose([Segment(0, 1, text="Das ist doch nicht dein Ernst!")], "minilm_emotions") == ("e5_german", "de")
    assert choose([Segment(0, 1, text="Okay.")], "minilm_emotions") == ("minilm_emotions", "en")
