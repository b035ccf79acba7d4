//! A value of a template: a literal or an expression.

use indexmap::IndexMap;

/// A value and the line of the template that it was read from (0 when it was made, not read).
#[derive(Debug, Clone)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Line, from 1.
    pub line: u32,
}

/// Two values are equal when they say the same, wherever it was said.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// A piece of an `Fn::Sub`.
#[derive(Debug, Clone, PartialEq)]
pub enum SubPart {
    /// Characters as they are.
    Literal(String),
    /// `${Name}`: a variable of the same `Fn::Sub`, else as `Ref`.
    Name(String),
    /// `${Name.Attribute}`.
    Attribute(String, String),
}

/// What a value is. Numbers and booleans are kept as the texts that CloudFormation makes of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// A text, a number or a boolean.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(IndexMap<String, Value>),
    /// `Ref` of a parameter, a resource or a pseudo parameter.
    Ref(String),
    /// `Fn::GetAtt`.
    GetAtt(String, String),
    /// `Fn::Sub` with its own variables.
    Sub(Vec<SubPart>, IndexMap<String, Value>),
    /// `Fn::Join`: delimiter, list.
    Join(Box<Value>, Box<Value>),
    /// `Fn::Select`: index, list.
    Select(Box<Value>, Box<Value>),
    /// `Fn::Split`: delimiter, text.
    Split(Box<Value>, Box<Value>),
    /// `Fn::FindInMap`: map, first key, second key, default.
    FindInMap(Box<[Value; 3]>, Option<Box<Value>>),
    /// `Fn::If`: condition, then, else.
    If(String, Box<Value>, Box<Value>),
    /// `Fn::Cidr`: block, count, host bits.
    Cidr(Box<Value>, Box<Value>, Option<Box<Value>>),
    /// `Fn::GetAZs` of a region.
    GetAzs(Box<Value>),
    /// `Fn::ImportValue`.
    ImportValue(Box<Value>),
    /// `Fn::Base64`.
    Base64(Box<Value>),
    /// `Fn::And`.
    And(Vec<Value>),
    /// `Fn::Or`.
    Or(Vec<Value>),
    /// `Fn::Not`.
    Not(Box<Value>),
    /// `Fn::Equals`.
    Equals(Box<Value>, Box<Value>),
    /// `Condition` inside of a condition.
    Condition(String),
    /// A function that is not evaluated, or one with arguments that it does not take.
    Other(String, Box<Value>),
}

impl Value {
    /// A made value.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, line: 0 }
    }

    /// A literal text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Kind::Text(text.into()))
    }

    /// A `Ref`.
    pub fn reference(name: impl Into<String>) -> Self {
        Self::new(Kind::Ref(name.into()))
    }

    /// A `Fn::GetAtt`.
    pub fn attribute(name: impl Into<String>, attribute: impl Into<String>) -> Self {
        Self::new(Kind::GetAtt(name.into(), attribute.into()))
    }

    /// A literal list.
    pub fn list(items: impl IntoIterator<Item = impl Into<Self>>) -> Self {
        Self::new(Kind::List(items.into_iter().map(Into::into).collect()))
    }

    /// A literal mapping.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::new(Kind::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// An `Fn::Sub` of a text with `${Name}` and `${Name.Attribute}` in it; `${!Name}` stands for the characters.
    #[must_use]
    pub fn sub(text: &str) -> Self {
        Self::new(Kind::Sub(super::reader::sub_parts(text), IndexMap::new()))
    }

    /// An `Fn::Join` without delimiter.
    pub fn concatenation(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::new(Kind::Join(Box::new(Self::text("")), Box::new(Self::list(parts))))
    }

    /// The value under a key of a literal mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The values directly below this one.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Null | Kind::Text(_) | Kind::Ref(_) | Kind::GetAtt(..) | Kind::Condition(_) => Vec::new(),
            Kind::List(items) | Kind::And(items) | Kind::Or(items) => items.iter().collect(),
            Kind::Map(entries) | Kind::Sub(_, entries) => entries.values().collect(),
            Kind::Join(a, b) | Kind::Select(a, b) | Kind::Split(a, b) | Kind::If(_, a, b) | Kind::Equals(a, b) => {
                vec![a, b]
            }
            Kind::FindInMap(keys, default) => keys.iter().chain(default.as_deref()).collect(),
            Kind::Cidr(a, b, c) => [Some(a), Some(b), c.as_ref()].into_iter().flatten().map(AsRef::as_ref).collect(),
            Kind::GetAzs(a) | Kind::ImportValue(a) | Kind::Base64(a) | Kind::Not(a) | Kind::Other(_, a) => vec![a],
        }
    }

    /// The values directly below this one, to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.kind {
            Kind::Null | Kind::Text(_) | Kind::Ref(_) | Kind::GetAtt(..) | Kind::Condition(_) => Vec::new(),
            Kind::List(items) | Kind::And(items) | Kind::Or(items) => items.iter_mut().collect(),
            Kind::Map(entries) | Kind::Sub(_, entries) => entries.values_mut().collect(),
            Kind::Join(a, b) | Kind::Select(a, b) | Kind::Split(a, b) | Kind::If(_, a, b) | Kind::Equals(a, b) => {
                vec![a, b]
            }
            Kind::FindInMap(keys, default) => keys.iter_mut().chain(default.as_deref_mut()).collect(),
            Kind::Cidr(a, b, c) => [Some(a), Some(b), c.as_mut()].into_iter().flatten().map(AsMut::as_mut).collect(),
            Kind::GetAzs(a) | Kind::ImportValue(a) | Kind::Base64(a) | Kind::Not(a) | Kind::Other(_, a) => vec![a],
        }
    }

    /// The logical names that this value and all below it mention.
    #[must_use]
    pub fn mentions(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(value) = open.pop() {
            match &value.kind {
                Kind::Ref(name) | Kind::GetAtt(name, _) => found.push(name.as_str()),
                Kind::Sub(parts, variables) => found.extend(parts.iter().filter_map(|part| match part {
                    SubPart::Name(name) if !variables.contains_key(name) => Some(name.as_str()),
                    SubPart::Attribute(name, _) => Some(name.as_str()),
                    _ => None,
                })),
                _ => {}
            }
            open.extend(value.children());
        }
        found
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::text(value.to_string())
    }
}

macro_rules! from_number {
    ($($number:ty)*) => {$(
        impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::text(number.to_string())
            }
        }
    )*};
}

from_number!(u8 u16 u32 u64 i32);
