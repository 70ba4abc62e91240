"""A sending goes through the program in six values: each step takes what the ones before gave."""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, get_args, get_type_hints

from app.patient.forms import form_parser
from app.patient.forms.form_parser import ParsedForm, parse_form
from app.services.capture import submission, submission_builder
from app.services.capture.submission import SubmissionReceipt, submission_context, submit_form
from app.services.capture.submission_builder import (
    CheckedSubmission,
    ResponseOrigin,
    SubmissionContext,
    SubmittedForm,
    Submitter,
    build_submission,
    check_submission,
)
from app.storage.statements import submit_form as submit_statements
from app.storage.statements.submit_form import Submission, submit_if_unmoved, write_submission

VALUES = (ParsedForm, SubmittedForm, SubmissionContext, CheckedSubmission, Submission, SubmissionReceipt)
STEPS: tuple[tuple[Callable[..., Any], set[type], type], ...] = (
    (parse_form, set(), ParsedForm),
    (submission_context, set(), SubmissionContext),
    (submit_form, {SubmittedForm, SubmissionContext}, SubmissionReceipt),
    (check_submission, {SubmittedForm, SubmissionContext}, CheckedSubmission),
    (build_submission, {SubmissionContext, CheckedSubmission}, Submission),
    (submit_if_unmoved, {Submission}, bool),
    (write_submission, {Submission}, bool),
)
"""What each step takes of the six, and gives."""
MODULES = (form_parser, submission, submission_builder, submit_statements)
PARTS = {Submitter, ResponseOrigin}
"""Of what some of them consist: who submits, and how one version of a response came about."""


def classes_in(hint: object) -> Iterator[object]:
    """The classes that an annotation names."""
    yield hint
    for each in get_args(hint):
        yield from classes_in(each)


def values_of(hint: object) -> set[type]:
    return {each for each in VALUES if each in set(classes_in(hint))}


def public_classes(module: ModuleType) -> set[type]:
    named = inspect.getmembers(module, inspect.isclass)
    return {each for name, each in named if each.__module__ == module.__name__ and name[0] != "_"}


def test_each_step_of_a_sending_takes_what_the_ones_before_gave() -> None:
    for step, takes, gives in STEPS:
        hints = get_type_hints(step)
        result = hints.pop("return")
        assert set().union(*map(values_of, hints.values())) == takes, step
        assert gives in set(classes_in(result)), step
    # The page's form is what was parsed, without what only the page asks for.
    assert get_type_hints(ParsedForm)["form"] is SubmittedForm
    assert get_type_hints(CheckedSubmission)["form"] is SubmittedForm
    results = {gives for _step, _takes, gives in STEPS} | {SubmittedForm}
    assert results - {bool} == set(VALUES)


def test_there_is_no_seventh_value() -> None:
    assert set().union(*map(public_classes, MODULES)) == set(VALUES) | PARTS
