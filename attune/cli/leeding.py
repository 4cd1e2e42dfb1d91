"""`attune evaluate leed`: do words about expression classify better than the numbers they were made from?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from attune.cli.app import console, escape, out_console


def leed(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="RAVDESS, with openface_au_clip_mean.csv.")],
    voice: Annotated[Path | None, typer.Option(
        help="Out-of-fold predictions of a voice model (docs/evaluation.md); without, the face alone.", show_default=False)] = None,
    embedder: Annotated[list[str], typer.Option(
        help="tfidf, a packaged text model, or openai:MODEL[@URL] (texts are sent there); may be repeated.")] = ["tfidf", "minilm_emotions"],  # noqa: B006
    protocol: Annotated[list[str], typer.Option(help="paper (C chosen on test: optimistic) or nested; may be repeated.")] = ["paper", "nested"],  # noqa: B006
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap over actors.", min=10)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the table.")] = Path("evaluated"),
) -> None:
    """Table 1 of the paper that LEED is from (ICMI 2023) on our features: raw estimates, LEED, early and late fusion, beside its figures."""
    from attune.evaluate import leed as experiment

    options = [*([f"--voice {voice.name}"] if voice else []), *(f"--embedder {e}" for e in embedder), *(f"--protocol {p}" for p in protocol)]
    given = experiment.from_folder(folder, voice)
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("")
        made = experiment.run(
            given, embedders=[experiment.embedder(e) for e in embedder], protocols=protocol, draws=draws, seed=seed,
            command=" ".join(["attune evaluate leed DIR", *options]),
            hook=lambda name, done, total: bar.update(task, description=name, completed=done, total=total))
    place = out / "ravdess-leed"
    place.mkdir(parents=True, exist_ok=True)
    (place / "table.md").write_text(made.markdown(), encoding="utf-8")
    (place / "table.json").write_text(json.dumps(made.plain(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    out_console.print(escape(made.markdown()), highlight=False, soft_wrap=True)
    console.print(f"[green]✓[/] table.md and table.json in [cyan]{escape(str(place))}[/]", highlight=False)
