"""Importing a module by its name, when it is known that it is needed."""

import gc
import importlib
from types import ModuleType


def load_module(name: str) -> ModuleType:
    """Import a module with the cyclic garbage collector paused.

    Nothing that an import makes is garbage, and looking for it again and again costs a third of the
    server's start.
    """
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.enable()
