"""Emotions, dimensions and names of a sentence, from one small encoder (MiniLM, six layers) that may be used commercially.

As `minilm_emotions`, but learned without EmpatheticDialogues (CC BY-NC) and EmoryNLP (a television company's transcripts), so that it has
no situations and fewer names. Columns, side by side: 28 probabilities that each GoEmotions label holds, each for itself, where `THRESHOLDS`
says from where on a label counts as said; three positions in -1..1, learned from EmoBank: (rating - 3) / 2; and names of hume53, each for
itself. Trained by `recipes/text_minilm.py --model minilm_open`; figures and limits stand in `minilm_open.md`.
"""

from __future__ import annotations

from functools import cache

from attune.text.models import _minilm
from attune.weights import LicenceClass

TITLE = "MiniLM on GoEmotions and EmoBank, open"
NAMED = "language27"                      # the names of hume53 that are measured
TAXONOMIES = ("goemotions28", "vad", NAMED)
LANGUAGES = ("en",)
LICENSE = (
    "CC BY-SA 4.0, by EmoBank's ratings: weights that are changed and passed on stay under it; CC BY 4.0, by Empathic Reactions, and GoEmotions' labels "
    "where they are stated so, elsewhere Apache-2.0: name them; the encoder it starts from, all-MiniLM-L6-v2: Apache-2.0"
)
LICENSE_CLASS: LicenceClass = "share-alike"
REFERENCE = (
    "encoder: Wang et al. (2020), MiniLM, arXiv:2002.10957; emotions: Demszky et al. (2020), ACL, doi:10.18653/v1/2020.acl-main.372; "
    "dimensions: Buechel and Hahn (2017), EACL, E17-2092; sympathy and distress: Buechel et al. (2018), EMNLP, doi:10.18653/v1/D18-1507; "
    "own words: Mohammad (2012), #Emotional Tweets, *SEM, S12-1033"
)
WEIGHTS = ("minilm_open.onnx", _minilm.VOCABULARY, "minilm_open.thresholds.json", _minilm.FROZEN)
DATA = (
    "GoEmotions train (43,410 Reddit comments; 1,808 of them, which say a name of a feeling, once more without that word), EmoBank train (8,062 "
    "sentences of six genres), Empathic Reactions train (1,354 essays); all English"
)
TRAINED_ON = {name: ("train",) for name in ("goemotions", "emobank", "empathic_reactions")}
TUNED_ON = {name: ("dev",) for name in TRAINED_ON}
LIMITS = (
    f"{_minilm.LIMITS}; the comments are their writers', and among the pairs of sentences that all-MiniLM-L6-v2 was tuned on by its authors are some "
    "given for research (MS MARCO): whether that binds weights is for whoever uses them to judge"
)
THRESHOLDS = _minilm.thresholds(WEIGHTS[2])      # best F1 on dev, by label


@cache
def load() -> _minilm.Model:
    """The model, read once per process.

    Raises
    ------
    WeightsError
        If its files aren't beside this module.

    >>> load()(["I'm so glad you came!", " "]).shape
    (2, 58)
    """
    return _minilm.load(_minilm.FOLDER / WEIGHTS[0], TAXONOMIES)
