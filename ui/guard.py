"""The demo's outer wall: a session cookie the server issues, and headers that keep the page to itself."""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

COOKIE = "wardround_session"
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Nothing is loaded from, or sent to, another host: a case never leaves through the page."""

_TOKEN = re.compile(rf"(?:^|;\s*){COOKIE}=([A-Za-z0-9_-]{{32,64}})(?:;|$)")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware: issues the cookie that sessions are bound to, and sets the security headers."""

    def __init__(self, app: Application):
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_known = owner_of(_cookie_header(scope)) is not None

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                headers += [
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
                ]
                if not is_known and scope["path"] == "/":
                    issued = f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; HttpOnly; SameSite=Strict"
                    headers.append((b"set-cookie", issued.encode()))
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, guarded)


def owner_of(cookie_header: str) -> str | None:
    """The session token in a Cookie header, or None."""
    found = _TOKEN.search(cookie_header)
    return found[1] if found else None


def _cookie_header(scope: MutableMapping[str, Any]) -> str:
    return "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
