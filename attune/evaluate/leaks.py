"""People and things that were there in training, found before a figure is made of them.

    group           the same speaker or document on both sides
    text            the same words, whatever the case and punctuation; or `SHINGLES` of nearly all of their word triples in common
    picture, sound  the same bytes; or fingerprints that hardly differ

Texts shorter than `SHORTEST` words ("Thank you!") coincide without anybody copying: they aren't leaks.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attune.datasets import Item
from attune.errors import AttuneError, LeakError
from attune.evaluate.said import Kept, key, sound

SHORTEST = 5                             # words
SHINGLE = 3                              # words
SHINGLES = 0.8                           # Jaccard similarity of two sets of shingles
GRID = 16                                # cells across a picture's or a sound's fingerprint; GRID * GRID bits
ALIKE = 0.06                             # share of bits that may differ
FLAT = 4.0                               # grey levels: a picture of smaller deviation has no fingerprint
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

Hook = Callable[[str, float, float], None]


class Leak(NamedTuple):
    """An evaluated item, the training item it meets, and what they share."""

    item: str
    seen: str
    what: str


def find(evaluated: Sequence[Item], seen: Sequence[Item], modality: str, *, folder: Path | None = None, hook: Hook | None = None) -> list[Leak]:
    """Leaks between what is to be evaluated and what a model was fitted on, each evaluated item once.

    Words are compared for models of text only: a speaker who says a sentence that others said too is no leak for a model of voices.
    Fingerprints of sounds are kept in `folder`.
    """
    found: dict[str, Leak] = {}
    alike = _texts(evaluated, seen) if modality == "text" else _signals(evaluated, seen, folder, hook)
    for leak in (*_speakers(evaluated, seen), *alike):
        found.setdefault(leak.item, leak)
    return list(found.values())


def refuse(leaks: Sequence[Leak], n: int, model: str) -> None:
    """Raise `LeakError` with the items' names if there are any."""
    if leaks:
        raise LeakError(
            f"{told(leaks, n, model)}. Leave these items out with --drop-leak, or keep them knowingly with --allow-leak"
        )


def told(leaks: Sequence[Leak], n: int, model: str, names: int = 3) -> str:
    """A sentence that counts leaks and names the first."""
    kinds = ", ".join(f"{what}: {count}" for what, count in Counter(leak.what for leak in leaks).items())
    first = "; ".join(f"{leak.item} ({leak.what}) meets {leak.seen}" for leak in leaks[:names])
    more = f"; and {len(leaks) - names} more" if len(leaks) > names else ""
    return f"{len(leaks)} of {n} evaluated items meet what {model} was trained on ({kinds}): {first}{more}"


# People ----------------------------------------------------------------------------------------------------------------------------

def _speakers(evaluated: Iterable[Item], seen: Iterable[Item]) -> Iterable[Leak]:
    known = {item.group: item.id for item in seen if item.group}
    return (Leak(item.id, f"{known[item.group]} of {item.group}", "the same group") for item in evaluated if item.group in known)


# Texts -----------------------------------------------------------------------------------------------------------------------------

def words(text: str) -> tuple[str, ...]:
    """The words of a text without case, accents of encoding, and punctuation.

    >>> words("Oh, REALLY?"), words("don’t") == words("don't")
    (('oh', 'really'), True)
    """
    return tuple(WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'")))


def _texts(evaluated: Iterable[Item], seen: Iterable[Item]) -> Iterable[Leak]:
    whole: dict[tuple[str, ...], str] = {}
    shingles: list[set[int]] = []
    names: list[str] = []
    where: defaultdict[int, list[int]] = defaultdict(list)
    for item in seen:
        of = words(item.text)
        if len(of) < SHORTEST:
            continue
        whole.setdefault(of, item.id)
        names.append(item.id)
        shingles.append(_shingles(of))
        for shingle in shingles[-1]:
            where[shingle].append(len(names) - 1)
    for item in evaluated:
        of = words(item.text)
        if len(of) < SHORTEST:
            continue
        if of in whole:
            yield Leak(item.id, whole[of], "the same text")
            continue
        own = _shingles(of)
        common = Counter(i for shingle in own for i in where.get(shingle, ()))
        near = max(((n / len(own | shingles[i]), -i) for i, n in common.most_common(20)), default=(0.0, 0))
        if near[0] >= SHINGLES:
            yield Leak(item.id, names[-near[1]], "nearly the same text")


def _shingles(of: tuple[str, ...]) -> set[int]:
    return {zlib.crc32(" ".join(of[i : i + SHINGLE]).encode()) for i in range(len(of) - SHINGLE + 1)}       # hash() would be another in every run


# Pictures and sounds ---------------------------------------------------------------------------------------------------------------

def _signals(evaluated: Sequence[Item], seen: Sequence[Item], folder: Path | None, hook: Hook | None) -> Iterable[Leak]:
    if not seen or not evaluated:
        return
    kept, done, total = Kept(folder / "fingerprints" if folder else None), 0, len(evaluated) + len(seen)

    def prints(items: Sequence[Item]) -> np.ndarray:
        """(n, GRID * GRID / 64) uint64, all 0 where there is nothing to see or hear."""
        nonlocal done
        out = np.zeros((len(items), GRID * GRID // 8), np.uint8)
        for i, item in enumerate(items):
            name = "" if item.pixels is not None else key(item, "voice")
            bits = kept.rows.get(name) if name else None
            if bits is None:
                cells = fingerprint(item)
                bits = np.zeros(out.shape[1]) if cells is None else np.packbits(cells)
                if name:
                    kept.add(name, bits.astype(np.float32))
            out[i], done = bits, done + 1
            if hook:
                hook("fingerprints", done, total)
        return out.view(np.uint64)

    same = {digest: item.id for item in seen if (digest := _bytes(item))}
    bits, known = prints(evaluated), prints(seen)
    kept.close()
    there = np.flatnonzero(known.any(1))
    packed = known[there]
    for item, own in zip(evaluated, bits, strict=True):
        if (digest := _bytes(item)) in same:
            yield Leak(item.id, same[digest], "the same bytes")
        elif len(there) and own.any():
            apart = np.bitwise_count(packed ^ own).sum(1)
            nearest = int(apart.argmin())
            if apart[nearest] <= ALIKE * GRID * GRID:
                what = "nearly the same picture" if item.pixels is not None else "nearly the same recording"
                yield Leak(item.id, seen[int(there[nearest])].id, what)


def _bytes(item: Item) -> str:
    """Digest of what the item is made of, "" if there is nothing."""
    if item.pixels is not None:
        return hashlib.sha256(np.ascontiguousarray(item.pixels).tobytes()).hexdigest()
    if item.path is None or not item.path.is_file():
        return ""
    return f"{_file(item.path)} {item.start}-{item.end}"


@lru_cache(maxsize=1)
def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(item: Item) -> np.ndarray | None:
    """(GRID * GRID,) bool that hardly changes when a picture or a sound is coded anew; None where there is nothing to see or hear.

    Pictures: is a cell brighter than the one to its left, on a grid of means. Sounds: is a band louder than it was before, over
    equal stretches of the whole. Level and contrast don't count.
    """
    if item.pixels is not None:
        grey = np.asarray(item.pixels, np.float64)
        return _steps(_means(grey.mean(2) if grey.ndim == 3 else grey)) if grey.std() > FLAT else None
    if item.path is None or not item.path.is_file():
        return None
    try:
        return _heard(item)
    except AttuneError:
        return None


def _heard(item: Item) -> np.ndarray | None:
    samples = sound(item, 8_000)
    if len(samples) < 512 * 4 or not np.abs(samples).max() > 1e-4:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * np.hanning(512).astype(np.float32)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.geomspace(3, 200, GRID + 1).round().astype(int))
    bands = np.stack([power[:, a:b].sum(1) for a, b in itertools.pairwise(edges)], 1)
    loud = np.log(bands + 1e-6 * bands.max())
    return _steps(_means(loud.T))


def _means(values: np.ndarray) -> np.ndarray:
    """(GRID, GRID + 1) means over cells of equal size."""
    rows = np.linspace(0, values.shape[0], GRID + 1)
    columns = np.linspace(0, values.shape[1], GRID + 2)
    summed = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    summed[1:, 1:] = values.cumsum(0).cumsum(1)

    def at(edges: np.ndarray, axis: int, of: np.ndarray) -> np.ndarray:
        low = np.minimum(edges.astype(int), of.shape[axis] - 2)
        part = (edges - low).reshape((-1, 1) if axis == 0 else (1, -1))
        return np.asarray(np.take(of, low, axis) * (1 - part) + np.take(of, low + 1, axis) * part)

    corner = at(columns, 1, at(rows, 0, summed))
    return np.diff(np.diff(corner, axis=0), axis=1)


def _steps(means: np.ndarray) -> np.ndarray:
    return np.asarray((means[:, 1:] > means[:, :-1]).ravel())
