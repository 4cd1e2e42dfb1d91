"""Who the agent is: a file of `personas/`, or one of one's own.

A persona has a title, a style in each language, the Big Five (0..1), and how much it is moved. It has no say about boundaries: those are in
`boundaries`, come after it in every prompt, and look at what is heard before any persona does.

    >>> persona("attune").title, "warm" in names()
    ('Attune', True)
"""

from __future__ import annotations

import importlib.resources
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from attune.agent import affect
from attune.errors import SettingError, unknown

FOLDER = importlib.resources.files("attune") / "agent" / "personas"


@dataclass(frozen=True)
class Persona:
    """style: language -> how it talks; length: sentences at most; moved, decay: see `affect.step`."""

    name: str
    title: str
    traits: dict[str, float]
    style: dict[str, str] = field(default_factory=dict)
    length: int = 3
    moved: float = affect.MOVED
    decay: float = affect.DECAY

    def __post_init__(self) -> None:
        affect.temperament(self.traits)
        for name, value, low, high in (("length", self.length, 1, 20), ("moved", self.moved, 0, 1), ("decay", self.decay, 0, 1)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise SettingError(f"persona {self.name!r}: {name}={value!r}; expected a number from {low} to {high}")

    @property
    def home(self) -> np.ndarray:
        """(3,) where its mood comes back to."""
        return affect.temperament(self.traits)

    def manner(self, language: str) -> str:
        """Its style in a language, else in English, else none."""
        return self.style.get(language) or self.style.get("en", "")


def names() -> list[str]:
    """Personas that ship with Attune."""
    return sorted(f.name.removesuffix(".toml") for f in FOLDER.iterdir() if f.name.endswith(".toml"))


def persona(name: str) -> Persona:
    """A packaged persona by name, or one's own by the path of its TOML file.

    Raises
    ------
    UnknownName
        If there is none of that name.
    SettingError
        If the file isn't TOML, or a field is missing, unknown or out of range.
    """
    if name.endswith(".toml"):
        try:
            return parse(Path(name).read_text(encoding="utf-8"), Path(name).stem)
        except OSError as error:
            raise SettingError(f"the persona {name} can't be read ({error.strerror}); expected a TOML file, or one of {', '.join(names())}") from error
    if name not in names():
        raise unknown("persona", name, names())
    return parse((FOLDER / f"{name}.toml").read_text(encoding="utf-8"), name)


def parse(text: str, name: str) -> Persona:
    """A persona from TOML text."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"persona {name!r} is no TOML: {error}") from error
    known = [f.name for f in fields(Persona) if f.name != "name"]
    for key in given:
        if key not in known:
            raise SettingError(str(unknown("field of a persona", key, known)))
    for key in ("title", "traits"):
        if key not in given:
            raise SettingError(f"persona {name!r} has no {key}; expected title and traits ({', '.join(affect.TRAITS)}, each 0 to 1)")
    return Persona(name=name, **given)
