"""Many files: how fast with one and two workers, what Ray costs over local processes, what killed workers lose, whether memory stays flat, and
whether networks that see many inputs in one call take less: the packaged ones by themselves (batching), larger ones in files with `--batch` (together).

    python benchmarks/scale.py                     # some five minutes on two idle cores
    python benchmarks/scale.py --only rate ray     # each part takes less than three: rate, with ray or without, kills, memory, cache, batching, together
    python benchmarks/scale.py --only kills
    python benchmarks/scale.py --only memory --files 5000
    python benchmarks/scale.py --only candor       # a plan on paper for 1,656 conversations, out of the figures in benchmarks/speed.md: at once

Everything is made here: copies of the sample clip, each cut differently in its metadata so that no two have one content, and short tones.
The table goes to benchmarks/results/scale.md, with how busy the machine was meanwhile.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import itertools
import os
import platform
import shutil
import signal
import statistics
import tempfile
import threading
import time
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attune import batch, weights
from attune.batch import Limits
from attune.batch.one import Job
from attune.batch.worker import resident
from attune.media import Media
from attune.settings import Settings

if TYPE_CHECKING:
    import onnxruntime

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "samples" / "hello.mp4"
OUT = HERE / "results" / "scale.md"
QUOTED = HERE.parent / "docs" / "scale.md"        # repeats the tables of batching, together and candor, which are put there too
PARTS = ("rate", "ray", "kills", "memory", "cache", "batching", "together", "candor")
BATCHES = (1, 4, 16, 64)
LARGE = (1, 8, 32)                       # of `--batch`, with larger nets
CANDOR = 1656 * 2 * 0.5                  # hours of media: conversations x people x half an hour, a file for each person
SHARE = 0.8                              # of a machine's cores that are really gained: memory and caches are shared
PRICES = {"64 cores": (64, 3.0), "4 GPUs with 48 cores": (48, 6.0)}      # cores, and an hour's price
NOTHING = Settings(face=None, voice=None, text=None)


def clips(folder: Path, count: int) -> list[Path]:
    """Copies of the sample, each with other bytes after its end, which decoders don't read."""
    folder.mkdir()
    found = []
    for i in range(count):
        found.append(Path(shutil.copy(SAMPLE, folder / f"{i:03d}.mp4")))
        with found[-1].open("ab") as file:
            file.write(b"\0\0\0\x0cfree" + i.to_bytes(4, "big"))
    shutil.copy(SAMPLE.with_suffix(".srt"), folder / "words.srt")
    return found


def tones(folder: Path, count: int, seconds: float = 0.2) -> list[Path]:
    """Short tones of different heights."""
    folder.mkdir()
    found = []
    for i in range(count):
        found.append(folder / f"{i:05d}.wav")
        with wave.open(str(found[-1]), "wb") as out:
            out.setparams((1, 2, 16_000, 0, "NONE", ""))
            out.writeframes((8000 * np.sin(np.arange(int(16_000 * seconds)) * (0.05 + i * 1e-5))).astype("<i2").tobytes())
    return found


def timed(files: list[Path], out: Path, settings: Settings, **options: object) -> tuple[float, list[batch.Result], float]:
    """Seconds in all, results, and seconds from the first result to the last: what starting workers takes is left out of these."""
    began, first, results = time.monotonic(), 0.0, []
    for result in batch.run(files, out, settings, page=False, **options):
        results.append(result)
        first = first or time.monotonic()
    ended = time.monotonic()
    return ended - began, results, ended - first


def rate(work: Path, given: argparse.Namespace) -> list[str]:
    lines = ["| engine | workers | files | s in all | files/min in all | files/min once started | x real time in all |", "|---|---|---|---|---|---|---|"]
    files, settings = clips(work / "clips", given.clips), Settings(transcript=str(work / "clips" / "words.srt"))
    for engine, workers in [("local", 1), ("local", 2), *([("ray", 1), ("ray", 2)] if "ray" in given.only else [])]:
        seconds, results, steady = timed(files, work / f"{engine}{workers}", settings, engine=engine, workers=workers, limits=Limits(seconds=600))
        assert not [r.error for r in results if r.error], results
        media = sum(r.seconds for r in results)
        after = (len(files) - 1) / steady * 60
        lines.append(f"| {engine} | {workers} | {len(files)} | {seconds:.1f} | {len(files) / seconds * 60:.1f} | {after:.1f} | {media / seconds:.1f} |")
    return lines


def kills(work: Path, given: argparse.Namespace) -> list[str]:
    """Local workers are killed in the middle of their work: after every third result one of them, drawn by chance. Each file must have its result once."""
    files, draw, killed, results = clips(work / "killed", given.kills), np.random.default_rng(0), [], []

    def kill() -> None:
        mine = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal() and _is_child(p)]
        if mine:
            killed.append(int(draw.choice(mine)))
            os.kill(killed[-1], signal.SIGKILL)

    began = time.monotonic()
    for result in batch.run(files, work / "kills", Settings(text=None), page=False, workers=2, limits=Limits(retries=20, wait=0.1)):
        results.append(result)
        if len(results) % 3 == 0:
            threading.Timer(0.2, kill).start()             # by then it has gone on to the next file
    seconds = time.monotonic() - began
    done = [r.source for r in results if not r.error]
    rows = batch.manifest(work / "kills").num_rows
    assert killed, "no worker was killed: nothing was tested"
    return [f"{len(killed)} workers killed while 2 measured {len(files)} clips of 11.6 s (face and voice) in {seconds:.0f} s: "
            f"lost {len(files) - len(set(done))}, doubled {len(done) - len(set(done))}, failed {sum(bool(r.error) for r in results)}, "
            f"tried again {sum(r.tries > 1 for r in results)}; {rows} recordings in the manifest."]


def _is_child(process: Path) -> bool:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid() and b"attune.batch.worker" in (process / "cmdline").read_bytes()
    except (OSError, IndexError):
        return False


def memory(work: Path, given: argparse.Namespace) -> list[str]:
    """One process, every file written as a recording, no model: what a file leaves behind would show here."""
    files, held, began = tones(work / "small", given.files), [], time.monotonic()
    for i, result in enumerate(batch.run(files, work / "many", NOTHING, page=False)):
        assert not result.error, result
        if i % max(len(files) // 50, 1) == 0:
            held.append(resident(os.getpid()) / 1e6)
        if time.monotonic() - began > given.seconds:
            break
    start, middle, end = held[1], statistics.median(held), held[-1]
    return [f"{i + 1} files of 0.2 s, one process, no model, each opened, written as a recording and marked as done: {start:.0f} MB near the first, "
            f"{middle:.0f} MB in the middle, {end:.0f} MB at the last; {(i + 1) / (time.monotonic() - began) * 60:.0f} files/min."]


def cache(work: Path, given: argparse.Namespace) -> list[str]:
    files, settings = [SAMPLE], Settings()
    first, _, _ = timed(files, work / "c1", settings, cache=work / "cache")
    plain, _, _ = timed(files, work / "c2", Settings(gap=1.0))
    again, _, _ = timed(files, work / "c3", Settings(gap=1.0), cache=work / "cache")
    return [f"The sample clip, models loaded: {plain:.2f} s without a cache, {again:.2f} s with faces and voice from it ({first:.2f} s the first time, models "
            "loaded meanwhile)."]


def batching(work: Path, given: argparse.Namespace) -> list[str]:
    """What an input costs when a network sees many in a call, on one thread; by how much it then says something else; what a recording would gain."""
    head = [*(f"ms with {n}" for n in BATCHES), "largest difference from one at a time", "calls a second of media", "gain at best, ms"]
    lines = [f"| network | {' | '.join(head)} |", "|---|" + "---|" * len(head)]
    often, whole = calls()
    gained = {False: 0.0, True: 0.0}      # whether numbers change
    for name, (path, make) in networks().items():
        try:
            spent, apart = many(_of_many(path), make(max(BATCHES)))
        except Exception:                 # something inside the graph counts on one input, such as both mirror views of it
            lines.append(f"| {name} |{' |' * len(BATCHES)} its graph takes one input | {often.get(path.name, 0.0):.2f} | |")
            continue
        gain = often.get(path.name, 0.0) * (spent[0] - min(spent))
        gained[apart > 0] += gain
        figures = [*(f"{ms:.3f}" for ms in spent), f"{apart:.1e}" if apart else "none", f"{often.get(path.name, 0.0):.2f}", f"{gain:.2f}"]
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return [*lines, "", "CPU milliseconds an input, the best of five rounds over 64 inputs made by chance; sentences of 20 tokens each, sounds of 3 s.",
            f"Calls are those of the sample clip with its words, which takes {whole:.0f} ms of CPU a second of media: batches of the best size, filled from",
            f"other files where one hasn't enough, would save {gained[False]:.2f} ms of it where no bit changes ({gained[False] / whole:.1%}),",
            f"and {gained[True]:.2f} ms where numbers do."]


def together(work: Path, given: argparse.Namespace) -> list[str]:
    """Larger nets of torch with `--batch`, one worker on one core: files a minute, how often each net was called, with how many inputs."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        return ["Without torch and transformers larger nets weren't measured."]
    import heavy

    lines = ["| files | batch | CPU s a file | files/min | face's calls | voice's | text's | inputs a call | MB at most |", "|---" * 9 + "|"]
    kept, cores = os.environ.get("ATTUNE_CHECKPOINTS"), os.sched_getaffinity(0)
    os.environ.update(ATTUNE_CHECKPOINTS=str(work / "here"), OMP_NUM_THREADS="1")
    chosen, study, spoken = heavy.made(work), clips(work / "study", given.heavy), utterances(work / "spoken", 4 * given.heavy)
    os.sched_setaffinity(0, {min(cores)})             # workers inherit it
    try:
        for name, files, settings in ((f"{len(study)} of 11.6 s", study, {**chosen, "transcript": str(work / "study" / "words.srt")}),
                                      (f"{len(spoken)} of one utterance, voice alone", spoken, {**chosen, "face": None, "text": None})):
            for size in LARGE:
                jobs = [Job(f, work / f"{size}" / f.stem, work / f"{size}", Settings(**settings, batch=size), page=False, again=True) for f in files]
                lines.append(f"| {name} | {size} | {asked(jobs, min(size, batch.AT_ONCE), warm=1 if files is study else batch.AT_ONCE)} |")
    finally:
        os.sched_setaffinity(0, cores)
        os.environ.pop("ATTUNE_CHECKPOINTS") if kept is None else os.environ.update(ATTUNE_CHECKPOINTS=kept)
    torch = importlib.metadata.version("torch")
    return [*lines, "", f"Random nets of benchmarks/heavy.py by torch {torch}, one worker on one core, one run of each; {batch.AT_ONCE} files in hand at most.",
            "The worker had measured one file before, of the short ones eight, so that all was loaded and compared."]


def asked(jobs: list[Job], together: int, warm: int) -> str:
    """CPU a file, files a minute, calls of each kind's net, inputs a call, and the process's memory, as cells of a table."""
    import heavy

    loaded = threading.Event()

    def items() -> Iterator[Job]:
        yield from jobs[:warm]
        loaded.wait()
        yield from jobs

    before, last, peak, began, spent = dict[str, list[int]](), dict[str, list[int]](), 0, 0.0, list[float]()
    for done, outcome in enumerate(batch.map(heavy.counted, items(), limits=Limits(seconds=600), together=together), start=1):
        assert not outcome.error, outcome
        calls, cpu = outcome.value
        last, peak = {kind: max(last.get(kind, []), sizes, key=len) for kind, sizes in calls.items()}, max(peak, outcome.peak)
        spent.append(cpu)
        if done == warm:
            before, began, spent = last, time.monotonic(), [max(spent)]
            loaded.set()
    rate = len(jobs) / (time.monotonic() - began) * 60
    sizes = {kind: last[kind][len(before[kind]) :] for kind in ("face", "voice", "text")}
    each = sum(map(sum, sizes.values())) / sum(map(len, sizes.values()))
    often = [str(len(of) or "") for of in sizes.values()]
    return " | ".join([f"{(max(spent) - spent[0]) / len(jobs):.2f}", f"{rate:.1f}", *often, f"{each:.1f}", f"{peak / 1e6:.0f}"])


def utterances(folder: Path, count: int) -> list[Path]:
    """Sounds of one utterance each: those of the sample, each with a little noise of its own."""
    folder.mkdir()
    sound, draw, found = Media.open(SAMPLE).waveform(16_000), np.random.default_rng(0), []
    for i in range(count):
        start, end = [(0.5, 2.7), (3.4, 5.3), (6.0, 8.0), (8.7, 11.0)][i % 4]
        part = sound[int(start * 16_000) : int(end * 16_000)]
        found.append(folder / f"{i:03d}.wav")
        with wave.open(str(found[-1]), "wb") as out:
            out.setparams((1, 2, 16_000, 0, "NONE", ""))
            out.writeframes((32_000 * np.clip(part + 1e-3 * draw.normal(size=len(part)), -1, 1)).astype("<i2").tobytes())
    return found


def many(session: onnxruntime.InferenceSession, inputs: dict[str, np.ndarray]) -> tuple[list[float], float]:
    """CPU ms an input by size of the batch, and the largest difference from one at a time."""
    spent, alone, apart = [], None, 0.0
    for n in BATCHES:
        best = np.inf
        for _ in range(5):
            began = time.process_time()
            said = [session.run(None, {k: v[i : i + n] for k, v in inputs.items()})[0] for i in range(0, max(BATCHES), n)]
            best = min(best, time.process_time() - began)
        together = np.concatenate(said)
        alone = together if alone is None else alone
        apart = max(apart, float(np.abs(together - alone).max()))
        spent.append(best / max(BATCHES) * 1000)
    return spent, apart


def calls() -> tuple[dict[str, float], float]:
    """How often each network's file runs a second of media of the sample clip, and ms of CPU that a second takes."""
    import onnxruntime

    import attune

    plain, counted = onnxruntime.InferenceSession.run, Counter[str]()
    attune.measure(SAMPLE)                # sessions are made and graphs cached
    began = time.process_time()
    length = attune.measure(SAMPLE).duration
    whole = (time.process_time() - began) / length * 1000

    def run(session: onnxruntime.InferenceSession, *given: Any, **more: Any) -> Any:
        counted[Path(str(session._model_path)).name] += 1
        return plain(session, *given, **more)

    onnxruntime.InferenceSession.run = run
    try:
        attune.measure(SAMPLE)
    finally:
        onnxruntime.InferenceSession.run = plain
    return {name: n / length for name, n in counted.items()}, whole


def networks() -> dict[str, tuple[Path, Callable[[int], dict[str, np.ndarray]]]]:
    """The default networks, and what makes n inputs for each."""
    from attune import registry
    from attune.face import detect

    draw, chosen = np.random.default_rng(0), Settings()
    face, voice, text = (weights.files(registry.load(f"attune.{kind}.models", getattr(chosen, kind)))[0] for kind in ("face", "voice", "text"))
    hears = {value.name: value.shape[1:] for value in weights.session(voice).get_inputs()}

    def normal(*shape: int) -> np.ndarray:
        return draw.normal(size=shape).astype(np.float32)

    return {
        "R-Net, 24 x 24": (detect._path("rnet"), lambda n: {"views": normal(n, 3, 24, 24)}),
        "O-Net, 48 x 48": (detect._path("onet"), lambda n: {"views": normal(n, 3, 48, 48)}),
        f"face, {chosen.face}": (face, lambda n: {"face": normal(n, 1, 48, 48)}),
        f"voice, {chosen.voice}'s net": (voice, lambda n: {name: normal(n, *(d if isinstance(d, int) else 300 for d in of)) for name, of in hears.items()}),
        f"text, {chosen.text}": (text, lambda n: {"ids": draw.integers(1000, 20_000, (n, 20))}),
    }


def _of_many(path: Path) -> onnxruntime.InferenceSession:
    """The network of a file that states one input a call, for any number of them, on one thread as `weights.session` has it."""
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    del model.graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level, options.enable_cpu_mem_arena = 1, 3, False
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def candor(work: Path, given: argparse.Namespace) -> list[str]:
    """A plan on paper, out of the speed that was measured."""
    clips = {part.split("\n")[0]: part for part in (HERE / "speed.md").read_text(encoding="utf-8").split("## ")[1:] if "| face + voice" in part}
    lines = ["| clips like | machine | x real time | hours | cost |", "|---|---|---|---|---|"]
    for kind, part in clips.items():
        one, decoding = (1 / float(next(line for line in part.splitlines() if line.startswith(f"| {stage}")).split("|")[2].split("[")[0])
                         for stage in ("face + voice + words", "the same, without the pictures"))          # x real time of one core
        cores, price = PRICES["64 cores"]
        plans = [("1 core", one, 0.0), (f"64 cores, {SHARE:.0%} of them gained", cores * SHARE * one, price),
                 ("as many, half as quick", cores * SHARE * one / 2, price)]
        cores, price = PRICES["4 GPUs with 48 cores"]
        plans.append((f"4 GPUs with 48 cores, {SHARE:.0%} gained, which only decode: a bound", cores * SHARE * decoding, price))
        lines += [f"| {kind} | {name} | {rate:.0f} | {CANDOR / rate:.1f} | {f'{CANDOR / rate * price:.0f}' if price else ''} |" for name, rate, price in plans]
    return [*lines, "", f"{CANDOR:,.0f} h of media, CPU seconds per second from benchmarks/speed.md; prices an hour: "
            f"{', '.join(f'{name} {price:g}' for name, (_, price) in PRICES.items())}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--clips", type=int, default=16, help="copies of the sample, of 11.6 s each, in the test of speed")
    parser.add_argument("--files", type=int, default=5000, help="in the test of memory")
    parser.add_argument("--seconds", type=float, default=180, help="that the test of memory may take")
    parser.add_argument("--heavy", type=int, default=8, help="copies of the sample that larger nets measure, and a quarter of the sounds")
    parser.add_argument("--kills", type=int, default=30, help="clips in the test of killed workers")
    given = parser.parse_args()
    for part in (p for p in (rate, kills, memory, cache, batching, together, candor) if p.__name__ in given.only):
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix="attune-scale-") as folder:
            lines = part(Path(folder), given)
        told = {"rate": f" --clips {given.clips}", "memory": f" --files {given.files} --seconds {given.seconds:g}", "kills": f" --kills {given.kills}",
                "together": f" --heavy {given.heavy}"}
        name = "rate ray" if part is rate and "ray" in given.only else part.__name__
        command = f"`python benchmarks/scale.py --only {name}{told.get(part.__name__, '')}`"
        busy = f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after"
        keep(part.__name__, [f"{command}, Python {platform.python_version()}, {os.cpu_count()} cores, {busy}", "", *lines])


def keep(part: str, lines: list[str]) -> None:
    """Put a part's lines into the table, in place of its last ones."""
    print(*lines, "", sep="\n", flush=True)
    quote(lines)
    there = dict(piece.split("\n", 1) for piece in OUT.read_text(encoding="utf-8").split("## ")[1:]) if OUT.is_file() else {}
    there[part] = "\n".join(["", *lines, "", ""])
    OUT.parent.mkdir(exist_ok=True)
    parts = "".join(f"## {name}\n{there[name]}" for name in PARTS if name in there)
    OUT.write_text(f"# Many files\n\nOther work on the machine (its load is told) makes every figure worse.\n\n{parts}".rstrip() + "\n", encoding="utf-8")


def quote(lines: list[str]) -> None:
    """Put a part's tables into the documentation, each in place of the one with its heading."""
    for drawn, rows in itertools.groupby(lines, lambda line: line.startswith("|")):
        table, before = list(rows), QUOTED.read_text(encoding="utf-8").split("\n")
        if drawn and table[0] in before:
            first = before.index(table[0])
            last = next(i for i in range(first, len(before)) if not before[i].startswith("|"))
            QUOTED.write_text("\n".join([*before[:first], *table, *before[last:]]), encoding="utf-8")


if __name__ == "__main__":
    main()
