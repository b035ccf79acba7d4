"""Asks a database for 1, over TLS: query.py [ADDRESS PORT], the login as JSON on standard input. Without an address, asks the server itself."""
import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import sys

AUTHORITIES = "/etc/landfall/rds-ca.pem"
login = json.load(sys.stdin)


class Stream:
    def __init__(self, connection):
        self.connection = connection

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.connection.recv(count - len(data))
            if not more:
                sys.exit("the connection was closed")
            data += more
        return data

    def send(self, data):
        self.connection.sendall(data)

    def secure(self):
        context = ssl.create_default_context(cafile=AUTHORITIES)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.connection = context.wrap_socket(self.connection, server_hostname=login["host"])


def mysql(stream):
    def packet():
        head = stream.read(4)
        return head[3], stream.read(int.from_bytes(head[:3], "little"))

    def put(number, body):
        stream.send(len(body).to_bytes(3, "little") + bytes([number]) + body)

    def proof(plugin, nonce):
        password = login["password"].encode()
        if plugin == b"mysql_clear_password":
            return password + b"\0"
        digest = hashlib.sha1 if plugin == b"mysql_native_password" else hashlib.sha256
        first = digest(password).digest()
        second = digest(first).digest()
        mask = digest(nonce + second) if digest is hashlib.sha1 else digest(second + nonce)
        return bytes(a ^ b for a, b in zip(first, mask.digest()))

    number, hello = packet()
    if hello[0] == 0xFF:
        sys.exit(hello[3:].decode(errors="replace"))
    rest = hello[hello.index(b"\0", 1) + 5 :]
    nonce = rest[:8] + rest[27:39]
    plugin = rest[40:].split(b"\0")[0] or b"mysql_native_password"
    # Long password, one database, protocol 4.1, TLS, secure connection, authentication by plugin.
    flags = struct.pack("<IIB23x", 0x1 | 0x8 | 0x200 | 0x800 | 0x8000 | 0x80000, 1 << 24, 45)
    put(number + 1, flags)
    stream.secure()
    answer = proof(plugin, nonce)
    names = login["user"].encode() + b"\0" + bytes([len(answer)]) + answer + login["database"].encode() + b"\0"
    put(number + 2, flags + names + plugin + b"\0")
    while True:
        number, body = packet()
        if body[0] == 0x00:
            break
        if body[0] == 0xFE:
            plugin, _, nonce = body[1:].partition(b"\0")
            put(number + 1, proof(plugin, nonce.rstrip(b"\0")))
        elif body[:2] == b"\x01\x04":
            put(number + 1, login["password"].encode() + b"\0")
        elif body[0] == 0xFF:
            sys.exit(body[3:].decode(errors="replace"))
    put(0, b"\x03SELECT 1")
    if packet()[1][0] == 0xFF:
        sys.exit("the query was refused")


def postgres(stream):
    def message():
        kind, length = struct.unpack("!cI", stream.read(5))
        body = stream.read(length - 4)
        if kind == b"E":
            sys.exit(body.replace(b"\0", b" ").decode(errors="replace"))
        return kind, body

    def put(kind, body):
        stream.send(kind + struct.pack("!I", len(body) + 4) + body)

    stream.send(struct.pack("!II", 8, 80877103))
    if stream.read(1) != b"S":
        sys.exit("the server does not speak TLS")
    stream.secure()
    names = "".join(f"{name}\0{login[key]}\0" for name, key in [("user", "user"), ("database", "database")])
    body = struct.pack("!I", 196608) + names.encode() + b"\0"
    stream.send(struct.pack("!I", len(body) + 4) + body)
    nonce = base64.b64encode(os.urandom(18)).decode()
    while True:
        kind, body = message()
        step = struct.unpack("!I", body[:4])[0] if kind == b"R" else None
        if step == 10:
            first = f"n=,r={nonce}"
            text = ("n,," + first).encode()
            put(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(text)) + text)
        elif step == 11:
            said = body[4:].decode()
            part = dict(item.split("=", 1) for item in said.split(","))
            if not part["r"].startswith(nonce):
                sys.exit("the server answers another one")
            salted = hashlib.pbkdf2_hmac("sha256", login["password"].encode(), base64.b64decode(part["s"]), int(part["i"]))
            key = hmac.digest(salted, b"Client Key", "sha256")
            last = f"c=biws,r={part['r']}"
            everything = ",".join([first, said, last]).encode()
            signature = hmac.digest(hashlib.sha256(key).digest(), everything, "sha256")
            sealed = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
            put(b"p", f"{last},p={sealed}".encode())
        elif step not in (None, 0, 12):
            sys.exit(f"the server wants another way to log in ({step})")
        elif kind == b"Z":
            break
    put(b"Q", b"SELECT 1\0")
    while message()[0] != b"D":
        pass


address, port = (sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else (login["host"], login["port"])
with socket.create_connection((address, port), timeout=20) as connection:
    {"mysql": mysql, "postgres": postgres}[login["protocol"]](Stream(connection))
