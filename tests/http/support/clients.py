# SPDX-License-Identifier: Apache-2.0
"""podman, skopeo and buildah with storage and credentials of the test's own."""
import json
import os

from support import run as r


class Client:
    """One of the containers/image tools. close() unmounts and removes its storage."""

    def __init__(self, program, folder):
        self.program = r.need_program(program)
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.auth = os.path.join(self.folder, "auth.json")
        storage = os.path.join(self.folder, "storage.conf")
        with open(storage, "w", encoding="utf-8") as f:
            f.write('[storage]\ndriver = "%s"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' % (
                "overlay" if os.geteuid() == 0 else "vfs", self.folder, self.folder))
        policy = os.path.join(self.folder, "home/.config/containers")
        os.makedirs(policy, exist_ok=True)
        with open(os.path.join(policy, "policy.json"), "w", encoding="utf-8") as f:
            json.dump({"default": [{"type": "insecureAcceptAnything"}]}, f)
        self.env = r.clean_env(os.path.join(self.folder, "home"), CONTAINERS_STORAGE_CONF=storage,
                               REGISTRY_AUTH_FILE=self.auth, XDG_RUNTIME_DIR=self.folder)

    def run(self, *argv, **more):
        return r.run([self.program] + list(argv), env=self.env, **more)

    def login(self, host_port, password, check=True):
        return self.run("login", "--tls-verify=false", "--username", "AWS", "--password-stdin", host_port,
                        stdin=password, check=check)

    def close(self):
        r.remove_tree(self.folder)


def stored(server, repository, reference):
    """(digest, manifest) as the registry has it."""
    with server.http() as http:
        reply = http.get("/v2/%s/manifests/%s" % (repository, reference))
    assert reply.status == 200, reply
    return reply.header("Docker-Content-Digest"), reply.json()
