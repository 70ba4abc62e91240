"""Faces and jobs open no sessions, and a page of the desk says whether looks at it are recorded."""

import ast

import pytest

from app.clinic.trail.recorded_pages import RECORDED, UNRECORDED
from tests.meta.sources import modules, nodes, position_of

OPENERS = {"read", "open_work", "unit_of_work"}
"""How an installation or a context opens a session."""


def test_no_face_opens_a_session() -> None:
    opened = {
        position_of(module, call)
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


@pytest.mark.req("AUD-14")
def test_every_page_of_the_desk_says_whether_looks_at_it_are_recorded() -> None:
    """And of none that there is not; the frame itself is no page."""
    templates = {
        str(value.value)
        for module in modules("app/clinic")
        for node in nodes(module)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "template"
        and isinstance(value := node.value, ast.Constant)
    }
    assert len(templates) > 50
    assert RECORDED.keys() | UNRECORDED.keys() == templates
    assert not RECORDED.keys() & UNRECORDED.keys()
