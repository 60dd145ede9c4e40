//! Holds answers against the `OpenAPI` document: every property described, every described one of its type and, if required,
//! there.

use serde_json::Value;

/// The document, and what of it was met.
pub struct Schema(Value);

impl Schema {
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    /// Holds an answer against what the document says of the path, method and status.
    #[track_caller]
    pub fn hold(&self, method: &str, path: &str, status: u16, answer: &Value) {
        let template = self.template(path);
        let place = format!("{method} {template} {status}");
        let response = &self.0["paths"][&template][method.to_lowercase()]["responses"][status.to_string()];
        assert!(!response.is_null(), "{place} is not described");
        let schema = &response["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{place} has no schema");
        let mut faults = Vec::new();
        self.check(schema, answer, "answer", &mut faults);
        assert!(faults.is_empty(), "{place}: {faults:#?} in {answer:#}");
    }

    /// All paths with their methods.
    pub fn operations(&self) -> Vec<String> {
        let paths = self.0["paths"].as_object().unwrap();
        let of = |(path, item): (&String, &Value)| -> Vec<String> {
            item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())).collect()
        };
        paths.iter().flat_map(of).collect()
    }

    /// The path of the document that a request's path is one of; the one with fewer variables first.
    pub fn template(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &&String| {
            let others: Vec<&str> = template.split('/').collect();
            parts.len() == others.len()
                && parts.iter().zip(others).all(|(part, other)| *part == other || other.starts_with('{'))
        };
        let mut found: Vec<&String> = self.0["paths"].as_object().unwrap().keys().filter(fits).collect();
        found.sort_by_key(|template| template.matches('{').count());
        (*found.first().unwrap_or_else(|| panic!("{path} is not described"))).clone()
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.strip_prefix("#/components/schemas/").unwrap();
            let referred = &self.0["components"]["schemas"][name];
            assert!(!referred.is_null(), "{name} is not described");
            return self.check(referred, value, place, faults);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = |choice: &&Value| {
                let mut found = Vec::new();
                self.check(choice, value, place, &mut found);
                found.is_empty()
            };
            if choices.iter().filter(fits).count() != 1 {
                faults.push(format!("{place}: {value} is not exactly one of {choices:?}"));
            }
            return;
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
            other => return faults.push(format!("{place}: no type is described but {other}")),
        };
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !(types.contains(&found) || found == "integer" && types.contains(&"number")) {
            return faults.push(format!("{place}: {value} is {found}, and no {types:?}"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check(&schema["items"], item, &format!("{place}[{index}]"), faults);
        }
        let Some(object) = value.as_object() else { return };
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for name in required.iter().filter(|name| !object.contains_key(name.as_str().unwrap())) {
            faults.push(format!("{place}: {name} is missing"));
        }
        let (known, others) = (schema["properties"].as_object(), &schema["additionalProperties"]);
        for (name, value) in object {
            match known.and_then(|known| known.get(name)) {
                Some(schema) => self.check(schema, value, &format!("{place}.{name}"), faults),
                None if !others.is_null() => self.check(others, value, &format!("{place}.{name}"), faults),
                // Of an object without properties nothing is described.
                None if known.is_some() => faults.push(format!("{place}: {name} is not described")),
                None => {}
            }
        }
    }
}

#[test]
fn what_is_not_as_described_is_found() {
    use serde_json::json;

    let schema = Schema::new(json!({ "components": { "schemas": { "Thing": {
        "type": "object", "required": ["id"],
        "properties": { "id": { "type": "integer" }, "note": { "type": ["string", "null"] } },
    } } } }));
    let check = |value: Value, expected: usize| {
        let list = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Thing" } });
        let mut faults = Vec::new();
        schema.check(&list, &value, "answer", &mut faults);
        assert_eq!(faults.len(), expected, "{value}: {faults:?}");
    };
    check(json!([]), 0);
    check(json!([{ "id": 1 }, { "id": 2, "note": null }, { "id": 2, "note": "a" }]), 0);
    check(json!([{ "note": "a" }]), 1);
    check(json!([{ "id": "1" }, { "id": 1, "note": 2 }, { "id": 1, "more": 2 }]), 3);
    check(json!({}), 1);
}
