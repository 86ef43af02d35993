//! Form encoding as Stripe reads it: `a[b][c]=v`, `a[]=v`, `a[0][b]=v`.
//!
//! Parsing keeps everything that was sent; whether a parameter exists and fits is for `params`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A parsed form: a text, or parts by name. Lists have their positions as names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A value.
    Text(String),
    /// Named parts.
    Parts(BTreeMap<String, Self>),
}

impl Node {
    /// The node as JSON, for logs; lists become arrays.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Parts(parts) if is_list(parts) => {
                Value::Array(in_order(parts).into_iter().map(Self::to_json).collect())
            }
            Self::Parts(parts) => {
                let pairs = parts
                    .iter()
                    .map(|(name, node)| (name.clone(), node.to_json()));
                Value::Object(Map::from_iter(pairs))
            }
        }
    }
}

fn is_list(parts: &BTreeMap<String, Node>) -> bool {
    !parts.is_empty() && parts.keys().all(|name| name.parse::<u32>().is_ok())
}

/// The parts of a list by their position as a number.
pub(crate) fn in_order(parts: &BTreeMap<String, Node>) -> Vec<&Node> {
    let mut items: Vec<_> = parts.iter().collect();
    items.sort_by_key(|(name, _)| name.parse::<u32>().unwrap_or(u32::MAX));
    items.into_iter().map(|(_, node)| node).collect()
}

/// Parses pairs joined by `&` into `form`. `Err` is the name of a parameter whose parts clash.
pub(crate) fn parse_into(form: &mut BTreeMap<String, Node>, text: &str) -> Result<(), String> {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key);
        let path = key_parts(&key);
        insert(form, &path, decode(value)).map_err(|()| key)?;
    }
    Ok(())
}

/// The pairs of a query, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn key_parts(key: &str) -> Vec<String> {
    let Some((first, rest)) = key.split_once('[') else {
        return vec![key.to_owned()];
    };
    let Some(rest) = rest.strip_suffix(']') else {
        return vec![key.to_owned()];
    };
    let mut parts = vec![first.to_owned()];
    parts.extend(rest.split("][").map(str::to_owned));
    parts
}

fn insert(form: &mut BTreeMap<String, Node>, path: &[String], value: String) -> Result<(), ()> {
    let Some((name, rest)) = path.split_first() else {
        return Err(());
    };
    let name = if name.is_empty() {
        list_position(form, rest)
    } else {
        name.clone()
    };
    if rest.is_empty() {
        return match form.get(&name) {
            Some(Node::Parts(_)) => Err(()),
            _ => {
                form.insert(name, Node::Text(value));
                Ok(())
            }
        };
    }
    match form
        .entry(name)
        .or_insert_with(|| Node::Parts(BTreeMap::new()))
    {
        Node::Text(_) => Err(()),
        Node::Parts(parts) => insert(parts, rest, value),
    }
}

/// Where `[]` stands: behind the last item, or in it if it still lacks this part.
fn list_position(form: &BTreeMap<String, Node>, rest: &[String]) -> String {
    let len = form.len();
    let last = len.checked_sub(1).and_then(|at| form.get(&at.to_string()));
    match (last, rest.first()) {
        (Some(Node::Parts(parts)), Some(part)) if !parts.contains_key(part) => len - 1,
        _ => len,
    }
    .to_string()
}

/// Percent-decoding with `+` as a space; what is no UTF-8 is replaced.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let ahead = rest.clone();
                let digits: String = ahead.take(2).map(char::from).collect();
                match u8::from_str_radix(&digits, 16) {
                    Ok(decoded) if digits.len() == 2 => {
                        bytes.push(decoded);
                        rest.nth(1);
                    }
                    _ => bytes.push(b'%'),
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{Node, parse_into};

    fn parse(text: &str) -> Result<Value, String> {
        let mut form = BTreeMap::new();
        parse_into(&mut form, text)?;
        Ok(Node::Parts(form).to_json())
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("a=1&b=", json!({"a": "1", "b": ""})),
            ("a[b][c]=x+y%26%C3%BC", json!({"a": {"b": {"c": "x y&ü"}}})),
            ("a%5Bb%5D=1&a[c]=2", json!({"a": {"b": "1", "c": "2"}})),
            ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
            ("a[1]=y&a[0]=x", json!({"a": ["x", "y"]})),
            (
                "a[][n]=1&a[][v]=2&a[][n]=3",
                json!({"a": [{"n": "1", "v": "2"}, {"n": "3"}]}),
            ),
            ("a=100%", json!({"a": "100%"})),
            ("a=1&a=2", json!({"a": "2"})),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        assert_eq!(parse("a=1&a[b]=2"), Err("a[b]".to_owned()));
    }
}
