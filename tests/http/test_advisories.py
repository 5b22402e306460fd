# SPDX-License-Identifier: Apache-2.0
"""Published flaws of other registries, those that show only over a socket or with the program's own commands. The others are unit
tests named advisory_*; docs/internals/advisories.md has them all."""
import base64
import json
import os
import select
import socket
import stat
import time

import pytest

from support import images
from support.aws import call
from support.images import OCI_GZIP, OCI_INDEX, OCI_MANIFEST, descriptor, digest, dump, push_blob, put_manifest
from support.rawhttp import Http, basic
from support.server import Server

LEVELS, REPEATS = 20, 10


@pytest.fixture
def http(server):
    with server.http() as h:
        yield h


def routes(repository):
    """One address of each kind, and some that name nothing."""
    return ["/", "/v2/", "/v2/_catalog", "/v2/token", "/v2/%s/tags/list" % repository, "/v2/%s/manifests/v1" % repository,
            "/v2/%s/blobs/%s" % (repository, digest(b"{}")), "/v2/%s/referrers/%s" % (repository, digest(b"{}")),
            "/v2/%s/blobs/uploads/" % repository, "/healthz", "/readyz", "/metrics", "/nowhere"]


# -- what a manifest says makes the server ask nobody

def test_advisory_cve_2026_10517_urls_in_a_manifest_are_never_fetched(server, http, repository):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = "http://127.0.0.1:%d/layer" % listener.getsockname()[1]
        push_blob(http, repository, b"{}")
        foreign = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", b"elsewhere", urls=[url])
        plain = descriptor(OCI_GZIP, b"elsewhere too", urls=[url])
        doc = dump({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("application/x", b"{}", urls=[url]),
                    "layers": [foreign, plain], "annotations": {"org.opencontainers.image.source": url}})
        assert put_manifest(http, repository, "v1", doc).status == 201
        assert http.get("/v2/%s/manifests/v1" % repository).status == 200
        assert http.get("/v2/%s/blobs/%s" % (repository, foreign["digest"])).status == 404
        server.boto("ecr").describe_images(repositoryName=repository)
        server.slipway("fsck")
        server.slipway("gc")
        assert not select.select([listener], [], [], 1)[0], "the server asked the address of a layer"


def test_advisory_zot_4318_nested_indexes_cost_what_they_weigh(server, http, repository, tmp_path):
    """20 levels, each with 10 times the same child: 10^20 ways from the top to the image."""
    image = images.Image([images.layer([("a", b"a", 0o644)])])
    image.push(http, repository, "leaf")
    child = descriptor(OCI_MANIFEST, image.manifest, platform={"os": "linux", "architecture": images.MACHINE})
    began = time.monotonic()
    for level in range(LEVELS):
        doc = dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child] * REPEATS,
                    "annotations": {"level": str(level)}})
        assert put_manifest(http, repository, "top", doc, OCI_INDEX).status == 201
        child = descriptor(OCI_INDEX, doc)
    assert http.get("/v2/%s/manifests/top" % repository).body == doc
    ecr = server.boto("ecr")
    assert len(ecr.describe_images(repositoryName=repository)["imageDetails"]) == LEVELS + 1
    server.slipway("gc", "--dry-run", timeout=30)
    server.slipway("fsck", timeout=30)
    name = "%s/%s:top" % (server.host_port, repository)
    for command in ("export", "pull"):  # refused or done, but at once
        server.slipway(command, name, str(tmp_path / command), check=False, timeout=30)
    ecr.delete_repository(repositoryName=repository, force=True)
    assert time.monotonic() - began < 300


# -- who gets in

def test_advisory_cve_2026_4404_there_is_no_default_password():
    found = []
    for _ in range(2):
        s = Server("serve")
        try:
            s.start()
            found.append(s.admin[1])
            assert len(s.admin[1]) >= 40
            assert stat.S_IMODE(os.stat(s.credentials_file).st_mode) == 0o600
            for user, password in (("admin", "admin"), ("admin", "password"), ("admin", "Harbor12345"), ("admin", ""),
                                   ("AWS", "AWS"), ("AWS", "admin"), ("", ""), s.admin):
                with s.http(None) as h:
                    assert h.get("/v2/", {"Authorization": basic(password, user)}).status == 401
        finally:
            s.close()
    assert found[0] != found[1]


def test_advisory_cve_2019_19025_a_cookie_is_no_credential(server, repository):
    password = server.password()
    with server.http(None) as h:
        for value in (password, basic(password), "sid=" + password, "Authorization=" + basic(password)):
            for method, path in (("GET", "/v2/"), ("POST", "/v2/%s/blobs/uploads/" % repository),
                                 ("DELETE", "/v2/%s/manifests/v1" % repository)):
                assert h.request(method, path, headers={"Cookie": value}).status == 401
        for path in routes(repository):
            assert h.get(path).header("Set-Cookie") is None


def test_advisory_zot_cors_no_other_site_reads_with_a_users_credentials(server, http, repository):
    for origin in ("https://evil.example", "null", server.endpoint):
        for path in routes(repository):
            for method in ("GET", "OPTIONS"):
                reply = http.request(method, path, headers={
                    "Origin": origin, "Access-Control-Request-Method": "DELETE",
                    "Access-Control-Request-Headers": "authorization"})
                assert not [k for k, _ in reply.headers if k.lower().startswith("access-control-")], reply


def check_nothing_redirects(http, repository, paths):
    for path in paths + routes(repository):
        reply = http.get(path)
        assert not (300 <= reply.status < 400 and reply.status != 304), reply
        assert reply.header("Location") is None
    location = http.request("POST", "/v2/%s/blobs/uploads/" % repository, headers={
        "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}).header("Location")
    assert location.startswith("/v2/%s/blobs/uploads/" % repository)


def test_advisory_cve_2024_22244_no_parameter_redirects(http, repository):
    check_nothing_redirects(http, repository, [
        "/v2/?redirect_url=https://evil.example", "/v2/token?service=//evil.example", "//evil.example/v2/",
        "/v2//evil.example/%2e%2e", "/v2/token?return=https:evil.example"])


def test_advisory_zot_4238_no_backslash_redirects(http, repository):
    check_nothing_redirects(http, repository, [
        "/\\evil.example", "/v2/\\evil.example", "/%5cevil.example", "/%5c%5cevil.example/..",
        "/v2/%5cevil.example/tags/list", "/v2?\\evil.example"])


@pytest.mark.parametrize("path", (
    "/debug/pprof/", "/debug/vars", "/internal/blobs", "/_slipway/reset", "/_slipway/../credentials", "/credentials",
    "/v2/../credentials", "/v2/..%2f..%2fcredentials", "/v2/x/blobs/..%2f..%2fmaster.key", "/meta.db", "/master.key",
    "/x/y/z/file%3A%2F%2F%2Fetc%2Fpasswd", "/etc/passwd", "/file:///etc/passwd"))
def test_advisory_cve_2022_47747_no_file_is_served(server, http, path):
    with open(server.credentials_file, "rb") as f:
        secret = f.read().split()[-1]
    for method in ("GET", "POST"):
        reply = http.request(method, path)
        assert reply.status in (400, 404, 405), reply
        assert b"root:" not in reply.body and secret not in reply.body and b"SQLite" not in reply.body


# -- inputs of the AWS calls

@pytest.mark.parametrize("operation, member", (
    ("CreateRepository", {"isAdmin": True}), ("CreateRepository", {"sysadmin_flag": 1}),
    ("PutImageTagMutability", {"owner": "me"}), ("GetAuthorizationToken", {"role": "admin"})))
def test_advisory_cve_2019_16097_members_that_nobody_knows_are_refused(server, repository, operation, member):
    body = dict({} if operation == "GetAuthorizationToken" else {"repositoryName": repository}, **member)
    if operation == "PutImageTagMutability":
        body["imageTagMutability"] = "MUTABLE"
    reply = call(server, "ecr", operation, dump(body))
    assert (reply.status, reply.json()["__type"]) == (400, "InvalidParameterException"), reply
    assert list(member)[0] in reply.json()["message"]


@pytest.mark.parametrize("key", ("password", "secret", "salt", "token", "access_key", "tagStatus__in", "sort"))
def test_advisory_cve_2025_30086_filters_are_those_of_the_model(server, repository, key):
    for operation in ("ListImages", "DescribeImages"):
        reply = call(server, "ecr", operation, dump({"repositoryName": repository, "filter": {key: "a"}}))
        assert (reply.status, reply.json()["__type"]) == (400, "InvalidParameterException"), reply
        reply = call(server, "ecr", operation, dump({"repositoryName": repository, "sort": key}))
        assert reply.status == 400, reply


@pytest.mark.parametrize("text", ("' OR '1'='1", "'; DROP TABLE tag; --", "%", "_", "\\", "\" OR 1=1 /*", "a' || 'b"))
def test_advisory_cve_2024_22261_what_is_searched_for_is_data(server, http, repository, text):
    images.busybox().push(http, repository, "v1")
    ecr = server.boto("ecr")
    before = ecr.describe_images(repositoryName=repository)["imageDetails"]
    token = base64.urlsafe_b64encode(b"v1:" + text.encode()).decode().rstrip("=")
    for operation, body in (
            ("DescribeRepositories", {"nextToken": token}), ("DescribeRepositories", {"repositoryNames": [text]}),
            ("ListImages", {"repositoryName": repository, "nextToken": token}),
            ("DescribeImages", {"repositoryName": repository, "nextToken": token}),
            ("DescribeImages", {"repositoryName": repository, "imageIds": [{"imageTag": text}]}),
            ("DescribeImages", {"repositoryName": repository, "imageIds": [{"imageDigest": text}]}),
            ("BatchDeleteImage", {"repositoryName": repository, "imageIds": [{"imageTag": text}]}),
            ("BatchGetImage", {"repositoryName": repository, "imageIds": [{"imageTag": text}]})):
        reply = call(server, "ecr", operation, dump(body))
        assert reply.status in (200, 400), (operation, reply)
        assert not reply.json().get("imageDetails") or "nextToken" in body, (operation, reply)
        assert not reply.json().get("images") and "SQL" not in json.dumps(reply.json()), (operation, reply)
    assert ecr.describe_images(repositoryName=repository)["imageDetails"] == before


def test_advisory_cve_2017_11468_a_body_without_an_end_is_cut(server, repository):
    """Of a token request, and of an AWS call of nobody."""
    for path, headers in (("/v2/token", {"Content-Type": "application/x-www-form-urlencoded"}),
                          ("/", {"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRegistry"})):
        with Http(server.host_port) as h:
            try:
                reply = h.request("POST", path, b"a" * (16 << 20), headers, chunked=True)
            except (BrokenPipeError, ConnectionResetError):
                continue  # cut while it was sent
            assert reply.status in (400, 401, 403, 413), reply
    with server.http() as h:
        assert h.get("/v2/").status == 200
