"""The language of moments: what queries mean, and how they point at what they don't understand."""

import pytest

from attune.errors import SettingError, UnknownName
from attune.find.query import Absent, Both, By, Compare, Discord, Either, Not, Said, Term, parse

WORDS = {"sad", "angry", "happy", "neutral", "smiling", "empathic pain", "surprise (positive)"}


@pytest.mark.parametrize(("text", "means"), [
    ("sad", Term("sad")),
    ("very sad", Term("sad", "very")),
    ("Sad face", Term("sad", "", "face")),
    ("sounds quite angry", Term("angry", "quite", "voice")),
    ("sad but smiling", Both(Term("sad"), Term("smiling"), True)),
    ("sad but not smiling", Both(Term("sad"), Not(Term("smiling")), False)),
    ("sad and angry or happy", Either(Both(Term("sad"), Term("angry")), Term("happy"))),
    ("sad and (angry or happy)", Both(Term("sad"), Either(Term("angry"), Term("happy")))),
    ("sad, angry", Both(Term("sad"), Term("angry"))),
    ("not not sad", Not(Not(Term("sad")))),
    ("valence < -0.3", Compare("valence", "<", -0.3)),
    ("voice.arousal>=.5", Compare("arousal", ">=", 0.5, "voice")),
    ("face.vad.valence > 0", Compare("valence", ">", 0.0, "face")),
    ("sad >= 0.6", Compare("sad", ">=", 0.6)),
    ("high arousal", Compare("arousal", ">=", 0.3)),
    ("low valence", Compare("valence", "<=", -0.3)),
    ("discord", Discord()),
    ("discord > 0.4", Compare("discord", ">", 0.4)),
    ("no face", Absent("face")),
    ("no sad face", Not(Term("sad", "", "face"))),
    ("sad by Ada", Both(Term("sad"), By("Ada"))),
    ('sad by "person 1"', Both(Term("sad"), By("person 1"))),
    ('"Holiday plans" and sad', Both(Said("Holiday plans"), Term("sad"))),
    ("very empathic pain", Term("empathic pain", "very")),
    ("duration > 3", Compare("duration", ">", 3.0)),
])
def test_a_query_means(text, means):
    assert parse(text, WORDS) == means


@pytest.mark.parametrize(("text", "at", "says"), [
    ("sad but smilling", "smilling", "did you mean 'smiling'?"),
    ("vry sad", "vry", "did you mean 'very'?"),
    ("sad by Adda", "Adda", "did you mean 'ada'?"),
    ("high valense", "valense", "did you mean 'valence'?"),
])
def test_an_unknown_word_is_pointed_at_with_the_nearest(text, at, says):
    with pytest.raises(UnknownName) as error:
        parse(text, WORDS, ["Ada"])
    message, query, arrow = str(error.value).split("\n")
    assert says in message and query.strip() == text
    assert query[arrow.index("^"):arrow.rindex("^") + 1] == at


@pytest.mark.parametrize(("text", "says"), [
    ("", "empty"), ("sad and", "missing at the end"), ("(sad", "isn't closed"), ("sad )", "didn't expect"), ("valence", "is an axis"), ("valence >", "expected a number"),
    ("very", "expected an expression after 'very'"), ('"holiday', "quotation mark is open"), ("sad angry", "join with and"), ("by", "expected a name"), ("< 3", "didn't expect"),
])
def test_what_is_missing_or_left_over_is_said(text, says):
    with pytest.raises(SettingError, match=says):
        parse(text, WORDS)


def test_a_query_cannot_carry_sql():
    with pytest.raises(UnknownName):
        parse("sad; DROP", WORDS)
    assert parse("\"'; DROP TABLE x; --\"", WORDS) == Said("'; DROP TABLE x; --")
