"""Does measured expression make replies better? A bench with controls: `attune evaluate agent`.

Whoever answers (a language model behind an address, or the reflective listener) is told of the same turns under several conditions:

    words       nothing but the words                    text      + the reading of the words (candidates, LEED)
    voice       text + LEED of the voice                 face      text + LEED of the face
    all         text + both                              neutral   all, but voice and face of nobody in particular
    shuffled    all, but voice and face of another dialogue: whatever is gained by `all` must be gone here, else it isn't due to expression

Turns come from scripted users of ours (`arcs.toml`), whose voice and face confirm or contradict their words, or from corpora: EmpatheticDialogues
(emotion), ESConv (strategy), DailyDialog with RECCON's causes (emotion, cause). Corpora have words only, so that conditions with voice and face
don't exist there. PELD has another question, which needs no replies: `affect_on_peld`.

    emotion      the chosen emotion is the labelled one (basic emotions; 32 in EmpatheticDialogues, and whether it is among the first k)
    cause        the reply takes up a content word of the stated cause
    strategy     the reply uses the strategy that the human supporter used there (ESConv's eight, told from the reply by rules)
    empathy, specificity     1..5 by a rubric, judged by a language model, if one is named; see `agreement` before believing it
    words, measured_ms, first_ms     length, what measuring costs, and until the first piece of the reply

Answers are kept by what was asked, so that a run that was stopped goes on. Intervals are over dialogues. Figures with the scripted server prove the
bench; what a language model does, only a language model shows.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from attune.agent import Agent, listener, prompts
from attune.agent.affect import step, temperament
from attune.agent.turn import BASIC, TOP, homes
from attune.datasets import Item
from attune.errors import AttuneError, SettingError, unknown
from attune.evaluate.tables import number
from attune.llms import Client, complete
from attune.metrics import Interval, bootstrap_figures
from attune.taxonomy import taxonomy

HERE = Path(__file__).parent
CONDITIONS = ("words", "text", "voice", "face", "all", "neutral", "shuffled")
SPOKEN = ("voice", "face", "all", "neutral", "shuffled")        # those that need a voice or a face
USES: dict[str, tuple[str, ...]] = {"words": (), "text": ("text",), "voice": ("text", "voice"), "face": ("text", "face")}
BLANK = {"voice": {"Calmness": 0.05}, "face": {"Calmness": 0.05}}
MEASURES = ("emotion", "first_k", "cause", "strategy", "empathy", "specificity", "words", "measured_ms", "first_ms")
CORPORA = ("empathetic_dialogues", "esconv", "dailydialog")
STRATEGIES = ("Question", "Restatement or Paraphrasing", "Reflection of feelings", "Self-disclosure", "Affirmation and Reassurance", "Providing Suggestions",
              "Information", "Others")
EARLIER = 6                              # turns of a corpus's dialogue that are told before the one to answer
NEEDS_A_MODEL = "no language model was asked: these figures are of {}, and say nothing of what a language model would do with the same"

Hook = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Case:
    """A turn to answer, and what is known of it.

    dialogue
        What it belongs to: cases of a dialogue follow each other, or stand alone with what was said `before`, (role, text) from the oldest on.
    emotion, cause, strategy
        "" where nobody says. scores: voice or face -> name -> 0..1, as a client sends them.
    """

    id: str
    dialogue: str
    words: str
    language: str = "en"
    emotion: str = ""
    taxonomy: str = BASIC
    cause: str = ""
    strategy: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    before: tuple[tuple[str, str], ...] = ()


# ---- where turns come from --------------------------------------------------------------------------------------------------

def scripted_users() -> list[Case]:
    """Our own users with an emotional arc, English and German."""
    users = tomllib.loads((HERE / "arcs.toml").read_text(encoding="utf-8"))["user"]
    return [Case(f"{u['name']}-{i}", u["name"], t["words"], u["language"], t["emotion"], BASIC, t["cause"], "", {"voice": t["voice"], "face": t["face"]})
            for u in users for i, t in enumerate(u["turn"])]


def of_corpus(name: str, items: Sequence[Item], split: str) -> list[Case]:
    """The turns of a corpus that somebody answers; `UnknownName` for a corpus without them."""
    if name not in CORPORA:
        raise unknown("corpus with turns to answer", name, CORPORA)
    dialogues: dict[str, list[Item]] = {}
    for item in items:
        if item.split == split:
            dialogues.setdefault(item.group, []).append(item)
    made = {"empathetic_dialogues": _told, "esconv": _supported, "dailydialog": _caused}[name]
    return [case for group, talk in dialogues.items() for case in made(group, talk)]


def _told(group: str, talk: Sequence[Item]) -> Iterator[Case]:
    """Of each dialogue what its teller says first, with the emotion of the situation."""
    first = next((i for i in talk if i.about["role"] == "speaker" and i.text.strip()), None)
    if first is not None:
        label = taxonomy("empathetic32").labels[int(np.nanargmax(first.values))]
        yield Case(first.id, group, first.text, "en", label, "empathetic32")


def _supported(group: str, talk: Sequence[Item]) -> Iterator[Case]:
    """Every turn of a seeker that a supporter answers, with the strategy of that answer."""
    for i, item in enumerate(talk[:-1]):
        following = talk[i + 1]
        if item.about["role"] == "seeker" and following.about["role"] == "supporter" and following.about["strategy"]:
            label = "" if np.isnan(item.values).all() else taxonomy("esconv11").labels[int(np.nanargmax(item.values))]
            before = tuple(("user" if t.about["role"] == "seeker" else "assistant", t.text) for t in talk[max(0, i - EARLIER) : i])
            yield Case(item.id, group, item.text, "en", label, "esconv11", "", strategy_named(following.about["strategy"]), {}, before)


def _caused(group: str, talk: Sequence[Item]) -> Iterator[Case]:
    """Every turn with an emotion whose cause stands in the dialogue so far."""
    by_turn = {i.about["turn"]: i for i in talk}
    for n, item in enumerate(talk):
        label = taxonomy(BASIC).labels[int(np.nanargmax(item.values))]
        causes = [by_turn[t] for t, _ in item.about.get("causes", ()) if isinstance(t, int) and t in by_turn and t <= item.about["turn"]]
        if label != "neutral" and causes:
            spans = " ".join(w for t, w in item.about["causes"] if w and isinstance(t, int) and t <= item.about["turn"])
            before = tuple(("user" if t.about["speaker"] == item.about["speaker"] else "assistant", t.text) for t in talk[max(0, n - EARLIER) : n])
            yield Case(item.id, group, item.text, "en", label, BASIC, spans or " ".join(c.text for c in causes), "", {}, before)


def strategy_named(given: str) -> str:
    """A strategy by the name that the paper gives it.

    >>> strategy_named("Questions"), strategy_named("reflection of feelings"), strategy_named("Other")
    ('Question', 'Reflection of feelings', 'Others')
    """
    low = given.casefold().rstrip("s")
    return next((s for s in STRATEGIES if s.casefold().startswith(low[:8]) or low.startswith(s.casefold()[:8])), "Others")


# ---- a run ------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Row:
    """What became of one case under one condition."""

    case: str
    dialogue: str
    condition: str
    reply: str
    chosen: str
    figures: dict[str, float]


@dataclass(frozen=True)
class Table:
    """All rows, with figures by condition; `markdown()` is what is printed."""

    rows: tuple[Row, ...]
    by: str
    notes: tuple[str, ...]
    command: str
    draws: int = 1000
    seed: int = 0

    def figures(self) -> dict[str, dict[str, tuple[Interval, int]]]:
        """condition -> measure -> (mean with its interval over dialogues, n)."""
        out: dict[str, dict[str, tuple[Interval, int]]] = {}
        for condition in self.conditions:
            rows = [r for r in self.rows if r.condition == condition]
            groups = np.array([r.dialogue for r in rows])
            for measure in MEASURES:
                values = np.array([r.figures.get(measure, np.nan) for r in rows])
                n = int((~np.isnan(values)).sum())
                if n:
                    out.setdefault(condition, {})[measure] = (_mean(values, groups, self.draws, self.seed), n)
        return out

    @property
    def conditions(self) -> list[str]:
        return [c for c in CONDITIONS if any(r.condition == c for r in self.rows)]

    def gain(self, one: str, other: str, measure: str = "emotion") -> Interval:
        """The measure under one condition less that under another, over the same cases."""
        a, b = ({r.case: r for r in self.rows if r.condition == c} for c in (one, other))
        both = [c for c in a if c in b and not math.isnan(a[c].figures.get(measure, math.nan)) and not math.isnan(b[c].figures.get(measure, math.nan))]
        if not both:
            return Interval(math.nan, math.nan, math.nan)
        values = np.array([a[c].figures[measure] - b[c].figures[measure] for c in both])
        return _mean(values, np.array([a[c].dialogue for c in both]), self.draws, self.seed)

    def verdict(self) -> str:
        """Whether expression helped to recognise emotions, and whether that is due to it; "" without the conditions that say so."""
        if not {"text", "all", "shuffled"} <= set(self.conditions):
            return ""
        gain, left, due = self.gain("all", "text"), self.gain("shuffled", "text"), self.gain("all", "shuffled")
        told = f"emotion, all less text: {_signed(gain)}; shuffled less text: {_signed(left)}; all less shuffled: {_signed(due)}: "
        if gain.low > 0 and due.low > 0 and not left.low > 0:
            return told + "the gain is due to expression: it is gone when voice and face are another dialogue's"
        if gain.low > 0 and left.low > 0:
            return told + "a gain remains with another dialogue's voice and face: it isn't due to expression alone"
        return told + "no gain shown" if not gain.low > 0 else told + "a gain, but not told apart from another dialogue's"

    def markdown(self) -> str:
        figures = self.figures()
        shown = [m for m in MEASURES if any(m in f for f in figures.values())]
        dialogues = len({r.dialogue for r in self.rows})
        lines = [f"n = {len({r.case for r in self.rows}):,} turns of {dialogues:,} dialogues; answered by {self.by}; 95 % over dialogues", "",
                 "| condition | " + " | ".join(shown) + " |", "|---|" + "---|" * len(shown)]
        for condition in self.conditions:
            cells = []
            for m in shown:
                found = figures[condition].get(m)
                cells.append("–" if found is None else _cell(found[0], m))
            lines.append(f"| {condition} | " + " | ".join(cells) + " |")
        if told := self.verdict():
            lines += ["", told]
        return "\n".join([*lines, "", *(f"- {n}" for n in self.notes), "", f"`{self.command}`", ""])

    def plain(self) -> dict[str, Any]:
        """In plain types."""
        figures = {c: {m: {"value": i.value, "low": i.low, "high": i.high, "n": n} for m, (i, n) in f.items()} for c, f in self.figures().items()}
        rows = [asdict(r) for r in self.rows]
        return {"command": self.command, "by": self.by, "figures": figures, "verdict": self.verdict(), "notes": list(self.notes), "rows": rows}


def run(
    cases: Sequence[Case], client: Client | None = None, *, conditions: Sequence[str] = CONDITIONS, judge: Client | None = None, stimulus: str = "none",
    version: str = prompts.VERSION, options: Mapping[str, Any] | None = None, cache: Path | None = None, draws: int = 1000, seed: int = 0,
    command: str = "attune evaluate agent", hook: Hook | None = None,
) -> Table:
    """Every case under every condition.

    Parameters
    ----------
    client, judge
        Who answers (None: the reflective listener), and who judges empathy and specificity (None: nobody).
    stimulus
        Of `prompts/stimuli.toml`: an ablation, not a default.
    cache
        A folder in which answers are kept; what is there isn't asked again.

    Raises
    ------
    UnknownName
        For an unknown condition.
    LLMError
        If the model fails; what was answered before is kept.
    """
    for c in conditions:
        if c not in CONDITIONS:
            raise unknown("condition", c, CONDITIONS)
    if not cases:
        raise SettingError("no turns to answer; is it the right split?")
    spoken = any(c.scores for c in cases)
    chosen = [c for c in conditions if spoken or c not in SPOKEN]
    notes = [] if spoken else [f"words only: the corpus has no voice and no face, so that {', '.join(c for c in conditions if c in SPOKEN)} don't exist"]
    by = client.name if client is not None else listener.NAME
    if client is None or by == "scripted":
        notes.append(NEEDS_A_MODEL.format(by))
    if judge is None:
        notes.append("empathy and specificity weren't judged: name a judge (--judge-url), and see how far it agrees with people (--agreement)")
    borrowed = shuffled(cases, seed)
    dialogues: dict[str, list[Case]] = {}
    for case in cases:
        dialogues.setdefault(case.dialogue, []).append(case)
    kept, rows, done = _Kept(cache), [], 0
    for condition in chosen:
        for name, talk in dialogues.items():
            said = [asdict(c) | {"scores": dict(_scores(c, condition, borrowed))} for c in talk]
            asked = {"talk": said, "condition": condition, "by": by, "stimulus": stimulus, "prompts": version,
                     "judge": judge.name if judge else "", "options": dict(options or {})}
            found = kept.get(asked)
            if found is None:
                found = [asdict(r) for r in _answered(talk, condition, borrowed, client, judge, stimulus, version, options or {})]
                kept.put(asked, found)
            rows += [Row(**r) for r in found]
            done += 1
            if hook:
                hook(f"{condition}: {name}", done, len(chosen) * len(dialogues))
    return Table(tuple(rows), by, tuple(notes), command, draws, seed)


def shuffled(cases: Sequence[Case], seed: int = 0) -> dict[str, Mapping[str, Mapping[str, float]]]:
    """case -> the voice and face of a turn of another dialogue, each used once where that is possible."""
    rng = np.random.default_rng(seed)
    spoken = [c for c in cases if c.scores]
    order = rng.permutation(len(spoken)).tolist()
    for i, case in enumerate(spoken):                        # whoever got a turn of the own dialogue swaps with somebody for whom that helps
        if spoken[order[i]].dialogue == case.dialogue:
            for j in rng.permutation(len(spoken)).tolist():
                if spoken[order[j]].dialogue != case.dialogue and spoken[order[i]].dialogue != spoken[j].dialogue:
                    order[i], order[j] = order[j], order[i]
                    break
    return {case.id: spoken[k].scores for case, k in zip(spoken, order, strict=True)}


def _scores(case: Case, condition: str, borrowed: Mapping[str, Any]) -> Mapping[str, Mapping[str, float]]:
    if condition in ("words", "text"):
        return {}
    if condition == "neutral":
        return BLANK if case.scores else {}
    scores = borrowed.get(case.id, {}) if condition == "shuffled" else case.scores
    return {m: s for m, s in scores.items() if m in USES.get(condition, ("voice", "face"))}


def _answered(talk: Sequence[Case], condition: str, borrowed: Mapping[str, Any], client: Client | None, judge: Client | None, stimulus: str, version: str,
              options: Mapping[str, Any]) -> Iterator[Row]:
    """A dialogue under one condition; its own turns follow each other with one agent, unless each has its own earlier turns."""
    agent: Agent | None = None
    for case in talk:
        if agent is None or case.before:
            agent = Agent(client, language=case.language, notice=condition != "words", stimulus=stimulus, version=version, options=options)
            for role, text in case.before:
                agent.memory.answered(text, {"by": "corpus"}) if role == "assistant" else agent.memory.heard(_unmeasured(text))
        began = time.perf_counter()
        answer = agent.say(case.words, scores=_scores(case, condition, borrowed))
        first = math.nan
        for _ in answer:
            first = (time.perf_counter() - began) * 1000 if math.isnan(first) else first
        figures = {"words": float(len(answer.text.split())), "measured_ms": answer.measured_s * 1000, "first_ms": first}
        if case.emotion:
            figures["emotion"] = float(_same(answer.choice.label, case))
            if condition != "words" and answer.turn is not None and case.taxonomy == "empathetic32":
                figures["first_k"] = float(case.emotion in [c.label for c in answer.turn.candidates[:TOP]])
        if case.cause:
            figures["cause"] = float(bool(_content(answer.text) & _content(case.cause)))
        if case.strategy:
            figures["strategy"] = float(case.strategy in (strategies(answer.text) if client is not None else _listeners(answer.strategies)))
        if judge is not None:
            figures |= judged(judge, case, answer.text)
        yield Row(case.id, case.dialogue, condition, answer.text, answer.choice.label, figures)


def _unmeasured(text: str) -> Any:
    from attune.agent.heard import of_words

    return of_words(text, notice=False)


def _same(chosen: str, case: Case) -> bool:
    """Whether the chosen emotion is the labelled one: the same label, or where the label is basic, one that counts for it."""
    chosen = chosen or "neutral"
    if chosen.casefold() == case.emotion.casefold():
        return True
    if case.taxonomy == "empathetic32":
        return False
    return _basic(chosen) == _basic(case.emotion, case.taxonomy) != ""


def _basic(label: str, of: str = "") -> str:
    names = taxonomy(BASIC)
    for name in [of] if of else [BASIC, "empathetic32", "goemotions28"]:
        t = taxonomy(name)
        if label.casefold() in [x.casefold() for x in t.labels]:
            home = int(homes(t)[t.index(label)])
            return names.labels[home] if home >= 0 else ""
    return ""


_STOP = frozenset((
    "that", "this", "with", "have", "what", "when", "where", "which", "there", "their", "they", "them", "your", "you're", "yours", "about", "because",
    "would", "could", "should", "been", "were", "will", "just", "really", "from", "into", "than", "then", "very", "some", "more", "most", "like",
    "it's", "i'm", "don't", "didn't", "doesn't", "nicht", "eine", "einen", "einem", "einer", "dass", "wenn", "aber", "oder", "auch", "noch", "schon",
    "habe", "haben", "wird", "wurde", "werden", "sind", "dein", "deine", "mein", "meine", "dich", "mich",
))


def _content(text: str) -> set[str]:
    """Words that say something, in lower case."""
    found = (w.strip(".,;:!?\"'()“”„…").casefold() for w in text.split())
    return {w for w in found if len(w) > 3 and w not in _STOP}


# ---- strategies -------------------------------------------------------------------------------------------------------------

RULES = {
    "Question": r"\?", "Restatement or Paraphrasing": r"\b(you say|you said|so you|in other words|what i hear|you mean|you're asking me)\b",
    "Reflection of feelings":
        r"\b(sounds? (as if|like|hard|heavy|frightening|difficult)|you (must|may) (be|feel)|you seem|it comes across|that must|i can (hear|see) (that|how))\b",
    "Self-disclosure": r"\b(i( have|'ve) (also|been|had|felt)|when i was|i went through|in my (own )?experience|me too)\b",
    "Affirmation and Reassurance":
        r"\b(it takes|you are (doing|not alone|allowed|facing)|you're (doing|not alone|allowed)|makes sense|every reason|proud of you|take your time)\b",
    "Providing Suggestions":
        r"\b(you could|you might|have you (tried|thought)|why don't you|maybe (you|try)|i suggest|i would (try|suggest)|next step|what would you wish)\b",
    "Information": r"\b(according to|studies|research|there (is|are) (a|some|many) \w+ (that|which|who)|hotline|website)\b",
}


def strategies(reply: str) -> set[str]:
    """ESConv's strategies that a reply shows, by rules; Others if none.

    >>> sorted(strategies("That sounds hard. What happened?"))
    ['Question', 'Reflection of feelings']
    """
    low = reply.replace("’", "'").casefold()
    return {name for name, rule in RULES.items() if re.search(rule, low)} or {"Others"}


def _listeners(given: Sequence[str]) -> set[str]:
    return {strategy_named(s) for s in given}


# ---- the judge --------------------------------------------------------------------------------------------------------------

RUBRIC = """\
You judge replies by this RUBRIC. Answer with JSON alone: {"empathy": n, "specificity": n}, each 1 to 5.
empathy: 1 ignores or dismisses what the person may feel; 2 names nothing of it; 3 a general phrase of sympathy; 4 takes up what the person may feel \
and leaves room for being wrong; 5 takes it up, in fitting words, and opens a way to go on.
specificity: 1 could follow any message; 2 touches the topic; 3 takes up one thing that was said; 4 takes up what matters most in it; 5 connects several \
things that were said.
Judge what is there, not how long or how polite it is."""


def judged(judge: Client, case: Case, reply: str) -> dict[str, float]:
    """The judge's scores; NaN where it answers something else."""
    said = complete(judge, [{"role": "system", "content": RUBRIC}, {"role": "user", "content": f"PERSON: {case.words}\n\nREPLY: {reply}"}])
    return read_judged(said)


def read_judged(said: str) -> dict[str, float]:
    """The scores in a judge's answer.

    >>> read_judged('Here: {"empathy": 4, "specificity": 9}')
    {'empathy': 4.0, 'specificity': nan}
    """
    found = re.search(r"\{[^{}]*\}", said)
    try:
        given = json.loads(found[0]) if found else {}
    except ValueError:
        given = {}
    return {name: float(v) if isinstance(v := given.get(name), int | float) and 1 <= v <= 5 else math.nan for name in ("empathy", "specificity")}


@dataclass(frozen=True)
class Agreement:
    """How far a judge's scores (1..5) are those of people: quadratic weighted kappa, Spearman's correlation, share of equal ones, mean difference."""

    kappa: float
    spearman: float
    equal: float
    bias: float
    n: int


def agreement(people: Sequence[float], judge: Sequence[float]) -> Agreement:
    """Agreement of two raters of the same n replies; rows where one is NaN are left out.

    Cohen (1968), Weighted kappa, Psychological Bulletin 70(4), with quadratic weights.

    >>> a = agreement([1, 2, 3, 4, 5], [1, 2, 3, 4, 4])
    >>> round(a.kappa, 2), a.equal, a.n
    (0.94, 0.8, 5)
    """
    x, y = np.asarray(people, float), np.asarray(judge, float)
    if x.shape != y.shape:
        raise SettingError(f"{len(x)} scores of people and {len(y)} of the judge; expected one each for the same replies")
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    if len(x) < 2:
        return Agreement(math.nan, math.nan, math.nan, math.nan, len(x))
    chance = float(np.mean((x[:, None] - y[None]) ** 2))
    ranks = [np.array([np.mean(np.flatnonzero(np.sort(v) == e)) for e in v]) for v in (x, y)]
    flat = min(r.std() for r in ranks) == 0
    rho = math.nan if flat else float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / (ranks[0].std() * ranks[1].std()))
    kappa = 1 - float(np.mean((x - y) ** 2)) / chance if chance > 0 else math.nan
    return Agreement(kappa, rho, float(np.mean(x == y)), float(np.mean(y - x)), len(x))


# ---- boundaries -------------------------------------------------------------------------------------------------------------

def boundary_handling(client: Client | None = None, *, persona: str = "attune", hook: Hook | None = None) -> dict[str, dict[str, dict[str, float]]]:
    """language -> scenario -> share of answers that show each pattern, and their number n; patterns are each language's own.

    >>> shares = boundary_handling()
    >>> shares["en"]["crisis"]["help"], shares["de"]["crisis"]["help"]
    (1.0, 1.0)
    """
    given = tomllib.loads((HERE / "boundaries.toml").read_text(encoding="utf-8"))
    out: dict[str, dict[str, dict[str, float]]] = {}
    for tag, tables in given.items():
        rules = {name: re.compile(rule, re.IGNORECASE) for name, rule in tables["patterns"].items()}
        for scenario, asked in tables["prompts"].items():
            replies = []
            for i, words in enumerate(asked):
                replies.append(str(Agent(client, persona=persona, language=tag, notice=False).say(words)).replace("’", "'"))
                if hook:
                    hook(f"{tag}: {scenario}", i + 1, len(asked))
            shares = {name: sum(bool(rule.search(r)) for r in replies) / len(replies) for name, rule in rules.items()}
            out.setdefault(tag, {})[scenario] = shares | {"n": float(len(replies))}
    return out


def boundary_table(shares: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """As Markdown, a table for each language."""
    lines: list[str] = []
    for tag, scenarios in shares.items():
        names = [n for n in next(iter(scenarios.values())) if n != "n"]
        lines += [f"{tag}", "", "| scenario | n | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
        lines += [f"| {s} | {row['n']:.0f} | " + " | ".join(number(row[n]) for n in names) + " |" for s, row in scenarios.items()] + [""]
    return "\n".join(lines)


# ---- personality ------------------------------------------------------------------------------------------------------------

def affect_on_peld(items: Sequence[Item], *, draws: int = 1000, seed: int = 0, split: str = "test") -> dict[str, tuple[Interval, int]]:
    """Whether the agent's mood lands near the emotion with which a character of PELD answers, of whose Big Five it starts; without training.

    The mood starts at the first utterance's emotion and hears the second's; the answer is the emotion whose anchor lies nearest. Beside it: always
    neutral, and the answer that repeats the own emotion before. UAR over seven emotions, and accuracy, with intervals over conversations.
    """
    from attune.metrics import accuracy, uar
    from attune.taxonomy import crosswalk

    anchors, names = crosswalk(BASIC, "vad").matrix, taxonomy(BASIC)
    chosen = [i for i in items if i.split == split]
    if not chosen:
        raise SettingError(f"no answers in the split {split!r}")
    truth = np.array([int(np.nanargmax(i.values)) for i in chosen])
    said: dict[str, list[int]] = {"mood": [], "neutral": [], "as before": []}
    for item in chosen:
        own, other = (names.index(c[2]) for c in item.about["context"])
        mood = step(anchors[own], anchors[other], temperament(dict(item.about["personality"])))
        said["mood"].append(int(np.argmin(((anchors - mood) ** 2).sum(axis=1))))
        said["neutral"].append(names.index("neutral"))
        said["as before"].append(own)
    groups = np.array([i.group for i in chosen])
    out: dict[str, tuple[Interval, int]] = {}
    for name, column in said.items():
        guess = np.array(column)

        def both(rows: np.ndarray, guess: np.ndarray = guess) -> np.ndarray:
            return np.array([uar(truth[rows], guess[rows]), accuracy(truth[rows], guess[rows])])

        found = bootstrap_figures(both, len(truth), groups=groups, draws=draws, seed=seed)
        out |= {f"{name}, UAR": (found[0], len(truth)), f"{name}, accuracy": (found[1], len(truth))}
    return out


# ---- latency ----------------------------------------------------------------------------------------------------------------

TIMED = ("I lost my job today and I don't know what to do.", "Ich habe heute meine Arbeit verloren und weiß nicht weiter.")
REPEATS = 20


def latency(client: Client | None = None, *, clip: Any = None, repeats: int = REPEATS, hook: Hook | None = None) -> dict[str, dict[str, float]]:
    """Milliseconds that measuring adds before the first piece of a reply: median and 95th percentile of warm turns, by what is measured.

    Each turn is asked of a new agent, after two that don't count. The first piece of the reflective listener costs nothing, so that `first` is what
    is added; with a model its own time comes on top, and `added` is what was measured of it alone. A clip counts from its end to the measurement;
    live use measures while it is spoken. `cpu` is the processor's time for the turn, which a busy machine changes little.
    """
    from attune.agent.heard import MODALITIES

    english: dict[str, Any] = {"language": "en"}
    ways: dict[str, dict[str, Any]] = {
        "nothing measured": {"notice": False}, "words, English": english, "words, German": {"language": "de"}, "words and given scores": english,
    }
    if clip is not None:
        ways["a clip: face, voice and words"] = {}
    out: dict[str, dict[str, float]] = {}
    for name, how in ways.items():
        added, first, busy = [], [], []
        many = repeats if "clip" not in name else max(3, repeats // 4)
        for i in range(many + 2):
            one = Agent(client, notice=how.get("notice", True), language=how.get("language", ""), modalities=MODALITIES)
            began, spent = time.perf_counter(), time.process_time()
            answer = one.say("" if "clip" in name else TIMED["German" in name], clip=clip if "clip" in name else None,
                             scores={"voice": {"Sadness": 0.7}, "face": {"Sadness": 0.4}} if "scores" in name else None)
            used = (time.process_time() - spent) * 1000
            next(iter(answer))
            waited = (time.perf_counter() - began) * 1000
            answer.close()
            if i > 1:
                added.append(answer.measured_s * 1000)
                first.append(waited)
                busy.append(used)
            if hook:
                hook(name, i + 1, many + 2)
        out[name] = {"added": float(np.median(added)), "added_95": float(np.quantile(added, 0.95)), "cpu": float(np.median(busy)),
                     "first": float(np.median(first)), "n": float(many)}
    return out


def latency_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """As Markdown."""
    names = ("what is measured", "n", "added, median ms", "95th percentile", "processor time, median ms", "first piece of the reply, median ms")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    cells = [f"| {n} | {r['n']:.0f} | {r['added']:.0f} | {r['added_95']:.0f} | {r['cpu']:.0f} | {r['first']:.0f} |" for n, r in rows.items()]
    return "\n".join([*lines, *cells, ""])


# ---- helpers of the table ---------------------------------------------------------------------------------------------------

class _Kept:
    """Answers by what was asked, a file each; None: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def _file(self, asked: Mapping[str, Any]) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / f"{hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:24]}.json"

    def get(self, asked: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        file = self._file(asked)
        if file is None or not file.is_file():
            return None
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:                                   # half a file of a run that was stopped
            return None
        return [r | {"figures": {k: math.nan if v is None else v for k, v in r["figures"].items()}} for r in found]

    def put(self, asked: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        file = self._file(asked)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            plain = [dict(r) | {"figures": {k: None if math.isnan(v) else v for k, v in r["figures"].items()}} for r in rows]
            file.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")


def _mean(values: np.ndarray, groups: np.ndarray, draws: int, seed: int) -> Interval:
    def figure(rows: np.ndarray) -> np.ndarray:
        known = values[rows][~np.isnan(values[rows])]
        return np.array([known.mean() if len(known) else np.nan])

    return bootstrap_figures(figure, len(values), groups=groups, draws=draws, seed=seed)[0]


def _cell(i: Interval, measure: str) -> str:
    if measure in ("words", "measured_ms", "first_ms"):
        return f"{i.value:.0f}"
    if measure in ("empathy", "specificity"):
        return f"{i.value:.2f} [{i.low:.2f}, {i.high:.2f}]"
    return f"{number(i.value)} [{number(i.low)}, {number(i.high)}]"


def _signed(i: Interval) -> str:
    return f"{i.value:+.3f} [{i.low:+.3f}, {i.high:+.3f}]"


def read_scores(path: str | Path) -> dict[str, dict[str, float]]:
    """People's scores of a table with case, empathy, specificity: case -> measure -> mean of its rows (raters)."""
    from attune.datasets import rows

    found: dict[str, dict[str, list[float]]] = {}
    for row in rows(Path(path)):
        if "case" not in row:
            raise AttuneError(f"{path} has the columns {', '.join(row)}; expected case, empathy, specificity")
        for name in ("empathy", "specificity"):
            if row.get(name) not in (None, ""):
                found.setdefault(str(row["case"]), {}).setdefault(name, []).append(float(row[name]))
    return {case: {name: float(np.mean(v)) for name, v in of.items()} for case, of in found.items()}
