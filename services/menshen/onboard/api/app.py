"""The API of onboard as one application: operations, problems, health."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI, Request, Response

from menshen.onboard.api.door import ROUTES
from menshen.onboard.api.openapi import document
from menshen.onboard.api.problems import HANDLERS
from menshen.onboard.desk import Desk
from menshen.onboard.sender import Outside
from menshen.shell.health import Check, Health, Page


def create_app(desk: Desk, outside: Outside, checks: Mapping[str, Check]) -> FastAPI:
    """Return the application; `checks` are what `/readyz` asks. It holds nothing that would have to be closed."""
    app = FastAPI(
        openapi_url="/openapi.json", docs_url=None, redoc_url=None, redirect_slashes=False, exception_handlers=HANDLERS
    )
    app.router.routes.extend(ROUTES.routes)  # which are whole; to include a router builds them anew, at the first call
    app.state.desk, app.state.outside = desk, outside
    app.openapi = document  # type: ignore[method-assign]  # as FastAPI has one bring a document of its own
    for path, page in Health(checks).pages.items():
        app.add_route(path, _serve(page), include_in_schema=False)
    return app


def _serve(page: Callable[[], Awaitable[Page]]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(_: Request) -> Response:
        told = await page()
        return Response(told.body, told.status, media_type=told.content_type)

    return handle
