"""`attune baseline`: what is usual for one person, learned from recordings, looked at, forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from attune.cli.app import MEASURE, app, console, escape, out_console
from attune.errors import SettingError

baselines = typer.Typer(
    no_args_is_help=True,
    help="What is usual for one person, so that only what departs from it counts. Opt-in: pass the file to attune measure --baseline.",
)
app.add_typer(baselines, name="baseline", rich_help_panel=MEASURE)


@baselines.command()
def learn(
    recording: Annotated[list[Path], typer.Argument(help="Folders that `attune measure` wrote, all with this person.")],
    person: Annotated[str, typer.Option(help="Whose habit is learned, as the recordings name them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; people who are in it already are kept.")],
    shown: Annotated[str | None, typer.Option(help="What the person shows throughout, if known: neutral, say.", show_default=False)] = None,
    fair: Annotated[bool | None, typer.Option("--fair/--no-fair", show_default=False, help="Whether the recordings are a fair sample of what the person "
                                              "expresses; by default not, with --more as the file has it.")] = None,
    more: Annotated[bool, typer.Option("--more", help="Add to what the file knows of the person, instead of learning anew.")] = False,
) -> None:
    """Learn a person's habit from recordings: sums only, no moment is kept."""
    from attune import baseline, export

    kept = baseline.load(out) if out.is_file() else []
    learned = {(b.population.model, b.population.labels): b for b in kept if more and b.person == person}
    new = 0
    for folder in recording:
        for estimates in export.read(folder):
            population = baseline.population_of(estimates)
            if population is None:
                continue
            rows = estimates.values[estimates.person == person]
            key = (population.model, population.labels)
            one = learned.setdefault(key, baseline.Baseline(person, population))
            if one.population.to_json() != population.to_json():
                raise SettingError(f"{out} compares {person} with people by another version of {population.model}; learn anew, without --more")
            before, one.fair = one.moments, one.fair if fair is None else fair
            new += one.push(rows, shown).moments - before
    if not new:
        raise SettingError(f"nothing of {person!r} to learn from; attune show says who is in a recording, and only models with a population can compare")
    same = {(b.person, b.population.model) for b in learned.values()}
    baseline.save([*(b for b in kept if (b.person, b.population.model) not in same), *learned.values()], out)
    for b in learned.values():
        out_console.print(escape(str(b)), highlight=False)
    console.print(f"[green]✓[/] {escape(str(out))}", highlight=False, soft_wrap=True)


@baselines.command()
def show(file: Annotated[Path, typer.Argument(help="A file of `attune baseline learn`.")]) -> None:
    """Whose habits a file holds, and what they are."""
    from attune import baseline

    table = Table("person", "model", "moments", "counts", "what is usual", box=None, pad_edge=False)
    for b in baseline.load(file):
        table.add_row(escape(b.person), b.population.model, str(b.moments), f"{b.trust:.0%}", escape(str(b).partition(": ")[2]))
    out_console.print(table)


@baselines.command()
def forget(
    file: Annotated[Path, typer.Argument(help="A file of `attune baseline learn`.")],
    person: Annotated[str, typer.Option(help="Whom to forget.")],
) -> None:
    """Take one person out of a file."""
    from attune import baseline

    everybody = baseline.load(file)
    left = [b for b in everybody if b.person != person]
    if len(left) == len(everybody):
        raise SettingError(f"nobody called {person!r} in {file}; there are: {', '.join(sorted({b.person for b in everybody})) or 'none'}")
    baseline.save(left, file)
    console.print(f"[green]✓[/] forgot {escape(person)}", highlight=False)
