//! The table of states, whole.

use stacks::account::StackStatus;
use stacks::situation::{ChangeSetSituation, Goal, Ownership, StackSituation, Tries};
use stacks::{Next, next};

fn situation(goal: Goal, status: Option<StackStatus>) -> StackSituation {
    StackSituation {
        goal,
        status,
        ownership: Ownership::Ours,
        is_as_wanted: false,
        is_protected: false,
        change_set: ChangeSetSituation::Absent,
        has_failed: false,
        tries: Tries::default(),
    }
}

/// The table as the documents show it.
fn table() -> String {
    let mut table = "| state | `up`: first | later in the same run | `down` |\n|---|---|---|---|\n".to_owned();
    for status in std::iter::once(None).chain(StackStatus::ALL.iter().copied().map(Some)) {
        let name = status.map_or("no stack".to_owned(), |status| format!("`{status}`"));
        let first = next(&situation(Goal::Present, status));
        let again = Tries { continued: 1, deleted: 2, cancelled: 1, rolled_back: 1 };
        let later = next(&StackSituation { has_failed: true, tries: again, ..situation(Goal::Present, status) });
        let later = if later == first { String::new() } else { later.to_string() };
        let down = next(&situation(Goal::Absent, status));
        table.push_str(&format!("| {name} | {first} | {later} | {down} |\n"));
    }
    table
}

#[test]
fn the_documents_show_the_whole_table() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations-aws.md");
    let text = std::fs::read_to_string(page).unwrap();
    assert!(text.contains(&table()), "docs/operations-aws.md should show this table:\n{}", table());
}

/// A stack that rests: each situation of the change set has its answer.
#[test]
fn a_change_set_is_asked_for_awaited_executed() {
    let of =
        |change_set, status| next(&StackSituation { change_set, ..situation(Goal::Present, Some(status)) }).to_string();
    let all = [
        ChangeSetSituation::Absent,
        ChangeSetSituation::InTheMaking,
        ChangeSetSituation::Ready,
        ChangeSetSituation::Empty,
        ChangeSetSituation::Failed { made_now: false },
        ChangeSetSituation::Failed { made_now: true },
    ];
    let lines: Vec<String> = all
        .into_iter()
        .map(|one| {
            format!(
                "{one:?}: {}; {}",
                of(one, StackStatus::ReviewInProgress),
                of(one, StackStatus::UpdateRollbackComplete)
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Absent: ask for a change set that makes it; ask for a change set that changes it
    InTheMaking: wait for the change set; wait for the change set
    Ready: execute the change set; execute the change set
    Empty: refuse: CloudFormation does not take the change; protect it from deletion
    Failed { made_now: false }: remove the change set; remove the change set
    Failed { made_now: true }: refuse: CloudFormation does not take the change; refuse: CloudFormation does not take the change
    ");
}

#[test]
fn nobody_elses_stack_is_ever_touched() {
    for status in StackStatus::ALL.iter().filter(|status| **status != StackStatus::DeleteComplete) {
        for goal in [Goal::Present, Goal::Absent] {
            let foreign = Ownership::Foreign("somebody's".to_owned());
            let answer = next(&StackSituation { ownership: foreign, ..situation(goal, Some(*status)) });
            assert!(matches!(answer, Next::Refuse(_)), "{status} {answer:?}");
        }
    }
}

/// Whatever a stack does, a run ends: every answer that is a call is given a bounded number of times.
#[test]
fn nothing_is_done_without_end() {
    for status in StackStatus::ALL {
        for goal in [Goal::Present, Goal::Absent] {
            let tries = Tries { continued: 9, deleted: 9, cancelled: 9, rolled_back: 9 };
            for has_failed in [false, true] {
                let answer = next(&StackSituation { tries, has_failed, ..situation(goal, Some(*status)) });
                assert!(
                    !matches!(
                        answer,
                        Next::ContinueRollback { .. } | Next::Delete { .. } | Next::CancelUpdate | Next::RollBack
                    ),
                    "{status} {goal:?} {answer:?}"
                );
            }
        }
    }
}
