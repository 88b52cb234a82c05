//! A deserializer that gives a type what it wants, as far as a body's tree can be read that way, and reports each place
//! where that was not what stood there.
//!
//! | wanted | read from, beside itself |
//! |---|---|
//! | string | integer, boolean, null as empty |
//! | integer | string of one (also `+5`, `-3.0` and `1e3`), float without fraction, boolean, null as 0 |
//! | float | string, null as 0 |
//! | boolean | 0 and 1, also as strings, `"true"` and `"false"`, null as false |
//! | list | a single element, null or an empty object as empty |
//! | object | null or an empty list as empty |
//! | anything else than a list | a list of one |
//!
//! A missing field is read as null, a repeated one by its last value. serde tells of such a field by an error, once the
//! visitor is spent; so the error leaves an [`Amendment`] behind and the tree is read once more, with it.
//!
//! Start at [`coerce`]; `coerce/access.rs` walks lists and objects, `coerce/scalar.rs` reads scalars.

mod access;
mod failure;
mod scalar;

use std::cell::{Cell, RefCell};

use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
};

use self::{
    access::{Choice, Elements, Entries, Shape},
    failure::{Failure, Outcome},
};
use super::{
    report::{Path, Report},
    tree::{Object, Tree},
};

/// Missing and repeated fields that one body can have, counted without positions; each costs one more reading.
const AMENDMENTS_MAX: usize = 16;

const OBJECT: &str = "object";
const LIST: &str = "list";
const VALUE: &str = "value";
const VARIANT: &str = "one of the known values";
const ONCE: &str = "a field once";
const REPEATED: &str = "repeated field";

/// Reads a tree as a type; `None` when it can't be. What differs is in the report.
pub(super) fn coerce<T: DeserializeOwned>(tree: &Tree<'_>, report: &Report) -> Option<T> {
    let reading = Reading {
        report,
        amendments: RefCell::default(),
    };
    let root = Node {
        tree,
        path: Path::Root,
        reading: &reading,
        standing: Standing::Given,
    };
    if matches!(tree, Tree::Null) {
        // An absent field may be empty; an absent body says nothing that a handler should see.
        report.fatal(&root.path, OBJECT, "null");
        return None;
    }
    // One reading more than there can be amendments: the last one can only fail or succeed.
    for _ in 0..=AMENDMENTS_MAX {
        match T::deserialize(root) {
            Ok(value) => return Some(value),
            Err(Failure::Amended) => {}
            Err(_) => return None,
        }
    }
    None
}

/// What all readings of one body share.
struct Reading<'r> {
    report: &'r Report,
    amendments: RefCell<Vec<Amendment>>,
}

/// What is to be done at a place when it is read again.
#[derive(Debug, PartialEq)]
struct Amendment {
    path: String,
    /// The struct's name, since an enum's variants share a place.
    name: &'static str,
    change: Change,
}

#[derive(Debug, PartialEq)]
enum Change {
    /// Show a null where this field is missing.
    Supply(&'static str),
    /// Don't show this field, an alias of one that was already there.
    Omit(String),
}

/// A place in the tree.
#[derive(Clone, Copy)]
struct Node<'de, 'a> {
    tree: &'de Tree<'de>,
    path: Path<'a>,
    reading: &'a Reading<'a>,
    standing: Standing,
}

/// How a value came to stand where it is.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    /// It stood in the body.
    Given,
    /// It did not: a null that stands for a missing field.
    Absent,
    /// It stood in the body without the list that it is now an element of.
    Lone,
    /// It is the value of a field that no struct is known to have.
    Undeclared,
}

// === impl Node ===

impl<'de> Node<'de, '_> {
    /// What is here, for people.
    fn found(&self) -> &'static str {
        match self.standing {
            Standing::Absent => "missing",
            _ => self.tree.kind(),
        }
    }

    fn note(&self, expected: &str) {
        self.reading.report.note(&self.path, expected, self.found());
    }

    /// What is here can't be read as what is wanted.
    fn refuse<T>(&self, expected: &str) -> Outcome<T> {
        let found = match self.standing {
            Standing::Absent => "missing".to_owned(),
            _ => format!("unreadable {}", self.tree.kind()),
        };
        self.reading.report.fatal(&self.path, expected, &found);
        Err(Failure::Reported)
    }

    /// Reports an error of the visitor's at the innermost place that knows of it, and on success what was coerced.
    fn settle<T>(&self, outcome: Outcome<T>, expected: &str, coerced: bool) -> Outcome<T> {
        match outcome {
            Ok(value) => {
                if coerced {
                    self.note(expected);
                }
                Ok(value)
            }
            Err(failure @ (Failure::Reported | Failure::Amended)) => Err(failure),
            Err(Failure::UnknownVariant) => {
                let report = self.reading.report;
                report.fatal(&self.path, VARIANT, "unknown value");
                Err(Failure::Reported)
            }
            Err(_) => self.refuse(expected),
        }
    }

    /// The element of a list of one, where no list is wanted.
    fn unlisted(mut self, expected: &str) -> Self {
        if let Tree::List(elements) = self.tree
            && let [element] = elements.as_slice()
        {
            self.note(expected);
            self.tree = element;
        }
        self
    }

    fn list<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let (elements, standing) = match self.tree {
            Tree::List(elements) => (elements.as_slice(), Standing::Given),
            Tree::Null => (&[][..], Standing::Given),
            Tree::Object(object) if object.entries.is_empty() => (&[][..], Standing::Given),
            // Once only: a type that is a list of itself would never end.
            _ if self.standing == Standing::Lone => return self.refuse(LIST),
            _ => (std::slice::from_ref(self.tree), Standing::Lone),
        };
        let coerced = !matches!(self.tree, Tree::List(_));
        let access = Elements::new(&self, elements, standing);
        self.settle(visitor.visit_seq(access), LIST, coerced)
    }

    fn object<V: Visitor<'de>>(self, shape: Option<Shape>, visitor: V) -> Outcome<V::Value> {
        const EMPTY: &Object<'static> = &Object {
            entries: Vec::new(),
            repeated: Vec::new(),
        };
        let node = self.unlisted(OBJECT);
        let (object, coerced) = match node.tree {
            Tree::Object(object) => (object, false),
            Tree::Null => (EMPTY, true),
            Tree::List(elements) if elements.is_empty() => (EMPTY, true),
            _ => return node.refuse(OBJECT),
        };
        let latest = Cell::new("");
        let access = Entries::new(&node, object, shape, &latest);
        let name = shape.map_or("", |shape| shape.name);
        match visitor.visit_map(access) {
            Err(Failure::Missing(field)) => node.ask_again(name, Change::Supply(field)),
            Err(Failure::Repeated) => node.ask_again(name, Change::Omit(latest.get().to_owned())),
            outcome => node.settle(outcome, OBJECT, coerced),
        }
    }

    /// Asks for another reading, with this change; refuses when that would not help.
    fn ask_again<T>(&self, name: &'static str, change: Change) -> Outcome<T> {
        let report = self.reading.report;
        let mut amendments = self.reading.amendments.borrow_mut();
        let amendment = Amendment {
            path: self.path.render(),
            name,
            change,
        };
        let (field, expected, found) = match &amendment.change {
            Change::Supply(field) => (*field, VALUE, "missing"),
            Change::Omit(field) => (field.as_str(), ONCE, REPEATED),
        };
        let path = Path::Field(&self.path, field);
        if amendments.len() == AMENDMENTS_MAX || amendments.contains(&amendment) {
            report.fatal(&path, expected, found);
            return Err(Failure::Reported);
        }
        if let Change::Omit(_) = amendment.change {
            report.note(&path, expected, found);
        }
        amendments.push(amendment);
        Err(Failure::Amended)
    }

    fn choice<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let node = self.unlisted(VARIANT);
        match node.tree {
            Tree::String(_) | Tree::Number(_) => {
                let access = Choice::unit(&node);
                node.settle(visitor.visit_enum(access), VARIANT, false)
            }
            Tree::Object(object) => {
                let [(variant, content)] = object.entries.as_slice() else {
                    return node.refuse(VARIANT);
                };
                let access = Choice::with_content(&node, variant, content);
                node.settle(visitor.visit_enum(access), VARIANT, false)
            }
            _ => node.refuse(VARIANT),
        }
    }

    /// For types that take whatever comes: nothing is coerced.
    fn any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.tree {
            Tree::Null => {
                let absent = self.standing == Standing::Absent;
                self.settle(visitor.visit_unit(), VALUE, absent)
            }
            Tree::Bool(value) => self.settle(visitor.visit_bool(*value), VALUE, false),
            Tree::Number(number) => self.settle(number.visit(visitor), VALUE, false),
            Tree::String(text) => self.settle(visitor.visit_borrowed_str(text), VALUE, false),
            Tree::List(_) => self.list(visitor),
            Tree::Object(_) => self.object(None, visitor),
        }
    }
}

macro_rules! forward {
    ($($target:ident: $($method:ident)*;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            self.$target(visitor)
        }
    )*)*};
}

impl<'de> Deserializer<'de> for Node<'de, '_> {
    type Error = Failure;

    forward! {
        any: deserialize_any deserialize_bytes deserialize_byte_buf;
        boolean: deserialize_bool;
        integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        float: deserialize_f32 deserialize_f64;
        text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        list: deserialize_seq;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if !matches!(self.tree, Tree::Null) {
            return visitor.visit_some(self);
        }
        let absent = self.standing == Standing::Absent;
        self.settle(visitor.visit_none(), VALUE, absent)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.settle(visitor.visit_newtype_struct(self), VALUE, false)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Outcome<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.object(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        self.object(Some(Shape { name, fields }), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        self.choice(visitor)
    }

    /// A field that no type wants; one that a type wants only to ignore is no drift.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.standing == Standing::Undeclared {
            self.reading
                .report
                .note(&self.path, "no such field", "unknown field");
        }
        visitor.visit_unit()
    }
}
