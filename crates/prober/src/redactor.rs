//! Keeps secrets out of what is said: whatever a server sends back, the values that the probes
//! themselves know are blotted out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use engine::ports::Running;
use model::probe::{HttpRequest, Probe, Question};
use model::{Atom, Secret, Text};

const REDACTED: &str = "[redacted]";

/// The values that must not be shown, longest first.
pub(crate) struct Redactor(Vec<Secret>);

impl Redactor {
    /// All secrets that the questions of these probes use, in the forms in which a server may echo them.
    pub(crate) fn of(probes: &[Probe], running: &impl Running) -> Self {
        let mut values = Vec::new();
        for probe in probes {
            collect(&probe.question, running, &mut values);
        }
        values.retain(|value| !value.expose().is_empty());
        values.sort_by_key(|value| std::cmp::Reverse(value.expose().len()));
        values.dedup();
        Self(values)
    }

    /// The text without any of the values.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, value| {
            if text.contains(value.expose()) { text.replace(value.expose(), REDACTED) } else { text }
        })
    }
}

fn collect(question: &Question, running: &impl Running, values: &mut Vec<Secret>) {
    match question {
        Question::Http { request, .. } => of_request(request, running, values),
        Question::Sql { login, .. } => of_texts([&login.user, &login.password], running, values),
        Question::Restart { alive, .. } => collect(alive, running, values),
        Question::Tls { .. }
        | Question::Tcp { .. }
        | Question::File { .. }
        | Question::Ssh { .. }
        | Question::Tunnel { .. } => {}
    }
}

fn of_texts<'a>(texts: impl IntoIterator<Item = &'a Text>, running: &impl Running, values: &mut Vec<Secret>) {
    for atom in texts.into_iter().flat_map(Text::atoms).filter(|atom| atom.is_secret()) {
        if let Ok(value) = running.fill(&Text::hole(Atom::clone(atom))) {
            forms(value.expose(), values);
        }
    }
}

fn of_request(request: &HttpRequest, running: &impl Running, values: &mut Vec<Secret>) {
    let credentials = request.basic.iter().flat_map(|basic| [&basic.user, &basic.password]);
    of_texts(request.headers.values().chain(credentials), running, values);
    if let Some(basic) = &request.basic
        && let (Ok(user), Ok(password)) = (running.fill(&basic.user), running.fill(&basic.password))
        && basic.password.has_secret()
    {
        let pair = Secret::new(format!("{}:{}", user.expose(), password.expose()));
        encoded(pair.expose(), values);
    }
}

fn forms(value: &str, values: &mut Vec<Secret>) {
    values.push(Secret::new(value));
    if let Ok(quoted) = serde_json::to_string(value) {
        values.push(Secret::new(quoted.trim_matches('"')));
    }
    if !value.is_empty() {
        encoded(value, values);
    }
}

fn encoded(value: &str, values: &mut Vec<Secret>) {
    for encoding in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        values.push(Secret::new(encoding.encode(value)));
    }
}
