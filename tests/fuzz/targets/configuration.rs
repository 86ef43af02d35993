//! A configuration file.
//!
//! Whatever the text, it is a configuration or a list of problems that can be printed; and what
//! looks like a secret in it is never printed.

use std::path::Path;
use zenstripe::config::load::parse;
use zenstripe::config::problem::Source;

const PATH: &str = "/etc/zenstripe/zenstripe.toml";

/// What a live key begins with.
const PREFIX: &str = "sk_live_";

/// Shortest continuation of a prefix that is taken for a secret.
const SECRET_CHARS_MIN: usize = 16;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let path = Path::new(PATH);
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    match parse(path, &[source]) {
        Ok(loaded) => {
            let rows = loaded.rows().count();
            assert!(rows > 0, "a configuration without settings");
        }
        Err(problems) => {
            assert!(problems.count() > 0, "refused without a problem");
            let lines: Vec<String> = problems.lines().collect();
            assert_eq!(lines.len(), problems.count(), "one line for each problem");
            let printed = format!(
                "{problems}\n{}\n{}",
                problems.render(true),
                lines.join("\n")
            );
            for secret in secrets(text) {
                assert!(
                    !printed.contains(secret),
                    "`{secret}` was printed:\n{printed}"
                );
            }
        }
    }
}

/// Secret keys in a text, each with its prefix. Stripe's are letters and digits after it.
fn secrets(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let key = text.get(at..)?;
        let secret = key.strip_prefix(PREFIX)?;
        let end = secret.find(|c: char| !c.is_ascii_alphanumeric());
        let length = end.unwrap_or(secret.len());
        (length >= SECRET_CHARS_MIN).then(|| key.split_at(PREFIX.len() + length).0)
    })
}
