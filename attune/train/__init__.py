"""Training: one loop, and the parts that recipes put into it. Needs the extra `train` (torch).

    loop       data, forward, loss, backward, average, evaluate, keep the best
    losses     soft votes, several heads with gaps, concordance, contrast
    layers     a head over a graph of labels, attentive statistics
    optim      a rate for every layer
    augment    variation of sounds and pictures, from an explicit random generator
"""

from attune.train.loop import Schedule, best_device, device_of, fit, moved, seed_everything

__all__ = ["Schedule", "best_device", "device_of", "fit", "moved", "seed_everything"]
