"""`attune evaluate words`: free words beside the words that people gave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from attune.cli.app import WIDE, console, escape, out_console
from attune.errors import SettingError

if TYPE_CHECKING:
    from attune.evaluate.open_words import OpenWords


def words(
    corpus: Annotated[str, typer.Argument(help="A corpus with words of people's own, such as emer.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it lies.")],
    predictions: Annotated[Path | None, typer.Option(help="CSV or Parquet with the columns id and words.", show_default=False)] = None,
    model: Annotated[list[str], typer.Option(help="A model whose labels are the words; may be repeated.")] = [],  # noqa: B006
    field: Annotated[str | None, typer.Option(help="Where people's words stand: openset, english, reasons ...", show_default="the first there is")] = None,
    wheels: Annotated[Path | None, typer.Option(help="Folder of emotion wheels (docs/evaluation.md).", show_default="the groups of our taxonomies")] = None,
    level: Annotated[int, typer.Option(help="Of such wheels: 1, the middle, or 2.", min=1, max=2)] = 1,
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=10)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("evaluated"),
    cache: Annotated[Path | None, typer.Option(help="Folder in which what models say is kept.", show_default="in the cache of attune")] = None,
) -> None:
    """Open vocabulary: precision, recall and F1 of free words, joined by wheels of emotions, with intervals."""
    from attune import datasets, weights
    from attune.evaluate import open_words as flow
    from attune.evaluate import said
    from attune.evaluate.status import status, worst
    from attune.metrics.words import read_wheels

    if (predictions is None) == (not model):
        raise SettingError("expected either --predictions FILE or --model NAME: whose words are scored")
    items = datasets.read(corpus, folder)
    truth = flow.truth_words(items, field)
    command = f"attune evaluate words {corpus} DIR" + (f" --predictions {predictions.name}" if predictions else "")
    command += "".join(f" --model {name}" for name in model) + (f" --field {field}" if field else "") + (" --wheels DIR" if wheels else "")
    command += (f" --level {level}" if level != 1 else "") + (f" --draws {draws}" if draws != 1000 else "") + (f" --seed {seed}" if seed else "")
    known = [item for item in items if item.id in truth]
    sources = [(predictions.stem, "unknown", flow.read_words(predictions))] if predictions is not None else []
    for name in model:
        module = said.load(name)
        values = said.said(module, known, folder=cache or weights.cache_folder() / "said")
        sources.append((name, worst(status(module, corpus, item) for item in known)[0], flow.model_words(module, values, [item.id for item in known])))
    for name, promise, given in sources:
        result = flow.open_words(
            truth, given, wheels=None if wheels is None else read_wheels(wheels, level), groups={item.id: item.group for item in items}, corpus=corpus,
            model=name, status=promise, draws=draws, seed=seed, command=command)
        out_console.print(_table(result))
        for note in result.notes:
            out_console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
        written = result.write(out / f"{corpus}-words-{name}")
        console.print(f"[green]✓[/] {len(written)} files in [cyan]{escape(str(written[0].parent))}[/]", highlight=False, soft_wrap=True)
    out_console.print(f"\n[dim]{escape(command)}[/]", highlight=False, soft_wrap=True)


def _table(result: OpenWords) -> Table:
    from attune.evaluate import tables
    from attune.evaluate.open_words import FIGURES

    title = f"{result.corpus} · open vocabulary — {result.model} · {result.status}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    wide = out_console.width >= WIDE - 20                  # a narrow terminal gets the intervals of F1 alone
    table.add_column("wheel", no_wrap=True)
    for name in ("n", *(part for m in FIGURES for part in ((m, "95 %") if wide or m == "f1" else (m,)))):
        table.add_column("F1" if name == "f1" else name, justify="right", no_wrap=True)
    for wheel, of in result.wheels.items():
        cells = []
        for m in FIGURES:
            cells += [f"[bold]{tables.number(of[m].value)}[/]"] + [f"[dim]{escape(tables.interval(of[m]))}[/]"] * (wide or m == "f1")
        table.add_row(wheel, f"{result.n[wheel]:,}", *cells)
    return table
