# SPDX-License-Identifier: Apache-2.0
"""One question asked in five ways: over /v2/, over AWS JSON or the query protocol, with `slipway policy explain` and with IAM's
SimulatePrincipalPolicy. All agree, and a refusal says who, what and where in the same sentence."""
import json

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.rawhttp import Http

ACCOUNT_ARN = "arn:aws:iam::%s:" % r.ACCOUNT
REPOSITORY = "arn:aws:ecr:us-east-1:%s:repository/" % r.ACCOUNT
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
CONFIG = b'{"architecture":"amd64","os":"linux"}'


def document(*statements, **more):
    return json.dumps(dict({"Version": "2012-10-17", "Statement": list(statements)}, **more), indent=1)


def allow(action, resource="*", **more):
    return dict({"Effect": "Allow", "Action": action, "Resource": resource}, **more)


def deny(action, resource="*", **more):
    return dict(allow(action, resource, **more), Effect="Deny")


@pytest.fixture(scope="module")
def people(server):
    """Keys by name: a developer by group, a pusher by its own policy, one with a boundary, a role, one named by a repository."""
    iam = server.boto("iam", validate=False)
    keys = {name: server.add_user(name) for name in ("dev", "pusher", "bound", "plain", "named")}
    login = allow("ecr:GetAuthorizationToken")
    managed = iam.create_policy(PolicyName="pull", PolicyDocument=document(
        login, allow(PULL, REPOSITORY + "team/*", Sid="Team")))["Policy"]["Arn"]
    iam.create_group(GroupName="devs")
    iam.attach_group_policy(GroupName="devs", PolicyArn=managed)
    iam.add_user_to_group(GroupName="devs", UserName="dev")
    iam.put_user_policy(UserName="dev", PolicyName="not-secret", PolicyDocument=document(
        deny("ecr:*", REPOSITORY + "team/secret", Sid="Secret"),
        deny("ecr:BatchGetImage", "*", Sid="Tagged", Condition={"StringEquals": {"aws:ResourceTag/stage": "closed"}})))
    iam.put_user_policy(UserName="pusher", PolicyName="push", PolicyDocument=document(
        login, allow("ecr:*", REPOSITORY + "team/*"), allow("iam:GetUser", ACCOUNT_ARN + "user/${aws:username}"),
        deny(["ecr:Delete*", "ecr:BatchDeleteImage"], Sid="KeepAll")))
    iam.put_user_policy(UserName="bound", PolicyName="all", PolicyDocument=document(allow("*")))
    iam.put_user_permissions_boundary(UserName="bound", PermissionsBoundary=managed)
    for name in ("plain", "named"):
        iam.put_user_policy(UserName=name, PolicyName="login", PolicyDocument=document(login))
    role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": r.ACCOUNT}, "Action": "sts:AssumeRole"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="deployer", PolicyName="deploy", PolicyDocument=document(
        login, allow(["ecs:List*"]), allow(PULL, REPOSITORY + "team/app")))
    c = server.boto("sts").assume_role(RoleArn=role, RoleSessionName="build-7")["Credentials"]
    keys["deployer"] = (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    return keys


RESOURCE_POLICY = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ARN + "user/named"}, "Action": PULL},
                           {"Effect": "Deny", "Principal": {"AWS": ACCOUNT_ARN + "user/pusher"}, "Action": "ecr:PutImage"})


@pytest.fixture(scope="module")
def repositories(server):
    ecr = server.boto("ecr")
    for name, tags in (("team/app", []), ("team/secret", []), ("team/closed", [{"Key": "stage", "Value": "closed"}]), ("other", [])):
        ecr.create_repository(repositoryName=name, tags=tags)
        with server.http() as http:
            images.push_blob(http, name, CONFIG)
            manifest = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                                    "config": images.descriptor(images.OCI_CONFIG, CONFIG), "layers": []})
            images.put_manifest(http, name, "v1", manifest)
    ecr.set_repository_policy(repositoryName="other", policyText=RESOURCE_POLICY, force=True)
    return ecr


def principal(who):
    return "role/deployer" if who == "deployer" else "user/" + who


CASES = (
    ("dev", "ecr:BatchGetImage", "team/app", "allowed"), ("dev", "ecr:BatchGetImage", "team/secret", "explicitDeny"),
    ("dev", "ecr:BatchGetImage", "team/closed", "explicitDeny"), ("dev", "ecr:BatchGetImage", "other", "implicitDeny"),
    ("dev", "ecr:PutImage", "team/app", "implicitDeny"), ("dev", "ecr:InitiateLayerUpload", "team/app", "implicitDeny"),
    ("pusher", "ecr:InitiateLayerUpload", "team/app", "allowed"), ("pusher", "ecr:BatchDeleteImage", "team/app", "explicitDeny"),
    ("pusher", "ecr:DeleteRepository", "team/app", "explicitDeny"), ("pusher", "ecr:PutImage", "other", "explicitDeny"),
    ("pusher", "ecr:BatchGetImage", "other", "implicitDeny"),
    ("bound", "ecr:BatchGetImage", "team/app", "allowed"), ("bound", "ecr:InitiateLayerUpload", "team/app", "implicitDeny"),
    ("plain", "ecr:BatchGetImage", "team/app", "implicitDeny"), ("plain", "ecr:ListImages", "other", "implicitDeny"),
    ("named", "ecr:BatchGetImage", "other", "allowed"), ("named", "ecr:ListImages", "other", "implicitDeny"),
    ("deployer", "ecr:BatchGetImage", "team/app", "allowed"), ("deployer", "ecr:BatchGetImage", "team/secret", "implicitDeny"),
    ("deployer", "ecs:ListClusters", "*", "allowed"), ("dev", "ecs:ListClusters", "*", "implicitDeny"),
    ("pusher", "iam:GetUser", "user/pusher", "allowed"), ("pusher", "iam:GetUser", "user/dev", "implicitDeny"),
    ("plain", "iam:ListUsers", "user/", "implicitDeny"),
)


def arn_of(action, resource):
    return resource if resource == "*" else (ACCOUNT_ARN if action.startswith("iam:") else REPOSITORY) + resource


def explained(server, who, action, resource):
    """(decision, the sentence of a refusal, all that was said)"""
    p = server.slipway("policy", "explain", "--principal", ACCOUNT_ARN + principal(who), "--action", action, "--resource", resource,
                       check=False)
    decision = p.stdout.split(":")[0]
    assert p.returncode == (0 if decision == "allowed" else 1), p
    return decision, p.stderr.replace("slipway: AccessDeniedException: ", "").strip(), p.stdout


def over_v2(server, key, action, repository):
    """None where /v2/ has no such request; else the reply's refusal, or False."""
    request = {"ecr:BatchGetImage": ("GET", "manifests/v1"), "ecr:InitiateLayerUpload": ("POST", "blobs/uploads/"),
               "ecr:BatchDeleteImage": ("DELETE", "manifests/v1"), "ecr:ListImages": ("GET", "tags/list"),
               }.get(action)
    if not request:
        return None
    with Http(server.host_port, server.password(key)) as http:
        reply = http.request(request[0], "/v2/%s/%s" % (repository, request[1]), headers={"Accept": images.OCI_MANIFEST})
    if reply.status != 403:
        assert reply.status < 300, reply
        return False
    assert reply.code() == "DENIED"
    return reply.json()["errors"][0]["message"]


def over_aws(server, key, action, resource):
    service, operation = action.split(":")
    client = server.boto(service, key)
    image = {"imageIds": [{"imageTag": "v1"}]}
    call, arguments = {
        "BatchGetImage": (client.batch_get_image, image), "BatchDeleteImage": (client.batch_delete_image, image),
        "PutImage": (client.put_image, {"imageManifest": "{}", "imageTag": "v2"}), "ListImages": (client.list_images, {}),
        "InitiateLayerUpload": (client.initiate_layer_upload, {}), "DeleteRepository": (client.delete_repository, {}),
    }[operation] if service == "ecr" else (
        (client.list_clusters, {}) if service == "ecs" else (client.list_users, {}) if operation == "ListUsers"
        else (client.get_user, {"UserName": resource.split("/")[1]}))
    try:
        call(**(dict(arguments, repositoryName=resource) if service == "ecr" else arguments))
    except ClientError as e:
        code = "AccessDenied" if service == "iam" else "AccessDeniedException"
        assert e.response["Error"]["Code"] == code, e
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == (403 if service == "iam" else 400)
        return e.response["Error"]["Message"]
    return False


def simulated(server, who, action, resource):
    more = {"ResourcePolicy": RESOURCE_POLICY, "ResourceOwner": ACCOUNT_ARN + "root"} if resource == REPOSITORY + "other" else {}
    if more and who != "deployer":
        more["CallerArn"] = ACCOUNT_ARN + principal(who)
    if resource == REPOSITORY + "team/closed":
        more["ContextEntries"] = [{"ContextKeyName": "aws:ResourceTag/stage", "ContextKeyValues": ["closed"], "ContextKeyType": "string"}]
    result, = server.boto("iam", validate=False).simulate_principal_policy(
        PolicySourceArn=ACCOUNT_ARN + principal(who), ActionNames=[action], ResourceArns=[resource], **more)["EvaluationResults"]
    assert (result["EvalActionName"], result["EvalResourceName"]) == (action, resource)
    return result["EvalDecision"]


@pytest.mark.parametrize("who, action, resource, decision", CASES)
def test_all_agree(server, people, repositories, who, action, resource, decision):
    arn = arn_of(action, resource)
    told, sentence, said = explained(server, who, action, arn)
    assert told == decision, said
    assert simulated(server, who, action, arn) == decision
    refusals = [over_aws(server, people[who], action, resource)]
    if action.startswith("ecr:"):
        refusals.append(over_v2(server, people[who], action, resource))
    for refusal in refusals:
        if refusal is None:
            continue
        assert bool(refusal) == (decision != "allowed"), refusal
        if not refusal:
            continue
        asked = "assumed-role/deployer/build-7" if who == "deployer" else "user/" + who
        assert ":%s is not authorized to perform: %s on resource: %s " % (asked, action, arn) in refusal, refusal
        assert ("with an explicit deny in a" if decision == "explicitDeny" else "allows the %s action" % action) in refusal
        if who != "deployer":
            assert refusal == sentence  # the same sentence, to the letter


@pytest.mark.parametrize("who, action, resource, parts", (
    ("dev", "ecr:BatchGetImage", "team/app", ('"Team" of group policy', "pull")),
    ("dev", "ecr:BatchGetImage", "team/secret", ('denied by statement 1 "Secret" of user policy not-secret', "line 4")),
    ("dev", "ecr:BatchGetImage", "team/closed", ('"Tagged"', "not-secret")),
    ("pusher", "ecr:PutImage", "other", ("denied by statement 2 of", "repository policy")),
    ("named", "ecr:BatchGetImage", "other", ("allowed by statement 1 of", "repository policy")),
    ("bound", "ecr:PutImage", "team/app", ("no permissions boundary allows ecr:PutImage",)),
    ("plain", "ecr:PutImage", "team/app", ("no identity-based policy allows ecr:PutImage",))))
def test_the_statement_is_named(server, people, repositories, who, action, resource, parts):
    _, _, said = explained(server, who, action, arn_of(action, resource))
    for part in parts:
        assert part in said, said


def test_the_statement_is_in_the_audit_log_but_not_in_the_reply(server, people, repositories):
    """Who is refused learns no Sid; who keeps the server does."""
    refusal = over_v2(server, people["dev"], "ecr:BatchGetImage", "team/secret")
    assert "Secret" not in refusal and "not-secret" not in refusal
    with open(server.data + "/audit.log", encoding="utf-8") as f:
        last = [line for line in map(json.loads, f) if line.get("outcome") == "denied"][-1]
    assert "Secret" in json.dumps(last) and "not-secret" in json.dumps(last)
    assert ACCOUNT_ARN + "user/dev" in json.dumps(last) and REPOSITORY + "team/secret" in json.dumps(last)


def test_asking_is_a_right_of_its_own(server, people):
    env = dict(server.env(SLIPWAY_ENDPOINT=server.endpoint), AWS_ACCESS_KEY_ID=people["dev"][0], AWS_SECRET_ACCESS_KEY=people["dev"][1])
    p = server.slipway("policy", "explain", "--principal", "pusher", "--action", "ecr:PutImage", env=env, check=False)
    assert p.returncode == 1 and "is not authorized to perform: slipway:" in p.stderr, p


def test_nobody_is_not_everyone(server, name):
    """A policy that lets "*" do all says nothing of callers without a name: explained as /v2/ decides."""
    server.create_repository(name)
    with server.http() as http:
        images.Image([images.layer([("f", b"1", 0o644)])]).push(http, name, "v1")
    server.boto("ecr").set_repository_policy(repositoryName=name, policyText=document(
        {"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}))
    server.slipway("repo", "set", name, "--public")

    def decision(action):
        p = server.slipway("policy", "explain", "--principal", "anonymous", "--action", action, "--resource", REPOSITORY + name, check=False)
        return p.stdout.split(":")[0]
    with Http(server.host_port, None) as http:
        assert http.request("GET", "/v2/%s/manifests/v1" % name, headers={"Accept": images.OCI_MANIFEST}).status == 200
        assert http.request("POST", "/v2/%s/blobs/uploads/" % name).status == 401
        assert http.request("DELETE", "/v2/%s/manifests/v1" % name).status == 401
    assert decision("ecr:BatchGetImage") == "allowed"
    assert decision("ecr:InitiateLayerUpload") == decision("ecr:BatchDeleteImage") == "implicitDeny"
