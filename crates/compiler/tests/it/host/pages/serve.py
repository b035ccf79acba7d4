"""Answers with the number of requests that came before, and says so."""
import http.server
import sys

count = 0


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global count
        count += 1
        print(f"request {count} for {self.path}", flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page\n")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Page).serve_forever()
