//! Which paths a manifest may name.

/// Checks a path below some folder: relative, and never out of it.
pub(crate) fn below(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.starts_with('/') || path.starts_with('~') {
        return Err("is absolute; write it relative to its folder");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err("has a backslash or a control character");
    }
    if path.split('/').any(|part| part == "..") {
        return Err("leaves its folder with `..`");
    }
    Ok(())
}

/// Checks the path of a URL as far as it may go into a route or a request.
pub(crate) fn url_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("does not start with `/`");
    }
    if path.chars().any(|c| c.is_control() || c.is_whitespace() || !c.is_ascii()) {
        return Err("has blanks or characters that must be percent-encoded");
    }
    if path.contains('#') {
        return Err("has a fragment; servers never see it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_folder() {
        for good in ["a", "./a", "conf.d/a.ini", ".hidden", "a..b"] {
            assert_eq!(below(good), Ok(()), "{good}");
        }
        for bad in ["", "/etc/passwd", "../a", "a/../../b", "~/a", "a\\b", "a\0"] {
            assert!(below(bad).is_err(), "{bad}");
        }
        assert_eq!(url_path("/a?b=c"), Ok(()));
        for bad in ["", "a", "/a b", "/a#b", "/é"] {
            assert!(url_path(bad).is_err(), "{bad}");
        }
    }
}
