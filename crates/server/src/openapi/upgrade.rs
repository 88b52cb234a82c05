//! From OpenAPI 3.0, which poem-openapi writes, to 3.1, whose schemas are those of JSON Schema 2020-12.

use serde_json::{Map, Value, json};

use super::at;

/// Turns a whole document, as poem-openapi writes it, into OpenAPI 3.1.
pub(crate) fn to_3_1(document: &mut Value) {
    *at(document, &["openapi"]) = json!("3.1.0");
    if let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    {
        schemas.values_mut().for_each(upgrade_schema);
    }
    if let Some(paths) = document.get_mut("paths") {
        upgrade_within(paths);
    }
}

/// Finds the schemas of parameters, headers and bodies.
fn upgrade_within(value: &mut Value) {
    match value {
        Value::Object(object) => {
            drop_defaults(object);
            for (key, value) in object {
                if key == "schema" {
                    upgrade_schema(value);
                } else {
                    upgrade_within(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(upgrade_within),
        _ => {}
    }
}

/// Parameters and headers come with what goes without saying.
fn drop_defaults(object: &mut Map<String, Value>) {
    if object.contains_key("schema") && object.get("deprecated") == Some(&Value::Bool(false)) {
        object.shift_remove("deprecated");
        object.shift_remove("explode");
    }
}

fn upgrade_schema(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    refer(object);
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            upgrade_schema(inner);
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(list)) = object.get_mut(key) {
            list.iter_mut().for_each(upgrade_schema);
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(upgrade_schema);
    }
    if let Some(example) = object.shift_remove("example") {
        object.insert("examples".to_owned(), json!([example]));
    }
    upgrade_limit(object, "minimum", "exclusiveMinimum");
    upgrade_limit(object, "maximum", "exclusiveMaximum");
    if object.shift_remove("nullable") == Some(Value::Bool(true)) {
        *schema = nullable(std::mem::take(object));
    }
}

/// A reference may now have neighbours; poem-openapi hides it in an `allOf`, beside a second copy of them.
fn refer(object: &mut Map<String, Value>) {
    let Some([reference, copy]) = object
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    else {
        return;
    };
    let (Some(target), Some(copy)) = (reference.get("$ref"), copy.as_object()) else {
        return;
    };
    if !copy
        .iter()
        .all(|(key, value)| object.get(key) == Some(value))
    {
        return;
    }
    let target = target.clone();
    object.shift_remove("allOf");
    object.shift_insert(0, "$ref".to_owned(), target);
}

/// A limit that excludes itself is now a number instead of a flag. Whole numbers are written as such.
fn upgrade_limit(object: &mut Map<String, Value>, limit: &str, exclusive: &str) {
    let Some(value) = object.get(limit).and_then(Value::as_f64) else {
        return;
    };
    let whole = (value.fract() == 0.0).then(|| format!("{value:.0}").parse::<i64>());
    let number = match whole {
        Some(Ok(whole)) => json!(whole),
        _ => json!(value),
    };
    if object.shift_remove(exclusive) == Some(Value::Bool(true)) {
        object.shift_remove(limit);
        object.insert(exclusive.to_owned(), number);
    } else {
        object.insert(limit.to_owned(), number);
    }
}

/// Null is now one of the types; what has no type of its own becomes one of two.
fn nullable(mut object: Map<String, Value>) -> Value {
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.push(Value::Null);
    }
    if let Some(kind) = object.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
        return Value::Object(object);
    }
    let description = object.shift_remove("description");
    let mut either = json!({ "anyOf": [object, { "type": "null" }] });
    if let Some(description) = description {
        *at(&mut either, &["description"]) = description;
    }
    either
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(mut schema: Value, expected: Value) {
        upgrade_schema(&mut schema);
        assert_eq!(schema, expected);
    }

    #[test]
    fn null_becomes_a_type() {
        check(
            json!({ "type": "string", "nullable": true }),
            json!({ "type": ["string", "null"] }),
        );
        check(
            json!({ "type": "string", "enum": ["a"], "nullable": true }),
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
        );
        check(
            json!({ "allOf": [{ "$ref": "#/x" }], "description": "d", "nullable": true }),
            json!({ "anyOf": [{ "allOf": [{ "$ref": "#/x" }] }, { "type": "null" }], "description": "d" }),
        );
        check(
            json!({ "type": "string", "nullable": false }),
            json!({ "type": "string" }),
        );
    }

    #[test]
    fn a_limit_that_excludes_itself_is_a_number() {
        check(
            json!({ "type": "integer", "minimum": 1.0, "exclusiveMinimum": true, "maximum": 5.5 }),
            json!({ "type": "integer", "exclusiveMinimum": 1, "maximum": 5.5 }),
        );
        check(
            json!({ "maximum": 500.0, "exclusiveMaximum": false }),
            json!({ "maximum": 500 }),
        );
    }

    #[test]
    fn a_reference_takes_its_neighbours_in() {
        check(
            json!({ "description": "d", "allOf": [{ "$ref": "#/x" }, { "description": "d" }] }),
            json!({ "$ref": "#/x", "description": "d" }),
        );
        let other = json!({ "allOf": [{ "$ref": "#/x" }, { "$ref": "#/y" }] });
        check(other.clone(), other);
    }

    #[test]
    fn properties_are_found_by_their_place_not_their_name() {
        check(
            json!({
                "type": "object",
                "properties": {
                    "nullable": { "type": "string", "example": "x" },
                    "items": { "type": "array", "items": { "type": "string", "nullable": true } },
                },
                "default": { "nullable": true, "example": 1 },
            }),
            json!({
                "type": "object",
                "properties": {
                    "nullable": { "type": "string", "examples": ["x"] },
                    "items": { "type": "array", "items": { "type": ["string", "null"] } },
                },
                "default": { "nullable": true, "example": 1 },
            }),
        );
    }

    #[test]
    fn schemas_of_parameters_and_bodies_are_found() {
        let mut document = json!({
            "openapi": "3.0.0",
            "paths": { "/": { "get": {
                "parameters": [{ "name": "a", "schema": { "nullable": true, "type": "string" } }],
                "responses": { "200": { "content": { "x": { "schema": { "example": 5 } } } } },
            } } },
        });
        to_3_1(&mut document);
        let expected = json!({
            "openapi": "3.1.0",
            "paths": { "/": { "get": {
                "parameters": [{ "name": "a", "schema": { "type": ["string", "null"] } }],
                "responses": { "200": { "content": { "x": { "schema": { "examples": [5] } } } } },
            } } },
        });
        assert_eq!(document, expected);
    }
}
