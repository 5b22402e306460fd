# SPDX-License-Identifier: Apache-2.0
"""Random calls of every IAM operation, by the service's model but with values that are often wrong: whatever is asked, the answer is
one of IAM's own errors or a reply that fits the model, and the server goes on."""
import json
import random

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support import run as r

CALLS = 1200
PATTERNS = {"Path": ["/", "/a/", "/a", "a", "/" + "p" * 510 + "/", ""], "VersionId": ["v1", "v2", "v99", "v0", "x"],
            "Url": ["https://a.example.com", "https://", "http://b/c?d", "x"], "Marker": ["x", "djE6YQ", "djE6"],
            "ActionName": ["ecr:GetX", "*", "a", ""]}
NAMES = ["ann", "r", "g", "p", "x" * 64, "y" * 128, "z" * 2000, "", "a b", "\u540d", "AWSServiceRoleForECS"]
TRUST = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
DOCUMENTS = ["{", "", "{}", "\u20ac"] + [json.dumps({"Version": "2012-10-17", "Statement": [s]}) for s in (
    TRUST, {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
    {"Effect": "Deny", "Action": "ecs:*", "Resource": "*", "Condition": {"StringLike": {"aws:PrincipalTag/x": "*"}}})]
ARNS = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn", "x" * 30, "arn:::::" + "q" * 3000, "arn:aws:iam:::policy"] + [
    "arn:aws:iam::%s:%s" % (account, rest) for account in ("000000000000", "111111111111", "0" * 20)
    for rest in ("policy/p", "policy/", "user/ann", "role/r", "group/g", "oidc-provider/a.example.com", "oidc-provider")]
INNER = {"ActionNames": "ActionName", "PolicyInputList": "PolicyDocument", "PermissionsBoundaryPolicyInputList": "PolicyDocument",
         "ResourceArns": "Arn"}


def text(rng, name, shape):
    if shape.metadata.get("enum"):
        return rng.choice(shape.enum + ["bad"])
    if "Document" in name or name == "ResourcePolicy":
        return rng.choice(DOCUMENTS)
    if "Arn" in name or name == "PermissionsBoundary":
        return rng.choice(ARNS)
    return rng.choice(PATTERNS.get("Path" if "Path" in name else name, NAMES))


def value(rng, name, shape):
    kind = shape.type_name
    if kind in ("integer", "long"):
        return rng.choice([0, 1, 2, 100, 1000, 3600, 7200, 10 ** 12, -1])
    if kind == "boolean":
        return rng.choice([True, False])
    if kind == "list":
        return [value(rng, INNER.get(name, "word"), shape.member) for _ in range(rng.choice([0, 1, 1, 2, 3, 60]))]
    if kind == "structure":
        return {k: value(rng, k, s) for k, s in shape.members.items() if k in shape.required_members or rng.random() < 0.6}
    return b"x" if kind == "blob" else text(rng, name, shape)


@pytest.mark.parametrize("seed", (1, 2))
def test_random_calls(server, seed):
    rng = random.Random(seed)
    key = server.admin
    iam = botocore.session.Session().create_client(
        "iam", region_name=r.REGION, endpoint_url=server.endpoint, aws_access_key_id=key[0], aws_secret_access_key=key[1],
        config=Config(parameter_validation=False, retries={"max_attempts": 0}))
    model, seen = iam.meta.service_model, set()
    for _ in range(CALLS):
        operation = model.operation_model(rng.choice(model.operation_names))
        arguments = value(rng, "", operation.input_shape) if operation.input_shape else {}
        try:
            iam._make_api_call(operation.name, arguments)  # pylint: disable=protected-access
            seen.add("ok")
        except ClientError as e:
            assert e.response["ResponseMetadata"]["HTTPStatusCode"] < 500, (operation.name, arguments, e)
            seen.add(e.response["Error"]["Code"])
        except (TypeError, AttributeError):
            continue  # the client itself cannot write that
    assert {"ok", "ValidationError", "NoSuchEntity", "UnsupportedOperation"} <= seen
    assert iam.get_user(UserName="admin")["User"]["UserName"] == "admin"
