# SPDX-License-Identifier: Apache-2.0
"""podman: log in, push, pull, push again; digests agree with those of the registry."""
import os

import pytest

from support import images
from support.clients import Client, stored
from support.run import need_root


@pytest.fixture(scope="module")
def podman(tmp_path_factory, server):
    need_root("its storage wants overlay mounts")
    c = Client("podman", tmp_path_factory.mktemp("podman"))
    try:
        assert "Login Succeeded" in c.login(server.host_port, server.slipway("get-login-password").stdout).stdout
        yield c
    finally:
        c.close()


def test_login_with_the_password_of_the_aws_cli(podman, server):
    assert "Login Succeeded" in podman.login(server.host_port, server.aws("ecr", "get-login-password")).stdout


def test_wrong_password_is_refused_readably(podman, server):
    p = podman.login(server.host_port, "wrong", check=False)
    assert p.returncode != 0
    assert "invalid username/password" in p.stderr or "unauthorized" in p.stderr.lower()
    assert "Login Succeeded" in podman.login(server.host_port, server.password()).stdout


def push_and_pull(podman, server, repository, layout, image):
    remote = "%s/%s" % (server.host_port, repository)
    local = podman.run("pull", "oci:" + layout, timeout=300).stdout.strip().split()[-1]
    assert local == images.digest(image.config)[7:]
    digest_file = os.path.join(podman.folder, "digest")
    podman.run("push", "--tls-verify=false", "--digestfile", digest_file, local, remote + ":v1", timeout=300)
    with open(digest_file, encoding="utf-8") as f:
        pushed = f.read().strip()
    digest, manifest = stored(server, repository, "v1")
    assert pushed == digest
    assert len(manifest["layers"]) == len(image.layers)
    podman.run("rmi", "--force", local)
    for reference in (":v1", "@" + digest):
        p = podman.run("pull", "--tls-verify=false", remote + reference, timeout=300)
        assert p.stdout.strip().split()[-1] == local
    podman.run("push", "--tls-verify=false", "--digestfile", digest_file, local, remote + ":again", timeout=300)
    assert stored(server, repository, "again")[0] == digest
    podman.run("rmi", "--force", local)


def test_push_pull_and_push_again(podman, server, repository, busybox_layout, busybox_image):
    push_and_pull(podman, server, repository, busybox_layout, busybox_image)


def test_large_image(podman, server, repository, large_layout, large_image):
    push_and_pull(podman, server, repository, large_layout, large_image)


def test_push_to_a_repository_that_does_not_exist_says_so(podman, server, busybox_layout):
    local = podman.run("pull", "oci:" + busybox_layout).stdout.strip().split()[-1]
    p = podman.run("push", "--tls-verify=false", local, server.host_port + "/nowhere/app:v1", check=False)
    assert p.returncode != 0
    assert "name unknown" in p.stderr.lower()


def test_pull_of_what_does_not_exist_says_so(podman, server, repository):
    p = podman.run("pull", "--tls-verify=false", "%s/%s:nope" % (server.host_port, repository), check=False)
    assert p.returncode != 0
    assert "manifest unknown" in p.stderr.lower()


def test_manifest_list_of_two_platforms(podman, server, repository):
    remote = "%s/%s" % (server.host_port, repository)
    podman.run("manifest", "create", "two")
    try:
        for number, architecture in enumerate(("amd64", "arm64")):
            layout = images.busybox(architecture=architecture).write_layout(
                os.path.join(podman.folder, "layout-%d" % number))
            podman.run("manifest", "add", "--arch", architecture, "two", "oci:" + layout)
        podman.run("manifest", "push", "--all", "--tls-verify=false", "two", "docker://%s:two" % remote)
    finally:
        podman.run("manifest", "rm", "two")
    _, index = stored(server, repository, "two")
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64"]
    for child in index["manifests"]:
        assert stored(server, repository, child["digest"])[1]["schemaVersion"] == 2
