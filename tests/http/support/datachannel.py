# SPDX-License-Identifier: Apache-2.0
"""A client of Session Manager's data channel, written from the protocol's public facts: WebSocket frames (RFC 6455) on a plain or TLS
socket, messages of 120 bytes of head and a payload. Knows nothing of slipway's own additions unless a test asks for them."""
import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import time
import uuid
from urllib.parse import urlsplit

from support.run import PATIENCE

OUTPUT, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG, STDERR, EXIT_CODE = 1, 3, 5, 6, 7, 10, 11, 12
# The plugin signs its request, for a service that slipway is not; the token is what counts.
SIGNED = ("X-Amz-Date: 20260101T000000Z", "Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE00/20260101/us-east-1/"
          "ssmmessages/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + 64 * "0")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Closed(Exception):
    """The peer closed: by a frame (code, reason) or without one."""

    def __init__(self, code, reason=""):
        super().__init__("%s %s" % (code, reason))
        self.code, self.reason = code, reason


class WebSocket:
    def __init__(self, url, ca=None, timeout=100, headers=()):
        u = urlsplit(url)
        self.sock = socket.create_connection((u.hostname, u.port), timeout)
        if u.scheme == "wss":
            self.sock = ssl.create_default_context(cafile=ca).wrap_socket(self.sock, server_hostname=u.hostname)
        key = base64.b64encode(os.urandom(16))
        path = u.path + ("?" + u.query if u.query else "")
        lines = ["GET %s HTTP/1.1" % path, "Host: %s" % u.netloc, "Upgrade: websocket", "Connection: keep-alive, Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key.decode()]
        self.sock.sendall(("\r\n".join(lines + list(headers)) + "\r\n\r\n").encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            piece = self.sock.recv(65536)
            if not piece:
                break
            self.rest += piece
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0
        self.head = head.decode("latin-1")
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
            assert "sec-websocket-accept: " + accept.lower() in self.head.lower(), self.head

    def send(self, op, data=b"", mask=True, fin=True, more=0):
        head = bytes([(0x80 if fin else 0) | more | op])
        bit = 0x80 if mask else 0
        if len(data) < 126:
            head += bytes([bit | len(data)])
        elif len(data) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(data))
        if mask:
            m = os.urandom(4)
            head += m
            data = bytes(b ^ m[i & 3] for i, b in enumerate(data))
        self.sock.sendall(head + data)

    def _take(self, n):
        while len(self.rest) < n:
            piece = self.sock.recv(65536)
            if not piece:
                raise Closed(1006)
            self.rest += piece
        out, self.rest = self.rest[:n], self.rest[n:]
        return out

    def recv(self):
        """(op, data) of the next frame; the server never fragments."""
        a, b = self._take(2)
        n = b & 127
        assert not b & 128, "a server's frame is masked"
        if n >= 126:
            n = int.from_bytes(self._take(2 if n == 126 else 8), "big")
        data = self._take(n)
        assert a & 0x80
        if a & 15 == 8:
            raise Closed(int.from_bytes(data[:2], "big") if data else 1005, data[2:].decode())
        return a & 15, data

    def close(self):
        self.sock.close()


def encode(kind, sequence, payload_type, payload, flags=0, **lies):
    ident = uuid.uuid4().bytes
    return (struct.pack(">I", lies.get("head", 116)) + kind.encode().ljust(32) +
            struct.pack(">IQqQ", 1, int(time.time() * 1000), sequence, flags) + ident[8:] + ident[:8] +
            lies.get("digest", hashlib.sha256(payload).digest()) +
            struct.pack(">II", payload_type, lies.get("length", len(payload))) + payload)


class Message:
    def __init__(self, data):
        assert struct.unpack(">I", data[:4])[0] == 116
        self.kind = data[4:36].decode().strip(" \0")
        _, self.created, self.sequence, self.flags = struct.unpack(">IQqQ", data[36:64])
        self.id = str(uuid.UUID(bytes=data[72:80] + data[64:72]))
        self.type, n = struct.unpack(">II", data[112:120])
        self.payload = data[120:]
        assert len(self.payload) == n and hashlib.sha256(self.payload).digest() == data[80:112]


class DataChannel:
    """One session, as the plugin of the AWS CLI speaks it."""

    def __init__(self, session, ca=None, ours=None, timeout=100, token=None):
        self.ws = WebSocket(session["streamUrl"], ca, timeout, SIGNED)
        assert self.ws.status == 101, self.ws.head
        self.ours, self.expected, self.sequence = ours, 0, 0
        self.output, self.errors, self.exit_code, self.closed, self.types = b"", b"", None, None, []
        self.complete, self.acknowledged, self.drop = False, set(), 0
        self.ws.send(1, json.dumps({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "ClientId": str(uuid.uuid4()),
                                    "ClientVersion": "1.2.0.0", "TokenValue": token or session["tokenValue"]}).encode())

    def _data(self, payload_type, payload, flags=0):
        self.ws.send(2, encode("input_stream_data", self.sequence, payload_type, payload, flags))
        self.sequence += 1

    def type(self, text, flags=0):
        self._data(OUTPUT, text.encode() if isinstance(text, str) else text, flags)

    def resize(self, cols, rows):
        self._data(SIZE, json.dumps({"cols": cols, "rows": rows}).encode())

    def terminate(self):
        self._data(FLAG, struct.pack(">I", 2))

    def _acknowledge(self, m):
        self.ws.send(2, encode("acknowledge", 0, 0, json.dumps({
            "AcknowledgedMessageType": m.kind, "AcknowledgedMessageId": m.id, "AcknowledgedMessageSequenceNumber": m.sequence,
            "IsSequentialMessage": True}).encode()))

    def _handshake(self, m):
        request = json.loads(m.payload)
        assert [a["ActionType"] for a in request["RequestedClientActions"]] == ["SessionType"]
        assert request["RequestedClientActions"][0]["ActionParameters"]["SessionType"] == "InteractiveCommands"
        answer = {"ClientVersion": "1.2.677.0", "ProcessedClientActions": [
            {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}], "Errors": None}
        if self.ours is not None:
            answer["Slipway"] = self.ours
        self._data(HANDSHAKE_RESPONSE, json.dumps(answer).encode())

    def _stream(self, m):
        if m.sequence < self.expected:
            self._acknowledge(m)
            return
        if m.sequence > self.expected or self.drop > 0:
            self.drop -= 1  # as a client whose handlers are not ready: it comes again
            return
        self.expected += 1
        self._acknowledge(m)
        self.types.append(m.type)
        if m.type == HANDSHAKE_REQUEST:
            self._handshake(m)
        elif m.type == HANDSHAKE_COMPLETE:
            self.complete = True
        elif m.type == STDERR:
            self.errors += m.payload
        elif m.type == EXIT_CODE:
            self.exit_code = int(m.payload)
        else:
            self.output += m.payload

    def step(self):
        op, data = self.ws.recv()
        if op == 9:
            self.ws.send(10, data)
        if op != 2:
            return
        m = Message(data)
        if m.kind == "output_stream_data":
            self._stream(m)
        elif m.kind == "acknowledge":
            self.acknowledged.add(json.loads(m.payload)["AcknowledgedMessageSequenceNumber"])
        elif m.kind == "channel_closed":
            self.closed = json.loads(m.payload)["Output"]

    def until(self, text=None, seconds=20):
        """Reads until the output has the text; without one until the channel is closed."""
        deadline = time.monotonic() + seconds * PATIENCE
        want = text.encode() if text else None
        while (want not in self.output) if want else self.closed is None:
            assert time.monotonic() < deadline, (text, self.output[-2000:], self.closed)
            assert want is None or self.closed is None, (text, self.output[-2000:], self.closed)
            self.step()
        return self.output.decode("utf-8", "replace")

    def ready(self):
        while not self.complete:
            self.step()
        return self

    def close(self):
        self.ws.close()
