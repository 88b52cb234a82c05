//! Walks lists and objects for their visitors, and picks variants of enums.

use std::cell::Cell;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    Change, Failure, Node, ONCE, Object, Outcome, Path, REPEATED, Reading, Standing, Tree, scalar,
};

/// What a struct says of itself.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// Names and aliases.
    pub(super) fields: &'static [&'static str],
}

/// The elements of a list.
pub(super) struct Elements<'de, 'a> {
    rest: std::slice::Iter<'de, Tree<'de>>,
    path: &'a Path<'a>,
    reading: &'a Reading<'a>,
    standing: Standing,
}

/// The fields of an object.
pub(super) struct Entries<'de, 'a> {
    rest: std::vec::IntoIter<Entry<'de>>,
    /// The field whose name was just shown.
    pending: Option<Entry<'de>>,
    /// Where that name is left for whoever has to explain an error.
    latest: &'a Cell<&'de str>,
    /// A struct has fields; anything else has keys, which may be accounts.
    is_struct: bool,
    path: &'a Path<'a>,
    reading: &'a Reading<'a>,
}

#[derive(Clone, Copy)]
struct Entry<'de> {
    name: &'de str,
    tree: &'de Tree<'de>,
    standing: Standing,
}

/// An enum: the name of a variant, and what stands in it.
pub(super) struct Choice<'de, 'a> {
    node: Node<'de, 'a>,
    content: Option<(&'de str, Node<'de, 'a>)>,
}

/// What stands in a variant; `None` for a bare name.
pub(super) struct Content<'de, 'a>(Option<Node<'de, 'a>>);

/// The key of a map, which may want to be a number.
struct Key<'de>(&'de str);

// === impl Elements ===

impl<'de, 'a> Elements<'de, 'a> {
    pub(super) fn new(
        list: &'a Node<'de, 'a>,
        elements: &'de [Tree<'de>],
        standing: Standing,
    ) -> Self {
        Self {
            rest: elements.iter(),
            path: &list.path,
            reading: list.reading,
            standing,
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Outcome<Option<S::Value>> {
        let Some(tree) = self.rest.next() else {
            return Ok(None);
        };
        let node = Node {
            tree,
            path: Path::Element(self.path),
            reading: self.reading,
            standing: self.standing,
        };
        seed.deserialize(node).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

// === impl Entries ===

impl<'de, 'a> Entries<'de, 'a> {
    /// Shows a struct's fields in the order of their declaration, so that an enum's tag comes before its content and
    /// serde need not buffer it, which would end all coercion. What is unknown comes last.
    pub(super) fn new(
        node: &'a Node<'de, 'a>,
        object: &'de Object<'de>,
        shape: Option<Shape>,
        latest: &'a Cell<&'de str>,
    ) -> Self {
        let mut entries: Vec<(usize, Entry<'de>)> = object
            .entries
            .iter()
            .map(|(name, tree)| entry(name, tree, shape))
            .collect();
        entries.sort_by_key(|(position, _)| *position);
        let mut entries: Vec<Entry<'de>> = entries.into_iter().map(|(_, entry)| entry).collect();
        apply_amendments(&mut entries, node, shape);
        for name in &object.repeated {
            let path = match shape {
                Some(_) => Path::Field(&node.path, name),
                None => Path::Entry(&node.path),
            };
            let report = node.reading.report;
            report.note(&path, ONCE, REPEATED);
        }
        Self {
            rest: entries.into_iter(),
            pending: None,
            latest,
            is_struct: shape.is_some(),
            path: &node.path,
            reading: node.reading,
        }
    }
}

/// With its place in the struct's declaration.
fn entry<'de>(name: &'de str, tree: &'de Tree<'de>, shape: Option<Shape>) -> (usize, Entry<'de>) {
    let fields = shape.map_or(&[][..], |shape| shape.fields);
    let position = fields.iter().position(|field| *field == name);
    let standing = match position {
        Some(_) => Standing::Given,
        None => Standing::Undeclared,
    };
    let entry = Entry {
        name,
        tree,
        standing,
    };
    (position.unwrap_or(fields.len()), entry)
}

/// Does what earlier readings have asked for at this place.
fn apply_amendments(entries: &mut Vec<Entry<'_>>, node: &Node<'_, '_>, shape: Option<Shape>) {
    let amendments = node.reading.amendments.borrow();
    if amendments.is_empty() {
        return;
    }
    let path = node.path.render();
    let name = shape.map_or("", |shape| shape.name);
    for amendment in amendments.iter() {
        if amendment.path != path || amendment.name != name {
            continue;
        }
        match &amendment.change {
            Change::Supply(field) => {
                if entries.iter().all(|entry| entry.name != *field) {
                    entries.push(Entry {
                        name: field,
                        tree: &Tree::Null,
                        standing: Standing::Absent,
                    });
                }
            }
            Change::Omit(field) => entries.retain(|entry| entry.name != field),
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Outcome<Option<S::Value>> {
        let Some(entry) = self.rest.next() else {
            return Ok(None);
        };
        self.pending = Some(entry);
        self.latest.set(entry.name);
        seed.deserialize(Key(entry.name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Outcome<S::Value> {
        // serde allows a panic for a value without a key; an error serves as well.
        let entry = self.pending.take().ok_or(Failure::Unfit)?;
        seed.deserialize(Node {
            tree: entry.tree,
            path: if self.is_struct {
                Path::Field(self.path, entry.name)
            } else {
                Path::Entry(self.path)
            },
            reading: self.reading,
            standing: entry.standing,
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

// === impl Choice ===

impl<'de, 'a> Choice<'de, 'a> {
    /// A variant without content.
    pub(super) fn unit(node: &Node<'de, 'a>) -> Self {
        Self {
            node: *node,
            content: None,
        }
    }

    /// A variant with what stands in it. The variant's name gets into no path before the type has known it.
    pub(super) fn with_content(
        node: &'a Node<'de, 'a>,
        variant: &'de str,
        content: &'de Tree<'de>,
    ) -> Self {
        let content = Node {
            tree: content,
            path: Path::Field(&node.path, variant),
            reading: node.reading,
            standing: Standing::Given,
        };
        Self {
            node: *node,
            content: Some((variant, content)),
        }
    }
}

impl<'de, 'a> EnumAccess<'de> for Choice<'de, 'a> {
    type Error = Failure;
    type Variant = Content<'de, 'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Outcome<(S::Value, Content<'de, 'a>)> {
        match self.content {
            Some((variant, content)) => {
                let value = seed.deserialize(BorrowedStrDeserializer::new(variant))?;
                Ok((value, Content(Some(content))))
            }
            None => Ok((seed.deserialize(self.node)?, Content(None))),
        }
    }
}

impl<'de> Content<'de, '_> {
    fn some(&self) -> Outcome<Node<'de, '_>> {
        self.0.ok_or(Failure::Unfit)
    }
}

impl<'de> VariantAccess<'de> for Content<'de, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Outcome<()> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Outcome<S::Value> {
        seed.deserialize(self.some()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Outcome<V::Value> {
        self.some()?.list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        self.some()?
            .object(Some(Shape { name: "", fields }), visitor)
    }
}

// === impl Key ===

macro_rules! integer_keys {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            match scalar::integer_of(self.0) {
                Some(number) => number.visit(visitor),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Failure;

    integer_keys! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }
}
