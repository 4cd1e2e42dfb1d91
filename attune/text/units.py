"""What a row of words is: a word, a sentence, an utterance or a turn.

The four granularities of Hume's interface, from segments with words and times. An utterance is an inter-pausal unit: words of one
person with no silence longer than `pause` between them (Hume leaves the length open, 0.6 s is ours). A turn is everything
one person says until another does. Segments whose words have no times of their own, as in subtitles, show no pauses: there an
utterance is what the transcriber put into one cue, joined with the next where the sentence visibly runs on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from attune.errors import SettingError
from attune.types import Segment

GRANULARITIES = ("word", "sentence", "utterance", "turn", "window")
LONGEST = 30.0                           # s; a longer utterance or sentence is cut, as the voice's are
UNFINISHED = 5.0                         # s of silence that end a sentence without an end mark

END_MARKS = ".!?…。！？｡।॥؟۔։።"          # Latin, CJK, Devanagari, Arabic, Urdu, Armenian, Ethiopic
CLOSING = "\"'”’»›)]}」』）"             # may follow an end mark
OPENING = "\"'“‘«‹([{「『（¿¡-–—"
_ABBREVIATIONS = (
    "mr mrs ms dr prof st jr sr vs no nr ca cf gen sen rep gov capt lt col sgt inc ltd co mt ft dept approx"       # English
    " bzw evtl ggf inkl hr fr dipl ing str tel mio mrd sog"                                                      # German
    " sra srta ud uds dña dn mme mlle mgr sig dott avv"                                                          # Spanish, French, Italian
)
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
WIDE = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]"     # written without spaces between words: kana, han
_TOKEN = re.compile(rf"{WIDE}[^\w\s]*|(?:(?!{WIDE})\S)+")
_WIDE_END, _WIDE_START = re.compile(rf"{WIDE}[^\w\s]*$"), re.compile(rf"^[^\w\s]*{WIDE}")


def units(segments: Iterable[Segment], granularity: str, pause: float = 0.6) -> list[Segment]:
    """Segments regrouped, in the order of their starts; every word is in exactly one unit, with its time in `words`.

    Parameters
    ----------
    segments : with words, or with text only: then its words share its time in proportion to their letters (confidence None)
    granularity : "word", "sentence", "utterance" or "turn"; "window" gives utterances, to be laid over the windows by overlap
    pause : s; a silence longer than this between words ends an utterance

    Raises
    ------
    SettingError
        If the granularity is none of these.

    >>> said = [Segment(0, 2, "Ada", "Oh! Really?"), Segment(2.1, 3, "Bo", "Yes.")]
    >>> [(u.person, u.text) for u in units(said, "sentence")]
    [('Ada', 'Oh!'), ('Ada', 'Really?'), ('Bo', 'Yes.')]
    >>> [u.text for u in units(said, "turn")]
    ['Oh! Really?', 'Yes.']
    """
    if granularity not in GRANULARITIES:
        raise SettingError(f"granularity={granularity!r}; expected one of {', '.join(GRANULARITIES)}")
    turns = _turns(segments)
    if granularity == "word":
        groups: Iterable[list[_Word]] = ([w] for turn in turns for w in turn)
    elif granularity == "turn":
        groups = turns
    else:
        capitals = any(w.text[:1].isupper() for turn in turns for w in turn)
        marked = any(w.text.rstrip(CLOSING)[-1:] in tuple(END_MARKS) for turn in turns for w in turn)
        by_sentence = granularity == "sentence" and marked
        groups = (
            part
            for turn in turns
            for group in (_sentences(turn, capitals) if by_sentence else _utterances(turn, pause))
            for part in _no_longer_than(group, LONGEST, capitals)
        )
    return sorted((_unit(group) for group in groups), key=lambda u: (u.start, u.end))


def words_of(segment: Segment) -> tuple[Segment, ...]:
    """The words of a segment; without times of their own they share its time in proportion to their letters.

    >>> [(w.text, w.start, w.end) for w in words_of(Segment(0, 1, text="To be, or"))]
    [('To', 0.0, 0.2857142857142857), ('be,', 0.2857142857142857, 0.7142857142857143), ('or', 0.7142857142857143, 1.0)]
    """
    if segment.words:
        return tuple(w if w.person or not segment.person else replace(w, person=segment.person) for w in segment.words)
    texts = tokens(segment.text)
    total, done, words = sum(map(len, texts)), 0, []
    for text in texts:
        start, end = (segment.start + segment.duration * n / total for n in (done, done + len(text)))
        done += len(text)
        words.append(Segment(float(start), float(max(start, end)), segment.person, text))
    return tuple(words)


def tokens(text: str) -> list[str]:
    """Words as written, with their punctuation; Chinese and Japanese, written without spaces, character by character.

    >>> tokens("Well, yes!"), tokens("你好。再见")
    (['Well,', 'yes!'], ['你', '好。', '再', '见'])
    """
    return _TOKEN.findall(text)


def join(words: Sequence[str]) -> str:
    """Words back to text, with spaces where the script has them.

    >>> join(["Well,", "yes!"]), join(["你", "好。"])
    ('Well, yes!', '你好。')
    """
    text = "".join(words[:1])
    for a, b in pairwise(words):
        text += b if _WIDE_END.search(a) and _WIDE_START.search(b) else f" {b}"
    return text


def ends_sentence(word: str, following: str | None, *, capitals: bool = True) -> bool:
    """Whether a sentence ends with this word, given the next one and whether the transcript uses capitals at all.

    >>> [ends_sentence(a, b) for a, b in [("go.", "He"), ("Dr.", "Who"), ("J.", "S."), ("well…", "maybe"), ('"What?"', "she"), ("3.", "Mai")]]
    [True, False, False, False, False, False]
    """
    bare = word.rstrip(CLOSING)
    if not bare or bare[-1] not in END_MARKS:
        return False
    if following is None:
        return True
    first = following.lstrip(OPENING)[:1]
    if capitals and first.islower():
        return False
    if bare[-1] != "." or bare.endswith(".."):
        return True
    stem = bare.rstrip(".").lstrip(OPENING)
    initial = len(stem) == 1 and stem.isupper() and stem != "I"
    return not (initial or stem.casefold() in ABBREVIATIONS or re.fullmatch(r"(\w\.)+\w|\d{1,2}", stem))


@dataclass(frozen=True)
class _Word:
    word: Segment
    timed: bool                          # heard at this time, not spread over its segment
    first: bool                          # of its segment

    @property
    def text(self) -> str:
        return self.word.text


def _turns(segments: Iterable[Segment]) -> list[list[_Word]]:
    """Words of consecutive segments of one person; who begins first comes first."""
    turns: list[list[_Word]] = []
    for segment in sorted(segments, key=lambda s: (s.start, s.end)):
        for i, word in enumerate(words_of(segment)):
            if not turns or turns[-1][-1].word.person != word.person:
                turns.append([])
            turns[-1].append(_Word(word, bool(segment.words), i == 0))
    return turns


def _utterances(turn: list[_Word], pause: float) -> Iterator[list[_Word]]:
    latest = turn[0].word.end
    begin = 0
    for i in range(1, len(turn)):
        before, after = turn[i - 1], turn[i]
        silent = after.word.start - latest > pause
        new_cue = after.first and not (before.timed and after.timed) and not _runs_on(before.text, after.text)
        if silent or new_cue:
            yield turn[begin:i]
            begin = i
        latest = max(latest, after.word.end)
    yield turn[begin:]


def _runs_on(before: str, after: str) -> bool:
    """A sentence that goes on in the next cue: no end mark, and no capital."""
    return before.rstrip(CLOSING)[-1:] not in tuple(END_MARKS) and after.lstrip(OPENING)[:1].islower()


def _sentences(turn: list[_Word], capitals: bool) -> Iterator[list[_Word]]:
    begin = 0
    for i in range(1, len(turn)):
        before, after = turn[i - 1], turn[i]
        if ends_sentence(before.text, after.text, capitals=capitals) or after.word.start - before.word.end > UNFINISHED:
            yield turn[begin:i]
            begin = i
    yield turn[begin:]


def _no_longer_than(group: list[_Word], longest: float, capitals: bool) -> Iterator[list[_Word]]:
    """A group in parts of at most `longest` seconds: cut at the last end of a sentence, else at the widest gap of the later half."""
    while group[-1].word.end - group[0].word.start > longest and len(group) > 1:
        fit = next((i for i, w in enumerate(group) if i and w.word.end - group[0].word.start > longest), len(group) - 1)
        ends = [i for i in range(fit, 0, -1) if ends_sentence(group[i - 1].text, group[i].text, capitals=capitals)]
        later = range(max(1, fit // 2), fit + 1)
        cut = ends[0] if ends else max(later, key=lambda i: (group[i].word.start - group[i - 1].word.end, i))
        yield group[:cut]
        group = group[cut:]
    yield group


def _unit(group: list[_Word]) -> Segment:
    words = tuple(w.word for w in group)
    known = [w.confidence for w in words if w.confidence is not None]
    return Segment(
        min(w.start for w in words), max(w.end for w in words), words[0].person, join([w.text for w in words]), words,
        confidence=sum(known) / len(known) if len(known) == len(words) else None,
    )
