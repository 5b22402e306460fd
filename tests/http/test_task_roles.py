# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""Roles inside real containers: the endpoint at 169.254.170.2, credentials that boto3 takes, metadata, execution roles."""
import json
import os
import signal

import pytest

from support import run as r
from support.aws import call
from support.server import Everywhere
from support.tasks import TRUST

ACCOUNT = "000000000000"
# In the host's network an agent that is not the machine's only one answers at an address of the loopback device.
FETCH = ("host=${ECS_AGENT_URI#http://}; host=${host%%/*}; port=${host#*:}; [ $port != $host ] || port=80; "
         "fetch() { printf 'GET %s HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n' \"$1\" | nc ${host%%:*} $port; }; "
         "of() { printf '%s' \"${1#http://169.254.170.2}\"; }; ")


def allow(*actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource}]})


@pytest.fixture(scope="module")
def up():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "iptables"):
        r.need_program(program)
    server = Everywhere("up")
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def role(up):
    """A role of tasks that may describe repositories and nothing else."""
    iam = up.boto("iam")
    iam.create_role(RoleName="app", Path="/tasks/", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="app", PolicyName="p", PolicyDocument=allow("ecr:DescribeRepositories"))
    return "arn:aws:iam::%s:role/tasks/app" % ACCOUNT


def bodies(text):
    """The bodies of HTTP answers, one after the other, that are JSON."""
    out, decoder = [], json.JSONDecoder()
    for part in text.replace("\r", "").split("\n\n")[1:]:
        try:
            out.append(decoder.raw_decode(part.strip())[0])
        except ValueError:
            continue
    return out


def python_volumes():
    """This machine's python and its libraries, read-only."""
    paths = ["/usr"] + [p for p in ("/lib", "/lib64") if os.path.isdir(p)]
    volumes = [{"name": "v%d" % i, "host": {"sourcePath": p}} for i, p in enumerate(paths)]
    mounts = [{"sourceVolume": "v%d" % i, "containerPath": p, "readOnly": True} for i, p in enumerate(paths)]
    return volumes, mounts


BOTO = """
import boto3, os, sys
endpoint = sys.argv[1]
c = lambda service: boto3.client(service, endpoint_url=endpoint)
print(c("sts").get_caller_identity()["Arn"])
print(boto3.session.Session().get_credentials().method, os.environ["AWS_REGION"])
print([x["repositoryName"] for x in c("ecr").describe_repositories()["repositories"]])
try:
    c("ecr").delete_repository(repositoryName="busybox", force=True)
    print("deleted")
except c("ecr").exceptions.ClientError as e:
    print(e.response["Error"]["Code"], "ecr:DeleteRepository" in str(e))
"""


def boto_in_task(up, tasks, name, role, mode):
    volumes, mounts = python_volumes()
    gateway = "127.0.0.1" if mode == "host" else up.network.subnet.replace(".0/24", ".1")
    more = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}} if mode == "awsvpc" else {}
    definition = tasks.define(name, {"command": ["/usr/bin/python3", "-I", "-c", BOTO, "http://%s:%d" % (gateway, up.port)],
                             "mountPoints": mounts, "memory": 256}, taskRoleArn=role, networkMode=mode, volumes=volumes)
    arn = tasks.run(definition, **more)
    task = tasks.wait_stopped(arn, 60)
    text = tasks.logs(arn)
    assert task["containers"][0].get("exitCode") == 0, (task, text)
    lines = text.splitlines()
    assert lines[0] == "arn:aws:sts::%s:assumed-role/app/%s" % (ACCOUNT, arn.rsplit("/", 1)[1])
    assert lines[1] == "container-role us-east-1"
    assert "busybox" in lines[2]
    assert lines[3] == "AccessDeniedException True"


@pytest.mark.parametrize("mode", ("bridge", "host", "awsvpc"))
def test_boto3_in_a_container_has_the_tasks_role(up, tasks, name, role, mode):
    boto_in_task(up, tasks, name, role, mode)


def test_credentials_and_their_errors(tasks, name, role):
    out = tasks.output(name, FETCH + "fetch $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; echo; fetch /v2/credentials/nobody; echo; "
                       "fetch /v2/credentials; echo; fetch \"/v1/credentials?id=${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI#/v2/credentials/}\"; "
                       "echo; fetch /nothing; env", task={"taskRoleArn": role})
    got = bodies(out)
    assert set(got[0]) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert got[0]["RoleArn"] == role and got[0]["AccessKeyId"].startswith("ASIA") and got[0]["Expiration"].endswith("Z")
    assert got[1] == {"code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found", "HTTPErrorCode": 400}
    assert got[2]["code"] == "NoIdInRequest"
    assert got[3]["AccessKeyId"] == got[0]["AccessKeyId"]
    assert "HTTP/1.1 404" in out
    env = dict(line.split("=", 1) for line in out.splitlines() if "=" in line and " " not in line.split("=")[0])
    assert (env["AWS_REGION"], env["AWS_DEFAULT_REGION"], env["AWS_EXECUTION_ENV"]) == ("us-east-1", "us-east-1", "AWS_ECS_EC2")
    assert env["ECS_CONTAINER_METADATA_URI_V4"].startswith("http://169.254.170.2/v4/")
    assert env["ECS_AGENT_URI"].startswith("http://169.254.170.2/api/")


def test_nobody_elses_credentials(tasks, name, role):
    """The id of another task is good for nothing, and a task without a role is told of none."""
    victim = tasks.start(name, {"command": "echo $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; exec sleep 100"}, taskRoleArn=role)
    tasks.wait_running(victim)
    uri = r.wait_for(lambda: tasks.logs(victim).strip(), 10, what="uri")
    out = tasks.output(name + "-thief", FETCH + "fetch %s; echo \"<$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI>\"" % uri)
    assert bodies(out)[0]["code"] == "InvalidIdInRequest" and "<>" in out
    out = tasks.output(name + "-host", FETCH + "fetch %s" % uri, task={"networkMode": "host", "taskRoleArn": role})
    assert bodies(out)[0]["code"] == "InvalidIdInRequest"
    tasks.stop(victim)


def test_image_and_definition_may_name_another_region_but_no_other_endpoint(tasks, name, role):
    out = tasks.output(name, "echo $AWS_REGION $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", task={"taskRoleArn": role}, environment=[
        {"name": "AWS_REGION", "value": "eu-north-1"}, {"name": "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "value": "/mine"}])
    assert out.startswith("eu-north-1 /v2/credentials/")


def test_metadata(tasks, name, role):
    command = FETCH + ("u=$(of $ECS_CONTAINER_METADATA_URI_V4); for p in '' /task /taskWithTags /stats /task/stats; do fetch $u$p; echo; "
                       "done; fetch $(of $ECS_CONTAINER_METADATA_URI)/task; sleep 1")
    definition = tasks.define(name, {"command": command, "cpu": 64, "dockerLabels": {"own": "label"},
                                     "portMappings": [{"containerPort": 80}]}, cpu="256", memory="128", taskRoleArn=role)
    arn = tasks.run(definition, tags=[{"key": "team", "value": "a"}])
    task = tasks.wait_stopped(arn)
    assert task["containers"][0]["exitCode"] == 0
    container, whole, tagged, stats, all_stats, v3 = bodies(tasks.logs(arn))
    seen = tasks.container(arn)
    assert (container["Name"], container["DockerId"], container["Type"]) == ("main", seen["runtimeId"], "NORMAL")
    assert container["ContainerARN"] == seen["containerArn"] and container["ImageID"] == seen["imageDigest"]
    assert container["KnownStatus"] == "RUNNING" and container["StartedAt"] and "FinishedAt" not in container
    assert container["Labels"]["com.amazonaws.ecs.task-arn"] == arn and container["Labels"]["own"] == "label"
    assert container["Limits"] == {"CPU": 64, "Memory": 64}
    assert container["Networks"][0]["NetworkMode"] == "bridge" and len(container["Networks"][0]["IPv4Addresses"]) == 1
    assert container["Ports"][0]["ContainerPort"] == 80
    assert (whole["TaskARN"], whole["Family"], whole["Revision"]) == (arn, name, definition.rsplit(":", 1)[1])
    assert whole["Cluster"].endswith(":cluster/default") and whole["LaunchType"] == "EC2"
    assert whole["Limits"] == {"CPU": 0.25, "Memory": 128} and whole["DesiredStatus"] == "RUNNING"
    assert [c["Name"] for c in whole["Containers"]] == ["main"] and "TaskTags" not in whole
    assert tagged["TaskTags"] == {"team": "a"}
    assert stats["id"] == seen["runtimeId"] and stats["memory_stats"]["usage"] > 0
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and stats["memory_stats"]["limit"] == 64 << 20
    assert list(all_stats) == [seen["runtimeId"]] and all_stats[seen["runtimeId"]]["precpu_stats"]["cpu_usage"]
    assert v3["TaskARN"] == arn


def test_requests_of_one_task_are_throttled(tasks, name):
    out = tasks.output(name, FETCH + "u=$(of $ECS_CONTAINER_METADATA_URI_V4); i=0; while [ $i -lt 150 ]; do fetch $u | head -n 1 & "
                       "i=$((i+1)); done; wait")
    assert out.count("HTTP/1.1 200") >= 40 and "HTTP/1.1 429" in out


def test_a_role_that_does_not_trust_tasks(up, tasks, name):
    iam = up.boto("iam")
    iam.create_role(RoleName="ec2-only", AssumeRolePolicyDocument=TRUST.replace("ecs-tasks", "ec2"))
    for arn in ("arn:aws:iam::%s:role/ec2-only" % ACCOUNT, "arn:aws:iam::%s:role/nobody" % ACCOUNT):
        task = tasks.wait_stopped(tasks.start(name, {"command": "echo started"}, taskRoleArn=arn))
        assert task["stopCode"] == "TaskFailedToStart"
        assert task["stoppedReason"].startswith("ECS was unable to assume the role '%s' that was provided for this task." % arn)
        assert "startedAt" not in task


def test_the_role_of_the_overrides_is_the_one(up, tasks, name, role):
    up.boto("iam").create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    other = "arn:aws:iam::%s:role/other" % ACCOUNT
    definition = tasks.define(name, {"command": FETCH + "fetch $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}, taskRoleArn=role)
    arn = tasks.run(definition, overrides={"taskRoleArn": other})
    assert tasks.wait_stopped(arn)["overrides"]["taskRoleArn"] == other
    assert bodies(tasks.logs(arn))[0]["RoleArn"] == other


def test_execution_role_pulls_the_image(up, tasks, name):
    iam = up.boto("iam")
    iam.create_role(RoleName="pull", AssumeRolePolicyDocument=TRUST)
    execution = "arn:aws:iam::%s:role/pull" % ACCOUNT

    def run():
        return tasks.wait_stopped(tasks.start(name, {"command": "true"}, executionRoleArn=execution))
    task = run()
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullECRContainerError" in task["stoppedReason"] and "ecr:GetAuthorizationToken" in task["stoppedReason"]
    iam.put_role_policy(RoleName="pull", PolicyName="login", PolicyDocument=allow("ecr:GetAuthorizationToken"))
    task = run()
    assert "CannotPullECRContainerError" in task["stoppedReason"] and "pull access denied" in task["stoppedReason"]
    assert "ecr:BatchGetImage" in task["stoppedReason"]
    iam.put_role_policy(RoleName="pull", PolicyName="pull", PolicyDocument=allow("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"))
    task = run()
    assert task["containers"][0]["exitCode"] == 0, task


def test_only_the_agent_of_the_instance_gets_credentials(up, tasks, name, role):
    arn = tasks.start(name, {"command": "sleep 100"}, taskRoleArn=role)
    tasks.wait_running(arn)
    instance = tasks.describe(arn)["containerInstanceArn"]
    body = {"containerInstance": instance, "task": arn, "roleType": "TASK"}
    reply = call(up, "SlipwayAgent_V20261121", "GetTaskCredentials", json.dumps(body).encode(), scope="ecs")
    assert reply.status == 400 and json.loads(reply.body)["__type"] == "AccessDeniedException", reply.body
    tasks.stop(arn)


def test_credentials_outlive_a_restart_of_the_agent(up, tasks, name, role):
    arn = tasks.start(name, {"command": FETCH + "n=0; while [ $n -lt 600 ]; do fetch $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; echo; sleep 0.2; "
                             "n=$((n+1)); done"}, taskRoleArn=role)
    tasks.wait_running(arn)
    keys = set()

    def another():
        keys.update(b["AccessKeyId"] for b in bodies(tasks.logs(arn)) if isinstance(b, dict) and "AccessKeyId" in b)
        return keys
    r.wait_for(another, 10, what="credentials")
    first = set(keys)
    agents = [pid for pid, line in r.processes() if " agent --endpoint" in line and up.data in line]
    assert len(agents) == 1, agents
    os.kill(agents[0], signal.SIGKILL)
    r.wait_for(lambda: another() - first, 30, 0.5, "credentials of the new agent")
    assert tasks.describe(arn)["lastStatus"] == "RUNNING"
    tasks.stop(arn)


def test_task_protection_with_the_tasks_role(up, tasks, name):
    iam = up.boto("iam")
    iam.create_role(RoleName="protect", AssumeRolePolicyDocument=TRUST)
    command = ("p() { printf '%s %s/task-protection/v1/state HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n%s' $1 "
               "${ECS_AGENT_URI#http://169.254.170.2} ${#2} \"$2\" | nc 169.254.170.2 80; echo; }; p GET ''; "
               "p PUT '{\"ProtectionEnabled\": true, \"ExpiresInMinutes\": 5}'; p PUT '{}'; p POST ''")

    def run(**more):
        return tasks.output(name, command, task=more)
    assert [b["error"]["Code"] for b in bodies(run())[:2]] == ["AccessDeniedException"] * 2
    role = "arn:aws:iam::%s:role/protect" % ACCOUNT
    got = bodies(run(taskRoleArn=role))
    assert got[0]["error"]["Code"] == "AccessDeniedException" and "ecs:GetTaskProtection" in got[0]["error"]["Message"]
    assert got[2]["error"]["Code"] == "InvalidParameterException"
    iam.put_role_policy(RoleName="protect", PolicyName="p", PolicyDocument=allow("ecs:GetTaskProtection", "ecs:UpdateTaskProtection"))
    for answer in bodies(run(taskRoleArn=role))[:2]:  # only tasks of services can be protected
        assert answer["failure"]["Arn"].startswith("arn:aws:ecs:"), answer
