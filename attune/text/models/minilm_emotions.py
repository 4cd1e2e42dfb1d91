"""Emotions, dimensions, situations and names of a sentence, from one small encoder (MiniLM, six layers).

Columns, side by side: 28 probabilities that each GoEmotions label holds, each for itself, where `THRESHOLDS` says from where on a label
counts as said; three positions in -1..1, learned from EmoBank: (rating - 3) / 2; probabilities of the 32 situations of
EmpatheticDialogues, which sum to 1; and the names of hume53 that open data can measure, each for itself. Trained by
`recipes/text_minilm.py`; figures and limits stand in `minilm_emotions.md`.
"""

from __future__ import annotations

from functools import cache

from attune.text.models import _minilm
from attune.weights import LicenceClass

TITLE = "MiniLM on GoEmotions, EmoBank and EmpatheticDialogues"
NAMED = "language45"                      # the names of hume53 that are measured
TAXONOMIES = ("goemotions28", "vad", "empathetic32", NAMED)
LANGUAGES = ("en",)
LICENSE = (
    "CC BY-NC 4.0, by EmpatheticDialogues, and CC BY-SA 4.0, by EmoBank's ratings; the encoder it starts from, all-MiniLM-L6-v2: Apache-2.0; "
    "GoEmotions' labels: Apache-2.0, elsewhere stated as CC BY 4.0; EmoryNLP's: Apache-2.0; Empathic Reactions': CC BY 4.0"
)
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "encoder: Wang et al. (2020), MiniLM, arXiv:2002.10957; emotions: Demszky et al. (2020), ACL, doi:10.18653/v1/2020.acl-main.372; "
    "dimensions: Buechel and Hahn (2017), EACL, E17-2092; situations: Rashkin et al. (2019), ACL, doi:10.18653/v1/P19-1534; "
    "own words: Mohammad (2012), #Emotional Tweets, *SEM, S12-1033"
)
WEIGHTS = ("minilm_emotions.onnx", _minilm.VOCABULARY, "minilm_emotions.thresholds.json", _minilm.FROZEN)
DATA = (
    "GoEmotions train (43,410 Reddit comments), EmoBank train (8,062 sentences of six genres), EmpatheticDialogues train (19,830 situations and "
    "how they were first told), Empathic Reactions train (1,354 essays), a part of EmoryNLP train (2,953 utterances), and 7,479 texts of these that "
    "say a name of a feeling; all English"
)
TRAINED_ON = {name: ("train",) for name in ("goemotions", "emobank", "empathetic_dialogues", "empathic_reactions", "emorynlp")}
TUNED_ON = {name: ("dev",) for name in TRAINED_ON}
LIMITS = _minilm.LIMITS

THRESHOLDS = _minilm.thresholds(WEIGHTS[2])      # best F1 on dev, by label


@cache
def load() -> _minilm.Model:
    """The model, read once per process.

    Raises
    ------
    WeightsError
        If its files aren't beside this module.

    >>> load()(["I'm so glad you came!", " "]).shape
    (2, 108)
    """
    return _minilm.load(_minilm.FOLDER / WEIGHTS[0], TAXONOMIES)
