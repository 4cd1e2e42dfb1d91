"""Crosswalks give probabilities that can be worked out by hand, keep what is missing missing, and say what they leave out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attune.errors import ShapeError, UnknownName
from attune.taxonomy import Crosswalk, Taxonomy, crosswalk, crosswalks, names, parse, rescale, taxonomy

WALKS = [walk for name in names() for walk in crosswalks(name).values()]
walks = pytest.mark.parametrize("walk", WALKS, ids=lambda w: w.name)


def rows(source, **values):
    """One row of a taxonomy, 0 where nothing is said."""
    row = np.zeros((1, len(taxonomy(source))), np.float32)
    for label, value in values.items():
        row[0, taxonomy(source).index(label)] = value
    return row


def said(walk, values):
    """What is above zero, by name."""
    return {label: round(float(v), 4) for label, v in zip(walk.target.labels, walk(values)[0], strict=True) if v != 0 and not np.isnan(v)}


def random_rows(taxonomy, n, seed=0):
    values = np.random.default_rng(seed).random((n, len(taxonomy))).astype(np.float32)
    return values / values.sum(axis=1, keepdims=True) if taxonomy.kind == "exclusive" else values


# names

def test_a_label_is_found_in_any_case():
    assert taxonomy("eee48").index("surprise (POSITIVE)") == 44


def test_an_unknown_label_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="no label of taxonomy vad 'arousel'; did you mean 'arousal'"):
        taxonomy("vad").index("arousel")


def test_an_unknown_taxonomy_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="no taxonomy 'ekman8'; did you mean 'ekman7'"):
        taxonomy("ekman8")


def test_a_crosswalk_that_nobody_wrote_lists_those_there_are():
    with pytest.raises(UnknownName, match="no crosswalk from 'facs' to 'ekman7'; from 'facs' there are: none"):
        crosswalk("facs", "ekman7")


def test_a_crosswalk_between_unknown_taxonomies_says_which():
    with pytest.raises(UnknownName, match="no taxonomy 'ferplus'; did you mean 'ferplus8'"):
        crosswalk("ferplus", "ekman7")


def test_taxonomies_can_be_given_instead_of_their_names():
    assert crosswalk(taxonomy("ekman7"), taxonomy("vad")).name == "ekman7->vad"


def test_taxonomies_with_the_same_names_are_equal_and_can_be_keys():
    text = 'name = "m"\nlabels = ["a"]\nkind = "exclusive"\nrange = [0, 1]\nreference = "r"'
    assert parse(text)[0] == parse(text)[0]
    assert len({parse(text)[0], parse(text)[0]}) == 1


# what the tables say

def test_an_emotion_that_is_certain_lands_on_its_anchor():
    # PELD: joy is (0.81, 0.51, 0.46)
    np.testing.assert_allclose(crosswalk("ekman7", "vad")(rows("ekman7", joy=1)), [[0.81, 0.51, 0.46]], rtol=1e-6)


def test_two_emotions_land_between_their_anchors():
    # joy (0.81, 0.51, 0.46) and sadness (-0.63, -0.27, -0.33), a half each
    np.testing.assert_allclose(crosswalk("ekman7", "vad")(rows("ekman7", joy=0.5, sadness=0.5)), [[0.09, 0.12, 0.065]], rtol=1e-5)


def test_neutral_is_the_origin_and_not_missing():
    assert crosswalk("ferplus8", "vad")(rows("ferplus8", neutral=1)).tolist() == [[0, 0, 0]]


def test_contempt_adds_to_disgust():
    assert said(crosswalk("ferplus8", "ekman7"), rows("ferplus8", contempt=0.25, disgust=0.5, happiness=0.25)) == {"disgust": 0.75, "joy": 0.25}
    assert "contempt" in taxonomy("parrott").groups["secondary"]["disgust"]


def test_calm_adds_to_neutral():
    assert said(crosswalk("ravdess8", "ekman7"), rows("ravdess8", calm=0.25, neutral=0.5, sad=0.25)) == {"neutral": 0.75, "sadness": 0.25}


def test_a_group_holds_if_any_of_its_members_does():
    # 1 - (1 - .5)(1 - .5) = .75 for anger; .25 for joy; they sum to 1 already
    walk = crosswalk("goemotions28", "ekman7")
    assert said(walk, rows("goemotions28", anger=0.5, annoyance=0.5, joy=0.25)) == {"anger": 0.75, "joy": 0.25}


def test_the_grouping_of_goemotions_is_its_authors():
    # ekman_mapping.json of the corpus's repository; neutral stays neutral
    ekman = taxonomy("goemotions28").groups["ekman"]
    assert {group: len(members) for group, members in ekman.items()} == {
        "anger": 3, "disgust": 1, "fear": 2, "joy": 12, "sadness": 5, "surprise": 4, "neutral": 1}
    walk = crosswalk("goemotions28", "ekman7")
    for group, members in ekman.items():
        for label in members:
            assert said(walk, rows("goemotions28", **{label: 1})) == {group: 1}


def test_a_surprise_of_unknown_sign_is_shared_equally():
    assert said(crosswalk("ekman7", "eee48"), rows("ekman7", surprise=0.5)) == {"Surprise (negative)": 0.25, "Surprise (positive)": 0.25}


def test_what_a_target_lacks_is_not_scaled_away():
    # neutral has no counterpart among the 48, and the 48 are no distribution: joy stays what it was
    assert said(crosswalk("ekman7", "eee48"), rows("ekman7", neutral=0.75, joy=0.25)) == {"Joy": 0.25}


def test_faces_reach_the_same_place_directly_and_by_way_of_ekman():
    faces = random_rows(taxonomy("ferplus8"), 20)
    by_ekman = crosswalk("ekman7", "vad")(crosswalk("ferplus8", "ekman7")(faces))
    np.testing.assert_allclose(crosswalk("ferplus8", "vad")(faces), by_ekman, atol=1e-6)


def test_the_48_survive_the_way_through_the_53():
    values = random_rows(taxonomy("eee48"), 5)
    np.testing.assert_allclose(crosswalk("hume53", "eee48")(np.nan_to_num(crosswalk("eee48", "hume53")(values))), values, atol=1e-6)


# what always holds

@walks
def test_what_comes_out_lies_in_the_range_of_the_target(walk):
    out = walk(random_rows(walk.source, 50))
    low, high = walk.target.range
    assert np.nanmin(out) >= low
    assert np.nanmax(out) <= high + 1e-6
    if walk.target.kind == "exclusive":
        np.testing.assert_allclose(np.nansum(out, axis=1), 1, atol=1e-6)


@walks
def test_a_row_without_a_value_stays_without(walk):
    values = random_rows(walk.source, 3)
    values[1] = np.nan
    assert np.isnan(walk(values)).all(axis=1).tolist() == [False, True, False]


@walks
def test_only_what_depends_on_a_missing_value_is_missing(walk):
    """A label that leads to one label of the target, or to a place."""
    leads = np.nan_to_num(walk.matrix) != 0
    alone = np.flatnonzero(leads.sum(1) == 1)
    one = alone[0] if len(alone) else np.flatnonzero(leads.any(1))[0]
    values = random_rows(walk.source, 1)
    whole = walk(values)
    values[0, one] = np.nan
    part = walk(values)
    if walk.target.kind == "multilabel":
        assert np.isnan(part[0, leads[one].argmax()])
        assert (np.isnan(part) & ~np.isnan(whole)).sum() == 1
    else:
        assert np.isnan(part).all()


@walks
def test_a_row_alone_gives_the_same_bits_as_among_others(walk):
    values = random_rows(walk.source, 40)
    np.testing.assert_array_equal(walk(values), np.concatenate([walk(values[i : i + 1]) for i in range(40)]))


@walks
def test_unreached_labels_are_missing_and_named(walk):
    missing = np.isnan(walk(random_rows(walk.source, 2))).all(axis=0)
    assert tuple(np.array(walk.target.labels)[missing]) == walk.coverage().unreached
    assert walk.coverage().share == pytest.approx(1 - missing.mean())


@walks
def test_unused_labels_change_nothing_but_their_share(walk):
    if walk.source.kind != "exclusive":
        values = random_rows(walk.source, 4)
        changed = values.copy()
        for label in walk.coverage().unused:
            changed[:, walk.source.index(label)] = 0.5
        np.testing.assert_array_equal(walk(changed), walk(values))


@walks
def test_no_rows_give_no_rows(walk):
    assert walk(np.zeros((0, len(walk.source)))).shape == (0, len(walk.target))


@walks
def test_values_of_another_width_are_an_error_that_names_the_source(walk):
    with pytest.raises(ShapeError, match=rf"expected \(n, {len(walk.source)}\): the labels of '{walk.source.name}'"):
        walk(np.zeros((2, len(walk.source) + 1)))


def test_coverage_reads_as_a_sentence():
    assert str(crosswalk("ravdess8", "ekman7").coverage()) == "100% of the labels reached"
    assert str(crosswalk("eee48", "ferplus8").coverage()).startswith("88% of the labels reached; never reached: neutral; not used: Admiration, ")


def test_nothing_said_is_missing_for_a_distribution_and_nothing_for_the_rest():
    nothing = np.zeros((1, 28))
    assert np.isnan(crosswalk("goemotions28", "ekman7")(nothing)).all()
    assert np.nansum(crosswalk("goemotions28", "eee48")(nothing)) == 0


@settings(max_examples=50)
@given(arrays(np.float64, (3, 28), elements=st.floats(0, 1)))
def test_more_of_a_member_never_makes_its_group_less_likely(values):
    walk = crosswalk("goemotions28", "hume53")
    more = values.copy()
    more[:, walk.source.index("nervousness")] = 1
    anxiety = walk.target.index("Anxiety")
    assert (walk(more)[:, anxiety] >= walk(values)[:, anxiety]).all()


# scales

@pytest.mark.parametrize(("scale", "low", "middle", "high"), [((0, 1), 0, 0.5, 1), ((1, 5), 1, 3, 5), ((1, 7), 1, 4, 7), ((1, 9), 1, 5, 9)])
def test_ends_and_middle_of_any_scale_become_those_of_vad(scale, low, middle, high):
    assert rescale(np.array([low, middle, high]), scale).tolist() == [-1, 0, 1]


@given(arrays(np.float64, 5, elements=st.floats(-1, 1)))
def test_a_scale_and_back_is_the_same(values):
    np.testing.assert_allclose(rescale(rescale(values, (-1, 1), (1, 9)), (1, 9)), values, atol=1e-12)


# one's own

OURS = 'name = "mood"\nlabels = ["good", "bad"]\nkind = "exclusive"\nrange = [0, 1]\nreference = "ours"\n'


def test_a_taxonomy_of_ones_own_is_read_from_a_file(tmp_path):
    path = tmp_path / "mood.toml"
    path.write_text(OURS + '[crosswalk.vad]\nreference = "ours"\ncombine = "mean"\n')
    mood, tables = parse(path)
    assert mood.labels == ("good", "bad")
    assert list(tables) == ["vad"]


@pytest.mark.parametrize(("change", "message"), [
    (('"bad"', '"Good"'), "has labels twice: good"),
    (('"exclusive"', '"exclusiv"'), "expected one of exclusive, multilabel, dimensional"),
    (("[0, 1]", "[1, 0]"), "expected the lowest value, then the highest"),
    (('reference = "ours"\n', ""), "a taxonomy without reference"),
    (('reference = "ours"', 'reference = "ours"\nlabel = []'), "no field of a taxonomy 'label'; did you mean 'labels'"),
    (('reference = "ours"', 'reference = "ours"\n[adjectives]\nugly = "ugly"'), "an adjective with 'ugly', which is no label of it"),
    (('reference = "ours"', 'reference = "ours"\n[groups.g]\nh = ["ugly"]'), "the group 'h' with 'ugly', which is no label of it"),
    (('reference = "ours"', "reference ="), "Invalid value"),
])
def test_a_file_that_contradicts_itself_is_an_error_that_says_where(change, message):
    with pytest.raises(ValueError, match=message):
        parse(OURS.replace(*change))


@pytest.mark.parametrize(("combine", "shape", "error"), [("product", (2, 3), ValueError), ("mean", (3, 2), ShapeError)])
def test_a_crosswalk_of_unknown_rule_or_wrong_shape_is_an_error(combine, shape, error):
    with pytest.raises(error, match=r"crosswalk mood->vad"):
        Crosswalk(parse(OURS)[0], taxonomy("vad"), np.zeros(shape), combine, "ours")


def test_a_taxonomy_is_as_long_as_its_labels():
    assert len(Taxonomy("m", ("a", "b"), "multilabel", (0, 1), "r")) == 2
