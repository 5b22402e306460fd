# SPDX-License-Identifier: Apache-2.0
"""A slipway of the test's own: data folder, free port, log; ended by its process id."""
import configparser
import fcntl
import os
import shlex
import signal
import socket
import subprocess
import tempfile

from support import run as r
from support.aws import boto_client, run_aws
from support.rawhttp import Http


class Network:
    """A bridge name and a subnet that no other test on this machine uses: a locked number."""

    def __init__(self):
        self.lock = None
        for n in range(1, 200):
            try:
                lock = open("/tmp/slipway-test-net-%d.lock" % n, "a", encoding="utf-8")  # pylint: disable=R1732
            except PermissionError:
                continue  # another user's
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            self.lock, self.index = lock, n
            break
        assert self.lock, "200 test networks are in use"
        self.bridge = "swt%d" % self.index
        self.subnet = "10.241.%d.0/24" % self.index
        self.remove_bridge()
        self.remove_rules()

    def remove_bridge(self):
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, stderr=subprocess.DEVNULL,
                       env=r.clean_env("/tmp"))

    def remove_rules(self):
        """Masquerading and port rules of an agent that was killed and never came back."""
        env, chains = r.clean_env("/tmp"), set()
        own = "SLIPWAY-" + self.bridge
        for words in (["-D", "PREROUTING", "-i", self.bridge, "-j", own], ["-F", own], ["-X", own]):
            subprocess.run(["iptables", "-w", "10", "-t", "nat"] + words, check=False, env=env, stderr=subprocess.DEVNULL)
        listed = subprocess.run(["iptables", "-w", "10", "-t", "nat", "-S"], check=False, env=env, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL).stdout
        for line in listed.splitlines():
            words = shlex.split(line)
            if 'name: "%s"' % self.bridge in line.replace("\\", "") and words[0] == "-A" and not words[1].startswith("CNI-DN-"):
                subprocess.run(["iptables", "-w", "10", "-t", "nat", "-D"] + words[1:], check=False, env=env, stderr=subprocess.DEVNULL)
                chains.update(w for w in words if w.startswith(("CNI-DN-", "CNI-")) and not w.startswith("CNI-HOSTPORT"))
        for chain in chains:
            for what in ("-F", "-X"):
                subprocess.run(["iptables", "-w", "10", "-t", "nat", what, chain], check=False, env=env, stderr=subprocess.DEVNULL)

    def free(self):
        self.remove_bridge()
        self.remove_rules()
        self.lock.close()  # the file stays: removing it would let two hold the same number


class Port:
    """Below those that the kernel gives to whoever asks for any: nobody else gets it while the server is down, no container either."""

    def __init__(self):
        for i in range(2000):
            self.number = 23000 + (os.getpid() + i) % 2000
            self.claim = socket.socket(socket.AF_UNIX)
            try:
                self.claim.bind("\0slipway test port %d" % self.number)
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("0.0.0.0", self.number))
                return
            except OSError:
                self.claim.close()
        raise AssertionError("2000 ports are in use")

    def free(self):
        self.claim.close()


def read_credentials(path):
    parser = configparser.ConfigParser()
    assert parser.read(path), "no credentials at " + path
    return parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"]


class Server:
    """serve or up. Data stays between stop() or kill() and start(); close() removes it."""

    def __init__(self, command="serve", args=(), env=None, data=None):
        self.command, self.args, self.more_env = command, list(args), env or {}
        self.home = tempfile.mkdtemp(prefix="slipway-test-")
        self.data = data or os.path.join(self.home, "data")
        self.log = os.path.join(self.home, "server.log")
        self.process = None
        self.claim = Port()
        self.port = self.claim.number
        self.clients = {}
        self.network = Network() if command == "up" else None

    # -- life

    def start(self, wait=30):
        endpoint_file = os.path.join(self.data, "endpoint")
        if os.path.exists(endpoint_file):
            os.unlink(endpoint_file)
        argv = [r.BIN, self.command, "--data", self.data, "--listen", "127.0.0.1:%d" % self.port] + self.args
        if self.network:
            argv += ["--bridge-name", self.network.bridge, "--bridge-subnet", self.network.subnet]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=r.clean_env(self.home, **self.more_env), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, cwd=self.home)
        r.wait_for(lambda: self.process.poll() is not None or self._ready(endpoint_file), wait, 0.02,
                   "ready server; log:\n" + r.tail(self.log))
        assert self.process.poll() is None, "the server ended: " + r.tail(self.log)
        return self

    def _ready(self, endpoint_file):
        if not os.path.exists(endpoint_file):
            return False
        with open(endpoint_file, encoding="utf-8") as f:
            endpoint = f.read().strip()
        if not endpoint:
            return False
        self.port = int(endpoint.rsplit(":", 1)[1])
        try:
            with Http(self.host_port, timeout=5) as http:
                return http.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def stop(self, signal_number=signal.SIGTERM, seconds=30):
        """Ends the server as an operator would; its exit status must be 0."""
        if not self.process:
            return
        status, in_time = r.end(self.process, signal_number, seconds)
        self.process = None
        assert in_time, "the server did not stop within %d s\n%s" % (seconds, r.tail(self.log))
        assert status == 0, "the server ended with %d\n%s" % (status, r.tail(self.log))

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def close(self):
        try:
            if self.process:
                self.stop(signal.SIGINT if self.command == "up" else signal.SIGTERM,
                          75 if self.command == "up" else 30)
        finally:
            r.show_log("log of slipway " + self.command, self.log)
            self._end_leftovers()
            if self.network:
                self.network.free()
            r.remove_tree(self.data)
            r.remove_tree(self.home)
            self.claim.free()

    def _end_leftovers(self):
        """Agents, monitors and containers of this data folder: a failed test may leave some."""
        mine = [pid for pid, line in r.processes() if self.data + "/" in line]
        below = [pid for pid in self._children_of(mine) if pid not in mine]
        for pid in mine + below:
            if pid != os.getpid() and r.alive(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    @staticmethod
    def _children_of(pids):
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as f:
                        if int(f.read().rsplit(")", 1)[1].split()[1]) in pids:
                            found.append(int(name))
                except OSError:
                    continue
        return found

    # -- addresses and identities

    @property
    def host_port(self):
        return "127.0.0.1:%d" % self.port

    @property
    def endpoint(self):
        return "http://" + self.host_port

    @property
    def credentials_file(self):
        return os.path.join(self.data, "credentials")

    @property
    def admin(self):
        return read_credentials(self.credentials_file)

    def agent_pid(self):
        """The agent that `up` started for this data folder, 0 when none runs."""
        for pid, line in r.processes():
            if " agent " in line and "--data %s/agent" % self.data in line and r.alive(pid):
                return pid
        return 0

    # -- clients

    def env(self, **more):
        return r.clean_env(self.home, AWS_SHARED_CREDENTIALS_FILE=self.credentials_file,
                           AWS_DEFAULT_REGION=r.REGION, **more)

    def slipway(self, *argv, check=True, timeout=120, stdin=None, env=None):
        """A slipway command that finds this server by its data folder."""
        return r.run([r.BIN] + list(argv), env=env or self.env(SLIPWAY_DATA=self.data), check=check,
                     timeout=timeout, stdin=stdin)

    def aws(self, *argv, check=True, timeout=120, env=None):
        """Parsed JSON of the AWS CLI, or its text; with check=False the finished process."""
        return run_aws(self.endpoint, env or self.env(), argv, check, timeout)

    def boto(self, service, key=None, region=r.REGION, validate=True):
        how = (self.endpoint, service, key or self.admin, region, validate)
        if how not in self.clients:  # making one costs more than a call
            self.clients[how] = boto_client(*how)
        return self.clients[how]

    def password(self, key=None):
        import base64
        data = self.boto("ecr", key).get_authorization_token()["authorizationData"][0]
        user, password = base64.b64decode(data["authorizationToken"]).decode().split(":")
        assert user == "AWS"
        return password

    def http(self, password="admin", timeout=60):
        """Raw HTTP; password None: anonymous, "admin": a fresh token of the admin."""
        if password == "admin":
            password = self.password()
        return Http(self.host_port, password, timeout)

    def create_repository(self, name):
        return self.boto("ecr").create_repository(repositoryName=name)["repository"]

    def add_user(self, name):
        """(access key id, secret) of a new plain user."""
        path = os.path.join(self.home, "credentials-" + name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.slipway("user", "add", name).stdout)
        return read_credentials(path)


class Everywhere(Server):
    """Listens on every address, so that containers reach it."""

    def start(self, wait=30):
        if "--listen" not in self.args:
            self.args += ["--listen", "0.0.0.0:%d" % self.port]
        return super().start(wait)
