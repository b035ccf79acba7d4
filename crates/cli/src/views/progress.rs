//! A run as it happens: moving lines on a terminal, plain lines elsewhere, NDJSON for programs.

use crate::views::style::{BAD, DIM, GOOD, duration, paint};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use model::event::{Event, RunEvent};
use model::plan::{Action, DeploymentPlan};
use model::{Step, StepId};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Where events are shown.
pub(crate) enum ProgressView {
    /// For a person who watches.
    Terminal(Mutex<TerminalProgress>),
    /// For a log: a line when a step ends, one every ten seconds while it goes on.
    Plain(Mutex<PlainProgress>),
    /// For a program.
    Json,
    /// Only errors are wanted.
    Quiet,
}

impl ProgressView {
    /// Chooses by what was asked and what is there.
    pub(crate) fn new(json: bool, quiet: bool, stderr_is_terminal: bool) -> Self {
        match (json, quiet, stderr_is_terminal) {
            (true, _, _) => Self::Json,
            (_, true, _) => Self::Quiet,
            (_, _, true) => Self::Terminal(Mutex::default()),
            (_, _, false) => Self::Plain(Mutex::default()),
        }
    }

    /// Shows one event.
    pub(crate) fn show(&self, event: &RunEvent) {
        match self {
            Self::Terminal(view) => view.lock().unwrap_or_else(std::sync::PoisonError::into_inner).show(&event.event),
            Self::Plain(view) => view.lock().unwrap_or_else(std::sync::PoisonError::into_inner).show(&event.event),
            Self::Json => print_json_line(event),
            Self::Quiet => {}
        }
    }
}

/// One line of NDJSON on standard output. A reader that went away is noticed at the end.
pub(crate) fn print_json_line(value: &impl serde::Serialize) {
    use std::io::Write as _;
    if let Ok(line) = serde_json::to_string(value) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// The past tense of what a step did.
fn done_word(action: Action) -> &'static str {
    match action {
        Action::Create => "made",
        Action::Update => "changed",
        Action::Repair => "mended",
        Action::Delete => "removed",
    }
}

#[derive(Default)]
struct Steps {
    plan: HashMap<StepId, Step>,
    begun: HashMap<StepId, Instant>,
}

impl Steps {
    fn start(&mut self, plan: &DeploymentPlan) {
        self.plan = plan.steps.iter().map(|step| (step.id.clone(), step.clone())).collect();
    }

    fn name(&self, id: &StepId) -> String {
        self.plan.get(id).map_or_else(|| id.to_string(), |step| step.node.to_string())
    }

    fn finished(&self, id: &StepId, summary: &str) -> String {
        let word = self.plan.get(id).map_or("done", |step| done_word(step.action));
        let took = self.begun.get(id).map_or(0, |begun| begun.elapsed().as_millis() as u64);
        let took = if took < 500 { String::new() } else { paint(DIM, format!("  {}", duration(took))) };
        let summary = if summary == word { "" } else { summary };
        format!("  {} {:<28} {word}  {summary}{took}", paint(GOOD, "✓"), self.name(id))
    }

    fn failed(&self, id: &StepId, cause: &str) -> String {
        format!("  {} {:<28} {}", paint(BAD, "✗"), self.name(id), first_line(cause))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Moving lines: one for each step that is under way.
#[derive(Default)]
pub(crate) struct TerminalProgress {
    bars: MultiProgress,
    steps: Steps,
    running: HashMap<StepId, ProgressBar>,
}

impl TerminalProgress {
    fn show(&mut self, event: &Event) {
        match event {
            Event::RunStarted { plan } => self.steps.start(plan),
            Event::StepStarted { step, .. } => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                let style = ProgressStyle::with_template("  {spinner:.cyan} {prefix:<28} {wide_msg} {elapsed:.dim}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.set_prefix(self.steps.name(step));
                bar.enable_steady_tick(Duration::from_millis(100));
                self.steps.begun.insert(step.clone(), Instant::now());
                self.running.insert(step.clone(), bar);
            }
            Event::StepProgress { step, message, fraction } => {
                if let Some(bar) = self.running.get(step) {
                    let share = fraction.map_or_else(String::new, |part| format!("{:3.0} %  ", part * 100.0));
                    bar.set_message(format!("{share}{}", first_line(message)));
                }
            }
            Event::StepSucceeded { step, outcome } => {
                let line = self.steps.finished(step, &outcome.summary);
                self.end(step, &line);
            }
            Event::StepFailed { step, fault } => {
                let line = self.steps.failed(step, &fault.cause);
                self.end(step, &line);
            }
            Event::RunStopped { .. } | Event::RunFinished => {
                for (_, bar) in self.running.drain() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, step: &StepId, line: &str) {
        if let Some(bar) = self.running.remove(step) {
            bar.finish_and_clear();
        }
        let _ = self.bars.println(line);
    }
}

/// Lines for a log file.
#[derive(Default)]
pub(crate) struct PlainProgress {
    steps: Steps,
    told: HashMap<StepId, Instant>,
}

const QUIET_SPELL: Duration = Duration::from_secs(10);

impl PlainProgress {
    fn show(&mut self, event: &Event) {
        match event {
            Event::RunStarted { plan } => self.steps.start(plan),
            Event::StepStarted { step, .. } => {
                self.steps.begun.insert(step.clone(), Instant::now());
                self.told.insert(step.clone(), Instant::now());
            }
            Event::StepProgress { step, message, .. }
                if self.told.get(step).is_none_or(|told| told.elapsed() >= QUIET_SPELL) =>
            {
                self.told.insert(step.clone(), Instant::now());
                anstream::eprintln!("  … {:<28} {}", self.steps.name(step), first_line(message));
            }
            Event::StepSucceeded { step, outcome } => {
                anstream::eprintln!("{}", self.steps.finished(step, &outcome.summary));
            }
            Event::StepFailed { step, fault } => anstream::eprintln!("{}", self.steps.failed(step, &fault.cause)),
            _ => {}
        }
    }
}
