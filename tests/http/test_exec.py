# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-timeout: 900
# ctest-cost: 151
"""ExecuteCommand: commands in real containers, by `slipway exec`, by the AWS CLI with a plugin of the test's own that speaks the public
protocol, and by hostile clients."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.datachannel import EXIT_CODE, HANDSHAKE_RESPONSE, STDERR, Closed, DataChannel, Message, WebSocket, encode
from support.fleet import Fleet
from support.server import Server
from support.tasks import Tasks
from support.tls import TlsServer

ARN = "arn:aws:ecs:us-east-1:000000000000:"
IDLE = "trap 'exit 0' TERM; while :; do sleep 1; done"
NOT_ENABLED = ("The execute command failed because execute command was not enabled when the task was run or the execute command agent "
               "isn't running. Wait and try again or run a new task with execute command enabled and try again.")


def need_containers():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "iptables"):
        r.need_program(program)


@pytest.fixture(scope="module")
def up():
    need_containers()
    server = Server("up")
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def tasks(up):
    return Tasks(up)


@pytest.fixture(scope="module")
def task(tasks):
    """A task whose commands may be executed: one container with a user, a folder and a variable of its own."""
    arn = tasks.run(tasks.define("app", {"command": IDLE, "environment": [{"name": "GREETING", "value": "good day"}],
                                         "workingDirectory": "/tmp", "user": "1234:55"}), enableExecuteCommand=True)
    tasks.wait_running(arn)
    return arn


def execute(server, task, command, key=None, **more):
    more.setdefault("interactive", True)
    return server.boto("ecs", key).execute_command(task=task, command=command, **more)


def channel(server, task, command, ours=None, **more):
    return DataChannel(execute(server, task, command, **more)["session"], ours=ours).ready()


def refused(code, fn, *args, **more):
    with pytest.raises(ClientError) as e:
        fn(*args, **more)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response["Error"]["Message"]


def slipway_exec(server, task, *command, **more):
    return server.slipway("exec", task, "--", *command, check=False, **more)


def commands_of(marker):
    """Processes that have the marker in their command line and are neither ours nor on their way into a container."""
    return [pid for pid, line in r.processes() if marker in line and "slipway" not in line and "runc" not in line and r.alive(pid)]


# -- the call

def test_reply(up, tasks, task):
    out = execute(up, task, "true", cluster="default")
    described = tasks.container(task)
    assert out["clusterArn"] == ARN + "cluster/default" and out["taskArn"] == task and out["interactive"] is True
    assert out["containerName"] == "main" and out["containerArn"] == described["containerArn"]
    session = out["session"]
    assert re.fullmatch(r"ecs-execute-command-[0-9a-z]{17}", session["sessionId"])
    assert session["streamUrl"] == "ws://%s/v1/data-channel/%s" % (up.host_port, session["sessionId"])
    assert len(session["tokenValue"]) >= 40
    DataChannel(session).until()
    agent = described["managedAgents"]
    assert [(a["name"], a["lastStatus"]) for a in agent] == [("ExecuteCommandAgent", "RUNNING")] and agent[0]["lastStartedAt"]


def test_bad_calls(up, tasks, task):
    ecs = up.boto("ecs")
    ask = lambda **more: dict({"task": task, "command": "true", "interactive": True}, **more)  # noqa: E731
    invalid = lambda **more: refused("InvalidParameterException", ecs.execute_command, **ask(**more))  # noqa: E731
    assert invalid(interactive=False) == "Interactive is the only mode supported currently."
    assert invalid(task="f" * 32) == "The referenced task was not found."
    assert invalid(task="short") == "task length should be one of [32,36]"
    assert "no container named 'other'" in invalid(container="other")
    assert "quote" in invalid(command="sh -c 'x")
    assert "empty" in invalid(command="  ")
    assert refused("ClusterNotFoundException", ecs.execute_command, **ask(cluster="nowhere", task="f" * 32)) == "Cluster not found."
    plain = tasks.start("app-plain", {"command": IDLE})
    described = tasks.wait_running(plain)
    assert described["enableExecuteCommand"] is False and "managedAgents" not in described["containers"][0]
    assert invalid(task=plain) == NOT_ENABLED
    two = tasks.run(tasks.define("app-two", {"command": IDLE}, {"command": IDLE}), enableExecuteCommand=True)
    tasks.wait_running(two)
    assert "must be specified" in invalid(task=two)
    assert slipway_exec(up, two, "true").returncode == 125
    assert up.slipway("exec", two, "--container", "c1", "--", "hostname", check=False).returncode == 0
    stopped = tasks.stop(two)
    assert {a["lastStatus"] for c in stopped["containers"] for a in c["managedAgents"]} == {"STOPPED"}
    assert invalid(task=two, container="main") == NOT_ENABLED
    tasks.stop(plain)


def test_policies(up, task):
    """The task and the cluster are both the action's resources; the container's name counts also when it is not said."""
    def user(name, statement):
        key = up.add_user(name)
        up.boto("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": statement}))
        return key

    allow = {"Effect": "Allow", "Action": "ecs:ExecuteCommand", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "ecs:ExecuteCommand", "Resource": "*",
            "Condition": {"StringEquals": {"ecs:container-name": "main"}}}
    only_task = user("exec-task", dict(allow, Resource=ARN + "task/default/*"))
    assert "cluster/default" in refused("AccessDeniedException", execute, up, task, "true", key=only_task)
    denied = user("exec-denied", [allow, deny])
    assert "explicit deny" in refused("AccessDeniedException", execute, up, task, "true", key=denied)
    here = user("exec-here", dict(allow, Condition={"StringEquals": {"ecs:container-name": "main"},
                                                    "ArnEquals": {"ecs:cluster": ARN + "cluster/default", "ecs:task": task}}))
    session = execute(up, task, "true", key=here)["session"]
    DataChannel(session).until()
    plain = user("exec-plain", [{"Effect": "Allow", "Action": "ecs:RunTask", "Resource": "*"},
                                {"Effect": "Deny", "Action": "ecs:RunTask", "Resource": "*",
                                 "Condition": {"StringEquals": {"ecs:enable-execute-command": "true"}}}])
    refused("AccessDeniedException", up.boto("ecs", plain).run_task, taskDefinition="app", enableExecuteCommand=True)
    refused("AccessDeniedException", execute, up, task, "true", key=user("exec-none", dict(allow, Action="ecs:DescribeTasks")))
    with open(os.path.join(up.data, "audit.log"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f if "ecs:ExecuteCommand" in line]
    assert [(x["outcome"], x["resource"]) for x in lines if x.get("reference") == session["sessionId"]] == [("allowed", task)]
    assert {x["outcome"] for x in lines if x["principal"].endswith("user/exec-denied")} == {"denied"}


# -- slipway exec

def test_exec_pipes(up, task):
    p = slipway_exec(up, task, "sh", "-c", 'echo "$GREETING"; id -u; id -g; pwd; hostname >&2; exit 7')
    assert (p.returncode, p.stdout.splitlines(), bool(p.stderr.strip())) == (7, ["good day", "0", "0", "/tmp"], True)
    big = "x" * 79 + "\n"
    p = slipway_exec(up, task, "sh", "-c", "md5sum; echo end", stdin=big * 20000)
    import hashlib
    assert p.returncode == 0 and p.stdout.split()[0] == hashlib.md5((big * 20000).encode()).hexdigest()
    p = slipway_exec(up, task, "sh", "-c", "seq 1 100000")
    assert p.returncode == 0 and p.stdout.split() == [str(i) for i in range(1, 100001)]


def test_exec_codes(up, task):
    assert slipway_exec(up, task, "true").returncode == 0
    assert slipway_exec(up, task, "sh", "-c", "kill -9 $$").returncode == 137
    p = slipway_exec(up, task, "no-such-program")
    assert p.returncode == 127 and "no-such-program" in p.stderr
    p = slipway_exec(up, task, "/etc/passwd")
    assert p.returncode == 126, p.stderr
    p = slipway_exec(up, "f" * 32, "true")
    assert p.returncode == 125 and "The referenced task was not found" in p.stderr
    p = up.slipway("exec", "-it", task, "--", "true", check=False, stdin="")
    assert p.returncode == 125 and "no terminal" in p.stderr
    assert up.slipway("exec", task, check=False).returncode == 2
    text = up.slipway("exec", "--help").stdout
    assert "Example: slipway exec -it" in text and "--container" in text
    assert slipway_exec(up, task, "echo", "a  b", "it's", "$HOME", "").stdout == "a  b it's $HOME \n"


class Terminal:
    """A program on a terminal of the test's."""

    def __init__(self, argv, env, cols=100, rows=30):
        self.master, slave = pty.openpty()
        self.size(cols, rows)
        self.process = subprocess.Popen([str(a) for a in argv], env=env, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.before = termios.tcgetattr(slave)
        self.slave, self.text = slave, ""

    def size(self, cols, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds * r.PATIENCE
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, "no %r in %r" % (pattern, self.text)
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        return re.search(pattern, self.text)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(50)
        os.close(self.master)
        os.close(self.slave)


def test_exec_terminal(up, task):
    t = Terminal([r.BIN, "exec", "-it", task, "--", "sh"], up.env(SLIPWAY_DATA=up.data))
    try:
        t.until("# ")
        t.type("tty; stty size; echo $TERM\r")
        t.until(r"/dev/(pts/\d+|console)\r\n30 100\r\nxterm\r\n")
        assert not termios.tcgetattr(t.slave)[3] & termios.ECHO  # raw here, cooked there
        t.size(77, 22)
        t.type("stty size\r")
        t.until(r"22 77\r\n")
        t.type("sleep 1000\r")
        time.sleep(0.5)
        t.type("\x03")
        t.type("echo after $((6*7)) $?\r")
        t.until(r"after 42 130")
        t.type("exit 9\r")
        assert t.process.wait(100) == 9
        assert termios.tcgetattr(t.slave)[3] & termios.ECHO
        assert termios.tcgetattr(t.slave) == t.before
    finally:
        t.close()


def gauges(server):
    with server.http(None) as http:
        text = http.request("GET", "/metrics").body.decode()
    return [int(re.search(r"^slipway_exec_sessions%s (\d+)$" % end, text, re.M).group(1)) for end in ("", "_total")]


def test_two_sessions_at_once(up, task):
    before = gauges(up)
    a, b = channel(up, task, "sh"), channel(up, task, "sh")
    try:
        assert gauges(up)[0] >= 2 and gauges(up)[1] == before[1] + 2
        a.type("x=one; echo $((20+1))a\r")
        b.type("x=two; echo $((20+2))b\r")
        a.until("21a")
        b.until("22b")
        a.type("echo is $x\r")
        b.type("echo is $x\r")
        assert "is two" not in a.until("is one") and "is one" not in b.until("is two")
    finally:
        a.close()
        b.close()


# -- the public protocol

def test_plugin_protocol(up, task):
    """As the plugin of the AWS CLI: a terminal, sizes, no payload that it would print by mistake, words at the end."""
    c = channel(up, task, "sh")
    c.until("# ")
    c.resize(133, 44)
    c.type("stty size; echo err >&2\r")
    c.until("44 133\r\n")
    c.until("err\r\n")
    c.type("exit 3\r")
    c.until()
    assert c.closed == "" and STDERR not in c.types and EXIT_CODE not in c.types and c.exit_code is None
    assert c.acknowledged >= set(range(c.sequence - 1)), (c.acknowledged, c.sequence)
    with pytest.raises(Closed) as e:
        while True:
            c.step()
    assert e.value.code == 1000
    c.close()


def test_what_is_dropped_comes_again(up, task):
    """A client that is not ready for the first output drops it without a word."""
    c = channel(up, task, "sh -c 'echo early; sleep 1; echo late'")
    c.drop = 3
    assert "early\r\nlate" in c.until()
    c.close()


def test_own_client_protocol(up, task):
    c = channel(up, task, "sh -c 'echo out; echo err >&2; read x; echo got $x; exit 5'", ours={"tty": False})
    c.type("line\n", flags=2)
    c.until()
    assert (c.output, c.errors, c.exit_code) == (b"out\ngot line\n", b"err\n", 5)
    c.close()


def test_terminate_flag(up, task):
    c = channel(up, task, "sleep 4711")
    r.wait_for(lambda: commands_of("sleep 4711"), 10, 0.05, "the command")
    c.terminate()
    c.until()
    r.wait_for(lambda: not commands_of("sleep 4711"), 10, 0.05, "end of the command")
    c.close()


PLUGIN = """#!/usr/bin/python3
import json, sys
sys.path.insert(0, %(folder)r)
from support.datachannel import DataChannel
if len(sys.argv) < 2:
    print("The Session Manager plugin was installed successfully."); sys.exit()
session, region, operation, profile, request, endpoint = sys.argv[1:7]
assert operation == "StartSession" and region == "us-east-1", sys.argv
print("target", json.loads(request)["Target"], "endpoint", endpoint)
c = DataChannel(json.loads(session)).ready()
c.type("echo $((40+2))from $0; exit\\r")
print(c.until())
"""


def test_aws_cli(up, tasks, task, tmp_path):
    """The unmodified CLI, which hands the session to a plugin."""
    r.need_program("aws")
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text(PLUGIN % {"folder": os.path.dirname(os.path.abspath(__file__))})
    plugin.chmod(0o755)
    env = up.env()
    env["PATH"] = "%s:%s" % (tmp_path, env["PATH"])
    text = r.run(["aws", "--endpoint-url", up.endpoint, "ecs", "execute-command", "--cluster", "default", "--task", task, "--container",
                  "main", "--interactive", "--command", "/bin/sh"], env=env, timeout=60).stdout
    runtime = tasks.container(task)["runtimeId"]
    assert "target ecs:default_%s_%s" % (task.rsplit("/", 1)[1], runtime) in text and "42from /bin/sh" in text


def test_aws_cli_with_slipway_as_its_plugin(up, tasks, task, tmp_path):
    r.need_program("aws")
    plugin = tmp_path / "session-manager-plugin"
    plugin.symlink_to(r.BIN)
    env = up.env()
    env["PATH"] = "%s:%s" % (tmp_path, env["PATH"])

    def call(command, **more):
        return subprocess.run(["aws", "--endpoint-url", up.endpoint, "ecs", "execute-command", "--cluster", "default", "--task", task,
                               "--container", "main", "--interactive", "--command", command], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **more)
    p = call("sh -c 'echo $((40+2)) $GREETING; exit 3'")
    assert p.returncode == 0 and p.stdout.splitlines()[-1] == "42 good day", p
    session = json.dumps(execute(up, task, "echo by name")["session"])
    words = [str(plugin), "SESSION", "us-east-1", "StartSession", "", "{}", up.endpoint + "/"]
    assert subprocess.run(words, env=dict(env, SESSION=session), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60,
                          check=False).stdout == "by name\n"
    p = subprocess.run(words, env=dict(env, SESSION=session), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
                       check=False)
    assert p.returncode == 1 and p.stderr.startswith("slipway: ")  # it is over
    assert subprocess.run([str(plugin), "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout == "1.2.500.0\n"
    assert subprocess.run(words[:2], stderr=subprocess.DEVNULL, check=False).returncode == 2


# -- ends

def test_client_killed(up, task):
    """Whatever the command does about signals, and whoever it started: they are gone with the client."""
    p = subprocess.Popen([r.BIN, "exec", task, "--", "sh", "-c", "trap '' HUP TERM INT; sleep 5001 & sleep 5002; sleep 5003"],
                         env=up.env(SLIPWAY_DATA=up.data), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        r.wait_for(lambda: commands_of("sleep 5001") and commands_of("sleep 5002"), 15, 0.05, "the command")
    finally:
        p.kill()
        p.wait(50)
    r.wait_for(lambda: not commands_of("sleep 500"), 15, 0.05, "end of the command")


def test_client_killed_while_the_command_forks(up, task):
    """A chain of processes, each of which starts the next and ends: none gets away."""
    chain = "trap '' HUP; echo 'echo >>/tmp/forks; sh /tmp/chain &' >/tmp/chain; for i in 1 2 3 4; do sh /tmp/chain; done; sleep 5101"
    p = subprocess.Popen([r.BIN, "exec", task, "--", "sh", "-c", chain],
                         env=up.env(SLIPWAY_DATA=up.data), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        r.wait_for(lambda: commands_of("sleep 5101"), 15, 0.05, "the command")
    finally:
        p.kill()
        p.wait(50)
    r.wait_for(lambda: not commands_of("sleep 5101"), 15, 0.05, "end of the command")
    lengths = slipway_exec(up, task, "sh", "-c", "wc -c </tmp/forks; sleep 0.3; wc -c </tmp/forks").stdout.split()
    assert len(lengths) == 2 and int(lengths[0]) > 1 and lengths[0] == lengths[1]


def test_task_stopped(up, tasks):
    arn = tasks.run(tasks.define("app-stop", {"command": IDLE}), enableExecuteCommand=True)
    tasks.wait_running(arn)
    p = subprocess.Popen([r.BIN, "exec", arn, "--", "sleep", "6001"], env=up.env(SLIPWAY_DATA=up.data), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    r.wait_for(lambda: commands_of("sleep 6001"), 15, 0.05, "the command")
    tasks.stop(arn)
    assert p.wait(100) == 137 and not commands_of("sleep 6001")
    p.communicate()


def test_container_in_the_namespace_of_the_host(up, tasks):
    """Its end does not take the processes with it, so the session's does."""
    arn = tasks.run(tasks.define("app-pid", {"command": IDLE}, pidMode="host"), enableExecuteCommand=True)
    tasks.wait_running(arn)
    c = channel(up, arn, "sleep 6501")
    r.wait_for(lambda: commands_of("sleep 6501"), 15, 0.05, "the command")
    tasks.stop(arn)
    c.until()
    c.close()
    r.wait_for(lambda: not commands_of("sleep 6501"), 15, 0.05, "end of the command")


def test_agent_killed(up, tasks, task):
    c = channel(up, task, "sleep 7001")
    p = subprocess.Popen([r.BIN, "exec", task, "--", "sleep", "7002"], env=up.env(SLIPWAY_DATA=up.data), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    r.wait_for(lambda: commands_of("sleep 7001") and commands_of("sleep 7002"), 15, 0.05, "the commands")
    os.kill(up.agent_pid(), signal.SIGKILL)
    c.until(seconds=20)
    assert "went away" in c.closed
    out, err = p.communicate(timeout=100)
    assert p.returncode == 255 and "went away" in err and out == ""
    r.wait_for(lambda: not commands_of("sleep 700"), 15, 0.05, "end of the commands")
    c.close()
    # The container did not notice, and its next command finds the next agent.
    r.wait_for(lambda: slipway_exec(up, task, "true").returncode == 0, 30, 0.5, "an agent")
    assert tasks.describe(task)["lastStatus"] == "RUNNING"


def test_service_tasks(up, tasks):
    """Of a service: tasks that start after it was enabled."""
    ecs = up.boto("ecs")
    tasks.define("svc", {"command": IDLE})
    ecs.create_service(serviceName="svc", taskDefinition="svc", desiredCount=1, enableExecuteCommand=True)

    def running(other_than=()):
        arns = [a for a in ecs.list_tasks(serviceName="svc")["taskArns"] if a not in other_than]
        return [a for a in arns if tasks.describe(a)["lastStatus"] == "RUNNING"]
    first = r.wait_for(running, 30, 0.2, "a task of the service")
    assert ecs.describe_services(services=["svc"])["services"][0]["enableExecuteCommand"] is True
    assert slipway_exec(up, first[0], "echo", "hi").stdout == "hi\n"
    ecs.update_service(service="svc", enableExecuteCommand=False, forceNewDeployment=True)
    assert ecs.describe_services(services=["svc"])["services"][0]["enableExecuteCommand"] is False
    second = r.wait_for(lambda: running(first), 60, 0.2, "another task of the service")
    assert refused("InvalidParameterException", execute, up, second[0], "true") == NOT_ENABLED
    ecs.delete_service(service="svc", force=True)


# -- what is refused, and what it costs

def test_tokens(up, task):
    session = execute(up, task, "true")["session"]
    wrong = DataChannel(session, token="x" * 43)
    with pytest.raises(Closed) as e:
        wrong.step()
    assert e.value.code == 1008
    DataChannel(session).until()
    ws = WebSocket(session["streamUrl"])  # it is over
    assert ws.status == 404
    other = execute(up, task, "sleep 3")["session"]
    first = DataChannel(other).ready()
    assert WebSocket(other["streamUrl"]).status == 404
    first.close()
    twice = execute(up, task, "true")["session"]
    one = DataChannel(twice)
    one.ready()


def test_resume(up):
    """What the plugin asks when its connection broke: no token, so it ends."""
    key = up.add_user("exec-resume")
    out = up.boto("ssm", key).resume_session(SessionId="ecs-execute-command-00000000000000000")
    assert out["SessionId"] == "ecs-execute-command-00000000000000000" and "TokenValue" not in out


def test_handshake_refused(up, task):
    session = execute(up, task, "true")["session"]
    path = session["streamUrl"][session["streamUrl"].index("/v1/"):]

    def ask(*lines, method="GET"):
        with socket.create_connection(("127.0.0.1", up.port), 10) as s:
            s.sendall(("\r\n".join(("%s %s HTTP/1.1" % (method, path), "Host: x", "Connection: Upgrade, close") + lines) + "\r\n\r\n").encode())
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode("latin-1")
        return int(text.split()[1]), text
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    assert ask()[0] == 400
    status, text = ask("Upgrade: websocket", "Sec-WebSocket-Version: 8", key)
    assert status == 426 and "sec-websocket-version: 13" in text.lower()
    assert ask("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: short")[0] == 400
    assert ask("Upgrade: websocket", "Sec-WebSocket-Version: 13", key, "Content-Length: 3\r\n\r\nabc")[0] == 400
    assert ask("Upgrade: h2c", "Sec-WebSocket-Version: 13", key)[0] == 400
    assert WebSocket("ws://%s/v1/data-channel/ecs-execute-command-00000000000000000" % up.host_port).status == 404
    DataChannel(session).until()  # it waited for a client


FRAMES = [
    (1002, lambda w: w.send(2, b"x", mask=False)),
    (1002, lambda w: w.send(2, b"x", more=0x40)),
    (1002, lambda w: w.send(3, b"x")),
    (1002, lambda w: w.send(11, b"x")),
    (1002, lambda w: w.send(9, b"x", fin=False)),
    (1002, lambda w: w.send(9, b"x" * 126)),
    (1002, lambda w: w.send(0, b"x")),
    (1009, lambda w: w.send(2, b"x" * 100000)),
    (1009, lambda w: w.sock.sendall(b"\x82\xff\x00\x00\x00\x7f\xff\xff\xff\xffmask")),
    (1002, lambda w: w.sock.sendall(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask")),
    (1002, lambda w: w.sock.sendall(b"\x82\xfe\x00\x05aaaa")),
    (1002, lambda w: w.send(1, b"text")),
    (1002, lambda w: w.send(2, b"x")),
    (1002, lambda w: w.send(2, encode("output_stream_data", 0, 1, b"x"))),
    (1002, lambda w: w.send(2, encode("channel_closed", 0, 0, b"{}"))),
    (1002, lambda w: w.send(2, encode("nonsense", 0, 1, b"x"))),
    (1002, lambda w: w.send(2, encode("input_stream_data", 1, 1, b"x", length=5))),
    (1002, lambda w: w.send(2, encode("input_stream_data", 1, 1, b"x", head=4))),
]


@pytest.mark.parametrize("n", range(len(FRAMES)))
def test_hostile_frames(up, task, n):
    """Each ends its session with a code, the command with it, and nothing else."""
    code, send = FRAMES[n]
    marker = "sleep 80%02d" % n
    c = channel(up, task, marker)
    send(c.ws)
    with pytest.raises((Closed, ConnectionResetError)) as e:
        while True:
            c.step()
    assert getattr(e.value, "code", code) == code
    c.close()
    r.wait_for(lambda: not commands_of(marker), 15, 0.05, "end of the command")


def test_fragments_and_pings(up, task):
    c = channel(up, task, "sh")
    m = encode("input_stream_data", c.sequence, 1, b"echo $((50+5))\r")
    c.sequence += 1
    c.ws.send(2, m[:50], fin=False)
    c.ws.send(9, b"in between")
    c.ws.send(0, m[50:51], fin=False)
    c.ws.send(0, m[51:])
    c.until("55\r\n")
    c.close()


def test_messages_early_and_again(up, task):
    """What came too early is taken when it comes again; what came twice, once."""
    c = channel(up, task, "sh")
    one, two = (encode("input_stream_data", c.sequence + i, 1, b"n=$((n+1)); echo n${n}n\r") for i in range(2))
    for m in (two, one, one, two, two, one):
        c.ws.send(2, m)
    c.sequence += 2
    c.until("n2n\r\n")
    c.type("echo last${n}\r")
    assert "n3n" not in c.until("last2\r\n")
    c.close()


def test_a_handshake_that_comes_late(up, task):
    """One that types before it answers, and acknowledges nothing: the channel is full when the answer comes."""
    agent = up.agent_pid()
    c = DataChannel(execute(up, task, "sh -c 'yes late # 9902'")["session"])
    c.type("x")
    sent, begun = [], c.sequence
    while len(sent) < 32:
        op, data = c.ws.recv()
        m = Message(data) if op == 2 else None
        if m and m.kind == "output_stream_data" and m.sequence == c.expected + len(sent):
            sent.append(m)
    c._data(HANDSHAKE_RESPONSE, b"{}")
    while begun not in c.acknowledged:
        c.drop = 1
        c.step()
    c.drop = 0
    for m in sent:
        c._stream(m)
    c.ready()
    assert "late" in c.until("late") and up.agent_pid() == agent
    c.terminate()
    c.until()
    c.close()


def memory_kib(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def test_slow_client(up, task):
    """One that reads nothing, while its command prints without end: the command waits, nobody's memory grows."""
    up_pid, agent = up.process.pid, up.agent_pid()
    c = channel(up, task, "sh -c 'yes 0123456789abcdef0123456789abcdef # 9901'")
    for _ in range(50):
        c.step()
    before = memory_kib(up_pid), memory_kib(agent)
    time.sleep(4)
    after = memory_kib(up_pid), memory_kib(agent)
    assert after[0] - before[0] < 8192 and after[1] - before[1] < 8192, (before, after)
    assert slipway_exec(up, task, "echo", "others").stdout == "others\n"
    c.close()
    r.wait_for(lambda: not commands_of("yes 0123456789abcdef0123456789abcdef"), 15, 0.05, "end of the command")


def test_slow_process(up, task):
    """A command that does not read what is typed: the client is slowed, and all of it arrives in the end."""
    p = subprocess.Popen([r.BIN, "exec", task, "--", "sh", "-c", "sleep 3; wc -c"], env=up.env(SLIPWAY_DATA=up.data),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = p.communicate(b"y" * 3000000, timeout=300)
    assert p.returncode == 0 and out.strip() == b"3000000"


# -- transcripts

def test_logging(tasks, up):
    logs, ecs = up.boto("logs"), up.boto("ecs")
    logs.create_log_group(logGroupName="exec")
    logs.create_log_group(logGroupName="app")

    def configure(**configuration):
        ecs.update_cluster(cluster="default", configuration={"executeCommandConfiguration": configuration})

    def transcript(group, session):
        def look():
            streams = [s["logStreamName"] for s in logs.describe_log_streams(logGroupName=group)["logStreams"]]
            if session not in streams:
                return None
            events = logs.get_log_events(logGroupName=group, logStreamName=session, startFromHead=True)["events"]
            return [e["message"] for e in events] or None
        return r.wait_for(look, 20, 0.2, "a transcript")

    options = {"logDriver": "awslogs", "options": {"awslogs-group": "app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}
    arn = tasks.run(tasks.define("app-logs", {"command": IDLE, "logConfiguration": options}), enableExecuteCommand=True)
    tasks.wait_running(arn)
    try:
        configure(logging="OVERRIDE", logConfiguration={"cloudWatchLogGroupName": "exec"})
        out = execute(up, arn, "sh -c 'echo one; echo two; printf three'")["session"]
        DataChannel(out).until()
        r.wait_for(lambda: "three" in transcript("exec", out["sessionId"]), 20, 0.2, "the whole transcript")
        lines = transcript("exec", out["sessionId"])
        assert lines[1:] == ["one", "two", "three"] and "user/admin" in lines[0] and "echo one" in lines[0]
        configure(logging="DEFAULT")
        out = execute(up, arn, "echo by default")["session"]
        DataChannel(out).until()
        r.wait_for(lambda: "by default" in transcript("app", out["sessionId"]), 20, 0.2, "the whole transcript")
        configure(logging="NONE")
        out = execute(up, arn, "echo unseen")["session"]
        DataChannel(out).until()
        assert out["sessionId"] not in str(logs.describe_log_streams(logGroupName="app"))
        configure(logging="OVERRIDE", logConfiguration={"cloudWatchLogGroupName": "missing"})
        assert "missing" in refused("ClientException", execute, up, arn, "true")
    finally:
        configure(logging="NONE")
    tasks.stop(arn)


def test_logging_refused(up):
    ecs = up.boto("ecs")

    def configure(**configuration):
        ecs.update_cluster(cluster="default", configuration={"executeCommandConfiguration": configuration})
    for name, value in (("s3BucketName", "b"), ("s3KeyPrefix", "p"), ("cloudWatchEncryptionEnabled", True)):
        assert name in refused("UnsupportedFeatureException", configure, logging="OVERRIDE", logConfiguration={
            "cloudWatchLogGroupName": "x", name: value})
    assert "kmsKeyId" in refused("UnsupportedFeatureException", configure, kmsKeyId="k")
    assert "OVERRIDE" in refused("InvalidParameterException", configure, logging="OVERRIDE")
    assert "OVERRIDE" in refused("InvalidParameterException", configure, logging="DEFAULT",
                                 logConfiguration={"cloudWatchLogGroupName": "x"})


def test_as_many_as_an_instance_takes(up, task):
    """Commands that run count too; each of them works, and the one too many is refused at once."""
    running = []
    try:
        with pytest.raises(ClientError) as e:
            for _ in range(33):
                running.append(channel(up, task, "cat"))
        assert e.value.response["Error"]["Code"] == "ClientException" and len(running) == 32
        for i, c in enumerate(running):
            c.type("number %d\r" % i)
        for i, c in enumerate(running):
            c.until("number %d\r\nnumber %d\r\n" % (i, i))
    finally:
        for c in running:
            c.close()
    r.wait_for(lambda: slipway_exec(up, task, "echo", "again").stdout == "again\n", 30, 0.5, "room for another session")


def test_nobody_comes(up, task):
    """Sessions that nobody joins: too many are refused, nothing was executed, and they do not last."""
    made = 0
    with pytest.raises(ClientError) as e:
        for _ in range(40):
            execute(up, task, "sleep 8888")
            made += 1
    assert e.value.response["Error"]["Code"] == "ClientException" and made >= 20
    assert not commands_of("sleep 8888")
    r.wait_for(lambda: slipway_exec(up, task, "echo", "again").stdout == "again\n", 60, 1, "room for another session")


# -- an agent that the test speaks for

@pytest.fixture(scope="module")
def fleet():
    server = Server("serve", ["--external-url", "https://slipway.example"])
    try:
        yield Fleet(server.start(), "fleet")
    finally:
        server.close()


def placed(fleet, name):
    """(instance, task) of a task that its agent says is running."""
    instance = fleet.join(name)
    fleet.define("app-" + name)
    out = fleet.ecs.start_task(cluster="fleet", containerInstances=[instance], taskDefinition="app-" + name, enableExecuteCommand=True)
    arn = out["tasks"][0]["taskArn"]
    fleet.ecs.submit_task_state_change(cluster="fleet", task=arn, status="RUNNING", containers=[
        {"containerName": "c", "status": "RUNNING", "runtimeId": "r"}])
    return instance, arn


def asked_of(fleet, instance):
    out = fleet.agent("PollTasks", containerInstance=instance, waitSeconds=0)
    assert out.status == 200, out
    return out.json()["execRequests"]


def begin(fleet, name):
    """(agent's socket, client's socket) of a session, the session and the task; both said their tokens."""
    instance, arn = placed(fleet, name)
    session = execute(fleet.server, arn, "sh -l", cluster="fleet")["session"]
    assert session["streamUrl"] == "wss://slipway.example/v1/data-channel/" + session["sessionId"]
    other = fleet.join(name + "-other")
    assert asked_of(fleet, other) == []
    (request,) = asked_of(fleet, instance)
    assert (request["sessionId"], request["taskArn"], request["containerName"], request["command"]) == (
        session["sessionId"], arn, "c", "sh -l")
    assert asked_of(fleet, instance) == []  # until it does not come
    url = "ws://%s/v1/data-channel/%s" % (fleet.server.host_port, session["sessionId"])
    agent, client = WebSocket(url), WebSocket(url)
    agent.send(1, json.dumps({"TokenValue": request["tokenValue"]}).encode())
    client.send(1, json.dumps({"TokenValue": session["tokenValue"]}).encode())
    return agent, client, session, arn


def test_messages_pass_both_ways(fleet):
    agent, client, _, _ = begin(fleet, "both")
    out, back = encode("output_stream_data", 0, 1, b"printed"), encode("input_stream_data", 0, 1, b"typed")
    agent.send(2, out)
    assert client.recv() == (2, out)
    client.send(2, back)
    assert agent.recv() == (2, back)
    end = encode("channel_closed", 0, 0, b'{"Output":""}')
    agent.send(2, end)
    assert client.recv() == (2, end)
    for ws in (client, agent):
        with pytest.raises(Closed) as e:
            ws.recv()
        assert e.value.code == 1000
        ws.close()


OF_AGENTS = [b"", b"x" * 200, encode("input_stream_data", 0, 1, b"x"), encode("output_stream_data", 0, 1, b"x", length=7),
             encode("output_stream_data", 0, 1, b"x" * 65537), encode("output_stream_data", 1, 1, b"not the next"),
             encode("output_stream_data", 2 ** 63 - 1, 1, b"the last"), encode("output_stream_data", -1, 1, b"none")]


@pytest.mark.parametrize("n", range(len(OF_AGENTS)))
def test_hostile_agent(fleet, n):
    """It ends its session; the client is told; the server goes on."""
    agent, client, _, _ = begin(fleet, "hostile%d" % n)
    agent.send(2, OF_AGENTS[n])
    _, data = client.recv()
    assert b"channel_closed" in data and b"went away" in data
    for ws, code in ((client, 1000), (agent, 1002)):
        with pytest.raises(Closed) as e:
            ws.recv()
        assert e.value.code == code
        ws.close()
    assert len(fleet.ecs.list_tasks(cluster="fleet")["taskArns"]) > 0


def test_connections_without_tokens(fleet):
    """Whoever knows a session's id and no token keeps nobody out of it, nor out of others."""
    instance, arn = placed(fleet, "crowd")
    session = execute(fleet.server, arn, "true", cluster="fleet")["session"]
    (request,) = asked_of(fleet, instance)
    url = "ws://%s/v1/data-channel/%s" % (fleet.server.host_port, session["sessionId"])
    crowd = [WebSocket(url) for _ in range(30)]
    with pytest.raises(Closed) as e:
        crowd[0].recv()
    assert (e.value.code, e.value.reason) == (1008, "too many connections")
    agent, client = WebSocket(url), WebSocket(url)
    agent.send(1, json.dumps({"TokenValue": request["tokenValue"]}).encode())
    client.send(1, json.dumps({"TokenValue": session["tokenValue"]}).encode())
    out = encode("output_stream_data", 0, 1, b"printed")
    agent.send(2, out)
    assert client.recv() == (2, out)
    for ws in crowd + [agent, client]:
        ws.close()


def test_agent_does_not_come(fleet):
    """It is told again; a client that waits is told in the end."""
    instance, arn = placed(fleet, "late")
    session = execute(fleet.server, arn, "true", cluster="fleet")["session"]
    session["streamUrl"] = "ws://%s/v1/data-channel/%s" % (fleet.server.host_port, session["sessionId"])
    c = DataChannel(session, timeout=40)
    assert len(asked_of(fleet, instance)) == 1
    r.wait_for(lambda: len(asked_of(fleet, instance)) == 1, 10, 0.5, "the request again")
    c.until(seconds=40)
    assert "did not answer" in c.closed
    c.close()
    assert asked_of(fleet, instance) == []


# -- other servers

def agent_of(server, home):
    """An agent that is not the server's child."""
    from support.server import Network
    network = Network()
    log = open(os.path.join(home, "agent.log"), "ab")  # pylint: disable=R1732
    process = subprocess.Popen([r.BIN, "agent", "--endpoint", server.endpoint, "--credentials", server.credentials_file, "--data",
                                os.path.join(server.data, "own-agent"), "--bridge-name", network.bridge, "--bridge-subnet",
                                network.subnet], env=server.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    log.close()
    return process, network


def test_server_restarted():
    """The client ends with an error and the command is gone; the task goes on, and the next server executes again."""
    need_containers()
    server = Server("serve", ["--agent-timeout", "5s"]).start()
    agent = network = None
    try:
        agent, network = agent_of(server, server.home)
        tasks = Tasks(server)
        arn = tasks.run(tasks.define("app", {"command": IDLE}), enableExecuteCommand=True)
        tasks.wait_running(arn)
        for end in (server.stop, server.kill):
            p = subprocess.Popen([r.BIN, "exec", arn, "--", "sleep", "9001"], env=server.env(SLIPWAY_DATA=server.data),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            r.wait_for(lambda: commands_of("sleep 9001"), 15, 0.05, "the command")
            end()
            _, err = p.communicate(timeout=100)
            assert p.returncode == 255 and err.startswith("slipway: "), (p.returncode, err)
            r.wait_for(lambda: not commands_of("sleep 9001"), 15, 0.05, "end of the command")
            server.start()
            r.wait_for(lambda: slipway_exec(server, arn, "echo", "again").stdout == "again\n", 40, 0.5, "the agent again")
        agent.kill()
        agent.wait(50)
        r.wait_for(lambda: not server.boto("ecs").describe_container_instances(
            containerInstances=server.boto("ecs").list_container_instances()["containerInstanceArns"])["containerInstances"][0][
                "agentConnected"] or None, 90, 0.5, "an agent that is away")
        assert refused("TargetNotConnectedException", execute, server, arn, "true") == \
            "The execute command failed due to an internal error. Try again later."
    finally:
        if agent and agent.poll() is None:
            agent.kill()
            agent.wait(50)
        server.close()
        if network:
            network.free()


class TlsUp(TlsServer):
    def __init__(self):
        # A stream may be silent for longer than a request's connection.
        super().__init__("up", args=["--exec-idle-timeout", "6s", "--idle-timeout", "2s", "--external-url", "https://elsewhere.example"])


def test_tls_and_idle():
    """The same over wss; and a session in which nothing happens ends."""
    need_containers()
    server = TlsUp().start()
    try:
        tasks = Tasks(server)
        arn = tasks.run(tasks.define("app", {"command": IDLE}), enableExecuteCommand=True)
        tasks.wait_running(arn)
        p = server.slipway("exec", arn, "--", "sh", "-c", "seq 1 50000; exit 4", check=False)
        assert p.returncode == 4 and p.stdout.split()[-1] == "50000" and len(p.stdout.split()) == 50000, p.stderr
        session = execute(server, arn, "sleep 9999")["session"]
        assert session["streamUrl"].startswith("wss://elsewhere.example/")
        session["streamUrl"] = session["streamUrl"].replace("elsewhere.example", server.host_port)
        c = DataChannel(session, ca=server.ca).ready()
        began = time.monotonic()
        c.until(seconds=20)
        assert "inactivity" in c.closed and time.monotonic() - began > 4
        c.close()
        r.wait_for(lambda: not commands_of("sleep 9999"), 15, 0.05, "end of the command")
    finally:
        server.close()
