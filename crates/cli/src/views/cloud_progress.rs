//! A run in an account as it happens: a line for each component on a terminal, plain lines elsewhere, NDJSON for programs.

use crate::console::Console;
use crate::views::progress::print_json_line;
use crate::views::style::{BAD, CAUTION, DIM, GOOD, HINT, paint};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use stacks::account::ValidationRecord;
use stacks::{CallNotice, ComponentProgress, Notice};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a log is told that something still goes on.
const QUIET_SPELL: Duration = Duration::from_secs(30);
/// How often a program that reads NDJSON is told that the run lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

/// Where the events of a run are shown.
pub(crate) struct CloudProgress {
    way: Way,
    is_verbose: bool,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Terminal,
    Plain,
    Json,
    Quiet,
}

#[derive(Default)]
struct State {
    bars: MultiProgress,
    /// By stack and component.
    running: HashMap<(String, String), ProgressBar>,
    /// When something was last said of a stack.
    told: HashMap<String, Instant>,
    began: HashMap<String, Instant>,
}

impl CloudProgress {
    /// Chooses by what was asked and what is there.
    pub(crate) fn new(console: &Console) -> Self {
        let way = match (console.json, console.quiet, console.stderr_is_terminal) {
            (true, _, _) => Way::Json,
            (_, true, _) => Way::Quiet,
            (_, _, true) => Way::Terminal,
            (_, _, false) => Way::Plain,
        };
        Self { way, is_verbose: console.verbose, state: Mutex::default() }
    }

    /// Shows an event of a run.
    pub(crate) fn notice(&self, notice: &Notice) {
        match self.way {
            Way::Json => print_json_line(&document(notice)),
            Way::Quiet => {}
            Way::Terminal | Way::Plain => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                self.show(&mut state, notice);
            }
        }
    }

    /// Shows that a service does not answer, or does again.
    pub(crate) fn call(&self, notice: &CallNotice) {
        match (self.way, notice) {
            (Way::Json, CallNotice::NoAnswer { operation, seconds, patience_seconds, cause }) => {
                print_json_line(&json!({
                    "version": 1, "event": "no_answer", "operation": operation, "seconds": seconds,
                    "patience_seconds": patience_seconds, "cause": cause,
                }));
            }
            (Way::Json, CallNotice::AnswersAgain { operation, seconds }) => {
                print_json_line(
                    &json!({ "version": 1, "event": "answers_again", "operation": operation, "seconds": seconds }),
                );
            }
            (Way::Quiet, _) => {}
            (_, CallNotice::NoAnswer { operation, seconds, patience_seconds, cause }) => self.line(&format!(
                "  {} no answer to {operation} for {seconds} s ({cause}); repeated for up to {patience_seconds} s",
                paint(CAUTION, "…")
            )),
            (_, CallNotice::AnswersAgain { operation, seconds }) => {
                self.line(&format!("  {} {operation} answers again after {seconds} s", paint(GOOD, "✓")));
            }
        }
    }

    /// Tells a program that reads NDJSON that the run lives.
    pub(crate) fn heartbeat(&self, began: Instant) {
        if self.way == Way::Json {
            print_json_line(&json!({
                "version": 1, "event": "heartbeat", "at": jiff::Timestamp::now().to_string(),
                "seconds": began.elapsed().as_secs(),
            }));
        }
    }

    /// Removes moving lines, so that what is printed afterwards stands.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, bar) in state.running.drain() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.line_of(&state, text);
    }

    fn line_of(&self, state: &State, text: &str) {
        if self.way == Way::Terminal && !state.running.is_empty() {
            let _ = state.bars.println(text);
        } else {
            anstream::eprintln!("{text}");
        }
    }

    fn show(&self, state: &mut State, notice: &Notice) {
        match notice {
            Notice::StackBegins { stack, action, resources, seconds } => {
                state.began.insert(stack.clone(), Instant::now());
                state.told.insert(stack.clone(), Instant::now());
                let about = if *seconds > 0 { format!(", usually {}", minutes(*seconds)) } else { String::new() };
                let line = format!("  {} {stack}: {action} {resources} resources{about}", paint(HINT, "…"));
                self.line_of(state, &line);
            }
            Notice::Progress { stack, components, remaining_seconds } => {
                self.progress(state, stack, components, *remaining_seconds);
            }
            Notice::StackEnds { stack, outcome } => {
                state.running.retain(|(of, _), bar| {
                    let stays = of != stack;
                    if !stays {
                        bar.finish_and_clear();
                    }
                    stays
                });
                let took = state.began.get(stack).map_or(0, |began| began.elapsed().as_secs());
                let took = if took < 1 { String::new() } else { paint(DIM, format!("  {}", minutes_exactly(took))) };
                let line = format!("  {} {stack}: {outcome}{took}", paint(GOOD, "✓"));
                self.line_of(state, &line);
            }
            Notice::Resource { status, .. } if !self.is_verbose && !status.ends_with("_FAILED") => {}
            other => {
                if let Some(line) = sentence(other) {
                    self.line_of(state, &line);
                }
            }
        }
    }

    fn progress(&self, state: &mut State, stack: &str, components: &[ComponentProgress], remaining: u32) {
        let left = if remaining > 0 { format!("about {} left", minutes(remaining)) } else { String::new() };
        if self.way == Way::Plain {
            if state.told.get(stack).is_some_and(|told| told.elapsed() < QUIET_SPELL) {
                return;
            }
            state.told.insert(stack.to_owned(), Instant::now());
            let parts: Vec<String> =
                components.iter().map(|part| format!("{} {}/{}", name(part), part.done, part.total)).collect();
            return self.line_of(state, &format!("  … {stack}: {}  {left}", parts.join(", ")));
        }
        for part in components {
            let key = (stack.to_owned(), name(part).to_owned());
            let bars = &state.bars;
            let bar = state.running.entry(key).or_insert_with(|| {
                let bar = bars.add(ProgressBar::new(part.total as u64));
                let style = ProgressStyle::with_template(
                    "  {spinner:.cyan} {prefix:<20} {bar:24} {pos:>3}/{len:<3} {wide_msg} {elapsed:.dim}",
                );
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_prefix(name(part).to_owned());
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            });
            bar.set_length(part.total as u64);
            bar.set_position(part.done as u64);
            bar.set_message(if part.done < part.total { left.clone() } else { String::new() });
        }
    }
}

fn name(part: &ComponentProgress) -> &str {
    part.component.as_ref().map_or("(deployment)", |name| name.as_str())
}

/// `3 min`, `40 s`.
pub(crate) fn minutes(seconds: u32) -> String {
    if seconds < 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

fn minutes_exactly(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

/// A notice in words; none for what is shown otherwise.
pub(crate) fn sentence(notice: &Notice) -> Option<String> {
    let caution = |text: String| Some(format!("  {} {text}", paint(CAUTION, "!")));
    match notice {
        Notice::StackBegins { .. } | Notice::StackEnds { .. } | Notice::Progress { .. } => None,
        Notice::Resource { logical_id, status, reason, .. } => {
            let sign = match status.as_str() {
                failed if failed.ends_with("_FAILED") => paint(BAD, "✗"),
                done if done.ends_with("_COMPLETE") => paint(GOOD, "✓"),
                _ => paint(DIM, "…"),
            };
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(format!("    {sign} {logical_id} {status}{reason}"))
        }
        Notice::Waiting { stack, status, who } => {
            caution(format!("{stack} is {status} ({who}); waiting until that has ended"))
        }
        Notice::Gate { domain, records, zone_name_servers, delegated_name_servers, advice, .. } => {
            Some(gate(domain, records, zone_name_servers, delegated_name_servers, advice))
        }
        Notice::EvidenceKept { stack } => Some(format!("  {} evidence of {stack} kept", paint(HINT, "…"))),
        Notice::EvidenceLost { fault } => {
            let help =
                fault.help.as_ref().map(|help| format!("\n      {} {help}", paint(HINT, "do:"))).unwrap_or_default();
            caution(format!("{}: {}; the run goes on{help}", fault.operation, fault.cause))
        }
        Notice::RollsBack { stack, cause } => caution(format!("{stack} goes back to its last good state: {cause}")),
        Notice::LeftAsTheyAre { stack, resources, why } => {
            let list: Vec<String> = resources.iter().map(|(id, reason)| format!("\n      {id}: {reason}")).collect();
            caution(format!("{stack}: {why} without these, which stay as they are:{}", list.concat()))
        }
        Notice::Unblocked { stack, what } => {
            Some(format!("  {} {stack}: removed what blocked it: {what}", paint(GOOD, "✓")))
        }
        Notice::Secret { logical_id, origin, outcome } => {
            Some(format!("  {} {logical_id}: {outcome}  {}", paint(GOOD, "✓"), paint(DIM, origin)))
        }
        Notice::LeaseAwaited { holder } => caution(format!("waiting for {holder}")),
        Notice::Remark(text) => Some(format!("  {} {text}", paint(HINT, "note:"))),
    }
}

/// A wait for the world to see a record: the exact record, and whether the zone is the one that the world asks.
fn gate(domain: &str, records: &[ValidationRecord], zone: &[String], delegated: &[String], advice: &str) -> String {
    let mut text = format!("  {} the certificate for {domain} waits until everybody can see", paint(CAUTION, "…"));
    for record in records {
        text.push_str(&format!("\n      {}  {}  {}", record.name, record.kind, record.value));
    }
    let servers = |servers: &[String]| if servers.is_empty() { "none".to_owned() } else { servers.join(", ") };
    text.push_str(&format!("\n      name servers of the zone in the account:  {}", servers(zone)));
    text.push_str(&format!("\n      name servers that its parent names:       {}", servers(delegated)));
    text.push_str(&format!("\n      {} {advice}", paint(HINT, "do:")));
    text
}

/// A notice as a line of NDJSON.
pub(crate) fn document(notice: &Notice) -> Value {
    let (event, mut fields) = match notice {
        Notice::StackBegins { stack, action, resources, seconds } => (
            "stack_begins",
            json!({ "stack": stack, "action": action, "resources": resources, "usual_seconds": seconds }),
        ),
        Notice::Resource { stack, logical_id, resource_type, status, reason, component, origin } => (
            "resource",
            json!({
                "stack": stack, "logical_id": logical_id, "resource_type": resource_type, "status": status,
                "reason": reason, "component": component, "origin": origin.as_ref().map(ToString::to_string),
            }),
        ),
        Notice::Progress { stack, components, remaining_seconds } => {
            let components: Vec<Value> = components
                .iter()
                .map(|part| json!({ "component": part.component, "done": part.done, "total": part.total }))
                .collect();
            ("progress", json!({ "stack": stack, "components": components, "remaining_seconds": remaining_seconds }))
        }
        Notice::Waiting { stack, status, who } => ("waiting", json!({ "stack": stack, "status": status, "who": who })),
        Notice::Gate { stack, domain, records, zone_name_servers, delegated_name_servers, advice } => {
            let records: Vec<Value> = records
                .iter()
                .map(|record| {
                    json!({ "domain": record.domain, "name": record.name, "type": record.kind, "value": record.value })
                })
                .collect();
            (
                "gate",
                json!({
                    "stack": stack, "domain": domain, "records": records, "zone_name_servers": zone_name_servers,
                    "delegated_name_servers": delegated_name_servers, "advice": advice,
                }),
            )
        }
        Notice::EvidenceKept { stack } => ("evidence_kept", json!({ "stack": stack })),
        Notice::EvidenceLost { fault } => ("evidence_lost", json!({ "fault": fault })),
        Notice::RollsBack { stack, cause } => ("rolls_back", json!({ "stack": stack, "cause": cause })),
        Notice::LeftAsTheyAre { stack, resources, why } => {
            let resources: Vec<Value> =
                resources.iter().map(|(id, reason)| json!({ "logical_id": id, "reason": reason })).collect();
            ("left_as_they_are", json!({ "stack": stack, "resources": resources, "why": why }))
        }
        Notice::Unblocked { stack, what } => ("unblocked", json!({ "stack": stack, "what": what })),
        Notice::StackEnds { stack, outcome } => ("stack_ends", json!({ "stack": stack, "outcome": outcome })),
        Notice::Secret { logical_id, origin, outcome } => {
            ("secret", json!({ "logical_id": logical_id, "origin": origin.to_string(), "outcome": outcome }))
        }
        Notice::LeaseAwaited { holder } => ("lease_awaited", json!({ "holder": holder })),
        Notice::Remark(text) => ("remark", json!({ "text": text })),
    };
    let mut document = json!({ "version": 1, "event": event, "at": jiff::Timestamp::now().to_string() });
    if let (Value::Object(document), Value::Object(fields)) = (&mut document, &mut fields) {
        document.append(fields);
    }
    document
}
