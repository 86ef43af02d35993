//! The core decides and reads nothing: `model` and `sync` know no clock, socket, file or random
//! source, and nothing that waits.

use crate::finding::Finding;
use crate::lexer::line_of;
use crate::paths::{heads, words};
use crate::tree::Source;

const CORE: [&str; 2] = ["model", "sync"];

/// Words that have no business in the core.
const WORDS: [&str; 14] = [
    "async",
    "await",
    "axum",
    "bincode",
    "getrandom",
    "hyper",
    "Instant",
    "jiff",
    "redb",
    "reqwest",
    "rustls",
    "SystemTime",
    "tokio",
    "tracing",
];

/// Parts of the standard library that reach outside.
const STANDARD: [&str; 6] = ["env", "fs", "net", "os", "process", "thread"];

/// Finds what would make a decision depend on anything but its arguments.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .filter(|source| CORE.contains(&source.module()))
        .flat_map(|source| [foreign_words(source), standard_parts(source)].concat())
        .collect()
}

fn foreign_words(source: &Source) -> Vec<Finding> {
    words(&source.code)
        .filter(|(_, word)| WORDS.contains(word))
        .map(|(offset, word)| {
            let line = line_of(&source.code, offset);
            Finding::new(&source.path, line, format!("`{word}` in the core"))
        })
        .collect()
}

fn standard_parts(source: &Source) -> Vec<Finding> {
    heads(&source.code, "std")
        .into_iter()
        .filter(|head| STANDARD.contains(&head.name.as_str()))
        .map(|head| {
            let what = format!("`std::{}` in the core", head.name);
            Finding::new(&source.path, head.line, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Source;

    fn count(path: &str, code: &str) -> usize {
        check(&[Source::new(path, code)]).len()
    }

    #[test]
    fn the_core_may_compute() {
        let code = "use std::{collections::BTreeMap, time::Duration};\n// tokio\nfn f() {}";
        assert_eq!(count("src/model/time.rs", code), 0);
    }

    #[test]
    fn reaching_outside_is_found() {
        for code in [
            "use std::{fmt, fs};",
            "std::env::var(x)",
            "use std::time::{Duration, SystemTime};",
            "std::time::Instant::now()",
            "pub async fn f() {}",
            "use redb::Database;",
            "tracing::info!()",
        ] {
            assert_eq!(count("src/sync/plan.rs", code), 1, "{code}");
            assert_eq!(count("src/model.rs", code), 1, "{code}");
            assert_eq!(count("src/engine.rs", code), 0, "{code}");
        }
    }

    #[test]
    fn the_place_is_told() {
        let found = check(&[Source::new("src/sync.rs", "\n\nuse tokio::a;")]);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["src/sync.rs:3: `tokio` in the core"]);
    }
}
