"""Faces and jobs open no sessions: what is read or written is read or written by a use case."""

import ast

from tests.meta.sources import modules, nodes, place

OPENERS = {"read", "work", "unit_of_work"}
"""How an installation or a context opens a session."""


def test_no_face_opens_a_session() -> None:
    opened = {
        place(module, call)
        for folder in ("app/patient", "app/clinic", "app/edc", "app/web", "app/jobs")
        for module in modules(folder)
        for block in nodes(module)
        if isinstance(block, ast.With)
        for item in block.items
        if isinstance(call := item.context_expr, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in OPENERS
    }
    assert opened == set()
