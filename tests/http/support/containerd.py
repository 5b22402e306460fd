# SPDX-License-Identifier: Apache-2.0
"""A containerd of the test's own: private socket, root and state, no CRI, ended by its process id."""
import os
import signal
import subprocess
import tarfile
import tempfile

from support import run as r


class Containerd:
    def __init__(self):
        r.need_root("containerd needs it")
        self.program = r.need_program("containerd")
        self.client = r.need_program("ctr")
        self.home = tempfile.mkdtemp(prefix="slipway-containerd-")
        self.socket = os.path.join(self.home, "sock")
        self.log = os.path.join(self.home, "log")
        self.process = None

    def start(self):
        config = os.path.join(self.home, "config.toml")
        with open(config, "w", encoding="utf-8") as f:
            f.write('version = 2\nroot = "%s/root"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri", '
                    '"io.containerd.internal.v1.opt"]\n[grpc]\naddress = "%s"\n[ttrpc]\naddress = "%s.ttrpc"\n' % (
                        self.home, self.home, self.socket, self.socket))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "--config", config], env=r.clean_env(self.home), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        r.wait_for(lambda: self.process.poll() is not None or self.run("version", check=False).returncode == 0, 60,
                   0.2, "containerd; log:\n" + r.tail(self.log))
        assert self.process.poll() is None, "containerd ended: " + r.tail(self.log)
        return self

    def run(self, *argv, **more):
        return r.run([self.client, "--address", self.socket, "--namespace", "test"] + list(argv),
                     env=r.clean_env(self.home), **more)

    def load(self, layout, name):
        """The image of an OCI layout, all its platforms, under that name."""
        path = os.path.join(self.home, "import.tar")
        with tarfile.open(path, "w") as t:
            t.add(layout, arcname=".")
        self.run("images", "import", "--all-platforms", "--no-unpack", "--base-name", "imported", path, timeout=300)
        os.unlink(path)
        self.run("images", "tag", "--force", "imported:latest", name)
        self.run("images", "rm", "--sync", "imported:latest")

    def forget(self, *names):
        """Images and their content."""
        self.run("images", "rm", "--sync", *names)

    def has_content(self, digest):
        return digest in self.run("content", "ls", "--quiet").stdout.split()

    def close(self):
        if self.process:
            r.end(self.process, signal.SIGTERM, 30)
        r.remove_tree(self.home)
