//! What a visitor finds: the top level, the README, the commands it names, the documents.

use crate::finding::Finding;
use crate::lexer::in_word;
use crate::tree::{Tree, root};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

/// The top level, besides dotfiles (settings of tools) and licences.
const TOP_LEVEL: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "config",
    "packaging",
    "src",
    "tests",
];

/// The words every reader needs; the glossary has a line for each.
const GLOSSARY: [&str; 12] = [
    "activity",
    "base",
    "conflict",
    "dead letter",
    "delivery",
    "difference",
    "inbox",
    "intake",
    "intent",
    "link",
    "outbox",
    "scan",
];

const README: &str = "README.md";
const LIB: &str = "src/lib.rs";
const CHANGE_LOG: &str = "packaging/CHANGELOG.md";
const RUN: &str = "tests/run";

/// Finds what lies at the top level and isn't part of it.
pub(crate) fn check_top_level(paths: &[&str]) -> Vec<Finding> {
    let entries: BTreeSet<&str> = paths
        .iter()
        .filter_map(|path| path.split('/').next())
        .collect();
    entries
        .into_iter()
        .filter(|entry| !TOP_LEVEL.contains(entry))
        .filter(|entry| !entry.starts_with('.') && !entry.starts_with("LICENSE"))
        .map(|entry| Finding::new(entry, 0, "isn't part of the top level"))
        .collect()
}

/// Finds what the README doesn't say, or says and isn't so.
pub(crate) fn check_readme(tree: &Tree) -> Vec<Finding> {
    let Some(readme) = tree.text(README) else {
        return vec![Finding::new(README, 0, "is missing")];
    };
    let missing = ["cargo demo", RUN]
        .into_iter()
        .filter(|command| !readme.contains(command))
        .map(|command| Finding::new(README, 0, format!("doesn't mention `{command}`")));
    missing
        .chain(lines_of(readme, |line| unknown_paths(tree, line)))
        .chain(lines_of(readme, |line| unknown_commands(tree, line)))
        .chain(lines_of(readme, |line| unknown_metrics(tree, line)))
        .collect()
}

fn lines_of(readme: &str, check: impl Fn(&str) -> Vec<String>) -> Vec<Finding> {
    let numbered = readme.lines().zip(1..);
    numbered
        .flat_map(|(line, number)| {
            let found = check(line).into_iter();
            found.map(move |what| Finding::new(README, number, what))
        })
        .collect()
}

/// Places in the repository that aren't there.
fn unknown_paths(tree: &Tree, line: &str) -> Vec<String> {
    let in_path = |c: char| in_word(c) || ['/', '.', '-'].contains(&c);
    let known = |path: &str| {
        let folder = format!("{path}/");
        let mut paths = tree.paths().into_iter();
        paths.any(|found| found == path || found.starts_with(&folder))
    };
    line.split(|c| !in_path(c))
        .map(|path| path.trim_end_matches(['.', '/']))
        .filter(|path| path.contains('/'))
        .filter(|path| {
            let first = path.split('/').next().unwrap_or_default();
            ["config", "packaging", "src", "tests"].contains(&first)
        })
        .filter(|path| !known(path))
        .map(|path| format!("`{path}` doesn't exist"))
        .collect()
}

/// Commands, written as code, that the command line doesn't have.
fn unknown_commands(tree: &Tree, line: &str) -> Vec<String> {
    let texts = tree.rust_texts("src/cli");
    if texts.iter().all(|text| text.lines().count() <= 1) {
        // There is no command line yet.
        return Vec::new();
    }
    let known = |command: &str| {
        let mut words = texts.iter().flat_map(|text| text.split(|c| !in_word(c)));
        words.any(|word| word.eq_ignore_ascii_case(command))
    };
    let mut found = Vec::new();
    for (at, name) in line.match_indices("zenstripe ") {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(name).unwrap_or_default();
        let command = after.split(|c| !in_word(c)).next().unwrap_or_default();
        let code = before.is_empty() || before == "$ " || before.matches('`').count() % 2 == 1;
        if code && !command.is_empty() && !known(command) {
            found.push(format!("`zenstripe {command}` isn't a command"));
        }
    }
    found
}

/// Metrics that nothing counts.
fn unknown_metrics(tree: &Tree, line: &str) -> Vec<String> {
    let texts = tree.rust_texts("src/");
    let counted = |metric: &str| {
        let name = metric.trim_start_matches("zenstripe_");
        let plain = name.trim_end_matches("_total");
        texts.iter().any(|text| text.contains(plain))
    };
    line.split(|c| !in_word(c))
        .filter(|word| word.starts_with("zenstripe_") && !counted(word))
        .map(|word| format!("`{word}` isn't a metric"))
        .collect()
}

/// Finds commands that the README promises and the repository doesn't keep.
pub(crate) fn check_commands(tree: &Tree) -> Vec<Finding> {
    let settings = tree.text(".cargo/config.toml").unwrap_or_default();
    let alias = settings.lines().any(|line| line.starts_with("demo = "));
    let mode = std::fs::metadata(root().join(RUN)).map(|found| found.permissions().mode());
    let executable = mode.is_ok_and(|mode| mode & 0o111 == 0o111);
    let alias = (!alias).then(|| Finding::new(".cargo/config.toml", 0, "has no alias `demo`"));
    let run = (!executable).then(|| Finding::new(RUN, 0, "isn't an executable file"));
    alias.into_iter().chain(run).collect()
}

/// Finds missing documents: the glossary and the change log.
pub(crate) fn check_documents(tree: &Tree) -> Vec<Finding> {
    let glossary = glossary(tree.text(LIB).unwrap_or_default());
    let mut findings: Vec<Finding> = GLOSSARY
        .into_iter()
        .filter(|word| !glossary.contains(&format!("**{word}**")))
        .map(|word| Finding::new(LIB, 0, format!("the glossary doesn't explain **{word}**")))
        .collect();
    let change_log = tree.text(CHANGE_LOG).unwrap_or_default();
    if !change_log.lines().any(|line| line.starts_with("## [")) {
        findings.push(Finding::new(
            CHANGE_LOG,
            0,
            "has no release, not even [Unreleased]",
        ));
    }
    findings
}

/// The section "Glossary" of a module's documentation.
fn glossary(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    lines
        .skip_while(|line| *line != "# Glossary")
        .skip(1)
        .take_while(|line| !line.starts_with("# "))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::{GLOSSARY, check_commands, check_documents, check_readme, check_top_level};
    use crate::finding::Finding;
    use crate::tree::Tree;

    const GOOD: &str = "Try `cargo demo`, test with `tests/run`.\n";

    fn told(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    fn readme(text: &str, others: &[(&str, &str)]) -> Vec<String> {
        let mut files = vec![("README.md", text), ("tests/run", "")];
        files.extend(others);
        told(&check_readme(&Tree::of(&files)))
    }

    #[test]
    fn a_stray_entry_is_found() {
        let paths = ["Cargo.toml", ".ci/run", "LICENSE", "src/a.rs", "docs/a.md"];
        assert_eq!(
            told(&check_top_level(&paths)),
            ["docs: isn't part of the top level"]
        );
    }

    #[test]
    fn a_readme_names_both_commands() {
        assert!(readme(GOOD, &[]).is_empty());
        assert_eq!(readme("Nothing.", &[]).len(), 2);
        assert_eq!(
            told(&check_readme(&Tree::of(&[]))),
            ["README.md: is missing"]
        );
    }

    #[test]
    fn a_path_that_is_not_there_is_found() {
        let text = format!("{GOOD}See src/, src/lib.rs. And config/a.toml.\n");
        assert_eq!(
            readme(&text, &[("src/lib.rs", "//! A.")]),
            ["README.md:2: `config/a.toml` doesn't exist"]
        );
    }

    #[test]
    fn a_command_that_is_not_there_is_found() {
        let text = format!("{GOOD}`zenstripe check`, then `zenstripe dance`; zenstripe sings.\n");
        assert_eq!(
            readme(&text, &[("src/cli.rs", "//! A.\nenum Command { Check }")]),
            ["README.md:2: `zenstripe dance` isn't a command"]
        );
        assert!(readme(&text, &[("src/cli.rs", "//! A.")]).is_empty());
    }

    #[test]
    fn a_metric_that_is_not_there_is_found() {
        let text = format!("{GOOD}`zenstripe_events_total` and `zenstripe_wishes_total`\n");
        assert_eq!(
            readme(&text, &[("src/telemetry.rs", "register(\"events\")")]),
            ["README.md:2: `zenstripe_wishes_total` isn't a metric"]
        );
    }

    #[test]
    fn a_missing_alias_is_found() {
        let found = told(&check_commands(&Tree::of(&[(
            ".cargo/config.toml",
            "[alias]\n",
        )])));
        assert!(found.contains(&".cargo/config.toml: has no alias `demo`".to_owned()));
    }

    #[test]
    fn missing_documents_are_found() {
        let lines: String = GLOSSARY
            .iter()
            .map(|word| format!("//! - **{word}**: a\n"))
            .collect();
        let whole = format!("//! A.\n//!\n//! # Glossary\n//!\n{lines}");
        let log = ("packaging/CHANGELOG.md", "## [Unreleased]\n");
        assert!(check_documents(&Tree::of(&[("src/lib.rs", &whole), log])).is_empty());
        let elsewhere = whole.replace("# Glossary", "# Words");
        let found = check_documents(&Tree::of(&[("src/lib.rs", &elsewhere)]));
        assert_eq!(found.len(), GLOSSARY.len() + 1);
    }
}
