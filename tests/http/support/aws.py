# SPDX-License-Identifier: Apache-2.0
"""The AWS CLI and boto3 against one endpoint. Every JSON reply that boto3 reads is checked against the service's model."""
import datetime
import json

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support import model, queryxml
from support import run as r
from support.rawhttp import Http

AWS = "/usr/bin/aws"


def run_aws(endpoint, env, argv, check, timeout):
    r.need_program("aws")
    p = r.run([AWS, "--endpoint-url", endpoint] + list(argv), env=env, check=check, timeout=timeout)
    if not check:
        return p
    try:
        return json.loads(p.stdout) if p.stdout.strip() else {}
    except ValueError:
        return p.stdout


def boto_client(endpoint, service, key, region, validate=True):
    """key: id and secret, and the session token of temporary ones."""
    session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1],
                                    aws_session_token=key[2] if len(key) > 2 else None, region_name=region)
    client = session.client(service, endpoint_url=endpoint, config=Config(
        retries={"max_attempts": 0}, connect_timeout=30, read_timeout=120))
    if validate:
        client.meta.events.register("after-call.%s" % service, _check_reply)
    return client


def _check_reply(http_response, model=None, **_):  # botocore gives these by name
    check_reply(model, http_response)


def check_reply(operation, http_response):
    """Fails on a reply that is not exactly what the operation's model allows."""
    assert http_response.headers.get("Date"), "a reply without Date"
    assert http_response.headers.get("x-amzn-RequestId"), "a reply without a request id"
    if operation.service_model.metadata["protocol"] == "query":
        queryxml.check_reply(operation, http_response)
        return
    body = json.loads(http_response.content)
    if http_response.status_code >= 300:
        assert isinstance(body.get("__type"), str), body
        assert isinstance(body.get("message"), str), body
        assert http_response.headers.get("x-amzn-ErrorType") == body["__type"]
        assert set(body) <= {"__type", "message"} | model.error_members(operation, body["__type"]), body
        return
    problems = model.check_value(operation.output_shape, body, operation.name) if operation.output_shape else []
    assert not problems, "\n".join(problems)


TARGETS = {"ecr": "AmazonEC2ContainerRegistry_V20150921", "ecs": "AmazonEC2ContainerServiceV20141113"}


def signed_headers(server, service, operation, body, key=None, scope=None, region=r.REGION, skew_s=0, more=None, target=True):
    """Headers of a correctly signed call. scope: another service in the credential scope. skew_s: a wrong clock. target: False for a form."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "%s.%s" % (TARGETS.get(service, service), operation)}
    request = AWSRequest("POST", server.endpoint + "/", data=body, headers=dict(
        headers if target else {"Content-Type": "application/x-www-form-urlencoded"}, **(more or {})))
    key = key or server.admin
    real = botocore.auth.datetime
    botocore.auth.datetime = _Clock(skew_s)
    try:
        botocore.auth.SigV4Auth(Credentials(*key), scope or service, region).add_auth(request)
    finally:
        botocore.auth.datetime = real
    return dict(request.headers.items())


class _Clock:
    """Stands in for the module `datetime` in botocore.auth, off by some seconds."""

    def __init__(self, skew_s):
        outer = datetime.timedelta(seconds=skew_s)

        class Shifted(datetime.datetime):
            @classmethod
            def utcnow(cls):
                return datetime.datetime.utcnow() + outer
        self.datetime = Shifted
        self.timedelta = datetime.timedelta


def call(server, service, operation, body, http=None, headers=None, **how):
    """One signed POST / with a body given as bytes; the raw reply."""
    send = headers or signed_headers(server, service, operation, body, **how)
    if http:
        return http.request("POST", "/", body, send)
    with Http(server.host_port) as h:
        return h.request("POST", "/", body, send)


def refused(code, fn, *args, **more):
    """A call of boto3's that ends with this error; its message."""
    with pytest.raises(ClientError) as e:
        fn(*args, **more)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response["Error"]["Message"]
