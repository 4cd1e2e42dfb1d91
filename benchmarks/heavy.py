"""Nets as large as those that people take for a small GPU, random, so that nothing is fetched; and files measured with them, counting calls.

    face    a ViT of DeiT-tiny's size (12 layers of 192, 224 x 224 in patches of 16)
    voice   wav2vec 2.0 with 6 layers of 384, normalised by moments and taught with a mask, as the large robust ones are
    text    RoBERTa with 6 layers of 384

What they say means nothing. `scale.py --only batching` uses this.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = ("<s>", "</s>", "<pad>", "[UNK]", "hello", "happy", "sad", "you", "i", "am", "so", "to", "see", "what", "a", "pity", "this", "is")
SEVEN = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
FOUR = ("neutral", "happy", "angry", "sad")
NETS = {"face": "ViTForImageClassification", "voice": "Wav2Vec2ForSequenceClassification", "text": "RobertaForSequenceClassification"}

_calls: dict[str, list[int]] = defaultdict(list)      # kind -> inputs of each call, in this process
_beginning = threading.Lock()


def made(folder: Path) -> dict[str, str]:
    """Write the nets, add them to the checkpoints (`$ATTUNE_CHECKPOINTS`); settings that choose them."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    from attune import registry
    from attune.checkpoints import fetch

    torch.manual_seed(0)
    vit = transformers.ViTConfig(hidden_size=192, num_hidden_layers=12, num_attention_heads=3, intermediate_size=768, id2label=dict(enumerate(SEVEN)))
    ear = transformers.Wav2Vec2Config(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=6, intermediate_size=1536, conv_dim=(256,) * 7, conv_bias=True, feat_extract_norm="layer",
        do_stable_layer_norm=True, id2label=dict(enumerate(FOUR)))
    reader = transformers.RobertaConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=6, intermediate_size=1536, vocab_size=len(WORDS), pad_token_id=2, max_position_embeddings=514,
        id2label=dict(enumerate(SEVEN)))
    transformers.ViTForImageClassification(vit).save_pretrained(folder / "face")
    transformers.Wav2Vec2ForSequenceClassification(ear).save_pretrained(folder / "voice")
    transformers.RobertaForSequenceClassification(reader).save_pretrained(folder / "text")
    facts = {"size": {"height": 224, "width": 224}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "face" / "preprocessor_config.json").write_text(json.dumps(facts))
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder / "voice")
    cut = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    cut.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    cut.save(str(folder / "text" / "tokenizer.json"))
    facts = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "unk_token": "[UNK]"}
    (folder / "text" / "tokenizer_config.json").write_text(json.dumps(facts))
    chosen = {}
    for kind, taxonomy in (("face", "ekman7"), ("voice", "iemocap4"), ("text", "ekman7")):
        (folder / f"{kind}.toml").write_text(f'id = "random/{kind}"\ntaxonomy = "{taxonomy}"\n')
        chosen[kind] = f"huggingface:{folder / kind}.toml"
        fetch.add(registry.load(f"attune.{kind}.models", chosen[kind]).CHECKPOINTS[0], "random", source=folder / kind)
    return chosen


def counted(job: Any, tell: Callable[..., None]) -> tuple[dict[str, list[int]], float]:
    """Measure a file as `attune measure` does; how many inputs each call of the process had so far, by kind, and seconds of CPU that it took so far."""
    from attune.batch.one import measured

    with _beginning:                      # several files are measured at the same time
        if not _calls:
            import transformers

            for kind, name in NETS.items():
                _count(getattr(transformers, name), _calls[kind])
    measured(job, tell)
    return {kind: list(sizes) for kind, sizes in _calls.items()}, time.process_time()


def _count(net: Any, sizes: list[int]) -> None:
    plain = net.forward

    def forward(self: Any, *given: Any, **more: Any) -> Any:
        sizes.append(len(given[0] if given else more["input_ids"]))
        return plain(self, *given, **more)

    net.forward = forward
