# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-timeout: 600
"""The log driver awslogs: lines of real containers in log streams, once each, whatever is killed meanwhile."""
import json
import os
import signal
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call
from support.server import Server, read_credentials
from support.tasks import Tasks


@pytest.fixture(scope="module")
def tasks(up):
    return Tasks(up)


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


def test_lines_wait_for_a_group_that_went_away(up, tasks, logs, name):
    logs.create_log_group(logGroupName=name)
    arn = tasks.start(name, {"name": "c", "command": "echo early; sleep 5; echo late", "logConfiguration": driver(name)})
    assert has(up, name, "app/c/" + arn.rsplit("/", 1)[1], 1) == ["early"]
    logs.delete_log_group(logGroupName=name)
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


def test_wrong_options_are_refused(tasks, name):
    for log, part in (({"logDriver": "awslogs"}, "Log driver awslogs requires options: awslogs-group"),
                      (driver(name, mode="fast"), "blocking or non-blocking"),
                      (driver(name, awslogs_datetime_format="%Y"), "awslogs-datetime-format"),
                      ({"logDriver": "journald"}, "journald")):
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
    finally:
        tasks.stop(mine)
        tasks.stop(plain)


def test_a_file_that_is_begun_anew_loses_nothing(up, tasks, logs, name):
    """More than conmon keeps in one file (64 MiB), slowly enough for the agent to follow."""
    logs.create_log_group(logGroupName=name)
    arn = tasks.start(name, {"name": "c", "logConfiguration": driver(name), "command":
                             "i=0; while [ $i -lt 100 ]; do head -c 800000 /dev/zero | tr '\\0' x | fold -w 4000; echo; "
                             "echo n $i; i=$((i+1)); done; sleep 100"})
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
