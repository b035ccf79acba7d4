"""Walks through the harbour log as people and attackers do, over HTTPS; ends with 1 at the first thing that is not as it should be.

    harbour_log.py https://HOST:PORT CA.pem EDITOR PASSWORD ADMIN PASSWORD
"""

import base64
import http.cookiejar
import json
import re
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

BASE, CA, EDITOR, EDITOR_PASSWORD, ADMIN, ADMIN_PASSWORD = sys.argv[1:7]
CONTEXT = ssl.create_default_context(cafile=CA)
CALL = 4242

# Names that end in `.localhost` mean this machine; not every resolver knows.
look_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: look_up("127.0.0.1" if host.endswith("localhost") else host, *rest, **more)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Visitor:
    """A browser with its own cookies that follows nothing by itself."""

    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        handlers = urllib.request.HTTPSHandler(context=CONTEXT), urllib.request.HTTPCookieProcessor(self.jar), Stay
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def ask(self, path, form=None, body=None, method=None, headers=None):
        data = urllib.parse.urlencode(form).encode() if form is not None else json.dumps(body).encode() if body is not None else None
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(BASE + path, data, headers, method=method)
        try:
            answer = self.opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read().decode(), answer.headers

    def token(self, path):
        return re.search(r'name="csrf" value="([^"]+)"', self.ask(path)[1])[1]

    def log_in(self, name, password, **headers):
        form = {"csrf": self.token("/login"), "name": name, "password": password}
        return self.ask("/login", form, headers=headers)

    def edit(self, version, **fields):
        path = f"/calls/{CALL}/edit"
        form = {"csrf": self.token(path), "version": version, "cargo": "wool", "tonnes": "5", "passengers": "0", "remark": ""} | fields
        return self.ask(path, form)


def same(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: {found!r} instead of {wanted!r}")
    print("ok:", what)


def holds(fact, what):
    same(bool(fact), True, what)


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def call(visitor):
    return json.loads(visitor.ask(f"/api/calls/{CALL}")[1])


nobody = Visitor()
status, page, headers = nobody.ask("/")
same(status, 200, "the overview is there")
holds(page.count("<svg") >= 8 and "Quillan Quay" in page, "with charts and harbours from the database")
holds("default-src 'none'" in headers["Content-Security-Policy"] and "script-src 'none'" in headers["Content-Security-Policy"], "no script may run")
same(headers["X-Frame-Options"], "DENY", "nobody may frame it")
holds("Set-Cookie" not in headers, "who only reads gets no cookie")
holds(not re.search(r'(src|href)="(https?:)?//', page), "nothing is loaded from elsewhere")
same(nobody.ask("/healthz")[:2], (200, "ok: the database answers\n"), "healthz asks the database")
same(nobody.ask("/livez")[0], 200, "livez answers")
for path in ("/nope", "/calls/999999", "/calls/99999999999999", "/ships/none", "/harbours/none"):
    same(nobody.ask(path)[0], 404, f"{path} is not found")
for odd in ("/calls?page=99999", "/calls?sort=;drop&order=x&month=77&kind=%00", "/calls?q=%25%27%22%5C_", "/calls?page=-1&harbour=%F0%9F%90%9F"):
    same(nobody.ask(odd)[0], 200, f"{odd} is answered")
found = nobody.ask("/calls?q=grey+heron+wool")[1]
holds("Grey Heron" in found and "Tansy" not in found, "the search finds one ship and not others")
holds("No call is like that" in nobody.ask("/calls?q=%25%25")[1], "a per cent sign is searched as what it is")

path = f"/calls/{CALL}/edit"
same(nobody.ask(path)[0], 303, "the form leads to the login")
same(nobody.ask(path, {"version": 1, "remark": "x"})[0], 403, "a form without a token is refused")
same(nobody.ask("/login", {"name": EDITOR, "password": EDITOR_PASSWORD})[0], 403, "so is a login without one")
same(Visitor().log_in("nobody", "x")[0], 401, "an unknown name does not log in")
same(Visitor().log_in(EDITOR, "wrong")[0], 401, "nor does a wrong password")

one, two, admin = Visitor(), Visitor(), Visitor()
status, _, headers = one.log_in(EDITOR, EDITOR_PASSWORD)
same(status, 303, "the right password logs in")
cookie = headers["Set-Cookie"]
holds(cookie.startswith("__Host-session=") and all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/")), "with a cookie that is kept well")
leads_to = one.ask("/login?next=https://elsewhere.example")[2]["Location"]
holds(leads_to.startswith("/") and "elsewhere" not in leads_to, "a login leads to no other site")
same(one.ask("/login?next=//elsewhere.example")[2]["Location"], "/", "nor by two slashes")
same(one.ask("/ships/gannet/edit")[0], 403, "an editor may not change ships")
two.log_in(EDITOR, EDITOR_PASSWORD)
same(admin.log_in(ADMIN, ADMIN_PASSWORD)[0], 303, "the administrator logs in")
same(admin.ask("/ships/gannet/edit")[0], 200, "and may change ships")

before = call(nobody)
version = before["version"]
same(one.edit(version, tonnes="many", passengers="-1")[0], 422, "what is no number is refused")
same(one.edit(version, cargo="", remark="y" * 401)[0], 422, "and what is too short or too long")
same(call(nobody), before, "and nothing was changed by that")
same(one.ask(path, {"csrf": one.token(path), "version": version, "remark": "x"}, headers={"Sec-Fetch-Site": "cross-site"})[0], 403, "another site's form is refused")
same(one.ask(path, {"csrf": two.token(path), "version": version, "remark": "x"})[0], 403, "so is another session's token")
same(one.edit(version, cargo="feathers", remark="<script>alert(1)</script>")[0], 303, "an edit is saved, and leads away from the form")
shown = nobody.ask(f"/calls/{CALL}")[1]
holds("&lt;script&gt;" in shown and "<script>" not in shown, "what was written is shown as text")
status, page, _ = two.edit(version, cargo="stones")
same(status, 409, "a second editor with the old page is told")
holds("feathers" in page and "stones" in page, "and sees both texts")
same(call(nobody)["cargo"], "feathers", "the first edit stands")

statuses = []
racing = [threading.Thread(target=lambda v=v, n=n: statuses.append(v.edit(version + 1, cargo=f"race {n}")[0])) for n, v in enumerate((one, two, admin))]
for thread in racing:
    thread.start()
for thread in racing:
    thread.join()
same(sorted(statuses), [303, 409, 409], "of three at once, one wins and two are told")

now = call(nobody)
back = {"version": now["version"], **{name: before[name] for name in ("cargo", "tonnes", "passengers", "remark")}}
same(nobody.ask(f"/api/calls/{CALL}", body=back, method="PATCH")[0], 401, "programs need credentials")
same(one.ask(f"/api/calls/{CALL}", body=back, method="PATCH")[0], 401, "a cookie is none")
same(nobody.ask(f"/api/calls/{CALL}", body=back, method="PATCH", headers=basic(EDITOR, EDITOR_PASSWORD) | {"Content-Type": "text/plain"})[0], 415, "and say JSON")
status, said, _ = nobody.ask(f"/api/calls/{CALL}?dry-run=1", body={"version": now["version"], "tonnes": 777}, method="PATCH", headers=basic(EDITOR, EDITOR_PASSWORD))
said = json.loads(said)
same((status, said["after"]["tonnes"], said["now"], said["undone"]), (200, 777, now, True), "a dry run does it and undoes it")
same(nobody.ask(f"/api/calls/{CALL}", body=back | {"version": 1}, method="PATCH", headers=basic(EDITOR, EDITOR_PASSWORD))[0], 409, "an old version is refused")
same(nobody.ask(f"/api/calls/{CALL}", body={"version": now["version"], "ship_id": 1}, method="PATCH", headers=basic(EDITOR, EDITOR_PASSWORD))[0], 422, "a fact cannot be changed")
same(nobody.ask(f"/api/calls/{CALL}", body=back, method="PATCH", headers=basic(EDITOR, EDITOR_PASSWORD))[0], 200, "a program puts everything back")
after = call(nobody)
same({**after, "version": 0}, {**before, "version": 0}, "and it is as before")
changes = admin.ask("/changes")[1]
holds("feathers" in changes and EDITOR in changes, "all of it stands in the table of changes")
same(Visitor().ask("/changes")[0], 303, "which not everybody sees")

stolen = {c.name: c.value for c in one.jar}["__Host-session"]
same(one.ask("/logout", {"csrf": one.token("/")})[0], 303, "logging out")
same(one.ask(path)[0], 303, "ends the session")
forged = stolen[:-4] + ("AAAA" if not stolen.endswith("AAAA") else "BBBB")
same(Visitor().ask(path, headers={"Cookie": f"__Host-session={forged}"})[0], 303, "a forged cookie is none")

refused = [Visitor().log_in(EDITOR, "guess")[0] for _ in range(8)]
same(refused, [401] * 4 + [429] * 4, "guessing ends after five, with the one from before")
same(Visitor().log_in(EDITOR, EDITOR_PASSWORD)[0], 429, "even with the right password, for a while")
same(two.ask("/changes")[0], 200, "who is logged in is not disturbed")
same(Visitor().log_in(EDITOR, "guess", **{"X-Forwarded-For": "198.51.100.77"})[0], 429, "and an address that one makes up does not help")
print("all well")
