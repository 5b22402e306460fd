# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 28
"""TLS: `slipway cert`, clients that verify, and a certificate that is replaced while transfers go on."""
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import sys
import time

import pytest

from support import images
from support import run as r
from support.clients import Client
from support.rawhttp import basic
from support.tasks import Tasks
from support.tls import TlsServer, make_certificate, serial_in


@pytest.fixture(scope="module")
def tls():
    r.need_program("openssl")
    s = TlsServer()
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def repository(tls, name):
    tls.create_repository(name)
    return name


def openssl(*argv):
    return r.run(["openssl"] + list(argv), env=r.clean_env("/tmp")).stdout


# -- slipway cert

def test_cert_makes_what_it_says(tmp_path):
    r.need_program("openssl")
    said = make_certificate(str(tmp_path), "--host", "registry.example.com", "--host=192.0.2.7", "--port", "5443").stdout
    folder = os.path.realpath(tmp_path)
    assert sorted(os.listdir(folder)) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    assert os.stat(folder + "/ca.key").st_mode & 0o777 == os.stat(folder + "/tls.key").st_mode & 0o777 == 0o600
    assert "  tls_cert = %s/tls.crt\n  tls_key = %s/tls.key\n" % (folder, folder) in said
    assert "/etc/docker/certs.d/registry.example.com:5443/ca.crt" in said
    assert "AWS_CA_BUNDLE=%s/ca.crt" % folder in said
    openssl("verify", "-x509_strict", "-CAfile", folder + "/ca.crt", folder + "/tls.crt")
    names = openssl("x509", "-in", folder + "/tls.crt", "-noout", "-ext", "subjectAltName")
    for wanted in ("DNS:registry.example.com", "IP Address:192.0.2.7", "DNS:localhost", "IP Address:127.0.0.1"):
        assert wanted in names
    assert "prime256v1" in openssl("x509", "-in", folder + "/tls.crt", "-noout", "-text")


def test_cert_again_renews_under_the_same_authority(tmp_path):
    folder = str(tmp_path)
    make_certificate(folder, "--host", "a.example")
    with open(folder + "/ca.crt", encoding="utf-8") as f:
        authority = f.read()
    first = serial_in(folder + "/tls.crt")
    said = make_certificate(folder, "--host", "a.example").stdout
    assert "kept" in said
    assert serial_in(folder + "/tls.crt") != first
    with open(folder + "/ca.crt", encoding="utf-8") as f:
        assert f.read() == authority


def test_cert_leaves_keys_of_others_alone(tmp_path):
    folder = str(tmp_path)
    with open(folder + "/tls.key", "w", encoding="utf-8") as f:
        f.write("precious")
    p = make_certificate(folder, "--host", "a.example", check=False)
    assert p.returncode == 1 and "tls.key was not made by slipway cert" in p.stderr
    with open(folder + "/tls.key", encoding="utf-8") as f:
        assert f.read() == "precious"
    assert make_certificate(folder, "--host", "a.example", "--force").returncode == 0


@pytest.mark.parametrize("argv,status,part", [
    (["--host", "a,DNS:b"], 1, "neither a host name nor an address"),
    (["--host", "a.example:5000"], 1, "has no port"),
    (["--host"], 2, "--host takes"),
    (["--host="], 2, "--host takes"),
    (["--hots", "a"], 2, 'did you mean "--host"'),
    (["stray"], 2, "usage: slipway cert"),
    (["--host", "a"] * 101, 2, "at most 100"),
])
def test_cert_refuses_a_bad_command_line(tmp_path, argv, status, part):
    p = make_certificate(str(tmp_path / "out"), *argv, check=False)
    assert p.returncode == status and part in p.stderr
    assert not os.path.exists(tmp_path / "out/tls.key")


def test_cert_goes_into_the_data_folder(tmp_path):
    env = r.clean_env(tmp_path, SLIPWAY_DATA=str(tmp_path / "data"))
    r.run([r.BIN, "cert"], env=env)
    assert os.path.exists(tmp_path / "data/tls/tls.crt")
    assert os.stat(tmp_path / "data").st_mode & 0o777 == 0o700


# -- clients that verify

def test_a_certificate_that_is_none_is_said_so(tmp_path):
    path = tmp_path / "file"
    path.write_text("no certificate")
    p = r.run([r.BIN, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--tls-cert", path, "--tls-key",
               path], env=r.clean_env(tmp_path), check=False, timeout=20)
    assert p.returncode == 1 and "no certificate in PEM form" in p.stderr


def test_curl_with_and_without_the_authority(tls):
    curl = r.need_program("curl")
    url = tls.endpoint + "/v2/"
    env = r.clean_env("/tmp")
    assert r.run([curl, "-sS", "--cacert", tls.ca, "-o", "/dev/null", "-w", "%{http_code}", url], env=env).stdout == "401"
    p = r.run([curl, "-sS", url], env=env, check=False)
    assert p.returncode == 60  # cannot be authenticated with known authorities
    challenge = r.run([curl, "-sSI", "--cacert", tls.ca, url], env=env).stdout.lower()
    assert "www-authenticate: " in challenge and "https://" in challenge


def test_aws_cli(tls, repository):
    env = tls.env()
    del env["AWS_CA_BUNDLE"]
    assert tls.aws("--ca-bundle", tls.ca, "ecr", "describe-repositories", "--repository-names", repository, env=env)
    p = tls.aws("ecr", "describe-repositories", check=False, env=env)
    assert p.returncode != 0 and "SSL" in p.stderr


@pytest.fixture
def cert_dir(tls, tmp_path):
    """What docker would have as /etc/docker/certs.d/HOST:PORT."""
    folder = tmp_path / "certs"
    folder.mkdir()
    shutil.copy(tls.ca, folder / "ca.crt")
    return str(folder)


@pytest.mark.parametrize("program", ["skopeo", "podman"])
def test_containers_tools(program, tls, repository, busybox_layout, busybox_image, cert_dir, tmp_path):
    c = Client(program, tmp_path / program)
    remote = "%s/%s:v1" % (tls.host_port, repository)
    password = tls.slipway("get-login-password", "--ca-file", tls.ca).stdout
    try:
        p = c.run("login", "--username", "AWS", "--password-stdin", tls.host_port, stdin=password, check=False)
        assert p.returncode != 0 and "x509" in p.stderr
        c.run("login", "--cert-dir", cert_dir, "--username", "AWS", "--password-stdin", tls.host_port, stdin=password)
        if program == "skopeo":
            c.run("copy", "--preserve-digests", "--dest-cert-dir", cert_dir, "oci:%s:latest" % busybox_layout,
                  "docker://" + remote, timeout=300)
            seen = json.loads(c.run("inspect", "--cert-dir", cert_dir, "docker://" + remote).stdout)
            assert seen["Digest"] == busybox_image.digest
        else:
            image = c.run("pull", "--quiet", "oci:%s:latest" % busybox_layout).stdout.strip()
            c.run("push", "--cert-dir", cert_dir, image, remote, timeout=300)
            c.run("rmi", "--force", image)
            assert c.run("pull", "--quiet", "--cert-dir", cert_dir, remote, timeout=300).stdout.strip() == image
    finally:
        c.close()


def test_slipway_push_and_pull(tls, repository, busybox_layout, busybox_image, tmp_path):
    remote = "%s/%s:v1" % (tls.host_port, repository)
    env = tls.env(SLIPWAY_DATA=tls.data)
    del env["AWS_CA_BUNDLE"]
    p = tls.slipway("push", busybox_layout, remote, check=False, env=env)
    assert p.returncode != 0
    tls.slipway("push", "--ca-file", tls.ca, busybox_layout, remote, env=env)
    tls.slipway("pull", "--ca-file", tls.ca, remote, str(tmp_path / "back"), env=env)
    assert os.path.exists(tmp_path / "back/blobs" / busybox_image.digest.replace(":", "/"))


def test_docker_with_the_authority_in_certs_d():
    """In a network and a mount namespace of its own: docker never verifies loopback addresses, and reads one folder only."""
    r.need_root("namespaces")
    for program in ("dockerd", "docker", "ip", "unshare"):
        r.need_program(program)
    script = os.path.join(r.HERE, "docker_tls.py")
    env = r.clean_env("/tmp", SLIPWAY_BIN=r.BIN, PYTHONPATH=os.path.dirname(r.HERE))
    p = r.run(["unshare", "--mount", "--net", sys.executable, script], env=env, timeout=240)
    assert "pushed and pulled" in p.stdout


def test_tasks_of_up_over_tls():
    r.need_root()
    for program in ("runc", "conmon", "busybox"):
        r.need_program(program)
    up = TlsServer("up")
    try:
        up.start()
        tasks = Tasks(up)
        first = tasks.start("one", {"command": "echo over tls"})
        tasks.wait_stopped(first)
        assert tasks.container(first)["exitCode"] == 0
        up.renew()
        up.process.send_signal(signal.SIGHUP)
        second = tasks.start("two", {"command": "exit 3"})
        tasks.wait_stopped(second)
        assert tasks.container(second)["exitCode"] == 3
    finally:
        up.close()


# -- another certificate while it runs

def lines(server, event):
    with open(server.log, encoding="utf-8") as f:
        return [json.loads(line) for line in f if '"event":"%s"' % event in line]


@pytest.fixture(scope="module")
def big(tls, tmp_path_factory):
    """(path of a blob of 200 MB, its digest)"""
    tls.create_repository("big")
    block = hashlib.sha256(b"block").digest() * 32768  # 1 MiB
    data = b"".join(i.to_bytes(8, "big") + block[8:] for i in range(200))
    with tls.http() as h:
        name = images.push_blob(h, "big", data)
    return "/v2/big/blobs/" + name, name


def test_a_download_survives_the_reload_and_new_connections_see_the_new_certificate(tls, big):
    path, name = big
    before = tls.serial()
    assert before == serial_in(tls.cert)
    with tls.http() as h:
        c = h._connect()  # pylint: disable=protected-access
        c.request("GET", path, headers={"Authorization": h.authorization})
        reply = c.getresponse()
        assert reply.status == 200 and int(reply.getheader("Content-Length")) == 200 << 20
        seen = hashlib.sha256(reply.read(8 << 20))
        after = tls.renew()
        assert after != before
        tls.process.send_signal(signal.SIGHUP)
        r.wait_for(lambda: tls.serial() == after, 10, 0.1, "new certificate")
        while True:
            piece = reply.read(1 << 20)
            if not piece:
                break
            seen.update(piece)
        assert "sha256:" + seen.hexdigest() == name
        assert h.get("/v2/big/tags/list").status == 200  # the old connection goes on
        assert h.connections == 1
    assert lines(tls, "certificate-replaced")[-1]["serial"].lstrip("0") == after


def test_an_upload_survives_the_reload(tls, repository):
    data = os.urandom(1 << 20) * 64
    with tls.http() as h:
        location = h.request("POST", "/v2/%s/blobs/uploads/" % repository).header("Location")

        def pieces():
            for i in range(0, len(data), 1 << 20):
                if i == 16 << 20:
                    tls.renew()
                    tls.process.send_signal(signal.SIGHUP)
                    r.wait_for(lambda: tls.serial() == serial_in(tls.cert), 10, 0.1, "new certificate")
                yield data[i:i + (1 << 20)]
        c = h._connect()  # pylint: disable=protected-access
        c.request("PUT", location + ("&" if "?" in location else "?") + "digest=" + images.digest(data), pieces(),
                  {"Authorization": h.authorization, "Content-Length": str(len(data))})
        reply = c.getresponse()
        reply.read()
        assert reply.status == 201
        assert h.connections == 1


def test_changed_files_are_found_without_a_signal(tls):
    after = tls.renew()
    r.wait_for(lambda: tls.serial() == after, 20, 0.2, "new certificate")


def test_a_bad_pair_keeps_the_old_one_and_says_why(tls):
    good = tls.serial()
    complaints = len(lines(tls, "certificate-kept"))
    with open(tls.key, "rb") as f:
        key = f.read()
    other = os.path.join(tls.home, "other")
    make_certificate(other, "--host", "127.0.0.1")
    shutil.copy(os.path.join(other, "tls.key"), tls.key)
    tls.process.send_signal(signal.SIGHUP)
    r.wait_for(lambda: len(lines(tls, "certificate-kept")) > complaints, 10, 0.1, "complaint")
    line = lines(tls, "certificate-kept")[-1]
    assert line["level"] == "error" and "is not the key of the certificate" in line["message"]
    assert tls.serial() == good
    count = len(lines(tls, "certificate-kept"))
    time.sleep(5)  # two looks at the files: one complaint is enough
    assert len(lines(tls, "certificate-kept")) == count
    with open(tls.cert, "w", encoding="utf-8") as f:
        f.write("nonsense")
    tls.process.send_signal(signal.SIGHUP)
    r.wait_for(lambda: len(lines(tls, "certificate-kept")) > count, 10, 0.1, "complaint")
    assert "no certificate in PEM form" in lines(tls, "certificate-kept")[-1]["message"]
    assert tls.serial() == good
    with open(tls.key, "wb") as f:
        f.write(key)
    after = tls.renew()
    r.wait_for(lambda: tls.serial() == after, 20, 0.2, "new certificate")


def test_reloads_under_load_drop_nothing(tls):
    """Thirty reloads while four clients make new connections all the time."""
    import threading
    stop, problems, done = threading.Event(), [], [0]

    def client():
        while not stop.is_set():
            try:
                with tls.http(None) as h:
                    for _ in range(3):
                        assert h.get("/healthz").status == 200
                        done[0] += 1
            except (OSError, AssertionError) as e:
                problems.append(repr(e))
    threads = [threading.Thread(target=client) for _ in range(4)]
    for t in threads:
        t.start()
    for _ in range(30):
        tls.renew()
        tls.process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    stop.set()
    for t in threads:
        t.join(150)
    assert not problems, problems[:3]
    assert done[0] > 100


def test_old_protocols_are_refused(tls):
    host, port = tls.host_port.split(":")
    for flag, works in (("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False), ("-tls1", False)):
        p = r.run(["openssl", "s_client", "-connect", "%s:%s" % (host, port), flag, "-cipher", "ALL@SECLEVEL=0",
                   "-CAfile", tls.ca], env=r.clean_env("/tmp"), stdin="", check=False)
        assert (p.returncode == 0) == works, (flag, p.stdout[-500:])


def test_plain_http_on_the_tls_port_is_no_crash(tls):
    from support.rawhttp import send_bytes
    assert b"200" not in send_bytes(tls.host_port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5)
    with tls.http(None) as h:
        assert h.get("/healthz").status == 200


def test_the_wrong_name_is_the_clients_to_refuse(tls):
    context = ssl.create_default_context(cafile=tls.ca)
    import socket
    host, port = tls.host_port.split(":")
    with socket.create_connection((host, int(port)), 10) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="other.example")


# -- refusals in the middle of a body

def test_a_refusal_in_the_middle_of_a_body_is_read(tls, repository):
    """Without an end that is announced: the server knows only on the way that it is too much, and the client is still sending."""
    head = ("PUT /v2/%s/manifests/v1 HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nTransfer-Encoding: chunked\r\n"
            "Content-Type: %s\r\n\r\n" % (repository, tls.host_port, basic(tls.password()), images.OCI_MANIFEST))
    context = ssl.create_default_context(cafile=tls.ca)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", tls.port), 20) as raw, \
                context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
            s.sendall(head.encode())
            piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            try:
                for _ in range(20 * 16):
                    s.sendall(piece)
            except OSError:
                pass  # it need not take what it does not want
            answer = b""
            while True:
                try:
                    part = s.recv(65536)
                except OSError:
                    break
                if not part:
                    break
                answer += part
        assert answer.startswith(b"HTTP/1.1 413 "), answer[:300]
        assert b"\r\nConnection: close\r\n" in answer and b'"code":"' in answer, answer[:600]
    with tls.http() as h:
        assert h.get("/v2/%s/tags/list" % repository).json()["tags"] == []
