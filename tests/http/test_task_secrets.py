# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""Secrets in containers: what valueFrom means, whose rights count, what a task says that did not get them, and where values are not."""
import hashlib
import json
import os
import uuid

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.tasks import TRUST

ACCOUNT = "000000000000"
PREFIX = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "


@pytest.fixture(scope="module")
def sm(up):
    return up.boto("secretsmanager")


@pytest.fixture(scope="module")
def ssm(up):
    return up.boto("ssm")


def role(up, name, *statements):
    iam = up.boto("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    both = [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}] + list(statements)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": both}))
    return arn


@pytest.fixture(scope="module")
def reader(up):
    return role(up, "reader", {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters"],
                               "Resource": "*"})


def secret(name, value_from):
    return {"name": name, "valueFrom": value_from}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_every_form_of_value_from(up, tasks, sm, ssm, reader, name):
    value = {n: "%s %s\n'\"$HOME" % (n, uuid.uuid4()) for n in ("whole", "old", "key", "param", "plain")}
    doc = sm.create_secret(Name=name, SecretString=json.dumps({"user": value["key"], "n": 7, "deep": {"a": [1]}}))
    text = sm.create_secret(Name=name + "-text", SecretString=value["old"])
    sm.put_secret_value(SecretId=name + "-text", SecretString=value["whole"])
    ssm.put_parameter(Name="/%s/p" % name, Value=value["param"], Type="SecureString")
    ssm.put_parameter(Name=name, Value=value["plain"], Type="String")
    arn, names = doc["ARN"], ["WHOLE", "PREV", "BYID", "KEY", "NUMBER", "DEEP", "PARAM", "PARAM_ARN", "PLAIN"]
    froms = [text["ARN"], text["ARN"] + "::AWSPREVIOUS:", text["ARN"] + ":::" + text["VersionId"], arn + ":user::",
             arn + ":n::", arn + ":deep:AWSCURRENT:", "/%s/p" % name,
             "arn:aws:ssm:us-east-1:%s:parameter/%s/p" % (ACCOUNT, name), name]
    command = "; ".join('printf "%%s" "$%s" | sha256sum' % n for n in names)
    listed = [secret(n, f) for n, f in zip(names, froms)]
    definition = tasks.define(name, {"command": command, "secrets": listed}, executionRoleArn=reader)
    described = tasks.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    assert described["containerDefinitions"][0]["secrets"] == listed
    wanted = {a["name"] for a in described["requiresAttributes"]}
    assert {"ecs.capability.secrets.%s.environment-variables" % k for k in ("asm", "ssm")} <= wanted
    task = tasks.run(definition)
    stopped = tasks.wait_stopped(task)
    lines = [x.split()[0] for x in tasks.logs(task).splitlines() if x.strip()]
    assert lines == [sha256(v) for v in (value["whole"], value["old"], value["old"], value["key"], "7", '{"a":[1]}',
                                         value["param"], value["param"], value["plain"])], stopped

    def audited():
        """Who read what is in the audit log, a moment later."""
        with open(os.path.join(up.data, "audit.log"), encoding="utf-8") as h:
            return [json.loads(x) for x in h if arn in x and '"ecs:Poll"' in x and x.endswith("\n")]

    lines = r.wait_for(audited, 10, what="the audit log")
    assert text["ARN"] in lines[-1]["reference"] and "/%s/p" % name in lines[-1]["reference"]
    # What tells nothing: documents, the task's file, logs, the database.
    seen = json.dumps([stopped, described], default=str)
    for folder, _, files in os.walk(up.data):
        for f in files:
            path = os.path.join(folder, f)
            if os.path.isfile(path) and not os.path.islink(path) and "/snapshots/" not in path:
                try:
                    with open(path, "rb") as h:
                        seen += h.read().decode("latin-1")
                except OSError:
                    assert "/networks/" in path or "/rootfs/" in path or "netns" in path, path  # no file to read
    with open(up.log, encoding="utf-8", errors="replace") as h:
        seen += h.read()
    parts = [v.split()[1] for v in value.values()]
    assert not [p for p in parts if p in seen]


@pytest.fixture(scope="module")
def shared(sm, ssm):
    ssm.put_parameter(Name="shared", Value="s3cret-parameter", Type="String")
    return sm.create_secret(Name="shared", SecretString="s3cret-text")["ARN"]


def failed(tasks, name, value_from, **more):
    task = tasks.start(name, {"command": "echo started", "secrets": [secret("S", value_from)]}, **more)
    stopped = tasks.wait_stopped(task)
    assert stopped["stopCode"] == "TaskFailedToStart", stopped
    assert "exitCode" not in stopped["containers"][0] and "startedAt" not in stopped
    assert "started" not in tasks.logs(task)
    assert stopped["stoppedReason"].startswith(PREFIX), stopped["stoppedReason"]
    return stopped["stoppedReason"][len(PREFIX):]


def test_a_role_without_the_right(up, tasks, shared, name):
    arn = role(up, name)
    task_session = "arn:aws:sts::%s:assumed-role/%s/" % (ACCOUNT, name)
    reason = failed(tasks, name, shared, executionRoleArn=arn)
    assert reason.startswith("unable to retrieve secret from asm: ") and "s3cret" not in reason
    assert "User: " + task_session in reason
    assert "is not authorized to perform: secretsmanager:GetSecretValue on resource: " + shared in reason
    reason = failed(tasks, name, "shared", executionRoleArn=arn)
    assert "unable to retrieve secrets from ssm: " in reason
    assert "ssm:GetParameters on resource: arn:aws:ssm:us-east-1:%s:parameter/shared" % ACCOUNT in reason


def test_without_an_execution_role(tasks, shared, name):
    reason = failed(tasks, name, shared)
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in reason


@pytest.mark.parametrize("value_from, text", [
    ("nowhere", "invalid ssm parameters: nowhere"),
    ("arn:aws:ssm:us-east-1:111111111111:parameter/x", "invalid ssm parameters: arn:aws:ssm:us-east-1:111111111111:parameter/x"),
    ("arn:aws:secretsmanager:us-east-1:%s:secret:nowhere-abcdef" % ACCOUNT, "ResourceNotFoundException"),
    ("SHARED:nokey::", "did not contain a JSON object"),
    ("SHARED::NOSTAGE:", "NOSTAGE"),
    ("SHARED:a:b:c:d", "invalid ARN format"),
    ("arn:aws:s3:::bucket/key", "invalid ARN format"),
])
def test_what_is_not_there(tasks, reader, shared, name, value_from, text):
    reason = failed(tasks, name, value_from.replace("SHARED", shared), executionRoleArn=reader)
    assert text in reason and "s3cret" not in reason, reason


def test_no_container_starts_when_one_lacks_a_secret(tasks, reader, name):
    task = tasks.start(name, {"command": "sleep 100"},
                       {"command": "sleep 100", "essential": False, "secrets": [secret("S", "nowhere")]},
                       executionRoleArn=reader)
    stopped = tasks.wait_stopped(task)
    assert stopped["stopCode"] == "TaskFailedToStart" and "startedAt" not in stopped
    assert all("exitCode" not in c for c in stopped["containers"])


def test_each_container_has_its_own(tasks, reader, shared, name):
    task = tasks.start(name, {"command": "echo main=$S"},
                       {"command": "echo other=$S; sleep 1", "secrets": [secret("S", shared)]}, executionRoleArn=reader)
    tasks.wait_stopped(task)
    assert "main=s3cret" not in tasks.logs(task)


@pytest.mark.parametrize("container", [
    {"secrets": [secret("A", "x"), secret("A", "y")]},
    {"secrets": [secret("A", "x")], "environment": [{"name": "A", "value": "1"}]},
    {"secrets": [secret("", "x")]},
    {"secrets": [secret("A", "")]},
    {"secrets": [secret("A=B", "x")]}])
def test_registrations_that_are_refused(tasks, name, container):
    with pytest.raises(ClientError) as e:
        tasks.define(name, container)
    assert e.value.response["Error"]["Code"] == "ClientException"


def test_an_agent_asks_for_its_own_tasks_only(up, tasks, shared, reader, name):
    """The administrator is not the instance, so not even the administrator is told."""
    from support.aws import call
    task = tasks.start(name, {"command": "sleep 100", "secrets": [secret("S", shared)]}, executionRoleArn=reader)
    tasks.wait_running(task)
    instance = tasks.ecs.list_container_instances()["containerInstanceArns"][0]
    reply = call(up, "SlipwayAgent_V20261121", "GetTaskSecrets",
                 json.dumps({"containerInstance": instance, "task": task}).encode(), scope="ecs")
    tasks.stop(task)
    assert reply.status == 400 and b"s3cret" not in reply.body
    assert json.loads(reply.body)["__type"] == "AccessDeniedException", reply.body
