"""Tiny nets of transformers, saved as published ones are; this needs torch."""

from __future__ import annotations

import json

import pytest
from checkpoints_made import word_tokenizer

torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")

SEVEN = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
CONV = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, **CONV}
WORDS = [*["I'm", "so", "happy", "for", "you", "!", "This", "makes", "me", "furious", ".", "am", "terrified", "of", "the", "dark", "Thank", "much", "My", "dog", "died", "yesterday", "love", "The", "train", "leaves", "at", "nine", "wonder", "how", "works", "?"],
         "I", "'", "m", "that", "no", "word"]


def says(layer, values):
    """Make a linear layer give these values whatever it is given."""
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor(values))


def vit(folder, labels=SEVEN, size=224, at=None):
    torch.manual_seed(0)
    config = transformers.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, image_size=size, patch_size=56, num_labels=7,
                                    id2label=dict(enumerate(labels)))
    net = transformers.ViTForImageClassification(config).eval()
    if at:
        says(net.classifier, [at.get(label, 0.0) for label in labels])
    net.save_pretrained(folder)
    facts = {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2], "resample": 2,
             "rescale_factor": 1 / 255, "size": {"height": size, "width": size}, "image_processor_type": "ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))
    return net


def superb(folder, kind, labels):
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**TINY, num_labels=4, classifier_proj_size=8, use_weighted_layer_sum=True, id2label=dict(enumerate(labels)))
    net = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
    with torch.no_grad():
        net.layer_weights.copy_(torch.tensor([0.1, 0.5, 0.2]))
    net.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=kind == "Hubert").save_pretrained(folder)
    return net


def roberta(folder, labels, at=None, problem="single_label_classification"):
    """A tiny RoBERTa with these labels, in this order; it says `at`, label -> logit, whatever it reads."""
    torch.manual_seed(0)
    config = transformers.RobertaConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, vocab_size=len(WORDS) + 4, pad_token_id=1,
                                        max_position_embeddings=514, num_labels=len(labels), id2label=dict(enumerate(labels)), problem_type=problem)
    net = transformers.RobertaForSequenceClassification(config).eval()
    if at:
        with torch.no_grad():
            net.classifier.out_proj.weight.zero_()
            net.classifier.out_proj.bias.copy_(torch.tensor([at.get(label, 0.0) for label in labels]))
    net.save_pretrained(folder)
    word_tokenizer(folder / "tokenizer.json", WORDS)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "unk_token": "[UNK]"}))
    return net
