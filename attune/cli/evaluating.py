"""`attune evaluate`: how good models are on a corpus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
import typer.core
from rich.console import Group
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from attune.cli.app import RESEARCH, WIDE, app, console, escape, out_console
from attune.cli.benching import agent
from attune.cli.fusing import fusion
from attune.cli.leeding import leed
from attune.cli.wording import words
from attune.errors import MediaError, SettingError

WIDTH = 31                               # columns of a figure's scale
STATUS = {"in-sample": "red", "tuned": "yellow", "unknown": "yellow", "held-out": "green", "out-of-sample": "green"}
MEANS = {
    "in-sample": "the model was fitted on these items: the figures promise nothing for others",
    "tuned": "these items chose something about the model: the figures flatter it a little",
    "unknown": "the model doesn't say what it was trained on: these items may have been there",
    "held-out": "other people or items of a corpus that the model was trained on",
    "out-of-sample": "a corpus that the model never saw",
}
MOST_CLASSES = 12                        # of a table of confusions in the terminal


class _CorpusFirst(typer.core.TyperGroup):
    """`attune evaluate NAME ...`: an experiment if there is one of that name, else a corpus."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["corpus", *args]
        return super().parse_args(ctx, args)


experiments = typer.Typer(
    cls=_CorpusFirst, no_args_is_help=True,
    help="Score models on a corpus: attune evaluate CORPUS DIR; options in attune evaluate corpus --help. Or run an experiment.",
)
app.add_typer(experiments, name="evaluate", rich_help_panel=RESEARCH)
experiments.command("fusion")(fusion)
experiments.command("leed")(leed)
experiments.command("agent")(agent)
experiments.command("words")(words)


@experiments.command("corpus")
def evaluate(
    corpus: Annotated[str, typer.Argument(help="A corpus (see attune corpora).", show_default=False)] = "",
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Where the corpus lies.", show_default=False)] = None,
    model: Annotated[list[str], typer.Option(help="A model; may be repeated. By default all that fit the corpus's modalities.")] = [],  # noqa: B006
    split: Annotated[str, typer.Option(help="The part that is scored: test, dev, train or all.")] = "test",
    protocol: Annotated[list[str], typer.Option(help="Which items count, and as what: all, majority, plurality, or the corpus's own; may be repeated.")] = [],  # noqa: B006
    into: Annotated[str | None, typer.Option(help="Score in this taxonomy, by crosswalks.", show_default=False)] = None,
    predictions: Annotated[Path | None, typer.Option(help="Score a file of predictions instead (docs/evaluation.md).", show_default=False)] = None,
    seen: Annotated[list[str], typer.Option(help="NAME=DIR: another corpus that the model was trained on, to look for leaks in; may be repeated.")] = [],  # noqa: B006
    drop_leak: Annotated[bool, typer.Option("--drop-leak", help="Leave out items that were there in training, and say so.")] = False,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Keep items that were there in training, and say so.")] = False,
    baseline: Annotated[bool, typer.Option("--baseline", help="Score a second time with each person's own clips as baseline.")] = False,
    reading: Annotated[list[str], typer.Option("--with", help="NAME=VALUE, an option of the reader (attune corpora show); may be repeated.")] = [],  # noqa: B006
    decision: Annotated[list[str], typer.Option(help="A label: what acting on it gains, and by how many degrees it is missed; may be repeated.")] = [],  # noqa: B006
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=10)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for figures, evaluation file and predictions.")] = Path("evaluated"),
    cache: Annotated[Path | None, typer.Option(help="Folder in which what models say is kept.", show_default="in the cache of attune")] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask the models anew.")] = False,
) -> None:
    """Score models on a corpus: figures with intervals by speaker, what they promise, and who is served worse."""
    from attune import evaluate as flow
    from attune import weights

    if drop_leak and allow_leak:
        raise SettingError("--drop-leak and --allow-leak exclude each other; choose one")
    command = _command(corpus, model, split, protocol, into, predictions, seen, drop_leak, allow_leak, baseline, reading, draws, seed)
    command += "".join(f" --decision {label}" for label in decision)
    with _Progress() as shown:
        if predictions is not None:
            result = flow.evaluate_predictions(predictions, draws=draws, seed=seed, command=command, hook=shown.step)
            folder_name = predictions.stem
        else:
            if not corpus or folder is None:
                raise SettingError("expected CORPUS and DIR, as in: attune evaluate goemotions DIR; or --predictions FILE")
            kept = None if again else cache or weights.cache_folder() / "said"
            result = _on_corpus(corpus, folder, model, split, protocol, into, seen, "drop" if drop_leak else "allow" if allow_leak else "stop",
                                baseline, dict(_pair(given, "--with", "channel=song") for given in reading), draws, seed, kept, command, shown)
            folder_name = f"{corpus}-{split}"
    for s in result.scores:
        out_console.print(_shown(s))
    for note in result.notes:
        out_console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
    written = result.write(out / folder_name)
    for label in decision:
        written += _decided(result, label, out / folder_name, draws, seed)
    out_console.print(f"\n[dim]{escape(command)}[/]", highlight=False, soft_wrap=True)
    console.print(f"[green]✓[/] {len(written)} files in [cyan]{escape(str(out / folder_name))}[/]", highlight=False, soft_wrap=True)


def _decided(result: Any, label: str, folder: Path, draws: int, seed: int) -> list[Path]:
    """Decision curves of a label, wherever it was scored, printed and written."""
    from attune.errors import unknown
    from attune.evaluate import deciding, tables

    fitting = [s for s in result.scores if label in s.labels]
    if not fitting:
        raise unknown("scored label", label, dict.fromkeys(name for s in result.scores for name in s.labels))
    text = "\n".join(deciding.markdown(deciding.decide(s.predictions, label, draws=draws, seed=seed), tables.title(s)) for s in fitting)
    out_console.print(Text("\n" + text))
    path = folder / f"decision-{label}.md"
    path.write_text(text, encoding="utf-8")
    return [path]


def _on_corpus(
    corpus: str, folder: Path, names: Sequence[str], split: str, protocol: Sequence[str], into: str | None, seen: Sequence[str], leak: Any,
    baseline: bool, reading: dict[str, str], draws: int, seed: int, cache: Path | None, command: str, shown: _Progress,
) -> Any:
    """One result of all models on a corpus."""
    from attune import datasets
    from attune import evaluate as flow
    from attune.evaluate import said

    module = datasets.load(corpus)
    shown.step("reading", 0, 0)
    facts, read = datasets.facts(module, folder, reading), _Reading(module, folder, reading)
    also: dict[str, list[Any]] = {}
    for name, items in map(_corpus, seen):
        also.setdefault(name, []).extend(items)
    wanted = list(protocol) or [flow.EVERYTHING, *getattr(module, "PROTOCOLS", {})]
    result = None
    for name in names or _fitting(facts, read):
        shown.model = name
        model = said.load(name)
        made = flow.evaluate(
            read(said.modality_of(model)), model, corpus=corpus, facts=facts, split=split, protocol=wanted, into=into, seen=also, leak=leak,
            adapt="baseline" if baseline else None, draws=draws, seed=seed, cache=cache, hook=shown.step, command=command)
        result = made if result is None else result + made
    return result


class _Reading:
    """The items of a folder for models of a modality: films for faces, sounds for voices, where a corpus has both of the same takes."""

    def __init__(self, module: Any, folder: Path, given: dict[str, str]) -> None:
        self.module, self.folder, self.given = module, folder, given
        self.kept: dict[str, list[Any]] = {}

    def __call__(self, modality: str) -> list[Any]:
        from attune import datasets

        choices = () if "modality" in self.given else get_args(datasets.options(self.module).get("modality"))
        ways = [way for way in (modality, "both") if way in choices] or [""]
        for way in ways:
            try:
                if way not in self.kept:
                    self.kept[way] = datasets.read(self.module, self.folder, self.given | ({"modality": way} if way else {}))
                return self.kept[way]
            except MediaError as error:
                problem = error
        raise problem


def _corpus(given: str) -> tuple[str, list[Any]]:
    """A corpus's name and all its items."""
    from attune import datasets

    name, folder = _pair(given, "--seen", "meld=/data/MELD")
    return name, datasets.read(name, folder)


def _pair(given: str, option: str, example: str) -> tuple[str, str]:
    """NAME=VALUE, taken apart."""
    name, _, value = given.partition("=")
    if not name or not value:
        raise SettingError(f"{option} {given}; expected {'NAME=DIR' if option == '--seen' else 'NAME=VALUE'}, as in {option} {example}")
    return name, value


def _fitting(facts: Any, read: _Reading) -> list[str]:
    """Packaged models that have a way to the corpus's labels, and something to measure in its items."""
    from attune import checkpoints, datasets, registry
    from attune import evaluate as flow
    from attune.errors import UnknownName

    items: dict[str, list[Any]] = {}
    problem = None
    for modality in ("voice", "face", "text"):           # a folder may hold the sounds, the films, or both
        try:
            items[modality] = read(modality)
        except MediaError as error:
            problem = problem or error
    if problem and not items:
        raise problem
    suffixes = {modality: {i.path.suffix.lower() for i in own if i.path is not None} for modality, own in items.items()}
    there = {
        "text": any(i.text for i in items.get("text", ())), "voice": bool(suffixes.get("voice", set()) & {*datasets.SOUNDS, *datasets.FILMS}),
        "face": bool(suffixes.get("face", set()) - set(datasets.SOUNDS)) or any(i.pixels is not None for i in items.get("face", ())),
    }
    told = {i.about["language"] for own in items.values() for i in own if i.about.get("language")}
    found = []
    for modality in facts.get("modalities", tuple(there)):
        for name in registry.names(f"attune.{modality}.models") if there.get(modality) else ():
            module = registry.load(f"attune.{modality}.models", name)
            spoken, reads = told or set(facts.get("languages", ())), set(getattr(module, "LANGUAGES", ()))
            if (spoken and reads and not spoken & reads) or checkpoints.state(module) == "can be added":
                continue
            try:
                flow.ways(module.TAXONOMIES, [facts["taxonomy"], *facts.get("more", ())], None)
            except UnknownName:
                continue
            found.append(name)
    if not found:
        why = [f"its labels are {', '.join((facts['taxonomy'], *facts.get('more', ())))}"]
        why += [f"it is in {', '.join(sorted(told or set(facts['languages'])))}"] * bool(told or facts.get("languages"))
        why += ["it holds features, which attune evaluate fusion takes"] * any(i.features for own in items.values() for i in own)
        raise SettingError(f"no packaged model fits this corpus: {'; '.join(why)}. Name a model with --model")
    return found


def _command(
    corpus: str, model: Sequence[str], split: str, protocol: Sequence[str], into: str | None, predictions: Path | None, seen: Sequence[str],
    drop_leak: bool, allow_leak: bool, baseline: bool, reading: Sequence[str], draws: int, seed: int,
) -> str:
    """The command again, without the folders of this machine."""
    parts = ["attune evaluate"]
    if predictions is not None:
        parts.append(f"--predictions {predictions.name}")
    else:
        parts += [corpus, "DIR", f"--split {split}", *(f"--model {m}" for m in model), *(f"--protocol {p}" for p in protocol)]
        parts += [f"--with {given}" for given in reading]
        parts += [f"--into {into}"] * bool(into) + [f"--seen {s.partition('=')[0]}=DIR" for s in seen]
        parts += ["--drop-leak"] * drop_leak + ["--allow-leak"] * allow_leak + ["--baseline"] * baseline
    return " ".join([*parts, *([f"--draws {draws}"] * (draws != 1000)), *([f"--seed {seed}"] * (seed != 0))])


class _Progress(Progress):
    """One bar: the model, what is being done, how many items of how many."""

    NAMES = {"model": "asking the model", "fingerprints": "looking for leaks", "figures": "figures", "reading": "reading the corpus"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(
            TextColumn("[bold]{task.fields[model]}"), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), console=console, transient=True)
        self.model = ""
        self._one: Any = None
        self._what = ""

    def step(self, what: str, done: float, total: float) -> None:
        if self._one is None:
            self._one = self.add_task("", total=None, model="")
        if what != self._what:
            self._what = what
            self.reset(self._one, total=total or None, description=self.NAMES.get(what, what))
        self.update(self._one, completed=done, total=total or None, model=self.model)


# What is printed -------------------------------------------------------------------------------------------------------------------

def _shown(s: Any) -> Group:
    """One score: its title, figures on their scale, labels, groups of people, notes."""
    from attune.evaluate import tables

    p = s.predictions
    colour = STATUS[s.status]
    where = p.taxonomy.name + (f" [yellow]projected[/] [dim]by {escape(', '.join(p.via))}[/]" if p.via else "")
    parts: list[Any] = [
        Text(), Rule(f"[bold]{escape(tables.title(s))}[/]", align="left", style="dim"),
        Text.from_markup(f"[{colour}]{s.status}[/] [dim]{MEANS[s.status]}[/]"),
        Text.from_markup(f"{tables.size(s)}  {where}"), Text(),
    ]
    parts.append(Padding(_figures(s), (0, 0, 0, 2)))
    if s.by_label:
        parts += [Text(), Padding(_labels(s), (0, 0, 0, 2))]
    if s.confusion is not None and 1 < len(s.labels) <= MOST_CLASSES and out_console.width >= 9 * len(s.labels) + 20:
        parts += [Text(), Padding(_confusion(s), (0, 0, 0, 2))]
    if s.groups:
        parts += [Text(), Padding(_groups(s), (0, 0, 0, 2))]
    return Group(*parts, Text(), *(Text.from_markup(f"[yellow]·[/] {escape(note)}") for note in s.notes))


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 or name == "" else "right", no_wrap=True)
    return table


def _figures(s: Any) -> Table:
    from attune.evaluate import tables
    from attune.evaluate.score import LOWER

    table = _table("figure", "value", "95 %", "n", "")
    wide = out_console.width >= WIDE - 20
    for metric, interval in s.figures.items():
        lower = metric in LOWER
        name = tables.TITLES.get(metric, metric) + (" [dim]↓[/]" if lower else "")
        scale = _scale(interval, "cyan" if not lower else "magenta") if wide and metric not in ("cross_entropy",) else ""
        strong = metric in ("uar", "macro_f1", "ccc", "r", "map", "jsd") or len(s.figures) < 4
        table.add_row(name, f"[bold]{tables.number(interval.value)}[/]" if strong else tables.number(interval.value),
                      f"[dim]{escape(tables.interval(interval))}[/]", f"{s.n[metric]:,}", scale)
    return table


def _scale(interval: Any, colour: str, low: float = 0.0, high: float = 1.0) -> str:
    """A figure's place from low to high, its interval a line."""
    if math.isnan(interval.value):
        return ""

    def place(value: float) -> int:
        return round((min(max(value, low), high) - low) / (high - low) * (WIDTH - 1))

    cells = ["·"] * WIDTH
    if not math.isnan(interval.low):
        for i in range(place(interval.low), place(interval.high) + 1):
            cells[i] = "━"
    at = place(interval.value)
    before, after = "".join(cells[:at]), "".join(cells[at + 1 :])
    return _dotted(before, colour) + f"[bold {colour}]●[/]" + _dotted(after, colour)


def _dotted(cells: str, colour: str) -> str:
    dots, lines = cells.count("·"), cells.count("━")
    first = "·" * dots if cells.startswith("·") or not lines else ""
    line = f"[{colour}]{'━' * lines}[/]" if lines else ""
    return f"[dim]{first}[/]{line}" if first else f"{line}[dim]{'·' * dots}[/]" if dots else line


def _labels(s: Any) -> Table:
    from attune.evaluate import tables

    columns = tables.label_columns(s)
    main = next(c for c in ("recall", "f1", "ccc") if c in columns)
    if "ap" in columns:
        main = "f1"
    wide = out_console.width >= WIDE
    table = _table("label", *columns, "")
    colours = s.predictions.taxonomy.colours
    for label, of in s.by_label.items():
        cells = []
        for c in columns:
            value = of.get(c)
            cells.append("" if value is None else f"{value.value:,.0f}" if c == "n" else
                         tables.number(value.value, 2) + (f" [dim]{escape(tables.interval(value))}[/]" if wide and c == main else ""))
        table.add_row(escape(label), *cells, _scale(of[main], colours.get(label, "cyan")) if main in of else "")
    return table


def _confusion(s: Any) -> Table:
    """Rows what it was, columns what was said; the darker, the larger the share of the row."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 0))
    table.add_column("labelled \\ said ", no_wrap=True)
    for label in s.labels:
        table.add_column(label[:8], justify="right", min_width=9)
    for label, row in zip(s.labels, s.confusion.tolist(), strict=True):
        total = max(sum(row), 1)
        cells = []
        for other, count in zip(s.labels, row, strict=True):
            share = count / total
            style = f"on {_shade(share, other == label)}" if share >= 0.05 else "dim"
            cells.append(Text(f"{count:>7} ", style=f"white {style}" if share >= 0.05 else style))
        table.add_row(escape(label), *cells)
    return table


def _shade(share: float, right: bool) -> str:
    strength = 40 + round(110 * min(share, 1.0))
    return f"#{20:02x}{strength:02x}{strength:02x}" if right else f"#{strength + 30:02x}{35:02x}{35:02x}"


def _groups(s: Any) -> Table:
    """Groups of people: their figure, and how far it is from everybody else's."""
    from attune.evaluate import tables

    metric, wide = tables.TITLES.get(s.groups[0].metric, s.groups[0].metric), out_console.width >= WIDE
    table = _table("group", "n", "speakers", metric, "95 %", "less all others", "95 %", "") if wide else _table("group", "n", metric, "less others", "95 %")
    for g in s.groups:
        clear = not math.isnan(g.gap.low) and (g.gap.low > 0 or g.gap.high < 0)
        colour = "red" if clear and g.gap.value < 0 else "green" if clear else "none"
        gap = f"[{colour}]{'+' if g.gap.value > 0 else ''}{tables.number(g.gap.value)}[/]"
        value, who = tables.number(g.value.value), f"{escape(g.attribute)}: {escape(g.name)}"
        inside, apart = (f"[dim]{escape(tables.interval(i))}[/]" for i in (g.value, g.gap))
        table.add_row(*((who, f"{g.n:,}", str(g.speakers or ""), value, inside, gap, apart, _scale(g.gap, "cyan", -0.5, 0.5)) if wide else
                        (who, f"{g.n:,}", value, gap, apart)))
    return table
