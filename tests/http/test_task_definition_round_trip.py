# SPDX-License-Identifier: Apache-2.0
"""Every member of RegisterTaskDefinition, down to the leaves and each value of an enum: what is registered is described unchanged, or
refused by its name. Walks the model that the installed botocore has, so a member that a newer one adds is asked about, too."""
import json

import botocore.session
import pytest
from botocore.exceptions import ClientError

from support.aws import call

ACCOUNT = "000000000000"
SECRET = "arn:aws:secretsmanager:us-east-1:%s:secret:x-AbCdEf" % ACCOUNT
ROLE = "arn:aws:iam::%s:role/r" % ACCOUNT
C = "containerDefinitions[]."
EFS = "volumes[].efsVolumeConfiguration."
DOCKER = "volumes[].dockerVolumeConfiguration."

# Values where the model's type says too little. A callable gets the enum's value.
VALUES = {
    "family": "f", "taskRoleArn": None, "executionRoleArn": None, "cpu": "512", "memory": "1024",
    C + "name": "main", C + "image": "busybox", C + "memory": 64, C + "memoryReservation": 32, C + "cpu": 128,
    C + "links[]": "other", C + "portMappings[].containerPort": 80, C + "portMappings[].hostPort": 8080,
    C + "repositoryCredentials.credentialsParameter": SECRET, C + "secrets[].valueFrom": SECRET,
    C + "environmentFiles[].value": "arn:aws:s3:::bucket/deep/x.env", C + "mountPoints[].sourceVolume": "v",
    C + "mountPoints[].containerPath": "/data", C + "volumesFrom[].sourceContainer": "other",
    C + "linuxParameters.capabilities.add[]": "SYS_PTRACE", C + "linuxParameters.capabilities.drop[]": "MKNOD",
    C + "linuxParameters.devices[].hostPath": "/dev/null", C + "linuxParameters.devices[].containerPath": "/dev/zap",
    C + "linuxParameters.tmpfs[].containerPath": "/t", C + "linuxParameters.tmpfs[].mountOptions[]": "noexec",
    C + "dependsOn[].containerName": "other", C + "workingDirectory": "/w", C + "hostname": "here",
    C + "dockerSecurityOptions[]": "no-new-privileges", C + "dnsServers[]": "10.9.9.9", C + "dnsSearchDomains[]": "example.com",
    C + "extraHosts[].hostname": "x.example", C + "extraHosts[].ipAddress": "10.1.2.3",
    C + "ulimits[].softLimit": 10, C + "ulimits[].hardLimit": 20, C + "healthCheck.command[]": ["CMD", "true"],
    C + "healthCheck.interval": 7, C + "healthCheck.timeout": 3, C + "systemControls[].namespace": "net.core.somaxconn",
    C + "systemControls[].value": "99", C + "restartPolicy.restartAttemptPeriod": 61, C + "startTimeout": 5,
    C + "portMappings[].containerPortRange": "8000-8010", C + "resourceRequirements[].value": "1",
    "volumes[].name": "v", "volumes[].host.sourcePath": "/srv/x", EFS + "fileSystemId": "fs-0123", EFS + "rootDirectory": "/sub",
    EFS + "transitEncryptionPort": 2999, EFS + "authorizationConfig.accessPointId": "fsap-1", DOCKER + "driver": "local",
    DOCKER + "driverOpts{}": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"},
    "placementConstraints[].expression": "attribute:ecs.os-type == linux", "tags[].key": "k", "tags[].value": "v",
}
# What has to be there, too: by the beginning of the path, and for a value by PATH=VALUE.
WITH = {
    EFS + "authorizationConfig": {EFS + "transitEncryption": "ENABLED"}, EFS + "transitEncryptionPort": {EFS + "transitEncryption": "ENABLED"},
    DOCKER + "autoprovision": {DOCKER + "scope": "shared"}, "placementConstraints": {
        "placementConstraints[].type": "memberOf", "placementConstraints[].expression": VALUES["placementConstraints[].expression"]},
    C + "mountPoints": {"volumes[].name": "v"}, C + "portMappings[].hostPort": {C + "portMappings[].containerPort": 80},
    C + "portMappings": {C + "portMappings[].containerPort": 80}, C + "linuxParameters.swappiness": {C + "linuxParameters.maxSwap": 8},
    C + "environment": {C + "environment[].name": "N"}, C + "extraHosts": {}, "volumes": {"volumes[].name": "v"},
    C + "mountPoints[].readOnly": {C + "mountPoints[].sourceVolume": "v", C + "mountPoints[].containerPath": "/data"},
    C + "mountPoints[].sourceVolume": {C + "mountPoints[].containerPath": "/data"},
    C + "mountPoints[].containerPath": {C + "mountPoints[].sourceVolume": "v"},
    C + "volumesFrom[].readOnly": {C + "volumesFrom[].sourceContainer": "other"},
    C + "systemControls": {C + "systemControls[].namespace": "net.core.somaxconn", C + "systemControls[].value": "1"},
    C + "logConfiguration.options": {C + "logConfiguration.logDriver": "awslogs"},
    C + "logConfiguration.logDriver=awslogs": {C + "logConfiguration.options{}": {"awslogs-group": "g", "awslogs-region": "us-east-1"}},
    "requiresCompatibilities[]=FARGATE": {"networkMode": "awsvpc", "cpu": "256", "memory": "512"},
    "ephemeralStorage": {"requiresCompatibilities[]": "FARGATE", "networkMode": "awsvpc", "cpu": "256", "memory": "512"},
    "inferenceAccelerators": {}, "tags": {"tags[].key": "k"},
}
MAPS = {C + "logConfiguration.options{}": {"awslogs-group": "g", "awslogs-region": "us-east-1"},
        DOCKER + "driverOpts{}": VALUES[DOCKER + "driverOpts{}"]}
NUMBERS = {"ephemeralStorage.sizeInGiB": 30, C + "restartPolicy.ignoredExitCodes[]": 3}

# Refused, whole structures and values. Anything else that is refused is a mistake, and so is a member of this list that is taken.
REFUSED = {
    C + "firelensConfiguration", C + "resourceRequirements", C + "credentialSpecs", C + "logConfiguration.secretOptions",
    "volumes[].fsxWindowsFileServerVolumeConfiguration", "volumes[].configuredAtLaunch",
    "proxyConfiguration", "inferenceAccelerators", "enableFaultInjection",
    "requiresCompatibilities[]=MANAGED_INSTANCES",
}
LOG_DRIVERS = ("json-file", "awslogs", "journald")
ADDED = {"": {"revision", "status", "taskDefinitionArn", "registeredAt", "registeredBy", "compatibilities", "requiresAttributes",
              "volumes", "placementConstraints"},
         "containerDefinitions[]": {"cpu", "essential", "environment", "mountPoints", "volumesFrom", "portMappings"},
         "containerDefinitions[].portMappings[]": {"hostPort", "protocol"},
         "containerDefinitions[].healthCheck": {"interval", "timeout", "retries"},
         "volumes[].efsVolumeConfiguration": {"rootDirectory"}}


def leaves(shape, path="", seen=()):
    """(path, shape of the leaf); lists are [], maps {}."""
    if shape.name in seen:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from leaves(member, path + ("." if path else "") + name, seen + (shape.name,))
    elif shape.type_name == "list":
        yield from leaves(shape.member, path + "[]", seen + (shape.name,))
    elif shape.type_name == "map":
        yield path + "{}", shape
    else:
        yield path, shape


INPUT = botocore.session.Session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape


def cases():
    for path, shape in leaves(INPUT):
        for value in shape.metadata.get("enum") or [None]:
            yield path, value


def put(doc, path, value):
    """Into the first element of each list on the way."""
    at, names = doc, path.split(".")
    for name in names[:-1]:
        key = name.rstrip("[]")
        if name.endswith("[]"):
            at = at.setdefault(key, [{}])[0]
        else:
            at = at.setdefault(key, {})
    last = names[-1]
    if last.endswith("[]"):
        at[last[:-2]] = value if isinstance(value, list) else [value]
    elif last.endswith("{}"):
        at[last[:-2]] = value
    else:
        at[last] = value


def value_of(path, shape, enum):
    if enum is not None:
        return enum
    if path in NUMBERS:
        return NUMBERS[path]
    if VALUES.get(path) is not None:
        return VALUES[path]
    if path.endswith("{}"):
        return MAPS.get(path, {"key": "value"})
    if path.endswith("RoleArn"):
        return None
    return {"string": "text", "boolean": True, "integer": 2, "long": 2, "double": 1.5}[shape.type_name]


def shape_at(path):
    return dict(leaves(INPUT))[path]


def fill_required(doc, shape, path):
    """What the model requires in structures on the way to the leaf."""
    at = doc
    for name in path.split(".")[:-1]:
        key = name.rstrip("[]")
        shape = shape.members[key]
        at = at.get(key)
        if shape.type_name == "list":
            shape, at = shape.member, at[0]
        if shape.type_name != "structure":
            return
        here = path[:path.index(name) + len(name)] + "."
        for required in shape.required_members:
            if required in at:
                continue
            member = shape.members[required]
            for sub, leaf in leaves(member, here + required):
                put(doc, sub, value_of(sub, leaf, (leaf.metadata.get("enum") or [None])[0]))


def document(path, enum, family):
    doc = {"family": family, "containerDefinitions": [
        {"name": "main", "image": "busybox", "memory": 256},
        {"name": "other", "image": "busybox", "memory": 256, "essential": False, "healthCheck": {"command": ["CMD", "true"]}}]}
    value = value_of(path, shape_at(path), enum)
    if path != "family":
        put(doc, path, value)
    for prefix, more in WITH.items():
        if path.startswith(prefix) or prefix == "%s=%s" % (path, enum):
            for other, v in more.items():
                if other != path:
                    put(doc, other, v)
    fill_required(doc, INPUT, path)
    if path == "memory":
        for c in doc["containerDefinitions"]:
            c["memory"] = 128
    if path == C + "memoryReservation":
        doc["containerDefinitions"][0]["memory"] = 64
    if "cpu" in doc and doc.get("cpu") == "256":
        for c in doc["containerDefinitions"]:
            c["memory"] = 128
    return doc


def is_refused(path, enum):
    if path == C + "logConfiguration.logDriver":
        return enum not in LOG_DRIVERS
    if path == "runtimePlatform.operatingSystemFamily":
        return enum != "LINUX"
    return any(path == x or path.startswith((x + ".", x + "[]", x + "{}")) or "%s=%s" % (path, enum) == x for x in REFUSED)


def differences(sent, got, path=""):
    """What was sent and is not there, and what is there unasked."""
    if isinstance(sent, dict) and isinstance(got, dict):
        found = []
        for k, v in sent.items():
            where = path + ("." if path else "") + k
            found += ["%s is missing" % where] if k not in got else differences(v, got[k], where)
        extra = set(got) - set(sent) - ADDED.get(path, set())
        return found + ["%s has %s" % (path or "the definition", sorted(extra))] * bool(extra)
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        return [d for s, g in zip(sent, got) for d in differences(s, g, path + "[]")]
    return [] if sent == got and type(sent) is type(got) else ["%s is %r, was %r" % (path, got, sent)]


@pytest.fixture(scope="module")
def ecs(server):
    return server.boto("ecs")


@pytest.mark.parametrize("path, enum", list(cases()), ids=lambda x: str(x))
def test_echoed_or_refused_by_name(server, ecs, name, path, enum):
    if path in ("taskRoleArn", "executionRoleArn"):
        pytest.skip("test_roles_are_described")
    doc = document(path, enum, name)
    try:
        out = ecs.register_task_definition(**doc)
    except ClientError as e:
        assert is_refused(path, enum), (str(e), doc)
        assert e.response["Error"]["Code"] == "UnsupportedFeatureException", (str(e), doc)
        parts = [p.rstrip("[]{}") for p in path.split(".")]
        assert any(p in str(e) for p in parts[-3:]), (str(e), path)
        return
    assert not is_refused(path, enum), path
    described = ecs.describe_task_definition(taskDefinition=out["taskDefinition"]["taskDefinitionArn"], include=["TAGS"])
    tags = doc.pop("tags", None)
    if tags:
        assert out["tags"] == described["tags"] == tags
    assert out["taskDefinition"] == described["taskDefinition"]
    assert differences(doc, described["taskDefinition"]) == []


def test_roles_are_described(server, ecs, name):
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    arn = server.boto("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    c = {"name": "main", "image": "i", "memory": 64}
    doc = {"family": name, "taskRoleArn": arn, "executionRoleArn": arn, "containerDefinitions": [c]}
    got = ecs.register_task_definition(**doc)["taskDefinition"]
    assert differences(doc, got) == []
    assert {a["name"] for a in got["requiresAttributes"]} == {"com.amazonaws.ecs.capability.task-iam-role"}


def attributes(ecs, name, container=None, **task):
    c = dict({"name": "main", "image": "i", "memory": 64}, **(container or {}))
    got = ecs.register_task_definition(family=name, containerDefinitions=[c], **task)["taskDefinition"]
    return {a["name"] for a in got["requiresAttributes"]}, got["compatibilities"]


def test_what_a_definition_requires(ecs, name):
    """Derived as ECS does, but for the versions of Docker's interface, which there is none of here."""
    prefix, old = "ecs.capability.", "com.amazonaws.ecs.capability."
    volume = {"name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "local"}}
    ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:b"
    for container, task, want in (
            ({}, {}, set()), ({"privileged": True}, {}, {old + "privileged-container"}), ({"privileged": False}, {}, set()),
            ({}, {"pidMode": "task"}, {prefix + "pid-ipc-namespace-sharing"}), ({}, {"volumes": [volume]}, {prefix + "docker-plugin.local"}),
            ({"image": ecr}, {}, {old + "ecr-auth"}),
            ({}, {"networkMode": "awsvpc"}, {prefix + "task-eni"}),
            ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/x.env"}]}, {}, {prefix + "env-files.s3"})):
        assert attributes(ecs, name, container, **task)[0] == want, (container, task)
    assert attributes(ecs, name)[1] == ["EXTERNAL", "EC2"]
    assert attributes(ecs, name, networkMode="awsvpc")[1] == ["EC2"]
    assert attributes(ecs, name, networkMode="awsvpc", cpu="256", memory="512", requiresCompatibilities=["FARGATE"])[1] == ["EC2", "FARGATE"]


# Members that the installed model does not have yet: (member of a container or of the task, is it taken?)
NEWER = (({"restartPolicy": {"enabled": True, "ignoredExitCodes": [0, 3], "restartAttemptPeriod": 90}}, {}, True),
         ({"versionConsistency": "disabled"}, {}, True), ({"credentialSpecs": ["credentialspec:x"]}, {}, False),
         ({"portMappings": [{"containerPortRange": "80-90", "protocol": "udp"}]}, {}, True), ({}, {"enableFaultInjection": True}, False),
         ({}, {"volumes": [{"name": "v", "configuredAtLaunch": True}]}, False))


@pytest.mark.parametrize("container, task, taken", NEWER)
def test_members_of_newer_models(server, name, container, task, taken):
    doc = dict({"family": name, "containerDefinitions": [dict({"name": "main", "image": "i", "memory": 64}, **container)]}, **task)
    reply = call(server, "ecs", "RegisterTaskDefinition", json.dumps(doc).encode())
    if taken:
        assert reply.status == 200, reply
        got = call(server, "ecs", "DescribeTaskDefinition", json.dumps({"taskDefinition": name}).encode()).json()["taskDefinition"]
        assert differences(doc, got) == []
    else:
        assert reply.status == 400 and reply.json()["__type"] == "UnsupportedFeatureException", reply
        assert (list(container) + list(task))[0] in reply.json()["message"]


def test_every_refused_member_is_in_the_model_or_newer(ecs):
    """The list above names no member that never was."""
    known = {p for p, _ in leaves(INPUT)}
    newer = {"enableFaultInjection", "volumes[].configuredAtLaunch", C + "credentialSpecs",
             "requiresCompatibilities[]=MANAGED_INSTANCES"}
    for x in REFUSED - newer:
        assert any(p == x or p.startswith((x + ".", x + "[]", x + "{}")) for p in known), x
