"""What every file in attune/taxonomies must keep; a new one is found by itself."""

import doctest
import importlib.util
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from attune.taxonomy import Crosswalk, crosswalks, names, taxonomy

EMOTIONS = ["ekman7", "ferplus8", "ravdess8", "goemotions28", "eee48", "hume53", "emonet40", "parrott"]      # labels that go into sentences
DRAWN = ["ekman7", "ferplus8", "ravdess8", "goemotions28", "vad", "eee48", "hume53", "emonet40"]             # labels that are drawn
FEW = ["ekman7", "ferplus8", "ravdess8", "vad"]                                                              # and told apart by colour
WHITE, DARK = "#ffffff", "#15181d"

# How red, green and blue look without one kind of cone: Machado, Oliveira & Fernandes (2009), IEEE TVCG 15(6), severity 1.0, linear RGB
EYES = {
    "all cones": np.eye(3),
    "no red cones": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "no green cones": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}
WALKS = [walk for name in names() for walk in crosswalks(name).values()]


def linear(colour: str) -> np.ndarray:
    """Linear RGB of #rrggbb, IEC 61966-2-1."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson (2020), A perceptual color space for image processing."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]]) @ np.clip(rgb, 0, 1)
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ np.cbrt(cones)


@pytest.mark.parametrize("name", names())
def test_a_taxonomy_is_named_like_its_file_titled_and_cited(name):
    t = taxonomy(name)
    assert t.name == name
    assert t.title
    assert len(t.reference) > 40
    assert len(t) == len(set(t.labels)) > 1


@pytest.mark.parametrize("name", [n for n in names() if re.search(r"\d+$", n)])
def test_the_number_in_a_name_is_the_number_of_labels(name):
    assert len(taxonomy(name)) == int(re.search(r"\d+$", name)[0])


@pytest.mark.parametrize("name", EMOTIONS)
def test_every_emotion_has_an_adjective(name):
    t = taxonomy(name)
    assert tuple(t.adjectives) == t.labels
    assert all(word == word.strip().lower() and word for word in t.adjectives.values())
    assert len(set(t.adjectives.values())) == len(t), "two labels would read the same"


@pytest.mark.parametrize("name", DRAWN)
def test_every_label_that_is_drawn_has_a_colour_that_reads_on_white_and_on_dark(name):
    t = taxonomy(name)
    assert tuple(t.colours) == t.labels
    for label, colour in t.colours.items():
        # WCAG 2.2, success criterion 1.4.11: 3 to 1 for graphics
        assert min(contrast(colour, WHITE), contrast(colour, DARK)) >= 3, f"{label} {colour}"


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("name", FEW)
def test_few_labels_are_told_apart_by_colour_blind_eyes_too(name, eyes):
    seen = {label: oklab(EYES[eyes] @ linear(colour)) for label, colour in taxonomy(name).colours.items()}
    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 0.05, f"{a} and {b}"       # some two just noticeable differences


def test_the_same_emotion_has_the_same_colour_everywhere():
    colours = {}
    for name in DRAWN:
        for label, colour in taxonomy(name).colours.items():
            assert colours.setdefault(label.casefold(), colour) == colour, f"{label} in {name}"
    for a, b in [("joy", "happiness"), ("joy", "happy"), ("sadness", "sad"), ("anger", "angry"), ("fear", "fearful"), ("calmness", "calm")]:
        assert colours[a] == colours[b]


@pytest.mark.parametrize("name", names())
def test_groups_hold_every_label_at_most_once_and_in_order(name):
    t = taxonomy(name)
    for groups in t.groups.values():
        members = [label for labels in groups.values() for label in labels]
        assert len(members) == len(set(members))


@pytest.mark.parametrize("walk", WALKS, ids=lambda w: w.name)
def test_a_crosswalk_is_cited_and_combines_as_its_taxonomies_allow(walk: Crosswalk):
    assert len(walk.reference) > 20
    allowed = {"dimensional": {"mean"}, "exclusive": {"sum", "any"}, "multilabel": {"sum", "any"}}[walk.target.kind]
    assert walk.combine in allowed
    if walk.source.kind == "multilabel":
        assert walk.combine == "any"                                  # labels that hold together can't be added up
    weights = walk.matrix[~np.isnan(walk.matrix).any(axis=1)]
    low, high = walk.target.range
    assert ((weights >= low) & (weights <= high)).all()
    if walk.combine == "sum":
        assert (weights.sum(axis=1) <= 1).all()                       # nothing is made from nothing


@pytest.mark.parametrize("walk", WALKS, ids=lambda w: w.name)
def test_a_label_with_the_same_name_on_both_sides_walks_onto_itself(walk: Crosswalk):
    for i, label in enumerate(walk.source.labels):
        for j, other in enumerate(walk.target.labels):
            if label.casefold() == other.casefold():
                assert walk.matrix[i, j] == 1


def test_movements_of_the_face_are_never_turned_into_emotions():
    assert crosswalks("facs") == crosswalks("blendshapes52") == {}


def test_the_tree_of_parrott_is_whole():
    groups = taxonomy("parrott").groups
    assert len(groups["primary"]) == 6
    assert len(groups["secondary"]) == 25
    for tier in groups.values():
        assert [label for labels in tier.values() for label in labels] == list(taxonomy("parrott").labels)


def test_the_page_is_made_from_the_files():
    script = Path(__file__).parents[2] / "scripts" / "make_taxonomies_page.py"
    spec = importlib.util.spec_from_file_location("make_taxonomies_page", script)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run: python scripts/make_taxonomies_page.py"
    assert doctest.testfile(str(maker.PAGE), module_relative=False).failed == 0
