"""Stands for what a host asks: its metadata at 169.254.169.254, services of AWS and the Python registry over TLS.

    stand_in.py metadata
    stand_in.py services ADDRESS CERTIFICATE JOURNAL FOLDER

Every call of AWS is checked as AWS does: the signature is computed again from what arrived, and written down.
FOLDER may hold secrets.json (what each secret is), objects/ (what storage holds), wheels/ (what the registry has) and
authority.pem (who signs the certificates of databases).
"""
import hashlib
import hmac
import http.server
import json
import pathlib
import ssl
import sys
import urllib.parse

KEY, SECRET, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token=="
REGION = "us-west-2"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, kind="text/plain"):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Metadata(Handler):
    def do_PUT(self):
        wants = self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        self.answer("token" if wants else "?", 200 if wants else 400)

    def do_GET(self):
        role = "/latest/meta-data/iam/security-credentials/"
        known = {
            role: "role",
            role + "role": json.dumps({"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": SESSION}),
            "/latest/meta-data/instance-id": "i-0123456789abcdef0",
        }
        if self.headers.get("X-aws-ec2-metadata-token") != "token":
            self.answer("no token", 401)
        else:
            self.answer(known.get(self.path, "?"), 200 if self.path in known else 404)


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Service(Handler):
    """Which service it is says the name that was asked for."""

    def do_GET(self):
        host = self.headers["Host"].split(":")[0]
        if host in ("pypi.org", "files.pythonhosted.org"):
            self.registry()
        elif host == "truststore.pki.rds.amazonaws.com":
            wanted = self.path == f"/{REGION}/{REGION}-bundle.pem"
            self.answer((folder / "authority.pem").read_bytes() if wanted else b"", 200 if wanted else 404)
        else:
            self.aws(b"")

    do_HEAD = do_GET

    def do_POST(self):
        self.aws(self.rfile.read(int(self.headers["Content-Length"])))

    def registry(self):
        wheels = folder / "wheels"
        parts = [part for part in urllib.parse.unquote(self.path).split("/") if part]
        wheel = wheels / (parts or ["?"])[-1]
        if parts[:1] == ["simple"] and len(parts) == 2:
            normal = parts[1].lower().replace("-", "_").replace(".", "_")
            found = [
                file.name
                for file in sorted(wheels.glob("*.whl"))
                if file.name.split("-")[0].lower().replace(".", "_") == normal
            ]
            links = "".join(f'<a href="https://files.pythonhosted.org/{name}">{name}</a>\n' for name in found)
            self.answer(f"<!DOCTYPE html><html><body>{links}</body></html>", 200 if found else 404, "text/html")
        elif wheel.suffix == ".whl" and wheel.is_file():
            self.answer(wheel.read_bytes(), kind="application/octet-stream")
        else:
            self.answer("not found", 404)

    def is_signed(self, service, body):
        fields = dict(part.strip().split("=", 1) for part in self.headers["Authorization"].split(" ", 1)[1].split(","))
        names = fields["SignedHeaders"].split(";")
        headers = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names)
        digest = hashlib.sha256(body).hexdigest()
        said = self.headers.get("x-amz-content-sha256", digest)
        path = self.path.split("?")[0]
        request = "\n".join([self.command, path, "", headers, ";".join(names), said])
        moment = self.headers["X-Amz-Date"]
        scope = f"{moment[:8]}/{REGION}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in scope.split("/"):
            key = sign(key, part)
        return (
            hmac.compare_digest(sign(key, text).hex(), fields["Signature"])
            and said in (digest, "UNSIGNED-PAYLOAD")
            and fields["Credential"] == f"{KEY}/{scope}"
            and self.headers["X-Amz-Security-Token"] == SESSION
            and "x-amz-security-token" in names
        )

    def aws(self, body):
        labels = self.headers["Host"].split(".")
        known = ("s3", "secretsmanager", "logs", "cloudformation", "monitoring")
        service = next((label for label in labels if label in known), "?")
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            print(service, "NOT SIGNED: no signature", file=journal, flush=True)
            return self.answer("{}", 403)
        signed = self.is_signed(service, body)
        what = self.headers.get("X-Amz-Target", self.path if service == "s3" else "")
        print(service, what, "signed" if signed else "NOT SIGNED", body.decode(), file=journal, flush=True)
        if not signed:
            return self.answer("{}", 403)
        if service == "secretsmanager":
            known = json.loads((folder / "secrets.json").read_text())
            secret = known.get(json.loads(body)["SecretId"])
            refused = '{"__type": "ResourceNotFoundException", "Message": "there is no such secret"}'
            return self.answer(refused if secret is None else json.dumps({"SecretString": secret}), 400 if secret is None else 200)
        if service == "s3":
            wanted = folder / "objects" / self.path.lstrip("/")
            return self.answer(wanted.read_bytes() if wanted.is_file() else b"", 200 if wanted.is_file() else 404)
        self.answer("{}")


if sys.argv[1] == "metadata":
    server = http.server.ThreadingHTTPServer(("169.254.169.254", 80), Metadata)
else:
    address, certificate, journal, folder = sys.argv[2:]
    journal, folder = open(journal, "a"), pathlib.Path(folder)
    server = http.server.ThreadingHTTPServer((address, 443), Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("ready", flush=True)
server.serve_forever()
