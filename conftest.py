"""Examples in docstrings run, save in what needs torch or transformers where they aren't."""

import importlib.util


def there(*libraries):
    return all(importlib.util.find_spec(library) for library in libraries)


collect_ignore = [] if there("torch") else ["attune/train", "attune/fusion/_nets.py", "attune/fusion/bilinear.py"]
collect_ignore += [] if there("torch", "transformers") else ["attune/checkpoints/hub.py", "attune/checkpoints/nets"]
