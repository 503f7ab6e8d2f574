//! Lines for the test: one JSON object each.

use std::collections::BTreeMap;

pub enum Json {
    Text(String),
    Number(u64),
    Bool(bool),
    List(Vec<Json>),
    Counts(BTreeMap<String, u64>),
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_string())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl From<Vec<String>> for Json {
    fn from(texts: Vec<String>) -> Self {
        Json::List(texts.into_iter().map(Json::Text).collect())
    }
}

impl Json {
    fn write(&self, out: &mut String) {
        match self {
            Json::Text(text) => quote(text, out),
            Json::Number(number) => out.push_str(&number.to_string()),
            Json::Bool(value) => out.push_str(&value.to_string()),
            Json::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Counts(counts) => {
                let fields = counts.iter().map(|(name, count)| (name.as_str(), Json::Number(*count)));
                object(fields, out);
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => out.push(letter),
        }
    }
    out.push('"');
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, Json)>, out: &mut String) {
    out.push('{');
    for (index, (name, value)) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        quote(name, out);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

/// Says what was seen.
pub fn say<const N: usize>(check: &str, fields: [(&str, Json); N]) {
    let mut line = String::new();
    let all = std::iter::once(("check", Json::from(check))).chain(fields);
    object(all, &mut line);
    println!("{line}");
}
