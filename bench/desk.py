"""The nurse's pass: the work list of one site and of all, in a trial that has grown for years."""

from collections.abc import Iterator

from app.domain.records.access import Actor, ActorKind, Grant, Role
from app.services.clinic.today.work_list import TodayFilter, get_today
from app.services.core.context import StaffContext
from bench.figures import Figure, at_most, at_most_hellos, milliseconds, p95
from bench.grown import add_closed, add_live, add_participants
from bench.load import repeating, request
from bench.run import Run, listening
from bench.serving import daybook
from bench.trial import ALL_SITES, ONE_SITE, Trial, trial

SITES = 40
PEOPLE = 100_000
LIVE_EACH = 10
CLOSED_EACH = 10
LOOKS = 100
PAGE = "/desk?reason="


def desk(run: Run) -> Iterator[Figure]:
    """SQL alone before and after the closed slots are there, then the whole page over HTTP."""
    people = run.scale.of(PEOPLE, 400)
    with trial(run.cluster, run.scale.of(SITES, 2)) as made:
        add_participants(made, people)
        add_live(made, people, LIVE_EACH)
        looks = run.scale.of(LOOKS, 20)
        young = _looks(made, None, looks)
        add_closed(made, people, CLOSED_EACH)
        one, every = _looks(made, made.sites[0].id, looks), _looks(made, None, looks)
        yield at_most("work list of one site, SQL p95", one, 5, milliseconds)
        yield at_most("work list of all sites, SQL p95", every, 5, milliseconds)
        yield Figure(
            f"... the same with {people * CLOSED_EACH:,} closed slots fewer",
            milliseconds(young),
            ratio=f"{every / young:.1f} x",
        )
        with daybook(made.url, workers=run.scale.workers) as served:
            for name, cookie, most in (("one site", ONE_SITE, 20), ("all sites", ALL_SITES, 45)):
                told = {"Cookie": f"__Host-staff={cookie}", "Accept-Encoding": "gzip"}
                found = run.driven(served, repeating(request("GET", PAGE, told)))
                yield at_most_hellos(f"work list of {name}, CPU", found.load.cpu_each, found.hello, most)


def _looks(made: Trial, site_id: int | None, looks: int) -> float:
    """Milliseconds of SQL of a page of 50 rows and all counts that 95 in 100 do not exceed."""
    actor = Actor(ActorKind.STAFF, "bench", "nurse", (Grant(Role.NURSE, made.study.id or 0, site_id),))
    taken: list[float] = []
    for _look in range(looks):
        with listening(made.installation.engine) as heard:
            get_today(StaffContext(made.installation, actor, made.at), TodayFilter())
        taken.append(heard.seconds * 1000)
    return p95(taken[10:])
