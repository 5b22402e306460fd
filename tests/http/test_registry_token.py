# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens from /v2/token: what clients that prefer them do."""
import urllib.parse

import pytest

from support import images
from support.rawhttp import Http


def get_token(server, query, password=None):
    with Http(server.host_port, password or server.password()) as h:
        return h.get("/v2/token?service=ecr.amazonaws.com" + query)


def bearer(server, reply):
    h = Http(server.host_port)
    h.authorization = "Bearer " + reply.json()["token"]
    return h


def test_token_for_pull_and_push(server, repository):
    reply = get_token(server, "&scope=repository:%s:pull,push" % repository)
    assert reply.status == 200
    body = reply.json()
    assert body["token"] == body["access_token"]
    assert body["expires_in"] >= 60 and body["issued_at"].endswith("Z")
    image = images.busybox()
    with bearer(server, reply) as h:
        image.push(h, repository, "v1")
        assert h.get("/v2/%s/manifests/v1" % repository).body == image.manifest


def test_token_holds_only_its_scope(server, repository):
    with server.http() as admin:
        images.busybox().push(admin, repository, "v1")
    with bearer(server, get_token(server, "&scope=repository:%s:pull" % repository)) as h:
        assert h.get("/v2/%s/manifests/v1" % repository).status == 200
        reply = h.request("POST", "/v2/%s/blobs/uploads/" % repository)
        assert (reply.status, reply.code()) == (401, "UNAUTHORIZED")
        challenge = reply.header("WWW-Authenticate")
        assert challenge.startswith("Bearer ") and "basic" not in challenge.lower()
        assert 'scope="repository:%s:' % repository in challenge and "push" in challenge
    other = repository + "-2"
    server.create_repository(other)
    with bearer(server, get_token(server, "&scope=repository:%s:pull" % other)) as h:
        assert h.get("/v2/%s/manifests/v1" % repository).status == 401


def test_two_scopes_serve_a_mount(server, repository):
    source = repository + "-source"
    server.create_repository(source)
    with server.http() as admin:
        name = images.push_blob(admin, source, b"mounted")
    scope = urllib.parse.quote("repository:%s:pull,push repository:%s:pull" % (repository, source))
    with bearer(server, get_token(server, "&scope=" + scope)) as h:
        reply = h.request("POST", "/v2/%s/blobs/uploads/?mount=%s&from=%s" % (repository, name, source))
        assert reply.status == 201, reply


def test_post_form_of_the_token_request(server, repository):
    form = urllib.parse.urlencode({"grant_type": "password", "service": "ecr.amazonaws.com", "client_id": "test", "username": "AWS",
                                   "password": server.password(), "scope": "repository:%s:pull" % repository})
    with server.http(None) as h:
        reply = h.request("POST", "/v2/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 200, reply
    with bearer(server, reply) as h:
        assert h.get("/v2/%s/tags/list" % repository).status == 200


@pytest.mark.parametrize("password", ("wrong", "a.b.c"))
def test_wrong_password_gets_no_token(server, password):
    assert get_token(server, "&scope=repository:x:pull", password).status == 401


def test_anonymous_token_opens_nothing_private(server, repository):
    with server.http(None) as h:
        reply = h.get("/v2/token?service=ecr.amazonaws.com&scope=repository:%s:pull" % repository)
        assert reply.status == 200, reply
    with bearer(server, reply) as h:
        assert h.get("/v2/%s/tags/list" % repository).status == 401


@pytest.mark.parametrize("at", (0, 10, 30, -1))
def test_tampered_token(server, repository, at):
    token = get_token(server, "&scope=repository:%s:pull" % repository).json()["token"]
    at %= len(token)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]
    with Http(server.host_port) as h:
        h.authorization = "Bearer " + changed
        assert h.get("/v2/%s/tags/list" % repository).status == 401


def test_bearer_token_gets_no_other_token(server, repository):
    with bearer(server, get_token(server, "&scope=repository:%s:pull" % repository)) as h:
        assert h.get("/v2/token?scope=repository:%s:pull,push" % repository).status == 401
