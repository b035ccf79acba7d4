use super::{NotEdited, PeopleEdit, edit_people};
use components::people::Person;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};

fn person(roles: &[&str]) -> Person {
    Person {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ssh_key: Some("ssh-ed25519 AAAA bob@desk".to_owned()),
        email: None,
    }
}

fn add(text: &str) -> String {
    edit_people(text, PeopleEdit::Add { name: "bob", person: &person(&["analyst"]) }).unwrap()
}

fn remove(text: &str, name: &str) -> Result<String, NotEdited> {
    edit_people(text, PeopleEdit::Remove { name })
}

#[test]
fn a_person_is_written_as_the_others_are() {
    let one_line =
        "name: shop # mine\npeople: # all of us\n    ann: { roles: [admin] } # since 2024\n\n# the end\nx-a: 1\n";
    insta::assert_snapshot!(add(one_line), @r#"
    name: shop # mine
    people: # all of us
        ann: { roles: [admin] } # since 2024
        bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" }

    # the end
    x-a: 1
    "#);
    let block = "people:\n  ann:\n    # the boss\n    roles:\n      - admin # for ever\n  # nobody else\nname: shop";
    insta::assert_snapshot!(add(block), @r#"
    people:
      ann:
        # the boss
        roles:
          - admin # for ever
      bob:
        roles: [analyst]
        ssh-key: "ssh-ed25519 AAAA bob@desk"
      # nobody else
    name: shop
    "#);
}

#[test]
fn a_manifest_without_people_gets_them() {
    insta::assert_snapshot!(add("name: shop"), @r#"
    name: shop
    people:
      bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" }
    "#);
    insta::assert_snapshot!(add("people: # none yet\nname: shop\n"), @r#"
    people: # none yet
      bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" }
    name: shop
    "#);
    insta::assert_snapshot!(add("people: {}\nname: shop\n"), @r#"
    people: { bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" } }
    name: shop
    "#);
    insta::assert_snapshot!(add("people: ~ # none\n"), @r#"people: { bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" } } # none"#);
    insta::assert_snapshot!(add("{ name: shop }"), @r#"{ name: shop, people: { bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" } } }"#);
    insta::assert_snapshot!(add("people: { ann: { roles: [admin] }, }\n"), @r#"people: { ann: { roles: [admin] }, bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAA bob@desk" }, }"#);
}

#[test]
fn lines_end_as_they_did() {
    let text = "people:\r\n  ann: { roles: [admin] }\r\nname: shop\r\n";
    let added = add(text);
    assert_eq!(added.matches('\n').count(), added.matches("\r\n").count());
    assert_eq!(remove(&added, "bob").unwrap(), text);
}

#[test]
fn a_person_goes_with_the_own_lines_only() {
    let text = "people:\n  # first\n  ann: { roles: [admin] } # boss\n  bob:\n    roles: [analyst]\n    # key\n    email: b@c.de\n\n  # last\n  cem: {}\n";
    insta::assert_snapshot!(remove(text, "bob").unwrap(), @r"
    people:
      # first
      ann: { roles: [admin] } # boss

      # last
      cem: {}
    ");
    insta::assert_snapshot!(remove(text, "cem").unwrap(), @r"
    people:
      # first
      ann: { roles: [admin] } # boss
      bob:
        roles: [analyst]
        # key
        email: b@c.de

      # last
    ");
    let only = "people: # us\n  # me\n  ann: { roles: [admin] } # boss\nname: shop";
    insta::assert_snapshot!(remove(only, "ann").unwrap(), @r"
    people: {} # us
      # me
    name: shop
    ");
    insta::assert_snapshot!(remove("people: { ann: {}, bob: {} }", "ann").unwrap(), @"people: { bob: {} }");
    insta::assert_snapshot!(remove("people: { ann: {}, bob: {} }", "bob").unwrap(), @"people: { ann: {} }");
    insta::assert_snapshot!(remove("people: { ann: {} }", "ann").unwrap(), @"people: {  }");
}

#[test]
fn what_cannot_be_edited_is_left_alone() {
    let why = |text: &str, edit| edit_people(text, edit).unwrap_err().why;
    let bob = person(&["analyst"]);
    let add = PeopleEdit::Add { name: "bob", person: &bob };
    insta::assert_snapshot!(why("people: { bob: {} }", add), @"bob is among the people already");
    insta::assert_snapshot!(why("x-us: &us { ann: {} }\npeople: *us\n", add), @"`people` is written with an anchor or a tag");
    insta::assert_snapshot!(why("people: [bob]", add), @"`people` is no mapping");
    insta::assert_snapshot!(why("people: {", add), @"the manifest cannot be read");
    insta::assert_snapshot!(why("people: { ann: {} }", PeopleEdit::Remove { name: "bob" }), @"there is no person `bob`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever is added and taken away again leaves no trace; whatever else stands there stays.
    #[test]
    fn adding_and_removing_is_nothing(
        names in collection::btree_set("[a-z]{1,6}", 1..5),
        block in any::<bool>(),
        comments in collection::vec("( #[a-z :{},\\[\\]'\"]{0,12})?", 5),
        roles in collection::vec("[a-z][a-zA-Z :,{}#&*!|>'\"%@`\\[\\]-]{0,9}".prop_map(|role| role.trim().to_owned()), 0..3),
    ) {
        let entries: String = names.iter().zip(&comments).map(|(name, comment)| if block {
            format!("  {name}:{comment}\n    roles: [admin]{comment}\n")
        } else {
            format!("  {name}: {{ roles: [admin] }}{comment}\n")
        }).collect();
        let text = format!("# top\nlandfall: 1\npeople:{}\n{entries}\n# after\nname: shop # end\n", comments[4]);
        let someone = Person { roles, ssh_key: None, email: Some("${x}@y".to_owned()) };
        let added = edit_people(&text, PeopleEdit::Add { name: "somebody-else", person: &someone }).unwrap();
        prop_assert!(added.contains("# after\nname: shop # end"));
        let gone = edit_people(&added, PeopleEdit::Remove { name: "somebody-else" }).unwrap();
        prop_assert_eq!(gone, text);
    }

    /// No text makes it panic, and what it gives back can be read.
    #[test]
    fn any_text_is_edited_or_refused(text in "[a-z:{} \n\t#&*!|'\"\\[\\],~-]{0,60}") {
        let _ = edit_people(&text, PeopleEdit::Add { name: "bob", person: &person(&["analyst"]) });
        let text = format!("people:{text}");
        if let Ok(added) = edit_people(&text, PeopleEdit::Add { name: "bob", person: &person(&["analyst"]) }) {
            prop_assert!(edit_people(&added, PeopleEdit::Remove { name: "bob" }).is_ok(), "{added:?}");
        }
    }
}
