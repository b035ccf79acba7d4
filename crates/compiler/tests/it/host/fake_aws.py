"""Stands for what a host asks: its metadata at 169.254.169.254, and three services of AWS over TLS.

Every call is checked as AWS does: the signature is computed again from what arrived.
"""
import hashlib
import hmac
import http.server
import json
import ssl
import sys
import threading

KEY, SECRET, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token=="
certificate, journal = sys.argv[1], open(sys.argv[2], "a")


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, text, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


class Metadata(Handler):
    def do_PUT(self):
        self.answer("token")

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
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service = self.headers["Host"].split(".")[0]
        fields = dict(part.strip().split("=", 1) for part in self.headers["Authorization"].split(" ", 1)[1].split(","))
        names = fields["SignedHeaders"].split(";")
        headers = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names)
        request = "\n".join(["POST", self.path, "", headers, ";".join(names), hashlib.sha256(body).hexdigest()])
        moment = self.headers["X-Amz-Date"]
        scope = f"{moment[:8]}/us-west-2/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in scope.split("/"):
            key = sign(key, part)
        is_signed = (
            hmac.compare_digest(sign(key, text).hex(), fields["Signature"])
            and fields["Credential"] == f"{KEY}/{scope}"
            and self.headers["X-Amz-Security-Token"] == SESSION
            and "x-amz-security-token" in names
        )
        what = self.headers.get("X-Amz-Target", "")
        print(service, what, "signed" if is_signed else "NOT SIGNED", body.decode(), file=journal, flush=True)
        secret = json.dumps({"SecretString": 'analyst "x" ü\nlast line\n'})
        self.answer(secret if service == "secretsmanager" else "{}", 200 if is_signed else 403)


metadata = http.server.ThreadingHTTPServer(("169.254.169.254", 80), Metadata)
threading.Thread(target=metadata.serve_forever, daemon=True).start()
services = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Service)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
services.socket = context.wrap_socket(services.socket, server_side=True)
print("ready", flush=True)
services.serve_forever()
