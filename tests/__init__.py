"""The tests of Daybook; measuring begins here, because nothing of the program is imported earlier."""

from tests import coverage_measure

coverage_measure.begin()
