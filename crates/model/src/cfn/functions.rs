//! The functions of a template that make texts and lists.

use super::cidr;
use super::evaluated::{Evaluated, Is, Why};
use super::evaluation::{Evaluator, NODE};
use super::value::{Kind, SubPart, Value};
use indexmap::IndexMap;
use std::collections::BTreeSet;

impl Evaluator<'_> {
    pub(super) fn sub(&self, parts: &[SubPart], variables: &IndexMap<String, Value>, line: u32) -> Evaluated {
        let evaluate = |part: &SubPart| match part {
            SubPart::Literal(text) => Evaluated { is: Is::Text(text.clone()), line },
            SubPart::Name(name) => match variables.get(name) {
                Some(value) => self.evaluate(value),
                None => self.reference(name, line),
            },
            SubPart::Attribute(name, attribute) => self.attribute(name, attribute, line),
        };
        if let [only] = parts {
            return evaluate(only);
        }
        let pieces: Vec<Evaluated> = parts.iter().map(evaluate).collect();
        self.concatenated(&pieces, "", line)
    }

    pub(super) fn join(&self, delimiter: &Value, list: &Value, line: u32) -> Evaluated {
        let delimiter = match self.text(delimiter) {
            Ok(delimiter) => delimiter,
            Err(whys) => return Evaluated { is: Is::Unknown(whys), line },
        };
        let list = self.evaluate(list);
        match &list.is {
            Is::List(items) => match items.as_slice() {
                [only] => Evaluated { is: only.is.clone(), line },
                items => self.concatenated(items, &delimiter, line),
            },
            _ => Evaluated { is: list.is, line },
        }
    }

    pub(super) fn select(&self, index: &Value, list: &Value, line: u32) -> Evaluated {
        let index = match self.text(index) {
            Ok(text) => text.trim().parse::<usize>().ok(),
            Err(whys) => return Evaluated { is: Is::Unknown(whys), line },
        };
        let list = self.evaluate(list);
        match (&list.is, index) {
            (Is::Unknown(_), _) => Evaluated { line, ..list },
            (Is::List(items), Some(index)) if index < items.len() => items[index].clone(),
            // An attribute that is a list (Ipv6CidrBlocks, CidrBlockAssociations): which item is known once it exists.
            (Is::Attribute(..) | Is::Resource(_), _) => list,
            _ => Evaluated::unknown(line, format!("Fn::Select at line {line} selects nothing")),
        }
    }

    pub(super) fn find_in_map(&self, keys: &[Value; 3], default: Option<&Value>, line: u32) -> Evaluated {
        let [map, first, second] = keys.each_ref().map(|key| self.text(key));
        let (map, first, second) = match (map, first, second) {
            (Ok(map), Ok(first), Ok(second)) => (map, first, second),
            (map, first, second) => return Evaluated { is: Is::Unknown(whys([map, first, second])), line },
        };
        let Some(entries) = self.graph.mappings.get(&map) else {
            return Evaluated::unknown(line, format!("there is no mapping {map} (line {line})"));
        };
        if let Some(value) = entries.get(&first).and_then(|row| row.get(&second)) {
            return self.literal(value);
        }
        if first.contains("${AWS::") {
            let mut values = entries.values().filter_map(|row| row.get(&second));
            if let Some(value) = values.next()
                && values.all(|other| other == value)
            {
                return self.literal(value);
            }
            return Evaluated::unknown(line, format!("{first} is not given, and the mapping {map} depends on it"));
        }
        match default {
            Some(default) => self.evaluate(default),
            None => Evaluated::unknown(line, format!("the mapping {map} has no {first}.{second} (line {line})")),
        }
    }

    /// What stands in a mapping: texts and lists of texts, never a function (which could lead back to itself).
    fn literal(&self, value: &Value) -> Evaluated {
        let is_literal = match &value.kind {
            Kind::Text(_) => true,
            Kind::List(items) => items.iter().all(|item| matches!(item.kind, Kind::Text(_))),
            _ => false,
        };
        if is_literal {
            return self.evaluate(value);
        }
        Evaluated::unknown(value.line, format!("line {} of a mapping is no text and no list of texts", value.line))
    }

    /// Pieces with a delimiter in between, as long as that does not grow beyond measure.
    fn concatenated(&self, pieces: &[Evaluated], delimiter: &str, line: u32) -> Evaluated {
        let texts = pieces.iter().filter_map(Evaluated::as_text).map(str::len).sum::<usize>();
        match self.charge(texts.saturating_add(delimiter.len().saturating_mul(pieces.len()))) {
            true => concatenate(pieces, delimiter, line),
            false => Self::exhausted(line),
        }
    }

    pub(super) fn split(&self, delimiter: &Value, text: &Value, line: u32) -> Evaluated {
        let (delimiter, text) = match (self.text(delimiter), self.text(text)) {
            (Ok(delimiter), Ok(text)) => (delimiter, text),
            (delimiter, text) => return Evaluated { is: Is::Unknown(whys([delimiter, text])), line },
        };
        if delimiter.is_empty() {
            return Evaluated::unknown(line, format!("Fn::Split at line {line} has no delimiter"));
        }
        if !self.charge(text.len() + NODE * text.matches(delimiter.as_str()).count()) {
            return Self::exhausted(line);
        }
        let parts = text.split(delimiter.as_str());
        let parts = parts.map(|part| Evaluated { is: Is::Text(part.to_owned()), line }).collect();
        Evaluated { is: Is::List(parts), line }
    }

    pub(super) fn cidr(&self, block: &Value, count: &Value, bits: Option<&Value>, line: u32) -> Evaluated {
        let block = self.evaluate(block);
        let text = match &block.is {
            Is::Text(text) => text.clone(),
            Is::Attribute(name, attribute) => {
                return Evaluated::unknown(line, format!("{name}.{attribute} is known once it exists"));
            }
            Is::Unknown(whys) => return Evaluated { is: Is::Unknown(whys.clone()), line },
            _ => return Evaluated::unknown(line, format!("Fn::Cidr at line {line} is given no block")),
        };
        let bits = bits.map_or_else(|| Ok("8".to_owned()), |bits| self.text(bits));
        let numbers = match (self.text(count), bits) {
            (Ok(count), Ok(bits)) => (count.trim().parse::<u32>(), bits.trim().parse::<u8>()),
            (count, bits) => return Evaluated { is: Is::Unknown(whys([count, bits])), line },
        };
        let blocks = match numbers {
            (Ok(count), Ok(bits)) => cidr::carve(&text, count, bits),
            _ => None,
        };
        match blocks {
            Some(blocks) => Evaluated {
                is: Is::List(blocks.into_iter().map(|block| Evaluated { is: Is::Text(block), line }).collect()),
                line,
            },
            None => Evaluated::unknown(line, format!("Fn::Cidr at line {line} asks for blocks that do not fit {text}")),
        }
    }
}

pub(super) fn whys<const N: usize>(results: [Result<String, BTreeSet<Why>>; N]) -> BTreeSet<Why> {
    results.into_iter().filter_map(Result::err).flatten().collect()
}

fn concatenate(pieces: &[Evaluated], delimiter: &str, line: u32) -> Evaluated {
    let mut text = String::new();
    let mut whys = BTreeSet::new();
    for (position, piece) in pieces.iter().enumerate() {
        if position > 0 {
            text.push_str(delimiter);
        }
        match &piece.is {
            Is::Text(part) => text.push_str(part),
            Is::Absent => {}
            Is::Unknown(more) => whys.extend(more.iter().cloned()),
            Is::Resource(name) => {
                whys.insert(Why(format!("the id of {name} is known once it exists")));
            }
            Is::Attribute(name, attribute) => {
                whys.insert(Why(format!("{name}.{attribute} is known once it exists")));
            }
            Is::List(_) | Is::Map(_) => {
                whys.insert(Why(format!("a text is expected at line {line}")));
            }
        }
    }
    let is = if whys.is_empty() { Is::Text(text) } else { Is::Unknown(whys) };
    Evaluated { is, line }
}
