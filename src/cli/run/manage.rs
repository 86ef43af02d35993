//! Changes the configuration's file for the console: what is written there stays but for the one
//! change, and the reload takes it over as it does any other.
//!
//! # Guarantees
//!
//! - A file that is not as the person saw it is left alone.
//! - What would not be valid is not written; what the reload refuses is put back.
//! - The file is replaced as a whole: a reader sees the old text or the new one.

use crate::cli::settings;
use crate::config::edit::{self, CustomersEdit};
use crate::config::load::{self, Fingerprint};
use crate::config::problem::Source;
use crate::config::words::Word;
use crate::config::{Field, LoadError, Loaded, Origin, SyncDirection};
use crate::engine::secret::hex;
use crate::http::commands::{ChangeError, Managed, Preview};
use crate::sync::policy::Policy;
use crate::telemetry::chain;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The files as they are now.
struct Now {
    path: PathBuf,
    sources: Vec<Source>,
    loaded: Loaded,
}

impl Now {
    fn read(path: &Path) -> Result<Self, ChangeError> {
        let unreadable = |error: LoadError| match error {
            LoadError::Invalid(problems) => {
                let lines: Vec<String> = problems.lines().collect();
                ChangeError::Unreadable(format!("correct the file first: {}", lines.join("; ")))
            }
            error => ChangeError::Unreadable(chain(&error)),
        };
        let path = load::absolute(path).map_err(unreadable)?;
        let sources = load::read(&path).map_err(unreadable)?;
        let loaded = load::parse(&path, &sources).map_err(|error| unreadable(error.into()))?;
        Ok(Self {
            path,
            sources,
            loaded,
        })
    }

    /// The main file's text.
    fn text(&self) -> &str {
        self.sources
            .first()
            .map_or("", |source| source.text.as_str())
    }

    /// Names the text: another one has another name.
    fn seen(&self) -> String {
        hex(Fingerprint::of([self.text().as_bytes()]).as_bytes())
    }

    fn managed(&self) -> Managed {
        let customers = &self.loaded.config.customers;
        let names = |fields: &Vec<Field>| {
            fields
                .iter()
                .map(|field| field.as_str().to_owned())
                .collect()
        };
        let metadata = customers.metadata.iter();
        Managed {
            path: self.path.display().to_string(),
            sync: customers.sync.as_str().to_owned(),
            fields: customers.fields.as_ref().map(names),
            metadata: metadata
                .map(|(stripe, zenskar)| format!("{} = {}", stripe.as_str(), zenskar.as_str()))
                .collect(),
        }
    }

    /// The change, with what is as it should be left out.
    fn needed(&self, edit: &CustomersEdit) -> CustomersEdit {
        let customers = &self.loaded.config.customers;
        let all = edit.fields.as_ref().map(Vec::len) == Some(Field::ALL.len());
        let two_way = edit.sync == SyncDirection::ImportAndExport;
        let stays = match &customers.fields {
            Some(fields) => Some(fields) == edit.fields.as_ref(),
            // Unset is every field, which two-way sync wants named.
            None => all && !two_way,
        };
        CustomersEdit {
            sync: edit.sync,
            fields: edit.fields.clone().filter(|_| !stays),
        }
    }

    /// The drop-in that sets what is to be changed, with the line.
    fn elsewhere(&self, edit: &CustomersEdit) -> Option<String> {
        let fields = edit.fields.as_ref().map(|_| "customers.fields");
        let keys = std::iter::once("customers.sync").chain(fields);
        let origins = keys.map(|key| self.loaded.origin(key));
        let mut away = origins
            .filter(|origin| matches!(origin, Origin::File { path, .. } if *path != self.path));
        away.next().map(|origin| origin.to_string())
    }

    /// The main file's text after the change, and the rules then, if the whole is valid with it.
    fn changed(&self, edit: &CustomersEdit) -> Result<(String, Policy), ChangeError> {
        let text = edit::customers(self.text(), &self.needed(edit));
        let text = text.map_err(|error| ChangeError::Invalid(chain(&error)))?;
        let mut sources = self.sources.clone();
        if let Some(main) = sources.first_mut() {
            main.text.clone_from(&text);
        }
        let loaded = load::parse(&self.path, &sources).map_err(|problems| {
            ChangeError::Invalid(problems.lines().collect::<Vec<_>>().join("; "))
        })?;
        Ok((text, settings::policy(&loaded.config)))
    }
}

/// What the file says that the console may change.
pub(super) fn managed(path: &Path) -> Result<Managed, ChangeError> {
    Ok(Now::read(path)?.managed())
}

/// What a change would do to the file.
pub(super) fn preview(path: &Path, edit: &CustomersEdit) -> Result<Preview, ChangeError> {
    let now = Now::read(path)?;
    let (text, policy) = now.changed(edit)?;
    let lines = edit::difference(now.text(), &text);
    let added = lines.iter().filter(|(mark, _)| *mark == '+');
    let added: Vec<&str> = added.map(|(_, line)| line.as_str()).collect();
    Ok(Preview {
        seen: now.seen(),
        is_writable: OpenOptions::new().write(true).open(&now.path).is_ok(),
        elsewhere: now.elsewhere(&now.needed(edit)),
        paste: format!(
            "[customers]\n{}",
            added.join("\n").trim_start_matches("[customers]\n")
        ),
        lines,
        managed: now.managed(),
        policy,
    })
}

/// Makes a change if the file is as it was `seen`; gives the text before it and after.
pub(super) fn write(
    path: &Path,
    edit: &CustomersEdit,
    seen: &str,
) -> Result<(String, String), ChangeError> {
    let now = Now::read(path)?;
    if now.seen() != seen {
        return Err(ChangeError::Changed);
    }
    let (text, _) = now.changed(edit)?;
    if let Some(elsewhere) = now.elsewhere(&now.needed(edit)) {
        return Err(ChangeError::NotWritable(format!(
            "{elsewhere} wins over it"
        )));
    }
    replace(path, &text)?;
    Ok((now.text().to_owned(), text))
}

/// Puts the text back that was there before a change, unless somebody changed the file since.
pub(super) fn put_back(path: &Path, before: &str, ours: &str) {
    let is_ours = fs::read_to_string(path).is_ok_and(|text| text == ours);
    if is_ours && let Err(error) = replace(path, before) {
        let path = path.display().to_string();
        tracing::error!(event = "configuration_not_put_back", path, ?error);
    }
}

/// Replaces a file as a whole, with the mode that it has; a link stays one.
fn replace(path: &Path, text: &str) -> Result<(), ChangeError> {
    replace_io(path, text).map_err(|error| ChangeError::NotWritable(error.to_string()))
}

fn replace_io(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let directory = path.parent().unwrap_or(&path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Hidden, so that it is no drop-in; one that a crash left behind is written over.
    let draft = directory.join(format!(".{name}.draft"));
    let written = write_draft(&draft, &path, text).and_then(|()| fs::rename(&draft, &path));
    if let Err(error) = written {
        drop(fs::remove_file(&draft));
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

fn write_draft(draft: &Path, like: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(draft)?;
    file.set_permissions(fs::metadata(like)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const BEFORE: &str = "[customers]\nsync = \"off\" # ours\n";
    const AFTER: &str = "[customers]\nsync = \"import-only\" # ours\n";

    fn import() -> CustomersEdit {
        CustomersEdit {
            sync: SyncDirection::ImportOnly,
            fields: None,
        }
    }

    fn seen(path: &Path) -> String {
        preview(path, &import()).unwrap().seen
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_with_its_mode_and_a_link_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (
            directory.path().join("real"),
            directory.path().join("z.toml"),
        );
        fs::write(&file, BEFORE).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        let told = preview(&link, &import()).unwrap();
        assert!(told.is_writable && told.elsewhere.is_none());
        assert_eq!(told.paste, "[customers]\nsync = \"import-only\" # ours");
        let (before, after) = write(&link, &import(), &told.seen).unwrap();
        assert_eq!((before.as_str(), after.as_str()), (BEFORE, AFTER));
        assert_eq!(fs::read_to_string(&file).unwrap(), AFTER);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        assert_eq!(
            write(&link, &import(), &told.seen),
            Err(ChangeError::Changed)
        );
    }

    #[test]
    fn what_cannot_be_written_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("z.toml");
        fs::write(&file, BEFORE).unwrap();
        // In the way of the draft, as a directory that may not be written is.
        fs::create_dir(directory.path().join(".z.toml.draft")).unwrap();
        let refused = write(&file, &import(), &seen(&file));
        assert!(
            matches!(refused, Err(ChangeError::NotWritable(_))),
            "{refused:?}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);
        let both = CustomersEdit {
            sync: SyncDirection::ImportAndExport,
            fields: None,
        };
        let refused = write(&file, &both, &seen(&file));
        assert!(
            matches!(refused, Err(ChangeError::Invalid(_))),
            "{refused:?}"
        );
    }

    #[test]
    fn a_change_is_put_back_unless_somebody_changed_the_file_since() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("z.toml");
        for (now, then) in [(AFTER, BEFORE), ("# theirs\n", "# theirs\n")] {
            fs::write(&file, now).unwrap();
            put_back(&file, BEFORE, AFTER);
            assert_eq!(fs::read_to_string(&file).unwrap(), then);
        }
    }
}
