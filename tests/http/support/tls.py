# SPDX-License-Identifier: Apache-2.0
"""A slipway behind TLS, with the authority and certificate that `slipway cert` made."""
import http.client
import os
import socket
import ssl

import boto3
from botocore.config import Config

from support import run as r
from support.rawhttp import Http
from support.server import Server


def make_certificate(folder, *argv, check=True):
    return r.run([r.BIN, "cert", "--out", folder] + list(argv), env=r.clean_env(folder), check=check)


def serial_in(path):
    """Serial number of the first certificate in a file, in hexadecimal without leading zeroes."""
    text = r.run(["openssl", "x509", "-in", path, "-noout", "-serial"], env=r.clean_env("/tmp")).stdout
    return text.strip().split("=")[1].lower().lstrip("0")


class Https(Http):
    def __init__(self, host_port, ca, password=None, timeout=60):
        super().__init__(host_port, password, timeout)
        self.context = ssl.create_default_context(cafile=ca)

    def _connect(self):
        if self.connection is None or self.connection.sock is None:
            self.connection = http.client.HTTPSConnection(self.host_port, timeout=self.timeout, context=self.context)
            self.connection.connect()
            self.connections += 1
        return self.connection


class TlsServer(Server):
    def __init__(self, command="serve", args=(), env=None, hosts=("127.0.0.1",)):
        super().__init__(command, args, env)
        self.folder = os.path.join(self.home, "tls")
        self.hosts = [a for host in hosts for a in ("--host", host)]
        self.renew()
        self.args += ["--tls-cert", self.cert, "--tls-key", self.key]

    def renew(self):
        """A new certificate in the same place; its serial."""
        make_certificate(self.folder, *self.hosts)
        return serial_in(self.cert)

    @property
    def ca(self):
        return os.path.join(self.folder, "ca.crt")

    @property
    def cert(self):
        return os.path.join(self.folder, "tls.crt")

    @property
    def key(self):
        return os.path.join(self.folder, "tls.key")

    @property
    def endpoint(self):
        return "https://" + self.host_port

    def env(self, **more):
        return super().env(AWS_CA_BUNDLE=self.ca, **more)

    def boto(self, service, key=None, region=r.REGION, validate=True):
        key = key or self.admin
        session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=region)
        return session.client(service, endpoint_url=self.endpoint, verify=self.ca,
                              config=Config(retries={"max_attempts": 0}, connect_timeout=30, read_timeout=120))

    def http(self, password="admin", timeout=60):
        if password == "admin":
            password = self.password()
        return Https(self.host_port, self.ca, password, timeout)

    def _ready(self, endpoint_file):
        if not os.path.exists(endpoint_file):
            return False
        with open(endpoint_file, encoding="utf-8") as f:
            endpoint = f.read().strip()
        if not endpoint:
            return False
        assert endpoint.startswith("https://"), endpoint
        self.port = int(endpoint.rsplit(":", 1)[1])
        try:
            with Https(self.host_port, self.ca, timeout=5) as h:
                return h.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def serial(self):
        """Of the certificate that a new connection meets."""
        context = ssl.create_default_context(cafile=self.ca)
        host, port = self.host_port.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 10) as plain:
            with context.wrap_socket(plain, server_hostname=host) as s:
                return s.getpeercert()["serialNumber"].lower().lstrip("0")
