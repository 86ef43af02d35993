//! What a rule found, and how a test says it.

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Counted from 1; 0 is the file as a whole.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Fails the test with one line per finding.
pub(crate) fn pass(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} found:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn a_finding_reads_as_editors_expect() {
    assert_eq!(
        Finding::new("src/a.rs", 7, "b").to_string(),
        "src/a.rs:7: b"
    );
    assert_eq!(Finding::new("src/a.rs", 0, "b").to_string(), "src/a.rs: b");
}

#[test]
#[should_panic(expected = "src/a.rs:7: b")]
fn a_finding_fails_the_test() {
    pass(&[Finding::new("src/a.rs", 7, "b")]);
}
