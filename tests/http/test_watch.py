# SPDX-License-Identifier: Apache-2.0
"""slipway top and slipway events --follow outlive the server: they say that it is away, and go on when it is back."""
import signal
import subprocess

from support import run as r
from support.fleet import Fleet
from support.server import Server


class Watch:
    """One of the commands, its output in files."""

    def __init__(self, server, *args):
        self.paths = [server.home + "/" + args[0] + suffix for suffix in (".out", ".err")]
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            self.process = subprocess.Popen([r.BIN] + list(args) + ["--data", server.data], stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL, env=r.clean_env(server.home))

    def read(self, which):
        with open(self.paths[which], encoding="utf-8") as f:
            return f.read()

    def wait(self, which, text, times=1):
        def there():
            assert self.process.poll() is None, self.read(1)
            return self.read(which).count(text) >= times
        r.wait_for(there, 20, 0.1, "%d times %s in\n%s" % (times, text, self.read(which)))

    def end(self):
        return r.end(self.process, signal.SIGTERM, 10)


def test_they_go_on_when_the_server_is_back(name):
    server = Server().start()
    watches = []
    try:
        fleet = Fleet(server, name)
        instance = fleet.join("one")
        fleet.define("web")
        ecs = server.boto("ecs")
        ecs.create_service(cluster=name, serviceName="web", taskDefinition="web", desiredCount=1)
        watches = [Watch(server, "events", "--cluster", name, "--follow"),
                   Watch(server, "top", "--cluster", name, "--interval", "200ms")]
        events, top = watches
        events.wait(0, "has started 1 tasks")
        top.wait(0, instance.rsplit("/", 1)[1], 2)
        server.kill()
        for watch in watches:
            watch.wait(1, "trying again until it answers")
        server.start()
        for watch in watches:
            watch.wait(1, "the server answers again")
        assert fleet.agent("PollTasks", containerInstance=instance, waitSeconds=0).status == 200
        ecs.update_service(cluster=name, service="web", desiredCount=2)
        events.wait(0, "has started 1 tasks", 2)
        assert events.read(0).count("has started 1 tasks") == 2  # what was printed is not printed again
        before = top.read(0).count("INSTANCE")
        top.wait(0, "INSTANCE", before + 2)
        assert events.read(1).count("trying again") == 1
    finally:
        for watch in watches:
            watch.end()
        server.close()


def test_a_first_look_that_fails_is_an_error(name):
    server = Server().start()
    try:
        for args in (["events", "--follow"], ["top"]):
            gone = server.slipway(*args, "--endpoint", "http://127.0.0.1:1", check=False)
            assert gone.returncode == 1 and "trying again" not in gone.stderr
            ghost = server.slipway(*args, "--cluster", name, check=False)
            assert ghost.returncode == 1 and "Cluster not found" in ghost.stderr
    finally:
        server.close()
