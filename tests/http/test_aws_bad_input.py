# SPDX-License-Identifier: Apache-2.0
"""Wrong calls to the AWS APIs: the name, status and form of each answer, and that nothing changed."""
import itertools
import json

import pytest

from support.aws import call, signed_headers

BODY_MAX = 8 * 1024 * 1024


@pytest.fixture
def state(server):
    """Fails the test when repositories, task definitions, clusters or tasks changed."""
    def look():
        ecr, ecs = server.boto("ecr"), server.boto("ecs")
        return (ecr.describe_repositories()["repositories"], ecs.list_task_definitions()["taskDefinitionArns"],
                ecs.list_clusters()["clusterArns"], ecs.list_tasks()["taskArns"])
    before = look()
    yield
    assert look() == before


def check_error(reply, name, status=400, *parts):
    assert reply.status == status, reply
    assert reply.header("Content-Type") == "application/x-amz-json-1.1"
    assert reply.header("x-amzn-ErrorType") == name
    assert reply.header("x-amzn-RequestId") and reply.header("Date")
    assert reply.header("Content-Length") == str(len(reply.body))
    body = reply.json()
    assert set(body) == {"__type", "message"}
    assert body["__type"] == name
    for part in parts:
        assert part in body["message"], body


# -- documents

@pytest.mark.parametrize("body, name, part", ids=itertools.count(), argvalues=(
    (b"{", "SerializationException", ""),
    (b"[]", "SerializationException", ""),
    (b'"text"', "SerializationException", ""),
    (b"nonsense", "SerializationException", ""),
    (b'{"repositoryName":"a\xff"}', "SerializationException", ""),
    (b'{"repositoryName":"ab","repositoryName":"cd"}', "SerializationException", ""),
    (b'{"repositoryName":"ab"} trailing', "SerializationException", ""),
    (b'{"repositoryName":' + b"[" * 5000 + b"]" * 5000 + b"}", "SerializationException", ""),
    (b'{"repositoryName":7}', "SerializationException", "repositoryName"),
    (b'{"repositoryName":["ab"]}', "SerializationException", "repositoryName"),
    (b'{"repositoryName":"ab","tags":{}}', "SerializationException", "tags"),
    (b'{"repositoryName":"ab","imageScanningConfiguration":{"scanOnPush":"yes"}}', "SerializationException", "scanOnPush"),
    (b"{}", "InvalidParameterException", "repositoryName"),
    (b'{"repositoryName":null}', "InvalidParameterException", "repositoryName"),
    (b'{"repositoryName":"a"}', "InvalidParameterException", "repositoryName"),
    (b'{"repositoryName":"UPPER"}', "InvalidParameterException", "repositoryName"),
    (b'{"repositoryName":"' + b"a" * 257 + b'"}', "InvalidParameterException", "repositoryName"),
    (b'{"repositoryName":"ab","imageTagMutability":"SOMETIMES"}', "InvalidParameterException", "imageTagMutability"),
    (b'{"repositoryName":"ab","unheardOf":1}', "InvalidParameterException", "unheardOf"),
    (b'{"repositoryName":"ab","registryId":"1"}', "InvalidParameterException", "registryId"),
))
def test_bad_document(server, state, body, name, part):
    check_error(call(server, "ecr", "CreateRepository", body), name, 400, part)


@pytest.mark.parametrize("body, name, part", ids=itertools.count(), argvalues=(
    (b'{"family":"x","containerDefinitions":[{"memory":"64"}]}', "SerializationException", "containerDefinitions[0].memory"),
    (b'{"family":"x","containerDefinitions":[{"name":"a","image":"b","memory":64,"portMappings":[{"containerPort":80.5}]}]}',
     "SerializationException", "containerDefinitions[0].portMappings[0].containerPort"),
    (b'{"family":"x","containerDefinitions":[{"name":"a","image":"b","memory":64,"nope":1}]}', "ClientException", "nope"),
    (b'{"family":"x","containerDefinitions":[null]}', "SerializationException", "containerDefinitions[0]"),
    (b'{"containerDefinitions":[]}', "ClientException", "family"),
))
def test_bad_task_document(server, state, body, name, part):
    reply = call(server, "ecs", "RegisterTaskDefinition", body)
    assert reply.json()["__type"] in (name, "InvalidParameterException" if name == "ClientException" else name), reply
    check_error(reply, reply.json()["__type"], 400, part)


def test_body_over_the_limit(server, state):
    body = b'{"repositoryName":"' + b"a" * BODY_MAX + b'"}'
    reply = call(server, "ecr", "CreateRepository", body)
    check_error(reply, "RequestEntityTooLarge", 413)


def test_empty_body_is_an_empty_document(server):
    assert call(server, "ecr", "DescribeRepositories", b"").status == 200


# -- targets

@pytest.mark.parametrize("service, operation, name", (
    ("ecr", "MakeCoffee", "UnknownOperationException"),
    ("ecr", "", "UnknownOperationException"),
    ("ecs", "createCluster", "UnknownOperationException"),
    ("NoSuchService_V1", "CreateRepository", "UnknownOperationException"),
    ("ecs", "CreateDaemon", "UnsupportedFeatureException"),
))
def test_operation_that_is_not_there(server, state, service, operation, name):
    check_error(call(server, service, operation, b"{}"), name, 400, operation)


def test_post_without_a_target(server):
    with server.http(None) as h:
        reply = h.request("POST", "/", b"Action=ListUsers&Version=2010-05-08", {
            "Content-Type": "application/x-www-form-urlencoded"})
        assert 400 <= reply.status < 500, reply
        assert h.get("/healthz").status == 200


@pytest.mark.parametrize("headers", ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}))
def test_content_that_is_not_plain_json(server, state, headers):
    reply = call(server, "ecr", "DescribeRepositories", b"{}", more=headers)
    assert reply.status == 400
    assert reply.json()["__type"] in ("SerializationException", "UnsupportedFeatureException")


# -- signatures

def test_no_signature(server, state):
    headers = {"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
               "Content-Type": "application/x-amz-json-1.1"}
    check_error(call(server, "ecr", "", b"{}", headers=headers), "MissingAuthenticationTokenException", 403)


@pytest.mark.parametrize("authorization", (
    "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=, Signature=",
    "AWS4-ECDSA-P256-SHA256 Credential=AKIA/20260101/us-east-1/ecr/aws4_request, SignedHeaders=host, Signature=00"))
def test_garbled_authorization(server, state, authorization):
    headers = signed_headers(server, "ecr", "DescribeRepositories", b"{}")
    headers["Authorization"] = authorization
    reply = call(server, "ecr", "", b"{}", headers=headers)
    assert reply.status in (400, 403)
    assert reply.json()["__type"] in ("IncompleteSignatureException", "InvalidSignatureException",
                                      "UnrecognizedClientException", "MissingAuthenticationTokenException"), reply


def test_wrong_secret(server, state):
    key = (server.admin[0], "x" * 40)
    check_error(call(server, "ecr", "DescribeRepositories", b"{}", key=key), "InvalidSignatureException")


def test_unknown_access_key(server, state):
    check_error(call(server, "ecr", "DescribeRepositories", b"{}", key=("AKIAUNKNOWNUNKNOWN00", "x" * 40)),
                "UnrecognizedClientException")


def test_changed_body(server, state):
    headers = signed_headers(server, "ecr", "CreateRepository", b'{"repositoryName":"good"}')
    check_error(call(server, "ecr", "", b'{"repositoryName":"evil"}', headers=headers), "InvalidSignatureException")


@pytest.mark.parametrize("header", ("X-Amz-Target", "X-Amz-Date"))
def test_changed_header(server, state, header):
    headers = signed_headers(server, "ecr", "DescribeRepositories", b"{}")
    value = headers[header]
    headers[header] = value.replace("Describe", "Delete") if "Describe" in value else value[:-2] + "1Z"
    if headers[header] == value:
        headers[header] = value[:-2] + "2Z"
    reply = call(server, "ecr", "", b"{}", headers=headers)
    assert reply.status == 400
    assert reply.json()["__type"] in ("InvalidSignatureException", "UnknownOperationException")


@pytest.mark.parametrize("service, scope", (("ecr", "ecs"), ("ecs", "ecr"), ("ecr", "s3")))
def test_scope_of_another_service(server, state, service, scope):
    check_error(call(server, service, "DescribeRepositories" if service == "ecr" else "ListTasks", b"{}", scope=scope),
                "InvalidSignatureException", 400, "correct service")


@pytest.mark.parametrize("skew_s, words", ((-301, "Signature expired"), (360, "Signature not yet current"),
                                           (-86400, "Signature expired"), (86400, "Signature not yet current")))
def test_clock_skew_is_refused(server, state, skew_s, words):
    reply = call(server, "ecr", "DescribeRepositories", b"{}", skew_s=skew_s)
    check_error(reply, "InvalidSignatureException", 400, words)


@pytest.mark.parametrize("skew_s", (-280, 280))
def test_clock_skew_below_five_minutes_is_fine(server, skew_s):
    assert call(server, "ecr", "DescribeRepositories", b"{}", skew_s=skew_s).status == 200


def test_unsigned_extra_header_is_allowed_and_unsigned_amz_header_is_not(server, state):
    headers = signed_headers(server, "ecr", "DescribeRepositories", b"{}")
    assert call(server, "ecr", "", b"{}", headers=dict(headers, **{"X-Other": "1"})).status == 200
    reply = call(server, "ecr", "", b"{}", headers=dict(headers, **{"X-Amz-Extra": "1"}))
    assert reply.status == 400 and "Signature" in reply.json()["__type"]


def test_errors_keep_the_connection(server):
    with server.http(None) as h:
        for _ in range(3):
            assert call(server, "ecr", "CreateRepository", b"{", http=h).status == 400
            assert call(server, "ecr", "Nope", b"{}", http=h).status == 400
            assert call(server, "ecr", "DescribeRepositories", b"{}", http=h).status == 200
        assert h.connections == 1


@pytest.mark.parametrize("token", ("!!!", "QUJD", "djE6", "a" * 2000))
def test_page_tokens_of_someone_else(server, token):
    reply = call(server, "ecr", "DescribeRepositories", json.dumps({"nextToken": token}).encode())
    assert reply.status == 400 or (reply.status == 200 and token == "djE6"), reply
