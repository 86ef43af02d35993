//! JSON with line breaks, for people: every name, value and number as it was written, in its order.

use serde::de::IgnoredAny;

/// Most steps that a line is indented by. What is nested deeper stands below one another.
const STEPS_MAX: usize = 32;

/// `json` with line breaks, and whether it was cut off at about `bytes_max`. What is not JSON stays
/// as it is.
#[must_use]
pub fn indented(json: &str, bytes_max: usize) -> (String, bool) {
    if serde_json::from_str::<IgnoredAny>(json).is_err() {
        let end = json.floor_char_boundary(bytes_max.min(json.len()));
        let text = json.get(..end).unwrap_or_default();
        return (text.to_owned(), end < json.len());
    }
    let (mut out, mut depth) = (String::new(), 0_usize);
    // Within quotes, and after a backslash there.
    let (mut quoted, mut escaped) = (false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if out.len() >= bytes_max {
            return (out, true);
        }
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            ' ' | '\n' | '\r' | '\t' => {}
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth = depth.saturating_add(1);
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => {
                quoted = other == '"';
                out.push(other);
            }
        }
    }
    (out, false)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(STEPS_MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_space_changes() {
        for (json, text) in [
            (
                r#"{"b":1.10,"a":[ ],"b":{"c":[true,null]}}"#,
                "{\n  \"b\": 1.10,\n  \"a\": [],\n  \"b\": {\n    \"c\": [\n      true,\n      null\n    ]\n  }\n}",
            ),
            (
                r#"{"a":"{\"b\":[1,2]}\\"}"#,
                "{\n  \"a\": \"{\\\"b\\\":[1,2]}\\\\\"\n}",
            ),
            ("{}", "{}"),
            ("12345678901234567890.0", "12345678901234567890.0"),
            ("not {json", "not {json"),
        ] {
            assert_eq!(indented(json, 1_000), (text.to_owned(), false));
        }
    }

    #[test]
    fn what_is_large_or_deep_is_cut_off() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let (text, cut) = indented(&deep, 1_000);
        assert!(cut && text.len() < 1_100, "{}", text.len());
        let (text, cut) = indented("ä{", 1);
        assert_eq!((text.as_str(), cut), ("", true));
        let (text, cut) = indented("[1,2]", 3);
        assert_eq!((text.as_str(), cut), ("[\n  ", true));
    }
}
