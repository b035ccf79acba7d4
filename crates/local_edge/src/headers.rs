//! Which headers pass the edge, and which it sets.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

/// Headers that concern one connection only (RFC 9110 section 7.6.1 and older practice).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Claims about who asked and how, that only the edge can make. Set by it or removed.
const CLAIMS: [&str; 10] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-prefix",
    "x-real-ip",
    // Read as the variable HTTP_PROXY by CGI programs.
    "proxy",
];

/// Headers that a client could name in `Connection` to have them removed, and that mean something only when they are not.
const KEPT: [HeaderName; 6] = [
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
];

/// Removes all that concerns the connection to the other side.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| !KEPT.contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The comma-separated tokens of all lines of a header.
pub(crate) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// What the edge knows of a request.
pub(crate) struct Facts<'a> {
    pub(crate) client: IpAddr,
    /// As the client wrote it, with a port where it gave one.
    pub(crate) authority: &'a str,
    pub(crate) port: u16,
}

/// Makes a client's headers those of a request to a backend.
pub(crate) fn prepare_request(headers: &mut HeaderMap, facts: &Facts<'_>) {
    remove_hop_by_hop(headers);
    // The edge itself answers 100 when the backend asks for the body.
    headers.remove(header::EXPECT);
    remove_claims(headers);
    join_cookies(headers);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("host", facts.authority);
    set("x-forwarded-for", &facts.client.to_canonical().to_string());
    set("x-forwarded-proto", "https");
    set("x-forwarded-host", facts.authority);
    set("x-forwarded-port", &facts.port.to_string());
}

/// Also removes `X_Forwarded_For`, which many servers cannot tell from `X-Forwarded-For`.
fn remove_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            CLAIMS.iter().any(|claim| {
                name.len() == claim.len()
                    && name.bytes().zip(claim.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
            })
        })
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

/// HTTP/2 may split cookies into several lines; HTTP/1.1 has one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// The values of all cookies of this name.
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn headers_of_the_connection_do_not_pass() {
        let mut headers = headers(&[
            ("connection", "keep-alive, X-Secret-Hop"),
            ("connection", "authorization, close"),
            ("x-secret-hop", "1"),
            ("authorization", "Basic x"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["accept", "authorization"]);
    }

    #[test]
    fn claims_of_the_client_are_replaced() {
        let mut headers = headers(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-forwarded_proto", "http"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("proxy", "http://evil"),
            ("expect", "100-continue"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
        ]);
        let client = "::ffff:127.0.0.1".parse().unwrap();
        prepare_request(&mut headers, &Facts { client, authority: "a.localhost:8443", port: 8443 });
        assert_eq!(
            names(&headers),
            ["cookie", "host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"]
        );
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(headers["x-forwarded-host"], "a.localhost:8443");
        assert_eq!(headers["cookie"], "a=1; b=2");
        assert_eq!(cookies(&headers, "b").collect::<Vec<_>>(), ["2"]);
    }
}
