//! The files of the repository: those that git tracks, and new ones it does not ignore.

use crate::lexer::{self, Views};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) content: String,
}

/// A Rust file, split into code and comments.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The code; comments and the insides of literals are blank.
    pub(crate) code: String,
    /// The comments; everything else is blank.
    pub(crate) comments: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let Views { code, comments } = lexer::split(text);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments,
        }
    }

    /// Whether this is `foo/tests.rs`, which holds the tests of `foo.rs`.
    pub(crate) fn holds_tests(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// The code without the file's own tests.
    pub(crate) fn tested_code(&self) -> &str {
        if self.holds_tests() {
            return "";
        }
        let tests = self.code.find("#[cfg(test)]\nmod tests");
        tests.map_or(&self.code, |at| self.code.split_at(at).0)
    }

    /// `store` for `src/store.rs` and for everything below `src/store/`.
    pub(crate) fn module(&self) -> &str {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        path.split(['/', '.']).next().unwrap_or(path)
    }
}

/// Everything that is, or could be, committed.
#[derive(Debug)]
pub(crate) struct Tree {
    texts: Vec<Text>,
    paths: Vec<String>,
}

impl Tree {
    pub(crate) fn read() -> Self {
        let root = root();
        let paths = listed(&root);
        let texts = paths
            .iter()
            .filter_map(|path| {
                // What is not UTF-8 is data, not text.
                let content = std::fs::read_to_string(root.join(path)).ok()?;
                let path = path.clone();
                Some(Text { path, content })
            })
            .collect();
        Self { texts, paths }
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let text = |(path, content): &(&str, &str)| Text {
            path: (*path).to_owned(),
            content: (*content).to_owned(),
        };
        Self {
            texts: files.iter().map(text).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.paths.iter().map(String::as_str).collect()
    }

    pub(crate) fn texts(&self) -> &[Text] {
        &self.texts
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let found = self.texts.iter().find(|text| text.path == path)?;
        Some(&found.content)
    }

    /// What the Rust files below `prefix` say, as written.
    pub(crate) fn rust_texts(&self, prefix: &str) -> Vec<&str> {
        self.texts
            .iter()
            .filter(|text| text.path.starts_with(prefix) && has_extension(&text.path, "rs"))
            .map(|text| text.content.as_str())
            .collect()
    }

    pub(crate) fn rust(&self) -> Vec<Source> {
        self.rust_in("")
    }

    pub(crate) fn rust_in(&self, folder: &str) -> Vec<Source> {
        self.texts
            .iter()
            .filter(|text| text.path.starts_with(folder) && has_extension(&text.path, "rs"))
            .map(|text| Source::new(&text.path, &text.content))
            .collect()
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// The paths git tracks or would track, without those that are deleted and not yet committed so.
fn listed(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others"])
        .arg("--exclude-standard")
        .current_dir(root)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listing = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let mut paths: Vec<String> = listing
        .split_terminator('\0')
        .filter(|path| root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    assert!(!paths.is_empty(), "git lists no file");
    paths
}

#[test]
fn a_module_is_named_by_its_place_below_src() {
    for path in ["src/store.rs", "src/store/codec.rs", "src/store/v1/a.rs"] {
        assert_eq!(Source::new(path, "").module(), "store");
    }
}

#[test]
fn this_file_is_in_the_tree() {
    let tree = Tree::read();
    let text = tree.text("tests/tidy/tree.rs").expect("it is read");
    assert!(text.contains("fn this_file_is_in_the_tree"));
}

#[test]
fn tests_are_told_from_what_they_test() {
    let text = "a();\n#[cfg(test)]\nfn b() {}\n#[cfg(test)]\nmod tests {}\n";
    let code = "a();\n#[cfg(test)]\nfn b() {}\n";
    assert_eq!(Source::new("src/a.rs", text).tested_code(), code);
    assert_eq!(Source::new("src/a/tests.rs", text).tested_code(), "");
}
