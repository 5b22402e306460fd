# SPDX-License-Identifier: Apache-2.0
"""Every implemented operation of ECS, Logs, Parameter Store and Secrets Manager with documents that are wrong in one place: each
member in turn is of another type, null, empty, too long, negative, huge or in a script that is not Latin. The answer is never a 5xx,
an error is one that the operation's model knows or one that all services share, and whatever is answered with 200 is what the
model allows."""
import json

import botocore.session
import pytest

from support import model
from support import run as r
from support.aws import call

SERVICES = {"ecs": "AmazonEC2ContainerServiceV20141113", "logs": "Logs_20140328", "ssm": "AmazonSSM",
            "secretsmanager": "secretsmanager"}

# Of every service: what is said before an operation is looked at, and what slipway does not do.
SHARED = {"SerializationException", "UnsupportedFeatureException", "AccessDeniedException", "UnknownOperationException",
          "ThrottlingException", "RequestEntityTooLarge", "UnrecognizedClientException"}
# The reason for bad members, which not every operation's model names.
INVALID = {"ecs": {"InvalidParameterException", "ClientException", "ClusterNotFoundException"}, "logs": {"InvalidParameterException"},
           "ssm": {"ValidationException"}, "secretsmanager": {"InvalidParameterException", "ValidationException"}}

VALUES = (None, "", "x", "\U0001f6a2 \u540d", "a" * 3000, "arn:aws:ecs:us-east-1:000000000000:", "../..", 0, -1, 7, 2 ** 31, 2 ** 63, 1.5, True,
          [], [None], ["x"], [["x"]], [{}], [{"name": "\U0001f6a2", "key": "k", "value": "v"}] * 3, {}, {"x": "y"}, {"x": None})


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    return json.loads(r.run([r.BIN, "debug", "schema"], env=r.clean_env(home)).stdout)


def filler(shape, depth=0):
    """Some value of the shape that is plausible."""
    kind = shape.type_name
    if kind == "structure":
        wanted = shape.members if depth < 1 else shape.required_members
        return {m: filler(shape.members[m], depth + 1) for m in wanted if m in shape.required_members}
    if kind == "list":
        return [filler(shape.member, depth + 1)]
    if kind == "map":
        return {"k": filler(shape.value, depth + 1)}
    if kind in ("integer", "long", "float", "double"):
        return max(1, shape.metadata.get("min") or 1)
    if kind == "boolean":
        return False
    if kind == "timestamp":
        return 1700000000
    if kind == "blob":
        return "eA=="
    if shape.metadata.get("enum"):
        return shape.metadata["enum"][0]
    return "sweep"[:shape.metadata.get("max", 5)].ljust(shape.metadata.get("min") or 0, "p")


def documents(shape):
    base = filler(shape) if shape else {}
    yield {}
    yield base
    yield dict(base, noSuchMember=1)
    for member in shape.members if shape else ():
        for value in VALUES:
            yield dict(base, **{member: value})


@pytest.mark.parametrize("service", SERVICES)
def test_no_document_breaks_an_operation(server, tables, service):
    spec = botocore.session.Session().get_service_model(service)
    found, http = [], server.http(password=None)
    with http:
        for name in sorted(set(tables[SERVICES[service]]["operations"]) & set(spec.operation_names)):
            operation = spec.operation_model(name)
            known = SHARED | INVALID[service] | {e.name for e in operation.error_shapes}
            for document in documents(operation.input_shape):
                answer = call(server, SERVICES[service], name, json.dumps(document).encode(), http=http, scope=service)
                shown = "%s %s: " % (name, json.dumps(document)[:200])
                body = json.loads(answer.body or b"{}")
                if answer.status == 200:
                    if operation.output_shape:
                        found += [shown + p for p in model.check_value(operation.output_shape, body, name)]
                elif answer.status != 400 or body.get("__type") not in known or not body.get("message"):
                    found.append("%s%d %s" % (shown, answer.status, body))
    assert not found, "%d\n%s" % (len(found), "\n".join(found[:60]))
