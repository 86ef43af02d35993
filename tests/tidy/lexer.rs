//! Enough of Rust's lexical rules to tell code from comments and literals.

/// A source seen twice. Both have the bytes and the lines of the original where they show
/// something, and blanks elsewhere, so an offset means the same in all three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Views {
    pub(crate) code: String,
    pub(crate) comments: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Splits a source into its code and its comments.
pub(crate) fn split(text: &str) -> Views {
    let mut views = Views {
        code: String::with_capacity(text.len()),
        comments: String::with_capacity(text.len()),
    };
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token(rest, before).unwrap_or_else(|| (Kind::Code, first.len_utf8()));
        let (taken, left) = rest.split_at(length);
        show(&mut views.code, taken, kind == Kind::Code);
        show(&mut views.comments, taken, kind == Kind::Comment);
        before = taken.chars().next_back().unwrap_or(' ');
        rest = left;
    }
    views
}

/// The line, counted from 1, that the byte at `offset` is on.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n');
    newlines.count() + 1
}

/// Whether a character can be part of an identifier.
pub(crate) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn show(view: &mut String, text: &str, visible: bool) {
    if visible {
        view.push_str(text);
    } else {
        view.extend(text.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
    }
}

/// The comment or literal that `rest` begins with, and its length in bytes.
fn token(rest: &str, before: char) -> Option<(Kind, usize)> {
    if rest.starts_with("//") {
        return Some((Kind::Comment, rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        return Some((Kind::Comment, block_comment(rest)));
    }
    if in_word(before) && rest.starts_with(in_word) {
        return None;
    }
    let length = raw_string(rest)
        .or_else(|| quoted(rest, '"'))
        .or_else(|| character(rest))?;
    Some((Kind::Literal, length))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..) {
        if here.is_empty() {
            break;
        }
        let step = match here {
            _ if here.starts_with("/*") => {
                depth += 1;
                2
            }
            _ if here.starts_with("*/") => {
                depth = depth.saturating_sub(1);
                2
            }
            _ => here.chars().next().map_or(1, char::len_utf8),
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"]
        .into_iter()
        .find(|p| rest.starts_with(p))?;
    let after = rest.strip_prefix(prefix)?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(start + length)
}

/// A string or byte string, or with `'` a character that is written with a backslash.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let body = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let body = body.strip_prefix(quote)?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(rest.len() - body.len() + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// A character; a lifetime or a loop label is code.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('\'')?;
    let mut inside = body.chars();
    let first = inside.next()?;
    if first == '\\' {
        return quoted(rest, '\'');
    }
    let prefix = rest.len() - body.len();
    (inside.next()? == '\'').then(|| prefix + first.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::{line_of, split};

    #[track_caller]
    fn assert_views(text: &str, code: &str, comments: &str) {
        let views = split(text);
        assert_eq!(views.code, code, "code of {text:?}");
        assert_eq!(views.comments, comments, "comments of {text:?}");
    }

    #[test]
    fn comments_are_told_from_code() {
        assert_views("a // b\nc", "a     \nc", "  // b\n ");
        assert_views(
            "a /* b /* c */ */ d",
            "a                 d",
            "  /* b /* c */ */  ",
        );
        assert_views("a /* b", "a     ", "  /* b");
    }

    #[test]
    fn literals_are_in_neither_view() {
        assert_views("f(\"// a\\\"\")", "f(        )", "           ");
        assert_views("f(r#\"a\"b\"#)", "f(        )", "           ");
        assert_views("f(b\"a\", br\"\\\")", "f(    ,      )", &" ".repeat(14));
        assert_views(
            "f('\"', '\\'', b'a')",
            "f(   ,     ,     )",
            &" ".repeat(18),
        );
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        assert_views("&'a str", "&'a str", "       ");
        assert_views("r#type", "r#type", "      ");
        assert_views("'x: loop", "'x: loop", "        ");
    }

    #[test]
    fn offsets_stay_what_they_are() {
        let text = "\"…\nä\" b";
        let views = split(text);
        assert_eq!(views.code.len(), text.len());
        assert_eq!(views.code.find('b'), text.find('b'));
        assert_eq!(line_of(text, text.len() - 1), 2);
    }
}
