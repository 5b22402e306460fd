# SPDX-License-Identifier: Apache-2.0
"""docker with its classic store."""
import pytest

from support import images
from support.clients import stored


@pytest.fixture(scope="module")
def docker(dockerd, server):
    password = server.slipway("get-login-password").stdout
    p = dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin=password)
    assert "Login Succeeded" in p.stdout
    return dockerd


def load(docker, folder, image, tag):
    docker.run("load", "--input", images.docker_archive(str(folder / "image.tar"), image, tag), timeout=300)


def image_id(docker, reference):
    return docker.run("image", "inspect", "--format", "{{.Id}}", reference).stdout.strip()


def test_login_with_the_password_of_the_aws_cli(dockerd, server):
    password = server.aws("ecr", "get-login-password")
    p = dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin=password)
    assert "Login Succeeded" in p.stdout


def test_wrong_password_is_refused_readably(dockerd, server):
    p = dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin="wrong", check=False)
    assert p.returncode != 0
    assert "unauthorized" in p.stderr.lower()
    dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin=server.password())


def push_and_pull(docker, server, repository, image, folder):
    tag = "%s/%s:v1" % (server.host_port, repository)
    load(docker, folder, image, tag)
    wanted = image_id(docker, tag)
    pushed = docker.run("push", tag, timeout=300).stdout
    digest, manifest = stored(server, repository, "v1")
    assert "digest: " + digest in pushed
    assert manifest["mediaType"] == images.DOCKER_MANIFEST
    assert len(manifest["layers"]) == len(image.layers)
    docker.run("image", "rm", "--force", tag)
    by_digest = "%s/%s@%s" % (server.host_port, repository, digest)
    assert "Digest: " + digest in docker.run("pull", tag, timeout=300).stdout
    docker.run("pull", by_digest, timeout=300)
    assert image_id(docker, tag) == image_id(docker, by_digest) == wanted
    again = docker.run("push", tag, timeout=300).stdout
    assert "digest: " + digest in again
    assert "Pushed" not in again.replace("Layer already exists", "")
    docker.run("image", "rm", "--force", tag, by_digest, check=False)


def test_push_pull_and_push_again(docker, server, repository, busybox_image, tmp_path):
    push_and_pull(docker, server, repository, busybox_image, tmp_path)


def test_large_image(docker, server, repository, large_image, tmp_path):
    push_and_pull(docker, server, repository, large_image, tmp_path)


def test_pull_of_an_image_that_slipway_pushed(docker, server, repository, busybox_layout, busybox_image):
    tag = "%s/%s:v1" % (server.host_port, repository)
    server.slipway("push", busybox_layout, tag)
    docker.run("pull", tag)
    assert image_id(docker, tag) == images.digest(busybox_image.config)
    docker.run("image", "rm", "--force", tag)


def test_second_repository_mounts_the_layers(docker, server, repository, busybox_image, tmp_path):
    one, two = ("%s/%s%s:v1" % (server.host_port, repository, s) for s in ("", "-2"))
    load(docker, tmp_path, busybox_image, one)
    docker.run("push", one)
    server.create_repository(repository + "-2")
    docker.run("tag", one, two)
    assert "Mounted from" in docker.run("push", two).stdout
    assert stored(server, repository, "v1")[0] == stored(server, repository + "-2", "v1")[0]


def test_push_to_a_repository_that_does_not_exist_says_so(docker, server, busybox_image, tmp_path):
    tag = server.host_port + "/nowhere/app:v1"
    load(docker, tmp_path, busybox_image, tag)
    p = docker.run("push", tag, check=False)
    assert p.returncode != 0
    assert "The repository with name 'nowhere/app' does not exist in the registry with id '000000000000'" in p.stderr


def test_pull_of_what_does_not_exist_says_so(docker, server, repository):
    p = docker.run("pull", "%s/%s:nope" % (server.host_port, repository), check=False)
    assert p.returncode != 0
    assert "manifest unknown" in p.stderr or "not found" in p.stderr


def test_push_without_login_is_refused(docker, server, repository, busybox_image, tmp_path):
    tag = "%s/%s:v1" % (server.host_port, repository)
    load(docker, tmp_path, busybox_image, tag)
    docker.run("logout", server.host_port)
    try:
        p = docker.run("push", tag, check=False)
    finally:
        docker.run("login", "--username", "AWS", "--password-stdin", server.host_port, stdin=server.password())
    assert p.returncode != 0
    assert "no basic auth credentials" in p.stderr or "unauthorized" in p.stderr.lower()
