//! Samples in the forms that Chat might send: what changes of a body, what the body means then, and what is told of it.
//!
//! Knows JSON and nothing of types; what decoding makes of a changed body is checked in `tolerance.rs`. Start at
//! [`Mutation`], then [`Mutant::of`].

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Stands in changed bodies where nothing must be told.
pub(crate) const SECRET: &str = "zq-told-secret";

/// A field that no type has.
const UNKNOWN: &str = "ZqUnknownField";

/// One change of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutation {
    /// Where the changed value stands in the sample, whatever else is changed.
    pub place: Place,
    /// What is done to it.
    pub change: Change,
}

/// Where a value stands in a JSON document.
pub type Place = Vec<Step>;

/// A step down into a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into the field of this name.
    Field(String),
    /// Into the element at this position.
    Element(usize),
}

/// What is done to a value. Several changes of one value are done in this order, whatever order they come in; one that
/// can't be done is passed over.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is missing.
    Dropped,
    /// Another value stands there, and nothing else is done to it.
    Replaced(Value),
    /// The field has another of its names.
    Renamed(&'static str),
    /// A scalar is written as another that says the same.
    Respelled(Value),
    /// An object has a field more.
    Widened,
    /// An object's fields come in another order: the last ones first, beginning before this one.
    Reordered(usize),
    /// The first element of a list stands in the list's place.
    Unlisted,
    /// It stands in a list of its own.
    Listed,
}

/// A changed sample.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// As it is sent.
    pub(crate) body: Value,
    /// The documented way to say the same.
    pub(crate) meaning: Value,
    /// Path and finding of everything in which the body differs from its meaning.
    pub(crate) told: BTreeSet<(String, String)>,
}

/// Every change of a single value, one at a time.
pub(crate) fn all(sample: &Value) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    walk(sample, &mut Vec::new(), &mut |value, place| {
        mutations.extend(changes(value, place).into_iter().map(|change| Mutation {
            place: place.clone(),
            change,
        }));
    });
    mutations
}

/// Shows every value of a document, each with its place.
pub(crate) fn walk(value: &Value, place: &mut Place, look: &mut impl FnMut(&Value, &Place)) {
    look(value, place);
    let inner: Vec<(Step, &Value)> = match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (Step::Field(name.clone()), value))
                .collect()
        }
        Value::Array(elements) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, value)| (Step::Element(index), value))
                .collect()
        }
        _ => return,
    };
    for (step, value) in inner {
        place.push(step);
        walk(value, place, look);
        place.pop();
    }
}

fn changes(value: &Value, place: &Place) -> Vec<Change> {
    let mut changes = Vec::new();
    if !place.is_empty() {
        changes.push(Change::Dropped);
    }
    changes.extend(others(value).into_iter().map(Change::Replaced));
    changes.extend(spellings(value).into_iter().map(Change::Respelled));
    match value {
        Value::Object(fields) => {
            changes.push(Change::Widened);
            changes.extend((1..fields.len()).map(Change::Reordered));
            changes.push(Change::Listed);
        }
        Value::Array(_) => changes.push(Change::Unlisted),
        _ => changes.push(Change::Listed),
    }
    changes
}

/// Values of every type.
fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![
        json!(null),
        json!(SECRET),
        json!(7),
        json!(-1.5),
        json!(true),
        json!([]),
        json!({}),
        json!([SECRET, SECRET]),
    ];
    // In an object's place this is an object without its fields and with another one, which are changes of their own.
    if !value.is_object() {
        others.push(json!({ "Nested": SECRET }));
    }
    others
}

/// Other scalars that say the same.
fn spellings(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => vec![json!(number.to_string())],
        Value::Bool(flag) => vec![json!(flag.to_string()), json!(u8::from(*flag))],
        Value::String(text) => {
            let number = text.parse::<u64>().ok();
            // Leading zeros would be lost.
            let number = number.filter(|number| number.to_string() == *text);
            number.map(|number| json!(number)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

// === impl Mutation ===

impl Mutation {
    /// Whether the sample, changed so, still says the same.
    pub fn is_harmless(&self, sample: &Value) -> bool {
        Mutant::of(sample, std::slice::from_ref(self)).meaning == *sample
    }
}

// === impl Mutant ===

impl Mutant {
    /// The sample with all of the changes.
    pub(crate) fn of(sample: &Value, mutations: &[Mutation]) -> Self {
        Self::grow(sample, &mut Vec::new(), "", mutations)
    }

    fn same(value: Value) -> Self {
        Self {
            body: value.clone(),
            meaning: value,
            told: BTreeSet::new(),
        }
    }

    fn grow(value: &Value, place: &mut Place, path: &str, mutations: &[Mutation]) -> Self {
        let changes = changes_at(place, mutations);
        let other = changes.iter().find_map(|change| match change {
            Change::Replaced(other) => Some(other),
            _ => None,
        });
        if let Some(other) = other {
            return Self::same(other.clone());
        }
        let mut mutant = match value {
            Value::Object(fields) => Self::grow_object(fields, place, path, mutations),
            Value::Array(elements) => Self::grow_list(elements, place, path, mutations),
            scalar => Self::same(scalar.clone()),
        };
        let spelling = changes.iter().find_map(|change| match change {
            Change::Respelled(spelling) => Some(spelling),
            _ => None,
        });
        if let Some(spelling) = spelling {
            mutant.body = spelling.clone();
            mutant.tell(path, kind(spelling));
        }
        if changes.contains(&&Change::Listed) && !mutant.body.is_array() {
            mutant.body = json!([mutant.body]);
            mutant.tell(path, "list");
        }
        mutant
    }

    fn grow_object(
        fields: &Map<String, Value>,
        place: &mut Place,
        path: &str,
        mutations: &[Mutation],
    ) -> Self {
        let mut mutant = Self::same(Value::Null);
        let (mut body, mut meaning) = (Vec::new(), Map::new());
        for (name, value) in fields {
            place.push(Step::Field(name.clone()));
            let changes = changes_at(place, mutations);
            if !changes.contains(&&Change::Dropped) {
                let renamed = changes.iter().find_map(|change| match change {
                    Change::Renamed(alias) => Some(*alias),
                    _ => None,
                });
                let sent = renamed.unwrap_or(name);
                let inner = Self::grow(value, place, &join(path, sent), mutations);
                body.push((sent.to_owned(), inner.body));
                meaning.insert(name.clone(), inner.meaning);
                mutant.told.extend(inner.told);
            }
            place.pop();
        }
        for change in changes_at(place, mutations) {
            match change {
                Change::Widened => {
                    body.push((UNKNOWN.to_owned(), json!([{ "Nested": SECRET }])));
                    mutant.tell(&join(path, UNKNOWN), "unknown field");
                }
                Change::Reordered(start) => {
                    let start = (*start).min(body.len());
                    body.rotate_left(start);
                    body.reverse();
                }
                _ => {}
            }
        }
        mutant.body = Value::Object(body.into_iter().collect());
        mutant.meaning = Value::Object(meaning);
        mutant
    }

    fn grow_list(
        elements: &[Value],
        place: &mut Place,
        path: &str,
        mutations: &[Mutation],
    ) -> Self {
        let mut inner = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            place.push(Step::Element(index));
            if !changes_at(place, mutations).contains(&&Change::Dropped) {
                let path = format!("{path}[]");
                inner.push(Self::grow(element, place, &path, mutations));
            }
            place.pop();
        }
        let is_unlisted = changes_at(place, mutations).contains(&&Change::Unlisted)
            && inner.first().is_some_and(|first| is_lone(&first.body));
        if is_unlisted {
            inner.truncate(1);
        }
        let mut mutant = Self::same(Value::Null);
        let (mut body, mut meaning) = (Vec::new(), Vec::new());
        for element in inner {
            body.push(element.body);
            meaning.push(element.meaning);
            mutant.told.extend(element.told);
        }
        mutant.meaning = Value::Array(meaning);
        mutant.body = match body.pop() {
            Some(element) if is_unlisted => {
                mutant.tell(path, kind(&element));
                element
            }
            last => {
                body.extend(last);
                Value::Array(body)
            }
        };
        mutant
    }

    fn tell(&mut self, path: &str, found: &str) {
        self.told.insert((path.to_owned(), found.to_owned()));
    }
}

fn changes_at<'a>(place: &Place, mutations: &'a [Mutation]) -> Vec<&'a Change> {
    let here = mutations.iter().filter(|mutation| mutation.place == *place);
    here.map(|mutation| &mutation.change).collect()
}

/// What means itself, and no list, where a list belongs.
fn is_lone(element: &Value) -> bool {
    !element.is_array() && !element.is_null() && *element != json!({})
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// As drift calls it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
