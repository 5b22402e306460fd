# SPDX-License-Identifier: Apache-2.0
"""Robots: named passwords for tools that cannot sign, with docker, skopeo and podman; and docker-credential-slipway, with which nobody
has a password."""
import concurrent.futures
import json
import os
import subprocess
import time

import pytest

from support import images
from support import run as r
from support.clients import Client
from support.rawhttp import Http, basic

HELPER = "docker-credential-slipway"


def add(server, name, scopes, *more):
    p = server.slipway("robot", "add", name, "--scopes", scopes, *more)
    assert "docker login --username %s" % name in p.stderr
    return p.stdout.strip()


def get(server, user, password, path="/v2/", method="GET"):
    with Http(server.host_port) as http:
        return http.request(method, path, None, {"Authorization": basic(password, user)})


@pytest.fixture(scope="module")
def image_in(server):
    server.create_repository("robots/app")
    with server.http() as http:
        images.push_blob(http, "robots/app", b"x")
        config = images.dump({"architecture": "amd64", "os": "linux"})
        images.push_blob(http, "robots/app", config)
        body = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                            "config": images.descriptor(images.OCI_CONFIG, config),
                            "layers": [images.descriptor(images.OCI_GZIP, b"x")]})
        assert images.put_manifest(http, "robots/app", "v1", body).status == 201
    return "robots/app"


def test_scopes(server, image_in, name):
    puller, pusher = add(server, name + "-a", "robots/*:pull"), add(server, name + "-b", "robots/app:push other:pull")
    path = "/v2/%s/" % image_in
    for user in (name + "-a", "robot$" + name + "-a", name + "-a$robot"):
        assert get(server, user, puller, path + "manifests/v1").status == 200
    assert get(server, name + "-a", puller, path + "blobs/uploads/", "POST").status == 403
    assert get(server, name + "-b", pusher, path + "blobs/uploads/", "POST").status == 202
    assert get(server, name + "-b", pusher, path + "manifests/v1").status == 200
    assert get(server, name + "-b", pusher, path + "manifests/v1", "DELETE").status == 403
    assert get(server, name + "-a", pusher, path + "manifests/v1").status == 401
    assert get(server, name + "-a", puller + "x").status == 401
    assert get(server, "nobody", puller).status == 401
    refused = get(server, name + "-a", puller, path + "blobs/uploads/", "POST").json()["errors"][0]
    assert "user/robot/%s-a is not authorized to perform: ecr:InitiateLayerUpload" % name in refused["message"]


def test_a_robot_is_a_user_of_iam(server, image_in, name):
    password = add(server, name, "other:pull")
    iam = server.boto("iam", validate=False)
    assert iam.get_user(UserName=name)["User"]["Path"] == "/robot/"
    assert get(server, name, password, "/v2/%s/manifests/v1" % image_in).status == 403
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")
    assert get(server, name, password, "/v2/%s/manifests/v1" % image_in).status == 200
    iam.detach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")
    assert get(server, name, password, "/v2/%s/manifests/v1" % image_in).status == 403


def test_a_robot_keeps_its_name(server, name):
    password = add(server, name, "other:pull")
    iam = server.boto("iam", validate=False)
    for change in ({"NewUserName": name + "2"}, {"NewPath": "/"}):
        with pytest.raises(iam.exceptions.ClientError) as e:
            iam.update_user(UserName=name, **change)
        assert e.value.response["Error"]["Code"] == "UnmodifiableEntity", e.value
    assert get(server, name, password).status == 200


def test_rotate_list_remove_and_expiry(server, name):
    first = add(server, name, "a:pull", "--expires", "90d")
    listed = [line.split() for line in server.slipway("robot", "list").stdout.splitlines()]
    mine = next(line for line in listed if line[0] == name)
    assert mine[3] == "a:pull" and mine[2].startswith(time.strftime("20"))
    assert get(server, name, first).status == 200
    second = server.slipway("robot", "rotate", name, "--expires", "never").stdout.strip()
    assert get(server, name, first).status == 401
    assert get(server, name, second).status == 200
    short = server.slipway("robot", "rotate", name, "--expires", "1s").stdout.strip()
    r.wait_for(lambda: get(server, name, short).status == 401, 10, 0.3, "expired password")
    server.slipway("robot", "remove", name)
    assert get(server, name, short).status == 401
    p = server.slipway("robot", "remove", name, check=False)
    assert p.returncode == 1 and "cannot be found" in p.stderr


@pytest.mark.parametrize("argv,part", [
    (("add", "x1"), "usage"), (("add", "x1", "--scopes", "A:pull"), "scope"), (("add", "x1", "--scopes", "a:own"), "no right"),
    (("add", "x1", "--scopes", "a:pull", "--expires", "soon"), "duration"), (("add", "a/b", "--scopes", "a:pull"), "may hold letters"),
    (("add", "admin", "--scopes", "a:pull"), "no robot"), (("list", "x"), "usage"), (("rotate", "nobody"), "cannot be found")])
def test_bad_commands(server, argv, part):
    p = server.slipway("robot", *argv, check=False)
    assert p.returncode != 0 and part in p.stderr, p.stderr


def test_who_may_manage_robots(server, name):
    key = server.add_user(name)
    env = server.env(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1], SLIPWAY_ENDPOINT=server.endpoint)
    for argv in (("list",), ("add", "y", "--scopes", "a:pull"), ("remove", "y"), ("rotate", "y")):
        p = server.slipway("robot", *argv, env=env, check=False)
        assert p.returncode == 1 and "is not authorized to perform: slipway:" in p.stderr


def test_argon2_runs_once(server, image_in, name):
    password = add(server, name, "robots/*:pull")
    path = "/v2/%s/manifests/v1" % image_in

    def time_of(n):
        start = time.monotonic()
        for _ in range(n):
            assert get(server, name, password, path).status == 200
        return time.monotonic() - start
    time_of(1)
    assert time_of(50) < 5 * r.PATIENCE


def test_cold_passwords_of_many_clients(server, image_in, name):
    password = add(server, name, "robots/*:pull")
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        found = list(pool.map(lambda _: get(server, name, password, "/v2/%s/manifests/v1" % image_in).status, range(48)))
    assert found == [200] * 48


def test_guessing_is_slow_and_hurts_nobody(server, image_in, name):
    password = add(server, name, "robots/*:pull")
    assert get(server, name, password).status == 200
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        guesses = [pool.submit(get, server, name, "guess-%d" % i) for i in range(100)]
        start = time.monotonic()
        assert get(server, name, password, "/v2/%s/manifests/v1" % image_in).status == 200
        with Http(server.host_port) as http:
            assert http.get("/healthz").status == 200
        assert time.monotonic() - start < 5 * r.PATIENCE
        found = [g.result().status for g in guesses]
    assert set(found) <= {401, 429} and found.count(429) > 50
    assert get(server, name, password).status == 200  # known before


def test_an_upload_after_a_restart(server, name):
    """The first request that the server sees has a body and a password that it does not know yet."""
    server.create_repository(name)
    password = add(server, name, "%s:push" % name)
    server.stop()
    server.start()
    data = b"blob"
    with Http(server.host_port) as http:
        reply = http.request("POST", "/v2/%s/blobs/uploads/?digest=%s" % (name, images.digest(data)), data,
                             {"Authorization": basic(password, name), "Content-Type": "application/octet-stream"})
    assert reply.status == 201, reply


def test_bearer_tokens_of_robots(server, image_in, name):
    password = add(server, name, "robots/*:pull")
    scope = "/v2/token?service=ecr.amazonaws.com&scope=repository:%s:pull,push" % image_in
    reply = get(server, name, password, scope)
    assert reply.status == 200 and reply.json()["scope"] == "repository:%s:pull" % image_in
    form = "grant_type=password&service=ecr.amazonaws.com&client_id=x&username=%s&password=%s" % (name, password)
    with Http(server.host_port) as http:
        reply = http.request("POST", "/v2/token", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 200
        token = reply.json()["token"]
        assert http.request("GET", "/v2/", None, {"Authorization": "Bearer " + token}).status == 200


def test_docker_login_and_pull(dockerd, server, image_in, name):
    password = add(server, name, "robots/*:pull")
    p = dockerd.run("login", "--username", "robot$" + name, "--password-stdin", server.host_port, stdin=password)
    assert "Login Succeeded" in p.stdout
    p = dockerd.run("login", "--username", name, "--password-stdin", server.host_port, stdin="wrong", check=False)
    assert p.returncode != 0 and "unauthorized" in p.stderr.lower()
    dockerd.run("logout", server.host_port)


def test_skopeo_and_podman(server, image_in, name, tmp_path):
    password = add(server, name, "robots/*:pull")
    for program in ("skopeo", "podman"):
        client = Client(program, tmp_path / program)
        try:
            client.run("login", "--tls-verify=false", "--username", name, "--password-stdin", server.host_port, stdin=password)
            reference = "%s/%s:v1" % (server.host_port, image_in)
            if program == "skopeo":
                out = client.run("inspect", "--raw", "--tls-verify=false", "docker://" + reference).stdout
                assert json.loads(out)["mediaType"] == images.OCI_MANIFEST
        finally:
            client.close()


# -- docker-credential-slipway

@pytest.fixture(scope="module")
def helper(tmp_path_factory):
    """A folder with the program under its other name, for PATH."""
    folder = tmp_path_factory.mktemp("bin")
    os.symlink(r.BIN, folder / HELPER)
    return str(folder)


def ask(helper, env, action, text=""):
    return subprocess.run([os.path.join(helper, HELPER), action], input=text, env=env, text=True, timeout=30, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_build_has_the_link():
    link = os.path.join(os.path.dirname(r.BIN), HELPER)
    if not os.path.exists(os.path.join(os.path.dirname(r.BIN), "CMakeCache.txt")):
        pytest.skip("not a build folder")
    assert os.path.realpath(link) == os.path.realpath(r.BIN)


def test_helper_protocol(server, helper, image_in):
    env = server.env()
    for text in (server.host_port, server.host_port + "\n", "http://" + server.host_port, server.endpoint + "/v2/"):
        p = ask(helper, env, "get", text)
        assert p.returncode == 0, p.stderr
        got = json.loads(p.stdout)
        assert got["Username"] == "AWS" and got["ServerURL"] == text.strip()
        assert get(server, "AWS", got["Secret"], "/v2/%s/manifests/v1" % image_in).status == 200
    assert (ask(helper, env, "list").stdout, ask(helper, env, "version").returncode) == ("{}\n", 0)
    assert ask(helper, env, "store", '{"ServerURL":"x","Username":"y","Secret":"z"}').returncode == 0
    assert ask(helper, env, "erase", server.host_port).returncode == 0
    assert ask(helper, env, "nothing").returncode == 2
    p = ask(helper, env, "get", "127.0.0.1:1")
    assert p.returncode == 1 and p.stdout.strip() == "credentials not found in native keychain"
    bad = server.env(AWS_ACCESS_KEY_ID=server.admin[0], AWS_SECRET_ACCESS_KEY="wrong")
    p = ask(helper, bad, "get", server.host_port)
    assert p.returncode == 1 and "signature" in p.stdout


def test_helper_uses_profiles_and_sessions(server, helper, image_in):
    session = server.boto("sts").get_session_token()["Credentials"]
    path = os.path.join(server.home, "profiles")
    with open(path, "w", encoding="utf-8") as f:
        f.write("[ci]\naws_access_key_id = %(AccessKeyId)s\naws_secret_access_key = %(SecretAccessKey)s\n"
                "aws_session_token = %(SessionToken)s\n" % session)
    p = ask(helper, dict(server.env(AWS_PROFILE="ci"), AWS_SHARED_CREDENTIALS_FILE=path), "get", server.host_port)
    assert p.returncode == 0, p.stderr
    assert get(server, "AWS", json.loads(p.stdout)["Secret"], "/v2/%s/manifests/v1" % image_in).status == 200


def test_docker_and_skopeo_with_the_helper(dockerd, server, helper, image_in, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"credHelpers": {server.host_port: "slipway"}}))
    more = {"PATH": helper + ":" + r.PATH, "AWS_SHARED_CREDENTIALS_FILE": server.credentials_file}
    env = dict(dockerd.env(), DOCKER_CONFIG=str(tmp_path), **more)
    p = r.run([dockerd.client, "pull", "%s/robots/nothing:v1" % server.host_port], env=env, check=False)
    assert "not found" in p.stderr and "authentication" not in p.stderr  # it was let in, and there is no such image
    skopeo = Client("skopeo", tmp_path / "skopeo")
    try:
        skopeo.env = dict(skopeo.env, REGISTRY_AUTH_FILE=str(config), **more)
        out = skopeo.run("inspect", "--raw", "--tls-verify=false", "docker://%s/%s:v1" % (server.host_port, image_in)).stdout
        assert json.loads(out)["mediaType"] == images.OCI_MANIFEST
    finally:
        skopeo.close()
