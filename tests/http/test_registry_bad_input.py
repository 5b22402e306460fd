# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 16
"""Wrong requests to /v2/: status, code and body form of each answer, that nothing changed, and that the server serves on."""
import itertools
import os
import socket

import pytest

from support import images
from support.images import OCI_INDEX, OCI_MANIFEST, descriptor, digest, dump, put_manifest
from support.rawhttp import basic, send_bytes
from support.run import wait_for

MANIFEST_MAX = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def http(server):
    with server.http() as h:
        yield h


@pytest.fixture
def state(server, http, repository):
    """Fails the test when the registry's content changed: repositories, tags, images."""
    def look():
        ecr = server.boto("ecr")
        repositories = [(r["repositoryName"], r["repositoryArn"]) for p in
                        ecr.get_paginator("describe_repositories").paginate() for r in p["repositories"]]
        return repositories, ecr.list_images(repositoryName=repository)["imageIds"]
    before = look()
    yield
    assert look() == before
    assert http.get("/v2/").status == 200


def check_error(reply, status, code):
    assert reply.status == status, reply
    assert reply.header("Content-Type") == "application/json"
    assert reply.header("Content-Length") == str(len(reply.body))
    errors = reply.json()["errors"]
    assert set(reply.json()) == {"errors"} and len(errors) >= 1
    for e in errors:
        assert set(e) <= {"code", "message", "detail"}
        assert e["code"].replace("_", "").isupper()
        assert isinstance(e["message"], str) and e["message"]
    assert errors[0]["code"] == code, errors


# -- addresses

@pytest.mark.parametrize("path, status, code", (
    ("/v2/UPPER/tags/list", 400, "NAME_INVALID"),
    ("/v2/a..b/tags/list", 400, "NAME_INVALID"),
    ("/v2/-a/tags/list", 400, "NAME_INVALID"),
    ("/v2/%s/tags/list" % ("a" * 300), 400, "NAME_INVALID"),
    ("/v2/no/such/repository/tags/list", 404, "NAME_UNKNOWN"),
    ("/v2/REPO/manifests/.bad", 404, "MANIFEST_UNKNOWN"),
    ("/v2/REPO/manifests/%s" % ("t" * 129), 404, "MANIFEST_UNKNOWN"),
    ("/v2/REPO/manifests/md5:d41d8cd98f00b204e9800998ecf8427e", 400, "DIGEST_INVALID"),
    ("/v2/REPO/manifests/sha256:" + "A" * 64, 400, "DIGEST_INVALID"),
    ("/v2/REPO/blobs/sha256:zz", 400, "DIGEST_INVALID"),
    ("/v2/REPO/blobs/sha256:" + "f" * 63, 400, "DIGEST_INVALID"),
    ("/v2/REPO/blobs/latest", 400, "DIGEST_INVALID"),
    ("/v2/REPO/blobs/sha256:..%2f..%2fmaster.key", 400, "DIGEST_INVALID"),
    ("/v2/REPO/blobs/uploads/no-such-upload", 404, "BLOB_UPLOAD_UNKNOWN"),
    ("/v2/REPO/referrers/latest", 400, "DIGEST_INVALID"),
    ("/v2/REPO/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
    ("/v2/REPO/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"),
))
def test_get(http, repository, state, path, status, code):
    check_error(http.get(path.replace("REPO", repository)), status, code)


@pytest.mark.parametrize("method, path", (
    ("PUT", "/v2/"), ("POST", "/v2/REPO/tags/list"), ("DELETE", "/v2/REPO/tags/list"),
    ("PUT", "/v2/REPO/blobs/" + digest(b"x")), ("POST", "/v2/REPO/manifests/v1"), ("PATCH", "/v2/REPO/manifests/v1"),
))
def test_method_that_does_not_exist_there(http, repository, state, method, path):
    reply = http.request(method, path.replace("REPO", repository), b"")
    check_error(reply, 405, "UNSUPPORTED")


@pytest.mark.parametrize("tag", (".bad", "-bad", "a%20b", "t" * 129, "a%2Fb", "\u00fc".encode().hex() + "!"))
def test_bad_tag_of_a_push(http, repository, state, tag):
    images.push_blob(http, repository, CONFIG)
    check_error(put_manifest(http, repository, tag, dump(manifest())), 400, "TAG_INVALID")


@pytest.mark.parametrize("path", ("/../../etc/passwd", "/v2/../../../etc/passwd", "/v2/%2e%2e/%2e%2e/etc/passwd",
                                  "/v2/REPO/blobs/%2e%2e%2f%2e%2e%2fmaster.key", "/%00", "/v2/%c3%a9"))
def test_path_tricks(http, repository, path):
    reply = http.get(path.replace("REPO", repository))
    assert reply.status in (400, 404), reply
    assert b"root:" not in reply.body


# -- who asks

@pytest.mark.parametrize("value", ids=itertools.count(), argvalues=(
    None, "Basic", "Basic !!!!", "Basic " + "QQ==", basic("wrong"), basic("wrong", "someone"), basic(""),
    "Bearer abc", "Digest x", basic("a" * 5000), "Basic " + "A" * 4000))
def test_bad_authorization_is_401_with_a_challenge(server, state, value):
    with server.http(None) as h:
        reply = h.get("/v2/", headers={"Authorization": value} if value else {})
        check_error(reply, 401, "UNAUTHORIZED")
        scheme = "Bearer" if value and value.startswith("Bearer") else "Basic"
        assert reply.header("WWW-Authenticate").startswith('%s realm="http://%s/' % (scheme, server.host_port))


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_tampered_token_is_401(server, at):
    password = server.password()
    at = at * len(password) // 100
    other = "A" if password[at] != "A" else "B"
    with server.http(password[:at] + other + password[at + 1:]) as h:
        check_error(h.get("/v2/"), 401, "UNAUTHORIZED")


def test_token_of_another_server_is_401(server, sparse_server):
    with server.http(sparse_server.password()) as h:
        check_error(h.get("/v2/"), 401, "UNAUTHORIZED")


def test_nothing_works_without_credentials(server, repository, state):
    with server.http(None) as h:
        for method, path in (("GET", "tags/list"), ("GET", "manifests/v1"), ("PUT", "manifests/v1"),
                             ("DELETE", "manifests/v1"), ("GET", "blobs/" + digest(b"x")), ("POST", "blobs/uploads/"),
                             ("DELETE", "blobs/" + digest(b"x")), ("GET", "referrers/" + digest(b"x"))):
            reply = h.request(method, "/v2/%s/%s" % (repository, path), b"" if method in ("PUT", "POST") else None)
            check_error(reply, 401, "UNAUTHORIZED")


# -- uploads

def start_upload(http, repository):
    reply = http.request("POST", "/v2/%s/blobs/uploads/" % repository)
    assert reply.status == 202
    return reply.header("Location")


def test_upload_to_a_repository_that_does_not_exist(http, state):
    reply = http.request("POST", "/v2/nowhere/blobs/uploads/")
    check_error(reply, 404, "NAME_UNKNOWN")
    assert "The repository with name 'nowhere' does not exist in the registry with id '000000000000'" in \
        reply.json()["errors"][0]["message"]
    check_error(put_manifest(http, "nowhere", "v1", b"{}"), 404, "NAME_UNKNOWN")


@pytest.mark.parametrize("query", ("digest=sha256:abc", "digest=md5:d41d8cd98f00b204e9800998ecf8427e", "digest=", "digest=x"))
def test_upload_with_a_bad_digest(http, repository, state, query):
    check_error(http.request("POST", "/v2/%s/blobs/uploads/?%s" % (repository, query), b"data"), 400, "DIGEST_INVALID")
    location = start_upload(http, repository)
    check_error(http.request("PUT", location + ("&" if "?" in location else "?") + query, b"data"), 400,
                "DIGEST_INVALID")


def test_closing_without_a_digest(http, repository, state):
    check_error(http.request("PUT", start_upload(http, repository), b"data"), 400, "DIGEST_INVALID")


@pytest.mark.parametrize("value", ("x", "5", "5-", "-5", "9-5", "0-99", "0-1", "-1-3", "18446744073709551616-5"))
def test_bad_content_range(http, repository, state, value):
    location = start_upload(http, repository)
    reply = http.request("PATCH", location, b"data", {"Content-Range": value})
    assert reply.status in (400, 416), reply
    check_error(reply, reply.status, reply.code())
    assert http.get(location).header("Range") == "0-0"
    assert http.request("PATCH", location, b"data", {"Content-Range": "0-3"}).header("Range") == "0-3"


def test_truncated_upload_keeps_nothing(server, http, repository, state):
    """The client goes away in the middle of a blob: no blob appears, and the server forgets the request."""
    data = os.urandom(100000)
    head = "POST /v2/%s/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n" % (
        repository, digest(data), server.host_port, http.authorization, len(data))
    with socket.create_connection(("127.0.0.1", server.port), 10) as s:
        s.sendall(head.encode() + data[:60000])
    assert http.head("/v2/%s/blobs/%s" % (repository, digest(data))).status == 404
    assert http.head("/v2/%s/blobs/%s" % (repository, digest(data[:60000]))).status == 404


def test_truncated_chunk_can_be_sent_again(server, http, repository):
    """What arrived of a cut PATCH may be kept or not; the session says how far it got and the upload can go on."""
    data = os.urandom(100000)
    location = start_upload(http, repository)
    path = "/" + location.split("/", 3)[3] if location.startswith("http") else location
    head = "PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: %d\r\nContent-Range: 0-%d\r\n\r\n" % (
        path, server.host_port, http.authorization, len(data), len(data) - 1)
    with socket.create_connection(("127.0.0.1", server.port), 10) as s:
        s.sendall(head.encode() + data[:60000])
    def go_on():
        held = http.get(location)
        first = 0 if held.header("Range") == "0-0" else int(held.header("Range")[2:]) + 1
        if first == len(data):
            return True
        sent = http.request("PATCH", location, data[first:], {"Content-Range": "%d-%d" % (first, len(data) - 1)})
        return sent.status == 202
    wait_for(go_on, 10, 0.2, "accepted rest")
    close = location + ("&" if "?" in location else "?") + "digest=" + digest(data)
    assert http.request("PUT", close).status == 201
    assert http.get("/v2/%s/blobs/%s" % (repository, digest(data))).body == data


def test_upload_of_another_repository_is_unknown(server, http, repository, state):
    """CVE-2026-32589: a session belongs to its repository."""
    location = start_upload(http, repository)
    server.create_repository(repository + "-2")
    try:
        other = location.replace("/%s/" % repository, "/%s-2/" % repository)
        assert other != location
        for method in ("GET", "PATCH", "DELETE"):
            reply = http.request(method, other, b"x" if method == "PATCH" else None)
            check_error(reply, 404, "BLOB_UPLOAD_UNKNOWN")
        assert http.get(location).header("Range") == "0-0"
    finally:
        server.boto("ecr").delete_repository(repositoryName=repository + "-2")


def test_blob_of_another_repository_is_unknown(server, http, repository):
    """Knowing a digest opens nothing: membership is per repository."""
    data = os.urandom(50)
    name = images.push_blob(http, repository, data)
    server.create_repository(repository + "-2")
    assert http.get("/v2/%s-2/blobs/%s" % (repository, name)).status == 404
    doc = dump({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(images.OCI_CONFIG, data), "layers": []})
    check_error(put_manifest(http, repository + "-2", "v1", doc), 400, "MANIFEST_BLOB_UNKNOWN")


# -- manifests

CONFIG = b'{"architecture":"amd64","os":"linux"}'


def manifest(**more):
    doc = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(images.OCI_CONFIG, CONFIG), "layers": []}
    doc.update(more)
    return {k: v for k, v in doc.items() if v is not None}


@pytest.mark.parametrize("body, content_type, code", ids=itertools.count(), argvalues=(
    (b"", OCI_MANIFEST, "MANIFEST_INVALID"),
    (b"{", OCI_MANIFEST, "MANIFEST_INVALID"),
    (b"[]", OCI_MANIFEST, "MANIFEST_INVALID"),
    (b"null", OCI_MANIFEST, "MANIFEST_INVALID"),
    (b"\xff\xfe", OCI_MANIFEST, "MANIFEST_INVALID"),
    (b'{"a":1}{"b":2}', OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest())[:-1] + b',"config":{}}', OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(schemaVersion=1)), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(config=None)), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(config="x")), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(layers={})), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(manifests=[])), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(mediaType=OCI_INDEX)), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest()), OCI_INDEX, "MANIFEST_INVALID"),
    (dump(manifest()), "text/plain", "MANIFEST_INVALID"),
    (dump(manifest(layers=[dict(descriptor(images.OCI_GZIP, b"x"), size=-1)])), OCI_MANIFEST, "MANIFEST_INVALID"),
    (dump(manifest(layers=[dict(descriptor(images.OCI_GZIP, b"x"), digest="sha256:../../x")])), OCI_MANIFEST,
     "MANIFEST_INVALID"),
    (b"[" * 100000, OCI_MANIFEST, "MANIFEST_INVALID"),
    (b'{"schemaVersion":2,"x":' + b"[" * 2000 + b"]" * 2000 + b"}", OCI_MANIFEST, "MANIFEST_INVALID"),
    (b'{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[],"signatures":[]}',
     "application/vnd.docker.distribution.manifest.v1+prettyjws", "MANIFEST_INVALID"),
))
def test_bad_manifest(http, repository, state, body, content_type, code):
    images.push_blob(http, repository, CONFIG)
    opened = http.connections
    reply = put_manifest(http, repository, "v1", body, content_type)
    assert reply.status in (400, 415), reply
    check_error(reply, reply.status, code)
    assert http.head("/v2/%s/manifests/v1" % repository).status == 404
    assert http.connections == opened


def test_manifest_whose_blobs_are_missing_has_an_error_for_each(http, repository, state):
    images.push_blob(http, repository, CONFIG)
    missing = [descriptor(images.OCI_GZIP, b"one"), descriptor(images.OCI_GZIP, b"two")]
    reply = put_manifest(http, repository, "v1", dump(manifest(layers=missing + missing)))
    check_error(reply, 400, "MANIFEST_BLOB_UNKNOWN")
    assert [(e["code"], e["detail"]) for e in reply.json()["errors"]] == [
        ("MANIFEST_BLOB_UNKNOWN", d["digest"]) for d in missing]


def test_put_image_names_every_missing_layer(server, http, repository, state):
    images.push_blob(http, repository, CONFIG)
    missing = [descriptor(images.OCI_GZIP, b"one"), descriptor(images.OCI_GZIP, b"two")]
    ecr = server.boto("ecr")
    with pytest.raises(ecr.exceptions.LayersNotFoundException) as e:
        ecr.put_image(repositoryName=repository, imageManifest=dump(manifest(layers=missing)).decode(), imageTag="v1")
    assert all(d["digest"] in str(e.value) for d in missing)
    children = [descriptor(OCI_MANIFEST, b"one"), descriptor(OCI_MANIFEST, b"two")]
    doc = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    with pytest.raises(ecr.exceptions.ReferencedImagesNotFoundException) as e:
        ecr.put_image(repositoryName=repository, imageManifest=dump(doc).decode(), imageTag="v1")
    assert all(d["digest"] in str(e.value) for d in children)


def test_manifest_that_contradicts_the_size_of_a_blob(server, http, repository, state):
    images.push_blob(http, repository, CONFIG)
    images.push_blob(http, repository, b"layer")
    wrong = dict(descriptor(images.OCI_GZIP, b"layer"), size=6)
    reply = put_manifest(http, repository, "v1", dump(manifest(layers=[wrong])))
    check_error(reply, 400, "MANIFEST_INVALID")
    assert "%s has 6 bytes, it has 5" % wrong["digest"] in reply.json()["errors"][0]["message"]
    ecr = server.boto("ecr")
    with pytest.raises(ecr.exceptions.ClientError) as e:
        ecr.put_image(repositoryName=repository, imageManifest=dump(manifest(layers=[wrong])).decode(), imageTag="v1")
    assert "it has 5" in str(e.value)


def test_index_whose_children_are_missing(http, repository, state):
    doc = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_MANIFEST, b"child")]}
    check_error(put_manifest(http, repository, "v1", dump(doc), OCI_INDEX), 400, "MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize("chunked", (False, True))
def test_manifest_over_the_limit_is_413(http, repository, state, chunked):
    images.push_blob(http, repository, CONFIG)
    body = dump(manifest(annotations={"a": "x" * MANIFEST_MAX}))
    reply = put_manifest(http, repository, "v1", body, chunked=chunked)
    check_error(reply, 413, "MANIFEST_INVALID")


def test_manifest_of_the_limit_is_taken(http, repository):
    images.push_blob(http, repository, CONFIG)
    room = MANIFEST_MAX - len(dump(manifest(annotations={"a": ""})))
    body = dump(manifest(annotations={"a": "x" * room}))
    assert len(body) == MANIFEST_MAX
    assert put_manifest(http, repository, "v1", body).status == 201
    assert http.get("/v2/%s/manifests/v1" % repository).body == body


# -- HTTP itself

@pytest.mark.parametrize("data", ids=itertools.count(), argvalues=(
    b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET /v2/ HTTP/9.9\r\n\r\n", b"GET /v2/ HTTP/1.1\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 200000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 20000 + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    os.urandom(2000),
))
def test_broken_http_harms_nobody(server, http, data):
    got = send_bytes(server.host_port, data, half_close=True, timeout=2)
    if got:
        assert got.startswith(b"HTTP/1.1 "), got[:100]
        status = int(got.split()[1])
        assert 400 <= status < 600, got[:200]
        assert status != 500, got[:200]
    assert http.get("/v2/").status == 200


def test_many_half_open_connections_do_not_stop_the_rest(server, http):
    idle = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(200)]
    try:
        for s in idle[::2]:
            s.sendall(b"GET /v2/ HTTP/1.1\r\nHo")
        assert http.get("/v2/").status == 200
        with server.http() as fresh:
            assert fresh.get("/v2/").status == 200
    finally:
        for s in idle:
            s.close()
