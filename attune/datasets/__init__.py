"""Corpora, one file each: `FACTS` and `items(root)`. Nothing is downloaded; whoever has a corpus names its folder.

Every reader yields the same `Item`, whatever the corpus has: a sound or a film and a stretch of it, a picture, a text, rows of
features. Labels are keyed by taxonomy, speakers by `group`, and what a corpus says beyond that is in `about`.

`FACTS` states, for `attune corpora` and the pages made from it:

    title, citation, license, license_class, obtain       what it is, whose, and how to get it
    taxonomy, more                                         of `Item.values`, and of `Item.more` (a tuple; may be left out)
    modalities, languages                                  tuples: of face, voice, text, features; of ISO 639-1 codes
    splits, speakers, traps                                who is where, who speaks, what misleads
    files                                                  glob below the folder -> how many the official release has, or None

    >>> item = Item("a1", "train", "anna", np.array([0, 1], np.float32), text="So it begins.")
    >>> item.group, item.path
    ('anna', None)
"""

from __future__ import annotations

import csv
import inspect
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_type_hints

import numpy as np

from attune import registry
from attune.errors import AttuneError, MediaError, SettingError, unknown
from attune.taxonomy import taxonomy

FOLDER = "attune.datasets"
SPLITS = ("train", "dev", "test")
SOUNDS = (".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a")
FILMS = (".mp4", ".avi", ".flv", ".mkv", ".mov", ".webm")

Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled moment of a corpus.

    id
        Unique in the corpus.
    split
        "train", "dev" or "test": the official one, or the one that FACTS states as ours.
    group
        Who must not cross splits: the speaker with the corpus's name before it ("ravdess-01"), else the document; "" if unknown.
    values
        (k,) float32 in the order of FACTS["taxonomy"]: shares of votes or one-hot for exclusive labels, 0 or 1 or an intensity for
        several, positions for dimensions, in that taxonomy's range. NaN: the corpus can't say.
    path, start, end
        A sound, film or picture file, and the stretch of it in seconds; end None is its end.
    text
        What is said or written, "" if unknown.
    pixels
        (h, w) or (h, w, 3) uint8, where pictures lie inside a table.
    features
        Name -> (t, d) or (d,) float32, for corpora that publish nothing else.
    more
        Taxonomy -> (k,) float32, for those in FACTS["more"].
    trace
        (t, 1 + k) float32, ratings over time: the second, then the values of FACTS["taxonomy"]; None where a moment has one rating.
    about
        What else the corpus says, under these names where they fit: sex ("F", "M"), age (years), race, ethnicity, language,
        intensity, sentence, dialogue, turn, context, votes, raters, duplicate.
    """

    id: str
    split: str
    group: str
    values: np.ndarray
    path: Path | None = None
    start: float = 0.0
    end: float | None = None
    text: str = ""
    pixels: np.ndarray | None = None
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    more: Mapping[str, np.ndarray] = field(default_factory=dict)
    trace: np.ndarray | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def names() -> list[str]:
    """Names of the corpora that can be read."""
    return registry.names(FOLDER)


def load(name: str) -> ModuleType:
    """The module of that corpus; `UnknownName` with the nearest if there is none."""
    return registry.load(FOLDER, name)


@dataclass(frozen=True)
class Check:
    """What `check` found: files by pattern, items by split, and sentences about what is missing or odd."""

    files: dict[str, tuple[int, int | None]]         # pattern -> (found, official)
    items: dict[str, int]                            # split -> number
    speakers: int
    problems: tuple[str, ...]
    broken: bool = False                             # it can't be evaluated so: the reader gets no further, or ids aren't unique


def check(name: str, root: str | Path) -> Check:
    """Whether a folder holds the corpus, and how much of it. Reads every row, opens no sound and no film.

    Raises
    ------
    UnknownName
        If there is no such corpus.
    """
    module, root = load(name), Path(root)
    official: Mapping[str, int | None] = module.FACTS.get("files", {})
    files = {} if root.is_file() else {pattern: (sum(1 for _ in root.glob(pattern)), expected) for pattern, expected in official.items()}
    problems = [
        f"{pattern}: {found} files, {expected} in the official release" if found else f"{pattern}: none"
        for pattern, (found, expected) in files.items() if expected is not None and found != expected
    ]
    counted: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    speakers: dict[str, set[str]] = {}
    stopped = ""
    try:
        for item in _read(module, root, {}):
            counted[item.split] += 1
            ids[item.id] += 1
            speakers.setdefault(item.group, set()).add(item.split)
            if item.path is not None and not item.path.is_file():
                problems.append(f"{item.id}: its file {item.path} isn't there")
    except AttuneError as error:
        stopped = str(error)
    twice = [f"the id {id!r} is there {n} times; an id must name one item" for id, n in ids.items() if n > 1]
    problems += [f"{who} is in {' and '.join(sorted(where))}" for who, where in speakers.items() if who and len(where) > 1]
    return Check(files, dict(counted), len(speakers.keys() - {""}), (*([stopped] if stopped else []), *twice, *problems), bool(stopped or twice))


def read(name: str | ModuleType, root: str | Path, given: Mapping[str, Any] | None = None) -> list[Item]:
    """All items of a corpus below a folder.

    given: options of its reader by name, as values or as a command has them, in words: {"channel": "song", "draw": "yes"}.

    Raises
    ------
    MediaError
        If the folder isn't as the reader expects it (nothing there, a column missing, no UTF-8), or an id is there twice.
    SettingError
        If the reader has no such option, or it can't have that value.
    UnknownName
        If there is no such corpus, or a label or split in it doesn't exist.
    """
    module = load(name) if isinstance(name, str) else name
    items = list(_read(module, Path(root), _options(module, given or {})))
    twice = [id for id, n in Counter(item.id for item in items).items() if n > 1]
    if twice:
        raise MediaError(f"{len(twice)} ids are there more than once, {twice[0]!r} for one; an id must name one item")
    return items


def facts(name: str | ModuleType, root: str | Path, given: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """FACTS of a corpus, or what this folder states of itself, as a table of one's own does; `given` as for `read`."""
    module = load(name) if isinstance(name, str) else name
    if not hasattr(module, "facts"):
        return module.FACTS  # type: ignore[no-any-return]
    of = {key: value for key, value in (given or {}).items() if key in inspect.signature(module.facts).parameters}
    return module.facts(root, **of)  # type: ignore[no-any-return]


def _read(module: ModuleType, root: Path, options: Mapping[str, Any]) -> Iterator[Item]:
    """Items, whatever a folder does to a reader being one of our errors."""
    name = module.__name__.rsplit(".", 1)[-1]
    try:
        yield from module.items(root, **options)
    except AttuneError:
        raise
    except KeyError as error:
        raise MediaError(f"{root} isn't laid out as {name} is: no {error} there; `attune corpora show {name}` says what is expected") from error
    except UnicodeDecodeError as error:
        raise MediaError(f"a table in {root} isn't UTF-8 ({error}); save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{root} can't be read as {name}: {error}; `attune corpora show {name}` says what is expected") from error


def options(module: ModuleType) -> dict[str, Any]:
    """Option of a corpus's reader beside the folder -> its type, such as a Literal of the values there are.

    >>> sorted(options(load("ravdess")))
    ['channel', 'modality']
    """
    types = get_type_hints(module.items)
    return {name: types[name] for name in list(inspect.signature(module.items).parameters)[1:]}


def _options(module: ModuleType, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with their types."""
    known = options(module)
    out = {}
    for name, value in given.items():
        if name not in known:
            raise SettingError(f"reading {module.__name__.rsplit('.', 1)[-1]} has no option {name!r}; there are: {', '.join(known) or 'none'}")
        choices, yes = get_args(known[name]), {"yes": True, "true": True, "no": False, "false": False}
        of: Mapping[Any, Any] = yes if known[name] is bool else {c: c for c in choices} if choices and all(isinstance(c, str) for c in choices) else {}
        if isinstance(value, str) and of and value not in of:
            raise SettingError(f"{name} is {value!r}; expected one of {', '.join(of)}")
        try:
            out[name] = of[value] if isinstance(value, str) and of else float(value) if known[name] is float else value
        except ValueError:
            raise SettingError(f"{name} is {value!r}; expected a number") from None
    return out


def unit(facts: Mapping[str, Any]) -> str:
    """What `Item.group` is in a corpus: "speakers", or "groups" where it is a dialogue, a document or a film.

    >>> unit(load("ravdess").FACTS), unit(load("meld").FACTS)
    ('speakers', 'groups')
    """
    people = str(facts.get("speakers", ""))
    return "groups" if people.startswith("unknown") or "`group` is" in people else "speakers"


# What readers share ----------------------------------------------------------------------------------------------------------------

def one_hot(name: str, label: str, known: Sequence[str] | None = None) -> np.ndarray:
    """(k,) float32: 1 at a label of the taxonomy `name`, 0 at the others, NaN at those the corpus doesn't have (not in `known`).

    >>> one_hot("ekman7", "joy", known=("joy", "anger")).tolist()
    [0.0, nan, nan, 1.0, nan, nan, nan]
    """
    return values_of(name, {label: 1.0}, known)


def values_of(name: str, given: Mapping[str, float], known: Sequence[str] | None = None) -> np.ndarray:
    """(k,) float32 by label of the taxonomy `name`; what isn't given is 0 if the corpus has it (`known`, by default all), else NaN.

    Raises
    ------
    UnknownName
        If a label isn't one of the taxonomy's.
    """
    of = taxonomy(name)
    out = np.full(len(of), 0.0 if known is None else np.nan, np.float32)
    for label in known or ():
        out[of.index(label)] = 0.0
    for label, value in given.items():
        out[of.index(label)] = value
    return out


def shares(name: str, votes: Mapping[str, float], known: Sequence[str] | None = None) -> np.ndarray:
    """(k,) float32 shares of votes by label; all NaN where nobody voted.

    >>> shares("ekman7", {"joy": 3, "anger": 1}).tolist()
    [0.25, 0.0, 0.0, 0.75, 0.0, 0.0, 0.0]
    """
    total = sum(votes.values())
    if not total:
        return np.full(len(taxonomy(name)), np.nan, np.float32)
    return values_of(name, {label: count / total for label, count in votes.items()}, known)


def named(label: str, table: Mapping[str, str], where: str) -> str:
    """`table[label]`, with an error that lists what was expected.

    Raises
    ------
    UnknownName
        If the table has no such label.
    """
    if label not in table:
        raise unknown(f"label ({where})", label, list(table))
    return table[label]


def rows(path: Path, **options: Any) -> Iterator[dict[str, Any]]:
    """Rows of a table by its suffix: .csv, .tsv, .txt (tabs), .json (a list), .jsonl, .parquet; options go to `csv.DictReader`."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(4096):
            yield from batch.to_pylist()
    elif path.suffix == ".json":
        yield from json.loads(path.read_text(encoding="utf-8-sig"))
    elif path.suffix == ".jsonl":
        with path.open(encoding="utf-8-sig") as file:
            yield from (json.loads(line) for line in file if line.strip())
    else:
        if path.suffix in (".tsv", ".txt"):
            options = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} | options
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, **options)


def media(root: Path, pattern: str, suffixes: Sequence[str] = SOUNDS) -> list[Path]:
    """Files below `root` whose name fits a glob such as "03-01-*", whatever folder they are in, sorted by name.

    A stem that is there in two formats is taken once, in the order of `suffixes`.
    """
    found: dict[str, Path] = {}
    for path in root.rglob(pattern):
        if path.suffix.lower() in suffixes:
            known = found.get(path.stem)
            if known is None or suffixes.index(path.suffix.lower()) < suffixes.index(known.suffix.lower()):
                found[path.stem] = path
    return [found[stem] for stem in sorted(found)]


def tables(root: Path, facts: Mapping[str, Any], **names: Sequence[str]) -> list[tuple[str, Path]]:
    """(split, file) for the first of each split's names (globs below `root`) that is there.

    Raises
    ------
    MediaError
        If none is there for any split.
    """
    found = [(split, path) for split, globs in names.items() for path in [p for glob in globs for p in sorted(root.glob(glob))][:1]]
    if not found:
        raise missing(root, " or ".join(glob for globs in names.values() for glob in globs), facts)
    return found


def drawn(group: str) -> str:
    """A split of ours, where a corpus has none: by a checksum of the group's name, some 70 % train, 10 % dev, 20 % test.

    >>> [drawn(f"corpus-{i}") for i in range(5)]
    ['train', 'train', 'test', 'train', 'train']
    """
    part = zlib.crc32(group.encode()) % 10
    return "train" if part < 7 else "dev" if part == 7 else "test"


def missing(root: Path, what: str, facts: Mapping[str, Any]) -> MediaError:
    """The error for a folder that isn't the corpus: what was looked for, where, and how to get it."""
    return MediaError(f"no {what} below {root}; to get {facts['title']}: {facts['obtain']}")
