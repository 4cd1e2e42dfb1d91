"""pyannote.audio's pipeline of speaker diarization, which says where people speak at once.

    pip install pyannote.audio
    HF_TOKEN=... attune models add pyannote         # once you have accepted its conditions on its page
    attune measure talk.mp4 --speakers auto --diarizer pyannote

The library is other people's: its telemetry is switched off here before it is imported, and it is given sound and a folder, never an id, so that
it has nothing to fetch. It unpickles its checkpoints, which may run what stands in them: that is why the files are held to the sums they came
with, and why a pipeline whose config.yaml names anything but pyannote's own pipeline is refused.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from attune.checkpoints import Checkpoint, ready, state
from attune.errors import WeightsError
from attune.settings import Settings
from attune.types import Segment
from attune.voice.activity import SAMPLE_RATE
from attune.voice.diarizers._whole import Whole
from attune.weights import LicenceClass

TITLE = "pyannote.audio"
LICENSE = "CC BY 4.0 (the pipeline's weights; its authors ask for a name and a purpose before they give them), MIT (the library)"
LICENSE_CLASS: LicenceClass = "attribution"
REFERENCE = "Plaquet & Bredin (2023), Powerset multi-class cross entropy loss for neural speaker diarization, Interspeech; Bredin (2023), pyannote.audio 2.1"
DATA = "meetings, broadcasts, telephone calls, videos; see its page"
LIMITS = "the whole sound is held in memory; slower than real time on one old core; its checkpoints are pickles that its library loads whole"
CHECKPOINTS = (Checkpoint("pyannote/speaker-diarization-community-1", (
    "config.yaml", "segmentation/pytorch_model.bin", "embedding/pytorch_model.bin", "plda/plda.npz", "plda/xvec_transform.npz")),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "pyannote")
INSTALL = "pip install pyannote.audio and attune models add pyannote (accept its conditions on its page first; HF_TOKEN says who you are)"
PIPELINE = "pyannote.audio.pipelines.SpeakerDiarization"


def available() -> bool:
    """Whether the library and the pipeline's files are here; nothing is imported or fetched.

    >>> available() in (True, False)
    True
    """
    return state(sys.modules[__name__]) == "present"


def stream(settings: Settings) -> Whole:
    """Sound in, turns out.

    Raises
    ------
    WeightsError, MissingExtra
        If files are missing or changed, or the library isn't here.
    """
    (folder,) = ready(__name__)
    return Whole(partial(told, _pipeline(folder)))


def told(pipeline: Any, wave: np.ndarray, count: int | None) -> list[Segment]:
    """What the pipeline says of (n,) samples: turns that overlap where people speak at once."""
    given = {"waveform": importlib.import_module("torch").from_numpy(wave)[None], "sample_rate": SAMPLE_RATE}
    said = pipeline(given) if count is None else pipeline(given, num_speakers=count)
    turns = getattr(said, "speaker_diarization", said)       # from 4.0 on it stands beside other things; before, it was all that came
    return [Segment(float(turn.start), float(turn.end), str(who)) for turn, _, who in turns.itertracks(yield_label=True)]


@cache
def _pipeline(folder: Path) -> Any:
    refuse_other_code(folder / "config.yaml")
    os.environ["PYANNOTE_METRICS_ENABLED"] = "false"         # it would tell its makers how long the sounds are
    pipeline = importlib.import_module("pyannote.audio").Pipeline.from_pretrained(folder)
    if pipeline is None:
        raise WeightsError(f"pyannote.audio makes no pipeline of {folder}; add it again by: attune models add pyannote")
    return pipeline


def refuse_other_code(config: Path) -> None:
    """A pipeline's config names classes and functions that are then called: only pyannote's own pipeline may be.

    Raises
    ------
    WeightsError
        If it names any other, or asks for preprocessors.
    """
    text = config.read_text(encoding="utf-8")
    named = re.findall(r"""["']?\bname["']?\s*:\s*["']?([^\s"'#,}]+)""", text)
    if named != [PIPELINE] or "preprocessors" in text or re.search(r"[&*!]\w", text):
        raise WeightsError(f"{config} names {', '.join(named) or 'no pipeline'}; expected {PIPELINE} alone, without preprocessors: nothing else is run")
