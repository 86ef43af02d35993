//! Files to [`Config`]: read, parse, lay one over the other, validate, and point at the line.
//!
//! The main file comes first, then `<stem>.d/*.toml` beside it in byte order; a later file wins key
//! by key. Unknown keys and bad values are refused, all of them at once over all files.
//!
//! Not in here: what happens with a refused configuration. The caller keeps what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use toml::de::DeTable;

use super::keys::{self, Key};
use super::problem::{Problem, Problems, Site, Source, names_a_secret};
use super::value::{Value, is_a};
use super::{Config, SecretRef, validate};

/// Larger files are mistakes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Names less alike than this are not suggested.
const LIKENESS_MIN: f64 = 0.6;

/// A valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each value that is not a default was set, by dotted path.
    pub origins: BTreeMap<&'static str, Origin>,
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    /// Equal as long as the files are.
    pub fingerprint: Fingerprint,
}

impl Loaded {
    /// Where the value of a key was set.
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }

    /// Every key with its value in TOML's notation (`None`: unset) and its origin.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Key, Option<String>, Origin)> + '_ {
        keys::KEYS
            .iter()
            .map(|key| (key, key.show(&self.config), self.origin(key.path)))
    }
}

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In a file; of a table laid together from several, the last.
    File { path: PathBuf, line: usize },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A digest of everything that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of named contents. Lengths are part of it, so that nothing can move from
    /// one to the next.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(context.finish().as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(bytes)
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing was written yet.
    #[error(
        "no configuration at {path}\n\
         \x20 1. zenstripe --config {path} init     writes a commented one and files for keys\n\
         \x20 2. put the Stripe and Zenskar API keys into the files it names\n\
         \x20 3. zenstripe --config {path} check    says what is still missing\n\
         \x20 4. zenstripe --config {path} run      or: systemctl start zenstripe",
        path = path.display()
    )]
    Missing { path: PathBuf },
    /// A file or the drop-in directory cannot be read.
    #[error("read the configuration {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// Something in the files is wrong.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Reads and checks the configuration.
///
/// # Errors
/// There is none, it cannot be read, or it is not valid.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let path = absolute(path)?;
    Ok(parse(&path, &read(&path)?)?)
}

/// The directory of drop-ins: `<stem>.d` beside the file.
pub fn drop_ins(path: &Path) -> PathBuf {
    path.with_extension("d")
}

/// The configuration's path from the root.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    std::path::absolute(path).map_err(unreadable)
}

/// Reads the file and its drop-ins, in the order in which they are laid.
pub(crate) fn read(path: &Path) -> Result<Vec<Source>, LoadError> {
    let main = read_file(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing {
            path: path.to_owned(),
        },
        _ => LoadError::Unreadable {
            path: path.to_owned(),
            source,
        },
    })?;
    let mut sources = vec![Source {
        path: path.to_owned(),
        text: main,
    }];
    let directory = drop_ins(path);
    let drop_ins = list(&directory).map_err(|source| LoadError::Unreadable {
        path: directory,
        source,
    })?;
    for path in drop_ins {
        match read_file(&path) {
            Ok(text) => sources.push(Source { path, text }),
            Err(source) => return Err(LoadError::Unreadable { path, source }),
        }
    }
    Ok(sources)
}

/// The drop-ins in byte order: `*.toml`, without hidden files. No directory, no drop-ins.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".toml") && !bytes.starts_with(b".") {
            names.insert(name);
        }
    }
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(io::Error::other("more than 1 MiB"));
    }
    Ok(text)
}

/// Checks what was read. Relative paths in it are taken from the main file's directory.
///
/// # Errors
/// All problems over all files.
pub fn parse(path: &Path, sources: &[Source]) -> Result<Loaded, Problems> {
    let mut draft = Draft::default();
    for (index, source) in sources.iter().enumerate() {
        draft.lay(index, &source.text);
    }
    if !draft.broken {
        validate::validate(&mut draft);
    }
    if !draft.problems.is_empty() {
        return Err(Problems::new(sources, draft.problems, &draft.hidden));
    }
    resolve_paths(&mut draft.config, path.parent().unwrap_or(path));
    let origins = draft.sites.iter().filter_map(|(key, site)| {
        let source = sources.get(site.source)?;
        let (line, _) = source.position(site.start);
        Some((
            *key,
            Origin::File {
                path: source.path.clone(),
                line,
            },
        ))
    });
    Ok(Loaded {
        origins: origins.collect(),
        files: sources.iter().map(|source| source.path.clone()).collect(),
        fingerprint: fingerprint(sources),
        config: draft.config,
    })
}

/// The fingerprint of what was read.
pub(crate) fn fingerprint(sources: &[Source]) -> Fingerprint {
    Fingerprint::of(sources.iter().flat_map(|source| {
        [
            source.path.as_os_str().as_encoded_bytes(),
            source.text.as_bytes(),
        ]
    }))
}

fn resolve_paths(config: &mut Config, directory: &Path) {
    let resolve = |path: &mut PathBuf| *path = directory.join(&*path);
    resolve(&mut config.listen.socket);
    resolve(&mut config.store.path);
    let mut secrets: Vec<&mut SecretRef> = config.stripe.webhook_secret_files.iter_mut().collect();
    secrets.extend(&mut config.stripe.secret_key_file);
    secrets.extend(&mut config.zenskar.api_key_file);
    secrets.extend(&mut config.zenskar.webhook_secret_file);
    secrets.extend(&mut config.store.key_file);
    if let Some(tls) = &mut config.listen.tls {
        resolve(&mut tls.certificate);
        secrets.push(&mut tls.key);
    }
    for secret in secrets {
        if let SecretRef::Path(path) = secret {
            resolve(path);
        }
    }
}

/// A configuration in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    /// Where the values in force were set.
    pub(super) sites: BTreeMap<&'static str, Site>,
    /// Keys of which some file has a value that was not read.
    pub(super) failed: BTreeSet<&'static str>,
    pub(super) problems: Vec<Problem>,
    /// What must not be shown.
    hidden: Vec<Site>,
    /// Some file is not TOML, so that nothing can be said about what is missing.
    broken: bool,
}

impl Draft {
    fn lay(&mut self, source: usize, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            self.broken = true;
            let span = error.span().unwrap_or(0..0);
            self.problems.push(Problem {
                site: Site::new(source, &span),
                title: "this is not TOML".to_owned(),
                label: error.message().trim().replace('\n', "; "),
                help: None,
                context: Vec::new(),
            });
        }
        // After a syntax error the rest may be misread.
        if errors.is_empty() {
            self.walk(source, "", table.get_ref());
        }
    }

    fn walk(&mut self, source: usize, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let written: &str = name.get_ref().as_ref();
            let path = match prefix {
                "" => written.to_owned(),
                _ => format!("{prefix}.{written}"),
            };
            let known_below = keys::below(&path);
            if let Some(key) = keys::find(&path) {
                self.set(source, key, value);
            } else if known_below.is_empty() {
                if names_a_secret(written) {
                    self.hidden.push(Site::new(source, &value.span()));
                }
                let site = Site::new(source, &name.span());
                self.problems.push(unknown(site, prefix, written));
            } else if let Some(table) = value.get_ref().as_table() {
                self.walk(source, &path, table);
            } else {
                self.problems.push(Problem {
                    site: Site::new(source, &value.span()),
                    title: format!("`{path}` {}", is_a(value)),
                    label: format!("expected a table of {}", known_below.join(", ")),
                    help: None,
                    context: Vec::new(),
                });
            }
        }
    }

    fn set(&mut self, source: usize, key: &'static Key, value: &Value<'_>) {
        let site = Site::new(source, &value.span());
        match key.lay(&mut self.config, value) {
            Ok(()) => {
                self.sites.insert(key.path, site);
            }
            Err(misfits) => {
                self.failed.insert(key.path);
                self.problems
                    .extend(misfits.into_iter().map(|misfit| Problem {
                        site: Site::new(source, &misfit.span),
                        title: format!("`{}` {}", key.path, misfit.what),
                        label: misfit.label,
                        help: None,
                        context: Vec::new(),
                    }));
            }
        }
    }
}

/// The problem of a key that nobody knows, with the nearest known one.
fn unknown(site: Site, prefix: &str, written: &str) -> Problem {
    let shown: String = written.chars().take(60).collect();
    let names = keys::below(prefix);
    let (title, known) = match prefix {
        "" => (
            format!("unknown section or key `{shown}`"),
            "the sections are",
        ),
        _ => (format!("unknown key `{prefix}.{shown}`"), "known here are"),
    };
    let elsewhere = keys::KEYS
        .iter()
        .find(|key| key.name() == written)
        .map(|key| key.path);
    let suggestion = elsewhere.or_else(|| nearest(written, &names));
    Problem {
        site,
        title,
        label: match suggestion {
            Some(name) => format!("did you mean `{name}`?"),
            None => "not a setting of this program".to_owned(),
        },
        help: Some(format!("{known}: {}", names.join(", "))),
        context: Vec::new(),
    }
}

/// The known name most like the one written, or the first that it begins.
fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    let written = written.to_ascii_lowercase().replace('-', "_");
    let begun = names
        .iter()
        .find(|name| written.len() >= 3 && name.starts_with(&written));
    let likeness = |name: &&'a str| {
        (
            strsim::normalized_damerau_levenshtein(&written, name),
            *name,
        )
    };
    let alike = names
        .iter()
        .map(likeness)
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN);
    let nearest = alike
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name);
    begun.copied().or(nearest)
}

#[cfg(test)]
mod tests;
