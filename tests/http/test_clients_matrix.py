# SPDX-License-Identifier: Apache-2.0
"""What clients do beside the plain push and pull: artifacts, indexes of several platforms, mounts, uploads that go on later, many
pushes at once, deletes, build caches."""
import json
import os
import subprocess

import pytest

from support import images
from support import run as r
from support.clients import Client, stored
from support.images import (OCI_EMPTY, OCI_GZIP, OCI_INDEX, OCI_MANIFEST, descriptor, digest, dump, push_blob,
                            put_manifest)
from support.server import Server

SBOM = "application/vnd.example.sbom.v1"
SIGNATURE = "application/vnd.example.signature.v1"
PARALLEL = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that writes down what it is asked."""
    log = str(tmp_path_factory.mktemp("matrix") / "access.log")
    s = Server("serve", ["--access-log", log])
    s.access_log = log
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def http(server):
    with server.http() as h:
        yield h


def client(program, server, folder):
    c = Client(program, folder)
    c.login(server.host_port, server.password())
    return c


@pytest.fixture(scope="module")
def skopeo(tmp_path_factory, server):
    c = client("skopeo", server, tmp_path_factory.mktemp("skopeo"))
    yield c
    c.close()


@pytest.fixture(scope="module")
def podman(tmp_path_factory, server):
    r.need_root("its storage wants overlay mounts")
    c = client("podman", server, tmp_path_factory.mktemp("podman"))
    yield c
    c.close()


@pytest.fixture(scope="module")
def docker(dockerd, server):
    dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin=server.password())
    return dockerd


def asked(server, repository, method, route):
    """Status of each such request about that repository so far."""
    with server.http() as h:
        last = h.get("/v2/").header("X-Request-Id")

    def lines():
        with open(server.access_log, encoding="utf-8") as f:
            found = [json.loads(line) for line in f]
        return found if any(x["request_id"] == last for x in found) else None
    return [x["status"] for x in r.wait_for(lines, 5, 0.05, "access line")
            if x["method"] == method and x["route"] == route and x["path"].startswith("/v2/%s/" % repository)]


# -- artifacts, as ORAS makes them

def artifact(http, repository, kind, subject, content, reference=None):
    """Pushes it and returns the descriptor that the referrers list must have."""
    push_blob(http, repository, b"{}")
    push_blob(http, repository, content)
    doc = dump({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": kind, "config": descriptor(OCI_EMPTY, b"{}"),
                "layers": [descriptor("text/plain", content, annotations={"org.opencontainers.image.title": "a.txt"})],
                "subject": descriptor(OCI_MANIFEST, subject),
                "annotations": {"org.opencontainers.image.created": "2020-01-01T00:00:00Z"}})
    reply = put_manifest(http, repository, reference or digest(doc), doc)
    assert reply.status == 201, reply
    assert reply.header("OCI-Subject") == digest(subject)
    return descriptor(OCI_MANIFEST, doc, artifactType=kind,
                      annotations={"org.opencontainers.image.created": "2020-01-01T00:00:00Z"})


def referrers(http, repository, subject, query=""):
    reply = http.get("/v2/%s/referrers/%s%s" % (repository, digest(subject), query))
    assert reply.status == 200 and reply.header("Content-Type") == OCI_INDEX, reply
    return sorted(reply.json()["manifests"], key=lambda d: d["digest"]), reply.header("OCI-Filters-Applied")


def test_artifacts_follow_their_subject(http, repository, busybox_image):
    busybox_image.push(http, repository, "v1")
    subject = busybox_image.manifest
    made = [artifact(http, repository, SBOM, subject, b"sbom"), artifact(http, repository, SIGNATURE, subject, b"one"),
            artifact(http, repository, SIGNATURE, subject, b"two", "signed")]
    assert referrers(http, repository, subject) == (sorted(made, key=lambda d: d["digest"]), None)
    assert referrers(http, repository, subject, "?artifactType=" + SBOM) == ([made[0]], "artifactType")
    assert stored_by(http, repository, "signed") == made[2]["digest"]
    of_artifact = artifact(http, repository, SIGNATURE, b"an artifact may be signed before it is there", b"three")
    assert referrers(http, repository, b"an artifact may be signed before it is there")[0] == [of_artifact]
    gone = made.pop(1)
    assert http.request("DELETE", "/v2/%s/manifests/%s" % (repository, gone["digest"])).status == 202
    assert referrers(http, repository, subject)[0] == sorted(made, key=lambda d: d["digest"])
    assert http.request("DELETE", "/v2/%s/manifests/%s" % (repository, busybox_image.digest)).status == 202
    assert referrers(http, repository, subject)[0] == sorted(made, key=lambda d: d["digest"])


def stored_by(http, repository, reference):
    return http.head("/v2/%s/manifests/%s" % (repository, reference)).header("Docker-Content-Digest")


def test_build_cache_whose_index_lists_blobs(http, repository):
    """As BuildKit exports a cache: an index whose entries are layers, and a configuration at the end."""
    layers = [push_blob(http, repository, data) for data in (b"layer one", b"layer two")]
    config = dump({"layers": [{"blob": d} for d in layers], "records": []})
    push_blob(http, repository, config)
    doc = dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        descriptor(OCI_GZIP, b"layer one"), descriptor(OCI_GZIP, b"layer two"),
        descriptor("application/vnd.buildkit.cacheconfig.v0", config)]})
    assert put_manifest(http, repository, "cache", doc, OCI_INDEX).status == 201
    assert http.get("/v2/%s/manifests/cache" % repository).body == doc


def test_inline_build_cache_of_buildkit(docker, server, repository, tmp_path):
    """Exported with the image by the builder in docker, imported from the registry after the local one was pruned."""
    r.need_program("docker")
    tag = "%s/%s:cache" % (server.host_port, repository)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /a\nCOPY b /b\n")
    for name in "ab":
        (tmp_path / name).write_text(name * 1000 + repository)

    def build(*more):
        p = r.run([docker.client, "build", "--progress=plain", "--tag", tag, *more, str(tmp_path)],
                  env=dict(docker.env(), DOCKER_BUILDKIT="1"), check=False)
        if "BuildKit is enabled but the buildx component is missing" in p.stderr:
            pytest.skip("this docker builds with a plugin that is missing")
        assert p.returncode == 0, p.stderr
        return p.stdout + p.stderr
    assert "CACHED" not in build("--build-arg", "BUILDKIT_INLINE_CACHE=1")
    docker.run("push", tag)
    docker.run("image", "rm", "--force", tag)
    docker.run("builder", "prune", "--all", "--force")
    assert build("--cache-from", tag).count("CACHED") >= 2
    docker.run("image", "rm", "--force", tag)


# -- several platforms

def test_index_of_two_platforms_by_skopeo(skopeo, server, repository, tmp_path):
    layout, index, children = images.two_platforms(str(tmp_path / "layout"))
    remote = "docker://%s/%s:two" % (server.host_port, repository)
    skopeo.run("copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout, remote)
    assert stored(server, repository, "two")[0] == digest(index)
    back = str(tmp_path / "back")
    skopeo.run("copy", "--all", "--preserve-digests", "--src-tls-verify=false", remote, "oci:%s:x" % back)
    for name in [digest(index)] + [n for c in children for n in [c.digest] + list(c.blobs)]:
        assert images.file_digest(os.path.join(back, "blobs", name.replace(":", "/"))) == name
    for child in children:
        architecture = json.loads(child.config)["architecture"]
        seen = skopeo.run("--override-arch", architecture, "inspect", "--tls-verify=false", "--config", remote)
        assert json.loads(seen.stdout)["architecture"] == architecture


def test_index_of_two_platforms_by_podman(podman, server, repository, tmp_path):
    remote = "%s/%s:two" % (server.host_port, repository)
    podman.run("manifest", "create", "matrix")
    children = [images.busybox(architecture=a) for a in ("amd64", "arm64")]
    try:
        for child in children:
            layout = child.write_layout(str(tmp_path / child.digest[7:]))
            podman.run("manifest", "add", "matrix", "oci:" + layout)
        podman.run("manifest", "push", "--all", "--tls-verify=false", "matrix", "docker://" + remote)
    finally:
        podman.run("manifest", "rm", "matrix")
    pushed = stored(server, repository, "two")[1]
    assert [m["platform"]["architecture"] for m in pushed["manifests"]] == ["amd64", "arm64"]
    for child in children:
        local = podman.run("pull", "--tls-verify=false", "--arch", json.loads(child.config)["architecture"], remote)
        assert local.stdout.split()[-1] == digest(child.config)[7:]
        podman.run("rmi", "--force", local.stdout.split()[-1])


# -- mounts

def test_skopeo_mounts_across_repositories(skopeo, server, repository, tmp_path):
    other = repository + "-2"
    image = images.busybox(more=[[("etc/name", repository.encode(), 0o644)]])
    layout = image.write_layout(str(tmp_path / "layout"))
    server.create_repository(other)
    one, two = ("docker://%s/%s:v1" % (server.host_port, name) for name in (repository, other))
    skopeo.run("copy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout, one)
    assert 202 in asked(server, repository, "PATCH", "oci.upload")
    skopeo.run("copy", "--src-tls-verify=false", "--dest-tls-verify=false", one, two)
    assert stored(server, other, "v1")[0] == image.digest
    assert asked(server, other, "POST", "oci.uploads").count(201) == len(image.layers)
    assert asked(server, other, "PATCH", "oci.upload") == [202]  # the configuration: it is never mounted


def test_docker_mounts_across_repositories(docker, server, repository, tmp_path):
    other = repository + "-2"
    server.create_repository(other)
    image = images.busybox(more=[[("etc/name", repository.encode(), 0o644)]])
    one, two = ("%s/%s:v1" % (server.host_port, name) for name in (repository, other))
    docker.run("load", "--input", images.docker_archive(str(tmp_path / "image.tar"), image, one))
    docker.run("push", one)
    docker.run("tag", one, two)
    assert docker.run("push", two).stdout.count("Mounted from " + repository) == len(image.layers)
    assert stored(server, repository, "v1")[0] == stored(server, other, "v1")[0]
    assert asked(server, other, "POST", "oci.uploads").count(201) == len(image.layers)
    docker.run("image", "rm", "--force", one, two)


# -- uploads that go on later

@pytest.mark.parametrize("between", ("connection", "stop", "kill"))
def test_an_upload_goes_on(server, repository, between):
    data = os.urandom(3 << 20)
    at = 2 << 20
    with server.http() as http:
        location = http.request("POST", "/v2/%s/blobs/uploads/" % repository).header("Location")
        reply = http.request("PATCH", location, data[:at], {"Content-Type": "application/octet-stream",
                                                           "Content-Range": "0-%d" % (at - 1)})
        assert (reply.status, reply.header("Range")) == (202, "0-%d" % (at - 1))
        location = reply.header("Location")
    if between != "connection":
        getattr(server, between)()
        server.start()
    with server.http() as http:
        reply = http.get(location)
        assert (reply.status, reply.header("Range")) == (204, "0-%d" % (at - 1))
        bad = http.request("PATCH", location, data[at:], {"Content-Range": "%d-%d" % (at + 1, len(data))})
        assert bad.status == 416
        reply = http.request("PATCH", reply.header("Location"), data[at:], {
            "Content-Type": "application/octet-stream", "Content-Range": "%d-%d" % (at, len(data) - 1)})
        assert (reply.status, reply.header("Range")) == (202, "0-%d" % (len(data) - 1))
        location = reply.header("Location")
        reply = http.request("PUT", location + ("&" if "?" in location else "?") + "digest=" + digest(data))
        assert reply.status == 201, reply
        assert http.get("/v2/%s/blobs/%s" % (repository, digest(data))).body == data


@pytest.mark.parametrize("program", ("skopeo", "podman"))
def test_a_client_that_was_killed_pushes_again(program, request, server, repository, tmp_path):
    """What it left behind is in nobody's way, and the layers that had arrived are not sent again."""
    tool = request.getfixturevalue(program)
    small = images.layer([("small", repository.encode(), 0o644)])
    image = images.Image([small, images.layer([("large", os.urandom(48 << 20), 0o644)])])
    layout = image.write_layout(str(tmp_path / "image"))
    remote = "%s/%s:v1" % (server.host_port, repository)
    if program == "skopeo":
        argv = ["copy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout, "docker://" + remote]
    else:
        pulled = tool.run("pull", "--quiet", "oci:%s:latest" % layout).stdout.split()[-1]
        argv = ["push", "--tls-verify=false", pulled, remote]
    uploads = os.path.join(server.data, "uploads")

    def largest():
        sizes = [0]
        for name in os.listdir(uploads):
            try:
                sizes.append(os.stat(os.path.join(uploads, name)).st_size)
            except FileNotFoundError:
                continue
        return max(sizes)
    for cut_at in (1, 4 << 20):
        p = subprocess.Popen([tool.program, *argv], env=tool.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            r.wait_for(lambda at=cut_at, p=p: largest() >= at or p.poll() is not None, 60, 0.002, "an upload that has begun")
            assert p.poll() is None, "it was too fast to be killed"
        finally:
            r.end(p, 9, 5)
        with server.http() as http:
            assert http.head("/v2/%s/manifests/v1" % repository).status == 404
    tool.run(*argv)
    with server.http() as http:
        manifest = http.get("/v2/%s/manifests/v1" % repository).json()
        for layer in manifest["layers"]:
            reply = http.get("/v2/%s/blobs/%s" % (repository, layer["digest"]))
            assert len(reply.body) == layer["size"] and digest(reply.body) == layer["digest"]
    assert " 0 findings" in server.slipway("fsck").stdout


# -- many at once

def test_parallel_pushes_of_images_that_share_layers(skopeo, server, repository, tmp_path):
    shared = [images.layer([("shared-%d" % n, os.urandom(2 << 20), 0o644)]) for n in range(3)]
    made = [images.Image(shared + [images.layer([("own", b"%d" % n, 0o644)])]) for n in range(PARALLEL)]
    layouts = [image.write_layout(str(tmp_path / str(n))) for n, image in enumerate(made)]
    running = [subprocess.Popen(
        [skopeo.program, "copy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout,
         "docker://%s/%s:v%d" % (server.host_port, repository, n)],
        env=skopeo.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for n, layout in enumerate(layouts)]
    try:
        for p in running:
            said = p.communicate(timeout=120)[0]
            assert p.returncode == 0, said
    finally:
        for p in running:
            r.end(p, 9, 5)
    for n, image in enumerate(made):
        assert stored(server, repository, "v%d" % n)[0] == image.digest
        back = str(tmp_path / ("back-%d" % n))
        skopeo.run("copy", "--preserve-digests", "--src-tls-verify=false",
                   "docker://%s/%s:v%d" % (server.host_port, repository, n), "oci:%s:x" % back)
        for name in [image.digest] + list(image.blobs):
            assert images.file_digest(os.path.join(back, "blobs", name.replace(":", "/"))) == name
    assert " 0 findings" in server.slipway("fsck").stdout


# -- again, and away

def test_what_was_deleted_can_be_pushed_again(skopeo, server, repository, http, busybox_layout, busybox_image):
    remote = "docker://%s/%s:v1" % (server.host_port, repository)

    def push():
        skopeo.run("copy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % busybox_layout, remote)
        assert stored(server, repository, "v1")[0] == busybox_image.digest
    push()
    push()
    skopeo.run("delete", "--tls-verify=false", remote)
    for reference in ("v1", busybox_image.digest):
        assert http.head("/v2/%s/manifests/%s" % (repository, reference)).status == 404
    push()
    for name in busybox_image.blobs:
        assert http.request("DELETE", "/v2/%s/blobs/%s" % (repository, name)).status == 202
        assert http.head("/v2/%s/blobs/%s" % (repository, name)).status == 404
    push()
    for name in busybox_image.blobs:
        assert http.head("/v2/%s/blobs/%s" % (repository, name)).status == 200
