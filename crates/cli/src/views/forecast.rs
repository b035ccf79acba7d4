//! A plan made offline, for people.

use crate::account::forecast::Forecast;
use crate::views::style::{BOLD, CAUTION, DIM, paint};
use crate::views::table::columns;
use analysis::inventory::ComponentInventory;
use std::collections::BTreeMap;

/// Links of the critical path that take less are not worth a word.
const NOTICEABLE_SECONDS: u32 = 30;

/// The whole forecast, ending with a line feed.
pub(crate) fn text(forecast: &Forecast, verbose: bool) -> String {
    let all: usize = forecast.stacks.iter().map(|stack| stack.resources).sum();
    let mut text = format!(
        "Plan for {} ({}: account {}, {}), made offline: {all} resources in {} stacks.\n\n",
        paint(BOLD, &forecast.deployment),
        forecast.environment,
        forecast.account.as_deref().unwrap_or("unknown"),
        forecast.region,
        forecast.stacks.len(),
    );
    let rows = forecast.components.iter().map(|part| {
        let name = part.component.as_ref().map_or("-", |name| name.as_str());
        [format!("  {name}"), part.resources.len().to_string(), kinds(part)]
    });
    text.push_str(&columns(&["  component", "resources", "of which"], rows));
    if verbose {
        text.push('\n');
        for item in forecast.components.iter().flat_map(|part| &part.resources) {
            let origin = item.origin.as_deref().unwrap_or("-");
            text.push_str(&format!("  + {:<32} {:<44} {}\n", item.id, item.kind, paint(DIM, origin)));
        }
    }
    text.push_str(&format!("\n{}\n", paint(BOLD, "Holds what cannot be made again")));
    for item in &forecast.stateful {
        let kept = if item.is_kept { "kept when its stack goes" } else { "goes with its stack" };
        let from = item.origin.as_deref().unwrap_or("-");
        text.push_str(&format!("  {:<28} {:<30} {kept}; from {from}\n", item.id, item.kind));
    }
    if forecast.stateful.is_empty() {
        text.push_str("  nothing\n");
    }
    text.push_str(&time(forecast));
    text.push_str(&cost(forecast));
    text.push_str(&format!("\n{}\n", paint(BOLD, "Not known offline")));
    for unknown in &forecast.unknown {
        text.push_str(&format!("  {unknown}\n"));
    }
    text
}

/// `6 Subnet, 4 RouteTable, VPC`: the three most frequent types, and how many there are besides.
fn kinds(part: &ComponentInventory) -> String {
    const SHOWN: usize = 3;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &part.resources {
        *counts.entry(item.kind.rsplit("::").next().unwrap_or(&item.kind)).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let rest: usize = counts.iter().skip(SHOWN).map(|(_, count)| count).sum();
    let mut words: Vec<String> = counts.iter().take(SHOWN).map(|(kind, count)| format!("{count} {kind}")).collect();
    if rest > 0 {
        words.push(format!("{rest} more"));
    }
    words.join(", ")
}

fn time(forecast: &Forecast) -> String {
    let duration = &forecast.duration;
    let path: Vec<String> = duration
        .critical_path
        .iter()
        .filter(|link| link.seconds >= NOTICEABLE_SECONDS)
        .map(|link| format!("{} {} s", link.id, link.seconds))
        .collect();
    format!(
        "\n{}\n  what decides it: {}\n  {}\n",
        paint(BOLD, format!("About {} minutes to make all of it", duration.minutes())),
        path.join(", "),
        paint(DIM, format!("estimates of {}", duration.as_of)),
    )
}

fn cost(forecast: &Forecast) -> String {
    let cost = &forecast.cost;
    let at_least = if cost.unknown.is_empty() { "" } else { "at least " };
    let head = format!("{at_least}{} {} a month, used or not", cost.monthly, cost.currency);
    let mut text = format!("\n{}\n", paint(BOLD, head));
    let rows = cost.lines.iter().map(|line| {
        let name = line.component.as_ref().map_or("-", |name| name.as_str());
        let doubt = if line.is_confirmed { "" } else { "  (price from one source)" };
        [
            format!("  {name}"),
            format!("{} x {}", line.count, line.what),
            format!("{:>9}{doubt}", line.monthly.to_string()),
        ]
    });
    text.push_str(&columns(&["  component", "what", "a month"], rows));
    text.push_str(&format!("  by use, on top: {}\n", cost.by_use.join("; ")));
    if !cost.unknown.is_empty() {
        text.push_str(&format!("  {}\n", paint(CAUTION, format!("price not known: {}", cost.unknown.join("; ")))));
    }
    let note = format!("{}, list prices of {}. {}", cost.region, cost.as_of, cost.note);
    text.push_str(&format!("  {}\n", paint(DIM, note)));
    text
}
