//! Properties as the things that they stand for.

use crate::reachability::bounded::{Tri, Whys, why};
use model::cfn::{Evaluated, Is};

/// A reference to something that has an identity.
#[derive(Debug, Clone)]
pub(super) enum Reference {
    /// A resource of the template, with the attribute that was asked for.
    Own(String, Option<String>),
    /// Something outside: an id that was written down, or why it is not known.
    External(String, Whys),
    /// Nothing was said.
    Absent,
}

pub(super) fn reference(value: &Evaluated) -> Reference {
    match &value.is {
        Is::Absent => Reference::Absent,
        Is::Resource(name) => Reference::Own(name.clone(), None),
        Is::Attribute(name, attribute) => Reference::Own(name.clone(), Some(attribute.clone())),
        Is::Text(text) => Reference::External(text.clone(), why(format!("{text} is not in this template"))),
        Is::Unknown(whys) => {
            let text = whys.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Reference::External(text, whys.clone())
        }
        Is::List(items) if items.len() == 1 => reference(&items[0]),
        Is::List(_) | Is::Map(_) => {
            let text = format!("line {} is no single reference", value.line);
            Reference::External(text.clone(), why(text))
        }
    }
}

pub(super) fn own_name(value: &Evaluated) -> Option<&str> {
    match &value.is {
        Is::Resource(name) | Is::Attribute(name, _) => Some(name),
        Is::List(items) if items.len() == 1 => own_name(&items[0]),
        _ => None,
    }
}

/// A boolean; CloudFormation takes texts for it too.
pub(super) fn truth(value: &Evaluated) -> Option<Tri> {
    match &value.is {
        Is::Absent => None,
        Is::Text(text)
            if ["true", "yes", "on", "1", "enabled", "enable"].iter().any(|yes| text.eq_ignore_ascii_case(yes)) =>
        {
            Some(Tri::Yes)
        }
        Is::Text(text)
            if ["false", "no", "off", "0", "disabled", "disable"].iter().any(|no| text.eq_ignore_ascii_case(no)) =>
        {
            Some(Tri::No)
        }
        Is::Unknown(whys) => Some(Tri::Unknown(whys.clone())),
        _ => Some(Tri::Unknown(why(format!("line {} is neither true nor false", value.line)))),
    }
}

pub(super) fn number(value: &Evaluated) -> Option<i64> {
    let text = value.as_text()?.trim();
    text.parse::<i64>().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        // Ports come as `443.0` from some generators.
        (float.fract() == 0.0 && float.abs() < 1e15).then_some(float as i64)
    })
}

pub(super) fn port(value: &Evaluated) -> Option<u16> {
    number(value).and_then(|port| u16::try_from(port).ok())
}

/// Why a value that is there could not be used.
pub(super) fn why_not(value: &Evaluated, wanted: &str) -> Whys {
    match &value.is {
        Is::Unknown(whys) => whys.clone(),
        Is::Absent => why(format!("{wanted} is not given")),
        Is::Text(text) => why(format!("`{text}` at line {} is no {wanted}", value.line)),
        Is::Resource(name) => why(format!("{wanted} is the id of {name}, known once it exists")),
        Is::Attribute(name, attribute) => why(format!("{wanted} is {name}.{attribute}, known once it exists")),
        Is::List(_) | Is::Map(_) => why(format!("line {} is no {wanted}", value.line)),
    }
}
