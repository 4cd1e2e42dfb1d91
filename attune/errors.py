"""What can go wrong, drawn as a tree; each error is also a built-in kind.

    AttuneError
    ├── MediaError         (ValueError)    no media, or nothing in it can be decoded
    │   └── NoStream                       the stream asked for (sound, picture) isn't there
    ├── ShapeError         (ValueError)    an array doesn't have the shape it must have
    ├── SettingError       (ValueError)    a setting out of range, or one that doesn't exist
    ├── TranscriptError    (ValueError)    a transcript that can't be read
    ├── UnknownName        (LookupError)   no such label, taxonomy, model, file format
    ├── LeakError          (ValueError)    what is evaluated was there in training
    ├── WeightsError       (OSError)       weights missing, damaged, or of a refused licence
    ├── RecordingError     (ValueError)    a folder that holds no recording, or a damaged one
    ├── PlaceError         (OSError)       a store that can't be reached, or has no such bucket
    └── MissingExtra       (ImportError)   an optional library isn't installed

A message says what came, what was expected, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AttuneError(Exception):
    """Base of every error that Attune raises on purpose."""


class MediaError(AttuneError, ValueError):
    """The source is no media, or nothing in it can be decoded."""


class NoStream(MediaError):
    """The media has no stream of the kind asked for."""


class ShapeError(AttuneError, ValueError):
    """An array doesn't have the shape it must have."""


class SettingError(AttuneError, ValueError):
    """A setting is out of range, or doesn't exist."""


class TranscriptError(AttuneError, ValueError):
    """A transcript can't be read."""


class UnknownName(AttuneError, LookupError):
    """A name that nothing here carries."""


class WeightsError(AttuneError, OSError):
    """Weights are missing, damaged, or under a licence that was refused."""


class LeakError(AttuneError, ValueError):
    """What is to be evaluated was there in training: a person, or the same text, picture or sound."""


class RecordingError(AttuneError, ValueError):
    """A folder holds no recording, or a damaged one."""


class PlaceError(AttuneError, OSError):
    """A store can't be reached, doesn't let us in, or has no such bucket."""


class MissingExtra(AttuneError, ImportError):
    """An optional library isn't installed."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a name that isn't among the known ones, with the nearest of them.

    >>> print(unknown("label", "arousel", ["valence", "arousal"]))
    no label 'arousel'; did you mean 'arousal'?
    """
    known = list(known)
    near = difflib.get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if near:
        guess = next(k for k in known if k.lower() == near[0])
        return UnknownName(f"no {kind} {name!r}; did you mean {guess!r}?")
    return UnknownName(f"no {kind} {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
