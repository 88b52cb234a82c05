//! A body as a tree: JSON with its order kept, repeated fields known, and strings borrowed where they can be.
//!
//! Not `serde_json::Value`, which sorts fields and hides repeated ones. Start at [`Tree::parse`].

use std::{borrow::Cow, cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

/// How deeply lists and objects may nest; a little less than `serde_json` allows, so that it is ours to notice.
const DEPTH_MAX: usize = 120;

/// A JSON value.
#[derive(Debug, PartialEq)]
pub(super) enum Tree<'de> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'de, str>),
    List(Vec<Tree<'de>>),
    Object(Object<'de>),
}

/// A JSON number; one too large for an integer is a float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// A JSON object.
#[derive(Debug, PartialEq)]
pub(super) struct Object<'de> {
    /// Each field once, the last one of a name, in the order in which they came.
    pub(super) entries: Vec<(Cow<'de, str>, Tree<'de>)>,
    /// Names that came more than once.
    pub(super) repeated: Vec<Cow<'de, str>>,
}

/// A tree, and whether something came behind it.
#[derive(Debug)]
pub(super) struct Parsed<'de> {
    pub(super) tree: Tree<'de>,
    pub(super) trailing: bool,
}

/// Why there is no tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unparsed {
    NotJson,
    TooDeep,
}

/// Grows a tree from what a deserializer shows.
#[derive(Clone, Copy)]
struct Grow<'a> {
    depth: usize,
    too_deep: &'a Cell<bool>,
}

// === impl Tree ===

impl<'de> Tree<'de> {
    /// Reads JSON.
    pub(super) fn parse(text: &'de str) -> Result<Parsed<'de>, Unparsed> {
        let too_deep = Cell::new(false);
        let grow = Grow {
            depth: 0,
            too_deep: &too_deep,
        };
        let mut json = serde_json::Deserializer::from_str(text);
        match grow.deserialize(&mut json) {
            Ok(tree) => Ok(Parsed {
                tree,
                trailing: json.end().is_err(),
            }),
            Err(_) if too_deep.get() => Err(Unparsed::TooDeep),
            Err(_) => Err(Unparsed::NotJson),
        }
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Object(_) => "object",
        }
    }
}

// === impl Object ===

impl<'de> Object<'de> {
    fn new(mut entries: Vec<(Cow<'de, str>, Tree<'de>)>) -> Self {
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        let mut repeated: Vec<Cow<'de, str>> = names
            .array_windows()
            .filter(|[one, next]| one == next)
            .map(|[name, _]| Cow::Owned((*name).to_owned()))
            .collect();
        repeated.dedup();
        if !repeated.is_empty() {
            keep_last(&mut entries, &repeated);
        }
        Self { entries, repeated }
    }
}

/// `repeated` is sorted.
fn keep_last<'de>(entries: &mut Vec<(Cow<'de, str>, Tree<'de>)>, repeated: &[Cow<'de, str>]) {
    let mut seen = vec![false; repeated.len()];
    entries.reverse();
    entries.retain(|(name, _)| {
        let position = repeated.binary_search(name).ok();
        match position.and_then(|position| seen.get_mut(position)) {
            Some(seen) => !std::mem::replace(seen, true),
            None => true,
        }
    });
    entries.reverse();
}

// === impl Grow ===

impl Grow<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            self.too_deep.set(true);
            return Err(E::custom("nesting too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Grow<'_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Grow<'_> {
    type Value = Tree<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(Number::Unsigned(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(Number::Signed(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(Number::Float(value)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree<'de>, A::Error> {
        let grow = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(grow)? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree<'de>, A::Error> {
        let grow = self.deeper()?;
        let mut entries = Vec::new();
        while let Some((name, value)) = access.next_entry_seed(grow, grow)? {
            let Tree::String(name) = name else {
                return Err(A::Error::custom("a name is a string"));
            };
            entries.push((name, value));
        }
        Ok(Tree::Object(Object::new(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_the_last_of_a_repeated_field() {
        let parsed = Tree::parse(r#"{"b": 1, "a": 2, "b": 3, "c": 4, "b": 5}"#).unwrap();
        let Tree::Object(object) = parsed.tree else {
            panic!("an object")
        };
        let names: Vec<&str> = object.entries.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "c", "b"]);
        assert_eq!(object.repeated, ["b"]);
        assert_eq!(object.entries[2].1, Tree::Number(Number::Unsigned(5)));
    }

    #[test]
    fn borrows_what_has_no_escape() {
        let parsed = Tree::parse(r#"["plain", "esc\u0041ped"]"#).unwrap();
        let Tree::List(elements) = parsed.tree else {
            panic!("a list")
        };
        assert!(matches!(elements[0], Tree::String(Cow::Borrowed("plain"))));
        assert_eq!(elements[1], Tree::String(Cow::Borrowed("escAped")));
    }

    #[test]
    fn tells_too_deep_from_not_json() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Tree::parse(&nested(DEPTH_MAX)).is_ok());
        let error = Tree::parse(&nested(DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(error, Unparsed::TooDeep);
        let error = Tree::parse(&"[".repeat(1_000_000)).unwrap_err();
        assert_eq!(error, Unparsed::TooDeep);
        assert_eq!(Tree::parse("{").unwrap_err(), Unparsed::NotJson);
        assert_eq!(Tree::parse("").unwrap_err(), Unparsed::NotJson);
    }

    #[test]
    fn notices_what_comes_behind() {
        assert!(Tree::parse("{}\0").unwrap().trailing);
        assert!(!Tree::parse("{} \n").unwrap().trailing);
    }
}
