# SPDX-License-Identifier: Apache-2.0
"""STS through boto3 and the AWS CLI: who one is, roles with trust and session policies, chains, OIDC tokens, and registry passwords
of sessions. Each reply is checked against the service's model."""
import base64
import gzip
import json
import os
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support import run as r
from support.rawhttp import Http

ROOT = "arn:aws:iam::%s:root" % r.ACCOUNT
ISSUER = "token.ci.example.com/org"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages", "ecr:DescribeImages"]


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return dict({"Effect": "Allow", "Action": action, "Resource": resource}, **more)


def trust(principal, action="sts:AssumeRole", **more):
    return document(dict({"Effect": "Allow", "Principal": principal, "Action": action}, **more))


class Refused:
    def __init__(self, code, status, part=""):
        self.code, self.status, self.part = code, status, part

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ClientError), "not refused: %r" % error
        got = error.response
        assert got["Error"]["Code"] == self.code, error
        assert got["ResponseMetadata"]["HTTPStatusCode"] == self.status, error
        assert self.part in got["Error"]["Message"], error
        return True


@pytest.fixture(scope="module")
def sts(server):
    return server.boto("sts")


@pytest.fixture(scope="module")
def iam(server):
    return server.boto("iam", validate=False)


def key_of(reply):
    c = reply["Credentials"]
    return c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"]


def role_arn(name):
    return "arn:aws:iam::%s:role/%s" % (r.ACCOUNT, name)


def make_role(iam, name, trusted, *statements, **more):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, **more)
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
    return role_arn(name)


def make_user(server, iam, name, *statements):
    key = server.add_user(name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    return key


def assume(client, arn, session="s-1", **more):
    return client.assume_role(RoleArn=arn, RoleSessionName=session, **more)


# -- who

def test_caller_identity_of_a_user(server, sts, iam, name):
    me = sts.get_caller_identity()
    assert (me["Account"], me["Arn"]) == (r.ACCOUNT, "arn:aws:iam::%s:user/admin" % r.ACCOUNT)
    key = make_user(server, iam, name, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    mine = server.boto("sts", key).get_caller_identity()  # needs no permission
    assert mine["Arn"].endswith("user/" + name)
    assert mine["UserId"] == iam.get_user(UserName=name)["User"]["UserId"]


def test_cli_and_other_regions(server):
    assert server.aws("sts", "get-caller-identity")["Account"] == r.ACCOUNT
    assert server.boto("sts", region="eu-west-1").get_caller_identity()["Account"] == r.ACCOUNT


def test_access_key_info(server, sts):
    assert sts.get_access_key_info(AccessKeyId=server.admin[0])["Account"] == r.ACCOUNT
    temporary = sts.get_session_token()["Credentials"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=temporary)["Account"] == r.ACCOUNT
    with Refused("ValidationError", 400):
        sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7NOBODY1")


def test_operations_that_are_not_there(sts):
    with Refused("UnsupportedOperation", 400, "DecodeAuthorizationMessage"):
        sts.decode_authorization_message(EncodedMessage="abc")
    with Refused("UnsupportedOperation", 400):
        sts.get_session_token(SerialNumber="arn:aws:iam::000000000000:mfa/x", TokenCode="123456")


# -- sessions of users

def test_session_token_is_the_user(server, sts, iam, name):
    key = make_user(server, iam, name, allow("ecr:*"))
    reply = server.boto("sts", key).get_session_token(DurationSeconds=900)
    session = key_of(reply)
    assert session[0].startswith("ASIA")
    assert 880 < reply["Credentials"]["Expiration"].timestamp() - time.time() < 901
    assert server.boto("sts", session).get_caller_identity()["Arn"].endswith("user/" + name)
    server.boto("ecr", session).create_repository(repositoryName=name)
    with Refused("AccessDenied", 403, "session credentials"):
        server.boto("sts", session).get_session_token()
    iam.update_access_key(UserName=name, AccessKeyId=key[0], Status="Inactive")
    with Refused("InvalidClientTokenId", 403):
        server.boto("sts", session).get_caller_identity()


def test_keys_and_tokens_belong_together(server, sts):
    first, second = key_of(sts.get_session_token()), key_of(sts.get_session_token())
    for key in ((first[0], first[1]), (first[0], first[1], second[2]), (first[0], second[1], first[2]),
                server.admin + (first[2],), (first[0], first[1], first[2][:-8] + "AAAAAAA="), (first[0], first[1], "x")):
        with pytest.raises(ClientError) as e:
            server.boto("sts", key).get_caller_identity()
        assert e.value.response["Error"]["Code"] in ("InvalidClientTokenId", "SignatureDoesNotMatch"), key
    with Refused("UnrecognizedClientException", 400):
        server.boto("ecr", (first[0], first[1], "x")).describe_repositories()


def test_federation_token_has_no_more_than_both(server, iam, name):
    key = make_user(server, iam, name, allow("ecr:DescribeRepositories"), allow("sts:GetFederationToken"))
    mine = server.boto("sts", key)
    bare = mine.get_federation_token(Name="guest")
    assert bare["FederatedUser"]["Arn"] == "arn:aws:sts::%s:federated-user/guest" % r.ACCOUNT
    assert bare["FederatedUser"]["FederatedUserId"] == "%s:guest" % r.ACCOUNT
    assert server.boto("sts", key_of(bare)).get_caller_identity()["UserId"] == "%s:guest" % r.ACCOUNT
    with Refused("AccessDeniedException", 400, "session policy"):
        server.boto("ecr", key_of(bare)).describe_repositories()
    full = mine.get_federation_token(Name="guest", Policy=document(allow("ecr:*")), DurationSeconds=900)
    assert full["PackedPolicySize"] > 0
    server.boto("ecr", key_of(full)).describe_repositories()
    with Refused("AccessDeniedException", 400, "identity-based"):
        server.boto("ecr", key_of(full)).create_repository(repositoryName=name)
    with Refused("AccessDenied", 403):
        assume(server.boto("sts", key_of(full)), role_arn("any"))


def test_federation_tags_need_permission_of_their_own(server, iam, name):
    mine = server.boto("sts", make_user(server, iam, name, allow("sts:GetFederationToken"), allow(
        "ecr:DescribeRepositories", Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}})))
    arguments = {"Name": "guest", "Policy": document(allow("ecr:*"))}
    team = [{"Key": "team", "Value": "a"}]
    with Refused("AccessDenied", 403, "sts:TagSession"):
        mine.get_federation_token(Tags=team, **arguments)
    iam.put_user_policy(UserName=name, PolicyName="tags", PolicyDocument=document(allow(
        "sts:TagSession", Condition={"StringEquals": {"aws:RequestTag/team": "a"},
                                     "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}})))
    with Refused("AccessDenied", 403, "sts:TagSession"):
        mine.get_federation_token(Tags=team + [{"Key": "x", "Value": ""}], **arguments)
    tagged = mine.get_federation_token(Tags=team, **arguments)
    server.boto("ecr", key_of(tagged)).describe_repositories()


# -- roles

def test_assume_role(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"), Path="/team/")
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    reply = assume(sts, arn, "build-7")
    role_id = iam.get_role(RoleName=name)["Role"]["RoleId"]
    assert reply["AssumedRoleUser"] == {"AssumedRoleId": role_id + ":build-7",
                                        "Arn": "arn:aws:sts::%s:assumed-role/%s/build-7" % (r.ACCOUNT, name)}
    assert "PackedPolicySize" not in reply
    me = server.boto("sts", key_of(reply)).get_caller_identity()
    assert (me["UserId"], me["Arn"]) == (role_id + ":build-7", reply["AssumedRoleUser"]["Arn"])
    server.boto("ecr", key_of(reply)).create_repository(repositoryName=name)
    with Refused("AccessDenied", 403, "assumed-role/%s/build-7 is not authorized" % name):
        server.boto("iam", key_of(reply), validate=False).list_users()


def test_trust_and_permission_to_assume(server, iam, name):
    key = make_user(server, iam, name)
    user = "arn:aws:iam::%s:user/%s" % (r.ACCOUNT, name)
    mine = server.boto("sts", key)
    by_account = make_role(iam, name + "-a", trust({"AWS": ROOT}))
    by_name = make_role(iam, name + "-n", trust({"AWS": user}))
    by_service = make_role(iam, name + "-s", trust({"Service": "ecs-tasks.amazonaws.com"}))
    assume(mine, by_name)  # naming the user is enough within an account
    for arn in (by_account, by_service, role_arn("nobody")):
        with Refused("AccessDenied", 403, "sts:AssumeRole"):
            assume(mine, arn)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole", by_account)))
    assume(mine, by_account)
    with Refused("AccessDenied", 403):
        assume(mine, by_service)
    for bad in ("arn:aws:iam::1:role/x" + "y" * 20, "arn:aws:iam::000000000000:user/xyz", "a" * 30):
        with Refused("ValidationError", 400):
            assume(mine, bad)


def test_conditions_of_trust(sts, iam, name):
    arn = make_role(iam, name, document(
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": ["sts:AssumeRole", "sts:TagSession"],
         "Condition": {"StringEquals": {"sts:ExternalId": "e-1", "aws:RequestTag/team": "a"},
                       "StringLike": {"sts:RoleSessionName": "ci-*"},
                       "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "stage"]}}}))
    good = {"ExternalId": "e-1", "Tags": [{"Key": "team", "Value": "a"}]}
    assume(sts, arn, "ci-1", **good)
    for session, change in (("x-1", {}), ("ci-1", {"ExternalId": "e-2"}), ("ci-1", {"Tags": [{"Key": "team", "Value": "b"}]}),
                            ("ci-1", {"Tags": good["Tags"] + [{"Key": "x", "Value": ""}]})):
        with Refused("AccessDenied", 403):
            assume(sts, arn, session, **dict(good, **change))
    with Refused("AccessDenied", 403):
        assume(sts, arn, "ci-1")


def test_tags_need_permission_of_their_own(sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}))
    iam.create_user(UserName=name)
    with Refused("AccessDenied", 403, "sts:TagSession"):
        assume(sts, arn, Tags=[{"Key": "a", "Value": "b"}])
    with Refused("AccessDenied", 403, "sts:SetSourceIdentity"):
        assume(sts, arn, SourceIdentity="someone")
    both = [{"Key": "a", "Value": "b"}, {"Key": "A", "Value": "c"}]
    with Refused("ValidationError", 400, "Duplicate"):
        assume(sts, arn, Tags=both)
    with Refused("ValidationError", 400, "transitive"):
        assume(sts, arn, Tags=both[:1], TransitiveTagKeys=["z"])


def test_session_tags_and_source_identity_in_chains(server, sts, iam, name):
    open_trust = trust({"AWS": ROOT}, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
    repository = "arn:aws:ecr:us-east-1:%s:repository/${aws:PrincipalTag/team}-*" % r.ACCOUNT
    first = make_role(iam, name + "-1", open_trust, allow("sts:*"))
    second = make_role(iam, name + "-2", open_trust, allow("ecr:CreateRepository", repository))
    one = assume(sts, first, Tags=[{"Key": "team", "Value": name}, {"Key": "x", "Value": "y"}], TransitiveTagKeys=["team"],
                 SourceIdentity="ann")
    assert one["SourceIdentity"] == "ann"
    chained = server.boto("sts", key_of(one))
    two = assume(chained, second)
    assert two["SourceIdentity"] == "ann"
    ecr = server.boto("ecr", key_of(two))
    ecr.create_repository(repositoryName=name + "-app")
    with Refused("AccessDeniedException", 400):
        ecr.create_repository(repositoryName="other-" + name)
    with Refused("ValidationError", 400):
        assume(chained, second, Tags=[{"Key": "team", "Value": "z"}])
    with Refused("ValidationError", 400):
        assume(chained, second, SourceIdentity="bob")


def test_duration(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("sts:*"), MaxSessionDuration=7200)
    long = assume(sts, arn, DurationSeconds=7200)
    assert 7180 < long["Credentials"]["Expiration"].timestamp() - time.time() <= 7200
    assert 3580 < assume(sts, arn)["Credentials"]["Expiration"].timestamp() - time.time() <= 3600
    with Refused("ValidationError", 400, "MaxSessionDuration"):
        assume(sts, arn, DurationSeconds=7201)
    with Refused("ValidationError", 400, "role chaining"):
        assume(server.boto("sts", key_of(long)), arn, DurationSeconds=7200)
    assume(server.boto("sts", key_of(long)), arn, DurationSeconds=3600)


def test_session_policies_only_take_away(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}, ["sts:AssumeRole", "sts:TagSession"]), allow("ecr:*"))
    repository = "arn:aws:ecr:us-east-1:%s:repository/%s" % (r.ACCOUNT, name)
    narrow = server.boto("ecr", key_of(assume(sts, arn, Policy=document(allow("ecr:CreateRepository", repository)))))
    narrow.create_repository(repositoryName=name)
    with Refused("AccessDeniedException", 400, "no session policy allows"):
        narrow.describe_repositories()
    wide = assume(sts, arn, Policy=document(allow("*")))
    with Refused("AccessDenied", 403, "no identity-based policy"):
        server.boto("iam", key_of(wide), validate=False).list_users()
    managed = iam.create_policy(PolicyName=name, PolicyDocument=document(allow("ecr:DescribeRepositories")))["Policy"]["Arn"]
    by_arn = server.boto("ecr", key_of(assume(sts, arn, PolicyArns=[{"arn": managed}])))
    by_arn.describe_repositories()
    with Refused("AccessDeniedException", 400):
        by_arn.create_repository(repositoryName=name + "-2")
    iam.delete_policy(PolicyArn=managed)
    with Refused("AccessDeniedException", 400):
        by_arn.describe_repositories()
    with Refused("ValidationError", 400, "does not exist"):
        assume(sts, arn, PolicyArns=[{"arn": managed}])
    closed = make_role(iam, name + "-closed", trust({"Service": "ecs-tasks.amazonaws.com"}))
    with Refused("AccessDenied", 403):  # who may not assume the role is not told which policies exist
        assume(sts, closed, PolicyArns=[{"arn": managed}])
    with Refused("MalformedPolicyDocument", 400):
        assume(sts, arn, Policy='{"Version": "2012-10-17"}')
    with Refused("PackedPolicyTooLarge", 400):
        assume(sts, arn, Tags=[{"Key": os.urandom(60).hex(), "Value": os.urandom(120).hex()} for _ in range(50)])


def test_a_session_does_not_lock_itself_out_unawares(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"))
    ecr = server.boto("ecr", key_of(assume(sts, arn)))
    ecr.create_repository(repositoryName=name)
    closed = document({"Effect": "Deny", "Principal": {"AWS": arn}, "Action": "ecr:SetRepositoryPolicy"})
    with Refused("InvalidParameterException", 400, "force"):
        ecr.set_repository_policy(repositoryName=name, policyText=closed)
    ecr.set_repository_policy(repositoryName=name, policyText=closed, force=True)
    with Refused("AccessDeniedException", 400, "explicit deny"):
        ecr.set_repository_policy(repositoryName=name, policyText=closed, force=True)


def test_deleting_a_role_ends_its_sessions(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"))
    key = key_of(assume(sts, arn))
    ecr = server.boto("ecr", key)
    ecr.create_repository(repositoryName=name)
    password = server.password(key)
    with server.http(password) as http:
        assert http.get("/v2/%s/tags/list" % name).status == 200
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        assert http.get("/v2/%s/tags/list" % name).status == 403
        iam.delete_role(RoleName=name)
        assert http.get("/v2/%s/tags/list" % name).status == 401
    with Refused("UnrecognizedClientException", 400):
        ecr.describe_repositories()
    make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"))  # another one by that name
    with Refused("UnrecognizedClientException", 400):
        ecr.describe_repositories()


def test_trust_follows_a_user_that_is_renamed(server, sts, iam, name):
    key = make_user(server, iam, name, allow("sts:AssumeRole"))
    arn = make_role(iam, name, trust({"AWS": "arn:aws:iam::%s:user/%s" % (r.ACCOUNT, name)}), allow("ecr:*"))
    assume(server.boto("sts", key), arn)
    iam.update_user(UserName=name, NewUserName=name + "-new", NewPath="/moved/")
    assume(server.boto("sts", key), arn)
    later = make_user(server, iam, name, allow("sts:GetCallerIdentity"))
    with Refused("AccessDenied", 403):  # who has the name now is somebody else
        assume(server.boto("sts", later), arn)


def test_revoking_the_sessions_so_far(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"))
    server.create_repository(name)
    key = key_of(assume(sts, arn))
    password = server.password(key)
    time.sleep(2.1)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    iam.put_role_policy(RoleName=name, PolicyName="revoked", PolicyDocument=document(
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": now}}}))
    with Refused("AccessDeniedException", 400, "explicit deny"):
        server.boto("ecr", key).describe_repositories()
    with Http(server.host_port, password) as http:
        assert http.get("/v2/%s/tags/list" % name).status == 403
    server.boto("ecr", key_of(assume(sts, arn))).describe_repositories()


def test_registry_passwords_of_sessions(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"))
    server.create_repository(name)
    repository = "arn:aws:ecr:us-east-1:%s:repository/%s" % (r.ACCOUNT, name)
    policy = document(allow("ecr:GetAuthorizationToken"), allow(PULL, repository))
    key = key_of(assume(sts, arn, Policy=policy, DurationSeconds=900))
    data = server.boto("ecr", key).get_authorization_token()["authorizationData"][0]
    assert 850 < data["expiresAt"].timestamp() - time.time() < 901
    password = base64.b64decode(data["authorizationToken"]).decode()[4:]
    assert ":" not in password
    with Http(server.host_port, password) as http:
        assert http.get("/v2/%s/tags/list" % name).status == 200
        assert http.request("POST", "/v2/%s/blobs/uploads/" % name).status == 403
    env = server.env(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1], AWS_SESSION_TOKEN=key[2])
    mine = server.slipway("get-login-password", env=dict(env, SLIPWAY_ENDPOINT=server.endpoint)).stdout.strip()
    with Http(server.host_port, mine) as http:
        assert http.get("/v2/%s/tags/list" % name).status == 200
        assert http.request("POST", "/v2/%s/blobs/uploads/" % name).status == 403


def test_sessions_survive_a_restart(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}), allow("ecr:*"))
    key = key_of(assume(sts, arn, Policy=document(allow("ecr:DescribeRepositories"))))
    password = server.password(key_of(assume(sts, arn)))
    server.stop()
    server.start()
    server.boto("ecr", key).describe_repositories()
    with Refused("AccessDeniedException", 400):
        server.boto("ecr", key).create_repository(repositoryName=name)
    with Http(server.host_port, password) as http:
        assert http.get("/v2/").status == 200


# -- OpenID Connect

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n):
    return b64(n.to_bytes((n.bit_length() + 7) // 8, "big"))


class Issuer:
    """Signs what a CI system would."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        public, point = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        self.jwks = {"keys": [
            {"kty": "RSA", "use": "sig", "kid": "r1", "alg": "RS256", "n": number(public.n), "e": number(public.e)},
            {"kty": "EC", "crv": "P-256", "kid": "e1", "x": b64(point.x.to_bytes(32, "big")),
             "y": b64(point.y.to_bytes(32, "big"))}]}

    def token(self, alg="RS256", kid="r1", header=None, key=None, **claims):
        now = int(time.time())
        all_claims = {"iss": "https://" + ISSUER, "aud": "sts.amazonaws.com", "sub": "repo:org/app:ref:refs/heads/main",
                      "iat": now, "nbf": now, "exp": now + 300, "repository": "org/app"}
        all_claims.update(claims)
        head = dict({"alg": alg, "kid": kid, "typ": "JWT"}, **(header or {}))
        text = "%s.%s" % (b64(json.dumps(head).encode()),
                          b64(json.dumps({k: v for k, v in all_claims.items() if v is not None}).encode()))
        if alg == "RS256":
            signature = (key or self.rsa).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        elif alg == "ES256":
            one, two = decode_dss_signature((key or self.ec).sign(text.encode(), ec.ECDSA(hashes.SHA256())))
            signature = one.to_bytes(32, "big") + two.to_bytes(32, "big")
        else:
            signature = b""
        return text + "." + b64(signature)


@pytest.fixture(scope="module")
def issuer(server, iam):
    made = Issuer()
    iam.create_open_id_connect_provider(Url="https://" + ISSUER, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40])
    path = os.path.join(server.home, "jwks.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(made.jwks, f)
    assert "2 keys" in server.slipway("oidc", "keys", "https://" + ISSUER, "--jwks", path).stdout
    return made


def web(sts, name, token, **more):
    return sts.assume_role_with_web_identity(RoleArn=role_arn(name), RoleSessionName="ci", WebIdentityToken=token, **more)


PROVIDER = "arn:aws:iam::%s:oidc-provider/%s" % (r.ACCOUNT, ISSUER)


@pytest.fixture(scope="module")
def ci_role(iam, issuer):
    make_role(iam, "web-ci", trust({"Federated": PROVIDER}, "sts:AssumeRoleWithWebIdentity", Condition={
        "StringEquals": {ISSUER + ":aud": "sts.amazonaws.com", ISSUER + ":repository": "org/app"},
        "StringLike": {ISSUER + ":sub": "repo:org/app:*"}}), allow("ecr:*"))
    return "web-ci"


@pytest.mark.parametrize("alg,kid", [("RS256", "r1"), ("ES256", "e1"), ("RS256", None)])
def test_web_identity(server, sts, issuer, ci_role, alg, kid):
    reply = web(sts, ci_role, issuer.token(alg, kid), DurationSeconds=900)
    assert reply["SubjectFromWebIdentityToken"] == "repo:org/app:ref:refs/heads/main"
    assert (reply["Audience"], reply["Provider"]) == ("sts.amazonaws.com", PROVIDER)
    me = server.boto("sts", key_of(reply)).get_caller_identity()
    assert me["Arn"] == "arn:aws:sts::%s:assumed-role/web-ci/ci" % r.ACCOUNT
    server.boto("ecr", key_of(reply)).describe_repositories()


def test_web_identity_by_the_cli_without_keys(server, issuer, ci_role):
    path = os.path.join(server.home, "token")
    with open(path, "w", encoding="utf-8") as f:
        f.write(issuer.token())
    env = server.env()
    env.pop("AWS_SHARED_CREDENTIALS_FILE", None)
    reply = server.aws("sts", "assume-role-with-web-identity", "--role-arn", role_arn(ci_role), "--role-session-name", "xy",
                       "--web-identity-token", issuer.token(), env=env)
    assert reply["AssumedRoleUser"]["Arn"].endswith("/web-ci/xy")


def test_web_identities_that_are_not_believed(sts, issuer, ci_role, iam):
    other = Issuer()
    now = int(time.time())
    bad = [("InvalidIdentityToken", issuer.token(key=other.rsa), "signature"),
           ("InvalidIdentityToken", issuer.token("ES256", "e1", key=other.ec), "signature"),
           ("InvalidIdentityToken", issuer.token("none"), "not supported"),
           ("InvalidIdentityToken", issuer.token("HS256"), "not supported"),
           ("InvalidIdentityToken", issuer.token(header={"crit": ["x"]}), "not supported"),
           ("InvalidIdentityToken", issuer.token("RS256", "e1"), "signature"),
           ("InvalidIdentityToken", issuer.token(aud="other"), "audience"),
           ("InvalidIdentityToken", issuer.token(aud=None), "audience"),
           ("InvalidIdentityToken", issuer.token(sub=None), "subject"),
           ("InvalidIdentityToken", issuer.token(exp=None), "expiration"),
           ("InvalidIdentityToken", issuer.token(nbf=now + 1000), "not valid yet"),
           ("InvalidIdentityToken", issuer.token(iss="https://elsewhere.example.com"), "No OpenIDConnect provider"),
           ("InvalidIdentityToken", issuer.token(iss="http://" + ISSUER), "No OpenIDConnect provider"),
           ("ExpiredTokenException", issuer.token(exp=now - 5), "expired"),
           ("InvalidIdentityToken", "a.b.c", "JWT"), ("InvalidIdentityToken", "xxxx", "JWT"),
           ("InvalidIdentityToken", issuer.token()[:-40] + "A" * 40, "signature")]
    for code, token, part in bad:
        with Refused(code, 400, part):
            web(sts, ci_role, token)
    text = issuer.token().split(".")
    forged = b64(json.dumps({"iss": "https://" + ISSUER, "aud": "sts.amazonaws.com", "sub": "x", "exp": now + 99}).encode())
    with Refused("InvalidIdentityToken", 400, "signature"):
        web(sts, ci_role, ".".join((text[0], forged, text[2])))
    assert web(sts, ci_role, issuer.token(aud=["x", "sts.amazonaws.com"]))
    for claims in ({"sub": "repo:org/other:x"}, {"repository": "org/other"}):
        with Refused("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity"):
            web(sts, ci_role, issuer.token(**claims))
    make_role(iam, "not-for-web", trust({"AWS": ROOT}, "sts:*"))
    for role in ("not-for-web", "nobody-has-it"):
        with Refused("AccessDenied", 403):
            web(sts, role, issuer.token())
    with Refused("UnsupportedOperation", 400):
        web(sts, ci_role, issuer.token(), ProviderId="www.amazon.com")


def test_keys_of_issuers_are_checked(server, tmp_path):
    for text in ("", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AAAA"}]}', '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}'):
        path = tmp_path / "jwks"
        path.write_text(text)
        assert server.slipway("oidc", "keys", "https://" + ISSUER, "--jwks", path, check=False).returncode == 1
    path.write_text(json.dumps(Issuer().jwks))
    p = server.slipway("oidc", "keys", "https://nobody.example.com", "--jwks", path, check=False)
    assert p.returncode == 1 and "nobody.example.com" in p.stderr


# -- the protocol itself

def signed_form(server, body, headers=None, service="sts", key=None, method="POST", url="/"):
    request = botocore.awsrequest.AWSRequest(method, server.endpoint + url, data=body, headers=dict(
        {"Content-Type": "application/x-www-form-urlencoded"} if body else {}, **(headers or {})))
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*(key or server.admin)), service, r.REGION).add_auth(request)
    with Http(server.host_port) as http:
        return http.request(method, url, body, dict(request.headers.items()))


def test_forms_get_xml_whatever_is_wrong(server):
    who = b"Action=GetCallerIdentity&Version=2011-06-15"
    cases = [(signed_form(server, who), 200, "<Account>"),
             (signed_form(server, None, method="GET", url="/?" + who.decode()), 200, "<Account>"),
             (signed_form(server, gzip.compress(who), {"Content-Encoding": "gzip"}), 200, "<Account>"),
             (signed_form(server, who, {"Content-Encoding": "gzip"}), 400, "MalformedInput"),
             (signed_form(server, gzip.compress(b"x=" + b"0" * (9 << 20)), {"Content-Encoding": "gzip"}), 413,
              "RequestEntityTooLarge"),
             (signed_form(server, who, service="iam"), 400, "InvalidAction"),
             (signed_form(server, who, key=("AKIAIOSFODNN7NOBODY1", "x")), 403, "InvalidClientTokenId"),
             (signed_form(server, who, key=(server.admin[0], "x")), 403, "SignatureDoesNotMatch"),
             (signed_form(server, b"Action=Nothing&Version=2011-06-15"), 400, "InvalidAction"),
             (signed_form(server, b"Action=ListQueues&Version=2012-11-05", service="sqs"), 400, "InvalidAction"),
             (signed_form(server, b"Action=DescribeVpcs&Version=2016-11-15", service="ec2"), 400, "<Response><Errors>"),
             (signed_form(server, who + b"&Extra=1"), 400, "ValidationError"),
             (signed_form(server, who + b"&Action=x"), 400, "MalformedInput"),
             (signed_form(server, b"%zz=1"), 400, "MalformedInput"), (signed_form(server, b"\xff=1"), 400, "MalformedInput")]
    with Http(server.host_port) as http:
        plain = {"Content-Type": "application/x-www-form-urlencoded"}
        cases.append((http.request("POST", "/", who, plain), 403, "MissingAuthenticationToken"))
        cases.append((http.request("POST", "/", b"", plain), 400, "InvalidAction"))
    for i, (reply, status, part) in enumerate(cases):
        assert reply.status == status and part in reply.body.decode(), (i, reply.status, reply.body)
        assert reply.header("Content-Type") == "text/xml", i


def test_a_large_form_is_only_read_from_who_has_a_key(server):
    body = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=" + b"x" * 70000
    with Http(server.host_port) as http:
        reply = http.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 403 and b"MissingAuthenticationToken" in reply.body


def test_unicode_and_markup_in_names(server, sts, iam, name):
    arn = make_role(iam, name, trust({"AWS": ROOT}, ["sts:AssumeRole", "sts:TagSession"]))
    assume(sts, arn, Tags=[{"Key": "t\u00e9am \u20ac", "Value": "caf\u00e9"}])
    with pytest.raises(ClientError):
        assume(sts, arn, Tags=[{"Key": "team", "Value": "<&>\"'"}])
    with pytest.raises(ClientError):
        sts.assume_role(RoleArn=arn, RoleSessionName="<script>")
    text = urllib.parse.urlencode({"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": arn,
                                   "RoleSessionName": "<b>&"}).encode()
    reply = signed_form(server, text)
    assert reply.status == 400 and b"<b>" not in reply.body
