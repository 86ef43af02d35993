//! The shape of a file: it says first what it is, and it is one idea long.

use crate::finding::Finding;
use crate::tree::Source;

/// Longest file, in lines before its tests.
const LINES_MAX: usize = 600;

/// Finds files that don't introduce themselves, and files that are two.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let introductions = sources.iter().filter_map(introduction);
    introductions
        .chain(sources.iter().filter_map(length))
        .collect()
}

/// A file of one line needs no introduction, and tests were introduced by what they test.
fn introduction(source: &Source) -> Option<Finding> {
    let introduced = source.text.lines().count() <= 1 || source.text.starts_with("//!");
    let introduced = introduced || source.holds_tests();
    (!introduced).then(|| {
        Finding::new(
            &source.path,
            1,
            "begins without a `//!` that says what it is",
        )
    })
}

fn length(source: &Source) -> Option<Finding> {
    if source.holds_tests() {
        return None;
    }
    let lines = source.tested_code().lines().count();
    (lines > LINES_MAX).then(|| {
        let what = format!("{lines} lines without its tests; split it at {LINES_MAX}");
        Finding::new(&source.path, LINES_MAX + 1, what)
    })
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, check};
    use crate::tree::Source;

    fn count(path: &str, text: &str) -> usize {
        check(&[Source::new(path, text)]).len()
    }

    #[test]
    fn a_file_begins_with_what_it_is() {
        assert_eq!(count("src/a.rs", "//! A.\n\nfn f() {}\n"), 0);
        assert_eq!(count("src/a.rs", "fn main() {}\n"), 0);
        assert_eq!(count("src/a.rs", "// A.\nfn f() {}\n"), 1);
        assert_eq!(count("src/a.rs", "\n//! A.\n"), 1);
        assert_eq!(count("src/a/tests.rs", "use super::f;\n\n#[test]"), 0);
    }

    #[test]
    fn a_long_file_is_found() {
        let long = format!("//! A.\n{}", "a();\n".repeat(LINES_MAX));
        assert_eq!(count("src/a.rs", &long), 1);
        assert_eq!(count("src/a/tests.rs", &long), 0);
        let full = format!("//! A.\n{}", "a();\n".repeat(LINES_MAX - 1));
        assert_eq!(count("src/a.rs", &full), 0);
    }

    #[test]
    fn tests_don_t_count() {
        let tests = format!(
            "//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "a();\n".repeat(LINES_MAX)
        );
        assert_eq!(count("src/a.rs", &tests), 0);
        let helper = format!(
            "//! A.\n#[cfg(test)]\nfn f() {{\n{}}}\n",
            "a();\n".repeat(LINES_MAX)
        );
        assert_eq!(count("src/a.rs", &helper), 1);
    }
}
