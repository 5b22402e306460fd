# SPDX-License-Identifier: Apache-2.0
"""HTTP as a test wants it: repeated headers, chunked bodies, cut bodies, one connection that is watched."""
import base64
import http.client
import json
import socket


class Reply:
    def __init__(self, method, response, body):
        self.method, self.status, self.body = method, response.status, body
        self.headers = response.getheaders()

    def header(self, name, default=None):
        """The value; repeated ones joined by a comma."""
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return ", ".join(values) if values else default

    def json(self):
        return json.loads(self.body)

    def code(self):
        """The first code of an OCI error body."""
        return self.json()["errors"][0]["code"]

    def __repr__(self):
        return "<%s %d %s %r>" % (self.method, self.status, self.headers, self.body[:300])


def basic(password, user="AWS"):
    return "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


class Http:
    """One client. The connection is kept; connections counts how many were opened."""

    def __init__(self, host_port, password=None, timeout=60):
        self.host_port = host_port
        self.authorization = basic(password) if password else None
        self.timeout = timeout
        self.connection = None
        self.connections = 0

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def _connect(self):
        if self.connection is None or self.connection.sock is None:
            self.connection = http.client.HTTPConnection(self.host_port, timeout=self.timeout)
            self.connection.connect()
            self.connections += 1
        return self.connection

    def request(self, method, path, body=None, headers=(), chunked=False, length=None):
        """headers: dict or pairs (a name may repeat). chunked: no Content-Length. length: a false one."""
        if path.startswith("http://"):
            path = "/" + path.split("/", 3)[3]
        if isinstance(body, str):
            body = body.encode()
        try:
            return self._exchange(method, path, body, headers, chunked, length)
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            raise

    def _exchange(self, method, path, body, headers, chunked, length):
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
        c = self._connect()
        c.putrequest(method, path, skip_host=any(k.lower() == "host" for k, _ in pairs), skip_accept_encoding=True)
        if self.authorization and not any(k.lower() == "authorization" for k, _ in pairs):
            c.putheader("Authorization", self.authorization)
        for k, v in pairs:
            c.putheader(k, v)
        if chunked:
            c.putheader("Transfer-Encoding", "chunked")
            c.endheaders((body[i:i + 4096] for i in range(0, len(body), 4096)), encode_chunked=True)
        else:
            if body is not None or length is not None or method in ("POST", "PUT", "PATCH"):
                c.putheader("Content-Length", str(len(body or b"") if length is None else length))
            c.endheaders()
            if body:
                try:
                    c.send(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # an early refusal: the answer is there already
        response = c.getresponse()
        return Reply(method, response, response.read())

    def get(self, path, headers=()):
        return self.request("GET", path, headers=headers)

    def head(self, path, headers=()):
        return self.request("HEAD", path, headers=headers)


def send_bytes(host_port, data, half_close=False, timeout=20, limit=1 << 20):
    """Sends raw bytes on a new connection and returns all that comes back."""
    host, port = host_port.split(":")
    got = b""
    with socket.create_connection((host, int(port)), timeout) as s:
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed on us already; what was answered is read below
        while len(got) < limit:
            try:
                piece = s.recv(65536)
            except (socket.timeout, ConnectionResetError):
                break
            if not piece:
                break
            got += piece
    return got
