//! Which names code reaches through a path such as `crate::store::Tx` or `use std::{fs, env}`.

use crate::lexer::{in_word, line_of};

/// A name and the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) name: String,
}

/// The words of `code`, with their offsets.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = code;
    std::iter::from_fn(move || {
        let start = rest.find(in_word)?;
        let from = rest.get(start..)?;
        let length = from.find(|c| !in_word(c)).unwrap_or(from.len());
        let (word, left) = from.split_at(length);
        let offset = code.len() - from.len();
        rest = left;
        Some((offset, word))
    })
}

/// What follows `root::`, one name for each branch of a group: `a` and `d` for
/// `root::{a::{b, c}, d}`.
pub(crate) fn heads(code: &str, root: &str) -> Vec<Named> {
    let roots = words(code).filter(|(offset, word)| *word == root && begins_path(code, *offset));
    roots
        .flat_map(|(offset, word)| after_root(code, offset + word.len()))
        .collect()
}

/// What follows a chain of at least `depth` times `super::`.
pub(crate) fn heads_above(code: &str, depth: usize) -> Vec<Named> {
    let chains =
        words(code).filter(|(offset, word)| *word == "super" && begins_path(code, *offset));
    chains
        .filter_map(|(offset, _)| {
            let mut end = offset;
            let mut length = 0_usize;
            while let Some(after) = code.get(end..).and_then(|rest| rest.strip_prefix("super")) {
                length += 1;
                end = code.len() - after.len();
                if after.strip_prefix("::super").is_none() {
                    break;
                }
                end += "::".len();
            }
            (length >= depth).then(|| after_root(code, end))
        })
        .flatten()
        .collect()
}

/// Whether the word at `offset` is the first of its path.
fn begins_path(code: &str, offset: usize) -> bool {
    let before = code.get(..offset).unwrap_or_default();
    let leading = before.strip_suffix("::");
    // `::std` begins a path too, `a::std` doesn't.
    leading.is_none_or(|before| !before.ends_with(|c| in_word(c) || c == '>'))
}

/// The names after the root that ends at `end`.
fn after_root(code: &str, end: usize) -> Vec<Named> {
    let Some(rest) = code
        .get(end..)
        .and_then(|rest| rest.trim_start().strip_prefix("::"))
    else {
        return Vec::new();
    };
    let rest = rest.trim_start();
    let offset = code.len() - rest.len();
    match rest.strip_prefix('{') {
        Some(group) => branches(group)
            .into_iter()
            .map(|(at, name)| named(code, offset + 1 + at, name))
            .collect(),
        None => words(rest)
            .next()
            .filter(|(at, _)| *at == 0)
            .map(|(_, name)| named(code, offset, name))
            .into_iter()
            .collect(),
    }
}

fn named(code: &str, offset: usize, name: &str) -> Named {
    Named {
        line: line_of(code, offset),
        name: name.to_owned(),
    }
}

/// The first word of each branch of a group whose opening brace is behind us.
fn branches(group: &str) -> Vec<(usize, &str)> {
    let mut depth = 0_usize;
    let mut wanted = true;
    let mut found = Vec::new();
    let mut skip = 0;
    for (at, c) in group.char_indices() {
        match c {
            _ if at < skip => {}
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => wanted = true,
            _ if wanted && in_word(c) => {
                let from = group.get(at..).unwrap_or_default();
                let length = from.find(|c| !in_word(c)).unwrap_or(from.len());
                found.push((at, from.split_at(length).0));
                skip = at + length;
                wanted = false;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{heads, heads_above, words};

    fn named(code: &str, root: &str) -> Vec<(usize, String)> {
        let heads = heads(code, root).into_iter();
        heads.map(|head| (head.line, head.name)).collect()
    }

    #[test]
    fn words_are_whole() {
        let found: Vec<_> = words("a_b::c1 (d)").collect();
        assert_eq!(found, [(0, "a_b"), (5, "c1"), (9, "d")]);
    }

    #[test]
    fn a_path_names_what_follows_its_root() {
        let code = "use crate::store::Tx;\nfn f() { crate::http::g(); acrate::x(); crate_a::y() }";
        assert_eq!(
            named(code, "crate"),
            [(1, "store".to_owned()), (2, "http".to_owned())]
        );
        assert_eq!(named("a::std::b; ::std::c; std::d", "std").len(), 2);
    }

    #[test]
    fn a_group_names_each_branch() {
        let code = "use crate::{\n    config::{self, load},\n    r,\n};";
        assert_eq!(
            named(code, "crate"),
            [(2, "config".to_owned()), (3, "r".to_owned())]
        );
    }

    #[test]
    fn a_chain_of_supers_counts_from_its_depth() {
        let code = "super::a; super::super::b; super::super::{c, d}";
        let names = |depth| -> Vec<String> {
            let heads = heads_above(code, depth).into_iter();
            heads.map(|head| head.name).collect()
        };
        assert_eq!(names(2), ["b", "c", "d"]);
        assert_eq!(names(1), ["a", "b", "c", "d"]);
        assert!(names(3).is_empty());
    }
}
