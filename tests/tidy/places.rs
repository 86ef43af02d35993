//! What has one place in `src`: the time, the store's engine, its encoding, the environment and
//! the terminal. Tests may use what they need.

use crate::finding::Finding;
use crate::lexer::{in_word, line_of};
use crate::paths::{heads, words};
use crate::tree::Source;

/// A word of code, and the one place where it may stand.
struct Place {
    word: &'static str,
    /// Beginnings of the paths that may hold it.
    home: &'static [&'static str],
    why: &'static str,
}

const CLI: &[&str] = &["src/cli.rs", "src/cli/"];

const PLACES: [Place; 6] = [
    Place {
        word: "bincode",
        home: &["src/store/codec"],
        why: "only the store's codec knows the encoding of a record",
    },
    Place {
        word: "redb",
        home: &["src/store.rs", "src/store/"],
        why: "no type of the engine leaves the store",
    },
    Place {
        word: "SystemTime::now",
        home: &["src/clock.rs"],
        why: "take `now: Timestamp` or a `Clock`",
    },
    Place {
        word: "print!",
        home: CLI,
        why: "only `cli` prints",
    },
    Place {
        word: "println!",
        home: CLI,
        why: "only `cli` prints",
    },
    Place {
        word: "eprintln!",
        home: CLI,
        why: "only `cli` prints",
    },
];

/// What of `std::env` asks the machine; compile-time `env!` doesn't.
const ENVIRONMENT: [&str; 9] = [
    "args",
    "args_os",
    "current_dir",
    "current_exe",
    "remove_var",
    "set_var",
    "var",
    "var_os",
    "vars",
];

/// Finds what stands outside its place.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .flat_map(|source| {
            let placed = PLACES.iter().filter(|place| !at_home(source, place.home));
            let mut findings: Vec<Finding> = placed.flat_map(|place| away(source, place)).collect();
            findings.extend(environment(source));
            findings
        })
        .collect()
}

fn at_home(source: &Source, home: &[&str]) -> bool {
    home.iter().any(|prefix| source.path.starts_with(prefix))
}

fn away(source: &Source, place: &Place) -> Vec<Finding> {
    let code = source.tested_code();
    code.match_indices(place.word)
        .filter(|(at, found)| is_whole(code, *at, found))
        .map(|(at, found)| {
            let what = format!("`{found}`: {}", place.why);
            Finding::new(&source.path, line_of(code, at), what)
        })
        .collect()
}

fn is_whole(code: &str, at: usize, found: &str) -> bool {
    let before = code.get(..at).unwrap_or_default();
    let after = code.get(at + found.len()..).unwrap_or_default();
    !before.ends_with(in_word) && !after.starts_with(in_word)
}

fn environment(source: &Source) -> Vec<Finding> {
    let code = source.tested_code();
    let in_cli = at_home(source, CLI);
    let reads = heads(code, "env").into_iter();
    // `std::env::var` begins with `std`, and `env` is then not the first of its path.
    let full = words(code).filter(|(_, word)| ENVIRONMENT.contains(word));
    let full = full.filter(|(offset, _)| {
        let before = code.get(..*offset).unwrap_or_default();
        before.ends_with("std::env::")
    });
    let lines = full.map(|(offset, word)| (line_of(code, offset), word.to_owned()));
    reads
        .filter(|read| ENVIRONMENT.contains(&read.name.as_str()))
        .map(|read| (read.line, read.name))
        .chain(lines)
        .filter(|_| !in_cli)
        .map(|(line, name)| {
            let what = format!("`env::{name}`: only `cli` reads the environment");
            Finding::new(&source.path, line, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Source;

    fn told(path: &str, code: &str) -> Vec<String> {
        let found = check(&[Source::new(path, code)]);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn at_home_everything_is_free() {
        assert!(told("src/store/codec.rs", "bincode::x(); redb::y()").is_empty());
        assert!(told("src/store/codec/v1.rs", "bincode::x()").is_empty());
        assert!(told("src/store.rs", "redb::y()").is_empty());
        assert!(told("src/clock.rs", "SystemTime::now()").is_empty());
        let tests = "#[cfg(test)]\nmod tests { std::env::current_exe() }";
        assert!(told("src/http.rs", tests).is_empty());
        assert!(told("src/http/tests.rs", "redb::a()").is_empty());
        assert!(told("src/cli/run.rs", "std::env::var(a); println!(b)").is_empty());
    }

    #[test]
    fn away_from_home_it_is_found() {
        for (path, code) in [
            ("src/store.rs", "use bincode::Options;"),
            ("src/storefront.rs", "use redb::Table;"),
            ("src/engine.rs", "SystemTime::now()"),
            ("src/engine.rs", "std::env::var_os(a)"),
            ("src/engine.rs", "use std::env; env::args()"),
            ("src/http/webhook.rs", "eprintln!(a)"),
            ("src/main.rs", "println!(a)"),
        ] {
            assert_eq!(told(path, code).len(), 1, "{path}: {code}");
        }
    }

    #[test]
    fn likenesses_are_not_meant() {
        let code = "env!(a); eredb(); writeln!(f); my_println!(x); // bincode";
        assert!(told("src/engine.rs", code).is_empty());
    }

    #[test]
    fn the_reason_is_told() {
        assert_eq!(
            told("src/engine.rs", "\nredb::a()"),
            ["src/engine.rs:2: `redb`: no type of the engine leaves the store"]
        );
    }
}
