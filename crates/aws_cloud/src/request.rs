//! Requests, before they are signed.

use serde_json::Value;
use std::fmt;

/// A request to a service, without its host.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query, encoded.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Bodies may hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.target, self.body.len())
    }
}

impl Request {
    /// A form, as the query services want it.
    pub(crate) fn form(action: &str, version: &str, fields: &Fields) -> Self {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in &fields.0 {
            body.push('&');
            body.push_str(&encoded(name));
            body.push('=');
            body.push_str(&encoded(value));
        }
        Self {
            method: "POST",
            target: "/".to_owned(),
            headers: vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
            body: body.into_bytes(),
        }
    }

    /// A JSON document, as the services with targets want it.
    pub(crate) fn json(target: String, body: &Value) -> Self {
        Self {
            method: "POST",
            target: "/".to_owned(),
            headers: vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target)],
            body: body.to_string().into_bytes(),
        }
    }

    /// A request of a service with resources as paths. The path's parts and the query are encoded here.
    pub(crate) fn rest(method: &'static str, path: &[&str], query: &[(&str, &str)]) -> Self {
        let mut target: String = path.iter().map(|part| format!("/{}", encoded(part))).collect();
        for (index, (name, value)) in query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(&encoded(name));
            target.push('=');
            target.push_str(&encoded(value));
        }
        Self { method, target, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The fields of a form.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The field, when there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A list of texts: `Name.member.1`.
    pub(crate) fn members(self, name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        values
            .into_iter()
            .enumerate()
            .fold(self, |fields, (index, value)| fields.with(format!("{name}.member.{}", index + 1), value.as_ref()))
    }

    /// A list of pairs: `Tags.member.1.Key`, `Tags.member.1.Value`.
    pub(crate) fn pairs<'a>(
        self,
        name: &str,
        (first, second): (&str, &str),
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        pairs.into_iter().enumerate().fold(self, |fields, (index, (key, value))| {
            let entry = format!("{name}.member.{}", index + 1);
            fields.with(format!("{entry}.{first}"), key).with(format!("{entry}.{second}"), value)
        })
    }

    /// A filter of EC2's: `Filter.1.Name`, `Filter.1.Value.1`.
    pub(crate) fn filter(self, name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.filters([(name.to_owned(), values)])
    }

    /// Filters of EC2's; what is found passes all of them.
    pub(crate) fn filters<V: AsRef<str>>(
        self,
        filters: impl IntoIterator<Item = (String, impl IntoIterator<Item = V>)>,
    ) -> Self {
        filters.into_iter().enumerate().fold(self, |fields, (index, (name, values))| {
            let filter = format!("Filter.{}", index + 1);
            let named = fields.with(format!("{filter}.Name"), name);
            values.into_iter().enumerate().fold(named, |fields, (index, value)| {
                fields.with(format!("{filter}.Value.{}", index + 1), value.as_ref())
            })
        })
    }
}

/// Percent encoding of everything but the unreserved characters (RFC 3986), as signatures want it.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_number_their_lists() {
        let fields = Fields::new()
            .with("StackName", "a b")
            .maybe("Nothing", None)
            .members("Capabilities", ["CAPABILITY_IAM"])
            .pairs("Tags", ("Key", "Value"), [("k:1", "ü&=")]);
        let request = Request::form("CreateChangeSet", "2010-05-15", &fields);
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            "Action=CreateChangeSet&Version=2010-05-15&StackName=a%20b&Capabilities.member.1=CAPABILITY_IAM\
             &Tags.member.1.Key=k%3A1&Tags.member.1.Value=%C3%BC%26%3D"
        );
    }

    #[test]
    fn paths_and_queries_are_encoded_once() {
        let request = Request::rest("GET", &["a-bucket", "logs/x y"], &[("versions", ""), ("max-keys", "1")]);
        assert_eq!(request.target, "/a-bucket/logs%2Fx%20y?versions=&max-keys=1");
        assert!(!format!("{:?}", request.body(b"hunter2".to_vec())).contains("hunter2"));
    }
}
