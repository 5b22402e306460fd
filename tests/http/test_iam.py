# SPDX-License-Identifier: Apache-2.0
"""IAM through boto3 and the AWS CLI: identities, policies and what they change, limits, pages, simulation, and destroying in the
order in which provisioning tools do it. botocore parses every reply by the service's model."""
import datetime
import glob
import json
import os
import sqlite3
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r

ACCOUNT = "000000000000"
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
REPO = "arn:aws:ecr:us-east-1:%s:repository/%s"
PULL = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        dict(zip(("Effect", "Action", "Resource", "Condition"), s)) for s in statements]})


def arn(kind, name):
    return "arn:aws:iam::%s:%s/%s" % (ACCOUNT, kind, name)


@pytest.fixture(scope="module")
def iam(server):
    return server.boto("iam", validate=False)


class Refused:
    """with Refused("Name", 409) as e: ...; then e.message."""

    def __init__(self, name, status=None):
        self.name, self.status, self.message = name, status, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ClientError), "not refused: %r" % error
        assert error.response["Error"]["Code"] == self.name, error
        if self.status:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == self.status, error.response
        self.message = error.response["Error"]["Message"]
        return True


def key_of(iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    assert key["Status"] == "Active" and key["UserName"] == user
    return key["AccessKeyId"], key["SecretAccessKey"]


def client(server, service, key):
    return server.boto(service, key=key, validate=False)


# ---- users, keys and what they may

def test_a_user_may_what_a_policy_says(server, iam):
    user = iam.create_user(UserName="ann", Path="/team-a/", Tags=[{"Key": "Team", "Value": "a"}])["User"]
    assert user["Arn"] == arn("user", "team-a/ann")
    assert user["UserId"].startswith("AIDA") and len(user["UserId"]) == 21
    assert isinstance(user["CreateDate"], datetime.datetime)
    key = key_of(iam, "ann")
    ecr = client(server, "ecr", key)
    with Refused("AccessDeniedException") as refused:
        ecr.create_repository(repositoryName="team-a/app")
    assert refused.message == (
        "User: %s is not authorized to perform: ecr:CreateRepository on resource: %s because no identity-based policy allows the "
        "ecr:CreateRepository action" % (user["Arn"], REPO % (ACCOUNT, "team-a/app")))
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy(
        ("Allow", "ecr:*", REPO % (ACCOUNT, "team-${aws:PrincipalTag/Team}/*"))))
    ecr.create_repository(repositoryName="team-a/app")
    with Refused("AccessDeniedException"):
        ecr.create_repository(repositoryName="team-b/app")
    created = iam.create_policy(PolicyName="no-delete", PolicyDocument=policy(("Deny", "ecr:DeleteRepository", "*")))["Policy"]
    assert created["Arn"] == arn("policy", "no-delete")
    iam.attach_user_policy(UserName="ann", PolicyArn=created["Arn"])
    with Refused("AccessDeniedException") as refused:
        ecr.delete_repository(repositoryName="team-a/app")
    assert "with an explicit deny in an identity-based policy" in refused.message
    iam.detach_user_policy(UserName="ann", PolicyArn=created["Arn"])
    ecr.delete_repository(repositoryName="team-a/app")
    iam.update_access_key(UserName="ann", AccessKeyId=key[0], Status="Inactive")
    with Refused("UnrecognizedClientException"):
        ecr.describe_repositories()
    iam.update_access_key(UserName="ann", AccessKeyId=key[0], Status="Active")
    with Refused("DeleteConflict", 409):
        iam.delete_user(UserName="ann")
    iam.delete_access_key(UserName="ann", AccessKeyId=key[0])
    iam.delete_user_policy(UserName="ann", PolicyName="own")
    iam.delete_user(UserName="ann")
    iam.delete_policy(PolicyArn=created["Arn"])
    with Refused("NoSuchEntity", 404) as refused:
        iam.get_user(UserName="ann")
    assert refused.message == "The user with name ann cannot be found."


def test_users_see_and_change_themselves_only_if_allowed(server, iam):
    iam.create_user(UserName="self")
    key = key_of(iam, "self")
    own = client(server, "iam", key)
    with Refused("AccessDenied", 403) as refused:
        own.get_user()
    assert "iam:GetUser on resource: " + arn("user", "self") in refused.message
    iam.put_user_policy(UserName="self", PolicyName="me", PolicyDocument=policy(
        ("Allow", ["iam:GetUser", "iam:*AccessKey*"], "arn:aws:iam::*:user/${aws:username}")))
    assert own.get_user()["User"]["UserName"] == "self"
    other = own.create_access_key()["AccessKey"]["AccessKeyId"]
    with Refused("LimitExceeded", 409):
        own.create_access_key()
    assert [k["AccessKeyId"] for k in own.list_access_keys()["AccessKeyMetadata"]] == [key[0], other]
    used = own.get_access_key_last_used(AccessKeyId=key[0])
    assert used["UserName"] == "self" and used["AccessKeyLastUsed"]["ServiceName"] == "iam"
    assert iam.get_access_key_last_used(AccessKeyId=other)["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    with Refused("AccessDenied", 403):
        own.get_user(UserName="admin")
    own.delete_access_key(AccessKeyId=other)


def test_secrets_are_given_once(server, iam):
    iam.create_user(UserName="once")
    key = key_of(iam, "once")
    listed = iam.list_access_keys(UserName="once")["AccessKeyMetadata"]
    assert [set(k) for k in listed] == [{"UserName", "AccessKeyId", "Status", "CreateDate"}]
    with Refused("NoSuchEntity", 404):
        iam.delete_access_key(UserName="self2", AccessKeyId=key[0])


# ---- groups

def test_groups(server, iam):
    iam.create_user(UserName="gu")
    group = iam.create_group(GroupName="devs", Path="/x/")["Group"]
    assert group["Arn"] == arn("group", "x/devs") and group["GroupId"].startswith("AGPA")
    iam.attach_group_policy(GroupName="devs", PolicyArn=PULL)
    ecr = client(server, "ecr", key_of(iam, "gu"))
    with Refused("AccessDeniedException"):
        ecr.describe_repositories()
    iam.add_user_to_group(GroupName="devs", UserName="gu")
    iam.add_user_to_group(GroupName="devs", UserName="gu")
    ecr.describe_repositories()
    assert [u["UserName"] for u in iam.get_group(GroupName="devs")["Users"]] == ["gu"]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="gu")["Groups"]] == ["devs"]
    with Refused("DeleteConflict", 409):
        iam.delete_group(GroupName="devs")
    iam.update_group(GroupName="devs", NewGroupName="devs2", NewPath="/y/")
    assert iam.get_group(GroupName="devs2")["Group"]["Arn"] == arn("group", "y/devs2")
    ecr.describe_repositories()
    iam.remove_user_from_group(GroupName="devs2", UserName="gu")
    with Refused("AccessDeniedException"):
        ecr.describe_repositories()
    iam.detach_group_policy(GroupName="devs2", PolicyArn=PULL)
    iam.delete_group(GroupName="devs2")
    with Refused("NoSuchEntity", 404):
        iam.add_user_to_group(GroupName="devs2", UserName="gu")


# ---- policies

def test_versions(iam):
    made = iam.create_policy(PolicyName="v", Path="/p/", Description="d \u00e9", PolicyDocument=policy(("Allow", "ecr:A", "*")),
                             Tags=[{"Key": "k", "Value": "v"}])["Policy"]
    assert made["Arn"] == arn("policy", "p/v") and made["DefaultVersionId"] == "v1" and made["AttachmentCount"] == 0
    for n in range(2, 6):
        v = iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=policy(("Allow", "ecr:B%d" % n, "*")),
                                      SetAsDefault=n == 3)["PolicyVersion"]
        assert v["VersionId"] == "v%d" % n and v["IsDefaultVersion"] == (n == 3)
    with Refused("LimitExceeded", 409):
        iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=policy(("Allow", "ecr:C", "*")))
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=made["Arn"])["Versions"]] == ["v5", "v4", "v3", "v2", "v1"]
    document = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v3")["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == "ecr:B3"  # botocore decoded the percent signs
    with Refused("DeleteConflict", 409):
        iam.delete_policy_version(PolicyArn=made["Arn"], VersionId="v3")
    with Refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=made["Arn"])
    iam.set_default_policy_version(PolicyArn=made["Arn"], VersionId="v1")
    for n in range(2, 6):
        iam.delete_policy_version(PolicyArn=made["Arn"], VersionId="v%d" % n)
    got = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    assert got["DefaultVersionId"] == "v1" and got["Description"] == "d \u00e9" and got["Tags"] == [{"Key": "k", "Value": "v"}]
    iam.delete_policy(PolicyArn=made["Arn"])
    with Refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn=made["Arn"])


def test_aws_managed_policies_are_there_and_stay(iam):
    assert iam.get_policy(PolicyArn=PULL)["Policy"]["IsAttachable"]
    names = {p["PolicyName"] for p in iam.list_policies(Scope="AWS")["Policies"]}
    assert {"AdministratorAccess", "ReadOnlyAccess", "AmazonECSTaskExecutionRolePolicy", "IAMFullAccess"} <= names
    assert not names & {p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]}
    with Refused("AccessDenied", 403):
        iam.delete_policy(PolicyArn=PULL)
    with Refused("AccessDenied", 403):
        iam.create_policy_version(PolicyArn=PULL, PolicyDocument=policy(("Allow", "*", "*")))
    with Refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/NoSuchThing")


@pytest.mark.parametrize("document", [
    "{", "[]", "{}", '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"a:b","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"nocolon","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*"}]}',
    '{"Version":"2011-01-01","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}',
])
def test_malformed_documents(iam, document):
    with Refused("MalformedPolicyDocument", 400):
        iam.create_policy(PolicyName="bad", PolicyDocument=document)
    with Refused("MalformedPolicyDocument", 400):
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument=document)
    for call, arguments in ((iam.get_policy, {"PolicyArn": arn("policy", "bad")}), (iam.get_role, {"RoleName": "bad"})):
        with Refused("NoSuchEntity", 404):
            call(**arguments)


def test_entities_for_a_policy(iam):
    made = iam.create_policy(PolicyName="shared", PolicyDocument=policy(("Allow", "ecr:A", "*")))["Policy"]["Arn"]
    iam.create_user(UserName="eu")
    iam.create_role(RoleName="er", AssumeRolePolicyDocument=json.dumps(TRUST), PermissionsBoundary=made)
    iam.create_group(GroupName="eg")
    iam.attach_user_policy(UserName="eu", PolicyArn=made)
    iam.attach_group_policy(GroupName="eg", PolicyArn=made)
    got = iam.list_entities_for_policy(PolicyArn=made)
    assert [u["UserName"] for u in got["PolicyUsers"]] == ["eu"]
    assert [g["GroupName"] for g in got["PolicyGroups"]] == ["eg"]
    assert [x["RoleName"] for x in got["PolicyRoles"]] == ["er"]
    assert not iam.list_entities_for_policy(PolicyArn=made, PolicyUsageFilter="PermissionsPolicy")["PolicyRoles"]
    pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=made, PaginationConfig={"PageSize": 1})
    assert sum(len(p["PolicyUsers"]) + len(p["PolicyGroups"]) + len(p["PolicyRoles"]) for p in pages) == 3
    got = iam.get_policy(PolicyArn=made)["Policy"]
    assert got["AttachmentCount"] == 2 and got["PermissionsBoundaryUsageCount"] == 1
    with Refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=made)


# ---- roles and instance profiles, as a provisioning tool makes and destroys them

def test_a_role_comes_and_goes(iam):
    role = iam.create_role(RoleName="task", Path="/svc/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="runs \u20ac",
                           MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "\u00fc"}])["Role"]
    assert role["RoleId"].startswith("AROA") and role["AssumeRolePolicyDocument"] == TRUST
    iam.attach_role_policy(RoleName="task", PolicyArn=PULL)
    iam.put_role_policy(RoleName="task", PolicyName="in", PolicyDocument=policy(("Allow", "ecr:A", "*")))
    iam.tag_role(RoleName="task", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_role(RoleName="task", TagKeys=["a"])
    assert iam.list_role_tags(RoleName="task")["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.update_role(RoleName="task", Description="new", MaxSessionDuration=3600)
    changed = dict(TRUST, Statement=[dict(TRUST["Statement"][0], Principal={"Service": "ec2.amazonaws.com"})])
    iam.update_assume_role_policy(RoleName="task", PolicyDocument=json.dumps(changed))
    got = iam.get_role(RoleName="task")["Role"]
    assert got["AssumeRolePolicyDocument"] == changed and got["Description"] == "new" and got["MaxSessionDuration"] == 3600
    iam.create_instance_profile(InstanceProfileName="task")
    iam.add_role_to_instance_profile(InstanceProfileName="task", RoleName="task")
    with Refused("LimitExceeded", 409):
        iam.add_role_to_instance_profile(InstanceProfileName="task", RoleName="task")
    profile = iam.get_instance_profile(InstanceProfileName="task")["InstanceProfile"]
    assert [r["RoleName"] for r in profile["Roles"]] == ["task"] and profile["InstanceProfileId"].startswith("AIPA")
    with Refused("DeleteConflict", 409):
        iam.delete_role(RoleName="task")
    # terraform's order
    for p in iam.list_instance_profiles_for_role(RoleName="task")["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=p["InstanceProfileName"], RoleName="task")
    for p in iam.list_role_policies(RoleName="task")["PolicyNames"]:
        iam.delete_role_policy(RoleName="task", PolicyName=p)
    for p in iam.list_attached_role_policies(RoleName="task")["AttachedPolicies"]:
        iam.detach_role_policy(RoleName="task", PolicyArn=p["PolicyArn"])
    iam.delete_role(RoleName="task")
    iam.delete_instance_profile(InstanceProfileName="task")
    with Refused("NoSuchEntity", 404) as refused:
        iam.get_role(RoleName="task")
    assert refused.message == "The role with name task cannot be found."


def test_a_user_is_destroyed_by_force(iam):
    """What provisioning tools ask for before they delete a user with everything that hangs on it."""
    iam.create_user(UserName="tf")
    key_of(iam, "tf")
    assert iam.list_groups_for_user(UserName="tf")["Groups"] == []
    assert iam.list_mfa_devices(UserName="tf")["MFADevices"] == []
    assert iam.list_ssh_public_keys(UserName="tf")["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName="tf")["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName="tf")["ServiceSpecificCredentials"] == []
    for call in (iam.get_login_profile, iam.delete_login_profile):
        with Refused("NoSuchEntity", 404):
            call(UserName="tf")
    for key in iam.list_access_keys(UserName="tf")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="tf", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="tf")


def test_service_linked_role(iam):
    role = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
    assert role["Arn"] == arn("role", "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    with Refused("InvalidInput", 400):
        iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    with Refused("InvalidInput", 400):
        iam.create_service_linked_role(AWSServiceName="nothing.amazonaws.com")
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_boundaries(server, iam):
    iam.create_user(UserName="capped")
    limit = iam.create_policy(PolicyName="cap", PolicyDocument=policy(("Allow", "ecr:Describe*", "*")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="capped", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    ecr = client(server, "ecr", key_of(iam, "capped"))
    ecr.create_repository(repositoryName="before")
    iam.put_user_permissions_boundary(UserName="capped", PermissionsBoundary=limit)
    with Refused("AccessDeniedException") as refused:
        ecr.create_repository(repositoryName="after")
    assert "because no permissions boundary allows the ecr:CreateRepository action" in refused.message
    ecr.describe_repositories()
    assert iam.get_user(UserName="capped")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == limit
    iam.delete_user_permissions_boundary(UserName="capped")
    ecr.create_repository(repositoryName="after")


def test_delegated_administration_by_context(server, iam):
    """An administrator who may make users only with a boundary, hand out only one policy, and tag only as allowed."""
    limit = iam.create_policy(PolicyName="delegate-cap", PolicyDocument=policy(("Allow", "ecr:*", "*")))["Policy"]["Arn"]
    iam.create_user(UserName="delegate")
    iam.put_user_policy(UserName="delegate", PolicyName="d", PolicyDocument=policy(
        ("Allow", "iam:CreateUser", "*", {"ArnEquals": {"iam:PermissionsBoundary": limit},
                                          "StringEquals": {"aws:RequestTag/team": "a"},
                                          "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
        ("Allow", "iam:AttachUserPolicy", "*", {"ArnEquals": {"iam:PolicyARN": PULL},
                                                "StringEquals": {"iam:ResourceTag/team": "a"}})))
    own = client(server, "iam", key_of(iam, "delegate"))
    team = [{"Key": "team", "Value": "a"}]
    for arguments in ({}, {"PermissionsBoundary": limit}, {"Tags": team},
                      {"PermissionsBoundary": limit, "Tags": team + [{"Key": "x", "Value": ""}]}):
        with Refused("AccessDenied", 403):
            own.create_user(UserName="made", **arguments)
    own.create_user(UserName="made", PermissionsBoundary=limit, Tags=team)
    with Refused("AccessDenied", 403):
        own.attach_user_policy(UserName="made", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    with Refused("AccessDenied", 403):
        own.attach_user_policy(UserName="delegate", PolicyArn=PULL)
    own.attach_user_policy(UserName="made", PolicyArn=PULL)


def test_who_moves_a_user_needs_both_arns(server, iam):
    iam.create_user(UserName="mover")
    iam.put_user_policy(UserName="mover", PolicyName="m", PolicyDocument=policy(
        ("Allow", ["iam:UpdateUser", "iam:UpdateGroup"], [arn("user", "team-a/*"), arn("group", "team-a/*")])))
    own = client(server, "iam", key_of(iam, "mover"))
    iam.create_user(UserName="moved", Path="/team-a/")
    iam.create_group(GroupName="moved", Path="/team-a/")
    for path in ("/", "/admins/"):
        with Refused("AccessDenied", 403):
            own.update_user(UserName="moved", NewPath=path)
        with Refused("AccessDenied", 403):
            own.update_group(GroupName="moved", NewPath=path)
    own.update_user(UserName="moved", NewPath="/team-a/more/")
    own.update_user(UserName="moved", NewUserName="moved-2")
    assert iam.get_user(UserName="moved-2")["User"]["Path"] == "/team-a/more/"


def test_no_statement_hides_keys_from_another(server, iam):
    tags = [{"Key": "k%d" % i, "Value": "v"} for i in range(40)]
    iam.create_user(UserName="hider")
    iam.create_user(UserName="hidden", Tags=tags)
    many = {"iam:ResourceTag/" + t["Key"]: "*" for t in tags}
    iam.put_user_policy(UserName="hider", PolicyName="h", PolicyDocument=policy(
        ("Allow", "iam:*", "*"), ("Deny", "iam:*", "*", {"StringLike": dict(many, **{"aws:username": "zed"})}),
        ("Deny", "iam:Attach*", "*", {"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/Admin*"}})))
    own = client(server, "iam", key_of(iam, "hider"))
    with Refused("AccessDenied", 403):
        own.attach_user_policy(UserName="hidden", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    own.attach_user_policy(UserName="hidden", PolicyArn=PULL)


# ---- lists

def test_pages(iam):
    for i in range(25):
        iam.create_user(UserName="page-%02d" % i, Path="/pages/")
    first = iam.list_users(PathPrefix="/pages/", MaxItems=10)
    assert first["IsTruncated"] and len(first["Users"]) == 10
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 10}))
    assert [len(p["Users"]) for p in pages] == [10, 10, 5]
    assert [u["UserName"] for p in pages for u in p["Users"]] == ["page-%02d" % i for i in range(25)]
    iam.delete_user(UserName="page-09")  # the item that the marker names
    second = iam.list_users(PathPrefix="/pages/", MaxItems=10, Marker=first["Marker"])
    assert second["Users"][0]["UserName"] == "page-10"
    with Refused("ValidationError", 400):
        iam.list_users(Marker="nonsense")
    assert iam.list_users(PathPrefix="/none/")["Users"] == []


def test_account(iam):
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] >= 1 and summary["AccessKeysPerUserQuota"] == 2
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="our-place")
    assert iam.list_account_aliases()["AccountAliases"] == ["our-place"]
    with Refused("NoSuchEntity", 404):
        iam.delete_account_alias(AccountAlias="other")
    iam.delete_account_alias(AccountAlias="our-place")
    iam.create_user(UserName="detailed")
    iam.put_user_policy(UserName="detailed", PolicyName="i", PolicyDocument=policy(("Allow", "ecr:A", "*")))
    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 5}))
    users = {u["UserName"]: u for p in pages for u in p["UserDetailList"]}
    assert {"admin", "detailed"} <= set(users)
    assert users["detailed"]["UserPolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == "ecr:A"
    iam.create_role(RoleName="held", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName="holds")
    iam.add_role_to_instance_profile(InstanceProfileName="holds", RoleName="held")
    only = iam.get_account_authorization_details(Filter=["Role"])
    held, = [x for x in only["RoleDetailList"] if x["RoleName"] == "held"]
    assert [x["InstanceProfileName"] for x in held["InstanceProfileList"]] == ["holds"]
    assert only["UserDetailList"] == [] and only["Policies"] == []


def test_oidc_providers(iam):
    made = iam.create_open_id_connect_provider(Url="https://token.example.com/ci", ClientIDList=["sts.amazonaws.com"],
                                               ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    assert made == arn("oidc-provider", "token.example.com/ci")
    with Refused("EntityAlreadyExists", 409):
        iam.create_open_id_connect_provider(Url="https://token.example.com/ci", ThumbprintList=["a" * 40])
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=made, ClientID="other")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=made, ThumbprintList=["b" * 40])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made)
    assert got["Url"] == "token.example.com/ci" and got["ClientIDList"] == ["other", "sts.amazonaws.com"]
    assert got["ThumbprintList"] == ["b" * 40]
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=made, ClientID="other")
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=made, Tags=[{"Key": "k", "Value": "v"}])
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=made)["Tags"] == [{"Key": "k", "Value": "v"}]
    assert {"Arn": made} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=made)
    with Refused("NoSuchEntity", 404):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made)
    with Refused("ValidationError", 400):
        iam.create_open_id_connect_provider(Url="ftp://x", ThumbprintList=["a" * 40])


# ---- simulation

def decisions(reply):
    return {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in reply["EvaluationResults"]}


def test_simulate_principal(iam):
    iam.create_user(UserName="sim", Tags=[{"Key": "team", "Value": "a"}])
    document = policy(("Allow", "ecr:*", "arn:aws:ecr:*:*:repository/team-${aws:PrincipalTag/team}/*"),
                      ("Deny", "ecr:DeleteRepository", "*", {"Bool": {"aws:SecureTransport": "false"}}))
    iam.put_user_policy(UserName="sim", PolicyName="s", PolicyDocument=json.dumps(json.loads(document), indent=2))
    ours, theirs = REPO % (ACCOUNT, "team-a/x"), REPO % (ACCOUNT, "team-b/x")
    reply = iam.simulate_principal_policy(PolicySourceArn=arn("user", "sim"), ActionNames=["ecr:PutImage", "ecr:DeleteRepository"],
                                          ResourceArns=[ours, theirs])
    assert decisions(reply) == {("ecr:PutImage", ours): "allowed", ("ecr:PutImage", theirs): "implicitDeny",
                                ("ecr:DeleteRepository", ours): "allowed", ("ecr:DeleteRepository", theirs): "implicitDeny"}
    first = reply["EvaluationResults"][0]
    assert first["MatchedStatements"][0]["SourcePolicyId"] == "s"
    assert first["MatchedStatements"][0]["SourcePolicyType"] == "user"
    assert first["MatchedStatements"][0]["StartPosition"]["Line"] == 4
    assert first["MissingContextValues"] == ["aws:SecureTransport"]
    reply = iam.simulate_principal_policy(
        PolicySourceArn=arn("user", "sim"), ActionNames=["ecr:DeleteRepository"], ResourceArns=[ours],
        ContextEntries=[{"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["false"], "ContextKeyType": "boolean"}])
    assert decisions(reply) == {("ecr:DeleteRepository", ours): "explicitDeny"}
    reply = iam.simulate_principal_policy(
        PolicySourceArn=arn("user", "sim"), ActionNames=["ecr:PutImage"], ResourceArns=[ours],
        PermissionsBoundaryPolicyInputList=[policy(("Allow", "ecs:*", "*"))])
    assert decisions(reply) == {("ecr:PutImage", ours): "implicitDeny"}
    assert reply["EvaluationResults"][0]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn("user", "sim"))["ContextKeyNames"]
    assert sorted(keys) == ["aws:PrincipalTag/team", "aws:SecureTransport"]
    with Refused("NoSuchEntity", 404):
        iam.simulate_principal_policy(PolicySourceArn=arn("user", "nobody"), ActionNames=["ecr:PutImage"])


def test_simulate_custom(iam):
    documents = [policy(("Allow", "ecr:*", "*")), policy(("Deny", "ecr:PutImage", "*"))]
    reply = iam.simulate_custom_policy(PolicyInputList=documents, ActionNames=["ecr:PutImage", "ecr:BatchGetImage", "ecs:RunTask"])
    assert decisions(reply) == {("ecr:PutImage", "*"): "explicitDeny", ("ecr:BatchGetImage", "*"): "allowed",
                                ("ecs:RunTask", "*"): "implicitDeny"}
    matched = reply["EvaluationResults"][0]["MatchedStatements"]
    assert [m["SourcePolicyId"] for m in matched] == ["PolicyInputList.2"]
    reply = iam.simulate_custom_policy(
        PolicyInputList=[policy(("Allow", "ecs:*", "*"))], ActionNames=["ecr:BatchGetImage"], ResourceArns=[REPO % (ACCOUNT, "x")],
        CallerArn=arn("user", "someone"), ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": arn("user", "someone")}, "Action": "ecr:BatchGetImage"}]}))
    assert reply["EvaluationResults"][0]["EvalDecision"] == "allowed"
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[
        policy(("Allow", "a:b", "arn:aws:s3:::${aws:username}", {"StringLike": {"aws:RequestTag/x": "*"}}))])["ContextKeyNames"]
    assert sorted(keys) == ["aws:RequestTag/x", "aws:username"]
    with Refused("InvalidInput", 400):
        iam.simulate_custom_policy(PolicyInputList=["{"], ActionNames=["ecr:PutImage"])
    with Refused("InvalidInput", 400):
        iam.simulate_custom_policy(PolicyInputList=documents, ActionNames=["everything"])


# ---- bad input, other clients, restarts

def test_a_large_simulation_takes_bounded_time(iam):
    large = [json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"StringLike": {"aws:RequestTag/%d-%d" % (p, i): "*" for i in range(4000)}}}}) for p in range(6)]
    began = time.monotonic()
    reply = iam.simulate_custom_policy(PolicyInputList=large, ActionNames=["ecr:GetAuthorizationToken"] * 10)
    assert len(reply["EvaluationResults"]) == 10
    assert len(reply["EvaluationResults"][9]["MissingContextValues"]) == 24000
    assert time.monotonic() - began < 20 * r.PATIENCE


def test_limits_and_unicode(iam):
    iam.create_user(UserName="limits")
    with Refused("LimitExceeded", 409):
        iam.put_user_policy(UserName="limits", PolicyName="big", PolicyDocument=policy(("Allow", "ecr:A", "arn:aws:ecr:::" + "x" * 2048)))
    with Refused("LimitExceeded", 409):
        iam.create_policy(PolicyName="big", PolicyDocument=policy(("Allow", "ecr:A", "arn:aws:ecr:::" + "x" * 6144)))
    with Refused("ValidationError", 400):
        iam.create_user(UserName="b\u00e4d")
    with Refused("ValidationError", 400):
        iam.create_user(UserName="ok", Path="no-slash")
    with Refused("EntityAlreadyExists", 409):
        iam.create_user(UserName="LIMITS")
    iam.tag_user(UserName="limits", Tags=[{"Key": "\u540d\u524d", "Value": "\u5024 \u00e9"}])
    assert iam.list_user_tags(UserName="limits")["Tags"] == [{"Key": "\u540d\u524d", "Value": "\u5024 \u00e9"}]
    with Refused("InvalidInput", 400):
        iam.tag_user(UserName="limits", Tags=[{"Key": "aws:x", "Value": ""}])
    with Refused("InvalidInput", 400):
        iam.tag_user(UserName="limits", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    with Refused("LimitExceeded", 409):
        for n in range(6):
            iam.tag_user(UserName="limits", Tags=[{"Key": "k%d" % (10 * n + i), "Value": "v"} for i in range(10)])


def test_what_is_not_there_is_refused_by_name(iam):
    for call, arguments in ((iam.create_login_profile, {"UserName": "x", "Password": "y"}),
                            (iam.generate_service_last_accessed_details, {"Arn": arn("user", "admin")}),
                            (iam.create_virtual_mfa_device, {"VirtualMFADeviceName": "x"})):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert "not implemented" in str(caught.value)


def test_cli(server):
    name = "cli-user"
    assert server.aws("iam", "create-user", "--user-name", name)["User"]["UserName"] == name
    server.aws("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", policy(("Allow", "ecr:A", "*")))
    shown = server.aws("iam", "get-user-policy", "--user-name", name, "--policy-name", "p")
    assert shown["PolicyDocument"]["Statement"][0]["Action"] == "ecr:A"
    server.aws("iam", "delete-user-policy", "--user-name", name, "--policy-name", "p")
    server.aws("iam", "delete-user", "--user-name", name)
    failed = server.aws("iam", "get-user", "--user-name", name, check=False)
    assert "(NoSuchEntity) when calling the GetUser operation: The user with name cli-user cannot be found." in failed.stderr


def test_all_of_it_survives_a_restart(server, iam):
    iam.create_user(UserName="lasting")
    iam.create_group(GroupName="lasting")
    iam.attach_group_policy(GroupName="lasting", PolicyArn=PULL)
    iam.add_user_to_group(GroupName="lasting", UserName="lasting")
    key = key_of(iam, "lasting")
    server.stop()
    server.start()
    client(server, "ecr", key).describe_repositories()
    with Refused("AccessDeniedException"):
        client(server, "ecr", key).create_repository(repositoryName="no")


def rows_of_before_iam(path):
    """Rewrites a server's database as the migrations up to 0005 would have left it, with its users and keys."""
    with sqlite3.connect(path) as new:
        account = new.execute("SELECT id, created_at FROM account").fetchall()
        users = new.execute("SELECT id, account_id, name, path, user_kind, created_at FROM iam_entity WHERE kind = 'user'").fetchall()
        keys = new.execute("SELECT id, user_id, secret, status, created_at FROM iam_access_key").fetchall()
        names = dict(new.execute("SELECT number, name FROM schema_migration"))
    new.close()
    for old in glob.glob(path + "*"):
        os.unlink(old)
    db = sqlite3.connect(path)
    with db:
        db.execute("CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)")
        for number in range(1, 6):
            file, = glob.glob(os.path.join(r.SOURCE, "storage/meta/migrations/%04d_*.sql" % number))
            with open(file, encoding="utf-8") as f:
                db.executescript(f.read())
            db.execute("INSERT INTO schema_migration VALUES (?, ?, 0)", (number, names[number]))
        db.executemany("INSERT INTO account VALUES (?, ?)", account)
        db.executemany("INSERT INTO iam_user (id, account_id, name, path, kind, created_at) VALUES (?, ?, ?, ?, ?, ?)", users)
        db.executemany("INSERT INTO access_key (id, user_id, secret, status, created_at) VALUES (?, ?, ?, ?, ?)", keys)
    db.close()


def test_users_and_keys_of_an_earlier_version(server, iam):
    iam.create_user(UserName="Earlier")
    key = key_of(iam, "Earlier")
    server.stop()
    rows_of_before_iam(os.path.join(server.data, "slipway.db"))
    server.start()
    assert client(server, "iam", server.admin).get_user(UserName="earlier")["User"]["Arn"] == arn("user", "Earlier")
    with Refused("AccessDenied", 403):
        client(server, "iam", key).get_user()
