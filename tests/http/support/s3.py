# SPDX-License-Identifier: Apache-2.0
"""A store of objects that answers GetObject to who signed right: botocore computes the signature again."""
import http.server
import re
import threading

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=(\w{64})$")


class Store(http.server.ThreadingHTTPServer):
    def __init__(self, keys=None):
        """keys: {access key id: secret}; None: anybody's signature is taken, if its form is right."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys, self.objects, self.requests, self.fail_first, self.status = keys, {}, [], 0, None
        self.host_port = "127.0.0.1:%d" % self.server_address[1]
        self.endpoint = "http://" + self.host_port
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", code=None):
        if code:
            body = ("<?xml version='1.0'?><Error><Code>%s</Code><Message>no</Message></Error>" % code).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def signed_right(self):
        m = AUTHORIZATION.match(self.headers.get("Authorization", ""))
        if not m:
            return False
        key, _, region, names, signature = m.groups()
        names = names.split(";")
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names):
            return False
        if "X-Amz-Security-Token" in self.headers and "x-amz-security-token" not in names:
            return False
        if self.server.keys is None:
            return True
        if key not in self.server.keys:
            return False
        request = AWSRequest("GET", self.server.endpoint + self.path, headers={n: self.headers[n] for n in names})
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        auth = S3SigV4Auth(Credentials(key, self.server.keys[key]), "s3", region)
        canonical = auth.canonical_request(request)
        return auth.signature(auth.string_to_sign(request, canonical), request) == signature

    def do_GET(self):
        s = self.server
        s.requests.append((self.path, dict(self.headers)))
        if s.fail_first > 0:
            s.fail_first -= 1
            self.answer(503, code="SlowDown")
        elif s.status:
            self.answer(*s.status)
        elif not self.signed_right():
            self.answer(403, code="SignatureDoesNotMatch")
        elif self.path in s.objects:
            self.answer(200, s.objects[self.path])
        else:
            self.answer(404, code="NoSuchKey")
