//! A way through a proxy (`CONNECT`, RFC 9110 section 9.3.6).

use crate::error::End;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;

/// A proxy's answer to `CONNECT` is not longer.
const LONGEST: usize = 16 << 10;

/// The proxy that an environment names for a websocket's address: `HTTPS_PROXY` for `wss`, `HTTP_PROXY` for `ws`, or their lower-case forms,
/// unless `NO_PROXY` (names, their parents, `*`) excepts the host. This machine itself is never reached through a proxy.
pub(crate) fn proxy_of(url: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let host = url.host()?.to_ascii_lowercase();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    if host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        return None;
    }
    let name = if url.scheme_str() == Some("wss") { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let said = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_lowercase())).filter(|it| !it.is_empty());
    let is_excepted = |pattern: &str| {
        let pattern = pattern.trim().trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        pattern == "*" || host == pattern || (!pattern.is_empty() && host.ends_with(&format!(".{pattern}")))
    };
    if said("NO_PROXY").is_some_and(|excepted| excepted.split(',').any(is_excepted)) {
        return None;
    }
    said(name)
}

/// A connection to the host through the proxy.
pub(crate) async fn through(proxy: &str, host: &str, port: u16) -> Result<TcpStream, End> {
    let wrong = || End::Address("the proxy's address must be as http://[user:password@]host:port".to_owned());
    let url: Uri =
        if proxy.contains("://") { proxy.parse() } else { format!("http://{proxy}").parse() }.map_err(|_| wrong())?;
    if url.scheme_str() != Some("http") {
        return Err(wrong());
    }
    let name = url.host().ok_or_else(wrong)?;
    let gone = |error: std::io::Error| End::Lost(format!("the proxy {name} cannot be reached: {error}"));
    let mut tcp =
        TcpStream::connect((name.trim_matches(['[', ']']), url.port_u16().unwrap_or(3128))).await.map_err(gone)?;
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    let user = url.authority().and_then(|authority| authority.as_str().rsplit_once('@')).map(|(user, _)| user);
    if let Some(user) = user {
        request.push_str(&format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(decoded(user))));
    }
    request.push_str("\r\n");
    tcp.write_all(request.as_bytes()).await.map_err(gone)?;
    let mut answer = Vec::new();
    // One byte at a time: what follows the answer is the host's.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > LONGEST {
            return Err(End::Lost(format!("the proxy {name} does not come to an end")));
        }
        answer.push(tcp.read_u8().await.map_err(gone)?);
    }
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    match line.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(tcp),
        Some("502" | "503" | "504") => Err(End::Lost(format!("the proxy {name} answers `{line}`"))),
        _ => Err(End::Refused(format!("the proxy {name} answers `{line}`"))),
    }
}

fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_those_of_the_environment() {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://proxy:3128".to_owned()),
            "no_proxy" => Some("localhost, .internal,example.org".to_owned()),
            _ => None,
        };
        let of = |url: &str| proxy_of(url, environment);
        assert_eq!(of("wss://ssmmessages.eu-west-1.amazonaws.com/v1?x=1").as_deref(), Some("http://proxy:3128"));
        assert_eq!(proxy_of("wss://127.0.0.1:1", |_| Some("http://proxy:3128".to_owned())), None);
        assert_eq!(of("ws://ssmmessages.eu-west-1.amazonaws.com"), None);
        for excepted in
            ["wss://localhost", "wss://a.internal:8443", "wss://EXAMPLE.org", "wss://a.example.org", "no url"]
        {
            assert_eq!(of(excepted), None, "{excepted}");
        }
        assert!(of("wss://notexample.org").is_some());
    }

    #[test]
    fn users_of_a_proxy_are_written_as_http_wants_them() {
        assert_eq!(decoded("a%3Ab:%c3%BC"), "a:b:ü".as_bytes());
        assert_eq!(decoded("100%"), b"100%");
    }
}
