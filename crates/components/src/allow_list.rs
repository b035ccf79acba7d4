//! Lists of addresses that may connect: who answers for one, and when somebody looks at it again.

use crate::context::ValidationContext;
use crate::said::report;
use model::scalar::Cidr;
use model::{Finding, FindingCode, Findings, Place};
use schemars::JsonSchema;
use serde::Deserialize;

/// Who may connect. A list of addresses ages; somebody has to look at it again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AllowSpec {
    /// Blocks of addresses, as `203.0.113.0/24`.
    pub sources: Vec<Cidr>,
    /// Who answers for the list.
    pub owner: Option<String>,
    /// The day on which somebody looks at it again, as `"2027-01-31"`.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub review_by: Option<String>,
}

/// The codes under which a kind reports what is wrong with its list.
pub(crate) struct AllowCodes {
    /// Everybody is let in, and nobody answers for it.
    pub everybody: &'static FindingCode,
    /// The day of review is over.
    pub overdue: &'static FindingCode,
    /// A day that does not exist.
    pub no_day: &'static FindingCode,
    /// The list says less than it seems to.
    pub vague: &'static FindingCode,
}

/// Checks the list of a component, under its key `allow`.
pub(crate) fn check(
    said: AllowSpec,
    codes: &AllowCodes,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Vec<Cidr> {
    let at = cx.at.key("allow");
    let has_owner = said.owner.as_deref().is_some_and(|owner| !owner.trim().is_empty());
    for (index, source) in said.sources.iter().enumerate() {
        let place = at.key("sources").index(index);
        if source.is_everywhere() && !has_owner {
            let help = "write `owner: NAME` if the whole internet is meant, otherwise list the blocks";
            report(
                findings,
                codes.everybody,
                &place,
                format!("{source} is the whole internet, and nobody answers for it"),
                help,
            );
        }
        let wider = said.sources.iter().enumerate().find(|(other, wide)| {
            *other != index && wide.net().contains(&source.net()) && (*other < index || wide.net() != source.net())
        });
        if let Some((other, wide)) = wider {
            let finding =
                Finding::new(codes.vague, Place::Value(place), format!("{source} lies inside {wide} of the same list"));
            let first = Place::Value(at.key("sources").index(other));
            findings.push(finding.help("remove one of them").related(first, "the wider one"));
        }
    }
    if said.sources.is_empty() {
        let help = "list the blocks of those who connect, or remove `allow`";
        report(findings, codes.vague, &at.key("sources"), "an empty list lets everybody in", help);
    }
    // This machine's own addresses do not change hands.
    let ages = said.sources.iter().any(|source| !is_this_machine(*source));
    match &said.review_by {
        Some(day) if !is_day(day) => {
            let help = "write it as a text, as `review-by: \"2027-01-31\"`";
            report(findings, codes.no_day, &at.key("review-by"), format!("`{day}` is no day"), help);
        }
        Some(day) if ages && day.as_str() < cx.today => {
            let who = said.owner.as_deref().map(|owner| format!(" by {owner}")).unwrap_or_default();
            let summary = format!("the list was to be looked at{who} on {day}");
            let help = "compare it with what the others publish today, then move `review-by` on";
            report(findings, codes.overdue, &at.key("review-by"), summary, help);
        }
        Some(_) => {}
        None if ages => {
            let help = "write `review-by: \"YEAR-MONTH-DAY\"`";
            report(findings, codes.vague, &at, "nobody is told to look at this list again", help);
        }
        None => {}
    }
    said.sources
}

fn is_this_machine(source: Cidr) -> bool {
    source.net().network().is_loopback() && source.net().broadcast().is_loopback()
}

/// Whether it is a day of the calendar, as `2027-01-31`.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else {
        return false;
    };
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::is_day;

    #[test]
    fn days_are_those_of_the_calendar() {
        for good in ["2027-01-31", "2028-02-29", "2000-02-29"] {
            assert!(is_day(good), "{good}");
        }
        for bad in ["2027-02-29", "2100-02-29", "2027-13-01", "2027-04-31", "27-01-01", "2027-1-1", "tomorrow", ""] {
            assert!(!is_day(bad), "{bad}");
        }
    }
}
