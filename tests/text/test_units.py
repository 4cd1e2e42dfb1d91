"""Words, sentences, utterances and turns: every word in exactly one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.errors import SettingError
from attune.text.units import LONGEST, ends_sentence, join, tokens, units, words_of
from attune.types import Segment

word = st.sampled_from(["Yes.", "no", "Dr.", "well…", "What?", "J.", "你", "好。", "and", "3.", '"Oh!"', "a"])


@st.composite
def transcripts(draw):
    """Segments of two people with or without words of their own, overlapping at times."""
    out, t = [], 0.0
    for _ in range(draw(st.integers(0, 8))):
        t += draw(st.sampled_from([0.0, 0.3, 0.6, 2.0, 9.0, -0.5]))
        texts = draw(st.lists(word, min_size=1, max_size=6))
        person = draw(st.sampled_from(["", "A", "B"]))
        start, words = max(0.0, t), []
        for text in texts:
            words.append(Segment(max(0.0, t), max(0.0, t) + 0.3, person, text))
            t += draw(st.sampled_from([0.3, 0.5, 1.5]))
        out.append(Segment(start, max(start, t), person, join(texts), tuple(words) if draw(st.booleans()) else ()))
    return out


@given(transcripts(), st.sampled_from(["word", "sentence", "utterance", "turn", "window"]), st.sampled_from([0.2, 0.6, 5.0]))
def test_every_word_is_in_exactly_one_unit_of_its_person(segments, granularity, pause):
    found = units(segments, granularity, pause)
    before = sorted((w.start, w.end, w.person, w.text) for s in segments for w in words_of(s))
    after = sorted((w.start, w.end, w.person, w.text) for u in found for w in u.words)
    assert before == after
    for u in found:
        assert {w.person for w in u.words} == {u.person}
        assert u.text == join([w.text for w in u.words])
        assert u.start == min(w.start for w in u.words)
        assert u.end == max(w.end for w in u.words)
    assert [u.start for u in found] == sorted(u.start for u in found)


@given(st.lists(word, min_size=1))
def test_tokens_of_joined_words_are_the_words(words):
    assert tokens(join(words)) == words


def timed(*words, person="A"):
    """A segment from (text, start, end)."""
    made = tuple(Segment(a, b, person, t, confidence=0.5) for t, a, b in words)
    return Segment(made[0].start, made[-1].end, person, " ".join(w.text for w in made), made)


def texts(found):
    return [u.text for u in found]


def test_pause_longer_than_the_setting_ends_an_utterance_and_one_as_long_does_not():
    said = timed(("one", 0, 1), ("two", 1.5, 2), ("three", 3, 4))
    assert texts(units([said], "utterance", 0.5)) == ["one two", "three"]
    assert texts(units([said], "utterance", 0.4)) == ["one", "two", "three"]
    assert texts(units([said], "utterance", 1.0)) == ["one two three"]


def test_utterances_go_over_the_borders_of_timed_segments():
    assert texts(units([timed(("so", 0, 1)), timed(("what", 1.2, 2))], "utterance")) == ["so what"]


def test_another_speaker_ends_utterance_sentence_and_turn():
    said = [timed(("we", 0, 1)), timed(("no", 1, 1.2), person="B"), timed(("go", 1.2, 2))]
    for granularity in ("utterance", "sentence", "turn"):
        assert texts(units(said, granularity)) == ["we", "no", "go"]


def test_turn_holds_everything_until_another_speaks_however_long_the_pause():
    said = [timed(("a.", 0, 1)), timed(("b", 100, 101)), timed(("c", 102, 103), person="B")]
    assert texts(units(said, "turn")) == ["a. b", "c"]


def test_cues_without_word_times_stay_as_they_were_cut_unless_the_sentence_runs_on():
    cues = [Segment(0, 2, text="I said"), Segment(2, 4, text="that we go."), Segment(4, 6, text="Then"), Segment(6, 8, text="He came.")]
    assert texts(units(cues, "utterance")) == ["I said that we go.", "Then", "He came."]


def test_sentences_go_over_cues_and_pauses():
    cues = [Segment(0, 2, text="I said"), Segment(3, 4, text="That. And"), Segment(4, 6, text="so on")]
    assert texts(units(cues, "sentence")) == ["I said That.", "And so on"]


def test_sentences_of_a_transcript_without_end_marks_are_its_utterances():
    said = timed(("one", 0, 1), ("two", 1.1, 2), ("three", 3, 4))
    assert texts(units([said], "sentence")) == texts(units([said], "utterance")) == ["one two", "three"]


def test_lower_case_transcript_with_end_marks_has_sentences():
    assert texts(units([Segment(0, 4, text="hello. how are you? fine.")], "sentence")) == ["hello.", "how are you?", "fine."]


@pytest.mark.parametrize(("text", "sentences"), [
    ("Dr. Who met J. S. Bach at 3.5 km. Really?", ["Dr. Who met J. S. Bach at 3.5 km.", "Really?"]),
    ('"Stop!" she said. "Why?" He left…', ['"Stop!" she said.', '"Why?"', "He left…"]),
    ("Am 3. Mai, z.B. abends, kam er. Gut!", ["Am 3. Mai, z.B. abends, kam er.", "Gut!"]),
    ("¿Qué? ¡No! Sra. López vino.", ["¿Qué?", "¡No!", "Sra. López vino."]),
    ("你好。再见！", ["你好。", "再见！"]),
    ("यह ठीक है। हाँ।", ["यह ठीक है।", "हाँ।"]),
    ("هل أنت بخير؟ نعم.", ["هل أنت بخير؟", "نعم."]),
    ("He likes tea, coffee etc. She doesn't. So do I. We go.", ["He likes tea, coffee etc.", "She doesn't.", "So do I.", "We go."]),
])
def test_sentences_end_where_readers_of_the_language_end_them(text, sentences):
    assert texts(units([Segment(0, 9, text=text)], "sentence")) == sentences


def test_long_monologue_is_cut_at_the_end_of_a_sentence():
    said = timed(*[("end." if i == 70 else "Word", 0.3 * i, 0.3 * i + 0.3) for i in range(200)])
    found = units([said], "utterance")
    assert all(u.duration <= LONGEST for u in found)
    assert found[0].words[-1].text == "end."


def test_words_share_the_time_of_a_cue_by_their_letters_and_are_not_sure():
    found = units([Segment(1, 2, "A", "to be, or")], "word")
    assert [(u.text, round(u.start, 3), round(u.end, 3)) for u in found] == [("to", 1, 1.286), ("be,", 1.286, 1.714), ("or", 1.714, 2)]
    assert {u.confidence for u in found} == {None}


def test_confidence_of_a_unit_is_the_mean_of_its_words():
    assert units([timed(("a", 0, 1), ("b", 1, 2))], "turn")[0].confidence == 0.5


def test_no_segments_make_no_units():
    assert units([], "turn") == units([Segment(0, 1)], "word") == []


def test_unknown_granularity_is_refused():
    with pytest.raises(SettingError, match="'conversational_turn'; expected one of word, sentence"):
        units([], "conversational_turn")


def test_last_word_ends_its_sentence_only_with_a_mark():
    assert ends_sentence("Dr.", None)
    assert not ends_sentence("and", None)
