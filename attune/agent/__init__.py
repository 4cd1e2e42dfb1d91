"""An agent that answers the person, not only the words: it hears a turn, measures it, and replies with what it measured in mind.

    >>> agent = Agent()                                     # without a language model: the reflective listener
    >>> print(agent.say("I got the promotion!"))
    That is good to hear. You say you got the promotion, and it sounds as if you're excited. What does it mean to you?

    agent = Agent(llms.client("http://localhost:11434/v1", "llama3.2"), persona="warm")
    for piece in agent.say("I'm fine.", clip="turn.wav"):   # words, a recorded clip, or scores that a client measured
        print(piece, end="")

The loop, top down:

    boundaries   are looked for in the words, before anything else: danger, dependence, questions about what was noticed
    heard        the turn becomes a recording: the models of `measure`, unless noticing is switched off
    turn         what it says: words and LEED of each modality, change, discord, what is unusual, candidates, the words behind them
    affect       the agent's own mood moves, and gives the reply a tone
    prompts      all that within a budget, for the language model; or `listener`, where there is none
    boundaries   again: sentences of the reply that may not be said are left out
    memory       keeps both turns as a recording
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from attune.agent import affect, boundaries, heard, listener, prompts, why
from attune.agent.boundaries import Sign
from attune.agent.memory import AGENT, Conversation
from attune.agent.persona import Persona, persona
from attune.agent.turn import TOP, Turn, facts, understood
from attune.agent.why import Noticed
from attune.errors import RecordingError
from attune.llms import Client
from attune.settings import Settings
from attune.text import language as languages
from attune.types import Modality, Recording

__all__ = ["Agent", "Answer", "Conversation", "Persona", "Sign", "Turn", "persona", "replay"]

HISTORY = 1500                           # tokens of earlier turns that a language model is told; ours
REMINDED = 3                             # own turns after a sign of danger in which the listener repeats where help is


@dataclass
class Answer:
    """A reply that is on its way: iterate over it for its pieces, or take `str()` of it for the whole.

    turn
        What was understood of the person's turn; None for a fixed answer to something that wasn't measured.
    sign
        What needed a boundary, if anything did.
    by
        Who answered: "boundary", the reflective listener, or the language model's name.
    choice
        The emotion that was chosen, once the reply is there; for the listener the one it named.
    measured_s
        Seconds from the turn's end to the first thing that is asked of whoever answers: what measuring costs.
    """

    turn: Turn | None
    sign: Sign | None
    by: str
    tone: affect.Tone
    measured_s: float
    _pieces: Iterator[str] = field(repr=False)
    messages: list[dict[str, str]] = field(default_factory=list, repr=False)
    strategies: tuple[str, ...] = ()
    choice: prompts.Choice = prompts.Choice("", 0)
    text: str = ""

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def close(self) -> None:
        """Stop it: what was said so far is what was said."""
        close = getattr(self._pieces, "close", None)
        if close:
            close()

    def __str__(self) -> str:
        for _ in self._pieces:
            pass
        return self.text


class Agent:
    """A conversation with one person.

    Parameters
    ----------
    client
        A language model (`attune.llms.client`); None: the reflective listener.
    persona
        The name of one, or a file; or a `Persona`.
    language
        BCP-47; "": that of the person's words.
    notice
        Whether anything is measured. Off, only the words are gone by; the person can switch it as well.
    modalities
        Which of text, voice and face are used.
    keep
        A folder in which the conversation is kept as a recording; an earlier one that lies there goes on. None: nothing is written.
    settings
        How turns are measured; `baseline` takes the person's habit out.
    budget, history
        Tokens for what was measured, and for earlier turns; `count` says how many a text has (four letters a token without).
    options
        Of the language model: temperature and the like.

    Raises
    ------
    UnknownName, SettingError
        For an unknown persona, version of the prompts or stimulus.
    """

    def __init__(
        self, client: Client | None = None, *, persona: str | Persona = "attune", language: str = "", notice: bool = True,
        modalities: Sequence[Modality] = heard.MODALITIES, keep: str | Path | None = None, settings: Settings | None = None, top: int = TOP,
        budget: int = prompts.BUDGET, history: int = HISTORY, count: Callable[[str], int] | None = None, stimulus: str = "none",
        version: str = prompts.VERSION, options: Mapping[str, Any] | None = None,
    ) -> None:
        self.client, self.language, self.notice, self.modalities = client, language, notice, tuple(modalities)
        self.persona = persona if isinstance(persona, Persona) else globals()["persona"](persona)
        self.settings = settings or Settings()
        self.top, self.budget, self.history, self.count = top, budget, history, count or (lambda text: -(-len(text) // 4))
        self.stimulus, self.version, self.options = stimulus, version, dict(options or {})
        self.mood = self.persona.home
        about = {"persona": self.persona.name, "language": language, "model": client.name if client else listener.NAME, "prompts": version}
        self.memory = Conversation(keep, about)
        if keep is not None and (Path(keep) / "recording.json").is_file():
            self.memory = _continued(Path(keep), about)
            self._remember()

    # ---- a turn -------------------------------------------------------------------------------------------------------------

    def say(self, words: str = "", *, clip: Any = None, scores: heard.Scores | None = None, recording: Recording | None = None) -> Answer:
        """The person's next turn, and the reply to it.

        Parameters
        ----------
        words
            As said or typed; beside a clip they replace what is recognised.
        clip
            A file, or `Media`.
        scores
            voice or face -> name -> 0..1, that a client measured (Hume's 48 names).
        recording
            Of the turn alone, where it was measured before.

        Raises
        ------
        MediaError
            If the clip is no media.
        LLMError
            While iterating, if the language model fails; the person's turn is kept.
        """
        began = time.perf_counter()
        typed = boundaries.sign(words, self.language)
        if recording is None:
            try:
                recording = self._measured(words, clip, scores)
            except Exception:
                if typed is None or not typed.crisis:        # help comes, whatever else fails
                    raise
                recording = heard.of_words(words, notice=False)
        said = heard.said(recording)
        tag = self.language or languages.guess([said]) or self._spoken() or "en"
        found = boundaries.sign(said, tag)
        turn = self._understood(recording, tag)
        self.memory.note(sign=found.kind if found else "", mood=[round(float(v), 4) for v in self.mood], **({} if not self.notice else facts(turn)))
        answer = self._answer(turn, found, tag, time.perf_counter() - began)
        answer._pieces = self._kept(answer, answer._pieces)
        return answer

    def _measured(self, words: str, clip: Any, scores: heard.Scores | None) -> Recording:
        silent = replace(self.settings, face=None, voice=None, text=None)
        unused: dict[str, Any] = {m: None for m in heard.MODALITIES if m not in self.modalities}
        used = replace(self.settings, language=self.language or self.settings.language, **unused)
        if clip is None:
            kept = {str(m): s for m, s in (scores or {}).items() if m not in unused}
            return heard.of_words(words, language=self.language, scores=kept, settings=used, notice=self.notice)
        return heard.of_clip(clip, words=words, settings=used if self.notice else _recognising(silent, self.settings), scores=scores if self.notice else None)

    def _understood(self, recording: Recording, tag: str) -> Turn:
        said = self.memory.heard(recording)
        turn = understood(recording, language=tag, before=self.memory.recording(last=3), usual=self.memory.usual(), since=said.start)
        if self.notice:
            self.mood = affect.step(self.mood, np.array(turn.position), self.persona.home, moved=self.persona.moved, decay=self.persona.decay)
        return turn

    # ---- who answers --------------------------------------------------------------------------------------------------------

    def _answer(self, turn: Turn, found: Sign | None, tag: str, measured_s: float) -> Answer:
        tone = affect.tone(self.mood)
        fixed = self._fixed(found, tag) if found else ""
        if fixed:
            return Answer(turn, found, "boundary", tone, measured_s, iter(boundaries.sentences([fixed])))
        after = self._since_danger() is not None
        if self.client is None:
            made = listener.reply(turn, self._own_turns(), notice=self.notice, length=self.persona.length + 1, danger=after)
            pieces = [*made.pieces(), *([" ", boundaries.policy(boundaries.nearest(tag))["help"]["after"]] if after else [])]
            chosen_by_listener = prompts.Choice(made.emotion, 1 if made.emotion else 0)
            return Answer(turn, found, listener.NAME, tone, measured_s, iter(pieces), strategies=made.strategies, choice=chosen_by_listener)
        messages = self._messages(turn, found, tag, tone, after)
        answer = Answer(turn, found, self.client.name, tone, measured_s, iter(()), messages)
        first, others = prompts.proposed(turn, self.top)

        def chosen(line: str) -> None:
            answer.choice = prompts.choice(line, first, others)

        answer._pieces = boundaries.guarded(prompts.without_choice(self.client.stream(messages, **self.options), chosen), tag)
        return answer

    def _messages(self, turn: Turn, found: Sign | None, tag: str, tone: affect.Tone, after: bool) -> list[dict[str, str]]:
        told = prompts.told(
            turn, tag, modalities=self.modalities if self.notice else (), top=self.top, tone=tone if self.notice else None,
            notes=boundaries.care(found, after, tag), budget=self.budget, count=self.count, version=self.version,
            habit=self.settings.baseline is not None and self.notice)
        earlier: list[dict[str, str]] = []
        room = self.history
        for said in reversed(self.memory.turns[:-1]):
            room -= self.count(said.words)
            if room < 0:
                break
            earlier.insert(0, {"role": "assistant" if said.person == AGENT else "user", "content": prompts.harmless(said.words)})
        system = prompts.system(self.persona, tag, version=self.version, stimulus=self.stimulus)
        return [{"role": "system", "content": system}, *earlier, {"role": "user", "content": told}]

    def _fixed(self, found: Sign, tag: str) -> str:
        """The answer that no language model is asked for; "" where there is none."""
        if found.crisis:
            return boundaries.answer(found)
        if found.kind == "why":
            return self.why(heard_words(self.memory), found.language)
        if found.kind == "stop_noticing":
            self.notice = False
            self.memory.forget_measured()
            self.mood = self.persona.home
            return boundaries.answer(found)
        if found.kind == "start_noticing":
            self.notice = True
            return boundaries.answer(found)
        if found.kind == "forget":
            self.forget()
            return boundaries.answer(found)
        return boundaries.answer(found) if self.client is None else ""

    def _kept(self, answer: Answer, pieces: Iterator[str]) -> Iterator[str]:
        try:
            for piece in pieces:
                answer.text += piece
                yield piece
        finally:
            close = getattr(pieces, "close", None)
            if close:
                close()
            if answer.text.strip() and self.memory.turns:
                known = {"by": answer.by, "emotion": answer.choice.label, "stage": answer.choice.stage, "tone": asdict(answer.tone)}
                self.memory.answered(answer.text.strip(), known)

    # ---- what was noticed ---------------------------------------------------------------------------------------------------

    def why(self, asked: str = "", language: str = "") -> str:
        """What made it think so: the moment and the measurements, of the turn that fits the question, else of the last that was measured; "" if none was.

        asked
            The question; a feeling named in it picks the last turn that showed it.
        """
        table = boundaries.policy(boundaries.nearest(language or self.language))["answers"]
        own = [i for i, t in enumerate(self.memory.turns[:-1] if asked else self.memory.turns) if t.person == heard.PERSON and t.estimates]
        if not own:
            return str(table["noticing_is_off"]) if not self.notice else ""
        tag = boundaries.nearest(language or self.language)
        said = {i: self._noticed(i, tag) for i in own}
        words = {w.strip(".,;:!?\"'’").casefold() for w in asked.split()}
        at = next((i for i in reversed(own) if any(n.word.casefold() in words for n in said[i])), own[-1])
        return why.told(self.memory.turns[at], sum(1 for t in self.memory.turns[: at + 1] if t.person == heard.PERSON), said[at], tag)

    def _noticed(self, index: int, tag: str) -> list[Noticed]:
        """What one turn showed, with times of the conversation."""
        start = self.memory.turns[index].start
        return [n if n.time is None else replace(n, time=n.time + start) for n in why.noticed(self.memory.turn_of(index), tag)]

    def forget(self) -> None:
        """Delete the conversation, here and in its folder."""
        self.memory.forget()
        self.mood = self.persona.home

    # ---- what is remembered -------------------------------------------------------------------------------------------------

    def _own_turns(self) -> int:
        return sum(1 for t in self.memory.turns if t.person == AGENT and t.facts.get("by") != "boundary")

    def _since_danger(self) -> int | None:
        """Own turns since a sign of danger; None if there was none, or long ago for the listener."""
        since = 0
        for t in reversed(self.memory.turns[:-1]):
            if t.person == AGENT:
                since += 1
            elif t.facts.get("sign") in boundaries.CRISIS:
                return since if self.client is not None or since <= REMINDED else None
        return None

    def _spoken(self) -> str:
        """The language of the person's turns so far, where the last is too short to tell."""
        return languages.guess([t.words for t in self.memory.turns if t.person == heard.PERSON])

    def _remember(self) -> None:
        moods = [t.facts["mood"] for t in self.memory.turns if t.facts.get("mood")]
        if moods:
            self.mood = np.array(moods[-1])


def replay(talk: Conversation | Recording, agent: Agent) -> list[tuple[str, str]]:
    """(the person's words, the reply) for each of the person's turns, said again to another agent with what was measured then.

    The reflective listener gives the same replies again; a language model need not.
    """
    given = talk if isinstance(talk, Conversation) else Conversation.of(talk)
    return [(t.words, str(agent.say(recording=given.turn_of(i)))) for i, t in enumerate(given.turns) if t.person == heard.PERSON]


def heard_words(talk: Conversation) -> str:
    """What the person said last."""
    return next((t.words for t in reversed(talk.turns) if t.person == heard.PERSON), "")


def _recognising(silent: Settings, chosen: Settings) -> Settings:
    """Words may be recognised where noticing is off, but nothing is measured in them."""
    return replace(silent, text=chosen.text)


def _continued(folder: Path, about: dict[str, Any]) -> Conversation:
    try:
        talk = Conversation.read(folder)
    except RecordingError as error:
        raise RecordingError(f"{folder} can't go on as a conversation ({error}); choose an empty folder") from error
    talk.about |= about
    return talk
