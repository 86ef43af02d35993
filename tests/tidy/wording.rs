//! The words of sources and texts.

use crate::finding::Finding;
use crate::lexer::{in_word, line_of};
use crate::paths::words;
use crate::tree::{Source, Text};

/// Code that is not finished, or that silences a lint without a reason.
const UNFINISHED_CODE: [&str; 5] = ["dbg!", "todo!", "unimplemented!", "#[allow(", "#![allow("];

/// Notes to oneself, and words that are true only next to the change that wrote them.
const UNFINISHED_COMMENTS: [&str; 6] = ["TODO", "FIXME", "XXX", "HACK", "for now", "no longer"];

/// A word that is not ours, and ours. The glossary is in `src/lib.rs`.
const SYNONYMS: [(&[&str], &str); 6] = [
    (&["audit"], "activity"),
    (&["backfill"], "scan"),
    (&["reconcile"], "scan"),
    (&["reconciler"], "scan"),
    (&["set", "aside"], "dead letter"),
    (&["shelved"], "dead letter"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE: [&str; 2] = ["/root/", "/work/"];

/// Folders beside the repository.
const BESIDE: [&str; 3] = ["shared/design/", "shared/facts/", "shared/tools/"];

/// Finds what was left for later.
pub(crate) fn check_unfinished(sources: &[Source]) -> Vec<Finding> {
    let code = |source: &Source| banned(&source.path, &source.code, &UNFINISHED_CODE);
    let comments = |source: &Source| banned(&source.path, &source.comments, &UNFINISHED_COMMENTS);
    sources
        .iter()
        .flat_map(|source| [code(source), comments(source)].concat())
        .collect()
}

fn banned(path: &str, view: &str, phrases: &[&str]) -> Vec<Finding> {
    let found = phrases.iter().flat_map(|phrase| {
        view.match_indices(phrase).filter(|(at, phrase)| {
            let before = view.get(..*at).unwrap_or_default();
            let after = view.get(at + phrase.len()..).unwrap_or_default();
            let begins = !phrase.starts_with(in_word) || !before.ends_with(in_word);
            let ends = !phrase.ends_with(in_word) || !after.starts_with(in_word);
            begins && ends
        })
    });
    found
        .map(|(at, phrase)| Finding::new(path, line_of(view, at), format!("`{phrase}`")))
        .collect()
}

/// Finds identifiers that call a thing by another name than the glossary does.
pub(crate) fn check_synonyms(sources: &[Source]) -> Vec<Finding> {
    sources.iter().flat_map(synonyms).collect()
}

fn synonyms(source: &Source) -> Vec<Finding> {
    let found = words(&source.code).filter_map(|(offset, word)| {
        let parts = parts(word);
        let (_, ours) = SYNONYMS.iter().find(|(synonym, _)| {
            parts
                .windows(synonym.len())
                .any(|window| window == *synonym)
        })?;
        let what = format!("`{word}`: we say {ours}");
        Some(Finding::new(
            &source.path,
            line_of(&source.code, offset),
            what,
        ))
    });
    found.collect()
}

/// The words of an identifier, in lower case.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before_lower = false;
    for c in identifier.chars() {
        if c == '_' || (c.is_uppercase() && before_lower) {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut().filter(|_| c != '_') {
            last.extend(c.to_lowercase());
        }
        before_lower = c.is_lowercase();
    }
    parts
}

/// Finds characters that can't be seen, and paths of the machine a text was written on.
pub(crate) fn check_text(texts: &[Text]) -> Vec<Finding> {
    // Corpora and recorded data hold what they hold.
    let ours = texts.iter().filter(|text| {
        !text.path.starts_with("tests/data/") && !text.path.starts_with("tests/fuzz/corpus/")
    });
    ours.flat_map(|text| [invisible(text), machine(text)].concat())
        .collect()
}

fn invisible(text: &Text) -> Vec<Finding> {
    let hidden = |c: char| match c {
        '\n' | '\t' => false,
        // Soft hyphen, zero width, direction, byte order; spaces that look like a space.
        '\u{ad}' | '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{feff}' => true,
        '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' => true,
        _ => c.is_control(),
    };
    text.content
        .char_indices()
        .filter(|(_, c)| hidden(*c))
        .map(|(at, c)| {
            let what = format!("U+{:04X} can't be seen", u32::from(c));
            Finding::new(&text.path, line_of(&text.content, at), what)
        })
        .collect()
}

fn machine(text: &Text) -> Vec<Finding> {
    // These are the words themselves.
    if text.path == "tests/tidy/wording.rs" {
        return Vec::new();
    }
    let absolute = MACHINE.iter().flat_map(|path| {
        text.content.match_indices(path).filter(|(at, _)| {
            let before = text.content.get(..*at).unwrap_or_default();
            !before.ends_with(|c| in_word(c) || ['.', '-', '}', '*'].contains(&c))
        })
    });
    let beside = BESIDE
        .iter()
        .flat_map(|path| text.content.match_indices(path));
    absolute
        .chain(beside)
        .map(|(at, path)| {
            let what = format!("`{path}` is a place on somebody's machine");
            Finding::new(&text.path, line_of(&text.content, at), what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{check_synonyms, check_text, check_unfinished, parts};
    use crate::tree::{Source, Text};

    fn unfinished(text: &str) -> usize {
        check_unfinished(&[Source::new("src/a.rs", text)]).len()
    }

    fn synonyms(code: &str) -> Vec<String> {
        let found = check_synonyms(&[Source::new("src/a.rs", code)]);
        found.iter().map(ToString::to_string).collect()
    }

    fn text(content: &str) -> usize {
        let (path, content) = ("README.md".to_owned(), content.to_owned());
        check_text(&[Text { path, content }]).len()
    }

    #[test]
    fn unfinished_code_is_found() {
        for code in ["dbg!(a)", "todo!()", "#[allow(dead_code)]", "#![allow(x)]"] {
            assert_eq!(unfinished(code), 1, "{code}");
        }
        assert_eq!(unfinished("#[expect(x, reason = \"todo!\")] my_dbg!(a)"), 0);
    }

    #[test]
    fn unfinished_comments_are_found() {
        for comment in [
            "// TODO: a",
            "/* FIXME */",
            "//! for now a",
            "/// is no longer a",
        ] {
            assert_eq!(unfinished(comment), 1, "{comment}");
        }
        assert_eq!(
            unfinished("// what to wait for nowhere\nf(\"no longer valid\");"),
            0
        );
    }

    #[test]
    fn an_identifier_falls_into_its_words() {
        assert_eq!(parts("set_aside"), ["set", "aside"]);
        assert_eq!(parts("SetAside"), ["set", "aside"]);
        assert_eq!(parts("AUDIT"), ["audit"]);
    }

    #[test]
    fn a_second_word_is_found() {
        assert_eq!(
            synonyms("\nfn audit_page() {}"),
            ["src/a.rs:2: `audit_page`: we say activity"]
        );
        for code in ["struct SetAside;", "mod backfill;", "let reconciler = 1;"] {
            assert_eq!(synonyms(code).len(), 1, "{code}");
        }
        // Stripe's own word, and plain English.
        let free = "reconciliation_mode; auditor; set; aside; // we audit";
        assert!(synonyms(free).is_empty());
    }

    #[test]
    fn machine_paths_are_found() {
        for content in ["see /work/a", "`/root/b`", "(../shared/design/c)"] {
            assert_eq!(text(content), 1, "{content}");
        }
        assert_eq!(
            text("src/work/a.rs, ../shared/b and ./root/a, https://a.example/work/"),
            0
        );
    }

    #[test]
    fn what_can_t_be_seen_is_found() {
        for content in ["a\u{a0}b", "a\u{7}b", "\u{feff}a", "a\u{202e}b", "a\r\n"] {
            assert_eq!(text(content), 1, "{content:?}");
        }
        assert_eq!(text("… → ’ ‘a’ “b” – é 日本\n"), 0);
    }
}
