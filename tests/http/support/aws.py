# SPDX-License-Identifier: Apache-2.0
"""The AWS CLI and boto3 against one endpoint. Every JSON reply that boto3 reads is checked against the service's model."""
import json

import boto3
from botocore.config import Config

from support import model
from support import run as r

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
    session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=region)
    client = session.client(service, endpoint_url=endpoint, config=Config(
        retries={"max_attempts": 0}, connect_timeout=5, read_timeout=70))
    if validate:
        client.meta.events.register("after-call.%s" % service, _check_reply)
    return client


def _check_reply(http_response, model=None, **_):
    check_reply(model, http_response)


def check_reply(operation, http_response):
    """Fails on a reply that is not exactly what the operation's model allows."""
    assert http_response.headers.get("Date"), "a reply without Date"
    assert http_response.headers.get("x-amzn-RequestId"), "a reply without a request id"
    body = json.loads(http_response.content)
    if http_response.status_code >= 300:
        assert isinstance(body.get("__type"), str), body
        assert isinstance(body.get("message"), str), body
        assert http_response.headers.get("x-amzn-ErrorType") == body["__type"]
        assert set(body) <= {"__type", "message"} | model.error_members(operation, body["__type"]), body
        return
    problems = model.check_value(operation.output_shape, body, operation.name) if operation.output_shape else []
    assert not problems, "\n".join(problems)
