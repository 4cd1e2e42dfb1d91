"""The agent's own affect: a temperament from the Big Five, a mood that what it hears moves and time brings back, and the tone that follows.

Positions are pleasure (valence), arousal and dominance, each -1..1. Temperament after Mehrabian (1996), Analysis of the Big-five personality
factors in terms of the PAD temperament model, Australian Journal of Psychology 48(2), as Wen et al. (2021, PELD) use it; its fifth trait is
emotional *stability*, so that neuroticism N enters as 1 - N. Traits are 0..1 as personas and PELD give them, centred here.

The mood's step is ours, without training: m' = clip(m + eta d (1 + kappa P) - rho (m - P)), where d is what was heard less the mood, P the
temperament, and products are by axis: a lively temperament (P > 0) is moved more along that axis. The reply's target is that mood; which word
says it depends on its octant, named by Mehrabian, and no octant has a hostile tone: a listener in a bad mood is sober, not sharp.

    >>> calm = temperament({"openness": 0.5, "conscientiousness": 0.5, "extraversion": 0.5, "agreeableness": 0.5, "neuroticism": 0.5})
    >>> calm.tolist()
    [0.0, 0.0, 0.0]
    >>> tone(step(calm, np.array([-0.8, 0.6, -0.4]), calm)).word
    'concerned'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from attune.errors import SettingError, unknown

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
AXES = ("valence", "arousal", "dominance")
# rows: pleasure, arousal, dominance; columns: openness, conscientiousness, extraversion, agreeableness, emotional stability
MEHRABIAN = np.array([[0.0, 0.0, 0.21, 0.59, 0.19], [0.15, 0.0, 0.0, 0.30, -0.57], [0.25, 0.17, 0.60, -0.32, 0.0]])
MOVED, GAIN, DECAY = 0.5, 0.5, 0.2       # eta, kappa, rho: half of the way to what is heard, a fifth of the way home, a turn; ours
EVEN = 0.05                              # nearer than this to the middle on every axis there is no octant

# signs of (valence, arousal, dominance) -> Mehrabian's octant, and how a listener sounds in it
OCTANTS: dict[tuple[int, int, int], tuple[str, str]] = {
    (1, 1, 1): ("exuberant", "lively"), (1, 1, -1): ("dependent", "warm"), (1, -1, 1): ("relaxed", "calm and steady"), (1, -1, -1): ("docile", "gentle"),
    (-1, 1, 1): ("hostile", "serious"), (-1, 1, -1): ("anxious", "concerned"), (-1, -1, 1): ("disdainful", "sober"), (-1, -1, -1): ("bored", "quiet"),
}


@dataclass(frozen=True)
class Tone:
    """Where a reply should lie, and the word for it; `octant` is the mood's name after Mehrabian."""

    valence: float
    arousal: float
    dominance: float
    word: str
    octant: str


def temperament(traits: Mapping[str, float]) -> np.ndarray:
    """(3,) pleasure, arousal, dominance of somebody with these Big Five, each 0..1.

    Raises
    ------
    SettingError
        If a trait is missing or out of range; `UnknownName` for another trait.

    >>> anxious = dict.fromkeys(TRAITS, 0.5) | {"neuroticism": 1.0}
    >>> temperament(anxious).round(2).tolist()          # unstable: less pleasure, more arousal
    [-0.19, 0.57, 0.0]
    """
    for name in traits:
        if name not in TRAITS:
            raise unknown("trait", name, TRAITS)
    for name in TRAITS:
        value = traits.get(name)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise SettingError(f"trait {name} is {value!r}; expected a number from 0 to 1")
    stability = 1 - traits["neuroticism"]
    five = np.array([*(traits[name] for name in TRAITS[:4]), stability])
    return np.asarray(np.clip(MEHRABIAN @ (2 * five - 1), -1, 1))


def step(mood: np.ndarray, heard: np.ndarray, home: np.ndarray, *, moved: float = MOVED, gain: float = GAIN, decay: float = DECAY) -> np.ndarray:
    """(3,) the mood after a turn; an axis of `heard` that wasn't measured (NaN) doesn't move it."""
    toward = np.where(np.isnan(heard), 0.0, heard - mood)
    return np.asarray(np.clip(mood + moved * toward * (1 + gain * home) - decay * (mood - home), -1, 1))


def tone(mood: np.ndarray) -> Tone:
    """The tone of a reply in this mood.

    >>> tone(np.array([0.4, -0.2, 0.1])).word, tone(np.zeros(3)).word
    ('calm and steady', 'even')
    """
    v, a, d = (float(x) for x in mood)
    if max(abs(v), abs(a), abs(d)) < EVEN or math.isnan(v):
        return Tone(v, a, d, "even", "")
    octant, word = OCTANTS[(1 if v >= 0 else -1, 1 if a >= 0 else -1, 1 if d >= 0 else -1)]
    return Tone(v, a, d, word, octant)
