"""The application of one server process; a module of its own, because every process imports it first."""

import gc

from starlette.types import ASGIApp

from app.cli.loading import load_module


def create_worker_app() -> ASGIApp:
    """Create the application from the environment.

    What exists then lives as long as the process: the garbage collector never looks at it again.
    """
    main = load_module("app.main")
    gc.disable()
    try:
        app: ASGIApp = main.create_app_from_environment()
    finally:
        gc.freeze()
        gc.enable()
    return app
