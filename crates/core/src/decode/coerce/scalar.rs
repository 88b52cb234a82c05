//! Scalars as other scalars, where no digit and no letter is lost.

use serde::de::{Error, Visitor};

use super::{Node, Outcome};
use crate::decode::tree::{Number, Tree};

const STRING: &str = "string";
const INTEGER: &str = "integer";
const FLOAT: &str = "number";
const BOOLEAN: &str = "boolean";

/// 2^53: up to here a float tells every integer from its neighbours.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl<'de> Node<'de, '_> {
    pub(super) fn text<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let node = self.unlisted(STRING);
        let text = match node.tree {
            Tree::String(text) => {
                return node.settle(visitor.visit_borrowed_str(text), STRING, false);
            }
            Tree::Number(number) => number.text(),
            Tree::Bool(value) => Some(value.to_string()),
            Tree::Null => Some(String::new()),
            Tree::List(_) | Tree::Object(_) => None,
        };
        match text {
            Some(text) => node.settle(visitor.visit_string(text), STRING, true),
            None => node.refuse(STRING),
        }
    }

    pub(super) fn integer<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let node = self.unlisted(INTEGER);
        let number = match node.tree {
            Tree::Number(number) => number.integer(),
            Tree::String(text) => integer_of(text),
            Tree::Bool(value) => Some(Number::Unsigned(u64::from(*value))),
            Tree::Null => Some(Number::Unsigned(0)),
            Tree::List(_) | Tree::Object(_) => None,
        };
        match number {
            Some(number) => {
                let coerced = *node.tree != Tree::Number(number);
                node.settle(number.visit(visitor), INTEGER, coerced)
            }
            None => node.refuse(INTEGER),
        }
    }

    pub(super) fn float<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let node = self.unlisted(FLOAT);
        let number = match node.tree {
            Tree::Number(number) => return node.settle(number.visit(visitor), FLOAT, false),
            Tree::String(text) => float_of(text),
            Tree::Null => Some(0.0),
            Tree::Bool(_) | Tree::List(_) | Tree::Object(_) => None,
        };
        match number {
            Some(number) => node.settle(visitor.visit_f64(number), FLOAT, true),
            None => node.refuse(FLOAT),
        }
    }

    pub(super) fn boolean<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let node = self.unlisted(BOOLEAN);
        let value = match node.tree {
            Tree::Bool(value) => return node.settle(visitor.visit_bool(*value), BOOLEAN, false),
            Tree::Number(Number::Unsigned(0)) | Tree::Null => Some(false),
            Tree::Number(Number::Unsigned(1)) => Some(true),
            Tree::String(text) => match text.trim() {
                "1" => Some(true),
                "0" => Some(false),
                word if word.eq_ignore_ascii_case("true") => Some(true),
                word if word.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
            Tree::Number(_) | Tree::List(_) | Tree::Object(_) => None,
        };
        match value {
            Some(value) => node.settle(visitor.visit_bool(value), BOOLEAN, true),
            None => node.refuse(BOOLEAN),
        }
    }
}

// === impl Number ===

impl Number {
    pub(super) fn visit<'de, V: Visitor<'de>, E: Error>(self, visitor: V) -> Result<V::Value, E> {
        match self {
            Self::Unsigned(number) => visitor.visit_u64(number),
            Self::Signed(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
        }
    }

    /// As it stood in the body. `None` for a float: its digits are not known any more, neither those of 1.10 nor those
    /// of an account that is too long for an integer.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Unsigned(number) => Some(number.to_string()),
            Self::Signed(number) => Some(number.to_string()),
            Self::Float(_) => None,
        }
    }

    /// The same number as an integer, if it is one.
    fn integer(self) -> Option<Self> {
        match self {
            Self::Float(number) => integer_of_float(number),
            integer => Some(integer),
        }
    }
}

pub(super) fn integer_of(text: &str) -> Option<Number> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some(Number::Unsigned(number));
    }
    if let Ok(number) = text.parse() {
        return Some(Number::Signed(number));
    }
    integer_of_float(float_of(text)?)
}

fn float_of(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

#[expect(clippy::cast_possible_truncation, reason = "within 2^53")]
fn integer_of_float(number: f64) -> Option<Number> {
    let exact = number.abs() < EXACT_MAX && number.fract() == 0.0;
    exact.then_some(Number::Signed(number as i64))
}
