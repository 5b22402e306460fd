# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""Images of registries that are not ours: with repositoryCredentials (Basic and Bearer), anonymously by tokens, and what is refused."""
import base64
import crypt
import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.parse
import uuid

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.rawhttp import Http
from support.server import Server
from support.tasks import TRUST, free_port


@pytest.fixture(scope="module")
def reader(up):
    iam = up.boto("iam")
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken", "secretsmanager:GetSecretValue"], "Resource": "*"}]}))
    return arn


def secret(up, username, password):
    """A secret of its own each time: nothing that was kept can help."""
    text = json.dumps({"username": username, "password": password})
    return up.boto("secretsmanager").create_secret(Name="registry-%s" % uuid.uuid4(), SecretString=text)


def image():
    """Layers and digests that no other test has."""
    return images.busybox(config={"Cmd": ["sh", "-c", "echo started"], "Labels": {"n": str(uuid.uuid4())}})


def run(tasks, name, image_name, reader=None, parameter=None):
    more = {"executionRoleArn": reader} if reader else {}
    container = {"image": image_name}
    if parameter:
        container["repositoryCredentials"] = {"credentialsParameter": parameter}
    task = tasks.start(name, container, **more)
    stopped = tasks.wait_stopped(task)
    return stopped, tasks.logs(task)


@pytest.fixture(scope="module")
def other():
    """Another slipway, which asks for tokens."""
    s = Server("serve", env={"SLIPWAY_AUTH_CHALLENGE": "bearer"})
    try:
        yield s.start()
    finally:
        s.close()


class DockerRegistry:
    def __init__(self, folder):
        self.port, self.folder = free_port(), folder
        self.host_port = "127.0.0.1:%d" % self.port
        with open(os.path.join(folder, "htpasswd"), "w", encoding="utf-8") as f:
            f.write("ann:%s\n" % crypt.crypt("se:cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))
        config = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": os.path.join(folder, "data")}},
                  "http": {"addr": self.host_port},
                  "auth": {"htpasswd": {"realm": "basic-realm", "path": os.path.join(folder, "htpasswd")}}}
        with open(os.path.join(folder, "config.yml"), "w", encoding="utf-8") as f:
            json.dump(config, f)
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", os.path.join(folder, "config.yml")], stdout=log,
                                            stderr=log, env=r.clean_env(folder))
        r.wait_for(self.answers, 20, 0.1, "docker-registry")

    def answers(self):
        try:
            with Http(self.host_port) as h:
                return h.get("/v2/").status == 401
        except OSError:
            return False

    def http(self):
        h = Http(self.host_port)
        h.authorization = "Basic " + base64.b64encode(b"ann:se:cret").decode()
        return h

    def push(self, image_, repository, tag):
        """It knows no upload by one POST."""
        with self.http() as h:
            for d, data in image_.blobs.items():
                place = h.request("POST", "/v2/%s/blobs/uploads/" % repository).header("Location").split(self.host_port)[1]
                reply = h.request("PUT", place + "&digest=" + d, data, {"Content-Type": "application/octet-stream"})
                assert reply.status == 201, reply
            assert images.put_manifest(h, repository, tag, image_.manifest, image_.media_type).status == 201
        return "%s/%s:%s" % (self.host_port, repository, tag)

    def close(self):
        self.process.terminate()
        self.process.wait(50)


@pytest.fixture(scope="module")
def docker_registry(tmp_path_factory):
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed")
    d = DockerRegistry(str(tmp_path_factory.mktemp("docker-registry")))
    try:
        yield d
    finally:
        d.close()


def test_a_registry_with_passwords(up, tasks, docker_registry, reader, name):
    image_name = docker_registry.push(image(), "team/app", "v1")
    good, wrong = secret(up, "ann", "se:cret"), secret(up, "ann", "other")
    stopped, text = run(tasks, name, image_name, reader, good["ARN"])
    assert "started" in text, stopped
    stopped, text = run(tasks, name, image_name, reader, good["Name"])
    assert "started" in text, stopped
    # The image is here by now, and still neither a wrong password nor none will do, not even to who knows its digest.
    by_digest = "%s@%s" % (image_name.rsplit(":", 1)[0], stopped["containers"][0]["imageDigest"])
    for image_name, parameter in ((image_name, wrong["ARN"]), (image_name, None), (by_digest, None)):
        stopped, text = run(tasks, name, image_name, reader, parameter)
        assert "started" not in text and stopped["stopCode"] == "TaskFailedToStart"
        assert stopped["stoppedReason"].startswith("CannotPullContainerError: pull access denied for " + docker_registry.host_port)


def test_another_slipway_that_asks_for_tokens(up, tasks, other, reader, name):
    other.create_repository("team/app")
    with other.http() as h:
        image().push(h, "team/app", "v1")
    image_name = "%s/team/app:v1" % other.host_port
    stopped, text = run(tasks, name, image_name, reader, secret(up, "AWS", other.password())["ARN"])
    assert "started" in text, stopped
    stopped, text = run(tasks, name, image_name, reader, secret(up, "AWS", "nonsense")["ARN"])
    assert "started" not in text
    assert stopped["stoppedReason"].startswith("CannotPullContainerError: pull access denied"), stopped["stoppedReason"]


def test_our_own_registry_in_the_name_of_the_secret(up, tasks, reader, name):
    """The execution role may not read the repository; whoever the secret names may."""
    private = tasks.push(image(), "private/app")
    stopped, text = run(tasks, name, private, reader)
    assert "started" not in text and "CannotPullECRContainerError" in stopped["stoppedReason"]
    stopped, text = run(tasks, name, private, reader, secret(up, "AWS", up.password())["ARN"])
    assert "started" in text, stopped
    # That it is on this machine now gives nobody a right to it.
    by_digest = "%s@%s" % (private.rsplit(":", 1)[0], stopped["containers"][0]["imageDigest"])
    stopped, text = run(tasks, name, by_digest, reader)
    assert "started" not in text and "CannotPullECRContainerError" in stopped["stoppedReason"]


class TokenRegistry(http.server.ThreadingHTTPServer):
    """One image, for tokens only, which anybody gets; it notes what came."""

    def __init__(self, image_, realm=None):
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.image, self.seen, self.asked = image_, [], []
        self.host_port = "127.0.0.1:%d" % self.server_address[1]
        self.realm = realm or "http://%s/token" % self.host_port
        threading.Thread(target=self.serve_forever, daemon=True).start()


class TokenHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        s, url = self.server, urllib.parse.urlparse(self.path)
        authorization = self.headers.get("Authorization")
        if url.path == "/token":
            s.asked.append((urllib.parse.parse_qs(url.query), authorization))
            self.answer(200, json.dumps({"access_token": "tok-en", "expires_in": 60}).encode(), Content_Type="application/json")
            return
        s.seen.append((self.path, authorization))
        if authorization != "Bearer tok-en":
            self.answer(401, b"{}", WWW_Authenticate='Bearer realm="%s",service="a \\"b\\"",scope="repository:x:push,*"' % s.realm)
            return
        for d, data in s.image.blobs.items():
            if self.path.endswith(d):
                self.answer(200, data)
                return
        self.answer(200, s.image.manifest, Content_Type=s.image.media_type)


def test_tokens_for_anybody(up, tasks, name):
    t = TokenRegistry(image())
    try:
        stopped, text = run(tasks, name, t.host_port + "/team/app:v1")
        assert "started" in text, stopped
        # Only what is needed is asked for, nothing is sent along, and one token serves for all.
        assert t.asked == [({"service": ['a "b"'], "scope": ["repository:team/app:pull"]}, None)]
        assert [a for _, a in t.seen].count(None) == 1
    finally:
        t.shutdown()
        t.server_close()


def test_no_token_from_elsewhere_without_tls(up, tasks, reader, name):
    t = TokenRegistry(image(), realm="http://192.0.2.1/token")
    try:
        stopped, _ = run(tasks, name, t.host_port + "/team/app:v1", reader, secret(up, "a", "b")["ARN"])
        assert "names a token service without https, 192.0.2.1" in stopped["stoppedReason"] and t.asked == []
    finally:
        t.shutdown()
        t.server_close()


@pytest.mark.parametrize("text, part", (
    ("no json", "is no JSON object with username and password"), ('{"username": "a"}', "is no JSON object with username and password"),
    ('{"username": "a:b", "password": "c"}', "is no JSON object with username and password"),
    (None, "failed to fetch secret"),
))
def test_a_secret_that_is_none(up, tasks, reader, name, text, part):
    parameter = "nothing-here"
    if text:
        parameter = up.boto("secretsmanager").create_secret(Name="registry-%s" % uuid.uuid4(), SecretString=text)["ARN"]
    stopped, _ = run(tasks, name, tasks.image, reader, parameter)
    assert stopped["stopCode"] == "TaskFailedToStart", stopped
    assert stopped["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth"), stopped
    assert part in stopped["stoppedReason"] and "no json" not in stopped["stoppedReason"]


def test_what_is_registered_is_described(tasks, name):
    c = {"repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:us-east-1:000000000000:secret:x-AbCdEf"}}
    d = tasks.ecs.describe_task_definition(taskDefinition=tasks.define(name, c))["taskDefinition"]
    assert d["containerDefinitions"][0]["repositoryCredentials"] == c["repositoryCredentials"]
    assert "ecs.capability.private-registry-authentication.secretsmanager" in {a["name"] for a in d["requiresAttributes"]}
    for wrong in ("arn:aws:ssm:us-east-1:000000000000:parameter/x", ""):
        with pytest.raises(ClientError) as e:
            tasks.define(name, {"repositoryCredentials": {"credentialsParameter": wrong}})
        assert "repositoryCredentials.credentialsParameter" in str(e.value)
