//! What the answers of all combinations of conditions come to.

use super::{Expectation, Found, Options, Proof, shortened, when_text};
use crate::reachability::chains::Network;
use crate::reachability::guarantee::{self, Outcome};
use crate::reachability::packets::TCP;
use crate::reachability::question::port_name;
use crate::reachability::report::{Answer, Cell, ExpectationReport, ProofReport};
use crate::reachability::verdict::{Status, Verdict, every, every_status};
use std::collections::BTreeSet;

impl Proof {
    pub(super) fn finish(mut self, options: &Options) -> ProofReport {
        for ((from, to), verdicts) in std::mem::take(&mut self.answers) {
            if let Some(verdict) = every(verdicts) {
                let verdict = self.limited(verdict);
                self.report.answers.push(Answer { from, to, verdict });
            }
        }
        let mut cells = std::mem::take(&mut self.cells);
        cells.sort_unstable_by_key(|found| (found.row, found.column, found.scenario));
        self.report.cells.reserve_exact(cells.len());
        if self.scenario <= 1 && self.report.all_scenarios_examined {
            let only = |found: Found| Cell {
                source: found.row as usize,
                destination: found.column as usize,
                status: found.status,
                verdict: found.verdict,
            };
            self.report.cells.extend(cells.into_iter().map(only));
        } else {
            let mut cells = cells.into_iter().peekable();
            while let Some(first) = cells.next() {
                let pair = (first.row, first.column);
                let mut parts = vec![first];
                while let Some(next) = cells.next_if(|next| (next.row, next.column) == pair) {
                    parts.push(next);
                }
                let cell = self.cell(parts);
                self.report.cells.extend(cell);
            }
        }
        if !self.report.all_scenarios_examined {
            self.report.notes.push(format!(
                "{} combinations of conditions were examined, there are more; see `scenarios`",
                self.report.scenarios.len()
            ));
            self.report.is_sparse = false;
        }
        for condition in &self.report.conditions_by_default {
            self.report.notes.push(format!("the condition {condition} is taken by the parameter's default"));
        }
        self.report.hints.sort();
        self.report.hints.dedup();
        let network = self.network();
        self.chains(&network);
        let mut judged = std::mem::take(&mut self.judged);
        for (guarantee, judged) in options.guarantees.iter().zip(&mut judged) {
            if !guarantee.through.is_empty() {
                guarantee::judge_through(&self.report, &network, guarantee, judged);
            }
        }
        self.report.guarantees = judged;
        for judged in &mut self.report.guarantees {
            if !self.report.all_scenarios_examined && judged.outcome == Outcome::Holds {
                let text = "not every combination of conditions was examined".to_owned();
                judged.worsen(Outcome::Unknown, ("", ""), text, None);
            }
        }
        self.report.expectation = options.expect.map(|expected| met(&self.report.answers, expected));
        self.report
    }

    /// What the answers of all scenarios for a pair come to.
    fn cell(&self, parts: Vec<Found>) -> Option<Cell> {
        let (source, destination) = (parts.first()?.row as usize, parts.first()?.column as usize);
        let (rows, columns) = (&self.present[&(true, source)], &self.present[&(false, destination)]);
        let in_all = rows.intersection(columns).count();
        // Large matrices have no cells for scenarios in which the pair is unreachable.
        let mut statuses: Vec<Status> = parts.iter().map(|found| found.status).collect();
        statuses.resize(in_all.max(statuses.len()), Status::Unreachable);
        let whens = &self.report.scenarios;
        let verdicts: Option<Vec<(String, Verdict)>> = parts
            .into_iter()
            .map(|found| {
                let scenario = whens.get(found.scenario as usize);
                let when = scenario.map(|scenario| shortened(&scenario.when)).unwrap_or_default();
                Some((when_text(&when), *found.verdict?))
            })
            .collect();
        let verdict = verdicts
            .filter(|verdicts| verdicts.len() == statuses.len())
            .and_then(every)
            .map(|verdict| Box::new(self.limited(verdict)));
        let mut status = verdict.as_ref().map(|verdict| verdict.status).or_else(|| every_status(&statuses))?;
        if status == Status::Unreachable && !self.report.all_scenarios_examined {
            status = Status::Unknown;
        }
        Some(Cell { source, destination, status, verdict })
    }

    fn network(&self) -> Network {
        let mut network = Network::default();
        let rows: Vec<u32> = self.report.sources.iter().map(|name| network.number(name)).collect();
        // By column: what is reached, and the column.
        let ends: Vec<Option<(u32, u32)>> = self
            .report
            .destinations
            .iter()
            .map(|column| {
                let to = column.component.as_ref()?;
                // A port that only answers by itself (a redirect) leads no further.
                let leads_on = self.relays.get(to).is_none_or(|forwards| {
                    forwards
                        .iter()
                        .any(|(port, _, _)| port.is_none_or(|port| column.name == port_name(to, TCP, (port, port))))
                });
                let to = if leads_on { to } else { &column.name };
                Some((network.number(to), network.number(&column.name)))
            })
            .collect();
        let relays: Vec<_> = self.report.sources.iter().map(|name| self.relays.get(name)).collect();
        for cell in self.report.cells.iter().filter(|cell| cell.status != Status::Unreachable) {
            let Some((to, number)) = ends[cell.destination] else { continue };
            let column = &self.report.destinations[cell.destination];
            // A load balancer passes on what it is told to, and nothing else.
            if let (Some(forwards), Some(to)) = (relays[cell.source], &column.component) {
                let is_forward = forwards
                    .iter()
                    .any(|(_, target, port)| target == to && column.name == port_name(to, TCP, (*port, *port)));
                if !is_forward {
                    continue;
                }
            }
            network.add(rows[cell.source], to, number, matches!(cell.status, Status::Reachable | Status::Partly));
        }
        network
    }

    /// What the outside reaches only over others.
    fn chains(&mut self, network: &Network) {
        let outside: Vec<String> = self
            .report
            .sources
            .iter()
            .filter(|name| name.starts_with("internet") || name.contains('/'))
            .cloned()
            .collect();
        for name in outside {
            let chains = network.chains(&name, &[]);
            self.report.chains.extend(chains.into_values().filter(|chain| chain.steps.len() > 1));
        }
    }
}

fn met(answers: &[Answer], expected: Expectation) -> ExpectationReport {
    let (word, is_met) = match expected {
        Expectation::Unreachable => {
            let is_met =
                !answers.is_empty() && answers.iter().all(|answer| answer.verdict.status == Status::Unreachable);
            ("unreachable", is_met)
        }
        Expectation::Reachable => {
            ("reachable", answers.iter().any(|answer| answer.verdict.status == Status::Reachable))
        }
    };
    let found: BTreeSet<&str> = answers.iter().map(|answer| answer.verdict.status.word()).collect();
    let found: Vec<&str> = found.into_iter().collect();
    let text =
        format!("expected {word}, found {}", if found.is_empty() { "nothing".to_owned() } else { found.join(" and ") });
    ExpectationReport { expected: word.to_owned(), is_met, text }
}
