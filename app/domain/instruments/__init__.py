"""Questionnaires as data: definition, wording, responses and scoring."""
