# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 76
"""What one caller may take: requests, connections, headers, bodies, time."""
import json
import os
import socket
import threading
import time

import botocore.exceptions
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support import images
from support import run as r
from support.clients import Client
from support.rawhttp import Http, basic
from support.server import Server
from support.tls import TlsServer


def running(*args, kind=Server):
    s = kind(args=[str(a) for a in args])
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="module")
def limited():
    """Two requests a second, eight at once."""
    yield from running("--request-rate", 2, "--request-burst", 8)


@pytest.fixture(scope="module")
def strict():
    """Little patience, small requests."""
    yield from running("--header-timeout", "1s", "--idle-timeout", "4s", "--transfer-rate-min", "10KiB",
                       "--header-bytes-max", "16KiB", "--body-bytes-max", "1MiB")


def connect(server):
    host, port = server.host_port.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 20)


def alive(server):
    with server.http(None) as h:
        assert h.get("/healthz").status == 200


# -- rates

def allowed(since):
    """At most so many requests of one caller pass from then until now: those at once, then two a second."""
    return 8 + 2 * (time.monotonic() - since) + 1


def spend(http, path, most=1000):
    """Requests until the first that is refused, which is in time; that one."""
    since = time.monotonic()
    for n in range(most):
        reply = http.get(path)
        if reply.status == 429:
            assert 8 <= n <= allowed(since)
            return reply
    raise AssertionError("%d requests and no 429" % most)


def test_registry_answers_429_with_retry_after(limited):
    password = limited.password()
    time.sleep(4.5)  # the bucket is full again
    with limited.http(password) as h:
        reply = spend(h, "/v2/")
        assert reply.code() == "TOOMANYREQUESTS"
        assert reply.header("Retry-After") == "1"
        assert "WWW-Authenticate" not in dict(reply.headers)
        assert h.connections == 1
        time.sleep(1.1)
        assert h.get("/v2/").status == 200


def refused_calls(ecs, since, most=1000):
    """Calls of one who may do nothing and began then, until there are too many; the last answer."""
    for n in range(most):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            ecs.list_clusters()
        if caught.value.response["Error"]["Code"] == "ThrottlingException":
            break
        assert n <= allowed(since)
    return caught.value.response


def test_one_caller_does_not_slow_another(limited):
    time.sleep(4.5)
    a, b = [limited.boto("ecs", limited.add_user(name)) for name in ("a", "b")]
    began = time.monotonic()
    assert refused_calls(a, began)["Error"]["Code"] == "ThrottlingException"
    assert refused_calls(b, began, 1)["Error"]["Code"] == "AccessDeniedException"
    assert refused_calls(a, began + 4)["Error"]["Code"] == "ThrottlingException"


def test_without_a_principal_the_address_counts(limited):
    time.sleep(4.5)
    with limited.http(None) as h:
        assert spend(h, "/v2/").code() == "TOOMANYREQUESTS"
    since = time.monotonic()
    with Http(limited.host_port) as guess:  # guessing passwords comes from the same address
        n = 0
        while guess.get("/v2/", {"Authorization": basic("guess")}).status != 429:
            n += 1
            assert n <= allowed(since) - 8


def test_aws_calls_are_throttled_in_their_own_form(limited):
    time.sleep(4.5)
    answer = refused_calls(limited.boto("ecs", limited.add_user("caller")), time.monotonic())
    assert answer["Error"]["Code"] == "ThrottlingException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


def test_the_aws_cli_waits_and_succeeds(limited):
    for _ in range(4):
        limited.aws("ecr", "describe-repositories")


def test_health_is_not_counted(limited):
    with limited.http(None) as h:
        for _ in range(30):
            assert h.get("/healthz").status == 200


def test_skopeo_waits_and_succeeds(limited, busybox_layout, busybox_image, tmp_path):
    time.sleep(4.5)
    limited.create_repository("app")
    c = Client("skopeo", tmp_path / "skopeo")
    try:
        c.login(limited.host_port, limited.password())
        for tag in ("v1", "v2"):
            c.run("copy", "--preserve-digests", "--retry-times", "5", "--dest-tls-verify=false",
                  "oci:%s:latest" % busybox_layout, "docker://%s/app:%s" % (limited.host_port, tag), timeout=120)
    finally:
        c.close()
    time.sleep(4.5)
    with limited.http() as h:
        assert h.get("/v2/app/manifests/v2").header("Docker-Content-Digest") == busybox_image.digest


# -- slow peers

def wait_closed(s, seconds):
    """What comes until the peer closes, which it should within that time."""
    s.settimeout(seconds * r.PATIENCE)
    got = b""
    while True:
        try:
            piece = s.recv(65536)
        except ConnectionResetError:
            return got
        if not piece:
            return got
        got += piece


def drip(s, data, every, seconds):
    """Sends one byte at a time; the seconds after which the peer had enough."""
    start = time.monotonic()
    for i in range(int(seconds / every)):
        try:
            s.sendall(data[i % len(data):i % len(data) + 1])
        except (BrokenPipeError, ConnectionResetError):
            return time.monotonic() - start
        time.sleep(every)
    raise AssertionError("dripped for %d s" % seconds)


def test_a_dripping_head_is_ended(strict):
    with connect(strict) as s:
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-Drip: y\r\n" * 1000
        assert drip(s, head, 0.2, 25)
        alive(strict)


def test_half_a_head_is_told(strict):
    with connect(strict) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        assert wait_closed(s, 6).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_a_silent_connection_is_closed(strict):
    with connect(strict) as s:
        assert wait_closed(s, 6) == b""


def test_a_kept_connection_may_pause_but_not_drip(strict):
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(strict) as s:
        s.sendall(request)
        assert b" 200 " in s.recv(4096)
        time.sleep(1.5)  # longer than header_timeout, shorter than idle_timeout
        s.sendall(request)
        assert b" 200 " in s.recv(4096)
        assert drip(s, b"GET /" + b"a" * 1000, 0.2, 25)


def upload_head(server, length):
    server.create_repository("u%d" % length)
    with server.http() as h:
        location = h.request("POST", "/v2/u%d/blobs/uploads/" % length).header("Location")
        if location.startswith("http"):
            location = "/" + location.split("/", 3)[3]
        return ("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/octet-stream\r\n"
                "Content-Length: %d\r\n\r\n" % (location, h.authorization, length)).encode()


def test_a_dripping_body_is_ended(strict):
    head = upload_head(strict, 100000)
    with connect(strict) as s:
        s.sendall(head)
        assert drip(s, b"x", 0.1, 55)
    alive(strict)


def test_a_steady_body_is_not(strict):
    head = upload_head(strict, 200000)
    with connect(strict) as s:
        s.sendall(head)
        for _ in range(50):
            s.sendall(b"x" * 4000)
            time.sleep(0.1)
        assert b" 202 " in s.recv(4096)


def test_whoever_does_not_take_the_answer_loses_the_connection():
    s = Server(args=["--idle-timeout", "2s", "--transfer-rate-min", "100KiB"])
    try:
        s.start()
        s.create_repository("big")
        data = os.urandom(1 << 20) * 64
        with s.http() as h:
            name = images.push_blob(h, "big", data)
            head = "GET /v2/big/blobs/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n" % (name, h.authorization)
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(60)
            slow.connect(("127.0.0.1", s.port))
            slow.sendall(head.encode())
            start = time.monotonic()
            got = 0
            with pytest.raises(ConnectionResetError):
                while time.monotonic() - start < 60:
                    got += len(slow.recv(1000))  # 10 KB a second: never silent
                    time.sleep(0.1)
            assert got < 2 << 20
        with s.http() as h:  # and the others get it all
            assert len(h.get("/v2/big/blobs/" + name).body) == len(data)
    finally:
        s.close()


def test_a_slow_handshake_is_ended():
    for s in running("--header-timeout", "1s", kind=TlsServer):
        with connect(s) as c:
            c.sendall(b"\x16\x03\x01")
            assert wait_closed(c, 6) == b""
        with connect(s) as c:
            assert wait_closed(c, 6) == b""
        alive(s)


def test_many_slow_heads_leave_the_server_usable(strict):
    slow = [connect(strict) for _ in range(200)]
    try:
        for s in slow:
            s.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        for _ in range(20):
            alive(strict)
        deadline = time.monotonic() + 60
        for s in slow:
            assert b" 408 " in wait_closed(s, max(0.1, deadline - time.monotonic()) / r.PATIENCE)
    finally:
        for s in slow:
            s.close()


# -- sizes

def test_headers_beyond_the_maximum(strict):
    with strict.http(None) as h:
        assert h.get("/healthz", {"X-Long": "x" * 8000}).status == 200
        assert h.get("/healthz", {"X-Long": "x" * 20000}).status == 431
        assert h.get("/" + "x" * 20000).status in (414, 431)
    alive(strict)


def test_bodies_beyond_the_maximum(strict):
    strict.create_repository("bodies")
    with strict.http() as h:
        reply = h.request("POST", "/v2/bodies/blobs/uploads/?digest=" + images.digest(b"x" * 1100000), b"x" * 1100000)
        assert reply.status == 413 and reply.json()["errors"]
    with strict.http() as h:
        images.push_blob(h, "bodies", b"x" * 1000000)
    tags = [{"Key": "k", "Value": "x" * 1100000}]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        strict.boto("ecr").create_repository(repositoryName="too-large", tags=tags)
    assert "larger than 1048576 bytes" in caught.value.response["Error"]["Message"]
    alive(strict)


# -- connections

def test_connections_of_one_address():
    for s in running("--connections-max-per-ip", 5):
        held = []
        try:
            for _ in range(5):
                held.append(connect(s))
                held[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b" 200 " in held[-1].recv(4096)
            with connect(s) as one_more:
                try:
                    one_more.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                except OSError:
                    pass
                assert wait_closed(one_more, 5) == b""
            held.pop().close()

            def again():
                with connect(s) as c:
                    try:
                        c.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        return b" 200 " in wait_closed(c, 5)
                    except OSError:
                        return False
            r.wait_for(again, 5, 0.1, "free connection")
        finally:
            for c in held:
                c.close()


def test_connections_at_once():
    """Beyond the maximum new ones wait; when the slow ones have been ended, they are served."""
    for s in running("--connections-max", 8, "--network-threads", 2, "--header-timeout", "2s"):
        slow = [connect(s) for _ in range(30)]
        try:
            for c in slow:
                c.sendall(b"GET /")
            start = time.monotonic()
            r.wait_for(lambda: _served(s), 30, 0.2, "answer")
            assert time.monotonic() - start < 30 * r.PATIENCE
        finally:
            for c in slow:
                c.close()


def _served(server):
    try:
        with Http(server.host_port, timeout=3) as h:
            return h.get("/healthz").status == 200
    except OSError:
        return False


# -- the access log knows

def test_a_request_that_was_too_slow_is_logged_as_408(tmp_path):
    log = tmp_path / "access.log"
    for s in running("--idle-timeout", "1s", "--transfer-rate-min", "10KiB", "--access-log", log):
        head = upload_head(s, 100000)
        with connect(s) as c:
            c.sendall(head)
            drip(c, b"x", 0.1, 30)
        r.wait_for(lambda: any(json.loads(line)["status"] == 408 for line in log.read_text().splitlines()), 5, 0.1,
                   "line with 408")


# -- chunks

@pytest.mark.parametrize("configured", (0, 65536))
def test_the_least_size_of_a_chunk_is_advice(configured):
    """Named where it is configured; one byte is taken all the same, since it could be the last chunk."""
    for s in running("--chunk-min", configured):
        s.create_repository("chunks")
        data = b"abcdef"
        with s.http() as h:
            reply = h.request("POST", "/v2/chunks/blobs/uploads/")
            assert reply.status == 202 and reply.header("OCI-Chunk-Min-Length") == (str(configured) if configured else None)
            for n in range(len(data)):
                reply = h.request("PATCH", reply.header("Location"), data[n:n + 1], {"Content-Range": "%d-%d" % (n, n)})
                assert reply.status == 202 and reply.header("Range") == "0-%d" % n
            name = images.digest(data)
            assert h.request("PUT", reply.header("Location") + "?digest=" + name).status == 201
            assert h.get("/v2/chunks/blobs/" + name).body == data


# -- memory

def memory_mib(server, kind):
    with open("/proc/%d/status" % server.process.pid, encoding="ascii") as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith(kind + ":"))


MANY = b",".join([b'{"a":{}}'] * 49900)  # 27 MiB as values


def put_many(server, http):
    reply = images.put_manifest(http, "memory", "t", b'{"schemaVersion":2,"manifests":[],"x":[' + MANY + b"]}", images.OCI_INDEX)
    return reply.status == 201


def call_with_many(server, http):
    """Refused as what it is; but only after it was read."""
    body = b'{"unknown":[' + MANY + b"]}"
    request = AWSRequest("POST", server.endpoint + "/", data=body, headers={
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", "Content-Type": "application/x-amz-json-1.1"})
    SigV4Auth(Credentials(*server.admin[:2]), "ecr", "us-east-1").add_auth(request)
    http.authorization = None
    reply = http.request("POST", "/", body, dict(request.headers))
    return reply.status == 400 and b"Unknown parameter" in reply.body


@pytest.mark.parametrize("send", (put_many, call_with_many))
def test_what_is_made_of_many_values_takes_bounded_memory(send):
    """16 workers do not take sixteen times what one does, and nobody keeps it."""
    for s in running():
        with open("/proc/%d/maps" % s.process.pid, encoding="ascii") as f:
            if "libasan" in f.read():
                pytest.skip("a sanitizer has a memory of its own")
        s.create_repository("memory")
        before, right = memory_mib(s, "VmHWM"), []

        def push(s=s, right=right):
            with s.http() as h:
                right.extend(send(s, h) for _ in range(4))
        threads = [threading.Thread(target=push) for _ in range(24)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(right) == 96 and all(right)
        assert memory_mib(s, "VmHWM") - before < 220, (before, memory_mib(s, "VmHWM"))
        assert memory_mib(s, "VmRSS") - before < 60, (before, memory_mib(s, "VmRSS"))


def test_a_manifest_of_too_many_values_is_refused():
    for s in running():
        s.create_repository("memory")
        body = b'{"schemaVersion":2,"manifests":[],"x":[' + MANY + b",1" * 300 + b"]}"
        with s.http() as h:
            reply = images.put_manifest(h, "memory", "t", body, images.OCI_INDEX)
        assert (reply.status, reply.code()) == (400, "MANIFEST_INVALID")
        assert "more than 100000 values" in reply.json()["errors"][0]["message"]
