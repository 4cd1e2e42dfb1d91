"""`attune voices`: a book of known voices, so that a speaker keeps the name over the files of a study."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track

from attune.cli.app import MEASURE, app, console, escape, out_console
from attune.errors import AttuneError, SettingError

if TYPE_CHECKING:
    from attune.voice.speakers import SpeakerStream

voices = typer.Typer(
    no_args_is_help=True,
    help="Known voices, whose names speakers get with attune measure --speakers auto --voices FILE. A voice's vector can tell people apart: "
    "keep the file like other personal data, and ask those who are in it.",
)
app.add_typer(voices, name="voices", rich_help_panel=MEASURE)


@voices.command()
def learn(
    named: Annotated[list[str], typer.Argument(metavar="NAME=FILE...", help="A name, and a recording in which nobody else speaks.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The book; who is in it already is kept.")],
) -> None:
    """Learn voices by name."""
    from attune.voice.speakers import Book

    pairs = [pair.partition("=") for pair in named]
    for name, sign, file in pairs:
        if not (name and sign and file):
            raise SettingError(f"{name + sign + file!r}; expected NAME=FILE, as in Ada=ada.wav")
    book = dict(Book.read(out).voices) if out.is_file() else {}
    for name, _, file in track(pairs, "listening", console=console, transient=True):
        learned = _heard(file).voices(1)
        if not learned:
            raise AttuneError(f"nobody speaks in {file}; give a recording of {name} speaking for some seconds")
        book[name] = next(iter(learned.values()))
    Book(book).write(out)
    console.print(f"[green]✓[/] {escape(', '.join(book))}  {escape(str(out))}", highlight=False, soft_wrap=True)


@voices.command()
def gather(
    files: Annotated[list[str], typer.Argument(help="Recordings of a study: files, folders, or patterns.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The book to write.")],
    speakers: Annotated[str, typer.Option(help="How many speak in each file; auto: found out.")] = "auto",
) -> None:
    """Go through a study's recordings and give everybody one name over all of them: "voice 1", "voice 2"."""
    from attune import batch
    from attune.voice.speakers import Book, gathered

    heard = []
    for path in track(batch.find(files), "listening", console=console, transient=True):
        try:
            heard.append((str(path), _heard(str(path)).voices(speakers)))
        except AttuneError as error:
            console.print(f"[red]✗[/] {escape(str(path))}  {escape(str(error))}", highlight=False, soft_wrap=True)
    book, where = gathered([said for _, said in heard])
    if not book:
        raise AttuneError("nobody speaks in these files")
    Book(book).write(out)
    for name in book:
        files_of = ", ".join(Path(path).name for (path, _), found in zip(heard, where, strict=True) if name in found.values())
        out_console.print(f"{name}  {escape(files_of)}", highlight=False)
    console.print(f"[green]✓[/] {escape(str(out))}", highlight=False, soft_wrap=True)


@voices.command()
def show(file: Annotated[Path, typer.Argument(help="A book of voices.")]) -> None:
    """Who is in a book."""
    from attune.voice.speakers import Book

    for name in Book.read(file).voices:
        out_console.print(escape(name), highlight=False)


@voices.command()
def forget(
    file: Annotated[Path, typer.Argument(help="A book of voices.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Whom to forget.")],
) -> None:
    """Take people out of a book."""
    from attune.errors import unknown
    from attune.voice.speakers import Book

    book = dict(Book.read(file).voices)
    for name in names:
        if name not in book:
            raise unknown("voice", name, book)
        del book[name]
    Book(book).write(file)
    console.print(f"[green]✓[/] forgot {escape(', '.join(names))}", highlight=False)


def _heard(file: str) -> SpeakerStream:
    from attune.media import Media
    from attune.voice.speakers import SAMPLE_RATE, SpeakerStream

    media, stream = Media.open(file), SpeakerStream()
    blocks: Iterable = media.blocks(SAMPLE_RATE) if media.has_audio else ()  # type: ignore[type-arg]
    for block in blocks:
        stream.push(block)
    stream.close()
    return stream
