"""`attune evaluate fusion`: does fusing modalities beat each alone, on this corpus?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from attune.cli.app import console, escape, out_console


def fusion(
    corpus: Annotated[str, typer.Argument(help="A corpus (see attune corpora).")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it lies.")],
    part: Annotated[list[str], typer.Option(help="MODALITY=FILE: out-of-fold predictions of a model (docs/evaluation.md); may be repeated.")] = [],  # noqa: B006
    target: Annotated[list[str], typer.Option(help="Label to predict as a number; by default the classes, or all dimensions.")] = [],  # noqa: B006
    fuser: Annotated[list[str], typer.Option(help="Fusers to try; by default all that fit.")] = [],  # noqa: B006
    quick: Annotated[bool, typer.Option("--quick", help="Each fuser's defaults, nothing searched: a look in a minute or so.")] = False,
    trials: Annotated[int, typer.Option(help="Settings searched per cell and fold.", min=1)] = 15,
    every: Annotated[bool, typer.Option("--every", help="Every fuser, not only the one that inner folds prefer.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for finished cells, table and figures.")] = Path("evaluated"),
) -> None:
    """Every fuser on every subset of modalities, scored on people it never saw: the table of Rios et al. for this corpus.

    Beside each subset stands how much better it is than the best single modality, on the same draws of speakers.
    """
    from attune import datasets
    from attune.evaluate import read_predictions
    from attune.evaluate.fusing import parts_of, read_parts
    from attune.evaluate.grid import grid

    ready = parts_of(datasets.read(corpus, folder), datasets.facts(corpus, folder), read_parts(part, read_predictions), target=target)
    place = out / f"{corpus}-fusion"
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")
        result = grid(
            ready.parts, ready.y, ready.groups, targets=ready.targets, names=fuser or None, quick=quick, trials=trials, out=place / "cells", name=corpus,
            hook=lambda step, done, total: progress.update(task, description=step, completed=done, total=total),
        )
    markdown = result.to_markdown(every=every)
    out_console.print(_table(markdown, f"{corpus}: n = {len(result.y):,}, {len(set(result.groups.tolist())):,} speakers, five folds by speaker"))
    for note in ready.notes:
        out_console.print(f"[yellow]·[/] {escape(note)}")
    (place / "table.md").write_text(markdown + "\n", encoding="utf-8")
    (place / "grid.json").write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")
    console.print(f"[green]✓[/] table.md, grid.json in [cyan]{escape(str(place))}[/]", highlight=False, soft_wrap=True)


def _table(markdown: str, title: str) -> Table:
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in head:
        table.add_column(name)
    for line in lines:
        style = "green" if line[-1].endswith("better") else "red" if line[-1].endswith("worse") else ""
        table.add_row(*line[:-1], f"[{style}]{escape(line[-1])}[/]" if style else escape(line[-1]))
    return table
