# SPDX-License-Identifier: Apache-2.0
"""The server as a process: health, first start, configuration, TLS, access log, and how it ends."""
import hashlib
import json
import os
import signal
import socket
import ssl
import threading
import time

import pytest

from support import images
from support import run as r
from support.rawhttp import Http, basic
from support.server import Server


@pytest.fixture
def make():
    """make(args..., env=...) starts a server that ends with the test."""
    made = []

    def start(*args, **more):
        made.append(Server("serve", args, **more))
        return made[-1].start()
    yield start
    for s in made:
        s.close()


# -- health and first start

@pytest.mark.parametrize("path, body", (("/healthz", b"ok\n"), ("/readyz", b"ready\n")))
def test_health(server, path, body):
    with server.http(None) as h:
        reply = h.get(path)
        assert (reply.status, reply.body) == (200, body)
        assert h.head(path).status == 200
        assert h.request("POST", path, b"x").status in (404, 405)


@pytest.mark.parametrize("path", ("/", "/nothing", "/v3/", "/v2x", "/healthz/x"))
def test_unknown_paths(server, path):
    with server.http(None) as h:
        assert h.get(path).status == 404


def test_first_start_makes_admin_and_credentials(make):
    s = make()
    key = s.admin
    assert s.boto("ecr").describe_repositories()["repositories"] == []
    s.stop()
    s.start()
    assert s.admin == key, "the second start made another key"
    with open(os.path.join(s.data, "endpoint"), encoding="utf-8") as f:
        assert f.read() == s.endpoint + "\n"


def test_lost_credentials_file_is_made_again(make):
    s = make()
    old = s.admin
    s.stop()
    os.unlink(s.credentials_file)
    s.start()
    assert s.admin != old
    assert s.boto("ecr").describe_repositories()["repositories"] == []
    with pytest.raises(Exception, match="UnrecognizedClientException"):
        s.boto("ecr", old).describe_repositories()


def test_account_of_the_first_start_stays(make):
    s = make("--account", "123456789012")
    made = s.create_repository("aa")
    assert made["repositoryArn"] == "arn:aws:ecr:us-east-1:123456789012:repository/aa"
    s.stop()
    s.args = []
    s.start()
    assert s.boto("ecr").describe_repositories()["repositories"] == [made]
    s.stop()
    p = r.run([r.BIN, "serve", "--data", s.data, "--listen", "127.0.0.1:0", "--account", "999999999999"],
              env=r.clean_env(s.home), check=False, timeout=20)
    assert p.returncode == 1 and "123456789012" in p.stderr


# -- configuration

def test_flags_beat_environment_beats_file(make, tmp_path):
    path = tmp_path / "slipway.conf"
    path.write_text("# a comment\nregion = ap-south-1\nlog_level = debug\ncreate_on_push = false\n")
    s = make("--config", str(path), "--region=eu-north-1", env={"SLIPWAY_CREATE_ON_PUSH": "true", "SLIPWAY_REGION": "us-west-2"})
    with s.http() as h:
        images.busybox().push(h, "made/by/push", "v1")
    found = s.boto("ecr", region="eu-north-1").describe_repositories()["repositories"]
    assert [x["repositoryName"] for x in found] == ["made/by/push"]
    with open(s.log, encoding="utf-8") as f:
        assert "AWS_DEFAULT_REGION=eu-north-1" in f.read()


def test_create_on_push_makes_only_good_names(make):
    s = make("--create-on-push")
    with s.http() as h:
        assert h.request("POST", "/v2/BAD/blobs/uploads/").status == 400
        assert h.get("/v2/not-made-by-reading/tags/list").status == 404
    assert s.boto("ecr").describe_repositories()["repositories"] == []


@pytest.mark.parametrize("line, words", (
    ("listen = nonsense", "listen"), ("worker_threads = many", "worker_threads"), ("log_level = loud", "log_level"),
    ("regoin = x", "region"), ("no equals sign", ":1"), ("region = a\nregion = b", ":2"), ("idle_timeout = 3 parsecs", "idle_timeout")))
def test_bad_configuration_is_refused_with_its_place(tmp_path, line, words):
    path = tmp_path / "slipway.conf"
    path.write_text(line + "\n")
    p = r.run([r.BIN, "serve", "--config", path, "--data", tmp_path / "data", "--listen", "127.0.0.1:0"],
              env=r.clean_env(tmp_path), check=False, timeout=20)
    assert p.returncode == 2 and words in p.stderr and str(path) in p.stderr, p
    assert not (tmp_path / "data").exists()


# -- logs

def test_access_log(make, tmp_path):
    path = tmp_path / "access.log"
    s = make("--access-log", str(path))
    s.create_repository("seen")
    with s.http() as h:
        images.push_blob(h, "seen", b"x" * 1000)
    with s.http(None) as h:
        h.get("/v2/seen/tags/list")
    s.stop()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    push = [x for x in lines if x["method"] == "POST" and "/blobs/uploads/" in x["path"]][0]
    assert (push["status"], push["bytes_in"]) == (201, 1000)
    assert push["principal"] == "arn:aws:iam::000000000000:user/admin" and push["request_id"] and push["duration_us"] > 0
    refused = [x for x in lines if x["path"] == "/v2/seen/tags/list"][0]
    assert refused["status"] == 401
    text = path.read_text() + r.tail(s.log, 1000)
    assert s.admin[1] not in text and "Basic " not in text and "Credential=" not in text


# -- TLS

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    r.run([r.need_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
           "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
    return cert, key


class TlsServer(Server):
    def __init__(self, cert, key):
        super().__init__("serve", ["--tls-cert", cert, "--tls-key", key])
        self.cert = cert

    def _ready(self, endpoint_file):
        if not os.path.exists(endpoint_file):
            return False
        with open(endpoint_file, encoding="utf-8") as f:
            self.port = int(f.read().strip().rsplit(":", 1)[1])
        return True

    @property
    def endpoint(self):
        return "https://" + self.host_port

    def env(self, **more):
        return super().env(AWS_CA_BUNDLE=self.cert, **more)


@pytest.fixture
def tls_server(certificate):
    s = TlsServer(*certificate)
    try:
        yield s.start()
    finally:
        s.close()


def test_tls_for_aws_cli_slipway_and_skopeo(tls_server, busybox_layout, busybox_image, tmp_path):
    s = tls_server
    s.aws("ecr", "create-repository", "--repository-name", "tls/app")
    remote = s.host_port + "/tls/app"
    s.slipway("push", busybox_layout, remote + ":v1")
    s.slipway("pull", remote + ":v1", str(tmp_path / "pulled"))
    folder = tmp_path / "certs"
    folder.mkdir()
    with open(s.cert, encoding="utf-8") as f:
        (folder / "ca.crt").write_text(f.read())
    password = s.aws("ecr", "get-login-password").strip()
    seen = json.loads(r.run([r.need_program("skopeo"), "inspect", "--cert-dir", str(folder), "--creds", "AWS:" + password,
                             "docker://" + remote + ":v1"], env=r.clean_env(tmp_path)).stdout)
    assert seen["Digest"] == busybox_image.digest


def test_tls_refuses_old_protocols_and_plain_text(tls_server):
    context = ssl.create_default_context(cafile=tls_server.cert)
    with socket.create_connection(("127.0.0.1", tls_server.port), 10) as raw, \
            context.wrap_socket(raw, server_hostname="localhost") as s:
        assert s.version() in ("TLSv1.2", "TLSv1.3")
    with socket.create_connection(("127.0.0.1", tls_server.port), 10) as s:
        s.settimeout(5)
        s.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert b" 200 " not in s.recv(4096)
        except (ConnectionResetError, socket.timeout):
            pass  # closed without an answer is as good
    with Http(tls_server.host_port, timeout=3) as h:
        with pytest.raises(OSError):
            h.get("/healthz")


def test_tls_files_that_do_not_fit(tmp_path, certificate):
    p = r.run([r.BIN, "serve", "--data", tmp_path / "d", "--listen", "127.0.0.1:0", "--tls-cert", certificate[0], "--tls-key",
               tmp_path / "none"], env=r.clean_env(tmp_path), check=False, timeout=20)
    assert p.returncode in (1, 2) and "none" in p.stderr
    p = r.run([r.BIN, "serve", "--data", tmp_path / "d", "--listen", "127.0.0.1:0", "--tls-cert", certificate[0]],
              env=r.clean_env(tmp_path), check=False, timeout=20)
    assert p.returncode in (1, 2) and "tls" in p.stderr


# -- ends

def slow_upload(s, data, seconds, got, under_way):
    """A push whose body takes that long; got receives the answer. Sets under_way in the middle."""
    with socket.create_connection(("127.0.0.1", s.port), 30) as c:
        c.sendall(("POST /v2/slow/blobs/uploads/?digest=sha256:%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n" % (
            hashlib.sha256(data).hexdigest(), basic(s.password()), len(data))).encode())
        for i in range(10):
            c.sendall(data[i * len(data) // 10:(i + 1) * len(data) // 10])
            time.sleep(seconds / 10)
            if i == 4:
                under_way.set()
        c.settimeout(100)
        got.append(c.recv(4096))


def test_stopping_finishes_requests_in_flight(make):
    s = make()
    s.create_repository("slow")
    got, under_way = [], threading.Event()
    t = threading.Thread(target=slow_upload, args=(s, os.urandom(100000), 2, got, under_way))
    t.start()
    assert under_way.wait(100)
    s.stop(seconds=20)
    t.join(100)
    assert got and got[0].startswith(b"HTTP/1.1 201 "), got


def test_stopping_does_not_wait_for_ever(make):
    s = make("--shutdown-grace", "1s")
    s.create_repository("slow")
    with socket.create_connection(("127.0.0.1", s.port), 10) as stuck:
        stuck.sendall(("POST /v2/slow/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 10\r\n\r\nhalf" % (
            basic(s.password()))).encode())
        time.sleep(0.3)
        started = time.monotonic()
        s.stop(seconds=15)
        assert time.monotonic() - started < 6 * r.PATIENCE


def test_idle_connections_do_not_delay_the_end(make):
    s = make()
    with s.http() as h:
        assert h.get("/v2/").status == 200
        started = time.monotonic()
        s.stop(seconds=20)
        assert time.monotonic() - started < 3 * r.PATIENCE


@pytest.mark.parametrize("signal_number", (signal.SIGTERM, signal.SIGINT))
def test_both_signals_end_serve(make, signal_number):
    s = make()
    s.stop(signal_number)


def test_silent_connections_are_closed(make):
    s = make("--idle-timeout", "1s")
    with socket.create_connection(("127.0.0.1", s.port), 10) as c:
        c.settimeout(100)
        assert c.recv(10) == b""


def test_many_clients_at_once(make):
    """64 connections push and pull small blobs; every answer is right and the server is quiet about it."""
    s = make()
    s.create_repository("many")
    password, wrong = s.password(), []

    def client(number):
        try:
            with Http(s.host_port, password) as h:
                for i in range(5):
                    data = b"%d %d" % (number % 16, i)  # shared by four clients each
                    name = images.push_blob(h, "many", data)
                    assert h.get("/v2/many/blobs/" + name).body == data
        except (AssertionError, OSError) as e:
            wrong.append(e)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(300)
    assert not wrong, wrong[0]
