# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-timeout: 1200
# ctest-cost: 187
"""The log driver awslogs: lines of real containers in log streams, once each, whatever is killed meanwhile."""
import json
import os
import random
import signal
import socket
import struct
import threading
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call
from support.server import Server, read_credentials
from support.tasks import Tasks


@pytest.fixture(scope="module")
def logs(up):
    return up.boto("logs")


@pytest.fixture()
def up_alone():
    """One that may be killed."""
    r.need_root()
    server = Server("up")
    try:
        yield server.start()
    finally:
        server.close()


def driver(group, **more):
    options = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
    options.update({k.replace("_", "-"): v for k, v in more.items()})
    return {"logDriver": "awslogs", "options": options}


def lines(server, group, stream, enough=None):
    """All messages of the stream, in the order of time; or the first ones: a stream may grow faster than it is read."""
    logs, out, token = server.boto("logs"), [], None
    while True:
        more = {"nextToken": token} if token else {"startFromHead": True}
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, **more)
        out += [e["message"] for e in page["events"]]
        if page["nextForwardToken"] == token or (enough and len(out) >= enough):
            return out
        token = page["nextForwardToken"]


def has(server, group, stream, count, seconds=30, enough=None):
    def look():
        try:
            return len(lines(server, group, stream, count)) >= count
        except ClientError as e:
            assert e.response["Error"]["Code"] == "ResourceNotFoundException"
            return False
    r.wait_for(look, seconds, 0.2, "%d lines in %s" % (count, stream))
    return lines(server, group, stream, enough)


class Gate:
    """What a container does only when the test lets it."""

    def __init__(self, folder, command, before="true", **more):
        self.folder = folder
        self.container = dict({"name": "c", "command": before + "; while [ ! -e /gate/open ]; do sleep 0.1; done; " + command,
                               "mountPoints": [{"sourceVolume": "gate", "containerPath": "/gate"}]}, **more)
        self.task = {"volumes": [{"name": "gate", "host": {"sourcePath": str(folder)}}]}

    def open(self):
        (self.folder / "open").touch()


def test_lines_go_to_their_stream(up, tasks, logs, name):
    logs.create_log_group(logGroupName=name)
    arn = tasks.start(name, {"name": "web", "command": "echo out; echo err >&2; echo; printf 'bad \\377 byte\\n'; "
                             "head -c 20000 /dev/zero | tr '\\0' x; echo; printf rest", "logConfiguration": driver(name)})
    tasks.wait_stopped(arn)
    stream = "app/web/" + arn.rsplit("/", 1)[1]
    got = has(up, name, stream, 5)
    assert "err" in got  # the two outputs have no order between them
    assert [m for m in got if m != "err"] == ["out", "bad \ufffd byte", "x" * 20000, "rest"]
    assert "out" in tasks.logs(arn)


def test_groups_are_made_when_asked_for(up, tasks, logs, name):
    arn = tasks.start(name, {"command": "echo made", "logConfiguration": driver(name, awslogs_create_group="true")})
    tasks.wait_stopped(arn)
    streams = r.wait_for(lambda: logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] and
                         logs.describe_log_streams(logGroupName=name)["logStreams"], 30, 0.2, "the stream")
    assert has(up, name, streams[0]["logStreamName"], 1) == ["made"]


def test_a_task_whose_group_is_missing_does_not_start(tasks, name):
    task = tasks.wait_stopped(tasks.start(name, {"command": "echo never", "logConfiguration": driver(name)}))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")
    assert "ResourceNotFoundException: The specified log group does not exist." in task["stoppedReason"]


def test_lines_wait_for_a_group_that_went_away(up, tasks, logs, name, tmp_path):
    logs.create_log_group(logGroupName=name)
    gate = Gate(tmp_path, "echo late", before="echo early", logConfiguration=driver(name))
    arn = tasks.start(name, gate.container, **gate.task)
    assert has(up, name, "app/c/" + arn.rsplit("/", 1)[1], 1) == ["early"]
    logs.delete_log_group(logGroupName=name)
    gate.open()
    tasks.wait_stopped(arn)
    logs.create_log_group(logGroupName=name)
    assert has(up, name, "app/c/" + arn.rsplit("/", 1)[1], 1, 40) == ["late"]


def test_the_execution_role_decides_where_lines_go(up, tasks, logs, name):
    iam, role = up.boto("iam"), "exec-" + name.replace("/", "-")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                                                     "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")
    logs.create_log_group(logGroupName=name)
    container = {"name": "c", "command": "echo written", "logConfiguration": driver(name)}
    task = tasks.wait_stopped(tasks.start(name, container, executionRoleArn=arn))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "logs:CreateLogStream" in task["stoppedReason"], task["stoppedReason"]
    iam.put_role_policy(RoleName=role, PolicyName="logs", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
         "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:%s:*" % name}]}))
    task = tasks.start(name, container, executionRoleArn=arn)
    assert has(up, name, "app/c/" + task.rsplit("/", 1)[1], 1) == ["written"]


def test_rights_that_are_withdrawn_are_gone_within_a_minute(up, tasks, logs, name):
    iam, role = up.boto("iam"), "gone-" + name.replace("/", "-")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                                                     "Action": "sts:AssumeRole"}]}
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")
    iam.put_role_policy(RoleName=role, PolicyName="logs", PolicyDocument=json.dumps(rights))
    logs.create_log_group(logGroupName=name)
    task = tasks.start(name, {"name": "c", "command": "i=0; while true; do echo n $i; i=$((i+1)); sleep 0.5; done",
                              "logConfiguration": driver(name)}, executionRoleArn=arn)
    stream = "app/c/" + task.rsplit("/", 1)[1]
    try:
        has(up, name, stream, 2)
        iam.delete_role_policy(RoleName=role, PolicyName="logs")

        def stands_still():
            before = len(lines(up, name, stream))
            time.sleep(4)
            return len(lines(up, name, stream)) == before
        r.wait_for(stands_still, 60, 0.1, "the lines to stop")
        stopped = len(lines(up, name, stream))
        iam.put_role_policy(RoleName=role, PolicyName="logs", PolicyDocument=json.dumps(rights))
        got = has(up, name, stream, stopped + 5, 40)
        assert got == ["n %d" % n for n in range(len(got))]
    finally:
        tasks.stop(task)


def test_wrong_options_are_refused(tasks, name):
    for log, part in (({"logDriver": "awslogs"}, "Log driver awslogs requires options: awslogs-group"),
                      (driver(name, mode="fast"), "blocking or non-blocking"),
                      (driver(name, awslogs_datetime_format="%Q"), "awslogs-datetime-format"),
                      (driver(name, awslogs_multiline_pattern="(?=x)"), "awslogs-multiline-pattern"),
                      (driver(name, awslogs_endpoint="http://x"), "'awslogs-endpoint' is not supported"),
                      (driver(name, awslogs_credentials_endpoint="/x"), "'awslogs-credentials-endpoint' is not supported"),
                      (driver(name, awslogs_force_flush_interval_seconds="1"), "'awslogs-force-flush-interval-seconds' is not"),
                      (driver(name, mode="blocking", max_buffer_size="1m"), "with the mode non-blocking"),
                      ({"logDriver": "json-file", "options": {"max-file": "2"}}, "max-file"),
                      ({"logDriver": "json-file", "options": {"env": "A"}}, "'env' is not supported"),
                      ({"logDriver": "journald", "options": {"tag": "{{.Nothing}}"}}, "tag"),
                      *(({"logDriver": d}, "'%s' is not supported" % d)
                        for d in ("syslog", "fluentd", "gelf", "splunk", "awsfirelens"))):
        with pytest.raises(ClientError) as e:
            tasks.define(name, {"command": "true", "logConfiguration": log})
        assert part in e.value.response["Error"]["Message"]


def test_every_line_once_though_server_and_agent_are_killed(up_alone, name):
    """Numbered lines while the server, then the agent, then both are killed: all numbers, each once, in order."""
    server = up_alone
    tasks = Tasks(server)
    server.boto("logs").create_log_group(logGroupName=name)
    count = 600
    arn = tasks.start(name, {"name": "c", "command": "i=0; while [ $i -lt %d ]; do echo n $i; i=$((i+1)); "
                             "sleep 0.03; done" % count, "logConfiguration": driver(name)})
    stream = "app/c/" + arn.rsplit("/", 1)[1]
    has(server, name, stream, 20)
    for round_ in range(3):
        time.sleep(1)
        agent = server.agent_pid()
        if agent and round_ != 1:
            os.kill(agent, signal.SIGKILL)
        if round_ != 0:
            server.kill()
            server.start()
    got = has(server, name, stream, count, 90)
    time.sleep(1)
    assert lines(server, name, stream) == got == ["n %d" % n for n in range(count)]


def test_a_noisy_container_holds_up_nobody(up, tasks, logs, name):
    logs.create_log_group(logGroupName=name)
    noisy = tasks.start(name + "-noisy", {"name": "noisy", "command": "yes 0123456789012345678901234567890123456789",
                                          "logConfiguration": driver(name)})
    quiet = tasks.start(name + "-quiet", {"name": "quiet", "command": "echo quiet; sleep 100", "logConfiguration": driver(name)})
    try:
        assert has(up, name, "app/quiet/" + quiet.rsplit("/", 1)[1], 1) == ["quiet"]
        assert has(up, name, "app/noisy/" + noisy.rsplit("/", 1)[1], 2000, enough=2000)
    finally:
        tasks.stop(noisy)
        tasks.stop(quiet)
        logs.delete_log_group(logGroupName=name)


def test_an_agent_writes_only_where_its_tasks_do(up, tasks, logs, name):
    logs.create_log_group(logGroupName=name)
    mine = tasks.start(name, {"name": "c", "command": "sleep 100", "logConfiguration": driver(name)})
    plain = tasks.start(name + "-plain", {"name": "c", "command": "sleep 100"})
    agent = read_credentials(os.path.join(up.data, "agent/credentials"))
    stranger = up.add_user("logs-stranger")
    body = {"containerInstance": tasks.ecs.list_container_instances()["containerInstanceArns"][0], "task": mine,
            "containerName": "c", "events": [{"position": 1 << 40, "timestamp": int(time.time() * 1000), "message": "by hand"}]}

    def put(key=agent, **more):
        reply = call(up, "SlipwayAgent_V20261121", "PutTaskLogEvents", json.dumps({**body, **more}).encode(), scope="ecs", key=key)
        return reply.status, json.loads(reply.body)
    try:
        assert put() == (200, {"position": 1 << 40})
        assert put() == (200, {"position": 1 << 40})  # a replay changes nothing
        assert put(events=[]) == (200, {"position": 1 << 40})
        assert lines(up, name, "app/c/" + mine.rsplit("/", 1)[1]) == ["by hand"]
        assert put(key=stranger)[1]["__type"].endswith("AccessDeniedException")
        assert put(key=up.admin)[0] == 400  # not the one that registered the instance
        assert put(task=plain)[0] == put(containerName="other")[0] == put(task="0" * 32)[0] == 400
        assert put(containerInstance=body["containerInstance"][:-4] + "0000")[0] == 400
        assert put(events=[{"position": -1, "timestamp": 1, "message": "x"}])[0] == 400
        assert put(events=body["events"] * 10001)[0] == 400
        assert lines(up, name, "app/c/" + mine.rsplit("/", 1)[1]) == ["by hand"]
        assert put(events=[{"position": (1 << 40) + 1, "timestamp": 2 ** 63 - 1, "message": "from the end of time"}])[0] == 200
        last = logs.get_log_events(logGroupName=name, logStreamName="app/c/" + mine.rsplit("/", 1)[1])["events"][-1]
        assert last["message"] == "from the end of time" and abs(last["timestamp"] / 1000 - time.time()) < 60
    finally:
        tasks.stop(mine)
        tasks.stop(plain)


@pytest.fixture()
def up_small():
    """One that may be killed, where conmon keeps 1 MiB in a file of a container."""
    r.need_root()
    server = Server("up", ["--log-away-max", "1MiB"])
    try:
        yield server.start()
    finally:
        server.close()


def test_a_file_that_is_begun_anew_loses_nothing(up_small, name):
    """More than conmon keeps in one file, slowly enough for the agent to follow."""
    tasks, logs = Tasks(up_small), up_small.boto("logs")
    logs.create_log_group(logGroupName=name)
    arn = tasks.start(name, {"name": "c", "logConfiguration": driver(name), "command":
                             "i=0; while [ $i -lt 100 ]; do head -c 80000 /dev/zero | tr '\\0' x | fold -w 4000; echo; "
                             "echo n $i; i=$((i+1)); sleep 0.02; done; sleep 100"})
    stream = "app/c/" + arn.rsplit("/", 1)[1]
    try:
        def numbers():
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name, logStreamNames=[stream],
                                                                   filterPattern='"n "')
            return [e["message"] for p in pages for e in p["events"]]
        r.wait_for(lambda: logs.describe_log_streams(logGroupName=name)["logStreams"], 60, 0.5, "the stream")
        r.wait_for(lambda: "n 99" in numbers()[-1:], 120, 2, "the last number")
        assert numbers() == ["n %d" % n for n in range(100)]
    finally:
        tasks.stop(arn)
        logs.delete_log_group(logGroupName=name)


def test_what_comes_while_no_agent_runs_waits_or_is_missed_aloud(up_small, name, tmp_path):
    """Less than waits is there, though it is more than max-buffer-size; of more, the stream says where it is missing."""
    server = up_small
    tasks, logs = Tasks(server), server.boto("logs")
    logs.create_log_group(logGroupName=name)
    count, gates, streams = {"few": 500, "many": 4000}, {}, {}
    for kind, n in count.items():
        (tmp_path / kind).mkdir()
        command = ("p=$(head -c 1000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt %d ]; do echo n $i $p; i=$((i+1)); "
                   "[ $((i %% 100)) = 0 ] && sleep 0.05; done; touch /gate/done; sleep 100" % n)
        gates[kind] = gate = Gate(tmp_path / kind, command, logConfiguration=driver(name, max_buffer_size="100k"))
        streams[kind] = "app/c/" + tasks.start(name + "-" + kind, gate.container, **gate.task).rsplit("/", 1)[1]
    r.wait_for(lambda: len(logs.describe_log_streams(logGroupName=name)["logStreams"]) == 2, 60, 0.1, "the streams")
    for arn in tasks.ecs.list_tasks()["taskArns"]:
        tasks.wait_running(arn)
    agent = server.agent_pid()
    server.kill()
    os.kill(agent, signal.SIGKILL)
    for gate in gates.values():
        gate.open()
    r.wait_for(lambda: all((gate.folder / "done").exists() for gate in gates.values()), 100, 0.1, "all that is written")
    server.start()
    got = {}
    for kind, n in count.items():
        r.wait_for(lambda: (lines(server, name, streams[kind])[-1:] or [""])[0].startswith("n %d " % (n - 1)), 100, 0.5, "the last line")
        got[kind] = [line if line.startswith("slipway") else int(line.split()[1]) for line in lines(server, name, streams[kind])]
    assert got["few"] == list(range(count["few"]))
    said = [line for line in got["many"] if isinstance(line, str)]
    assert said == ["slipway: lines are missing here: more came than waits while no agent runs (log_away_max)"]
    at = got["many"].index(said[0])
    before, after = got["many"][:at], got["many"][at + 1:]
    assert before == list(range(len(before))) and after == list(range(count["many"] - len(after), count["many"]))
    assert len(before) > 900 and len(before) + len(after) < count["many"]
    with server.http() as http:
        assert b"slipway_log_lines_lost_total 1\n" in http.get("/metrics").body


def test_lines_that_belong_together_are_one_event(up, tasks, logs, name):
    logs.create_log_group(logGroupName=name)
    for options, text in (({"awslogs_multiline_pattern": "^START"}, ("START 1", "START 2")),
                          ({"awslogs_datetime_format": "[%Y-%m-%d %H:%M:%S%L]"},
                           ("[2026-11-21 10:00:00.001] 1", "[2026-11-21 10:00:01.002] 2"))):
        arn = tasks.start(name, {"name": "c", "command": "echo '%s'; echo ' more'; echo; echo '%s'; echo rest" % text,
                                 "logConfiguration": driver(name, **options)})
        tasks.wait_stopped(arn)
        stream = "app/c/" + arn.rsplit("/", 1)[1]
        assert has(up, name, stream, 2) == [text[0] + "\n more\n", text[1] + "\nrest"]


NOISE = "i=0; while [ $i -lt %d ]; do head -c 900000 /dev/zero | tr '\\0' x | fold -w 900; echo; echo n $i; i=$((i+1)); done"


def numbers(logs, group, stream, pattern='"n "'):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=[stream], filterPattern=pattern)
    return [e["message"] for p in pages for e in p["events"]]


def monitors(arn):
    """The conmon processes of a task's containers and their states."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
            if words[0].endswith(b"conmon") and any(arn.rsplit("/", 1)[1].encode() in w for w in words):
                with open("/proc/%s/stat" % pid) as f:
                    out[int(pid)] = f.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            pass
    return out


def monitor_states(arn):
    return list(monitors(arn).values())


def test_a_container_that_blocks_is_held_up_and_loses_nothing(up_alone, name, tmp_path):
    """The control plane is away while the container writes more than is kept for it: it waits, and goes on later."""
    server = up_alone
    tasks, logs = Tasks(server), server.boto("logs")
    logs.create_log_group(logGroupName=name)
    count = 60
    gate = Gate(tmp_path, NOISE % count, logConfiguration=driver(name, mode="blocking"))
    arn = tasks.start(name, gate.container, **gate.task)
    stream = "app/c/" + arn.rsplit("/", 1)[1]
    tasks.wait_running(arn)
    logs.delete_log_group(logGroupName=name)
    gate.open()
    r.wait_for(lambda: "T" in monitor_states(arn), 60, 0.2, "the container to be held up")
    agent = server.agent_pid()
    os.kill(agent, signal.SIGKILL)
    r.wait_for(lambda: server.agent_pid() not in (0, agent), 30, 0.2, "the next agent")
    time.sleep(1)
    assert "T" in monitor_states(arn)
    logs.create_log_group(logGroupName=name)
    r.wait_for(lambda: logs.describe_log_streams(logGroupName=name)["logStreams"], 60, 0.5, "the stream")
    r.wait_for(lambda: "n %d" % (count - 1) in numbers(logs, name, stream)[-1:], 120, 2, "the last number")
    assert numbers(logs, name, stream) == ["n %d" % n for n in range(count)]
    assert numbers(logs, name, stream, "slipway") == []


def test_a_container_that_is_held_up_can_be_stopped(up_alone, name, tmp_path):
    server = up_alone
    tasks, logs = Tasks(server), server.boto("logs")
    logs.create_log_group(logGroupName=name)
    gate = Gate(tmp_path, "yes", logConfiguration=driver(name, mode="blocking"))
    arn = tasks.start(name, gate.container, **gate.task)
    tasks.wait_running(arn)
    logs.delete_log_group(logGroupName=name)
    gate.open()
    r.wait_for(lambda: "T" in monitor_states(arn), 60, 0.2, "the container to be held up")
    began = time.time()
    tasks.stop(arn)
    assert tasks.wait_stopped(arn)["containers"][0]["exitCode"] in (137, 143)
    assert time.time() - began < 45 * r.PATIENCE


def test_what_the_buffer_has_no_room_for_is_counted(up_alone, name, tmp_path):
    server = up_alone
    tasks, logs = Tasks(server), server.boto("logs")
    logs.create_log_group(logGroupName=name)
    gate = Gate(tmp_path, "i=0; while [ $i -lt 20000 ]; do echo number $i; i=$((i+1)); done",
                logConfiguration=driver(name, mode="non-blocking", max_buffer_size="100k"))
    arn = tasks.start(name, gate.container, **gate.task)
    stream = "app/c/" + arn.rsplit("/", 1)[1]
    tasks.wait_running(arn)
    logs.delete_log_group(logGroupName=name)
    gate.open()
    tasks.wait_stopped(arn)
    time.sleep(1)
    logs.create_log_group(logGroupName=name)
    got = has(server, name, stream, 2, 40)
    r.wait_for(lambda: "number 19999" in lines(server, name, stream), 30, 0.5, "the last line")
    got = lines(server, name, stream)
    said = [line for line in got if line.startswith("slipway: ")]
    assert len(said) >= 1 and all("max-buffer-size" in line for line in said), said
    lost = sum(int(line.split()[1]) for line in said)
    kept = [line for line in got if line.startswith("number")]
    assert lost + len(kept) == 20000, (lost, len(kept))
    assert 500 < len(kept) < 4000
    with server.http() as http:
        assert b"slipway_log_lines_lost_total %d\n" % lost in http.get("/metrics").body


# --- journald ---

class Journal:
    """Takes entries as systemd's journal does, datagrams and files that come with them."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.2)
        self.entries, self.files, self.over = [], 0, False
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        while not self.over:
            try:
                data, control, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            except socket.timeout:
                continue
            for _, _, payload in control:
                fd = struct.unpack("i", payload[:4])[0]
                data = os.pread(fd, 1 << 24, 0)
                os.close(fd)
                self.files += 1
            self.entries.append(self._parse(data))

    @staticmethod
    def _parse(data):
        entry = {}
        while data:
            line, data = data.split(b"\n", 1)
            if b"=" in line:
                key, value = line.split(b"=", 1)
            else:
                key, (size,) = line, struct.unpack("<Q", data[:8])
                value, data = data[8:8 + size], data[8 + size + 1:]
            entry[key.decode()] = value.decode()
        return entry

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()


@pytest.fixture(scope="module")
def with_journal(tmp_path_factory):
    r.need_root()
    path = str(tmp_path_factory.mktemp("journal") / "socket")
    journal, server = Journal(path), Server("up", ["--journal-socket", path])
    try:
        yield server.start(), journal
    finally:
        server.close()
        journal.close()


def test_lines_go_to_the_journal(with_journal, name):
    server, journal = with_journal
    tasks = Tasks(server)
    options = {"tag": "{{.Name}}/{{.ID}}", "labels": "team.name", "env": "STAGE,PATH", "env-regex": "^(MESSAGE|PRIO|COREDUMP|unit)"}
    forged = ("MESSAGE", "MESSAGE_ID", "PRIORITY", "COREDUMP_FILENAME", "unit")
    container = {"name": "web", "command": "echo out; echo err >&2; head -c 250000 /dev/zero | tr '\\0' x; echo; echo last",
                 "dockerLabels": {"team.name": "blue", "other": "x", "object.pid": "1"},
                 "environment": [{"name": "STAGE", "value": "dev"}, {"name": "SECRET", "value": "no"}],
                 "logConfiguration": {"logDriver": "journald", "options": options}}
    with pytest.raises(ClientError) as e:
        tasks.define(name, dict(container, logConfiguration={"logDriver": "journald", "options": {"labels": "team.name,object.pid"}}))
    assert "'labels' asks for 'object.pid', which cannot be a field" in e.value.response["Error"]["Message"]
    environment = [{"name": "STAGE", "value": "prod"}] + [{"name": n, "value": "forged"} for n in forged]
    arn = tasks.run(tasks.define(name, container), overrides={"containerOverrides": [{"name": "web", "environment": environment}]})
    tasks.wait_stopped(arn)
    r.wait_for(lambda: [e for e in journal.entries if e["MESSAGE"] == "last"], 20, 0.2, "the last line")
    assert sorted(e["MESSAGE"][:4] for e in journal.entries) == ["err", "last", "out", "xxxx"]
    entry = {e["MESSAGE"][:4]: e for e in journal.entries}
    assert len(entry["xxxx"]["MESSAGE"]) == 250000 and journal.files == 1
    out = entry["out"]
    assert out["PRIORITY"] == "6" and entry["err"]["PRIORITY"] == "3"
    assert out["CONTAINER_ID"] == out["CONTAINER_ID_FULL"][:12] and len(out["CONTAINER_ID_FULL"]) == 64
    assert out["CONTAINER_NAME"].startswith("ecs-") and "-web-" in out["CONTAINER_NAME"]
    assert out["SYSLOG_IDENTIFIER"] == out["CONTAINER_TAG"] == "%s/%s" % (out["CONTAINER_NAME"], out["CONTAINER_ID"])
    assert out["IMAGE_NAME"] and out["SYSLOG_TIMESTAMP"].startswith("20")
    assert out["COM_AMAZONAWS_ECS_TASK_ARN"] == arn and out["COM_AMAZONAWS_ECS_CONTAINER_NAME"] == "web"
    assert out["COM_AMAZONAWS_ECS_CLUSTER"].endswith("cluster/default")
    assert out["TEAM_NAME"] == "blue" and out["STAGE"] == "prod" and "/bin" in out["PATH"]
    assert "OTHER" not in out and "SECRET" not in out
    assert not {"MESSAGE_ID", "COREDUMP_FILENAME", "UNIT", "OBJECT_PID"} & set(out)
    assert "out" in tasks.logs(arn)


def test_without_a_journal_no_task_with_it_starts(with_journal, up, tasks, name):
    has_journal, _ = with_journal
    wanted = "com.amazonaws.ecs.capability.logging-driver.journald"
    container = {"name": "c", "command": "echo x", "logConfiguration": {"logDriver": "journald"}}
    for server, there in ((has_journal, True), (up, False)):
        ecs = server.boto("ecs")
        r.wait_for(lambda: ecs.list_container_instances()["containerInstanceArns"], 20, 0.1, "the instance")
        instance = ecs.describe_container_instances(containerInstances=ecs.list_container_instances()["containerInstanceArns"])
        assert (wanted in [a["name"] for a in instance["containerInstances"][0]["attributes"]]) == there
    definition = tasks.define(name, container)
    out = up.boto("ecs").run_task(taskDefinition=definition)
    assert [f["reason"] for f in out["failures"]] == ["ATTRIBUTE"]


def test_a_journal_that_goes_away_stops_what_starts(name, tmp_path):
    r.need_root()
    path = str(tmp_path / "socket")
    journal, server = Journal(path), Server("up", ["--journal-socket", path])
    try:
        server.start()
        tasks = Tasks(server)
        container = {"name": "c", "command": "echo x", "logConfiguration": {"logDriver": "journald"}}
        tasks.wait_stopped(tasks.start(name, container))
        r.wait_for(lambda: [e["MESSAGE"] for e in journal.entries] == ["x"], 20, 0.2, "the line")
        journal.close()
        os.unlink(path)
        task = tasks.wait_stopped(tasks.start(name, container))
        assert task["stopCode"] == "TaskFailedToStart"
        assert "failed to initialize logging driver: journald is not enabled on this host" in task["stoppedReason"]
    finally:
        server.close()
        journal.close()


LONG = os.environ.get("SLIPWAY_TEST_LONG") == "1"
SEED = int(os.environ.get("SLIPWAY_TEST_SEED", "0")) or int(time.time())
COUNTING = "i=0; while [ $i -lt %d ]; do echo n $i; i=$((i+1)); [ $((i %% 20)) = 0 ] && sleep 0.1; done"


def test_every_line_once_with_kills_at_random_times(up_alone, name):
    """The server and the agent are killed again and again at any time, while one container blocks, one has a small buffer and events of
    several lines, and one writes in bursts."""
    server, dice, rounds = up_alone, random.Random(SEED), 60 if LONG else 8
    print("SLIPWAY_TEST_SEED=%d" % SEED)
    tasks = Tasks(server)
    server.boto("logs").create_log_group(logGroupName=name)
    count = rounds * 400
    kinds = {"held": driver(name, mode="blocking"), "several": driver(name, awslogs_multiline_pattern="^n [0-9]*0$"),
             "plain": driver(name)}
    arn = tasks.start(name, *({"name": kind, "command": COUNTING % count, "logConfiguration": log} for kind, log in kinds.items()))
    streams = {kind: "app/%s/%s" % (kind, arn.rsplit("/", 1)[1]) for kind in kinds}
    for stream in streams.values():
        has(server, name, stream, 1)
    for _ in range(rounds):
        time.sleep(dice.uniform(0.1, 1.5))
        victim = dice.choice(("agent", "server", "both"))
        agent = server.agent_pid()
        if agent and victim != "server":
            os.kill(agent, signal.SIGKILL)
        if victim != "agent":
            server.kill()
            time.sleep(dice.uniform(0, 0.5))
            server.start()
    want = ["n %d" % n for n in range(count)]
    for kind, stream in streams.items():
        r.wait_for(lambda: (lines(server, name, stream)[-1:] or [""])[0].endswith(want[-1]), 120, 1, "the last line of " + kind)
        got = "\n".join(lines(server, name, stream)).split("\n")
        assert got == want, (kind, SEED, [n for n in want if got.count(n) != 1][:10])


def test_what_a_killed_monitor_had_written_is_there_once(up_alone, name):
    server, dice = up_alone, random.Random(SEED)
    tasks = Tasks(server)
    server.boto("logs").create_log_group(logGroupName=name)
    for _ in range(5 if LONG else 2):
        arn = tasks.start(name, {"name": "c", "command": COUNTING % 100000, "logConfiguration": driver(name)})
        stream = "app/c/" + arn.rsplit("/", 1)[1]
        has(server, name, stream, 1)
        time.sleep(dice.uniform(0.1, 1.5))
        for pid in monitors(arn):
            os.kill(pid, signal.SIGKILL)
        tasks.wait_stopped(arn, 60)
        time.sleep(2)  # more than once each is what must not come
        got = lines(server, name, stream)
        assert got == ["n %d" % n for n in range(len(got))] and got, SEED
