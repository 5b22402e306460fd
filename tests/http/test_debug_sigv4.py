# SPDX-License-Identifier: Apache-2.0
"""slipway debug sigv4: a refused signature is explained to who may know, and to nobody else."""
import hashlib

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.rawhttp import Http


def refused(server, key, client="sts"):
    with pytest.raises(ClientError) as e:
        server.boto(client, key, validate=False).get_caller_identity()
    return e.value.response["ResponseMetadata"]["RequestId"]


def signed(server, key, change=None):
    """(request id of the refusal, the client's canonical request) of a call that is changed after it was signed."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = botocore.awsrequest.AWSRequest("POST", server.endpoint + "/", data=body, headers={
        "Content-Type": "application/x-www-form-urlencoded", "X-Amz-Meta": "one"})
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), "sts", r.REGION)
    auth.add_auth(request)
    headers = dict(request.headers.items())
    del request.headers["Authorization"]
    canonical = auth.canonical_request(request)
    headers.update(change or {})
    with Http(server.host_port) as http:
        reply = http.request("POST", "/", body, headers)
    assert reply.status == 403 and b"SignatureDoesNotMatch" in reply.body
    return reply.header("x-amzn-RequestId"), canonical


def test_the_latest_and_one_by_its_id(server):
    first = refused(server, (server.admin[0], "wrong"))
    second = refused(server, (server.admin[0], "wrong too"))
    out = server.slipway("debug", "sigv4").stdout
    assert "request " + second in out and "key " + server.admin[0] in out
    assert "\nPOST\n/\n\ncontent-type:application/x-www-form-urlencoded" in out
    assert "\nAWS4-HMAC-SHA256\n" in out and "/us-east-1/sts/aws4_request\n" in out
    assert "request " + first in server.slipway("debug", "sigv4", first).stdout
    p = server.slipway("debug", "sigv4", "no-such-id", check=False)
    assert p.returncode == 1 and "no-such-id" in p.stderr
    assert "wrong too" not in out


def test_keys_that_nobody_has_push_nothing_out(server):
    mine = refused(server, (server.admin[0], "wrong"))
    for _ in range(70):
        signature = ("AWS4-HMAC-SHA256 Credential=AKIANOBODYHASTHISKEY/20200101/us-east-1/sts/aws4_request, "
                     "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)
        with Http(server.host_port) as http:
            reply = http.request("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", {
                "Authorization": signature, "X-Amz-Date": "20200101T000000Z", "Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 403
    assert "request " + mine in server.slipway("debug", "sigv4", mine).stdout
    assert "AKIANOBODY" not in server.slipway("debug", "sigv4").stdout


def test_the_string_to_sign_is_of_the_canonical_request(server):
    refused(server, (server.admin[0], "wrong"))
    out = server.slipway("debug", "sigv4").stdout
    canonical = out.split("as the server reads it:\n")[1].split("\n\nstring to sign:")[0]
    assert hashlib.sha256(canonical.encode()).hexdigest() in out


def test_comparing_with_the_client(server, tmp_path):
    path = tmp_path / "canonical"
    request_id, canonical = signed(server, server.admin, {"X-Amz-Meta": "two"})
    path.write_text(canonical)
    out = server.slipway("debug", "sigv4", request_id, "--request", path).stdout
    assert "(header):\n  server: x-amz-meta:two\n  client: x-amz-meta:one" in out
    request_id, canonical = signed(server, (server.admin[0], "wrong"))
    path.write_text(canonical + "\n")
    assert "are equal: the secret key differs" in server.slipway("debug", "sigv4", "--request", path).stdout
    lines = canonical.split("\n")
    for line, part in ((0, "method"), (1, "path"), (2, "query"), (len(lines) - 2, "list of signed headers"),
                       (len(lines) - 1, "hash of the body")):
        path.write_text("\n".join(lines[:line] + ["x"] + lines[line + 1:]))
        assert "line %d (%s)" % (line + 1, part) in server.slipway("debug", "sigv4", "--request", path).stdout


def test_only_for_who_may_and_only_of_the_own_account(server, name, tmp_path):
    refused(server, (server.admin[0], "wrong"))
    key = server.add_user(name)
    env = server.env(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1], SLIPWAY_ENDPOINT=server.endpoint)
    p = server.slipway("debug", "sigv4", env=env, check=False)
    assert p.returncode == 1 and "slipway:DebugSigv4" in p.stderr
    text = server.slipway("user", "add", name, "--account", "111122223333", "--admin").stdout
    path = tmp_path / "credentials"
    path.write_text(text)
    env = dict(server.env(SLIPWAY_ENDPOINT=server.endpoint), AWS_SHARED_CREDENTIALS_FILE=str(path))
    p = server.slipway("debug", "sigv4", env=env, check=False)
    assert p.returncode == 1 and "remembers no wrong signature" in p.stderr


def test_accounts_and_their_administrators(server, name, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(server.slipway("user", "add", name, "--account", "444455556666", "--admin").stdout)
    env = dict(server.env(SLIPWAY_ENDPOINT=server.endpoint), AWS_SHARED_CREDENTIALS_FILE=str(path))
    assert server.aws("sts", "get-caller-identity", env=env)["Account"] == "444455556666"
    assert server.slipway("user", "list", env=env).stdout.split()[0] == name
    server.slipway("user", "add", name + "-2", env=env)
    for argv in (("--account", r.ACCOUNT), ("--admin",), ("--account", "777788889999")):
        p = server.slipway("user", "add", name + "-3", *argv, env=env, check=False)
        assert p.returncode == 1 and "server's own account" in p.stderr
    key = server.slipway("user", "add", name, "--access-key-id", "test" + name, "--secret-access-key", "test").stdout
    assert "aws_access_key_id = test" + name in key
