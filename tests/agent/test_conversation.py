"""Emotion recognition in conversation: what counts as the turn before, what a shift is, and that the share isn't chosen on what is scored."""

from types import SimpleNamespace

import numpy as np
import pytest

from attune.datasets import Item, one_hot
from attune.errors import SettingError, UnknownName
from attune.evaluate import conversation
from attune.taxonomy import taxonomy

GO = taxonomy("goemotions28")


def told(text):
    """A model that reads the last label's name in a text, else neutral."""
    row = np.full(28, 0.001)
    row[next((i for w in reversed(text.split()) for i, label in enumerate(GO.labels) if label == w), GO.index("neutral"))] = 0.9
    return row


MODEL = SimpleNamespace(TAXONOMIES=("goemotions28",), load=lambda: lambda texts: np.array([told(t) for t in texts]))


def talk(split, n=12):
    """Ada keeps her emotion and says it once; Bo's shifts every time."""
    items = []
    for d in range(n):
        for turn, (speaker, text, label) in enumerate([("Ada", "joy", "joy"), ("Bo", "sadness", "sadness"), ("Ada", "hm", "joy"), ("Bo", "anger", "anger")]):
            items.append(Item(f"{split}{d}-{turn}", split, f"{split}{d}", one_hot("ekman7", label), text=text, about={"dialogue": d, "turn": turn, "speaker": speaker}))
    return items


ITEMS = talk("dev") + talk("test")


def test_the_turn_before_and_the_speakers_own_are_found():
    turns = conversation.said("meld", ITEMS, "test")[:4]
    assert [(t.before, t.own, t.shift) for t in turns] == [("", "", None), ("joy", "", None), ("sadness", "joy", False), ("hm", "sadness", True)]


def test_context_helps_where_emotions_last_and_the_share_comes_from_dev():
    rows = {r.way: r for r in conversation.conversations("meld", ITEMS, MODEL, draws=20)}
    assert rows["alone"].steady.value == 0.0 and rows["alone"].shifting.value == 1.0
    assert rows["speaker"].weighted_f1.value >= rows["alone"].weighted_f1.value
    assert rows["speaker"].n == 48 and rows["speaker"].shifts == 12
    assert "| alone | 0.0 |" in conversation.table(list(rows.values()))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_without_a_turn_before_the_turn_stands_alone(share):
    turns = conversation.said("meld", ITEMS, "test")[:1]
    read = conversation.posteriors(MODEL)
    for way in conversation.WAYS:
        assert np.array_equal(conversation.by_context(way, turns, read, share), read([turns[0].text]))


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda: conversation.said("esconv", ITEMS, "test"), UnknownName, "corpus of conversations"),
    (lambda: conversation.said("meld", ITEMS, "train"), SettingError, "no turns in the split 'train'"),
    (lambda: conversation.conversations("meld", ITEMS, MODEL, split="dev"), SettingError, "which is scored; choose another part"),
    (lambda: conversation.posteriors(SimpleNamespace(TAXONOMIES=("vad",))), SettingError, "expected one that gives goemotions28"),
])
def test_what_is_wrong_is_said(call, error, says):
    with pytest.raises(error, match=says):
        call()
