"""A small web application that is up in a moment. It needs the standard library only."""

import http.server
import json
import os
import sys
import time

port, token_file = int(sys.argv[1]), sys.argv[2]
time.sleep(float(os.environ.get("SLOWNESS", "0")))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with open(token_file) as file:
            token = file.read().strip()
        if self.path == "/health":
            self.answer(200, {"greeting": os.environ.get("GREETING")})
        elif self.headers.get("X-Token") == token:
            self.answer(200, {"door": "open"})
        else:
            self.answer(401, {"door": "closed"})

    def log_message(self, text, *words):
        print(text % words, flush=True)


print("hello from process", os.getpid(), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
