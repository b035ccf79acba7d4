//! Bytes to text: what is no text is refused before anything reads it.

use super::codes;
use super::parse::Limits;
use crate::{Finding, Findings, Place};

pub(super) fn decode<'b>(file: &str, bytes: &'b [u8], limits: &Limits, findings: &mut Findings) -> Option<&'b str> {
    let at = |start: usize, end: usize| Place::Span { file: file.to_owned(), range: start..end };
    if bytes.len() > limits.bytes {
        let summary = format!("the file has {} bytes; at most {} are read", bytes.len(), limits.bytes);
        findings.push(
            Finding::new(&codes::TOO_LARGE, at(0, 0), summary).help("check whether this is the file that you meant"),
        );
        return None;
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        findings.push(
            Finding::new(&codes::NOT_UTF8, at(0, 0), "the file is UTF-16, not UTF-8")
                .help(format!("convert it: iconv -f UTF-16 -t UTF-8 {file}")),
        );
        return None;
    }
    if let Some(zero) = bytes.iter().position(|byte| *byte == 0) {
        findings.push(
            Finding::new(&codes::BINARY, at(shown(bytes, zero), shown(bytes, zero)), "the file is binary, not text")
                .help("check whether this is the file that you meant"),
        );
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let offset = error.valid_up_to();
            let byte = bytes.get(offset).copied().unwrap_or_default();
            findings.push(
                Finding::new(&codes::NOT_UTF8, at(offset, offset), format!("the byte 0x{byte:02x} is no UTF-8"))
                    .help(format!("save the file as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {file}")),
            );
            None
        }
    }
}

/// Where a byte lies in the lossy text that is shown instead of the file.
fn shown(bytes: &[u8], offset: usize) -> usize {
    String::from_utf8_lossy(&bytes[..offset]).len()
}
