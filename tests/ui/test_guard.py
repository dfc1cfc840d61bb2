"""The outer wall: who a session belongs to, and what the page may load."""

import httpx
import pytest

from ui.guard import COOKIE, Guard, owner_of


async def plain_page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


@pytest.fixture
async def client():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Guard(plain_page)), base_url="http://demo") as opened:
        yield opened


async def test_a_new_visitor_is_issued_a_cookie_that_scripts_cannot_read(client):
    issued = (await client.get("/")).headers["set-cookie"]
    assert "HttpOnly" in issued
    assert "SameSite=Strict" in issued
    assert len(owner_of(issued.split(";")[0])) >= 32


async def test_a_known_visitor_keeps_the_cookie_and_two_visitors_get_different_ones(client):
    first = (await client.get("/")).cookies[COOKIE]
    assert "set-cookie" not in (await client.get("/")).headers
    client.cookies.clear()
    assert (await client.get("/")).cookies[COOKIE] != first


async def test_the_page_may_load_nothing_from_elsewhere(client):
    policy = (await client.get("/x")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("header", ["", f"{COOKIE}=short", f"{COOKIE}=" + "é" * 40, "other=" + "a" * 40])
def test_what_the_server_did_not_issue_is_no_owner(header):
    assert owner_of(header) is None
