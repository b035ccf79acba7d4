//! What is proved of the resources of an environment in AWS: that exactly the ways are open that the manifest states,
//! and that its guarantees hold. The proof reads the resources and knows nothing of how they were made.

use crate::application::Application;
use crate::codes;
use crate::lower_to_aws::AwsDeployment;
use crate::manifest::Parties;
use crate::party::Party;
use crate::report::Sources;
use analysis::reachability::guarantee::Evidence;
use analysis::reachability::hints::Hint;
use analysis::reachability::report::Origin;
use analysis::reachability::stated::CLAIM;
use analysis::reachability::verdict::{Status, Verdict};
use analysis::reachability::{
    Guarantee, GuaranteeReport, Options, Outcome, ProofReport, Reaches, StatedEdge, prove_graph,
};
use ipnet::IpNet;
use model::cfn::{Given, Layer};
use model::{Finding, FindingCode, Findings, ManifestPath, Place};
use std::collections::BTreeSet;

/// More pairs than this of one guarantee are counted, not listed.
const SHOWN: usize = 8;

/// Proves a deployment before anything of it exists. What does not hold, or is not proved, is found.
#[must_use]
pub fn prove(
    application: &Application,
    deployment: &AwsDeployment,
    sources: &Sources,
    findings: &mut Findings,
) -> ProofReport {
    let asked = Asked::new(application, deployment);
    let mut options = Options {
        edges: Some(edges(deployment)),
        blocks: blocks(application, deployment),
        guarantees: asked.guarantees.iter().map(|(_, guarantee)| guarantee.clone()).collect(),
        ..Options::default()
    };
    let pinned = [("AWS::Region", &deployment.region), ("AWS::AccountId", &deployment.account)];
    for (name, value) in pinned {
        options.parameters.extend(value.clone().map(|value| (name.to_owned(), Given::Value(value))));
    }
    let file = sources.manifest().file();
    let mut report =
        prove_graph(&deployment.graph, file, &options).expect("no question is asked and no unknown parameter given");
    locate(&mut report, deployment, sources);
    asked.join(&mut report);
    let place = Places { deployment };
    for (index, judged) in report.guarantees.iter().enumerate() {
        match asked.places.get(index) {
            Some(at) => place.explicit(at, judged, findings),
            None => place.implicit(judged, findings),
        }
    }
    findings.extend(report.hints.iter().map(|hint| place.hint(hint)));
    report
}

fn edges(deployment: &AwsDeployment) -> Vec<StatedEdge> {
    let edge = |way: &components::aws_context::StatedWay| StatedEdge {
        from: way.from.clone(),
        to: way.to.clone(),
        is_open: way.is_open,
    };
    deployment.stated_ways.iter().map(edge).collect()
}

/// The blocks of addresses that the manifest speaks about, each a row of the matrix; the internet has rows anyway.
fn blocks(application: &Application, deployment: &AwsDeployment) -> Vec<IpNet> {
    let allowed = deployment.stated_ways.iter().filter_map(|way| way.from.parse().ok());
    let named = application.guarantees.iter().flat_map(|guarantee| {
        let who = [&guarantee.nothing, &guarantee.only, &guarantee.every].into_iter().flatten();
        who.flat_map(Parties::names).filter_map(|name| match Party::read(name) {
            Party::Block(block) => Some(block),
            _ => None,
        })
    });
    let all: BTreeSet<IpNet> = allowed.filter(|block: &IpNet| block.prefix_len() > 0).chain(named).collect();
    all.into_iter().collect()
}

/// Where in the manifest each resource comes from.
fn locate(report: &mut ProofReport, deployment: &AwsDeployment, sources: &Sources) {
    for (id, resource) in &deployment.graph.resources {
        let Some(path) = &resource.origin else { continue };
        let line = sources.locate(&Place::Value(path.clone())).map_or(0, |at| at.start.line);
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        report.origins.insert(id.clone(), Origin { path: path.to_string(), line });
    }
}

/// The guarantees of the manifest in the names of its resources.
struct Asked {
    /// Each with the index of the manifest's guarantee that it is a part of.
    guarantees: Vec<(usize, Guarantee)>,
    /// By the manifest's index: what it claims in the manifest's words, and what has no address.
    claims: Vec<GuaranteeReport>,
    places: Vec<ManifestPath>,
}

impl Asked {
    fn new(application: &Application, deployment: &AwsDeployment) -> Self {
        let mut asked = Self { guarantees: Vec::new(), claims: Vec::new(), places: Vec::new() };
        for (index, guarantee) in application.guarantees.iter().enumerate() {
            asked.places.push(ManifestPath::root().key("guarantees").index(index));
            let mut judged = GuaranteeReport::new(claim(guarantee));
            // Whoever has no address comes from nowhere; that proves of the others what `only` says of all.
            let is_only = guarantee.only.is_some();
            let mut resolve = |parties: &Parties, may_be_nowhere: bool| -> Vec<String> {
                let mut all = Vec::new();
                for name in parties.names() {
                    let names = resolve(name, application, deployment);
                    if names.is_empty() && !may_be_nowhere {
                        judged.leave_open(format!("`{name}` has no address of its own in this environment"));
                    }
                    all.extend(names);
                }
                all
            };
            let who = match (&guarantee.nothing, &guarantee.only, &guarantee.every) {
                (Some(who), _, _) => Reaches::Nothing(resolve(who, false)),
                (_, Some(who), _) => {
                    // Parts of one component may reach each other: they are one side of the claim.
                    let own = guarantee.reaches.names().iter().flat_map(|name| parts(name, deployment));
                    let own: Vec<String> = own.collect();
                    Reaches::Only(resolve(who, true).into_iter().chain(own).collect())
                }
                (_, _, Some(who)) => Reaches::Every(resolve(who, false)),
                (None, None, None) => Reaches::Nothing(Vec::new()),
            };
            let reaches = resolve(&guarantee.reaches, false);
            let through = guarantee.through.as_ref().map(|through| resolve(through, false)).unwrap_or_default();
            // A way through nothing that has an address is no way; that was reported.
            let is_lost = guarantee.through.is_some() && through.is_empty();
            // Of no source, nothing can be claimed; that was reported above.
            for reaches in reaches.into_iter().filter(|_| !is_lost && (is_only || !who.names().is_empty())) {
                asked.guarantees.push((index, Guarantee { who: who.clone(), reaches, through: through.clone() }));
            }
            asked.claims.push(judged);
        }
        asked
    }

    /// One report for each guarantee of the manifest; the implicit one is the last.
    fn join(&self, report: &mut ProofReport) {
        let mut all = self.claims.clone();
        let mut judged = std::mem::take(&mut report.guarantees).into_iter();
        for ((index, _), judged) in self.guarantees.iter().zip(judged.by_ref()) {
            all[*index].join(judged);
        }
        all.extend(judged);
        report.guarantees = all;
    }
}

/// A guarantee as a sentence in the manifest's words.
fn claim(guarantee: &crate::manifest::Guarantee) -> String {
    let list = |parties: &Parties| parties.names().join(", ");
    let (word, who) = match (&guarantee.nothing, &guarantee.only, &guarantee.every) {
        (Some(who), _, _) => ("nothing", list(who)),
        (_, Some(who), _) => ("only", list(who)),
        (_, _, who) => ("every", who.as_ref().map(list).unwrap_or_default()),
    };
    let word = match word {
        "nothing" => format!("nothing of {who}"),
        _ => format!("{word} {who}"),
    };
    let through = guarantee
        .through
        .as_ref()
        .map(|through| format!(" through {}", through.names().join(" or ")))
        .unwrap_or_default();
    format!("{word} reaches {}{through}", list(&guarantee.reaches))
}

/// What a proof calls the resources of a party.
fn resolve(name: &str, application: &Application, deployment: &AwsDeployment) -> Vec<String> {
    let (component, port) = match Party::read(name) {
        Party::Internet | Party::Block(_) | Party::Service(_) => return vec![name.to_owned()],
        Party::Named { name, port } => (name, port),
        Party::Malformed(_) => return Vec::new(),
    };
    let is_network = application.components.iter().any(|it| it.name.as_str() == component && it.kind == "network");
    let is_of = |id: &&String| {
        let resource = deployment.graph.resources.get(*id);
        // Whoever names the network means everything in it.
        is_network || resource.and_then(|it| it.component.as_ref()).is_some_and(|it| it.as_str() == component)
    };
    // The host through which the command gets at a database is no part of the database: nothing is kept on it.
    let is_way = |id: &&String| {
        deployment.databases.iter().any(|database| {
            database.component.as_str() == component
                && deployment.graph.resources.get(*id).is_some_and(|it| it.layer == Some(Layer::Access))
        })
    };
    let with_port = |id: &String| port.map_or_else(|| id.clone(), |port| format!("{id}:{port}"));
    deployment.interfaces.iter().filter(is_of).filter(|id| is_network || !is_way(id)).map(with_port).collect()
}

/// Everything that was made for a component and has an address.
fn parts(name: &str, deployment: &AwsDeployment) -> Vec<String> {
    let Party::Named { name, .. } = Party::read(name) else { return Vec::new() };
    let is_of = |id: &&String| {
        let resource = deployment.graph.resources.get(*id);
        resource.and_then(|it| it.component.as_ref()).is_some_and(|it| it.as_str() == name)
    };
    deployment.interfaces.iter().filter(is_of).cloned().collect()
}

/// Turns what was judged into findings.
struct Places<'a> {
    deployment: &'a AwsDeployment,
}

impl Places<'_> {
    fn explicit(&self, at: &ManifestPath, judged: &GuaranteeReport, findings: &mut Findings) {
        for (outcome, code, word) in [
            (Outcome::Violated, &codes::BROKEN_GUARANTEE, "does not hold"),
            (Outcome::Unknown, &codes::UNPROVED_GUARANTEE, "is not proved"),
        ] {
            let all: Vec<&Evidence> = judged.evidence.iter().filter(|found| found.outcome == outcome).collect();
            for evidence in all.iter().take(SHOWN) {
                let summary = format!("`{}` {word}: {}", judged.claim, evidence.text);
                findings.push(self.finding(code, at.clone(), summary, evidence));
            }
            findings.extend(more(code, at, &judged.claim, all.len()));
        }
    }

    fn implicit(&self, judged: &GuaranteeReport, findings: &mut Findings) {
        let manifest = ManifestPath::root().key("components");
        let (broken, open): (Vec<&Evidence>, Vec<&Evidence>) =
            judged.evidence.iter().partition(|found| found.outcome == Outcome::Violated);
        // Of a component that those do not reach who are stated to, this is the cause to mend.
        let is_closed = |id: &str| {
            let of_it = |found: &&Evidence| found.verdict.is_some() && found.to.split(':').next() == Some(id);
            broken.iter().filter(|found| of_it(found)).any(|found| self.is_stated(found))
        };
        let told = broken.iter().filter(|found| found.verdict.is_some() || !is_closed(&found.to));
        for evidence in told.take(SHOWN) {
            let mut stated = self.deployment.stated_ways.iter().filter(|way| way.is_open);
            let stated = stated.find(|way| way.from == evidence.from && way.to == evidence.to);
            let (code, at) = match (stated, &evidence.verdict) {
                (Some(way), _) => (&codes::CLOSED_WAY, way.because.clone()),
                (None, Some(verdict)) => (&codes::UNSTATED_WAY, self.opened_by(verdict, &evidence.to)),
                (None, None) => (&codes::PUBLIC_PLACE, self.origin(&evidence.to).unwrap_or_else(|| manifest.clone())),
            };
            findings.push(self.finding(code, at, evidence.text.clone(), evidence));
        }
        findings.extend(more(&codes::UNSTATED_WAY, &manifest, CLAIM, broken.len()));
        if !open.is_empty() {
            let summary = format!("it is not proved that exactly the stated ways are open: {} unknown", open.len());
            let whys = open.iter().filter_map(|found| found.verdict.as_ref()).flat_map(|verdict| &verdict.whys);
            let whys: BTreeSet<String> = whys.map(|why| format!("unknown because {why}")).collect();
            let lines: Vec<String> = open.iter().map(|found| found.text.clone()).chain(whys).collect();
            findings.push(Finding::new(&codes::UNPROVED_WAYS, Place::Key(manifest), summary).help(lines.join("\n")));
        }
    }

    /// Whether the manifest states that a pair is open.
    fn is_stated(&self, evidence: &Evidence) -> bool {
        let mut stated = self.deployment.stated_ways.iter().filter(|way| way.is_open);
        stated.any(|way| way.from == evidence.from && way.to == evidence.to)
    }

    fn hint(&self, hint: &Hint) -> Finding {
        let at = self.origin(&hint.place.id).unwrap_or_else(|| ManifestPath::root().key("components"));
        Finding::new(&codes::WIDE_RULE, Place::Value(at), format!("{}: {}", hint.place.id, hint.text))
    }

    /// A finding with the path, or the cut, that belongs to it.
    fn finding(&self, code: &'static FindingCode, at: ManifestPath, summary: String, evidence: &Evidence) -> Finding {
        let mut finding = Finding::new(code, Place::Value(at), summary);
        let Some(verdict) = &evidence.verdict else { return finding };
        let mut lines = Vec::new();
        let is_open = matches!(verdict.status, Status::Reachable | Status::Partly);
        // By place of the manifest: the numbers of the hops that it put there.
        let mut places: Vec<(ManifestPath, Vec<String>)> = Vec::new();
        for (number, hop) in verdict.hops.iter().enumerate() {
            let number = (number + 1).to_string();
            let text = format!("{number}. {}: {} ({})", hop.what, hop.text, hop.place.id);
            let Some(origin) = self.origin(&hop.place.id) else {
                lines.push(text);
                continue;
            };
            lines.push(format!("{text}, from {origin}"));
            match places.iter_mut().find(|(known, _)| *known == origin) {
                Some((_, numbers)) => numbers.push(number),
                None => places.push((origin, vec![number])),
            }
        }
        for (origin, numbers) in places {
            finding = finding.related(Place::Key(origin), format!("hop {}", numbers.join(", ")));
        }
        let mut help = String::new();
        if !lines.is_empty() {
            let head = if is_open { "the path" } else { "the path that may be open" };
            help = format!("{head}:\n{}", lines.join("\n"));
        }
        let mut say = |text: String| {
            if !help.is_empty() {
                help.push('\n');
            }
            help.push_str(&text);
        };
        if let (Some(part), true) = (&verdict.part, is_open) {
            say(format!("only {part}"));
        }
        if let (Some(cut), true) = (&verdict.cut, verdict.status != Status::Unknown) {
            let origin = self.origin(&cut.place.id).map(|origin| format!(", from {origin}")).unwrap_or_default();
            let head = if is_open { "the rest is stopped" } else { "stopped" };
            say(format!("{head} by {}: {} ({}{origin})", cut.what, cut.text, cut.place.id));
            let fixes: Vec<&str> = std::iter::once(&cut.fix).chain(&cut.further_fixes).map(String::as_str).collect();
            if verdict.status == Status::Unreachable {
                say(format!("to open it: {}", fixes.join("; and ")));
            }
        }
        for why in &verdict.whys {
            say(format!("unknown because {why}"));
        }
        finding.help = (!help.is_empty()).then_some(help);
        finding
    }

    /// The line that put a resource there; parts of a resource are named `Id.part` and `Id[0]`.
    fn origin(&self, id: &str) -> Option<ManifestPath> {
        let id = id.split(['.', '[', ':']).next().unwrap_or_default();
        self.deployment.graph.resources.get(id)?.origin.clone()
    }

    /// The line that the last rule on the way comes from.
    fn opened_by(&self, verdict: &Verdict, to: &str) -> ManifestPath {
        let rules = verdict.hops.iter().rev().filter(|hop| hop.what == "security group rule");
        let mut origins = rules.chain(verdict.hops.iter().rev()).filter_map(|hop| self.origin(&hop.place.id));
        origins.next().or_else(|| self.origin(to)).unwrap_or_else(|| ManifestPath::root().key("components"))
    }
}

/// How many pairs were left out.
fn more(code: &'static FindingCode, at: &ManifestPath, claim: &str, count: usize) -> Option<Finding> {
    let more = count.checked_sub(SHOWN).filter(|more| *more > 0)?;
    Some(Finding::new(code, Place::Value(at.clone()), format!("`{claim}`: {more} more pairs like these")))
}
