# SPDX-License-Identifier: Apache-2.0
"""Basic and bearer credentials under both challenges, and public repositories, with the clients that people use."""
import base64
import json

import pytest

from support import images
from support import run as r
from support.clients import Client
from support.server import Server

CHALLENGES = ("basic", "bearer")


@pytest.fixture(scope="module", params=CHALLENGES)
def server(request):  # pylint: disable=function-redefined
    s = Server("serve", env={"SLIPWAY_AUTH_CHALLENGE": request.param})
    s.challenge = request.param
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def public(server, name, busybox_image):
    server.slipway("repo", "create", "public/" + name, "--public")
    with server.http() as http:
        busybox_image.push(http, "public/" + name, "v1")
    return "public/" + name


@pytest.fixture
def private(server, name, busybox_image):
    server.create_repository("private/" + name)
    with server.http() as http:
        busybox_image.push(http, "private/" + name, "v1")
    return "private/" + name


@pytest.fixture(params=("skopeo", "podman"))
def client(request, tmp_path):
    c = Client(request.param, tmp_path / request.param)
    with open(c.auth, "w", encoding="utf-8") as f:
        f.write("{}")  # podman wants the file that it was told of
    try:
        yield c
    finally:
        c.close()


def pull(client, server, repository, folder, check=True):
    where = "%s/%s:v1" % (server.host_port, repository)
    if client.program.endswith("podman"):
        return client.run("pull", "--tls-verify=false", where, check=check)
    return client.run("copy", "--src-tls-verify=false", "docker://" + where, "oci:%s:x" % folder, check=check)


def push(client, server, repository, layout, check=True):
    where = "%s/%s:pushed" % (server.host_port, repository)
    if client.program.endswith("podman"):
        got = client.run("pull", "oci:%s:latest" % layout).stdout.split()[-1]
        return client.run("push", "--tls-verify=false", got, where, check=check)
    return client.run("copy", "--dest-tls-verify=false", "oci:%s:latest" % layout, "docker://" + where, check=check)


def curl(server, *argv):
    p = r.run([r.need_program("curl"), "--silent", "--show-error"] + list(argv), env=server.env())
    return p.stdout


def token(server, query="", password=None):
    user = ("--user", "AWS:" + password) if password else ()
    return json.loads(curl(server, *user, server.endpoint + "/v2/token?service=ecr.amazonaws.com" + query))


def status(server, path, bearer=None, method="GET"):
    headers = ("--header", "Authorization: Bearer " + bearer) if bearer else ()
    return int(curl(server, "--output", "/dev/null", "--write-out", "%{http_code}", "--request", method, *headers,
                    server.endpoint + path))


def test_bare_v2_always_challenges_who_has_no_credentials(server, public):
    with server.http(password=None) as http:
        reply = http.get("/v2/")
        assert reply.status == 401
        assert reply.header("WWW-Authenticate").lower().startswith(server.challenge)
        assert ("basic" in reply.header("WWW-Authenticate").lower()) == (server.challenge == "basic")
        assert http.get("/v2/%s/tags/list" % public).json() == {"name": public, "tags": ["v1"]}


def test_anonymous_pull_of_a_public_repository(client, server, public, tmp_path):
    pull(client, server, public, tmp_path / "out")


def test_anonymous_pull_of_others_is_refused(client, server, private, tmp_path):
    for repository in (private, "unknown/repository"):
        p = pull(client, server, repository, tmp_path / "out", check=False)
        assert p.returncode != 0
        assert "unauthorized" in p.stderr.lower() or "authentication required" in p.stderr.lower()


def test_anonymous_push_is_refused(client, server, public, busybox_layout):
    p = push(client, server, public, busybox_layout, check=False)
    assert p.returncode != 0
    with server.http() as http:
        assert http.get("/v2/%s/tags/list" % public).json()["tags"] == ["v1"]


def test_login_push_and_pull(client, server, private, public, busybox_layout, tmp_path):
    assert "Login Succeeded" in client.login(server.host_port, server.password()).stdout
    for repository in (private, public):
        push(client, server, repository, busybox_layout)
        pull(client, server, repository, tmp_path / repository.replace("/", "-"))
    with server.http() as http:
        assert http.get("/v2/%s/tags/list" % private).json()["tags"] == ["pushed", "v1"]


def test_wrong_login_is_refused(client, server):
    p = client.login(server.host_port, "wrong", check=False)
    assert p.returncode != 0


def test_docker_pulls_public_images_without_and_private_ones_with_login(dockerd, server, public, private):
    dockerd.run("logout", server.host_port, check=False)
    p = dockerd.run("pull", "%s/%s:v1" % (server.host_port, public), check=False)
    # Without a login docker itself gives up at a Basic challenge.
    assert p.returncode == 0 if server.challenge == "bearer" else "no basic auth credentials" in p.stderr
    p = dockerd.run("pull", "%s/%s:v1" % (server.host_port, private), check=False)
    assert p.returncode != 0
    p = dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin=server.password())
    assert "Login Succeeded" in p.stdout
    dockerd.run("pull", "%s/%s:v1" % (server.host_port, private))
    dockerd.run("tag", "%s/%s:v1" % (server.host_port, private), "%s/%s:pushed" % (server.host_port, private))
    dockerd.run("push", "%s/%s:pushed" % (server.host_port, private))
    with server.http() as http:
        assert http.get("/v2/%s/tags/list" % private).json()["tags"] == ["pushed", "v1"]
    dockerd.run("logout", server.host_port)


def test_docker_refuses_a_wrong_login(dockerd, server):
    p = dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin="wrong", check=False)
    assert p.returncode != 0


def test_curl_with_a_bearer_token(server, private):
    manifest = "/v2/%s/manifests/v1" % private
    answer = token(server, "&scope=repository:%s:pull" % private, server.password())
    assert answer["token"] == answer["access_token"]
    assert answer["expires_in"] >= 60
    assert status(server, manifest, answer["token"]) == 200
    assert status(server, "/v2/", answer["token"]) == 200
    assert status(server, manifest, answer["token"], "DELETE") == 401
    assert status(server, "/v2/_catalog", answer["token"]) == 401
    assert status(server, manifest, answer["token"][:-4] + "AAAA") == 401


def test_curl_with_the_form(server, private):
    text = curl(server, "--data-urlencode", "grant_type=password", "--data-urlencode", "username=AWS",
                "--data-urlencode", "password=" + server.password(), "--data-urlencode",
                "scope=repository:%s:pull,push" % private, "--data-urlencode", "service=ecr.amazonaws.com",
                server.endpoint + "/v2/token")
    assert status(server, "/v2/%s/tags/list" % private, json.loads(text)["access_token"]) == 200
    text = curl(server, "--data-urlencode", "grant_type=refresh_token", "--data-urlencode", "refresh_token=x",
                server.endpoint + "/v2/token")
    assert "refresh_token" in json.loads(text)["errors"][0]["message"]


def test_anonymous_token_has_what_is_public(server, public, private):
    answer = token(server, "&scope=repository:%s:pull&scope=repository:%s:pull,push" % (private, public))
    assert answer["scope"] == "repository:%s:pull" % public
    assert status(server, "/v2/%s/manifests/v1" % public, answer["token"]) == 200
    assert status(server, "/v2/%s/manifests/v1" % private, answer["token"]) == 401
    assert status(server, "/v2/unknown/manifests/v1", answer["token"]) == 401


def test_what_a_narrow_token_lacks_is_asked_for(server, private):
    answer = token(server, "", server.password())
    with server.http(password=None) as http:
        http.authorization = "Bearer " + answer["token"]
        reply = http.get("/v2/%s/manifests/v1" % private)
        assert reply.status == 401
        challenge = reply.header("WWW-Authenticate")
        assert challenge.startswith("Bearer ") and 'error="insufficient_scope"' in challenge
        assert 'scope="repository:%s:pull"' % private in challenge
        assert "basic" not in challenge.lower()


def test_making_it_private_shows_at_once_and_survives_a_restart(server, public):
    path = "/v2/%s/manifests/v1" % public
    assert status(server, path) == 200
    server.slipway("repo", "set", public, "--private")
    assert status(server, path) == 401
    server.slipway("repo", "set", public, "--public")
    assert status(server, path) == 200
    server.stop()
    server.start()
    assert status(server, path) == 200


def test_a_user_without_rights_pulls_public_images_and_may_not_publish(server, public, private, name):
    key = server.add_user("user-" + name)
    with server.http() as http:
        assert http.get("/v2/").status == 200
    environment = server.env(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1])
    p = server.slipway("repo", "set", private, "--public", "--endpoint", server.endpoint, env=environment, check=False)
    assert p.returncode == 1
    assert "ecr:SetRepositoryPolicy" in p.stderr
    assert status(server, "/v2/%s/manifests/v1" % private) == 401
    assert status(server, "/v2/%s/manifests/v1" % public) == 200


def test_a_token_in_a_basic_header_is_no_password(server):
    answer = token(server, "", server.password())
    pair = base64.b64encode(("AWS:" + answer["token"]).encode()).decode()
    assert int(curl(server, "--output", "/dev/null", "--write-out", "%{http_code}", "--header",
                    "Authorization: Basic " + pair, server.endpoint + "/v2/")) == 401


def test_mount_from_a_public_repository(server, public, name):
    server.create_repository("target/" + name)
    with server.http() as http:
        manifest = http.get("/v2/%s/manifests/v1" % public).json()
        layer = manifest["layers"][0]["digest"]
    answer = token(server, "&scope=repository:target/%s:pull,push%%20repository:%s:pull" % (name, public),
                   server.password())
    path = "/v2/target/%s/blobs/uploads/?mount=%s&from=%s" % (name, layer, public)
    assert status(server, path, answer["token"], "POST") == 201
    assert images.digest(b"") != layer
