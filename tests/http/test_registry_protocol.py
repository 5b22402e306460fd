# SPDX-License-Identifier: Apache-2.0
"""Every rule that the OCI distribution conformance suite asserts (dev and sparse), over real sockets, and those beside it that
clients depend on: header values are compared exactly, one connection serves many requests, refusals leave it usable."""
import json
import os
import urllib.parse

import pytest

from support import images
from support.images import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, descriptor, digest, dump, put_manifest

ALGORITHMS = ("sha256", "sha512")


@pytest.fixture(scope="module")
def http(sparse_server):
    with sparse_server.http() as h:
        yield h


@pytest.fixture
def repo(sparse_server, name):
    sparse_server.create_repository(name)
    return name


def start_upload(http, repo, query=""):
    reply = http.request("POST", "/v2/%s/blobs/uploads/%s" % (repo, query))
    assert reply.status == 202, reply
    assert reply.header("Location") and reply.header("Docker-Upload-UUID"), reply
    return reply.header("Location")


def close_url(location, name):
    return location + ("&" if "?" in location else "?") + "digest=" + urllib.parse.quote(name, safe="")


def patch(http, location, data, first=None, chunked=False):
    headers = {"Content-Type": "application/octet-stream"}
    if first is not None:
        headers["Content-Range"] = "%d-%d" % (first, first + len(data) - 1)
    return http.request("PATCH", location, data, headers, chunked=chunked)


def check_blob(http, repo, name, data):
    path = "/v2/%s/blobs/%s" % (repo, name)
    for reply in (http.get(path), http.head(path)):
        assert reply.status == 200
        assert reply.header("Content-Length") == str(len(data))
        assert reply.header("Docker-Content-Digest") == name
        assert reply.header("Accept-Ranges") == "bytes"
        assert reply.body == (data if reply.method == "GET" else b"")


def check_created(http, repo, reply, name, data):
    assert reply.status == 201, reply
    assert reply.header("Docker-Content-Digest") == name
    got = http.get(reply.header("Location"))
    assert (got.status, got.body) == (200, data)
    check_blob(http, repo, name, data)


def delete_blob(http, repo, name):
    path = "/v2/%s/blobs/%s" % (repo, name)
    assert http.request("DELETE", path).status == 202
    assert http.head(path).status == 404
    assert http.get(path).status == 404


# -- G1, G2

def test_ping(http):
    reply = http.get("/v2/")
    assert reply.status == 200
    assert reply.header("Docker-Distribution-API-Version") == "registry/2.0"


def test_ping_without_credentials_is_challenged(sparse_server):
    with sparse_server.http(None) as h:
        reply = h.get("/v2/")
    assert reply.status == 401
    assert reply.code() == "UNAUTHORIZED"
    assert reply.header("WWW-Authenticate").startswith('Basic realm="')


def test_empty_repository_has_no_tags(http, repo):
    reply = http.get("/v2/%s/tags/list" % repo)
    assert reply.status == 200
    assert reply.json() == {"name": repo, "tags": []}
    assert reply.header("Content-Type") == "application/json"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_referrers_of_an_unknown_digest_is_an_empty_index(http, repo, algorithm):
    reply = http.get("/v2/%s/referrers/%s" % (repo, digest(os.urandom(8), algorithm)))
    assert reply.status == 200
    assert reply.header("Content-Type") == OCI_INDEX
    assert reply.json() == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


# -- G3, G4: blobs

@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestBlobs:
    def test_get_missing(self, http, repo, algorithm):
        name = digest(os.urandom(8), algorithm)
        for method in ("GET", "HEAD"):
            reply = http.request(method, "/v2/%s/blobs/%s" % (repo, name))
            assert reply.status == 404
        assert http.get("/v2/%s/blobs/%s" % (repo, name)).code() == "BLOB_UNKNOWN"

    def test_post_only(self, http, repo, algorithm):
        data = os.urandom(3000)
        name = digest(data, algorithm)
        reply = http.request("POST", "/v2/%s/blobs/uploads/?digest=%s" % (repo, urllib.parse.quote(name, safe="")),
                             data, {"Content-Type": "application/octet-stream"})
        check_created(http, repo, reply, name, data)
        delete_blob(http, repo, name)

    def test_post_then_put(self, http, repo, algorithm):
        data = os.urandom(3000)
        name = digest(data, algorithm)
        reply = http.request("PUT", close_url(start_upload(http, repo), name), data,
                             {"Content-Type": "application/octet-stream"})
        check_created(http, repo, reply, name, data)
        delete_blob(http, repo, name)

    def test_chunked_single(self, http, repo, algorithm):
        data = os.urandom(1024)
        name = digest(data, algorithm)
        reply = patch(http, start_upload(http, repo), data, 0)
        assert reply.status == 202
        assert reply.header("Range") == "0-1023"
        check_created(http, repo, http.request("PUT", close_url(reply.header("Location"), name)), name, data)

    @pytest.mark.parametrize("last_in_put", (False, True))
    def test_chunked_multi(self, http, repo, algorithm, last_in_put):
        data = os.urandom(1024 + 1024 + 1019)
        name = digest(data, algorithm)
        location = start_upload(http, repo, "?digest-algorithm=" + algorithm)
        chunks = [(0, 1024), (1024, 2048), (2048, 3067)]
        for first, end in chunks[:2] if last_in_put else chunks:
            reply = patch(http, location, data[first:end], first)
            assert reply.status == 202
            assert reply.header("Range") == "0-%d" % (end - 1)
            location = reply.header("Location")
        if last_in_put:
            reply = http.request("PUT", close_url(location, name), data[2048:], {
                "Content-Type": "application/octet-stream", "Content-Range": "2048-3066"})
        else:
            reply = http.request("PUT", close_url(location, name))
        check_created(http, repo, reply, name, data)

    @pytest.mark.parametrize("wrong_by_put", (False, True))
    def test_chunked_out_of_order_keeps_the_session(self, http, repo, algorithm, wrong_by_put):
        data = os.urandom(3067)
        name = digest(data, algorithm)
        location = start_upload(http, repo)
        held, opened = 0, http.connections
        for first, end, wrong in ((0, 1024, 1024), (1024, 2048, 2048), (2048, 3067, 0)):
            if wrong_by_put:
                reply = http.request("PUT", close_url(location, name), data[wrong:wrong + 1000], {
                    "Content-Range": "%d-%d" % (wrong, wrong + 999)})
            else:
                reply = patch(http, location, data[wrong:wrong + 1000], wrong)
            assert reply.status == 416, reply
            assert reply.header("Content-Length") == str(len(reply.body))
            reply = http.get(location)
            assert reply.status == 204
            assert reply.header("Range") == "0-%d" % max(held - 1, 0)
            assert reply.header("Location")
            reply = patch(http, location, data[first:end], first)
            assert reply.status == 202, reply
            location, held = reply.header("Location"), end
        check_created(http, repo, http.request("PUT", close_url(location, name)), name, data)
        assert http.connections == opened, "a 416 cost the connection"

    def test_stream(self, http, repo, algorithm):
        data = os.urandom(70000)
        name = digest(data, algorithm)
        reply = patch(http, start_upload(http, repo), data, chunked=True)
        assert reply.status == 202
        assert reply.header("Range") == "0-69999"
        check_created(http, repo, http.request("PUT", close_url(reply.header("Location"), name)), name, data)

    def test_mount(self, http, sparse_server, repo, algorithm):
        sparse_server.create_repository(repo + "-source")
        data = os.urandom(100)
        name = images.push_blob(http, repo + "-source", data, digest(data, algorithm))
        reply = http.request("POST", "/v2/%s/blobs/uploads/?mount=%s&from=%s" % (repo, name, repo + "-source"))
        check_created(http, repo, reply, name, data)
        delete_blob(http, repo, name)
        check_blob(http, repo + "-source", name, data)

    def test_mount_anonymous(self, http, sparse_server, repo, algorithm):
        sparse_server.create_repository(repo + "-source")
        data = os.urandom(100)
        name = images.push_blob(http, repo + "-source", data, digest(data, algorithm))
        reply = http.request("POST", "/v2/%s/blobs/uploads/?mount=%s" % (repo, name))
        check_created(http, repo, reply, name, data)

    @pytest.mark.parametrize("source", ("", "&from=nowhere", "&from=SELF"))
    def test_mount_missing_starts_an_upload(self, http, repo, algorithm, source):
        data = os.urandom(100)
        name = digest(data, algorithm)
        location = start_upload(http, repo, "?mount=%s%s" % (name, source.replace("SELF", repo)))
        check_created(http, repo, http.request("PUT", close_url(location, name), data), name, data)

    def test_cancel(self, http, repo, algorithm):
        location = start_upload(http, repo, "?digest-algorithm=" + algorithm)
        assert patch(http, location, b"some", 0).status == 202
        assert http.request("DELETE", location).status == 204
        reply = http.get(location)
        assert (reply.status, reply.code()) == (404, "BLOB_UPLOAD_UNKNOWN")

    def test_ranges(self, http, repo, algorithm):
        data = os.urandom(2048)
        path = "/v2/%s/blobs/%s" % (repo, images.push_blob(http, repo, data, digest(data, algorithm)))
        for spec, first, last in (("500-1499", 500, 1499), ("500-", 500, 2047), ("-500", 1548, 2047),
                                  ("2000-5000", 2000, 2047), ("0-0", 0, 0), ("2047-2047", 2047, 2047)):
            reply = http.get(path, {"Range": "bytes=" + spec})
            assert reply.status == 206, (spec, reply)
            assert reply.body == data[first:last + 1]
            assert reply.header("Content-Length") == str(last - first + 1)
            assert reply.header("Content-Range") == "bytes %d-%d/2048" % (first, last)
        opened = http.connections
        for spec in ("500-0", "5000-10000", "2048-"):
            reply = http.get(path, {"Range": "bytes=" + spec})
            assert reply.status == 416, (spec, reply)
            assert reply.header("Content-Length") == str(len(reply.body))
            assert reply.header("Content-Range") == "bytes */2048"
        assert http.get(path).body == data
        assert http.connections == opened

    @pytest.mark.parametrize("data", (b"", b"{}"))
    def test_empty_and_empty_json(self, http, repo, algorithm, data):
        name = digest(data, algorithm)
        reply = http.request("PUT", close_url(start_upload(http, repo), name), data)
        check_created(http, repo, reply, name, data)
        delete_blob(http, repo, name)

    @pytest.mark.parametrize("way", ("post", "put", "chunked", "stream"))
    def test_bad_digest_is_400_and_stores_nothing(self, http, repo, algorithm, way):
        data = os.urandom(500)
        name = digest(data + b"other", algorithm)
        opened = http.connections
        if way == "post":
            reply = http.request("POST", "/v2/%s/blobs/uploads/?digest=%s" % (repo, name), data)
        else:
            location = start_upload(http, repo)
            if way != "put":
                sent = patch(http, location, data, 0 if way == "chunked" else None, chunked=way == "stream")
                assert sent.status == 202
                location = sent.header("Location")
            reply = http.request("PUT", close_url(location, name), data if way == "put" else None)
        assert (reply.status, reply.code()) == (400, "DIGEST_INVALID"), reply
        for wrong in (name, digest(data, algorithm)):
            assert http.head("/v2/%s/blobs/%s" % (repo, wrong)).status == 404
        assert http.connections == opened


# -- G5: data sets

class Pusher:
    """Pushes manifests by digest and by tag and checks every answer on the way."""

    def __init__(self, http, repo, algorithm="sha256"):
        self.http, self.repo, self.algorithm = http, repo, algorithm
        self.manifests, self.tags, self.blobs = [], {}, []

    def path(self, reference):
        return "/v2/%s/manifests/%s" % (self.repo, reference)

    def blob(self, data):
        name = images.push_blob(self.http, self.repo, data, digest(data, self.algorithm))
        self.blobs.append(name)
        return name

    def layer(self, media_type=images.OCI_GZIP):
        data = os.urandom(64)
        self.blob(data)
        return descriptor(media_type, data, self.algorithm)

    def config(self, media_type=OCI_CONFIG, doc=None, **more):
        data = dump(dict({"architecture": "amd64", "os": "linux", "rnd": os.urandom(4).hex()}, **more)
                    if doc is None else doc)
        self.blob(data)
        return descriptor(media_type, data, self.algorithm)

    def image(self, layers=2, config=None, **more):
        return dict({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config or self.config(),
                     "layers": [self.layer() for _ in range(layers)] if isinstance(layers, int) else layers}, **more)

    def index(self, children, **more):
        return dict({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}, **more)

    def push(self, doc, tags=(), raw=None):
        data = raw or dump(doc)
        media_type, name = doc["mediaType"], digest(data, self.algorithm)
        for reference in [name] + list(tags):
            reply = put_manifest(self.http, self.repo, reference, data, media_type, chunked=True)
            assert reply.status == 201, reply
            assert reply.header("OCI-Subject") == doc.get("subject", {}).get("digest")
            self.check_reply(self.http.get(reply.header("Location")), data, media_type)
        self.manifests.append(name)
        self.tags.update((tag, name) for tag in tags)
        for reference in [name] + list(tags):
            self.check(reference, data, media_type)
        return descriptor(media_type, data, self.algorithm)

    def check(self, reference, data, media_type):
        accept = [("Accept", OCI_INDEX), ("Accept", OCI_MANIFEST)]
        for method in ("HEAD", "GET"):
            reply = self.http.request(method, self.path(reference), headers=accept)
            self.check_reply(reply, data, media_type)

    def check_reply(self, reply, data, media_type):
        assert reply.status == 200, reply
        assert reply.header("Content-Type") == media_type
        assert reply.header("Content-Length") == str(len(data))
        assert reply.header("Docker-Content-Digest") == digest(data, self.algorithm)
        assert reply.body == (data if reply.method == "GET" else b"")

    def referrers(self, name, artifact_type=None):
        query = "?artifactType=" + urllib.parse.quote(artifact_type) if artifact_type else ""
        reply = self.http.get("/v2/%s/referrers/%s%s" % (self.repo, name, query))
        assert reply.status == 200
        assert reply.header("Content-Type") == OCI_INDEX
        assert reply.header("OCI-Filters-Applied") == ("artifactType" if artifact_type else None)
        return {d["digest"]: d for d in reply.json()["manifests"]}

    def delete_all(self):
        """All tags, then manifests parents first, then blobs; each gone at once."""
        for tag in self.tags:
            assert self.http.request("DELETE", self.path(tag)).status == 202
            assert self.http.head(self.path(tag)).status == 404
        for name in reversed(self.manifests):
            assert self.http.request("DELETE", self.path(name)).status == 202
            assert self.http.head(self.path(name)).status == 404
        for name in dict.fromkeys(self.blobs):
            delete_blob(self.http, self.repo, name)
        assert self.http.get("/v2/%s/tags/list" % self.repo).json()["tags"] == []


@pytest.fixture
def pusher(http, repo):
    return Pusher(http, repo)


def data_image(p):
    p.push(p.image(), ["image"])


def data_image_uncompressed(p):
    p.push(p.image([p.layer(images.OCI_TAR), p.layer(images.OCI_TAR)]), ["image"])


def data_large_manifest(p):
    doc = p.image(annotations={"org.example.%d" % i: "x" * 3900 for i in range(990)})
    assert 3_800_000 < len(dump(doc)) < 4_000_000
    p.push(doc, ["large"])


def data_index(p):
    children = [dict(p.push(p.image()), platform={"os": "linux", "architecture": a}) for a in ("amd64", "arm64")]
    p.push(p.index(children), ["index"])


def data_nested_index(p):
    inner = [p.push(p.index([p.push(p.image()), p.push(p.image())])) for _ in range(2)]
    p.push(p.index(inner), ["nested"])


def data_empty_index(p):
    p.push(p.index([]), ["empty"])


def data_artifact(p):
    p.push(p.image(1, p.config(OCI_EMPTY, {}), artifactType="application/vnd.example.a"), ["artifact"])


def data_artifact_index(p):
    child = p.push(p.image(1, p.config(OCI_EMPTY, {}), artifactType="application/vnd.example.a"))
    p.push(p.index([child], artifactType="application/vnd.example.i"), ["artifact-index"])


def data_artifact_without_layers(p):
    config = p.config(OCI_EMPTY, {})
    p.push(p.image([config], config, artifactType="application/vnd.example.a"), ["no-layers"])


def data_data_field(p):
    doc = p.image(0, dict(p.config(OCI_EMPTY, {}), data="e30="))
    doc["layers"] = [dict(doc["config"])]
    p.push(doc, ["data"])


def data_non_distributable(p):
    foreign = dict(descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", os.urandom(9)),
                   urls=["https://example.invalid/layer"])
    p.push(p.image([foreign]), ["foreign"])


def data_custom_fields(p):
    child = p.push(p.image(1, p.config(**{"x-random": [1, {"a": None}]}), **{"custom.field": {"deep": [True, 1.5]}}))
    p.push(p.index([child], **{"custom.field": "\u00fcnic\u00f6de"}), ["custom"])


def data_no_layers(p):
    p.push(p.image([]), ["none"])


def data_sparse(p):
    missing = descriptor(images.OCI_GZIP, os.urandom(10), p.algorithm)
    child = p.push(p.image([p.layer(), missing]), ["sparse-image"])
    p.push(p.index([child, descriptor(OCI_MANIFEST, os.urandom(10), p.algorithm)]), ["sparse-index"])


DATA_SETS = {k[5:]: v for k, v in list(globals().items()) if k.startswith("data_") and callable(v)}


@pytest.mark.parametrize("data_set", DATA_SETS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_data_set(http, repo, data_set, algorithm):
    p = Pusher(http, repo, algorithm)
    if algorithm == "sha256":
        DATA_SETS[data_set](p)
    else:  # no tags: a tag names the sha256 form of its bytes
        push = p.push
        p.push = lambda doc, tags=(): push(doc)
        DATA_SETS[data_set](p)
        p.tags.clear()
    listed = http.get("/v2/%s/tags/list" % repo).json()["tags"]
    assert listed == sorted(p.tags)
    p.delete_all()


def test_referrers_of_an_image(pusher):
    subject = pusher.push(pusher.image(), ["subject"])
    name = subject["digest"]
    plain = pusher.push(pusher.image(1, subject=subject))
    notes = {"org.example.note": "one", "org.opencontainers.image.created": "2020-01-01T00:00:00Z"}
    one = pusher.push(pusher.image(1, pusher.config(OCI_EMPTY, {}), artifactType="application/vnd.a", subject=subject,
                                   annotations=notes), ["tagged-artifact"])
    index = pusher.push(pusher.index([], artifactType="application/vnd.b", subject=subject, annotations=notes))
    found = pusher.referrers(name)
    assert set(found) == {plain["digest"], one["digest"], index["digest"]}
    assert found[plain["digest"]] == dict(plain, artifactType=OCI_CONFIG)
    assert found[one["digest"]] == dict(one, artifactType="application/vnd.a", annotations=notes)
    assert found[index["digest"]] == dict(index, artifactType="application/vnd.b", annotations=notes)
    assert set(pusher.referrers(name, "application/vnd.a")) == {one["digest"]}
    assert pusher.referrers(name, "application/vnd.none") == {}
    assert pusher.http.request("DELETE", pusher.path(one["digest"])).status == 202
    assert set(pusher.referrers(name)) == {plain["digest"], index["digest"]}


def test_referrers_of_a_subject_that_was_never_pushed(pusher):
    missing = descriptor(OCI_MANIFEST, os.urandom(20))
    one = pusher.push(pusher.image(1, subject=missing), ["missing-subject"])
    assert set(pusher.referrers(missing["digest"])) == {one["digest"]}


def test_referrers_of_a_malformed_digest_is_400(http, repo):
    reply = http.get("/v2/%s/referrers/sha256:abc" % repo)
    assert (reply.status, reply.code()) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tag_parameters_of_a_push_by_digest(http, repo, algorithm):
    p = Pusher(http, repo, algorithm)
    data = dump(p.image())
    name = digest(data, algorithm)
    reply = put_manifest(http, repo, name + "?tag=one&tag=two", data)
    assert reply.status == 201, reply
    assert sorted(t.strip() for t in reply.header("OCI-Tag").split(",")) == ["one", "two"]
    for reference in (name, "one", "two"):
        p.check(reference, data, OCI_MANIFEST)


def test_tag_list_goes_on_after_last(http, repo):
    p = Pusher(http, repo)
    tags = ["B", "a", "a.1", "b", "latest", "v1", "v10", "v2"]
    p.push(p.image(1), tags)
    for last in ["", "A", "zz", "v1x"] + tags:
        got = http.get("/v2/%s/tags/list?last=%s" % (repo, last)).json()["tags"]
        assert got == sorted(t for t in tags if t.encode() > last.encode()), last


def test_tag_list_pages_by_link(http, repo):
    p = Pusher(http, repo)
    tags = sorted("t%02d" % i for i in range(7))
    p.push(p.image(1), tags)
    path, seen = "/v2/%s/tags/list?n=3" % repo, []
    for _ in range(10):
        reply = http.get(path)
        seen.append(reply.json()["tags"])
        link = reply.header("Link")
        if not link:
            break
        assert link.endswith('; rel="next"')
        path = link[link.index("<") + 1:link.index(">")]
    assert seen == [tags[0:3], tags[3:6], tags[6:]]
    none = http.get("/v2/%s/tags/list?n=0" % repo)
    assert (none.json()["tags"], none.header("Link")) == ([], None)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bad_digest_image(http, repo, algorithm):
    p = Pusher(http, repo)
    data = dump(p.image())
    wrong = digest(data + b" ", algorithm)
    reply = put_manifest(http, repo, wrong, data, chunked=True)
    assert (reply.status, reply.code()) == (400, "DIGEST_INVALID")
    assert http.head(p.path(wrong)).status == 404


# -- G6, G7

def test_missing_manifest(http, repo):
    for reference in (digest(b"x"), digest(b"x", "sha512"), "no-such-tag"):
        path = "/v2/%s/manifests/%s" % (repo, reference)
        reply = http.get(path)
        assert (reply.status, reply.code()) == (404, "MANIFEST_UNKNOWN")
        assert http.head(path).status == 404
        assert http.request("DELETE", path).status == 404


def test_invalid_digest_format(http, repo):
    p = Pusher(http, repo)
    opened = http.connections
    reply = put_manifest(http, repo, "sha256:baddigeststring", dump(p.image()))
    assert (reply.status, reply.code()) == (400, "DIGEST_INVALID")
    assert http.get(p.path("sha256:baddigeststring")).status == 400
    assert http.request("DELETE", "/v2/%s/blobs/%s" % (repo, digest(b"y"))).status == 404
    assert http.connections == opened


# -- what clients do, beside the suite

def test_manifest_bytes_are_kept_verbatim(pusher):
    doc = pusher.image()
    pusher.push(doc, ["spaces"], raw=json.dumps(doc, indent=7).encode() + b"\n\n")


def test_content_type_parameters_are_dropped(http, repo):
    p = Pusher(http, repo)
    data = dump(p.image())
    assert put_manifest(http, repo, "v1", data, OCI_MANIFEST + "; charset=utf-8").status == 201
    p.check("v1", data, OCI_MANIFEST)


@pytest.mark.parametrize("accept", ((), [("Accept", images.DOCKER_MANIFEST)], [("Accept", "*/*")],
                                    [("Accept", OCI_INDEX + ", */*")]))
def test_accept_never_hides_a_manifest(http, repo, accept):
    p = Pusher(http, repo)
    data = dump(p.image())
    assert put_manifest(http, repo, "v1", data).status == 201
    reply = http.request("GET", p.path("v1"), headers=accept)
    assert (reply.status, reply.body, reply.header("Content-Type")) == (200, data, OCI_MANIFEST)


def test_tag_moves_and_the_old_manifest_stays(http, repo):
    p = Pusher(http, repo)
    first, second = dump(p.image()), dump(p.image())
    for data in (first, second):
        assert put_manifest(http, repo, "latest", data).status == 201
        p.check("latest", data, OCI_MANIFEST)
    p.check(digest(first), first, OCI_MANIFEST)


def test_deleting_a_manifest_deletes_its_tags_and_a_tag_keeps_its_manifest(http, repo):
    p = Pusher(http, repo)
    data = dump(p.image())
    for tag in ("a", "b", "c"):
        assert put_manifest(http, repo, tag, data).status == 201
    assert http.request("DELETE", p.path("c")).status == 202
    p.check(digest(data), data, OCI_MANIFEST)
    assert http.request("DELETE", p.path(digest(data))).status == 202
    for reference in ("a", "b", digest(data)):
        assert http.head(p.path(reference)).status == 404
    assert http.get("/v2/%s/tags/list" % repo).json()["tags"] == []


@pytest.mark.parametrize("path", ("a/blobs/uploads/b", "x/manifests/y", "v2/v2", "a/tags/list", "a__b/c.d/e---f"))
def test_repository_names_like_routes(http, sparse_server, path):
    sparse_server.create_repository(path)
    p = Pusher(http, path)
    p.push(p.image(1), ["v1"])
    assert http.get("/v2/%s/tags/list" % path).json() == {"name": path, "tags": ["v1"]}


def test_upload_route_without_the_slash(http, repo):
    assert http.request("POST", "/v2/%s/blobs/uploads" % repo).status == 202


def test_expect_100_continue(sparse_server, repo):
    """curl and others wait for the 100 before they send."""
    import socket
    from support.rawhttp import basic
    data = b"z" * 5000
    with socket.create_connection(("127.0.0.1", sparse_server.port), 10) as s:
        s.sendall(("POST /v2/%s/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
                   "Expect: 100-continue\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n" % (
                       repo, digest(data), basic(sparse_server.password()))).encode())
        first = s.recv(4096)
        assert first.startswith(b"HTTP/1.1 100 "), first
        s.sendall(data)
        rest = b"".join(iter(lambda: s.recv(4096), b""))
    assert rest.startswith(b"HTTP/1.1 201 "), rest


def test_refusals_keep_the_connection(http, repo):
    opened = http.connections
    data = os.urandom(20000)
    for _ in range(3):
        assert http.request("POST", "/v2/no-such-repository/blobs/uploads/?digest=" + digest(data), data).status == 404
        assert put_manifest(http, repo, "v1", b"{" * 20000, chunked=True).status == 400
        assert http.get("/v2/%s/manifests/v1" % repo).status == 404
    assert http.connections == opened


def test_every_reply_has_date_and_request_id(http, repo):
    for reply in (http.get("/v2/"), http.get("/v2/%s/tags/list" % repo), http.get("/v2/nope/tags/list")):
        assert reply.header("Date").endswith(" GMT")
        assert reply.header("Content-Length") == str(len(reply.body))
