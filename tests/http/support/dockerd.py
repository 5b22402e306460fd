# SPDX-License-Identifier: Apache-2.0
"""A docker daemon of the test's own: private socket, data, exec root and process id file, no network."""
import os
import signal
import subprocess
import tempfile

from support import run as r


class Dockerd:
    def __init__(self):
        r.need_root("dockerd needs it")
        self.program = r.need_program("dockerd")
        self.client = r.need_program("docker")
        self.home = tempfile.mkdtemp(prefix="slipway-dockerd-")
        self.socket = os.path.join(self.home, "sock")
        self.log = os.path.join(self.home, "log")
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([
                self.program, "--host", "unix://" + self.socket, "--data-root", self.home + "/data",
                "--exec-root", self.home + "/exec", "--pidfile", self.home + "/pid", "--bridge", "none",
                "--iptables=false", "--ip6tables=false", "--insecure-registry", "127.0.0.0/8"],
                env=r.clean_env(self.home), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        r.wait_for(lambda: self.process.poll() is not None or self.run("version", check=False).returncode == 0, 60,
                   0.2, "docker daemon; log:\n" + r.tail(self.log))
        assert self.process.poll() is None, "dockerd ended: " + r.tail(self.log)
        return self

    def env(self):
        return r.clean_env(self.home, DOCKER_HOST="unix://" + self.socket, DOCKER_CONFIG=self.home + "/config",
                           DOCKER_CONTENT_TRUST="0")

    def run(self, *argv, **more):
        return r.run([self.client] + list(argv), env=self.env(), **more)

    def close(self):
        if self.process:
            r.end(self.process, signal.SIGTERM, 30)
        for pid, line in r.processes():  # its containerd, if it outlived it
            if self.home + "/" in line and r.alive(pid):
                os.kill(pid, signal.SIGKILL)
        r.remove_tree(self.home)
