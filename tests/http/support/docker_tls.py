# SPDX-License-Identifier: Apache-2.0
"""Run in a network and a mount namespace of its own: docker logs in, pushes and pulls over TLS with the authority where
`slipway cert` says that docker looks for it."""
import os
import shutil
import subprocess
import tempfile

from support import images
from support import run as r
from support.dockerd import Dockerd
from support.tls import TlsServer

ADDRESS = "192.0.2.10"  # not of loopback, which docker never verifies


class Elsewhere(TlsServer):
    @property
    def host_port(self):
        return "%s:%d" % (ADDRESS, self.port)


def sh(*argv):
    subprocess.run(argv, check=True, env=r.clean_env("/tmp"))


def login(docker, server):
    return docker.run("login", "--username", "AWS", "--password-stdin", server.host_port,
                      stdin=server.slipway("get-login-password", "--endpoint", server.endpoint).stdout, check=False)


def run(server, docker, folder):
    p = login(docker, server)
    assert p.returncode != 0 and "x509" in p.stderr, p.stderr
    certs = "/etc/docker/certs.d/" + server.host_port
    os.makedirs(certs)
    shutil.copy(server.ca, certs + "/ca.crt")
    p = login(docker, server)
    assert p.returncode == 0, p.stderr
    server.create_repository("app")
    tag = server.host_port + "/app:v1"
    docker.run("load", "--input", images.docker_archive(os.path.join(folder, "image.tar"), images.busybox(), tag))
    docker.run("push", tag, timeout=120)
    docker.run("image", "rm", "--force", tag)
    docker.run("pull", tag, timeout=120)
    print("pushed and pulled")


def main():
    folder = tempfile.mkdtemp(prefix="slipway-docker-tls-")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "address", "add", ADDRESS + "/32", "dev", "lo")
    os.makedirs("/etc/docker", exist_ok=True)
    sh("mount", "-t", "tmpfs", "tmpfs", "/etc/docker")
    server = Elsewhere(args=["--listen", ADDRESS + ":0"], hosts=(ADDRESS,))
    docker = Dockerd()
    try:
        server.start()
        docker.start()
        run(server, docker, folder)
    finally:
        docker.close()
        server.close()
        r.remove_tree(folder)


if __name__ == "__main__":
    main()
