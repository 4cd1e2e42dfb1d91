"""Transcripts of every kind become segments; untidy ones are repaired or refused with a line number."""

import contextlib
import json
import math
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.errors import TranscriptError
from attune.text import spoken
from attune.text.cues import READING
from attune.text.transcript import parse, read, spread
from attune.types import Segment

# ---- round trips

plain = st.text(st.characters(categories=["L", "Nd", "Zs", "Po"], exclude_characters="&:：\u0085\u00a0"), min_size=1, max_size=60)
said = plain.map(lambda t: " ".join(t.split())).filter(lambda t: any(c.isalpha() for c in t) and not t.startswith(("WEBVTT", "NOTE")))
milliseconds = st.integers(0, 359_999_999)


@st.composite
def cues(draw):
    """Cues by start, each with an end that isn't before it."""
    starts = sorted(draw(st.lists(milliseconds, min_size=1, max_size=12)))
    return [(a / 1000, (a + draw(st.integers(0, 60_000))) / 1000, draw(said)) for a in starts]


def clock(seconds, mark):
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def times(segments):
    return [(round(s.start, 3), round(s.end, 3), s.text) for s in segments]


@given(cues(), st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_subrip_written_and_read_is_the_same(tmp_path_factory, cues, numbered, spaced, newline, encoding):
    lines = []
    for i, (a, b, text) in enumerate(cues, 1):
        lines += ([str(i)] if numbered else []) + [f"{clock(a, ',')} --> {clock(b, ',')}", text] + ([""] if spaced else [])
    if not numbered and any(text.isdigit() for *_, text in cues):
        return
    path = tmp_path_factory.mktemp("srt") / "talk.srt"
    path.write_bytes(newline.join(lines).encode(encoding))
    found = read(path)
    assert times(found.segments) == cues
    assert found.timed
    assert found.notes == ()


@given(cues(), st.lists(st.sampled_from(["", "Ada", "Bo B.", "Šimon"]), min_size=12, max_size=12))
def test_webvtt_written_and_read_is_the_same(cues, people):
    blocks = ["WEBVTT - a talk\nKind: captions", "NOTE\nnot said --- by anybody", "STYLE\n::cue { color: red }"]
    for i, ((a, b, text), person) in enumerate(zip(cues, people, strict=False)):
        voice = f"<v {person}>{text}</v>" if person else f"<i>{text}</i>"
        blocks.append(f"cue {i}\n{clock(a, '.')} --> {clock(b, '.')} align:start position:0%\n{voice}")
    found = parse("\n\n".join(blocks))
    assert times(found.segments) == cues
    assert [s.person for s in found.segments] == people[: len(cues)]


@given(cues(), st.sampled_from(["", "Ada", "SPEAKER_01"]))
def test_our_json_written_and_read_is_the_same(cues, person):
    data = {"language": "de", "segments": [
        {"start": a, "end": b, "text": t, "speaker": person, "words": [{"start": a, "end": b, "word": t, "probability": 0.5}]} for a, b, t in cues]}
    found = parse(json.dumps(data))
    assert times(found.segments) == cues
    assert found.language == "de"
    assert {s.person for s in found.segments} == {person}
    assert all(s.words[0].confidence == 0.5 for s in found.segments)


@given(st.text(max_size=300), st.sampled_from(["talk.srt", "talk.vtt", "talk.txt", "talk.json", "talk"]))
def test_any_text_is_read_or_refused_and_nothing_else(text, name):
    try:
        found = parse(text, name)
    except TranscriptError:
        return
    assert found.segments
    assert all(s.text or s.words for s in found.segments)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["start", "end", "text", "word", "words", "segments", "speaker", "time", "offsets", "timestamp", "begin", "from", "to",
                         "models", "language", "prosody", "grouped_predictions", "predictions", "results", "id", "score", "chunks"]), inner, max_size=5),
    max_leaves=20))
def test_any_json_is_read_or_refused_and_nothing_else(data):
    try:
        found = parse(json.dumps(data), "talk.json")
    except TranscriptError:
        return
    assert all(math.isfinite(s.start) and s.end >= s.start for s in found.segments)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "talk.txt"
    path.write_bytes(data)
    with contextlib.suppress(TranscriptError):
        assert read(path).segments


# ---- SubRip and WebVTT as they are found


def test_webvtt_times_without_hours_cue_settings_markup_and_entities():
    found = parse("WEBVTT\n\n00:01.500 --> 01:02.000 line:0 position:20%\n<c.loud>Tom</c> &amp; <b>Jerry</b> <00:00:02.000>run\n")
    assert found.segments == (Segment(1.5, 62, text="Tom & Jerry run"),)


def test_two_voices_in_a_cue_share_its_time_by_their_letters():
    found = parse("WEBVTT\n\n00:00.000 --> 00:04.000\n<v.first Ada>aaa</v><v Bo>b</v>\n")
    assert found.segments == (Segment(0, 3, "Ada", "aaa"), Segment(3, 4, "Bo", "b"))


def test_speakers_before_a_colon_are_people_and_a_single_colon_is_not():
    found = parse("00:01,0 --> 00:02,0\nADA: hello\n\n00:02,0 --> 00:04,0\n- Bo: yes?\n- Ada: well\n")
    assert [(s.person, s.text) for s in found.segments] == [("ADA", "hello"), ("Bo", "yes?"), ("Ada", "well")]
    found = parse("\n\n".join(f"00:0{i},0 --> 00:0{i},9\n{t}" for i, t in enumerate(["one", "two", "the rule: never", "three"])))
    assert {s.person for s in found.segments} == {""}
    assert found.segments[2].text == "the rule: never"


def test_clock_and_web_address_are_no_speakers():
    found = parse("see http://example.org\nat 10:30 we left\n")
    assert [(s.person, s.text) for s in found.segments] == [("", "see http://example.org"), ("", "at 10:30 we left")]


def test_cues_without_numbers_or_empty_lines_between_are_read():
    found = parse("00:00:01,000 --> 00:00:02,000\none\n2\n00:00:02,000 --> 00:00:03,000\ntwo\n00:00:03,000 -> 00:00:04,000\nthree")
    assert [s.text for s in found.segments] == ["one", "two", "three"]


def test_text_over_several_lines_and_with_an_empty_line_is_one_cue_of_subrip():
    found = parse("1\n00:00:01,000 --> 00:00:02,000\n{\\an8}one\n\ntwo\n\n2\n00:00:03,000 --> 00:00:04,000\nthree")
    assert [s.text for s in found.segments] == ["one two", "three"]


def test_number_that_is_said_is_kept():
    found = parse("1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:03,000 --> 00:00:04,000\nyes")
    assert [s.text for s in found.segments] == ["42", "yes"]


def test_end_before_start_is_given_the_time_its_words_need():
    found = parse("00:00:05,000 --> 00:00:04,000\n" + "a" * 30 + "\n\n00:00:20,000 --> 00:00:21,000\nb")
    assert found.segments[0].end == 5 + 30 / READING
    assert "line 1" in found.notes[0]
    squeezed = parse("00:00:05,000 --> 00:00:04,000\n" + "a" * 30 + "\n\n00:00:06,000 --> 00:00:07,000\nb")
    assert squeezed.segments[0].end == 6


def test_cues_out_of_order_are_sorted_and_overlapping_ones_stay():
    found = parse("00:05,0 --> 00:09,0\nb\n\n00:01,0 --> 00:06,0\na")
    assert times(found.segments) == [(1, 6, "a"), (5, 9, "b")]
    assert "out of order" in found.notes[0]


def test_words_beside_the_times_and_lines_before_the_first_are_noted():
    found = parse("Made by somebody\n\n00:01,0 --> 00:06,0 hello\n")
    assert found.segments[0].text == "hello"
    assert len(found.notes) == 2


@pytest.mark.parametrize(("text", "name", "says"), [
    ("1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:0x,000 --> 00:00:05,000\nb", "talk.srt", ["line 6", "00:00:0x,000", "expected times"]),
    ("hello\nyou", "talk.srt", ["line 1", "'hello'", "-->"]),
    ("WEBVTT\n\nhello", "talk.vtt", ["line 1", "WEBVTT"]),
    ("9999:00:01,000 --> 9999:00:02,000\na", "talk.srt", ["line 1", "1e+06 s"]),
    ("", "talk.srt", ["empty"]), (" \n\n", "talk.txt", ["empty"]),
    ("00:00:01,000 --> 00:00:02,000\n<i></i>", "talk.srt", ["no words"]),
    ('{"segments": [', "talk.json", ["line 1 column", "expected JSON"]),
    ("hello", "talk.json", ["'hello'", "JSON"]),
    ('{"a": 1}', "talk.json", ["'a'", "segments"]),
    ('{"segments": [{"start": "soon", "end": 2, "text": "a"}]}', "talk.json", ["segments[0].start", "'soon'", "seconds"]),
    ('{"segments": [{"start": NaN, "end": 2, "text": "a"}]}', "talk.json", ["segments[0].start", "nan"]),
    ('{"segments": [{"start": 1e9, "end": 2e9, "text": "a"}]}', "talk.json", ["segments[0].start", "1e+06"]),
    ('{"segments": [{"start": 1, "end": 2, "text": 7}]}', "talk.json", ["segments[0].text", "7", "string"]),
    ('{"segments": [7]}', "talk.json", ["segments[0] is 7", "object"]),
    ('{"segments": [{"start": 1, "text": "a"}, {"text": "b"}]}', "talk.json", ["segments[1]", "'b'", "no start"]),
    ('{"segments": []}', "talk.json", ["no words"]),
    ("[" * 100_000, "talk.json", ["JSON"]),
])
def test_what_cannot_be_repaired_is_refused_with_place_and_expectation(text, name, says):
    with pytest.raises(TranscriptError) as error:
        parse(text, name)
    assert all(part in str(error.value) for part in (name, *says)), str(error.value)


def test_captions_that_roll_are_read_once_with_the_times_of_their_words():
    at = "align:start position:0%"
    text = "\n".join([
        "WEBVTT", "Kind: captions", "",
        f"00:00:00.100 --> 00:00:02.070 {at}", " ", "hello<00:00:00.500><c> and</c><00:00:01.000><c> welcome</c>", "",
        f"00:00:02.070 --> 00:00:02.080 {at}", "hello and welcome", " ", "",
        f"00:00:02.080 --> 00:00:04.000 {at}", "hello and welcome", "to<00:00:02.500><c> us</c>", "",
        f"00:00:04.000 --> 00:00:04.010 {at}", "to us", " ", "",
    ])
    found = parse(text)
    assert [s.text for s in found.segments] == ["hello and welcome", "to us"]
    assert [(w.text, w.start, w.end) for w in found.segments[0].words] == [("hello", 0.1, 0.5), ("and", 0.5, 1.0), ("welcome", 1.0, 2.07)]
    assert "roll" in found.notes[0]


@pytest.mark.parametrize("unit", [" ", "<", "<v ", "<v", "{\\", "-->", "#", "1:2 ", "[", "(", "a:", "00:00:01,000 --> ", "\n", "你", ":", "<00:01>"])
def test_no_text_however_strange_takes_long(unit):
    start = time.process_time()
    for text in (unit * 20_000, "00:01,0 --> 00:02,0\n" + unit * 20_000, "WEBVTT\n\n00:01.0 --> 00:02.0\n" + unit * 20_000):
        with contextlib.suppress(TranscriptError):
            spoken(parse(text).segments[0].text)
    assert time.process_time() - start < 2


# ---- files


def test_windows_1252_is_read_and_noted(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_bytes("00:01,0 --> 00:02,0\nSchöne Grüße – „ja“".encode("cp1252"))
    found = read(path)
    assert found.segments[0].text == "Schöne Grüße – „ja“"
    assert "Windows-1252" in found.notes[0]


def test_utf_16_without_its_mark_is_read(tmp_path):
    for encoding in ("utf-16-le", "utf-16-be"):
        (tmp_path / "talk.txt").write_bytes("Hello, how are you?".encode(encoding))
        assert read(tmp_path / "talk.txt").segments[0].text == "Hello, how are you?"


def test_wrong_ending_does_not_matter(tmp_path):
    path = tmp_path / "talk.txt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello")
    assert read(path).segments[0].start == 1


def test_file_that_is_missing_a_folder_binary_or_too_large_is_refused(tmp_path):
    (tmp_path / "film.srt").write_bytes(bytes(range(256)) * 20)
    with (tmp_path / "large.srt").open("wb") as f:
        f.truncate(100 * 2**20)
    for name, says in (("no.srt", "can't be opened"), (".", "is a folder"), ("film.srt", "is no text"), ("large.srt", "100 MB")):
        with pytest.raises(TranscriptError, match=says):
            read(tmp_path / name)


# ---- plain text


def test_plain_text_has_speakers_but_no_times():
    found = parse("Ada: Oh, really?\nI had no idea.\n\nBo: Yes.")
    assert not found.timed
    assert [(s.person, s.text, s.end) for s in found.segments] == [("Ada", "Oh, really?", 0), ("Ada", "I had no idea.", 0), ("Bo", "Yes.", 0)]


def test_plain_text_with_a_time_before_each_line_is_timed():
    found = parse("[00:00:01] Ada: hello\n[00:00:03] Bo: yes\nindeed\n00:01:00 - Ada: well")
    assert found.timed
    assert [(s.start, s.person, s.text) for s in found.segments] == [(1, "Ada", "hello"), (3, "Bo", "yes indeed"), (60, "Ada", "well")]
    assert found.segments[1].end < 6


def test_plain_text_in_brackets_is_no_json():
    assert parse("[music]\nhello").segments[0].text == "[music]"


@given(st.lists(said, min_size=1, max_size=20), st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 5)), min_size=1, max_size=8))
def test_spread_lines_keep_their_order_stay_in_speech_and_use_all_of_it(lines, gaps):
    speech, t = [], 0.0
    for pause, length in gaps:
        speech.append((t + pause, t + pause + length))
        t += pause + length
    placed = spread([Segment(0, 0, text=line) for line in lines], speech)
    assert [s.text for s in placed] == lines
    assert placed[0].start == pytest.approx(speech[0][0])
    assert placed[-1].end == pytest.approx(speech[-1][1])
    for a, b in pairwise(placed):
        assert a.end <= b.start + 1e-6
    for s in placed:
        assert any(a - 1e-6 <= s.start <= b + 1e-6 for a, b in speech)


def test_border_between_lines_is_moved_to_a_pause_nearby_and_not_to_one_far_off():
    lines = [Segment(0, 0, text="a" * 50), Segment(0, 0, text="b" * 50)]
    assert [(s.start, s.end) for s in spread(lines, [(0, 5.9), (7, 11.1)])] == [(0, 5.9), (7, 11.1)]
    assert [(s.start, round(s.end, 6)) for s in spread(lines, [(0, 7), (8, 11)])] == [(0, 5), (5, 11)]


def test_lines_have_no_place_where_there_is_no_speech():
    assert spread([Segment(0, 0, text="a")], []) == ()


# ---- JSON of several makers


def test_whisper_json_has_words_with_probabilities():
    found = parse(json.dumps({"text": " Hi you", "language": "en", "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": " Hi you", "words": [
        {"word": " Hi", "start": 0.0, "end": 0.4, "probability": 0.9}, {"word": " you", "start": 0.5, "end": 1.0, "probability": 0.8}]}]}))
    assert found.segments[0].text == "Hi you"
    assert [(w.text, w.start, w.confidence) for w in found.segments[0].words] == [("Hi", 0, 0.9), ("you", 0.5, 0.8)]


def test_whisperx_word_without_times_is_laid_between_its_neighbours():
    found = parse(json.dumps({"segments": [{"start": 1, "end": 5, "text": "in 1999 yes 7", "speaker": "SPEAKER_00", "words": [
        {"word": "in", "start": 1, "end": 2, "score": 0.9, "speaker": "SPEAKER_00"}, {"word": "1999"}, {"word": "yes", "start": 3, "end": 4}, {"word": "7"}]}],
        "word_segments": []}))
    words = found.segments[0].words
    assert [(w.text, w.start, w.end, w.confidence) for w in words] == [("in", 1, 2, 0.9), ("1999", 2, 3, None), ("yes", 3, 4, None), ("7", 4, 5, None)]
    assert {w.person for w in words} == {"SPEAKER_00"}


def test_words_beside_the_segments_are_given_to_them():
    found = parse(json.dumps({"segments": [{"start": 0, "end": 1, "text": "a b"}, {"start": 1, "end": 2, "text": "c"}],
                              "words": [{"word": w, "start": t, "end": t + 0.4} for w, t in (("a", 0), ("b", 0.5), ("c", 1.1))]}))
    assert [[w.text for w in s.words] for s in found.segments] == [["a", "b"], ["c"]]


def test_list_of_words_becomes_what_one_person_says_in_a_row():
    found = parse(json.dumps([{"word": w, "start": i, "end": i + 0.5, "speaker": p} for i, (w, p) in enumerate(["aA", "bA", "cB", "dA"])]))
    assert [(s.person, s.text, s.start, s.end) for s in found.segments] == [("A", "a b", 0, 1.5), ("B", "c", 2, 2.5), ("A", "d", 3, 3.5)]


def test_milliseconds_of_whisper_cpp_and_timestamps_of_pipelines_are_seconds():
    cpp = parse(json.dumps({"transcription": [{"timestamps": {"from": "00:00:00,000"}, "offsets": {"from": 500, "to": 2500}, "text": " hi there"}]}))
    pipeline = parse(json.dumps({"text": "hi there", "chunks": [{"timestamp": [0.5, 2.5], "text": "hi there"}]}))
    assert cpp.segments == pipeline.segments == (Segment(0.5, 2.5, text="hi there"),)


def test_json_without_times_is_untimed():
    found = parse('{"text": "hello there"}')
    assert not found.timed
    assert found.segments == (Segment(0, 0, text="hello there"),)


def hume(language, prosody=(), file="a.mp4"):
    """An answer of the v0 batch interface, as its clients save it."""
    grouped = lambda predictions: {"metadata": None, "grouped_predictions": [  # noqa: E731
        {"id": i, "predictions": [{"text": t, "time": time, "confidence": c, "emotions": [{"name": "Joy", "score": 0.5}]} for t, time, c in p]}
        for i, p in predictions]}
    return [{"source": {"type": "file"}, "results": {"predictions": [
        {"file": file, "models": {"language": grouped(language), "prosody": grouped(prosody)}}], "errors": []}}]


def test_hume_words_of_two_speakers_are_gathered():
    data = hume([("spk_0", [("Hello", {"begin": 0, "end": 0.4}, 0.9), ("there", {"begin": 0.5, "end": 1}, 0.7)]),
                 ("spk_1", [("Yes", {"begin": 1.2, "end": 1.5}, None)])])
    found = parse(json.dumps(data))
    assert [(s.person, s.text, s.start, s.end) for s in found.segments] == [("spk_0", "Hello there", 0, 1), ("spk_1", "Yes", 1.2, 1.5)]
    assert found.segments[0].words[1].confidence == 0.7


def test_hume_utterances_of_an_unknown_speaker_come_from_prosody_when_language_has_no_times():
    found = parse(json.dumps(hume([("unknown", [("Hello there", None, None)])], [("unknown", [("Hello there.", {"begin": 1, "end": 2}, 0.9)])])))
    assert found.segments == (Segment(1, 2, text="Hello there.", confidence=0.9),)


def test_hume_language_alone_without_times_is_untimed():
    found = parse(json.dumps(hume([("unknown", [("Hello there", None, None)])])))
    assert not found.timed
    assert found.segments[0].text == "Hello there"


def test_hume_predictions_of_several_files_are_refused():
    data = hume([("unknown", [("a", {"begin": 0, "end": 1}, 1)])]) + hume([("unknown", [("b", {"begin": 0, "end": 1}, 1)])], file="b.mp4")
    with pytest.raises(TranscriptError, match=r"2 files \(a.mp4, b.mp4\)"):
        parse(json.dumps(data))


def test_hume_predictions_without_words_are_refused():
    with pytest.raises(TranscriptError, match="without words"):
        parse(json.dumps(hume([])))
