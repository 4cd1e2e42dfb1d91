"""Attune's own: voiceprints of short windows put together by likeness, with a net that hears speech at once; see `attune.voice.speakers`."""

from __future__ import annotations

from attune.settings import Settings
from attune.voice import overlap, voiceprint
from attune.voice.speakers import SpeakerStream
from attune.weights import LicenceClass

TITLE = "Voiceprints"
LICENSE = f"{voiceprint.LICENSE}; {overlap.LICENSE}"
LICENSE_CLASS: LicenceClass = "share-alike"
REFERENCE = "Wan, Wang, Papir & Lopez Moreno (2018), Generalized end-to-end loss for speaker verification, arXiv:1710.10467"
DATA = "voiceprints: LibriSpeech, VoxCeleb 1 and 2; speech at once: CREMA-D, five readers of LibriSpeech"
LIMITS = "people who sound alike become one; of three who speak at once two are named; meetings, noisy rooms and quick turns are told badly"
WEIGHTS = ("../overlap.onnx",)
INSTALL = voiceprint.INSTALL


def available() -> bool:
    """Whether the package that carries the voiceprints is installed.

    >>> available() in (True, False)
    True
    """
    return voiceprint.available()


def stream(settings: Settings) -> SpeakerStream:
    """Sound in, turns out."""
    return SpeakerStream(settings)
