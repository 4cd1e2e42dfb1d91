"""Recipes as modules: their folder is on the path only while one is imported."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "recipes"


def recipe_of(name: str) -> ModuleType:
    """The recipe recipes/NAME.py."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
