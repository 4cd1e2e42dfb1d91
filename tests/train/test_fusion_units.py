"""The recipe of the units fuser: how far few clips are believed, and what members weigh."""


import numpy as np
import pytest
from recipe_modules import recipe_of

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from attune.fusion._parts import softmax


@pytest.fixture(scope="module")
def recipe():
    return recipe_of("fusion_units")


def test_two_clips_are_believed_as_n_over_n_plus_n0(recipe):
    x, actor = np.array([[4.0], [6.0], [9.0], [1.0]]), np.array(["ann", "ann", "ann", "ben"])
    known = {"ann": np.array([0, 1]), "ben": np.array([3])}
    whole = recipe.apart(x, actor, known)
    assert whole.ravel().tolist() == [-1, 1, 4, 0]
    # usual 3, n0 2: ann's mean 5 lies 2 above, of which 2 / 4 counts; ben's 1 lies 2 below, of which 1 / 3 counts
    assert recipe.apart(x, actor, known, np.array([3.0]), 2.0).ravel() == pytest.approx([3, 5, 8, 1 + 2 / 3])


def test_weights_follow_what_members_know_and_undo_their_overconfidence(recipe):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 8, 1500)
    sure = 3 * np.eye(8)[y] + rng.normal(size=(1500, 8)) * np.sqrt(3)                   # log-odds as they should be, up to a factor of one
    logs = np.stack([np.log(softmax(2 * sure)), *np.log(softmax(rng.normal(size=(4, 1500, 8)).reshape(-1, 8))).reshape(4, 1500, 8)])
    weights, reached = recipe.weighted(logs, y, recipe.MEMBERS)
    assert weights[0] == pytest.approx(0.5, abs=0.15)                                     # twice too sure: half the weight
    assert (weights[1:] < 0.1).all()
    alone, worse = recipe.weighted(logs, y, ("voice",))
    assert alone[0] == 0 and worse < reached


def test_a_member_by_likeness_says_the_same_from_plain_numbers(recipe):
    from attune.fusion import units

    rng = np.random.default_rng(0)
    y = rng.integers(0, 8, 300)
    x = np.eye(8)[y] + 0.3 * rng.normal(size=(300, 8))
    for member in (recipe.Member(0.1, kernel=True), recipe.Member(0.1)):
        member.fit(x, y)
        assert units._logs(x[:20], member.plain()) == pytest.approx(member.logs(x[:20]), abs=0.02)


def test_the_card_is_what_the_packaged_facts_say(recipe):
    from attune.fusion import units

    assert recipe.card(units.facts()) == (recipe.HERE / "units.md").read_text(encoding="utf-8")


def test_samples_are_balanced_skewed_or_of_one_emotion(recipe):
    y = np.repeat(np.arange(8), [4, *[8] * 7])
    for n in (2, 4, 8, 16):
        count = np.bincount(y[recipe.balanced(np.random.default_rng(n), y, n)], minlength=8)
        assert count.sum() == n and count.max() - count.min() <= 1
    for n, emotions in ((8, 1), (16, 2)):
        picked = recipe.skewed(np.random.default_rng(n), y, n, emotions)
        count = np.sort(np.bincount(y[picked], minlength=8))[::-1]
        assert len(set(picked)) == n and count[:emotions].sum() == 0.75 * n
    assert (y[recipe.of_one(np.random.default_rng(0), y, 8, 4)] == 4).all()


def test_a_score_from_counts_is_the_metric_itself(recipe):
    from attune import metrics

    rng = np.random.default_rng(0)
    y, actor = rng.integers(0, 8, 400), np.repeat(["a", "b", "c", "d"], 100)
    p, q = rng.random((400, 8)) + np.eye(8)[y], rng.random((400, 8))
    wanted = metrics.bootstrap(lambda at: metrics.uar(y[at], p[at].argmax(1)), np.arange(400), groups=actor, draws=300)
    assert list(recipe.scored(y, p, actor).values()) == pytest.approx(list(wanted), abs=1e-4)
    assert recipe.scored(y, p, actor, over=q)["value"] == pytest.approx(wanted.value - metrics.uar(y, q.argmax(1)), abs=1e-4)


def test_habits_of_training_people_are_found_by_nets_that_had_not_seen_them(recipe):
    """Everything is fitted on made-up clips: what ships has all that `attune.fusion.units` asks for, and helps people with a habit."""
    from attune.fusion import units

    rng = np.random.default_rng(0)
    y = np.tile(np.arange(8), 48)
    actor = np.repeat([f"a{i}" for i in range(8)], 48)
    shown, habit = rng.normal(size=(8, 16)), np.repeat(rng.normal(size=(8, 16)), 48, axis=0)
    face = 4 + shown[y] + habit + 0.4 * rng.normal(size=(384, 16))
    voice = np.log(softmax(np.eye(8)[y] + rng.normal(size=(384, 8))))
    clips = recipe.Clips(face, voice, y, actor, np.repeat([0, 1], 192))
    train, held = recipe.of(clips, clips.fold == 0), recipe.of(clips, clips.fold == 1)
    given = recipe.fitted(train, [f"{u}_r" for u in units.facts()["units"]])
    au, heard = held.face**2, np.exp(held.voice)
    habits = units.habits(au, heard, held.actor.astype(object), 4, fitted=given)
    plain, beside = (units.pool(au, heard, h, fitted=given) for h in (None, habits))
    assert (beside.argmax(1) == held.y).mean() > (plain.argmax(1) == held.y).mean() + 0.05
    assert given["usual"]["face"]["n0"]["both"] < 2 < given["usual"]["voice"]["n0"]["both"]       # a habit of the face, none of the voice
