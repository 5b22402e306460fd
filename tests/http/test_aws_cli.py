# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 23
"""The AWS CLI, unmodified: what scripts see of output, error text and exit codes."""
import json
import os

import pytest


@pytest.fixture(scope="module")
def pushed(server, busybox_layout):
    """A repository with one image, tags v1 and latest."""
    server.create_repository("cli/app")
    for tag in ("v1", "latest"):
        server.slipway("push", busybox_layout, "%s/cli/app:%s" % (server.host_port, tag))
    return "cli/app"


def refused(server, name, words, *argv, env=None):
    p = server.aws(*argv, check=False, env=env)
    assert p.returncode == 254, p
    assert "An error occurred (%s) when calling the " % name in p.stderr, p.stderr
    assert words in p.stderr, p.stderr


def test_create_and_describe_repository(server):
    made = server.aws("ecr", "create-repository", "--repository-name", "cli/new", "--tags", "Key=a,Value=b")
    assert made["repository"]["repositoryUri"] == server.host_port + "/cli/new"
    listed = server.aws("ecr", "describe-repositories", "--repository-names", "cli/new")
    assert listed["repositories"][0]["repositoryArn"] == "arn:aws:ecr:us-east-1:000000000000:repository/cli/new"
    text = server.aws("ecr", "describe-repositories", "--query", "repositories[].repositoryName", "--output", "text")
    assert "cli/new" in text.split()
    server.aws("ecr", "delete-repository", "--repository-name", "cli/new")
    refused(server, "RepositoryNotFoundException", "cli/new", "ecr", "describe-repositories", "--repository-names", "cli/new")


def test_errors_have_exit_code_254(server, pushed):
    refused(server, "RepositoryAlreadyExistsException", "already exists", "ecr", "create-repository", "--repository-name", pushed)
    refused(server, "RepositoryNotEmptyException", "", "ecr", "delete-repository", "--repository-name", pushed)
    refused(server, "InvalidParameterException", "repositoryName", "ecr", "create-repository", "--repository-name", "UPPER")
    refused(server, "ImageNotFoundException", "", "ecr", "describe-images", "--repository-name", pushed,
            "--image-ids", "imageTag=none")
    refused(server, "UnsupportedFeatureException", "scanning", "ecr", "start-image-scan", "--repository-name", pushed,
            "--image-id", "imageTag=v1")
    refused(server, "ClientException", "", "ecs", "describe-task-definition", "--task-definition", "none")
    refused(server, "ClusterNotFoundException", "", "ecs", "list-tasks", "--cluster", "none")


def test_signature_errors(server):
    env = server.env(AWS_ACCESS_KEY_ID=server.admin[0], AWS_SECRET_ACCESS_KEY="wrong")
    refused(server, "InvalidSignatureException", "", "ecr", "describe-repositories", env=env)
    env = server.env(AWS_ACCESS_KEY_ID="AKIANOBODYNOBODY0000", AWS_SECRET_ACCESS_KEY="wrong")
    refused(server, "UnrecognizedClientException", "", "ecr", "describe-repositories", env=env)
    env = server.env(AWS_ACCESS_KEY_ID=server.admin[0], AWS_SECRET_ACCESS_KEY=server.admin[1], AWS_SESSION_TOKEN="forged")
    p = server.aws("ecr", "describe-repositories", check=False, env=env)
    assert p.returncode == 254 and "An error occurred (" in p.stderr


def test_images(server, pushed, busybox_image):
    ids = server.aws("ecr", "list-images", "--repository-name", pushed)["imageIds"]
    assert sorted((i["imageTag"], i["imageDigest"]) for i in ids) == [
        ("latest", busybox_image.digest), ("v1", busybox_image.digest)]
    detail = server.aws("ecr", "describe-images", "--repository-name", pushed, "--image-ids", "imageTag=v1")["imageDetails"][0]
    assert sorted(detail["imageTags"]) == ["latest", "v1"]
    assert detail["imagePushedAt"].startswith("20")
    got = server.aws("ecr", "batch-get-image", "--repository-name", pushed, "--image-ids", "imageTag=v1", "imageTag=none")
    assert got["images"][0]["imageManifest"].encode() == busybox_image.manifest
    assert got["failures"][0]["failureCode"] == "ImageNotFound"


def test_batch_delete(server, busybox_layout):
    server.create_repository("cli/delete")
    server.slipway("push", busybox_layout, server.host_port + "/cli/delete:v1")
    out = server.aws("ecr", "batch-delete-image", "--repository-name", "cli/delete", "--image-ids", "imageTag=v1", "imageTag=v2")
    assert [i["imageTag"] for i in out["imageIds"]] == ["v1"]
    assert out["failures"][0]["failureCode"] == "ImageNotFound"
    server.aws("ecr", "delete-repository", "--repository-name", "cli/delete", "--force")


def test_automatic_paging(server):
    for i in range(5):
        server.create_repository("cli/page-%d" % i)
    out = server.aws("ecr", "describe-repositories", "--page-size", "2")
    assert sum(x["repositoryName"].startswith("cli/page-") for x in out["repositories"]) == 5
    first = server.aws("ecr", "describe-repositories", "--max-items", "2")
    assert len(first["repositories"]) == 2
    rest = server.aws("ecr", "describe-repositories", "--starting-token", first["NextToken"])
    names = [x["repositoryName"] for x in first["repositories"] + rest["repositories"]]
    assert len(names) == len(set(names)) == len(out["repositories"])


def test_login_passwords_are_the_same_kind(server):
    for password in (server.aws("ecr", "get-login-password").strip(), server.slipway("get-login-password").stdout.strip()):
        assert ":" not in password and "\n" not in password
        with server.http(password) as h:
            assert h.get("/v2/").status == 200
    data = server.aws("ecr", "get-authorization-token")["authorizationData"][0]
    assert data["proxyEndpoint"] == server.endpoint


def test_task_definitions(server, tmp_path):
    path = tmp_path / "app.json"
    path.write_text(json.dumps({"family": "cli-app", "containerDefinitions": [
        {"name": "app", "image": server.host_port + "/cli/app:v1", "memory": 64, "essential": True}]}))
    made = server.aws("ecs", "register-task-definition", "--cli-input-json", "file://%s" % path)["taskDefinition"]
    assert made["taskDefinitionArn"].endswith("task-definition/cli-app:1")
    assert made["registeredAt"].startswith("20")
    arns = server.aws("ecs", "list-task-definitions", "--family-prefix", "cli-app")["taskDefinitionArns"]
    assert arns == [made["taskDefinitionArn"]]
    gone = server.aws("ecs", "deregister-task-definition", "--task-definition", "cli-app:1")["taskDefinition"]
    assert gone["status"] == "INACTIVE"


def test_clusters_and_instances(server):
    clusters = server.aws("ecs", "describe-clusters")["clusters"]
    assert [c["clusterName"] for c in clusters] == ["default"]
    assert server.aws("ecs", "list-container-instances") == {"containerInstanceArns": []}


def test_profile_and_key_environment(server, tmp_path):
    """Keys may come from anywhere the CLI reads them."""
    path = tmp_path / "credentials"
    path.write_text("[team]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % server.admin)
    env = server.env()
    env.update(AWS_SHARED_CREDENTIALS_FILE=str(path), AWS_PROFILE="team")
    assert server.aws("ecs", "list-clusters", env=env)["clusterArns"]


def test_wait_fails_for_a_task_that_is_missing(server):
    p = server.aws("ecs", "wait", "tasks-running", "--tasks", "0" * 32, check=False)
    assert p.returncode == 255 and "MISSING" in p.stderr


# -- the program's own command line

@pytest.mark.parametrize("argv, status, words", (
    ((), 2, "slipway up"), (("--help",), 0, "get-login-password"), (("--version",), 0, "slipway "),
    (("srve",), 2, "did you mean 'serve'"), (("serve", "--lisen", "x"), 2, "listen"), (("serve", "--listen", "nonsense"), 2, "listen"),
    (("serve", "extra"), 2, "extra"), (("push", "--help"), 0, "Example:"), (("repo", "paint"), 2, "usage"),
    (("run", "/no/such/file.json"), 1, "/no/such/file.json"), (("logs",), 2, "usage"), (("user", "add", "x", "--access-key-id", "A"), 2, "usage"),
))
def test_command_line(server, argv, status, words):
    p = server.slipway(*argv, check=False)
    assert p.returncode == status, p
    assert words in p.stdout + p.stderr, p


def test_every_command_has_help_with_an_example(server):
    for line in server.slipway("--help").stdout.splitlines():
        if line.startswith("  "):
            text = server.slipway(line.split()[0], "--help").stdout
            assert "Example: slipway " in text and text.startswith("slipway " + line.split()[0])


def test_unknown_keys_in_environment_and_file_name_the_nearest(server, tmp_path):
    p = server.slipway("serve", "--data", str(tmp_path / "d"), check=False, env=server.env(SLIPWAY_LISEN="x"))
    assert p.returncode == 2 and "listen" in p.stderr.lower(), p
    (tmp_path / "conf").write_text("\n\nlisen = x\n")
    p = server.slipway("serve", "--config", str(tmp_path / "conf"), check=False, env=server.env())
    assert p.returncode == 2 and "conf:3" in p.stderr and "listen" in p.stderr, p


def test_second_server_on_the_same_data_is_refused(server):
    p = server.slipway("serve", "--data", server.data, "--listen", "127.0.0.1:0", check=False, env=server.env())
    assert p.returncode == 1 and "another slipway" in p.stderr, p


def test_port_in_use_is_said(server, tmp_path):
    p = server.slipway("serve", "--data", str(tmp_path / "d"), "--listen", server.host_port, check=False, env=server.env())
    assert p.returncode == 1 and str(server.port) in p.stderr, p


def test_repo_commands(server):
    assert server.slipway("repo", "create", "cli/by-slipway").stdout.strip() == server.host_port + "/cli/by-slipway"
    assert server.host_port + "/cli/by-slipway" in server.slipway("repo", "list").stdout.split()
    p = server.slipway("repo", "create", "cli/by-slipway", check=False)
    assert p.returncode == 1 and "RepositoryAlreadyExistsException" in p.stderr
    server.slipway("repo", "delete", "cli/by-slipway")
    assert server.slipway("repo", "delete", "cli/by-slipway", check=False).returncode == 1


def test_a_client_that_finds_no_server_says_so(server, tmp_path):
    p = server.slipway("repo", "list", "--endpoint", "http://127.0.0.1:1", check=False)
    assert p.returncode == 1 and "127.0.0.1:1" in p.stderr
    p = server.slipway("repo", "list", check=False, env={"PATH": os.defpath, "HOME": str(tmp_path), "SLIPWAY_DATA": str(tmp_path)})
    assert p.returncode == 1 and "credentials" in p.stderr


def test_users_without_a_running_server(tmp_path, server):
    """The data folder is opened directly when nobody holds it."""
    from support.server import Server
    s = Server()
    try:
        s.start()
        s.stop()
        assert "aws_access_key_id" in s.slipway("user", "add", "offline").stdout
        assert "offline" in s.slipway("user", "list").stdout
        s.start()
        assert "offline" in s.slipway("user", "list").stdout
        assert s.slipway("user", "delete", "offline").returncode == 0
    finally:
        s.close()


def test_ephemeral_leaves_nothing(tmp_path):
    """Throwaway mode: the data folder goes on exit."""
    import signal
    import subprocess
    from support import run as r
    from support.rawhttp import Http
    env = dict(r.clean_env(str(tmp_path)), TMPDIR=str(tmp_path))
    p = subprocess.Popen([r.BIN, "serve", "--ephemeral", "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    try:
        line = p.stdout.readline()
        host_port = line.split("http://")[1].split(",")[0]
        with Http(host_port) as h:
            assert h.get("/healthz").status == 200
        assert [f for f in os.listdir(str(tmp_path)) if f.startswith("slipway-ephemeral-")]
    finally:
        status, in_time = r.end(p, signal.SIGTERM, 20)
        p.stdout.close()
    assert (status, in_time) == (0, True)
    assert not [f for f in os.listdir(str(tmp_path)) if f.startswith("slipway-ephemeral-")]

