# SPDX-License-Identifier: Apache-2.0
"""`slipway debug schema` against the service models that Debian's python3-botocore ships: names, types, required members, enums
and limits of every operation; and every operation of the model is either implemented or named as not implemented.

The tables may know more than Debian's model, which is of 2022: a member, operation or enum value that the model lacks must then be
in NEWER_MEMBERS of support/model.py, so that a misspelt one cannot hide."""
import json

import botocore.session
import pytest

from support import run as r
from support.model import NEWER_MEMBERS, NEWER_OPERATIONS

SERVICES = {"ecr": "AmazonEC2ContainerRegistry_V20150921", "ecr-public": "SpencerFrontendService",
            "ecs": "AmazonEC2ContainerServiceV20141113", "logs": "Logs_20140328", "iam": "iam", "secretsmanager": "secretsmanager",
            "ssm": "AmazonSSM", "sts": "sts"}
TYPES = {"string": ("string", "character"), "boolean": ("boolean",), "integer": ("integer",), "long": ("long",),
         "double": ("double", "float"), "timestamp": ("timestamp",), "blob": ("blob",), "list": ("list",), "map": ("map",),
         "structure": ("structure",)}

# Limits that grew since, by the member's name.
WIDER = {"ecrRepositoryPrefix": 30, "ecrRepositoryPrefixes": 30}


# Members that newer models do not require any more.
OPTIONAL_NOW = {"in %s.logGroupName" % name for name in ("DescribeLogStreams", "GetLogEvents", "FilterLogEvents")}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    return json.loads(r.run([r.BIN, "debug", "schema"], env=r.clean_env(home)).stdout)


def model_of(service):
    return botocore.session.Session().get_service_model(service)


def limits_of(shape):
    return shape.metadata.get("min"), shape.metadata.get("max")


def compare_enum(service, ours, shape, path):
    theirs = shape.metadata.get("enum")
    if not theirs and "enum" in ours and ours.get("handling"):
        return []  # the model says string, its text names the values
    missing = set(theirs or ()) - set(ours.get("enum", ()))
    if theirs and "enum" in ours and missing:
        return ["%s: enum lacks %s" % (path, sorted(missing))]
    if theirs and "enum" not in ours and ours.get("handling") in ("bound", "read", "stored") and not path.startswith("out"):
        return ["%s: no enum in the table, the model has %s" % (path, theirs)]
    return []


def compare_limits(ours, shape, path):
    if ours.get("handling") == "refused" or path.startswith("out"):
        return []
    found = []
    for key, theirs in zip(("min", "max"), limits_of(shape)):
        mine = ours.get(key)
        if theirs is None or (key == "min" and theirs == 0 and mine in (None, 0)):
            continue
        if mine is None:
            found.append("%s: no %s, the model has %s" % (path, key, theirs))
        elif (mine < theirs) if key == "min" else (mine > max(theirs, WIDER.get(path.rsplit(".", 1)[-1].strip("[]"), 0))):
            found.append("%s: %s %s is wider than the model's %s" % (path, key, mine, theirs))
    return found


def compare(service, ours, shape, path, seen=()):
    """Differences between a table's description and a shape of the model, as lines."""
    kind = ours["type"]
    if shape.type_name not in TYPES.get(kind, ()):
        return ["%s: type %s, the model has %s" % (path, kind, shape.type_name)]
    found = compare_enum(service, ours, shape, path) + compare_limits(ours, shape, path)
    if shape.name in seen:
        return found
    seen = seen + (shape.name,)
    of = ours.get("of")
    if kind == "structure":
        return found + compare_members(service, (of or ours)["members"], shape, path, seen)
    if kind == "list" and of:
        return found + compare(service, of.get("member", of) if "type" not in of else of, shape.member, path + "[]", seen)
    if kind == "map" and of:
        return found + compare(service, of["value"], shape.value, path + "{}", seen)
    return found


def compare_members(service, members, shape, path, seen=()):
    found = []
    is_input = not path.startswith("out")
    for name, ours in members.items():
        if name not in shape.members:
            if name not in NEWER_MEMBERS[service]:
                found.append("%s.%s: the model has no such member" % (path, name))
            continue
        found += compare(service, ours, shape.members[name], "%s.%s" % (path, name), seen)
        if is_input and ours["required"] != (name in shape.required_members) and "%s.%s" % (path, name) not in OPTIONAL_NOW:
            found.append("%s.%s: required is %s" % (path, name, ours["required"]))
    missing = set(shape.members) - set(members)
    if missing and is_input:
        found.append("%s: the table lacks %s" % (path, ", ".join(sorted(missing))))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_implemented_or_named(tables, service):
    table = tables[SERVICES[service]]
    assert table["signingName"] == model_of(service).signing_name
    known = set(table["operations"]) | set(table["unimplemented"])
    assert not set(table["operations"]) & set(table["unimplemented"])
    assert set(model_of(service).operation_names) <= known
    assert len(table["unimplemented"]) == len(set(table["unimplemented"]))


@pytest.mark.parametrize("service", SERVICES)
def test_implemented_operations_are_of_the_service(tables, service):
    extra = set(tables[SERVICES[service]]["operations"]) - set(model_of(service).operation_names)
    assert extra <= NEWER_OPERATIONS[service]


@pytest.mark.parametrize("service", SERVICES)
def test_actions_are_named_after_the_operations(tables, service):
    wrong = {name: op["action"] for name, op in tables[SERVICES[service]]["operations"].items()
             if not op["action"].startswith(service + ":")}
    assert not wrong


def test_operations_that_the_first_release_promises(tables):
    promised = {
        "ecr": "GetAuthorizationToken CreateRepository DescribeRepositories DeleteRepository ListImages DescribeImages "
               "BatchGetImage BatchDeleteImage",
        "ecs": "RegisterTaskDefinition DescribeTaskDefinition ListTaskDefinitions DeregisterTaskDefinition RunTask "
               "DescribeTasks ListTasks StopTask DescribeClusters ListContainerInstances DescribeContainerInstances"}
    for service, names in promised.items():
        assert set(names.split()) <= set(tables[SERVICES[service]]["operations"])


@pytest.mark.parametrize("direction", ("in", "out"))
@pytest.mark.parametrize("service", SERVICES)
def test_members_types_required_enums_and_limits(tables, service, direction):
    model, found = model_of(service), []
    for name, op in sorted(tables[SERVICES[service]]["operations"].items()):
        if name in NEWER_OPERATIONS[service]:
            continue
        operation = model.operation_model(name)
        shape = operation.input_shape if direction == "in" else operation.output_shape
        members = op.get("input" if direction == "in" else "output", {"members": {}})["members"]
        if shape is None:
            assert not members, name
            continue
        found += compare_members(service, members, shape, "%s %s" % (direction, name))
    assert not found, "\n".join(found)


def test_the_comparison_can_fail(tables):
    """The same engine on a table that is wrong in each way."""
    shape = model_of("ecr").operation_model("CreateRepository").input_shape
    good = json.loads(json.dumps(tables[SERVICES["ecr"]]["operations"]["CreateRepository"]["input"]["members"]))
    assert compare_members("ecr", good, shape, "in") == []

    def broken(change):
        members = json.loads(json.dumps(good))
        change(members)
        return compare_members("ecr", members, shape, "in")
    assert broken(lambda m: m.pop("repositoryName"))
    assert broken(lambda m: m.update(repositoryNam=dict(m["repositoryName"])))
    assert broken(lambda m: m["repositoryName"].update(type="integer"))
    assert broken(lambda m: m["repositoryName"].update(required=False))
    assert broken(lambda m: m["repositoryName"].update(max=300))
    assert broken(lambda m: m["repositoryName"].pop("min"))
    assert broken(lambda m: m["imageTagMutability"]["enum"].remove("MUTABLE"))
