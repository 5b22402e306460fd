# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 22
"""Wrong input about who may what: policies that are no policies, too large, or about nobody; sessions, clocks and bodies that are not
to be believed; text of any kind in every string. Each is refused by IAM's name with its reason, and changes nothing."""
import gzip
import json
import os
import random
import time

import botocore.session
import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import TARGETS, call, signed_headers
from support.rawhttp import Http, send_bytes
from support.server import Server

VERSION = "2012-10-17"
ROOT = "arn:aws:iam::%s:root" % r.ACCOUNT
MIB = 1024 * 1024


def document(*statements):
    return json.dumps({"Version": VERSION, "Statement": list(statements)})


def statement(**changes):
    s = dict({"Effect": "Allow", "Action": "ecr:ListImages", "Resource": "*"}, **changes)
    return {k: v for k, v in s.items() if v is not None}


def trust(**changes):
    s = dict({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}, **changes)
    return document({k: v for k, v in s.items() if v is not None})


class Refused:
    def __init__(self, code, status, *parts):
        self.code, self.status, self.parts = code, status, parts

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ClientError), "not refused: %r" % error
        got = error.response
        assert (got["Error"]["Code"], got["ResponseMetadata"]["HTTPStatusCode"]) == (self.code, self.status), error
        for part in self.parts:
            assert part in got["Error"]["Message"], error
        return True


@pytest.fixture(scope="module")
def iam(server):
    return server.boto("iam", validate=False)


@pytest.fixture(scope="module")
def sts(server):
    return server.boto("sts")


# -- documents

@pytest.mark.parametrize("text, reason, told", (
    ("{", "Syntax errors in policy.", "column 2"),
    ("[]", "Syntax errors in policy.", "column 1: a policy is a JSON object"),
    ('{"Version":"2012-10-17"}', "Syntax errors in policy.", "there is no Statement"),
    ('{"Version":"2012-10-17","Statement":[]}', "Syntax errors in policy.", "Statement is empty"),
    ('{"Version":"2012-10-17",\n"Statement":' + "[" * 200 + "]" * 200 + "}", "Syntax errors in policy.", "line 2"),
    (document(statement()) + "x", "Syntax errors in policy.", "more after the end"),
    (document(statement()).replace("Allow\",", "Allow\", \"Effect\": \"Deny\","), "Syntax errors in policy.", "twice"),
    (document(statement()).replace(VERSION, "2011-01-01"), "Policy document must be version 2012-10-17 or greater.", VERSION),
    (document(statement(Effect="Perhaps")), "Syntax errors in policy.", 'Effect must be "Allow" or "Deny"'),
    (document(statement(Effect=None)), "Syntax errors in policy.", "no Effect"),
    (document(statement(Action=None)), "Policy statement must contain actions.", "neither Action nor NotAction"),
    (document(statement(Action=[])), "Policy statement must contain actions.", "empty"),
    (document(statement(Action="nocolon")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", "nocolon"),
    (document(statement(Action="*:Get")), "Vendor is not valid.", "*:Get"),
    (document(statement(NotAction="ecr:GetX")), "Syntax errors in policy.", "either Action or NotAction"),
    (document(statement(Resource=None)), "Policy statement must contain resources.", "neither Resource nor NotResource"),
    (document(statement(Resource="team/a")), 'Resource must be in ARN format or "*".', '"team/a"'),
    (document(statement(Resource="arn:aws:ecr:*:*:repository/${aws:username")), "Syntax errors in policy.", "closing brace"),
    (document(statement(Resource="arn:aws:ecr:::\0")), "Syntax errors in policy.", "escape"),
    (document(statement(Principal="*")), "Policy document should not specify a principal.", "attached to"),
    (document(statement(Sid="a b")), "Statement IDs (SID) must be alpha-numeric.", '"a b"'),
    (document(statement(Sid="a"), statement(Sid="a")), "Statement IDs (SID) in a single policy must be unique.", '"a"'),
    (document(statement(Condition={"StringEqual": {"aws:username": "a"}})), "Syntax errors in policy.", 'did you mean "StringEquals"?'),
    (document(statement(Condition={"StringEquals": {"username": "a"}})), "Actions/Conditions must be prefaced by a vendor", "username"),
    (document(statement(Condition={"NumericLessThan": {"ecs:task-cpu": "ten"}})), "Syntax errors in policy.", '"ten"'),
    (document(statement(Condition={"DateLessThan": {"aws:CurrentTime": "yesterday"}})), "Syntax errors in policy.", '"yesterday"'),
    (document(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}})), "Syntax errors in policy.", "10.0.0.0/33"),
    (document(statement(Conditions={})), "Syntax errors in policy.", 'did you mean "Condition"?'),
))
def test_reasons_of_malformed_documents(iam, sts, text, reason, told):
    """Everywhere the same reason with its place: managed and inline policies, and those of a session."""
    for call_it, arguments in ((iam.create_policy, {"PolicyName": "bad", "PolicyDocument": text}),
                               (iam.put_user_policy, {"UserName": "admin", "PolicyName": "bad", "PolicyDocument": text}),
                               (sts.get_federation_token, {"Name": "guest", "Policy": text})):
        with Refused("MalformedPolicyDocument", 400, reason, told, "line ", "column "):
            call_it(**arguments)
    with Refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn="arn:aws:iam::%s:policy/bad" % r.ACCOUNT)


@pytest.mark.parametrize("text, reason", (
    (trust(Resource="*"), "Has prohibited field Resource."),
    (trust(Action="ecr:ListImages"), "AssumeRole policy may only specify STS AssumeRole actions."),
    (trust(Principal=None), "Missing required field Principal."),
    (trust(Principal=None, NotPrincipal={"AWS": ROOT}), "Has prohibited field NotPrincipal."),
    (trust(Principal={"Nobody": "x"}), 'unknown element "Nobody"'),
    (trust(Principal={"AWS": "12345"}), '"AWS":"12345"'),
    (trust(Principal={"AWS": "arn:aws:iam::%s:role/*" % r.ACCOUNT}), "role/*"),
    (trust(Principal={"AWS": "arn:aws:iam::%s:user/nobody" % r.ACCOUNT}),
     'Invalid principal in policy: "AWS":"arn:aws:iam::%s:user/nobody"' % r.ACCOUNT),
    (trust(Principal={"AWS": ["arn:aws:iam::%s:user/admin" % r.ACCOUNT, "arn:aws:iam::%s:role/none" % r.ACCOUNT]}), "role/none"),
))
def test_trust_that_cannot_be(iam, name, text, reason):
    with Refused("MalformedPolicyDocument", 400, reason):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    with Refused("NoSuchEntity", 404):
        iam.get_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    with Refused("MalformedPolicyDocument", 400, reason):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == json.loads(trust())


def of_size(n):
    """A policy of n characters, none of them white space."""
    text = json.dumps(json.loads(document(statement(Resource="arn:aws:ecr:*:*:"))), separators=(",", ":"))
    return text.replace("ecr:*:*:", "ecr:*:*:" + "x" * (n - len(text)))


@pytest.mark.parametrize("kind, limit", (("user", 2048), ("group", 5120), ("role", 10240), ("managed", 6144), ("version", 6144)))
def test_sizes_of_policies(iam, name, kind, limit):
    if kind == "user":
        iam.create_user(UserName=name)
    elif kind == "group":
        iam.create_group(GroupName=name)
    elif kind == "role":
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    elif kind == "version":
        iam.create_policy(PolicyName=name, PolicyDocument=document(statement()))

    def put(text, which="p"):
        return {
            "user": lambda: iam.put_user_policy(UserName=name, PolicyName=which, PolicyDocument=text),
            "group": lambda: iam.put_group_policy(GroupName=name, PolicyName=which, PolicyDocument=text),
            "role": lambda: iam.put_role_policy(RoleName=name, PolicyName=which, PolicyDocument=text),
            "managed": lambda: iam.create_policy(PolicyName=name + which + str(len(text)), PolicyDocument=text),
            "version": lambda: iam.create_policy_version(PolicyArn="arn:aws:iam::%s:policy/%s" % (r.ACCOUNT, name), PolicyDocument=text),
        }[kind]()
    put(of_size(limit))
    put(of_size(limit) + " \n\t" * 300)  # white space is not counted
    with Refused("LimitExceeded", 409, str(limit)):
        put(of_size(limit + 1))
    if kind in ("user", "group", "role"):  # all inline policies together
        with Refused("LimitExceeded", 409, str(limit)):
            put(document(statement()), "q")


def test_sizes_of_other_documents(server, iam, name):
    ecr = server.boto("ecr")
    ecr.create_repository(repositoryName=name)
    rules = {"rules": [{"rulePriority": 1, "description": "", "action": {"type": "expire"},
                        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}}]}
    text = json.dumps(rules)
    text += " " * (30720 - len(text))
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    reply = call(server, "ecr", "PutLifecyclePolicy", json.dumps({"repositoryName": name, "lifecyclePolicyText": text + " "}).encode())
    assert (reply.status, reply.json()["__type"]) == (400, "InvalidParameterException"), reply
    assert ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == text
    policy = document({"Effect": "Allow", "Principal": "*", "Action": "ecr:ListImages"})
    policy += " " * (10240 - len(policy))
    ecr.set_repository_policy(repositoryName=name, policyText=policy)
    for operation, more in (("SetRepositoryPolicy", {"repositoryName": name}), ("PutRegistryPolicy", {})):
        reply = call(server, "ecr", operation, json.dumps(dict(more, policyText=policy + " ")).encode())
        assert (reply.status, reply.json()["__type"]) == (400, "InvalidParameterException"), reply
    assert ecr.get_repository_policy(repositoryName=name)["policyText"] == policy
    long = trust(Condition={"StringEquals": {"sts:ExternalId": ["x" * 4096]}})
    with Refused("LimitExceeded", 409, "4096"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=long)


# -- large policies take bounded time

def narrow(i):
    return statement(Resource="arn:aws:ecr:*:*:repository/*a*b*%d/*" % i)


def test_ten_thousand_statements(server, iam, name):
    """All that one user can have: ten groups of twenty policies each."""
    key = server.add_user(name)
    for group in range(10):
        iam.create_group(GroupName="%s-%d" % (name, group))
        iam.add_user_to_group(GroupName="%s-%d" % (name, group), UserName=name)
        for policy in range(20):
            statements = [narrow(1000000 + group * 2000 + policy * 100 + i) for i in range(52)]
            if (group, policy) == (9, 19):
                statements[51] = statement(Resource="arn:aws:ecr:*:*:repository/%s/*" % name)
            text = json.dumps({"Version": VERSION, "Statement": statements}, separators=(",", ":"))
            made = iam.create_policy(PolicyName="%s-%d-%d" % (name, group, policy), PolicyDocument=text)["Policy"]["Arn"]
            iam.attach_group_policy(GroupName="%s-%d" % (name, group), PolicyArn=made)
    ecr = server.boto("ecr", key)
    server.create_repository(name + "/a")
    for repository, allowed in ((name + "/a", True), ("ab" * 100 + "/" + name, False)):
        for _ in range(2):
            begun = time.monotonic()
            try:
                ecr.list_images(repositoryName=repository)
                assert allowed
            except ClientError as e:
                assert e.response["Error"]["Code"] == "AccessDeniedException" and not allowed
            assert time.monotonic() - begun < 2 * r.PATIENCE
    begun = time.monotonic()
    reply = iam.simulate_principal_policy(PolicySourceArn="arn:aws:iam::%s:user/%s" % (r.ACCOUNT, name), ActionNames=["ecr:ListImages"],
                                          ResourceArns=["arn:aws:ecr:us-east-1:%s:repository/%s/a" % (r.ACCOUNT, name)])
    assert reply["EvaluationResults"][0]["EvalDecision"] == "allowed"
    assert time.monotonic() - begun < 5 * r.PATIENCE


def test_ten_thousand_statements_in_one_document(server, tmp_path):
    """No place takes one so large; it is looked at and refused in bounded time."""
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"Version": VERSION, "Statement": [narrow(i) for i in range(10000)]}, separators=(",", ":")))
    begun = time.monotonic()
    server.slipway("policy", "check", path, check=False)
    assert time.monotonic() - begun < 20 * r.PATIENCE
    begun = time.monotonic()
    with pytest.raises(ClientError) as e:
        server.boto("iam", validate=False).create_policy(PolicyName="many", PolicyDocument=path.read_text())
    assert e.value.response["Error"]["Code"] in ("LimitExceeded", "ValidationError"), e.value
    assert time.monotonic() - begun < 5 * r.PATIENCE


# -- sessions

def key_of(reply):
    c = reply["Credentials"]
    return c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"]


def test_durations_of_sessions(server, iam, sts, name):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(), MaxSessionDuration=43200)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(statement(Action="sts:*")))
    key = key_of(sts.assume_role(RoleArn=arn, RoleSessionName="s1", DurationSeconds=43200))
    chained = server.boto("sts", key)
    key_of(chained.assume_role(RoleArn=arn, RoleSessionName="s2", DurationSeconds=3600))
    with Refused("ValidationError", 400, "role chaining"):
        chained.assume_role(RoleArn=arn, RoleSessionName="s2", DurationSeconds=3601)
    for seconds in (899, 43201, 0, -1, 10 ** 12):
        with pytest.raises(ClientError) as e:
            botocore_call(server, "sts", "AssumeRole", {"RoleArn": arn, "RoleSessionName": "s1", "DurationSeconds": seconds})
        assert e.value.response["Error"]["Code"] == ("ValidationError" if seconds < 2 ** 31 else "MalformedInput"), e.value
    for seconds in (899, 129601):
        with pytest.raises(ClientError) as e:
            botocore_call(server, "sts", "GetFederationToken", {"Name": "guest", "DurationSeconds": seconds})
        assert e.value.response["Error"]["Code"] == "ValidationError", e.value


def botocore_call(server, service, operation, arguments, key=None):
    """Without the client's own checks."""
    key = key or server.admin
    client = botocore.session.Session().create_client(
        service, region_name=r.REGION, endpoint_url=server.endpoint, aws_access_key_id=key[0], aws_secret_access_key=key[1],
        aws_session_token=key[2] if len(key) > 2 else None,
        config=botocore.config.Config(parameter_validation=False, retries={"max_attempts": 0}))
    return client._make_api_call(operation, arguments)  # pylint: disable=protected-access


# -- clocks and replays

def test_a_request_is_not_good_for_ever(server):
    def still_good():
        headers = signed_headers(server, "ecr", "DescribeRepositories", b"{}", skew_s=-298)
        return headers if call(server, "ecr", "", b"{}", headers=headers).status == 200 else None
    headers = r.wait_for(still_good, what="a request that comes in time")

    def refused():
        reply = call(server, "ecr", "", b"{}", headers=headers)
        return reply if reply.status != 200 else None
    reply = r.wait_for(refused, every=0.5, what="refusal")
    assert reply.status == 400 and "Signature expired" in reply.json()["message"], reply


@pytest.mark.parametrize("skew_s, words", ((-301, "Signature expired"), (360, "Signature not yet current")))
def test_clock_skew_of_forms(server, skew_s, words):
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = signed_headers(server, "sts", "", body, skew_s=skew_s, target=False)
    reply = call(server, "sts", "", body, headers=headers)
    assert reply.status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in reply.body and words.encode() in reply.body, reply


# -- bodies

def compressed(server, body, data, **more):
    headers = signed_headers(server, "ecr", "CreateRepository", data, more=dict({"Content-Encoding": "gzip"}, **more))
    return call(server, "ecr", "", data, headers=headers)


def test_compressed_bodies(server, name):
    body = json.dumps({"repositoryName": name}).encode()
    assert compressed(server, body, gzip.compress(body)).status == 200
    bomb = gzip.compress(b'{"repositoryName":"' + b"a" * (64 * MIB) + b'"}')
    assert len(bomb) < MIB
    begun = time.monotonic()
    reply = compressed(server, body, bomb)
    assert (reply.status, reply.json()["__type"]) == (413, "RequestEntityTooLarge"), reply
    assert time.monotonic() - begun < 10 * r.PATIENCE
    whole = gzip.compress(body)
    for data in (whole[:-1], whole[:-9], whole + b"x", whole + whole, whole[:4], b"", b"\x1f\x8b", whole[:-6] + bytes(6)):
        reply = compressed(server, body, data)
        assert reply.status == 400 and reply.json()["__type"] in ("SerializationException", "InvalidParameterException"), (data, reply)
    for encoding in ("br", "gzip, gzip", "deflate", "zstd"):
        reply = compressed(server, body, whole, **{"Content-Encoding": encoding})
        assert reply.status == 400, reply


def test_cut_bodies(server):
    """Fewer bytes than announced: nothing is done, whatever the signature says."""
    body = json.dumps({"repositoryName": "cut-body"}).encode()
    headers = signed_headers(server, "ecr", "CreateRepository", body)
    lines = ["%s: %s\r\n" % h for h in headers.items() if h[0] != "Content-Length"]
    head = "POST / HTTP/1.1\r\nHost: %s\r\n" % server.host_port + "".join(lines)
    for sent in (body[:-1], b"", body[:5]):
        send_bytes(server.host_port, (head + "Content-Length: %d\r\n\r\n" % len(body)).encode() + sent, half_close=True, timeout=1)
    with Refused("RepositoryNotFoundException", 400):
        server.boto("ecr").describe_repositories(repositoryNames=["cut-body"])
    # A signature for fewer bytes than are sent is none.
    reply = call(server, "ecr", "", body + b" ", headers=headers)
    assert reply.status == 400 and reply.json()["__type"] == "InvalidSignatureException"


# -- text of every kind, everywhere

TEXTS = ["\u540d\u524d", "caf\u00e9", "e\u0301", "\u202etxt.exe", "\U0001f6a2" * 20, "a\u0000b", "\ud800", "\ufeffa", "\u2028", "<&>'\"", "a\nb",
         "\x7f\x1b[31m", "%00%0a", "${aws:username}", "../../etc/passwd", "\uffff", "\u0130", " ", "", "\u00a0", "*" * 300]


def members(shape, path=()):
    """Paths of every string of an input."""
    kind = shape.type_name
    if kind == "string":
        yield path
    elif kind == "structure" and len(path) < 6:
        for k, s in shape.members.items():
            yield from members(s, path + (k,))
    elif kind == "list":
        yield from members(shape.member, path + (0,))


def built(shape, path, text, sample):
    """The smallest input of that shape with the text at the path."""
    kind = shape.type_name
    if kind == "structure":
        out = {k: built(s, (), text, sample) for k, s in shape.members.items() if k in shape.required_members}
        if path:
            out[path[0]] = built(shape.members[path[0]], path[1:], text, sample)
        return out
    if kind == "list":
        return [built(shape.member, path[1:] if path else (), text, sample)]
    if kind == "string":
        if path == () and sample.get("at"):
            return shape.enum[0] if shape.enum else sample["name"]
        return text
    return {"integer": 1, "long": 1, "boolean": True, "blob": "YQ==", "double": 1.5, "float": 1.5, "timestamp": 1, "map": {}}[kind]


@pytest.mark.parametrize("service", ("ecr", "ecs"))
def test_text_in_every_string(server, name, service):
    """Every string of every operation: a modelled answer, never a 5xx, and logs that stay lines of JSON."""
    rng = random.Random(4)
    model = botocore.session.Session().get_service_model(service)
    seen, tried = {}, 0
    with Http(server.host_port) as http:
        for operation in model.operation_names:
            if operation in ("DiscoverPollEndpoint",):
                continue
            shape = model.operation_model(operation).input_shape
            for path in members(shape) if shape else ():
                for text in rng.sample(TEXTS, 3):
                    arguments = built(shape, path, text, {"name": name})
                    body = json.dumps(arguments, ensure_ascii="\ud800" in text or rng.random() < 0.5).encode("utf-8", "surrogatepass")
                    reply = call(server, service, operation, body, http=http)
                    tried += 1
                    assert reply.status in (200, 400, 403), (operation, arguments, reply)
                    if reply.status != 200:
                        assert reply.json()["message"], (operation, arguments)
                        seen[reply.json()["__type"]] = operation
                    else:
                        json.loads(reply.body.decode("utf-8"))
    assert tried > 300 and {"InvalidParameterException"} <= set(seen), (tried, seen)
    assert server.boto("ecr").describe_repositories()["repositories"] is not None


def test_names_in_refusals_and_logs_are_text(server, name):
    """What a stranger writes shows up in messages and in the audit log, as text."""
    key = server.add_user(name)
    evil = "a\nb\x1b[31m<x>\u202e"
    reply = call(server, "ecr", "DescribeRepositories", json.dumps({"repositoryNames": [evil]}).encode(), key=key)
    assert reply.status == 400
    reply.json()
    lines = 0
    with open(os.path.join(server.data, "audit.log"), encoding="utf-8") as f:
        for line in f:
            assert "\x1b" not in line
            json.loads(line)
            lines += 1
    assert lines > 0


def test_the_targets_are_those_of_the_services():
    for service, target in TARGETS.items():
        assert botocore.session.Session().get_service_model(service).metadata["targetPrefix"] == target


def test_a_server_goes_on():
    """After all of this on a server of its own that is stopped and started: its state opens."""
    s = Server().start()
    try:
        iam = s.boto("iam", validate=False)
        iam.create_user(UserName="t", Tags=[{"Key": "\u540d", "Value": "\u5024"}])
        iam.put_user_policy(UserName="t", PolicyName="p", PolicyDocument=document(statement(Resource="arn:aws:ecr:*:*:repository/\u540d*")))
        s.stop()
        s.start()
        read = s.boto("iam", validate=False).get_user_policy(UserName="t", PolicyName="p")["PolicyDocument"]
        assert read["Statement"][0]["Resource"].endswith("\u540d*")
    finally:
        s.close()
