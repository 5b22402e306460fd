# SPDX-License-Identifier: Apache-2.0
"""Secrets Manager and Parameter Store with boto3 and the AWS CLI. Every reply is checked against the service's model."""
import base64
import json
import os
import time
import uuid

import pytest

from support.aws import call, refused

ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def sm(server):
    return server.boto("secretsmanager")


@pytest.fixture(scope="module")
def ssm(server):
    return server.boto("ssm")


def raw(server, service, operation, doc):
    target = {"ssm": "AmazonSSM"}.get(service, service)
    reply = call(server, target, operation, json.dumps(doc).encode(), scope=service)
    return reply.status, json.loads(reply.body)


# -- secrets: versions and stages

def test_a_secret_and_its_versions(sm, name):
    made = sm.create_secret(Name=name, SecretString="one", Description="first")
    assert made["ARN"].startswith("arn:aws:secretsmanager:us-east-1:%s:secret:%s-" % (ACCOUNT, name))
    assert len(made["ARN"].rsplit("-", 1)[1]) == 6
    got = sm.get_secret_value(SecretId=name)
    assert (got["SecretString"], got["VersionId"], got["VersionStages"]) == ("one", made["VersionId"], ["AWSCURRENT"])
    two = sm.put_secret_value(SecretId=made["ARN"], SecretString="two")
    assert two["VersionStages"] == ["AWSCURRENT"]
    partial = made["ARN"].rsplit("-", 1)[0]
    assert sm.get_secret_value(SecretId=partial)["SecretString"] == "two"
    assert sm.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    three = sm.put_secret_value(SecretId=name, SecretBinary=b"\x00\xff", VersionStages=["AWSPENDING"])
    assert sm.get_secret_value(SecretId=name, VersionStage="AWSPENDING")["SecretBinary"] == b"\x00\xff"
    assert sm.get_secret_value(SecretId=name)["SecretString"] == "two"
    sm.update_secret_version_stage(SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=three["VersionId"],
                                   RemoveFromVersionId=two["VersionId"])
    assert sm.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["VersionId"] == two["VersionId"]
    about = sm.describe_secret(SecretId=name)
    assert about["VersionIdsToStages"] == {two["VersionId"]: ["AWSPREVIOUS"],
                                           three["VersionId"]: ["AWSPENDING", "AWSCURRENT"]}
    assert about["Description"] == "first" and "RotationEnabled" not in about
    listed = sm.list_secret_version_ids(SecretId=name)["Versions"]
    assert {v["VersionId"] for v in listed} == {two["VersionId"], three["VersionId"]}
    every = sm.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    assert made["VersionId"] in {v["VersionId"] for v in every} and len(every) == 3


def test_a_token_makes_calls_idempotent(sm, name):
    token = str(uuid.uuid4())
    first = sm.create_secret(Name=name, SecretString="x", ClientRequestToken=token)
    assert sm.create_secret(Name=name, SecretString="x", ClientRequestToken=token)["ARN"] == first["ARN"]
    refused("ResourceExistsException", sm.create_secret, Name=name, SecretString="y", ClientRequestToken=token)
    refused("ResourceExistsException", sm.create_secret, Name=name, SecretString="x")
    assert sm.put_secret_value(SecretId=name, SecretString="x", ClientRequestToken=token)["VersionId"] == token
    assert "already in use" in refused("ResourceExistsException", sm.put_secret_value, SecretId=name, SecretString="y",
                                       ClientRequestToken=token)


def test_update_changes_description_and_value(sm, name):
    sm.create_secret(Name=name)
    refused("ResourceNotFoundException", sm.get_secret_value, SecretId=name)
    assert "VersionId" not in sm.update_secret(SecretId=name, Description="later")
    made = sm.update_secret(SecretId=name, SecretString="v")
    assert sm.get_secret_value(SecretId=name)["VersionId"] == made["VersionId"]
    assert sm.describe_secret(SecretId=name)["Description"] == "later"


def test_old_versions_go_after_a_hundred(sm, name):
    first = sm.create_secret(Name=name, SecretString="0")["VersionId"]
    for i in range(101):
        sm.put_secret_value(SecretId=name, SecretString=str(i))
    every, token = [], {}
    while True:
        page = sm.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=30, **token)
        every += [v["VersionId"] for v in page["Versions"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert len(every) == len(set(every)) == 100 and first not in every


# -- deletion

def test_delete_restore_and_force(sm, name):
    made = sm.create_secret(Name=name, SecretString="x")
    gone = sm.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert abs(gone["DeletionDate"].timestamp() - time.time() - 7 * 86400) < 120
    assert "marked for deletion" in refused("InvalidRequestException", sm.get_secret_value, SecretId=name)
    refused("InvalidRequestException", sm.put_secret_value, SecretId=name, SecretString="y")
    assert "scheduled for deletion" in refused("InvalidRequestException", sm.create_secret, Name=name)
    assert sm.describe_secret(SecretId=name)["DeletedDate"]
    assert name not in [s["Name"] for s in sm.list_secrets()["SecretList"]]
    assert sm.restore_secret(SecretId=name)["ARN"] == made["ARN"]
    assert sm.get_secret_value(SecretId=name)["SecretString"] == "x"
    sm.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", sm.describe_secret, SecretId=name)
    assert sm.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)["Name"] == name
    again = sm.create_secret(Name=name, SecretString="z")
    assert again["ARN"] != made["ARN"]
    refused("ResourceNotFoundException", sm.get_secret_value, SecretId=made["ARN"])


@pytest.mark.parametrize("args, code", [
    ({"RecoveryWindowInDays": 6}, "InvalidParameterException"),
    ({"RecoveryWindowInDays": 31}, "InvalidParameterException"),
    ({"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}, "InvalidParameterException")])
def test_recovery_windows(sm, name, args, code):
    sm.create_secret(Name=name)
    refused(code, sm.delete_secret, SecretId=name, **args)


# -- lists, tags

def test_lists_filter_sort_and_page(sm, name):
    for i in range(5):
        sm.create_secret(Name="%s/%d" % (name, i), Description="Of %s" % name if i % 2 else "other",
                         Tags=[{"Key": "n", "Value": str(i)}, {"Key": name, "Value": "v"}])

    def names(**args):
        out = [s["Name"] for page in sm.get_paginator("list_secrets").paginate(
            PaginationConfig={"PageSize": 2}, **args) for s in page["SecretList"]]
        return [n.rsplit("/", 1)[1] for n in out]
    only = {"Key": "name", "Values": [name + "/"]}
    assert names(Filters=[only]) == list("01234")
    assert names(Filters=[only], SortOrder="desc") == list("43210")
    assert names(Filters=[only, {"Key": "description", "Values": ["of " + name]}]) == list("13")
    assert names(Filters=[only, {"Key": "tag-value", "Values": ["3", "4"]}]) == list("34")
    assert names(Filters=[{"Key": "tag-key", "Values": [name]}, {"Key": "name", "Values": ["!%s/0" % name]}]) == list("1234")
    assert names(Filters=[{"Key": "all", "Values": [name.upper()]}]) == list("01234")
    refused("InvalidNextTokenException", sm.list_secrets, NextToken="rubbish")


def test_tags(sm, name):
    sm.create_secret(Name=name, Tags=[{"Key": "a", "Value": "1"}])
    sm.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    assert sm.describe_secret(SecretId=name)["Tags"] == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    sm.untag_resource(SecretId=name, TagKeys=["a", "c"])
    assert sm.describe_secret(SecretId=name)["Tags"] == [{"Key": "b", "Value": ""}]
    refused("InvalidParameterException", sm.tag_resource, SecretId=name, Tags=[{"Key": "aws:x", "Value": ""}])
    refused("InvalidParameterException", sm.tag_resource, SecretId=name,
            Tags=[{"Key": str(i), "Value": ""} for i in range(51)])


def test_regions_are_apart(server, sm, name):
    sm.create_secret(Name=name, SecretString="here")
    there = server.boto("secretsmanager", region="eu-west-1")
    refused("ResourceNotFoundException", there.get_secret_value, SecretId=name)
    there.create_secret(Name=name, SecretString="there")
    assert sm.get_secret_value(SecretId=name)["SecretString"] == "here"


def test_batch(server, sm, name):
    sm.create_secret(Name=name, SecretString="x")
    status, out = raw(server, "secretsmanager", "BatchGetSecretValue", {"SecretIdList": [name, name + "-not"]})
    assert status == 200
    assert [v["SecretString"] for v in out["SecretValues"]] == ["x"]
    assert [(e["SecretId"], e["ErrorCode"]) for e in out["Errors"]] == [(name + "-not", "ResourceNotFoundException")]


def test_random_passwords(sm):
    texts = {sm.get_random_password(PasswordLength=20)["RandomPassword"] for _ in range(20)}
    assert len(texts) == 20 and all(len(t) == 20 for t in texts)
    only = sm.get_random_password(PasswordLength=200, ExcludePunctuation=True, ExcludeUppercase=True, ExcludeLowercase=True,
                                  ExcludeCharacters="01234")["RandomPassword"]
    assert set(only) <= set("56789")
    each = sm.get_random_password(PasswordLength=4)["RandomPassword"]
    assert any(c.islower() for c in each) and any(c.isdigit() for c in each)
    refused("InvalidParameterException", sm.get_random_password, PasswordLength=3)
    refused("InvalidParameterException", sm.get_random_password, ExcludePunctuation=True, ExcludeUppercase=True,
            ExcludeLowercase=True, ExcludeNumbers=True)


@pytest.mark.parametrize("operation, doc, code", [
    ("CreateSecret", {"Name": "a b"}, "ValidationException"),
    ("CreateSecret", {"Name": "x", "SecretString": "a", "SecretBinary": "YQ=="}, "InvalidParameterException"),
    ("CreateSecret", {"Name": "x", "KmsKeyId": "alias/mine"}, "UnsupportedFeatureException"),
    ("CreateSecret", {"Name": "x", "AddReplicaRegions": [{"Region": "eu-west-1"}]}, "UnsupportedFeatureException"),
    ("CreateSecret", {"Name": "x", "SecretString": "a" * 65537}, "InvalidParameterException"),
    ("CreateSecret", {"Name": "x", "SecretString": "é" * 40000}, "InvalidParameterException"),
    ("CreateSecret", {"Name": "x", "Nam": "y"}, "InvalidParameterException"),
    ("PutSecretValue", {"SecretId": "absent", "SecretString": "x"}, "ResourceNotFoundException"),
    ("PutSecretValue", {"SecretId": "absent"}, "InvalidParameterException"),
    ("GetSecretValue", {"SecretId": "absent", "VersionId": "short"}, "InvalidParameterException"),
    ("GetSecretValue", {"SecretId": "arn:aws:secretsmanager:us-east-1:111111111111:secret:x-abcdef"},
     "ResourceNotFoundException"),
    ("RotateSecret", {"SecretId": "x"}, "UnsupportedFeatureException"),
    ("ReplicateSecretToRegions", {"SecretId": "x"}, "UnsupportedFeatureException"),
    ("PutResourcePolicy", {"SecretId": "x", "ResourcePolicy": "{}"}, "UnsupportedFeatureException"),
])
def test_refusals(server, operation, doc, code):
    status, out = raw(server, "secretsmanager", operation, doc)
    assert (status, out["__type"]) == (400, code), out


def test_secrets_through_the_aws_cli(server, name):
    made = server.aws("secretsmanager", "create-secret", "--name", name, "--secret-string", '{"user":"u","pass":"p"}')
    assert server.aws("secretsmanager", "get-secret-value", "--secret-id", made["ARN"])["SecretString"] == \
        '{"user":"u","pass":"p"}'
    server.aws("secretsmanager", "put-secret-value", "--secret-id", name, "--secret-string", "2")
    assert server.aws("secretsmanager", "get-resource-policy", "--secret-id", name) == {"ARN": made["ARN"], "Name": name}
    assert name in [s["Name"] for s in server.aws("secretsmanager", "list-secrets")["SecretList"]]
    server.aws("secretsmanager", "delete-secret", "--secret-id", name, "--force-delete-without-recovery")


# -- parameters

def test_a_parameter_and_its_versions(ssm, name):
    path = "/%s/db/password" % name
    assert ssm.put_parameter(Name=path, Value="one", Type="SecureString", Description="d")["Version"] == 1
    refused("ParameterAlreadyExists", ssm.put_parameter, Name=path, Value="two", Type="SecureString")
    refused("HierarchyTypeMismatchException", ssm.put_parameter, Name=path, Value="two", Type="String", Overwrite=True)
    two = ssm.put_parameter(Name=path, Value="two", Overwrite=True)
    assert (two["Version"], two["Tier"]) == (2, "Standard")
    got = ssm.get_parameter(Name=path, WithDecryption=True)["Parameter"]
    assert (got["Value"], got["Version"], got["Type"], got["DataType"]) == ("two", 2, "SecureString", "text")
    assert got["ARN"] == "arn:aws:ssm:us-east-1:%s:parameter%s" % (ACCOUNT, path)
    sealed = ssm.get_parameter(Name=path)["Parameter"]["Value"]
    assert sealed != "two" and base64.b64decode(sealed)
    old = ssm.get_parameter(Name=path + ":1", WithDecryption=True)["Parameter"]
    assert (old["Value"], old["Selector"]) == ("one", ":1")
    assert ssm.get_parameter(Name=got["ARN"], WithDecryption=True)["Parameter"]["Name"] == path
    refused("ParameterVersionNotFound", ssm.get_parameter, Name=path + ":3")
    refused("ParameterVersionNotFound", ssm.get_parameter, Name=path + ":label")
    history = ssm.get_parameter_history(Name=path, WithDecryption=True)["Parameters"]
    assert [(h["Version"], h["Value"], h["Description"]) for h in history] == [(1, "one", "d"), (2, "two", "d")]
    assert history[0]["KeyId"] == "alias/aws/ssm" and history[0]["LastModifiedUser"].endswith(":user/admin")
    ssm.delete_parameter(Name=path)
    refused("ParameterNotFound", ssm.get_parameter, Name=path)
    refused("ParameterNotFound", ssm.get_parameter_history, Name=path)
    refused("ParameterNotFound", ssm.delete_parameter, Name=path)


def test_names_that_have_no_slash(ssm, name):
    ssm.put_parameter(Name=name, Value="v", Type="String")
    arn = ssm.get_parameter(Name=name)["Parameter"]["ARN"]
    assert arn == "arn:aws:ssm:us-east-1:%s:parameter/%s" % (ACCOUNT, name)
    assert ssm.get_parameter(Name=arn)["Parameter"]["Value"] == "v"


def test_many_at_once(ssm, name):
    for i in range(3):
        ssm.put_parameter(Name="/%s/%d" % (name, i), Value=str(i), Type="String")
    out = ssm.get_parameters(Names=["/%s/1" % name, "/%s/9" % name, "/%s/0:1" % name])
    assert [p["Value"] for p in out["Parameters"]] == ["1", "0"] and out["InvalidParameters"] == ["/%s/9" % name]
    out = ssm.delete_parameters(Names=["/%s/1" % name, "/%s/9" % name])
    assert (out["DeletedParameters"], out["InvalidParameters"]) == (["/%s/1" % name], ["/%s/9" % name])


def test_paths(ssm, name):
    for p in ("a", "b", "sub/c", "sub/d", "sub/deep/e"):
        ssm.put_parameter(Name="/%s/%s" % (name, p), Value=p, Type="SecureString" if p == "b" else "String")

    def below(path="", **args):
        return [p["Value"] for page in ssm.get_paginator("get_parameters_by_path").paginate(
            Path="/%s%s" % (name, path), PaginationConfig={"PageSize": 2}, **args) for p in page["Parameters"]]
    assert below(WithDecryption=True) == ["a", "b"]
    assert below("/", Recursive=True, WithDecryption=True) == ["a", "b", "sub/c", "sub/d", "sub/deep/e"]
    assert below("/sub") == ["sub/c", "sub/d"]
    assert below("/su") == []
    kind = [{"Key": "Type", "Values": ["SecureString"]}]
    assert below(ParameterFilters=kind, WithDecryption=True) == ["b"]
    refused("InvalidFilterKey", ssm.get_parameters_by_path, Path="/", ParameterFilters=[{"Key": "Name", "Values": ["x"]}])
    refused("ValidationException", ssm.get_parameters_by_path, Path="x")

    def described(**args):
        return [p["Name"].split("/", 2)[2] for page in ssm.get_paginator("describe_parameters").paginate(
            PaginationConfig={"PageSize": 2}, **args) for p in page["Parameters"]]
    one = {"Key": "Path", "Option": "Recursive", "Values": ["/" + name]}
    assert described(ParameterFilters=[one]) == ["a", "b", "sub/c", "sub/d", "sub/deep/e"]
    assert described(ParameterFilters=[dict(one, Option="OneLevel")]) == ["a", "b"]
    assert described(ParameterFilters=[{"Key": "Name", "Option": "Contains", "Values": [name + "/sub"]}]) == \
        ["sub/c", "sub/d", "sub/deep/e"]
    assert described(Filters=[{"Key": "Name", "Values": ["/%s/a" % name]}]) == ["a"]
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/%s/a" % name, Tags=[{"Key": "k", "Value": "v"}])
    assert described(ParameterFilters=[one, {"Key": "tag:k", "Values": ["v"]}]) == ["a"]
    assert described(ParameterFilters=[one, {"Key": "tag:k", "Values": ["w"]}]) == []
    refused("InvalidFilterOption", ssm.describe_parameters,
            ParameterFilters=[{"Key": "Type", "Option": "Contains", "Values": ["x"]}])
    refused("InvalidFilterValue", ssm.describe_parameters, ParameterFilters=[{"Key": "Type"}])
    refused("InvalidNextToken", ssm.describe_parameters, NextToken="rubbish")


def test_parameter_tags(ssm, name):
    about = {"ResourceType": "Parameter", "ResourceId": name}
    ssm.put_parameter(Name=name, Value="v", Type="StringList", Tags=[{"Key": "a", "Value": "1"}])
    ssm.add_tags_to_resource(Tags=[{"Key": "b", "Value": "2"}], **about)
    ssm.remove_tags_from_resource(TagKeys=["a"], **about)
    assert ssm.list_tags_for_resource(**about)["TagList"] == [{"Key": "b", "Value": "2"}]
    refused("InvalidResourceId", ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId=name + "-not")
    refused("InvalidResourceType", ssm.list_tags_for_resource, ResourceType="Document", ResourceId=name)
    assert "tags and overwrite" in refused("ValidationException", ssm.put_parameter, Name=name, Value="w", Overwrite=True,
                                           Tags=[{"Key": "a", "Value": "1"}])


def test_a_hundred_versions(ssm, name):
    for i in range(103):
        ssm.put_parameter(Name=name, Value=str(i), Type="String", Overwrite=True)
    versions = [h["Version"] for page in ssm.get_paginator("get_parameter_history").paginate(Name=name)
                for h in page["Parameters"]]
    assert versions == list(range(4, 104))


@pytest.mark.parametrize("doc, code", [
    ({"Name": "/aws/x", "Value": "v", "Type": "String"}, "AccessDeniedException"),
    ({"Name": "ssm-x", "Value": "v", "Type": "String"}, "ValidationException"),
    ({"Name": "a b", "Value": "v", "Type": "String"}, "ValidationException"),
    ({"Name": "a/b", "Value": "v", "Type": "String"}, "ValidationException"),
    ({"Name": "/" + "/".join("abcdefghijklmnop"), "Value": "v", "Type": "String"}, "HierarchyLevelLimitExceededException"),
    ({"Name": "fresh", "Value": "v"}, "ValidationException"),
    ({"Name": "fresh", "Value": "", "Type": "String"}, "ValidationException"),
    ({"Name": "fresh", "Value": "v" * 4097, "Type": "String"}, "ValidationException"),
    ({"Name": "fresh", "Value": "v" * 8193, "Type": "String", "Tier": "Advanced"}, "ValidationException"),
    ({"Name": "fresh", "Value": "v", "Type": "Secret"}, "ValidationException"),
    ({"Name": "fresh", "Value": "v", "Type": "String", "AllowedPattern": "a+"}, "UnsupportedFeatureException"),
    ({"Name": "fresh", "Value": "v", "Type": "String", "Policies": "[{}]"}, "UnsupportedFeatureException"),
    ({"Name": "fresh", "Value": "v", "Type": "String", "DataType": "aws:ec2:image"}, "UnsupportedFeatureException"),
    ({"Name": "fresh", "Value": "v", "Type": "SecureString", "KeyId": "alias/mine"}, "UnsupportedFeatureException"),
    ({"Name": "a:b:c", "Value": "v", "Type": "String"}, "ValidationException"),
])
def test_parameters_that_are_refused(server, doc, code):
    status, out = raw(server, "ssm", "PutParameter", doc)
    assert (status, out["__type"]) == (400, code), out


def test_tiers(ssm, name):
    assert ssm.put_parameter(Name=name, Value="v" * 5000, Type="String", Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert ssm.describe_parameters(Filters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]["Tier"] == "Advanced"


def test_parameters_through_the_aws_cli(server, name):
    server.aws("ssm", "put-parameter", "--name", "/%s/x" % name, "--value", "v", "--type", "SecureString")
    got = server.aws("ssm", "get-parameter", "--name", "/%s/x" % name, "--with-decryption")
    assert got["Parameter"]["Value"] == "v"
    got = server.aws("ssm", "get-parameters-by-path", "--path", "/" + name)
    assert [p["Name"] for p in got["Parameters"]] == ["/%s/x" % name]


# -- rights

def limited(server, name, *statements):
    iam = server.boto("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_rights_are_asked_for_the_arn(server, sm, ssm, name):
    sm.create_secret(Name=name + "/a", SecretString="x", Tags=[{"Key": "team", "Value": "t"}])
    sm.create_secret(Name=name + "/b", SecretString="x")
    ssm.put_parameter(Name="/%s/a" % name, Value="v", Type="String")
    ssm.put_parameter(Name="/%s/b" % name, Value="v", Type="String")
    prefix = "arn:aws:%s:us-east-1:" + ACCOUNT
    key = limited(
        server, name,
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": prefix % "secretsmanager" +
         ":secret:%s/a-??????" % name, "Condition": {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}},
        {"Effect": "Allow", "Action": "secretsmanager:DescribeSecret", "Resource": "*",
         "Condition": {"StringEquals": {"secretsmanager:ResourceTag/team": "t"}}},
        {"Effect": "Allow", "Action": ["secretsmanager:CreateSecret", "secretsmanager:BatchGetSecretValue"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["ssm:GetParameter*"], "Resource": prefix % "ssm" + ":parameter/%s/a" % name})
    theirs, params = server.boto("secretsmanager", key=key), server.boto("ssm", key=key)
    assert theirs.get_secret_value(SecretId=name + "/a", VersionStage="AWSCURRENT")["SecretString"] == "x"
    refused("AccessDeniedException", theirs.get_secret_value, SecretId=name + "/a")
    message = refused("AccessDeniedException", theirs.get_secret_value, SecretId=name + "/b", VersionStage="AWSCURRENT")
    assert "secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:%s:secret:%s/b-" % (ACCOUNT, name) \
        in message
    theirs.describe_secret(SecretId=name + "/a")
    refused("AccessDeniedException", theirs.describe_secret, SecretId=name + "/b")
    refused("AccessDeniedException", theirs.get_secret_value, SecretId=name + "/absent", VersionStage="AWSCURRENT")
    theirs.create_secret(Name=name + "/c")
    refused("AccessDeniedException", theirs.create_secret, Name=name + "/d", Tags=[{"Key": "a", "Value": "b"}])
    refused("AccessDeniedException", theirs.list_secrets)
    assert params.get_parameter(Name="/%s/a" % name)["Parameter"]["Value"] == "v"
    assert "parameter/%s/b" % name in refused("AccessDeniedException", params.get_parameter, Name="/%s/b" % name)
    refused("AccessDeniedException", params.get_parameters, Names=["/%s/a" % name, "/%s/b" % name])
    refused("AccessDeniedException", params.get_parameters_by_path, Path="/" + name)
    refused("AccessDeniedException", params.delete_parameter, Name="/%s/a" % name)


# -- at rest

def test_values_are_not_in_the_data_folder(server, sm, ssm, name):
    values = ["plain-%s-%s" % (kind, uuid.uuid4()) for kind in ("secret", "binary", "string", "secure")]
    sm.create_secret(Name=name, SecretString=values[0])
    sm.put_secret_value(SecretId=name, SecretBinary=values[1].encode())
    ssm.put_parameter(Name=name, Value=values[2], Type="String")
    ssm.put_parameter(Name=name + "s", Value=values[3], Type="SecureString")
    assert sm.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == values[0]
    needles = [v.encode() for v in values] + [base64.b64encode(values[1].encode())]
    seen = 0
    for folder, _, files in os.walk(server.data):
        for f in files:
            with open(os.path.join(folder, f), "rb") as h:
                content = h.read()
            seen += name.encode() in content
            assert not [n for n in needles if n in content], os.path.join(folder, f)
    assert seen  # the rows are in what was read
    with open(server.log, "rb") as h:
        log = h.read()
    assert not [n for n in needles if n in log]
