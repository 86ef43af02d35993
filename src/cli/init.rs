//! `init`: a commented configuration and files for the keys, ready to be filled in.

use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::first;
use crate::cli::out::Out;
use crate::config::{EXAMPLE, Listen};
use crate::model::time::Timestamp;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The configuration may be read by the service's group; it holds no secret.
const CONFIG_MODE: u32 = 0o640;
/// A key is for the service alone.
const KEY_MODE: u32 = 0o600;

/// Settings that name a key file, as the example has them, and the files they name.
const KEYS: [(&str, &str); 2] = [
    ("secret_key_file", "stripe-secret-key"),
    ("api_key_file", "zenskar-api-key"),
];

/// Writes what is missing; what is there stays as it is.
///
/// # Errors
///
/// There is a configuration already, or a file cannot be written.
pub fn init(path: &Path, now: Timestamp, out: &Out) -> Outcome {
    let directory = path.parent().unwrap_or(path);
    write(path, &configuration(), CONFIG_MODE).map_err(|error| not_written(path, &error))?;
    let mut made = vec![path.to_owned()];
    for (_, name) in KEYS {
        let key = directory.join(name);
        match write(&key, "", KEY_MODE) {
            Ok(()) => made.push(key),
            // A key that was put there before is the operator's.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(not_written(&key, &error)),
        }
    }
    let login = first::file(path);
    let (token, digest) = first::make(now).map_err(|error| not_written(&login, &error))?;
    // Whoever begins anew may sign in anew.
    replace(&login, &digest, CONFIG_MODE).map_err(|error| not_written(&login, &error))?;
    made.push(login);
    let console = Listen::default().console;
    let url = format!("http://{console}/login?token={}", token.as_str());
    tell(path, &made, &url, out);
    Ok(Exit::Ok)
}

/// The example with the settings of the key files switched on.
fn configuration() -> String {
    KEYS.iter()
        .fold(EXAMPLE.to_owned(), |text, (setting, name)| {
            let line = format!("{setting} = \"{name}\"");
            text.replace(&format!("# {line}"), &line)
        })
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    options.open(path)?.write_all(text.as_bytes())
}

fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => write(path, text, mode),
    }
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let failure =
        |exit| Failure::new(exit, format!("write {}", path.display())).because(Some(error));
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            failure(Exit::Failed).hint("it is left as it is: move it away to begin anew")
        }
        io::ErrorKind::PermissionDenied => {
            failure(Exit::Permission).hint("run it as root, or name another file with --config")
        }
        io::ErrorKind::NotFound => failure(Exit::Io).hint("make its directory first"),
        _ => failure(Exit::Io),
    }
}

fn tell(path: &Path, made: &[PathBuf], url: &str, out: &Out) {
    if out.is_json() {
        out.json(&json!({ "made": made, "console": url }));
        return;
    }
    for path in made {
        out.line(&format!("made {}", path.display()));
    }
    let path = path.display();
    out.line("next:");
    out.line("  1. put the Stripe key into stripe-secret-key, Zenskar's into zenskar-api-key");
    out.line(&format!(
        "  2. set `zenskar.organisation`, and `stripe.account` or `stripe.client_id`, in {path}"
    ));
    out.line(&format!(
        "  3. zenstripe --config {path} check     says what is still missing"
    ));
    out.line(&format!(
        "  4. zenstripe --config {path} run       or: systemctl start zenstripe"
    ));
    out.line("  5. open the console, which signs you in once within a day:");
    out.line(&format!("     {url}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_the_example_with_its_keys_switched_on() {
        let text = configuration();
        assert!(text.contains("\nsecret_key_file = \"stripe-secret-key\"\n"));
        assert!(text.contains("\napi_key_file = \"zenskar-api-key\"\n"));
        assert_eq!(text.lines().count(), EXAMPLE.lines().count());
    }
}
