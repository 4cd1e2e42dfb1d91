"""PELD on a made-up table."""

from pathlib import Path

from trees_made import write

from attune.datasets import peld
from attune.taxonomy import taxonomy

COLUMNS = ["Speaker_1", "Speaker_2", "Personality", *(f"{what}_{n}" for what in ("Utterance", "Emotion", "Sentiment") for n in (1, 2, 3))]
MONICA = "[0.713, 0.457, 0.457, 0.66, 0.511]"


def row(*utterances: str) -> str:
    return "\t".join(["Monica", "Ross", MONICA, *utterances, "neutral", "anger", "joy", "neutral", "negative", "positive"]) + "\n"


def mini(root: Path) -> None:
    """Two triples that overlap in a long utterance, and one that shares only a short one with them."""
    write(root, "data/Dyadic_PELD.tsv", "\t".join(COLUMNS) + "\n" + row("Where have you been all night?", "Out.", "I waited here for hours.")
          + row("I waited here for hours.", '"I said ""sorry""."', "What?") + row("What?", "Nothing of interest.", "Then good night."))


def test_the_third_utterance_is_the_answer_of_the_one_with_the_personality(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, _ = peld.items(tmp_path)
    assert (first.text, first.about["speaker"], first.about["personality"]["neuroticism"]) == ("I waited here for hours.", "Monica", 0.511)
    assert taxonomy("ekman7").labels[first.values.argmax()] == "joy"
    assert second.about["context"][1] == ("Ross", 'I said "sorry".', "anger")


def test_triples_that_overlap_stay_together(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, third = peld.items(tmp_path)
    assert first.group == second.group != third.group


def test_a_chain_is_one_conversation_in_whatever_order_it_comes(tmp_path: Path) -> None:
    long = [f"An utterance that is long enough, number {n}." for n in range(6)]
    rows = [row(long[n], "Oh.", long[n + 1]) for n in (0, 4, 2, 3, 1)]
    write(tmp_path, "Dyadic_PELD.tsv", "\t".join(COLUMNS) + "\n" + "".join(rows))
    assert len({i.group for i in peld.items(tmp_path)}) == 1
