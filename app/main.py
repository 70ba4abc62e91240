"""The application: the one place that sees every part and puts them together."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.clinic import routes as clinic
from app.clinic.frame.desk_counts import DeskCounts
from app.clock import read_boot_id, read_clocks
from app.definitions import library
from app.definitions.library import Library
from app.edc import routes as edc
from app.edc.rate_limit import RateLimits
from app.i18n.catalogues import Catalogues
from app.i18n.languages import ENGLISH, LANGUAGE_CODES
from app.installation import DEFAULT_COST, open_installation
from app.jobs.ticker import Ticker
from app.notify.breaker import CircuitBreaker
from app.notify.channel import MessageChannel
from app.notify.console import ConsoleChannel
from app.notify.smtp import SmtpChannel
from app.patient import activation, devices, hand_over, help_page, home, own_diary, settings, welcome
from app.patient.forms import form_language, offline, submitted
from app.patient.forms import routes as patient
from app.patient.forms.assets import FormAssets, read_form_assets
from app.patient.forms.document import FormDocuments
from app.patient.person import home_screen, mark_page, own_address, shared_device
from app.services.clinic.page_looks import LookLog
from app.services.core.clock_watch import ClockWatch
from app.services.core.hashing import HashCost
from app.services.people.staff_mail import StaffMail
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_texts import ReminderTexts
from app.settings import MessageTransport as Way
from app.settings import Settings
from app.web import errors, routes, statics, webmanifest
from app.web.acts import check_acts
from app.web.cookies import PlainCookies
from app.web.middleware.caller_queue import CallerQueue
from app.web.middleware.compression import Compression
from app.web.middleware.forwarding import TrustedProxies
from app.web.middleware.head import HeadRequests
from app.web.middleware.logs import AccessLog
from app.web.middleware.route_index import RouteIndex
from app.web.middleware.security import BodyLimit, ReadableRequest, SameOrigin, SecurityHeaders
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages
from app.web.permissions import check_routes
from app.web.statics import StaticFiles
from app.web.urls import DESK

BODY_LIMIT = 1024 * 1024
"""Bytes; the longest thing anybody sends is a batch of the EDC."""

ROUTERS = (
    offline.router,  # before the participant's, who would take /f/{slot}/blank for a step
    patient.router,
    home.router,
    edc.router,
    clinic.router,
    routes.router,
    statics.router,
    activation.router,
    hand_over.router,
    welcome.router,
    devices.router,
    shared_device.router,
    mark_page.router,
    submitted.router,
    help_page.router,
    own_diary.router,
    settings.router,
    own_address.router,
    home_screen.router,
    form_language.router,
    webmanifest.router,
)
"""Routes of addresses that begin alike are compared in this order; no two routers share a path."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is read from files at start and does not change after."""

    library: Library
    statics: StaticFiles
    assets: FormAssets
    pages: Pages

    @classmethod
    def load(cls, settings: Settings) -> "Parts":
        """Read them anew; raises BadDefinition."""
        statics, pages = StaticFiles.load(), Pages.load(Catalogues.load(settings.locales))
        definitions = library.load_library(settings.questionnaires, LANGUAGE_CODES)
        return cls(definitions, statics, read_form_assets(statics.read_text), pages)


def create_app(
    settings: Settings,
    clock: Callable[[], datetime] | None = None,
    hash_cost: HashCost = DEFAULT_COST,
    parts: Parts | None = None,
) -> FastAPI:
    """The application of one installation; raises BadDefinition for definitions that cannot be used.

    Raises RouteMismatch for a route that the table of permissions does not name, or lets in others than it,
    and for one that writes and is neither an act nor exempt.

    `parts` are those of an earlier application with the same folders. Without a `clock` it is this
    machine's, watched; another one is watched if it is a ClockWatch.
    """
    clock = clock or ClockWatch(read_clocks, read_boot_id(), settings.clock_gap)
    app = FastAPI(
        title="Daybook",
        version=settings.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=_middleware(settings),
    )
    read = parts or Parts.load(settings)
    watch = clock if isinstance(clock, ClockWatch) else None
    app.state.installation = open_installation(settings, hash_cost, read.library, watch)
    app.state.clock = clock
    app.state.edc_limits = RateLimits()
    app.state.commit = settings.commit
    _connect_pages(app, read, settings)
    _connect_mail(app, build_channels(settings), clock)
    errors.install_error_handlers(app)
    for router in ROUTERS:
        # Not include_router, which resolves every route anew for each application and has nothing to add.
        app.router.routes.extend(router.routes)
    check_routes(app.router.routes)
    check_acts(app.router.routes)
    app.router.middleware_stack = RouteIndex(app.router)
    return app


def _connect_pages(app: FastAPI, parts: Parts, settings: Settings) -> None:
    """Give the faces their templates, the form documents and the frame of every page."""
    app.state.statics = parts.statics
    app.state.form_assets = parts.assets
    app.state.pages = parts.pages
    app.state.desk_counts = DeskCounts()
    app.state.look_log = LookLog()
    app.state.form_documents = FormDocuments(parts.pages, app.state.form_assets)
    app.state.frame = PageFrame(
        ENGLISH.tag,
        ENGLISH.dir,
        ENGLISH.code,
        demo=settings.demo,
        version=settings.version,
        static_root=parts.statics.root,
        phone=settings.help_phone,
    )


def _connect_mail(
    app: FastAPI, channels: Mapping[str, MessageChannel], clock: Callable[[], datetime]
) -> None:
    """Let reminders and the letters to staff leave by the same channels."""
    catalogues = app.state.pages.catalogues
    outbox = MessageSender(channels, ReminderTexts.load(catalogues))
    app.state.ticker = Ticker(app.state.installation, outbox, clock)
    app.state.sender = outbox
    mail = channels["email"]
    # A link by which somebody signs in is never written where the server's output goes.
    app.state.staff_mail = StaffMail.load_texts(
        None if isinstance(mail, ConsoleChannel) else mail, catalogues
    )


def build_channels(settings: Settings) -> Mapping[str, MessageChannel]:
    """How messages leave, for each kind of address."""
    if settings.channel is Way.SMTP:
        return {"email": CircuitBreaker(SmtpChannel(settings.smtp_url, settings.mail_from))}
    return {"email": ConsoleChannel(sys.stderr)}


def _middleware(settings: Settings) -> list[Middleware]:
    plain = [Middleware(PlainCookies)] if settings.public_url.startswith("http://") else []
    return [
        Middleware(AccessLog),
        Middleware(TrustedProxies, trusted=settings.trusted_proxies),
        Middleware(HeadRequests),
        Middleware(SecurityHeaders),
        Middleware(Compression, swift=DESK),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(settings.trusted_hosts), www_redirect=False),
        Middleware(ReadableRequest),
        Middleware(SameOrigin, public_url=settings.public_url),
        Middleware(BodyLimit, limit=BODY_LIMIT),
        Middleware(CallerQueue),
        *plain,
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.ticker.start()
    yield
    app.state.ticker.stop()
    app.state.installation.engine.dispose()
