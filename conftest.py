"""Examples in docstrings run, save in what needs torch where torch isn't."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("torch") else ["attune/train", "attune/fusion/_nets.py", "attune/fusion/bilinear.py"]
