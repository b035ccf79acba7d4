//! What a template's value is once the things that it mentions are there.

use model::cfn::{Kind, SubPart, Value};
use serde_json::{Map, Value as Json};

/// What stands in a change set for a value that nobody can know yet. The text is CloudFormation's own.
pub(super) const KNOWN_LATER: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// Whom a value mentions.
pub(super) trait Names {
    /// `Ref`.
    fn reference(&self, name: &str) -> Result<Json, String>;
    /// `Fn::GetAtt`.
    fn attribute(&self, name: &str, attribute: &str) -> Result<Json, String>;
    /// `Fn::FindInMap`.
    fn mapped(&self, keys: [&str; 3]) -> Option<Value>;
    /// A condition.
    fn condition(&self, name: &str) -> Option<Value>;
    /// The region's zones.
    fn zones(&self) -> Vec<String>;
}

/// Evaluates; `AWS::NoValue` is null, and null entries are left out.
pub(super) fn evaluate(value: &Value, names: &dyn Names) -> Result<Json, String> {
    let text = |value: &Value| Ok::<_, String>(as_text(&evaluate(value, names)?));
    Ok(match &value.kind {
        Kind::Null => Json::Null,
        Kind::Text(text) => Json::String(text.clone()),
        Kind::List(items) => {
            let mut list = Vec::new();
            for item in items {
                match evaluate(item, names)? {
                    Json::Null => {}
                    item => list.push(item),
                }
            }
            Json::Array(list)
        }
        Kind::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                match evaluate(value, names)? {
                    Json::Null => {}
                    value => _ = map.insert(key.clone(), value),
                }
            }
            Json::Object(map)
        }
        Kind::Ref(name) => names.reference(name)?,
        Kind::GetAtt(name, attribute) => names.attribute(name, attribute)?,
        Kind::Sub(parts, variables) => {
            let mut whole = String::new();
            for part in parts {
                match part {
                    SubPart::Literal(text) => whole.push_str(text),
                    SubPart::Name(name) => match variables.get(name) {
                        Some(value) => whole.push_str(&text(value)?),
                        None => whole.push_str(&as_text(&names.reference(name)?)),
                    },
                    SubPart::Attribute(name, attribute) => {
                        whole.push_str(&as_text(&names.attribute(name, attribute)?));
                    }
                }
            }
            Json::String(whole)
        }
        Kind::Join(delimiter, list) => match evaluate(list, names)? {
            Json::Array(items) => Json::String(items.iter().map(as_text).collect::<Vec<_>>().join(&text(delimiter)?)),
            other => other,
        },
        Kind::Select(index, list) => {
            let index: usize = text(index)?.parse().map_err(|_| "Fn::Select needs a number".to_owned())?;
            match evaluate(list, names)? {
                Json::Array(mut items) if index < items.len() => items.swap_remove(index),
                Json::String(text) if text == KNOWN_LATER => Json::String(text),
                _ => return Err(format!("Fn::Select cannot select nonexistent value at index {index}")),
            }
        }
        Kind::Split(delimiter, whole) => {
            let (delimiter, whole) = (text(delimiter)?, text(whole)?);
            Json::Array(whole.split(&*delimiter).map(|part| Json::String(part.to_owned())).collect())
        }
        Kind::FindInMap(keys, default) => {
            let [map, first, second] = [text(&keys[0])?, text(&keys[1])?, text(&keys[2])?];
            match (names.mapped([&map, &first, &second]), default) {
                (Some(value), _) => evaluate(&value, names)?,
                (None, Some(default)) => evaluate(default, names)?,
                (None, None) => return Err(format!("Unable to get mapping for {map}::{first}::{second}")),
            }
        }
        Kind::If(name, yes, no) => evaluate(if holds_named(name, names)? { yes } else { no }, names)?,
        Kind::Cidr(block, count, bits) => {
            let block = text(block)?;
            if block == KNOWN_LATER {
                return Ok(Json::Array(vec![Json::String(block); 256]));
            }
            let number = |text: String| text.parse::<u32>().map_err(|_| format!("Fn::Cidr: {text} is no number"));
            let count = number(text(count)?)?;
            let bits = bits.as_ref().map_or(Ok(8), |bits| number(text(bits)?))?;
            let blocks = carve(&block, count, bits).ok_or_else(|| format!("Fn::Cidr: {block} has no such blocks"))?;
            Json::Array(blocks.into_iter().map(Json::String).collect())
        }
        Kind::GetAzs(_) => Json::Array(names.zones().into_iter().map(Json::String).collect()),
        Kind::ImportValue(name) => return Err(format!("No export named {} found.", text(name)?)),
        Kind::Base64(inner) => Json::String(text(inner)?),
        Kind::And(_) | Kind::Or(_) | Kind::Not(_) | Kind::Equals(..) | Kind::Condition(_) => {
            Json::String(holds(value, names)?.to_string())
        }
        Kind::Other(name, _) => return Err(format!("Template error: {name} is not understood")),
    })
}

/// Whether a named condition holds.
pub(super) fn holds_named(name: &str, names: &dyn Names) -> Result<bool, String> {
    let condition = names.condition(name).ok_or_else(|| format!("Unresolved condition dependency {name}"))?;
    holds(&condition, names)
}

fn holds(value: &Value, names: &dyn Names) -> Result<bool, String> {
    Ok(match &value.kind {
        Kind::And(items) | Kind::Or(items) => {
            let decisive = matches!(value.kind, Kind::Or(_));
            for item in items {
                if holds(item, names)? == decisive {
                    return Ok(decisive);
                }
            }
            !decisive
        }
        Kind::Not(item) => !holds(item, names)?,
        Kind::Equals(left, right) => evaluate(left, names)? == evaluate(right, names)?,
        Kind::Condition(name) => holds_named(name, names)?,
        _ => as_text(&evaluate(value, names)?) == "true",
    })
}

/// A value as it stands inside of a text.
pub(super) fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The first blocks with so many host bits inside of a block.
fn carve(block: &str, count: u32, bits: u32) -> Option<Vec<String>> {
    let (address, length) = block.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let address: std::net::IpAddr = address.parse().ok()?;
    let (first, width): (u128, u32) = match address {
        std::net::IpAddr::V4(four) => (u128::from(u32::from(four)), 32),
        std::net::IpAddr::V6(six) => (u128::from(six), 128),
    };
    let small = width.checked_sub(bits).filter(|small| *small >= length && small - length < 32)?;
    if u64::from(count) > 1 << (small - length) {
        return None;
    }
    (0..u128::from(count))
        .map(|index| {
            let number = first.checked_add(index.checked_shl(bits)?)?;
            let address = if width == 32 {
                std::net::IpAddr::from(u32::try_from(number).ok()?.to_be_bytes())
            } else {
                std::net::IpAddr::from(number.to_be_bytes())
            };
            Some(format!("{address}/{small}"))
        })
        .collect()
}
