# SPDX-License-Identifier: Apache-2.0
"""Tag keys are one key whatever their case: a condition key has one value, so a Deny on a tag denies. Every service that keeps tags
refuses a second key, in one request and beside what is there."""
import pytest
from botocore.exceptions import ClientError


def upper(pairs):
    return [{"Key": k, "Value": v} for k, v in pairs]


def lower(pairs):
    return [{"key": k, "value": v} for k, v in pairs]


SERVICES = ["ecr", "ecs", "iam", "sts", "logs", "secretsmanager", "ssm"]


@pytest.fixture
def taggers(server, name):
    """service -> (a call that makes something with tags, a call that adds tags to a thing of its own; codes of refusal)"""
    plain = name.replace("/", "-")
    c = {s: server.boto(s) for s in SERVICES}
    made = {}

    def once(key, make):
        if key not in made:
            made[key] = make()
        return made[key]
    ecr_arn = lambda: once("ecr", lambda: c["ecr"].create_repository(repositoryName=name)["repository"]["repositoryArn"])
    ecs_arn = lambda: once("ecs", lambda: c["ecs"].create_cluster(clusterName=plain)["cluster"]["clusterArn"])
    group = lambda: once("logs", lambda: c["logs"].create_log_group(logGroupName=plain) and plain)
    secret = lambda: once("secretsmanager", lambda: c["secretsmanager"].create_secret(Name=plain, SecretString="x")["ARN"])
    parameter = lambda: once("ssm", lambda: c["ssm"].put_parameter(Name=plain, Value="x", Type="String") and plain)
    return {
        "ecr": (lambda t: c["ecr"].create_repository(repositoryName=name + "2", tags=upper(t)),
                lambda t: c["ecr"].tag_resource(resourceArn=ecr_arn(), tags=upper(t)), "InvalidTagParameterException"),
        "ecs": (lambda t: c["ecs"].create_cluster(clusterName=plain + "2", tags=lower(t)),
                lambda t: c["ecs"].tag_resource(resourceArn=ecs_arn(), tags=lower(t)), "InvalidParameterException"),
        "iam": (lambda t: c["iam"].create_user(UserName=plain, Tags=upper(t)), None, "InvalidInput"),
        "sts": (lambda t: c["sts"].get_federation_token(Name="someone", Tags=upper(t)), None, "ValidationError"),
        "logs": (lambda t: c["logs"].create_log_group(logGroupName=plain + "2", tags=dict(t)),
                 lambda t: c["logs"].tag_log_group(logGroupName=group(), tags=dict(t)), "InvalidParameterException"),
        "secretsmanager": (lambda t: c["secretsmanager"].create_secret(Name=plain + "2", SecretString="x", Tags=upper(t)),
                           lambda t: c["secretsmanager"].tag_resource(SecretId=secret(), Tags=upper(t)), "InvalidParameterException"),
        "ssm": (lambda t: c["ssm"].put_parameter(Name=plain + "2", Value="x", Type="String", Tags=upper(t)),
                lambda t: c["ssm"].add_tags_to_resource(ResourceType="Parameter", ResourceId=parameter(), Tags=upper(t)),
                "ValidationException"),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_is_given_once(taggers, service):
    make, add, code = taggers[service]
    twice = [[("team", "a"), ("Team", "b")]]
    if service != "logs":  # an object has a key once
        twice.append([("team", "a"), ("team", "b")])
    for tags in twice:
        for call in filter(None, (make, add)):
            with pytest.raises(ClientError) as e:
                call(tags)
            assert e.value.response["Error"]["Code"] == code, e.value
    make([("team", "a"), ("other", "b")])


@pytest.mark.parametrize("service", [s for s in SERVICES if s not in ("iam", "sts")])
def test_a_key_stays_as_it_is_written(taggers, service):
    _, add, code = taggers[service]
    add([("team", "a")])
    add([("team", "b")])
    with pytest.raises(ClientError) as e:
        add([("TEAM", "c")])
    assert e.value.response["Error"]["Code"] == code and "team" in str(e.value).lower(), e.value
