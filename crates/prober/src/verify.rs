//! All probes of a deployment: the harmless ones side by side, then those that disturb, one by one.

use crate::answer::Answer;
use crate::ask::Asker;
use crate::redactor::Redactor;
use crate::restart::until_good;
use engine::ports::{Clock, Running};
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream;
use futures_util::{FutureExt as _, StreamExt as _};
use model::ProbeId;
use model::probe::{Probe, Question, RequestBody};
use model::verification::{ProbeResult, Verdict, VerificationReport};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How probes are asked.
pub struct Options<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// How many at a time.
    pub parallelism: usize,
    /// Only these; all when absent.
    pub only: Option<&'a [ProbeId]>,
    /// How long, after a restart, all that held before may take to hold again.
    pub settle: Duration,
    /// Whether probes that kill processes are asked too.
    pub disruptive: bool,
}

impl<'a> Options<'a> {
    /// The usual: all probes, eight at a time, 15 seconds to settle.
    #[must_use]
    pub fn new(clock: &'a dyn Clock) -> Self {
        Self { clock, parallelism: 8, only: None, settle: Duration::from_secs(15), disruptive: true }
    }
}

/// Asks the probes and reports in the order in which they are declared. `on_result` is told each
/// result as soon as it is certain.
pub async fn verify<R: Running>(
    probes: &[Probe],
    running: &R,
    options: &Options<'_>,
    on_result: &(dyn Fn(&ProbeResult) + Sync),
) -> VerificationReport {
    let started_at = options.clock.now();
    let asker = Asker::new(running, Redactor::of(probes, running));
    let is_chosen = |probe: &&Probe| {
        options.only.is_none_or(|only| only.contains(&probe.id)) && (options.disruptive || !probe.is_disruptive())
    };
    let chosen: Vec<&Probe> = probes.iter().filter(is_chosen).collect();
    let mut findings = Findings { chosen: &chosen, asker: &asker, known: BTreeMap::new(), on_result };

    let (disruptive, harmless): (Vec<&Probe>, Vec<&Probe>) = chosen.iter().partition(|probe| probe.is_disruptive());
    let asked: Vec<_> = harmless.into_iter().map(|probe| timed(&asker, probe)).collect();
    let mut answers = stream::iter(asked).buffer_unordered(options.parallelism.max(1));
    while let Some((probe, answer, took)) = answers.next().await {
        findings.add(probe, answer, took);
    }
    for probe in disruptive {
        let (_, answer, took) = timed(&asker, probe).await;
        let begun = Instant::now();
        let answer = settled(&asker, &findings.witnesses(), answer, options.settle).await;
        findings.add(probe, answer, took + begun.elapsed());
    }
    VerificationReport { started_at, results: findings.into_results() }
}

fn timed<'p, R: Running>(asker: &'p Asker<'_, R>, probe: &'p Probe) -> BoxFuture<'p, (&'p Probe, Answer, Duration)> {
    async move {
        let begun = Instant::now();
        let answer = asker.ask(&probe.question).await;
        (probe, answer, begun.elapsed())
    }
    .boxed()
}

/// After a restart, what held before must hold again: a program that is back is worth little as long
/// as the edge does not know it. Also keeps the next disturbing probe from finding half a deployment.
async fn settled<R: Running>(asker: &Asker<'_, R>, witnesses: &[&Probe], answer: Answer, limit: Duration) -> Answer {
    let Answer::Holds { seen } = answer else { return answer };
    let deadline = Instant::now() + limit;
    let again = join_all(witnesses.iter().map(|probe| until_good(asker, &probe.question, deadline))).await;
    let lost = witnesses.iter().zip(again).find_map(|(probe, result)| Some((probe, result.err()?)));
    match lost {
        None => Answer::Holds { seen },
        Some((probe, trouble)) => Answer::fails(
            "all that held before the restart holds again after it",
            format!("{seen}, but \"{}\" no longer holds: {trouble}", probe.claim),
        ),
    }
}

/// What is known so far.
struct Findings<'a, R> {
    chosen: &'a [&'a Probe],
    asker: &'a Asker<'a, R>,
    known: BTreeMap<&'a ProbeId, (Answer, Duration)>,
    on_result: &'a (dyn Fn(&ProbeResult) + Sync),
}

impl<'a, R: Running> Findings<'a, R> {
    /// Notes an answer and tells every result that has become certain by it: a failed probe with
    /// a contrast waits for the other one.
    fn add(&mut self, probe: &'a Probe, answer: Answer, took: Duration) {
        self.known.insert(&probe.id, (answer, took));
        for other in self.chosen {
            let waits_for_this = self.contrast(other).is_some_and(|passing| *passing == probe.id);
            let is_told = other.id == probe.id && self.is_certain(other) || other.id != probe.id && waits_for_this;
            if is_told && let Some(result) = self.result(other) {
                (self.on_result)(&result);
            }
        }
    }

    fn is_certain(&self, probe: &Probe) -> bool {
        self.contrast(probe).is_none_or(|passing| self.known.contains_key(passing))
    }

    /// The probe that a failed one is compared with, when it is asked at all.
    fn contrast<'p>(&self, probe: &'p Probe) -> Option<&'p ProbeId> {
        let (answer, _) = self.known.get(&probe.id)?;
        let passing = &probe.contrast.as_ref()?.passing;
        let is_asked = self.chosen.iter().any(|other| other.id == *passing);
        (!answer.is_good() && is_asked).then_some(passing)
    }

    fn result(&self, probe: &Probe) -> Option<ProbeResult> {
        let (answer, took) = self.known.get(&probe.id)?;
        let clean = |text: &str| self.asker.redactor.clean(text);
        let verdict = match answer {
            Answer::Holds { seen } => Verdict::Passed { seen: clean(seen) },
            Answer::Waits { seen } => Verdict::Waiting { seen: clean(seen), help: clean(&probe.help) },
            Answer::Fails { expected, seen } => {
                let other = self.contrast(probe).and_then(|passing| self.known.get(passing));
                let diagnosis = probe.contrast.as_ref().filter(|_| other.is_some_and(|(answer, _)| answer.is_good()));
                let help = diagnosis.map_or(&probe.help, |contrast| &contrast.diagnosis);
                Verdict::Failed { expected: clean(expected), seen: clean(seen), help: clean(help) }
            }
        };
        Some(ProbeResult {
            probe: probe.id.clone(),
            component: probe.component.clone(),
            origin: probe.origin.clone(),
            claim: probe.claim.clone(),
            verdict,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The probes whose answers show that the deployment serves: requests that were answered well.
    fn witnesses(&self) -> Vec<&'a Probe> {
        let is_light = |probe: &Probe| match &probe.question {
            Question::Http { request, .. } => !matches!(request.body, RequestBody::Filler { .. }),
            _ => false,
        };
        let held = |probe: &Probe| self.known.get(&probe.id).is_some_and(|(answer, _)| answer.is_good());
        self.chosen.iter().copied().filter(|probe| is_light(probe) && held(probe)).collect()
    }

    fn into_results(self) -> Vec<ProbeResult> {
        self.chosen.iter().filter_map(|probe| self.result(probe)).collect()
    }
}
