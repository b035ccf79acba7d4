"""What stands before the application, what it may say, and the headers that browsers get."""

import ipaddress

from werkzeug.middleware.proxy_fix import ProxyFix

# No script at all, nothing from elsewhere, in nobody's frame.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "script-src 'none'; manifest-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class TrustTheEdgeAlone:
    """Believes the edge who the client is and that it came by HTTPS; from anybody else `X-Forwarded-*` are taken out.

    Host and port are not believed: not every edge removes what clients say of them.
    """

    def __init__(self, inner, networks):
        self.inner, self.networks = inner, networks
        self.believing = ProxyFix(inner, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=0)

    def __call__(self, environ, start_response):
        if self._is_edge(environ.get("REMOTE_ADDR", "")):
            return self.believing(environ, start_response)
        for name in [name for name in environ if name.startswith("HTTP_X_FORWARDED_")]:
            del environ[name]
        return self.inner(environ, start_response)

    def _is_edge(self, address):
        try:
            address = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def prepare(app, settings):
    """Puts the middleware around the application and headers on all that it answers."""
    app.wsgi_app = TrustTheEdgeAlone(app.wsgi_app, settings.edge_networks)

    @app.after_request
    def add_headers(response):
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        # Pages show who is logged in, and rows that somebody may change: ask again each time.
        response.headers.setdefault("Cache-Control", "no-store")
        return response
