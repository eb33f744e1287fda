//! Conditions on the arguments of a call, in three values.

use crate::decimal::Decimal;
use crate::glob::Glob;
use crate::regex::Regex;
use std::borrow::Cow;

/// What a condition, or all of a rule's, come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// The argument is not there, or is not of the type that the test is about.
    Undecidable,
}

impl Truth {
    fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// Both must hold.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Undecidable, _) | (_, Self::Undecidable) => Self::Undecidable,
            (Self::True, Self::True) => Self::True,
        }
    }

    /// One must hold.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Undecidable, _) | (_, Self::Undecidable) => Self::Undecidable,
            (Self::False, Self::False) => Self::False,
        }
    }
}

/// The type of a [`Datum`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// Named members.
    Members,
}

/// An argument as somebody else has read it: this crate knows no JSON.
pub trait Datum: Copy {
    /// Its type.
    fn shape(self) -> Shape;
    /// Of [`Shape::Boolean`].
    fn boolean(self) -> Option<bool>;
    /// Of [`Shape::Number`], as it is written.
    fn number(self) -> Option<Decimal>;
    /// Calls back with the text of [`Shape::Text`], unescaped.
    fn with_text<R>(self, f: impl FnOnce(&str) -> R) -> Option<R>;
    /// How many items or members there are.
    fn len(self) -> usize;
    /// The member of that name of [`Shape::Members`].
    fn member(self, name: &str) -> Option<Self>;
    /// Whether any member of [`Shape::Members`] has a name that fits.
    fn any_name(self, fits: impl Fn(&str) -> bool) -> bool;
    /// The item at that place of [`Shape::List`].
    fn item(self, at: usize) -> Option<Self>;
    /// Whether there are no items or members.
    fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A value as a policy writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number, by its value.
    Number(Decimal),
    /// A text.
    Text(Box<str>),
    /// A list.
    List(Box<[Literal]>),
    /// Members with distinct names.
    Members(Box<[(Box<str>, Literal)]>),
}

impl Literal {
    /// Whether a value is this one, deeply; the order of members does not matter.
    /// Undecidable where only a number that cannot be told exactly stands in the way.
    pub fn equals<D: Datum>(&self, datum: D) -> Truth {
        if self.shape() != datum.shape() {
            return Truth::False;
        }
        match self {
            Self::Null => Truth::True,
            Self::Boolean(value) => Truth::of(datum.boolean() == Some(*value)),
            Self::Number(value) => datum
                .number()
                .map_or(Truth::Undecidable, |number| Truth::of(number == *value)),
            Self::Text(value) => Truth::of(datum.with_text(|text| **value == *text) == Some(true)),
            Self::List(items) if datum.len() == items.len() => all(items
                .iter()
                .enumerate()
                .map(|(at, item)| (item, datum.item(at)))),
            // Too many to look for second names among them.
            Self::Members(_) if datum.len() > MOST_MEMBERS => Truth::Undecidable,
            Self::Members(members)
                if members.iter().any(|(name, _)| has_lookalike(datum, name)) =>
            {
                Truth::Undecidable
            }
            Self::Members(members) if datum.len() == members.len() => all(members
                .iter()
                .map(|(name, value)| (value, datum.member(name)))),
            Self::List(_) | Self::Members(_) => Truth::False,
        }
    }

    /// Its type.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Null => Shape::Null,
            Self::Boolean(_) => Shape::Boolean,
            Self::Number(_) => Shape::Number,
            Self::Text(_) => Shape::Text,
            Self::List(_) => Shape::List,
            Self::Members(_) => Shape::Members,
        }
    }
}

/// Policies' own values can be asked about too: in tests of policies arguments are written down.
impl Datum for &Literal {
    fn shape(self) -> Shape {
        Literal::shape(self)
    }

    fn boolean(self) -> Option<bool> {
        match self {
            Literal::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    fn number(self) -> Option<Decimal> {
        match self {
            Literal::Number(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn with_text<R>(self, f: impl FnOnce(&str) -> R) -> Option<R> {
        match self {
            Literal::Text(text) => Some(f(text)),
            _ => None,
        }
    }

    fn len(self) -> usize {
        match self {
            Literal::List(items) => items.len(),
            Literal::Members(members) => members.len(),
            _ => 0,
        }
    }

    fn member(self, name: &str) -> Option<Self> {
        match self {
            Literal::Members(members) => {
                let (_, value) = members.iter().find(|(n, _)| **n == *name)?;
                Some(value)
            }
            _ => None,
        }
    }

    fn any_name(self, fits: impl Fn(&str) -> bool) -> bool {
        match self {
            Literal::Members(members) => members.iter().any(|(name, _)| fits(name)),
            _ => false,
        }
    }

    fn item(self, at: usize) -> Option<Self> {
        match self {
            Literal::List(items) => items.get(at),
            _ => None,
        }
    }
}

/// A test of one argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The reference tokens of a JSON Pointer (RFC 6901), unescaped.
    pub pointer: Box<[Box<str>]>,
    /// What is asked of the value there.
    pub test: Test,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is this one. Values of another type are undecidable.
    Equals(Literal),
    /// It is one of these. Undecidable where none is of its type.
    In(Box<[Literal]>),
    /// A text that matches as a whole.
    Glob(Glob),
    /// A text that matches as a whole.
    Regex(Regex),
    /// A number within inclusive bounds.
    Range {
        /// The least.
        min: Option<Decimal>,
        /// The greatest.
        max: Option<Decimal>,
    },
    /// There is a value at all, or there is none. Undecidable only where another reader finds
    /// another member by that name.
    Present(bool),
}

impl Condition {
    /// Whether it holds for the arguments of a call; none stands for a call without.
    pub fn holds<D: Datum>(&self, arguments: Option<D>) -> Truth {
        let mut found = arguments;
        for token in &self.pointer {
            let Some(at) = found else {
                break;
            };
            if at.shape() == Shape::Members && has_lookalike(at, token) {
                return Truth::Undecidable;
            }
            found = step(at, token);
        }
        if let Test::Present(wanted) = self.test {
            return Truth::of(found.is_some() == wanted);
        }
        let Some(found) = found else {
            return Truth::Undecidable;
        };
        let text = |matches: &dyn Fn(&str) -> bool| {
            found
                .with_text(|text| matches(text))
                .map_or(Truth::Undecidable, Truth::of)
        };
        match &self.test {
            Test::Equals(literal) => among(std::slice::from_ref(literal), found),
            Test::In(literals) => among(literals, found),
            Test::Glob(glob) => text(&|text| glob.matches(text)),
            Test::Regex(regex) => text(&|text| regex.matches(text)),
            Test::Range { min, max } => match found.number() {
                None => Truth::Undecidable,
                Some(number) => Truth::of(
                    min.as_ref().is_none_or(|min| *min <= number)
                        && max.as_ref().is_none_or(|max| number <= *max),
                ),
            },
            Test::Present(_) => Truth::Undecidable,
        }
    }
}

/// Members of a value that is compared with a literal.
const MOST_MEMBERS: usize = 1000;

/// Whether a member has another name that is this one to readers that fold case: theirs may be
/// another value.
fn has_lookalike<D: Datum>(at: D, name: &str) -> bool {
    at.any_name(|other| other != name && folded(other).eq(folded(name)))
}

/// Without case. By way of capitals, so that signs of one capital (s and long s) are one.
fn folded(name: &str) -> impl Iterator<Item = char> {
    let capitals = name.chars().flat_map(char::to_uppercase);
    capitals.flat_map(char::to_lowercase)
}

/// Whether each is there and equal.
fn all<'l, D: Datum>(pairs: impl Iterator<Item = (&'l Literal, Option<D>)>) -> Truth {
    pairs
        .map(|(literal, datum)| datum.map_or(Truth::False, |datum| literal.equals(datum)))
        .fold(Truth::True, Truth::and)
}

/// True if one is equal; false if all those of its type are certainly others.
fn among<D: Datum>(literals: &[Literal], datum: D) -> Truth {
    let shape = datum.shape();
    let mut of_its_type = literals
        .iter()
        .filter(|literal| literal.shape() == shape)
        .map(|literal| literal.equals(datum))
        .peekable();
    if of_its_type.peek().is_none() {
        return Truth::Undecidable;
    }
    of_its_type.fold(Truth::False, Truth::or)
}

/// One step of a JSON Pointer (RFC 6901 §4).
fn step<D: Datum>(at: D, token: &str) -> Option<D> {
    match at.shape() {
        Shape::Members => at.member(token),
        Shape::List => {
            let plain = token == "0" || !token.starts_with('0');
            let digits = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
            (plain && digits)
                .then(|| token.parse().ok())
                .flatten()
                .and_then(|index| at.item(index))
        }
        Shape::Null | Shape::Boolean | Shape::Number | Shape::Text => None,
    }
}

/// The reference tokens of a written JSON Pointer; none where it is not one (RFC 6901 §3).
pub fn pointer(text: &str) -> Option<Box<[Box<str>]>> {
    if text.is_empty() {
        return Some(Box::default());
    }
    let tokens = text.strip_prefix('/')?;
    let unescaped = |token: &str| {
        let mut rest = token;
        while let Some((_, after)) = rest.split_once('~') {
            if !after.starts_with(['0', '1']) {
                return None;
            }
            rest = after;
        }
        let text: Cow<'_, str> = token.replace("~1", "/").replace("~0", "~").into();
        Some(text.into())
    };
    tokens.split('/').map(unescaped).collect()
}

#[cfg(test)]
mod tests;
