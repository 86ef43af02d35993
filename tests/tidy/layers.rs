//! The direction of dependencies between the modules of `src`.
//!
//! ```text
//! model < sync < config, clock, telemetry < remote < stripe, zenskar, store < engine < http < cli
//! ```
//!
//! A module may use those of the layers to its left. Modules of one layer don't know one another:
//! `stripe`, `zenskar` and `store` meet in `engine`, and `config`, `clock` and `telemetry` are
//! handed to each other as plain values where they meet, in `cli`.
//!
//! `mutants`, the switch of the simulation's deliberate defects, stands left of them all: any layer
//! may have a defect.

use crate::finding::Finding;
use crate::paths::{heads, heads_above};
use crate::tree::Source;

/// From left to right.
const LAYERS: [&[&str]; 9] = [
    &["mutants"],
    &["model"],
    &["sync"],
    &["config", "clock", "telemetry"],
    &["remote"],
    &["stripe", "zenskar", "store"],
    &["engine"],
    &["http"],
    &["cli"],
];

/// Finds uses that point to the right or sideways, and modules that have no place in the order.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    match source.module() {
        // It declares the modules, and knows none.
        "lib" => Vec::new(),
        "main" => check_main(source),
        module => check_module(source, module),
    }
}

fn check_main(source: &Source) -> Vec<Finding> {
    heads(&source.code, "zenstripe")
        .into_iter()
        .filter(|head| head.name != "cli")
        .map(|head| {
            let what = format!("main uses `{}`; it calls `cli` and nothing else", head.name);
            Finding::new(&source.path, head.line, what)
        })
        .collect()
}

fn check_module(source: &Source, module: &str) -> Vec<Finding> {
    let Some(own) = layer(module) else {
        let what = format!("`{module}` has no layer; give it one in tests/tidy/layers.rs");
        return vec![Finding::new(&source.path, 0, what)];
    };
    let mut uses = heads(&source.code, "crate");
    uses.extend(heads_above(&source.code, source.path.matches('/').count()));
    let mut findings: Vec<Finding> = uses
        .into_iter()
        .filter(|used| used.name != module)
        .filter(|used| layer(&used.name).is_some_and(|layer| layer >= own))
        .map(|used| {
            let what = format!("`{module}` uses `{}`, which is not to its left", used.name);
            Finding::new(&source.path, used.line, what)
        })
        .collect();
    findings.dedup();
    findings
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Source;

    #[track_caller]
    fn assert_found(path: &str, code: &str, expected: &[&str]) {
        let found: Vec<String> = check(&[Source::new(path, code)])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, expected, "{path}: {code}");
    }

    #[test]
    fn left_is_free() {
        assert_found("src/engine/intake.rs", "use crate::{store::A, model};", &[]);
        assert_found(
            "src/store/codec.rs",
            "use super::tables; use crate::store::B;",
            &[],
        );
        assert_found("src/cli.rs", "crate::http::serve()", &[]);
        assert_found("src/main.rs", "zenstripe::cli::main()", &[]);
        assert_found("src/lib.rs", "pub mod cli;", &[]);
    }

    #[test]
    fn right_is_found() {
        assert_found(
            "src/sync/plan.rs",
            "use crate::model::A;\nuse crate::store::B;",
            &["src/sync/plan.rs:2: `sync` uses `store`, which is not to its left"],
        );
        assert_found(
            "src/store/codec.rs",
            "use crate::{\n    model::A,\n    http,\n};",
            &["src/store/codec.rs:3: `store` uses `http`, which is not to its left"],
        );
    }

    #[test]
    fn sideways_is_found() {
        for (path, other) in [("src/stripe.rs", "zenskar"), ("src/clock.rs", "config")] {
            let found = check(&[Source::new(path, &format!("use crate::{other}::A;"))]);
            assert_eq!(found.len(), 1, "{path}");
        }
    }

    #[test]
    fn a_way_round_through_super_is_found() {
        assert_found(
            "src/sync/plan.rs",
            "use super::super::store::A;",
            &["src/sync/plan.rs:1: `sync` uses `store`, which is not to its left"],
        );
        assert_found(
            "src/sync.rs",
            "use super::store::A;",
            &["src/sync.rs:1: `sync` uses `store`, which is not to its left"],
        );
        assert_found("src/engine/store.rs", "use super::store::A;", &[]);
    }

    #[test]
    fn comments_and_text_use_nothing() {
        assert_found(
            "src/model.rs",
            "/// [`crate::cli::A`]\nconst A: &str = \"crate::cli\";",
            &[],
        );
    }

    #[test]
    fn a_module_without_a_layer_is_found() {
        assert_found(
            "src/util/text.rs",
            "",
            &["src/util/text.rs: `util` has no layer; give it one in tests/tidy/layers.rs"],
        );
    }

    #[test]
    fn main_calls_the_command_line_alone() {
        assert_found(
            "src/main.rs",
            "zenstripe::http::serve()",
            &["src/main.rs:1: main uses `http`; it calls `cli` and nothing else"],
        );
    }
}
