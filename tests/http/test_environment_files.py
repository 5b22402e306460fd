# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""environmentFiles: objects of an S3 store become variables; what wins over what, and what a task says that did not get them."""
import json
import os

import pytest
from botocore.exceptions import ClientError

from support.s3 import Store
from support.server import Server
from support.tasks import TRUST, Tasks

PREFIX = "ResourceInitializationError: container main: failed to download env files: "


def files(*keys):
    return [{"type": "s3", "value": "arn:aws:s3:::settings/" + k} for k in keys]


def role(server):
    iam = server.boto("iam")
    arn = iam.create_role(RoleName="exec", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="exec", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::settings/*"}]}))
    return arn


@pytest.fixture(scope="module")
def store():
    s = Store({"AKIATEST": "s3cret/key+"})
    try:
        yield s
    finally:
        s.close()


@pytest.fixture(scope="module")
def tasks(store, tmp_path_factory):
    """An agent with credentials of its own for the store."""
    path = tmp_path_factory.mktemp("s3") / "credentials"
    path.write_text("[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = s3cret/key+\n")
    os.chmod(path, 0o600)
    s = Server("up", env={"SLIPWAY_S3_ENDPOINT": store.endpoint, "SLIPWAY_S3_CREDENTIALS": str(path)})
    try:
        s.start()
        t = Tasks(s)
        t.role = role(s)
        yield t
    finally:
        s.close()


def env(tasks, name, container, overrides=None, command="env; true"):
    d = tasks.define(name, dict({"command": command}, **container), executionRoleArn=tasks.role)
    arn = tasks.run(d, **({"overrides": {"containerOverrides": [dict({"name": "main"}, **overrides)]}} if overrides else {}))
    stopped = tasks.wait_stopped(arn)
    assert stopped["containers"][0].get("exitCode") == 0, stopped
    return dict(line.split("=", 1) for line in tasks.logs(arn).splitlines() if "=" in line)


def test_what_files_say(tasks, store, name):
    store.objects["/settings/a.env"] = b"# a comment\n\nFIRST=a\r\nBOTH=from a\nQUOTED=\"as $it is\"\nEMPTY=\nPATH=/bin:/a\nSAID=file\n"
    store.objects["/settings/deep/b%20%C3%BC.env"] = b"BOTH=from b\nSECOND=b=c\n"
    got = env(tasks, name, {"environmentFiles": files("a.env", "deep/b ü.env"), "environment": [{"name": "SAID", "value": "definition"}]})
    want = {"FIRST": "a", "BOTH": "from a", "QUOTED": '"as $it is"', "EMPTY": "", "PATH": "/bin:/a", "SAID": "definition", "SECOND": "b=c"}
    assert {k: got.get(k) for k in want} == want


def test_files_of_run_task_are_in_place_of_the_definitions(tasks, store, name):
    store.objects.update({"/settings/own.env": b"OWN=1\n", "/settings/other.env": b"OTHER=1\n"})
    got = env(tasks, name, {"environmentFiles": files("own.env")}, {"environmentFiles": files("other.env")})
    assert "OWN" not in got and got["OTHER"] == "1"
    d = tasks.define(name, {})
    with pytest.raises(ClientError) as e:
        tasks.ecs.run_task(taskDefinition=d, overrides={"containerOverrides": [
            {"name": "main", "environmentFiles": [{"type": "s3", "value": "x"}]}]})
    assert e.value.response["Error"]["Code"] == "InvalidParameterException" and "environmentFiles" in str(e.value)


def test_a_store_that_is_busy_is_asked_again(tasks, store, name):
    store.objects["/settings/a.env"] = b"FIRST=a\n"
    store.fail_first = 2
    assert env(tasks, name, {"environmentFiles": files("a.env")})["FIRST"] == "a"


def fails(tasks, name, part, *keys, **more):
    more = more or {"executionRoleArn": tasks.role}
    task = tasks.start(name, {"command": "echo started", "environmentFiles": files(*keys)}, **more)
    stopped = tasks.wait_stopped(task)
    assert stopped["stopCode"] == "TaskFailedToStart" and part in stopped["stoppedReason"], stopped
    assert "started" not in tasks.logs(task)
    return stopped["stoppedReason"]


def test_what_cannot_be_had_ends_the_task(tasks, store, name):
    reason = fails(tasks, name, "HTTP 404 NoSuchKey", "missing.env")
    assert reason.startswith(PREFIX + "arn:aws:s3:::settings/missing.env: "), reason
    store.objects["/settings/large.env"] = b"A=" + b"x" * (1 << 20)
    fails(tasks, name, "large.env", "large.env")
    store.objects["/settings/bytes.env"] = b"A=1\0B"
    fails(tasks, name, "is no text", "bytes.env")
    keys, store.keys = store.keys, {"AKIATEST": "another secret"}
    try:
        fails(tasks, name, "HTTP 403 SignatureDoesNotMatch", "a.env")
    finally:
        store.keys = keys


def test_what_the_execution_role_may_not_read(tasks, store, name):
    """The agent's own keys open every bucket; whoever may run tasks reads only what the role may."""
    store.objects["/others/a.env"] = b"WORD=of others\n"
    before = len(store.requests)
    other = [{"type": "s3", "value": "arn:aws:s3:::others/a.env"}]
    d = tasks.define(name, {"environmentFiles": other}, executionRoleArn=tasks.role)
    reason = tasks.wait_stopped(tasks.run(d))["stoppedReason"]
    assert "s3:GetObject" in reason and "arn:aws:s3:::others/a.env" in reason, reason
    store.objects["/settings/a.env"] = b"FIRST=a\n"
    mine = tasks.define(name, {"environmentFiles": files("a.env")}, executionRoleArn=tasks.role)
    task = tasks.run(mine, overrides={"containerOverrides": [{"name": "main", "environmentFiles": other}]})
    assert "s3:GetObject" in tasks.wait_stopped(task)["stoppedReason"]
    assert len(store.requests) == before
    assert env(tasks, name, {"environmentFiles": other}, {"environmentFiles": files("a.env")})["FIRST"] == "a"


def test_without_an_execution_role(tasks, store, name):
    """A definition that names none cannot get files: nobody's rights would count."""
    task = tasks.start(name, {"environmentFiles": files("a.env")})
    assert "need an execution role" in tasks.wait_stopped(task)["stoppedReason"]


@pytest.mark.parametrize("listed, part", (
    ([{"type": "s3", "value": "s3://bucket/x.env"}], "environmentFiles[0].value"),
    ([{"type": "s3", "value": "arn:aws:s3:::bucket/x.txt"}], "environmentFiles[0].value"),
    ([{"type": "s3", "value": "arn:aws:s3:::bucket"}], "environmentFiles[0].value"),
    ([{"type": "s3", "value": "arn:aws:s3:::../x.env"}], "environmentFiles[0].value"),
    ([{"type": "s3", "value": "arn:aws:s3:::bucket/../other/x.env"}], "environmentFiles[0].value"),
    ([{"type": "s3", "value": "arn:aws:s3:::bucket/./x.env"}], "environmentFiles[0].value"),
    (files(*["%d.env" % i for i in range(11)]), "at most 10 environmentFiles"),
))
def test_files_that_cannot_be(tasks, name, listed, part):
    with pytest.raises(ClientError) as e:
        tasks.define(name, {"environmentFiles": listed})
    assert part in str(e.value)


def test_what_is_registered_is_described(tasks, name):
    d = tasks.define(name, {"environmentFiles": files("a.env", "b.env")})
    out = tasks.ecs.describe_task_definition(taskDefinition=d)["taskDefinition"]
    assert out["containerDefinitions"][0]["environmentFiles"] == files("a.env", "b.env")
    assert "ecs.capability.env-files.s3" in {a["name"] for a in out["requiresAttributes"]}


def test_values_are_in_memory_only(tasks, store, name):
    store.objects["/settings/secret.env"] = b"WORD=sw0rdf1sh\n"
    task = tasks.start(name, {"command": "echo $WORD | tr a-z A-Z", "environmentFiles": files("secret.env")}, executionRoleArn=tasks.role)
    tasks.wait_stopped(task)
    assert "SW0RDF1SH" in tasks.logs(task)
    with open(os.path.join(tasks.server.data, "agent", "tasks", task.rsplit("/", 1)[1], "state.json"), encoding="utf-8") as f:
        assert "sw0rdf1sh" not in f.read()


def test_sessions_of_the_execution_role(name):
    """Without credentials of the agent's own: signed as the role, for a store that knows our sessions."""
    store = Store()
    s = Server("up", env={"SLIPWAY_S3_ENDPOINT": store.endpoint})
    try:
        s.start()
        t = Tasks(s)
        t.role = role(s)
        store.objects["/settings/a.env"] = b"FIRST=a\n"
        assert env(t, name, {"environmentFiles": files("a.env")})["FIRST"] == "a"
        headers = store.requests[-1][1]
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=ASIA") and headers["X-Amz-Security-Token"]
        assert "/us-east-1/s3/aws4_request" in headers["Authorization"]
    finally:
        s.close()
        store.close()
