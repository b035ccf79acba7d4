//! Answers in XML.

/// An element with a text.
pub(super) fn text(name: &str, value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<{name}>{value}</{name}>")
}

/// The same, or nothing.
pub(super) fn maybe(name: &str, value: Option<&str>) -> String {
    value.map(|value| text(name, value)).unwrap_or_default()
}

/// An element with others in it.
pub(super) fn element(name: &str, inside: &str) -> String {
    format!("<{name}>{inside}</{name}>")
}

/// A list as the query protocol writes it.
pub(super) fn list(name: &str, items: impl IntoIterator<Item = String>) -> String {
    let items: String = items.into_iter().map(|item| element("member", &item)).collect();
    element(name, &items)
}

/// A whole answer of the query protocol.
pub(super) fn result(action: &str, inside: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://landfall.example/\"><{action}Result>{inside}</{action}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// A refusal in the form of its service.
pub(super) fn error(service: &str, code: &str, message: &str) -> String {
    let inside = format!("{}{}", text("Code", code), text("Message", message));
    match service {
        "ec2" => element("Response", &element("Errors", &element("Error", &inside))),
        "s3" => element("Error", &inside),
        _ => element("ErrorResponse", &element("Error", &format!("<Type>Sender</Type>{inside}"))),
    }
}
