"""`attune evaluate agent`: does measured expression make replies better, and are boundaries kept?"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from attune.cli.app import console, escape, out_console
from attune.errors import SettingError

KEY, JUDGE_KEY = "ATTUNE_LLM_KEY", "ATTUNE_JUDGE_KEY"
OTHER = ("users", "boundaries", "peld", "latency")
WHAT = (
    "users (scripted, ours), boundaries, latency; answers to empathetic_dialogues, esconv, dailydialog; peld, whose answers have emotions; emotions with "
    "dialogue context of meld, emorynlp, emocontext; the judge beside people: empathetic_intents (in empathetic_dialogues' folder), empathic_reactions."
)


def agent(
    what: Annotated[str, typer.Argument(help=WHAT)] = "users",
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Where the corpus lies.", show_default=False)] = None,
    url: Annotated[str, typer.Option(help="The language model's server; without, the reflective listener answers.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help=f"Its name there. A key: {KEY}.", show_default=False)] = "",
    scripted: Annotated[bool, typer.Option("--scripted", help="Ask a scripted server: proves the bench, tells nothing of language models.")] = False,
    condition: Annotated[list[str], typer.Option(help="words, text, voice, face, all, neutral, shuffled; may be repeated.", show_default=False)] = [],  # noqa: B006
    judge_url: Annotated[str, typer.Option(help="Who judges empathy and specificity.", show_default=False)] = "",
    judge_model: Annotated[str, typer.Option(help=f"Its name there. A key: {JUDGE_KEY}.", show_default=False)] = "",
    people: Annotated[Path | None, typer.Option("--agreement", show_default=False, help=(
        "People's scores of the same replies (case, empathy, specificity): how far the judge agrees."))] = None,
    stimulus: Annotated[str, typer.Option(help="A sentence added to the prompt, as an ablation: neutral, self_monitoring, doubt ...")] = "none",
    context: Annotated[bool, typer.Option("--context", help="Of dailydialog: recognise emotions with the turns before, instead of answering.")] = False,
    split: Annotated[str, typer.Option(help="Of a corpus.")] = "test",
    limit: Annotated[int, typer.Option(help="Dialogues at most; 0: all.", min=0)] = 0,
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap over dialogues.", min=10)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap, and of the shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the table.")] = Path("evaluated"),
    cache: Annotated[Path | None, typer.Option(help="Folder in which answers are kept, so that a run goes on.", show_default="in the cache of attune")] = None,
) -> None:
    """Replies with and without measured expression, with shuffled controls; how boundaries are kept; what measuring costs."""
    from attune import llms, weights
    from attune.evaluate import agent as bench
    from attune.evaluate import conversation, judging
    from attune.evaluate.scripted import Scripted

    if scripted and url:
        raise SettingError("--scripted and --url exclude each other; choose one")
    command = _command(what, folder, url, model, scripted, condition, judge_url, stimulus, split, limit, draws, seed)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Scripted()) if scripted else None
        client = llms.client(server.url, "scripted") if server else llms.client(url, model, key=os.environ.get(KEY)) if url else None
        judge = llms.client(judge_url, judge_model, key=os.environ.get(JUDGE_KEY)) if judge_url else client if server and what in judging.CORPORA else None
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = bar.add_task("")

        def told(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        plain: Any
        if what == "boundaries":
            plain = bench.boundary_handling(client, hook=told)
            text = f"answered by {client.name if client else 'the reflective listener'}\n\n{bench.boundary_table(plain)}\n`{command}`\n"
        elif what in judging.CORPORA:
            if folder is None:
                raise SettingError(f"expected DIR, as in: attune evaluate agent {what} DIR")
            texts = judging.labelled(what, folder, split, limit)
            judges = judging.compared(texts, judge, cache=cache or weights.cache_folder() / "replies", draws=draws, seed=seed, hook=told)
            plain, text = judging.plain(judges), judging.table(judges, what, command)
        elif what == "latency":
            plain = bench.latency(client, clip=folder, hook=told)
            text = f"{bench.latency_table(plain)}\n`{command}`\n"
        elif what in conversation.CORPORA and (what != "dailydialog" or context):
            from attune import registry

            found_in = _items(what, folder)
            parts = {i.split for i in found_in}
            other = "dev" if split != "dev" and "dev" in parts else "train"
            rows = conversation.conversations(what, found_in, registry.load("attune.text.models", "minilm_emotions"), split=split, chosen_on=other, limit=limit,
                                              draws=draws, seed=seed)
            plain, text = [vars(r) for r in rows], f"{conversation.table(rows)}\nshare chosen on {other}\n\n`{command}{' --context' * context}`\n"
        elif what == "peld":
            found = bench.affect_on_peld(_items(what, folder), draws=draws, seed=seed, split=split)
            plain = {name: {"value": i.value, "low": i.low, "high": i.high, "n": n} for name, (i, n) in found.items()}
            lines = [f"| {name} | {i} | {n} |" for name, (i, n) in found.items()]
            text = "\n".join(["| answer's emotion | 95 % over conversations | n |", "|---|---|---|", *lines, "", f"`{command}`", ""])
        else:
            cases = bench.scripted_users() if what == "users" else bench.of_corpus(what, _items(what, folder), split)
            if limit:
                kept = list(dict.fromkeys(c.dialogue for c in cases))[:limit]
                cases = [c for c in cases if c.dialogue in kept]
            table = bench.run(cases, client, conditions=condition or bench.CONDITIONS, judge=judge, stimulus=stimulus, draws=draws, seed=seed,
                              command=command, hook=told, cache=cache or weights.cache_folder() / "replies")
            plain, text = table.plain(), table.markdown() + (_agreement(bench, table, people) if people else "")
    place = out / f"agent-{what}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "table.md").write_text(text, encoding="utf-8")
    (place / "table.json").write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    out_console.print(escape(text), highlight=False, soft_wrap=True)
    console.print(f"[green]✓[/] table.md and table.json in [cyan]{escape(str(place))}[/]", highlight=False, soft_wrap=True)


def _items(corpus: str, folder: Path | None) -> list[Any]:
    from attune import datasets

    if folder is None:
        raise SettingError(f"expected DIR, as in: attune evaluate agent {corpus} DIR; or one of {', '.join(OTHER)}")
    return list(datasets.load(corpus).items(folder))


def _agreement(bench: Any, table: Any, file: Path) -> str:
    """The judge beside people, on the replies that both scored."""
    given = bench.read_scores(file)
    lines = ["", "| judge beside people | n | weighted kappa | Spearman | equal | judge less people |", "|---|---|---|---|---|---|"]
    for name in ("empathy", "specificity"):
        both = [(given[r.case][name], r.figures[name]) for r in table.rows if name in given.get(r.case, {}) and name in r.figures]
        a = bench.agreement([x for x, _ in both], [y for _, y in both])
        lines.append(f"| {name} | {a.n} | {a.kappa:.2f} | {a.spearman:.2f} | {a.equal:.2f} | {a.bias:+.2f} |")
    return "\n".join([*lines, ""])


def _command(
    what: str, folder: Path | None, url: str, model: str, scripted: bool, condition: list[str], judge: str, stimulus: str, split: str, limit: int,
    draws: int, seed: int,
) -> str:
    """The command again, without folders and addresses of this machine."""
    parts = ["attune evaluate agent", what, *(["DIR"] if folder else []), *(["--scripted"] if scripted else []), *(["--url URL"] if url else [])]
    parts += [f"--model {model}"] * bool(model) + [f"--condition {c}" for c in condition] + ["--judge-url URL"] * bool(judge)
    parts += [f"--stimulus {stimulus}"] * (stimulus != "none") + [f"--split {split}"] * (split != "test") + [f"--limit {limit}"] * bool(limit)
    return " ".join([*parts, *([f"--draws {draws}"] * (draws != 1000)), *([f"--seed {seed}"] * (seed != 0))])
