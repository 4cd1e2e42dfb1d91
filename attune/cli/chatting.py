"""`attune chat`: a conversation in the terminal; `attune mcp`: the same measuring for programs that speak MCP."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from attune.cli.app import FAILED, SERVE, app, console, escape, out_console
from attune.errors import AttuneError, SettingError

KEY, URL, MODEL = "ATTUNE_LLM_KEY", "ATTUNE_LLM_URL", "ATTUNE_LLM_MODEL"
SERVER_KEY = "ATTUNE_KEY"                # of a server that asks for keys
HELP = "/clip FILE [words]  a recording as a turn · /seen  what was measured · /why  what made it think so · /off /on  noticing · /forget · /quit"
NOTICE = ("Your words, and voice and face where you give them, are measured for what they express, on this machine. It errs, and it doesn't read minds. "
          "You may ask what was noticed (/why), switch it off (/off), or have it deleted (/forget).")
UNHEARD = ("No recogniser is here, so your words stay unknown, and only your voice is measured: pip install 'attune[whisper]', "
           "then attune models add whisper_small.")
SHARED = "What you write, and what was measured of it in words, is sent to {}."


@app.command(rich_help_panel=SERVE)
def chat(
    words: Annotated[list[str] | None, typer.Argument(help="One turn instead of a conversation.", show_default=False)] = None,
    clip: Annotated[list[Path] | None, typer.Option(help="A recorded clip as a turn; may be repeated.", show_default=False)] = None,
    url: Annotated[str, typer.Option(help=f"A server that speaks OpenAI's chat completions, such as http://localhost:11434/v1. Or {URL}. "
                                     "Without one, Attune's reflective listener answers.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help=f"The model's name there; by default the first. Or {MODEL}. A key: {KEY}.", show_default=False)] = "",
    persona: Annotated[str, typer.Option(help="Who it is: attune, warm, brisk, or a TOML file.")] = "attune",
    language: Annotated[str, typer.Option(help="en or de; by default that of your words.", show_default=False)] = "",
    keep: Annotated[Path | None, typer.Option(help="Keep the conversation as a recording in this folder, and go on with the one that lies there.",
                                              show_default=False)] = None,
    baseline: Annotated[Path | None, typer.Option(help="Your habits, of attune baseline learn, are taken out.", show_default=False)] = None,
    notice: Annotated[bool, typer.Option("--notice/--no-notice", help="Measure how what you say comes across.")] = True,
    microphone: Annotated[bool, typer.Option("--microphone", help="Listen: each time you have spoken, it answers.")] = False,
    device: Annotated[str, typer.Option(help="The microphone's name.", show_default=False)] = "",
    replay: Annotated[Path | None, typer.Option(help="Say again what was said in a kept conversation.", show_default=False)] = None,
    forget: Annotated[Path | None, typer.Option(help="Delete a kept conversation.", show_default=False)] = None,
    seen: Annotated[bool, typer.Option("--seen", help="Show what was measured with every turn.")] = False,
) -> None:
    """Talk with an agent that hears how you say it. Everything is measured on this machine."""
    from attune import agent as flow
    from attune import llms
    from attune.settings import Settings

    if forget is not None:
        flow.Conversation.read(forget).forget()
        console.print(f"[green]✓[/] the conversation in [cyan]{escape(str(forget))}[/] is deleted", highlight=False)
        return
    url, model = url or os.environ.get(URL, ""), model or os.environ.get(MODEL, "")
    if model and not url:
        raise SettingError(f"--model {model} needs the address of a server: --url, or {URL}")
    client = llms.client(url, model, key=os.environ.get(KEY)) if url else None
    one = flow.Agent(client, persona=persona, language=language, notice=notice, keep=keep, settings=Settings.of(baseline=str(baseline) if baseline else None))
    if replay is not None:
        for said in _said_again(flow.Conversation.read(replay)):
            _you(said["words"])
            _answered(one, one.say(recording=said["turn"]), seen)
        return
    shown = _Talk(one, seen)
    given: list[dict[str, Any]] = [*({"clip": c} for c in clip or ()), *([{"words": " ".join(words)}] if words else [])]
    if given:
        for turn in given:
            if not shown.turn(**turn):
                raise typer.Exit(FAILED)
        return
    _welcome(one, url)
    for turn in _heard(device) if microphone else _typed():
        if not shown.turn(**turn):
            break


@app.command(rich_help_panel=SERVE)
def mcp(
    folder: Annotated[Path, typer.Option(help="Where recordings lie and are written to; nothing outside is written.")] = Path("measured"),
    media: Annotated[list[Path], typer.Option(help="Where media may be read; may be repeated. By default the folder that it is started in.")] = [],  # noqa: B006
    server: Annotated[str, typer.Option(show_default=False, help=(
        f"A running attune serve, such as http://127.0.0.1:8000, whose live sessions are asked for now. A key: {SERVER_KEY}."))] = "",
) -> None:
    """Serve measuring to a program that speaks the Model Context Protocol, over its standard input and output."""
    from attune.server import mcp as tools

    tools.serve(folder, media or [Path.cwd()], address=server, key=os.environ.get(SERVER_KEY, ""))


class _Talk:
    """A conversation, turn by turn."""

    def __init__(self, agent: Any, seen: bool) -> None:
        self.agent, self.seen, self.last = agent, seen, None

    def turn(self, words: str = "", clip: Any = None) -> bool:
        """One turn; False when the conversation is over, or a single turn failed."""
        command, _, rest = words.strip().partition(" ")
        if clip is None and command in ("/quit", "/exit", "/q"):
            return False
        if clip is None and command.startswith("/") and command != "/clip":
            self._command(command)
            return True
        if clip is None and command == "/clip":
            clip, words = _clip(rest.strip())
        if clip is None and not words.strip():
            return True
        try:
            with out_console.status("[dim]listening[/]", spinner="dots") if clip is not None and out_console.is_terminal else contextlib.nullcontext():
                answer = self.agent.say(words, clip=clip)
            if clip is not None:
                _you(answer.turn.words or "(no words)")
            self.last = answer
            _answered(self.agent, answer, self.seen)
        except (AttuneError, OSError) as error:
            console.print(f"  [red]{escape(str(error))}[/]", highlight=False, soft_wrap=True)
            return clip is None and sys.stdin.isatty()
        return True

    def _command(self, command: str) -> None:
        agent = self.agent
        if command == "/why":
            _says(agent.why() or "Nothing was measured so far.")
        elif command == "/seen":
            _seen(agent, self.last) if self.last is not None and self.last.turn is not None else console.print("  [dim]nothing yet[/]")
        elif command in ("/off", "/on"):
            agent.notice = command == "/on"
            if not agent.notice:
                agent.memory.forget_measured()
            console.print(f"  [dim]noticing is {'on' if agent.notice else 'off; what was measured before is deleted'}[/]")
        elif command == "/forget":
            agent.forget()
            console.print("  [dim]the conversation is deleted[/]")
        else:
            console.print(f"  [dim]{HELP}[/]", highlight=False)


def _welcome(agent: Any, url: str) -> None:
    from attune.agent import listener

    console.print()
    console.print(f"  [bold]{escape(agent.persona.title)}[/] [dim]· {escape(agent.client.name if agent.client else listener.NAME)}[/]")
    console.print(Padding(f"[dim]{NOTICE}{' ' + escape(SHARED.format(url)) if url else ''}[/]", (0, 2)), highlight=False)
    if agent.client is None:
        console.print(Padding(f"[dim]{escape(listener.about(agent.language or 'en'))}[/]", (0, 2)), highlight=False)
    console.print(Padding(f"[dim]{HELP}[/]", (0, 2)), highlight=False)
    console.print()


def _clip(text: str) -> tuple[Path, str]:
    """The file, and the words behind it: a name with blanks needs quotes only where words follow."""
    with contextlib.suppress(OSError):    # many words are no name that could be
        if _named(text).is_file():
            return _named(text), ""
    mark = text[:1] if text[:1] in ("'", '"') and text.find(text[0], 1) > 0 else ""
    name, _, words = text[1:].partition(mark) if mark else text.partition(" ")
    return _named(name), words.strip()


def _named(text: str) -> Path:
    """A file as it is typed, ~ being one's own folder; ~ before what is nobody's stays."""
    return Path(os.path.expanduser(text))        # Path's own raises where there is nobody of the name


def _typed() -> Iterator[dict[str, str]]:
    while True:
        try:
            yield {"words": out_console.input("[bold cyan]›[/] " if sys.stdin.isatty() else "")}
        except (EOFError, KeyboardInterrupt):
            out_console.print()
            return


def _heard(device: str) -> Iterator[dict[str, Any]]:
    from attune.agent import microphone
    from attune.text import recognisers

    sound = microphone.device(device)
    if recognisers.first() is None:
        console.print(Padding(f"[yellow]·[/] {escape(UNHEARD)}", (0, 2)), highlight=False)
    console.print("  [dim]speak; a second of silence ends your turn; Ctrl-C ends the conversation[/]")
    try:
        for clip in microphone.turns(sound):
            yield {"clip": clip}
    except KeyboardInterrupt:
        out_console.print()


def _said_again(talk: Any) -> Iterator[dict[str, Any]]:
    from attune.agent.heard import PERSON

    for i, said in enumerate(talk.turns):
        if said.person == PERSON:
            yield {"words": said.words, "turn": talk.turn_of(i)}


def _you(words: str) -> None:
    out_console.print(f"[bold cyan]›[/] {escape(words)}", highlight=False, soft_wrap=not out_console.is_terminal)


def _answered(agent: Any, answer: Any, seen: bool) -> None:
    """The reply as it comes; then, if wanted, what was measured."""
    try:
        if out_console.is_terminal:
            with Live(console=out_console, refresh_per_second=12, vertical_overflow="visible") as live:
                text = ""
                for piece in answer:
                    text += piece
                    live.update(Padding(Text(text), (0, 2)))
        else:
            out_console.print(f"  {escape(str(answer))}", highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        answer.close()
    if seen and answer.turn is not None:
        _seen(agent, answer)
    out_console.print()


def _says(text: str) -> None:
    out_console.print(Padding(Text(text), (0, 2)))


def _seen(agent: Any, answer: Any) -> None:
    """What was measured of a turn, dim, a line a fact."""
    from attune.agent.turn import lines

    for line in lines(answer.turn, modalities=agent.modalities):
        out_console.print(f"  [dim]· {escape(line)}[/]", highlight=False, soft_wrap=True)
    best = ", ".join(f"{c.label} {c.probability:.2f}" for c in answer.turn.candidates[:3])
    chosen = f" · chosen: {answer.choice.label}" if answer.choice.label else ""
    if best:
        told = f"fits: {best}{chosen} · tone: {answer.tone.word} · by {answer.by} · measured in {answer.measured_s * 1000:.0f} ms"
        out_console.print(f"  [dim]· {escape(told)}[/]", highlight=False, soft_wrap=True)


