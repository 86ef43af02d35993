//! What is wrong with a configuration, and where: every problem at once, each with the file, the
//! line and the offending text.
//!
//! Guarantee: what looks like a secret in the file is masked before anything is printed, because
//! these messages go to the log, the console and people's tickets.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

/// Beginnings of Stripe's and Zenskar's secrets.
const SECRET_PREFIXES: &[&str] = &[
    "sk_test_", "sk_live_", "rk_test_", "rk_live_", "whsec_", "sandbox_",
];

/// The shortest continuation of a prefix that is taken for a secret: a file may well be called
/// `sandbox_zenskar_key`.
const SECRET_CHARS_MIN: usize = 16;

/// Names of keys whose values are masked when the key is unknown.
const SECRET_NAMES: &[&str] = &["key", "secret", "token", "password", "credential"];

/// One configuration file as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it was read.
    pub path: PathBuf,
    /// What was in it.
    pub text: String,
}

impl Source {
    /// Line and column, both from one, of a byte.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let before = self
            .text
            .get(..at.min(self.text.len()))
            .unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (line, column)
    }
}

/// The text stays out, it may hold a misplaced secret.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A place in one of the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// Which file, by its order.
    pub(super) source: usize,
    /// The first byte.
    pub(super) start: usize,
    /// The byte after the last one.
    pub(super) end: usize,
}

impl Site {
    pub(super) fn new(source: usize, span: &Range<usize>) -> Self {
        Self {
            source,
            start: span.start,
            end: span.end,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub(super) site: Site,
    pub(super) title: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
    /// Other places that the problem is about.
    pub(super) context: Vec<(Site, String)>,
}

impl Problem {
    /// A misplaced secret may also be a key, or in what the parser of TOML quotes.
    fn mask(&mut self) {
        let labels = self.context.iter_mut().map(|(_, label)| label);
        let texts = [&mut self.title, &mut self.label].into_iter();
        for text in texts.chain(&mut self.help).chain(labels) {
            *text = masked(text, std::iter::empty());
        }
    }
}

/// Everything that is wrong, in the order of the files.
///
/// `Display` prints the snippets, without colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    sources: Vec<Source>,
    list: Vec<Problem>,
}

impl std::error::Error for Problems {}

impl Problems {
    /// Collects the problems; `hidden` are places that must not be shown.
    pub(super) fn new(sources: &[Source], mut list: Vec<Problem>, hidden: &[Site]) -> Self {
        list.sort();
        for problem in &mut list {
            problem.mask();
        }
        let sources = sources.iter().enumerate().map(|(index, source)| {
            let hidden = hidden.iter().filter(|site| site.source == index);
            let spans = hidden.map(|site| site.start..site.end);
            Source {
                path: source.path.clone(),
                text: masked(&source.text, spans),
            }
        });
        Self {
            sources: sources.collect(),
            list,
        }
    }

    /// How many problems there are; at least one.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// One line per problem, `path:line:column: what: expected`, for places without room.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.list.iter().map(|problem| {
            let (path, (line, column)) = match self.sources.get(problem.site.source) {
                Some(source) => (source.path.as_path(), source.position(problem.site.start)),
                None => (Path::new(""), (1, 1)),
            };
            format!(
                "{}:{line}:{column}: {}: {}",
                path.display(),
                problem.title,
                problem.label
            )
        })
    }

    /// The snippets, with colours for a terminal or without.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut parts = Vec::with_capacity(self.list.len());
        for problem in &self.list {
            let snippets = self.snippets(problem);
            let mut group = Level::ERROR
                .primary_title(problem.title.as_str())
                .elements(snippets);
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            parts.push(renderer.render(&[group]));
        }
        parts.join("\n\n")
    }

    /// One snippet per file that the problem is about, the one it is in first.
    fn snippets<'p>(&'p self, problem: &'p Problem) -> Vec<Snippet<'p, Annotation<'p>>> {
        let mut order = vec![problem.site.source];
        order.extend(problem.context.iter().map(|(site, _)| site.source));
        let mut snippets = Vec::new();
        for (at, index) in order.iter().enumerate() {
            let repeated = order.iter().take(at).any(|earlier| earlier == index);
            let Some(source) = self.sources.get(*index).filter(|_| !repeated) else {
                continue;
            };
            let primary = (
                &problem.site,
                problem.label.as_str(),
                AnnotationKind::Primary,
            );
            let context = problem.context.iter();
            let context = context.map(|(site, label)| (site, &**label, AnnotationKind::Context));
            let annotations = std::iter::once(primary)
                .chain(context)
                .filter(|(site, _, _)| site.source == *index)
                .map(|(site, label, kind)| {
                    let start = boundary(&source.text, site.start);
                    let end = boundary(&source.text, site.end).max(start);
                    kind.span(start..end).label(label)
                });
            let path = source.path.display().to_string();
            let snippet = Snippet::source(source.text.as_str()).path(path);
            snippets.push(snippet.annotations(annotations));
        }
        snippets
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// The last character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or_default()
}

/// Whether the value of an unknown key of this name should be masked.
pub(super) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|name| key.contains(name))
}

/// Whether this is, by its beginning, a secret rather than the name of a file that holds one.
pub(super) fn looks_like_a_secret(text: &str) -> bool {
    secrets_in(text).next().is_some()
}

/// A value as it is quoted in a message: masked if need be, and short.
pub(super) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let text = masked(text, std::iter::empty());
    if text.chars().count() > CHARS_MAX {
        format!(
            "\"{}…\"",
            text.chars()
                .take(CHARS_MAX)
                .collect::<String>()
                .escape_debug()
        )
    } else {
        format!("\"{}\"", text.escape_debug())
    }
}

/// The text with the same number of bytes, secrets and the given places overwritten.
fn masked(text: &str, hidden: impl Iterator<Item = Range<usize>>) -> String {
    let spans: Vec<Range<usize>> = secrets_in(text).chain(hidden).collect();
    let mut masked = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let plain = character.is_whitespace() || character == '"' || character == '\'';
        if !plain && spans.iter().any(|span| span.contains(&at)) {
            masked.extend(std::iter::repeat_n('*', character.len_utf8()));
        } else {
            masked.push(character);
        }
    }
    masked
}

/// Where secrets stand, without their prefixes.
fn secrets_in(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    SECRET_PREFIXES.iter().flat_map(move |prefix| {
        text.match_indices(prefix).filter_map(move |(at, _)| {
            let start = at + prefix.len();
            let rest = text.get(start..).unwrap_or_default();
            let end = rest.find(|character: char| !character.is_ascii_alphanumeric());
            let length = end.unwrap_or(rest.len());
            (length >= SECRET_CHARS_MIN).then_some(start..start + length)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_with_the_same_length() {
        let text = "a = \"sk_live_51H8abcdEFGH5678\" # whsec_abcdefghijklmnop\nb = \"größer\"";
        let hidden = text.find("größer").unwrap();
        let shown = masked(text, std::iter::once(hidden..hidden + "größer".len()));
        assert_eq!(shown.len(), text.len());
        assert_eq!(
            shown,
            "a = \"sk_live_****************\" # whsec_****************\nb = \"********\""
        );
        assert_eq!(
            quoted("sk_test_4eC39HqLyjWD1234"),
            "\"sk_test_****************\""
        );
        assert_eq!(quoted(&"x".repeat(100)), format!("\"{}…\"", "x".repeat(60)));
        assert!(!looks_like_a_secret("stripe-secret-key"));
        assert!(!looks_like_a_secret("sandbox_zenskar_key"));
    }

    #[test]
    fn positions_count_from_one_and_in_characters() {
        let source = Source {
            path: PathBuf::new(),
            text: "a\nüb = 1".to_owned(),
        };
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(4), (2, 2));
        assert_eq!(source.position(1000), (2, 7));
    }
}
