//! Whether the key file is the one that this store was sealed with.
//!
//! The store's own id is kept sealed in it from the first start on. A key that does not open that
//! would open nothing else, and everything sealed from then on would be lost with the next change.

use crate::cli::check::store_failed;
use crate::cli::error::{Exit, Failure};
use crate::cli::key::KeyFile;
use crate::store::{Sealer, Store, Writer};
use std::path::Path;

/// The name of the sealed id.
const INSTALLATION: &str = "installation";

/// Opens the key file of a store, or makes it at the first start.
pub(super) fn open(key: &KeyFile, store: &Store, path: &Path) -> Result<Sealer, Failure> {
    let known = store
        .read()
        .and_then(|read| read.secret(INSTALLATION))
        .map_err(|error| store_failed(path, &error))?;
    key.open(known.is_some())
}

/// Opens the sealed id, after sealing it at the first start.
pub(super) async fn prove(
    sealer: &Sealer,
    key: &KeyFile,
    (store, writer): (&Store, &Writer),
    path: &Path,
) -> Result<(), Failure> {
    let failed = |error| store_failed(path, &error);
    let id = store.read().and_then(|read| read.installation_id());
    let id = id.map_err(failed)?;
    let known = |store: &Store| store.read().and_then(|read| read.secret(INSTALLATION));
    if known(store).map_err(failed)?.is_none() {
        let sealed = sealer.seal(INSTALLATION, id.as_bytes());
        let sealed = sealed.map_err(|error| Failure::of(Exit::Failed, &error))?;
        let written = writer
            .write("seal installation", move |tx| {
                tx.put_secret(INSTALLATION, &sealed)
            })
            .await;
        written.map_err(|error| Failure::new(Exit::Io, "seal").because(Some(&error)))?;
    }
    let opened = known(store)
        .map_err(failed)?
        .and_then(|sealed| sealer.open(INSTALLATION, &sealed).ok());
    match opened {
        Some(opened) if *opened == id.as_bytes() => Ok(()),
        _ => Err(key.foreign()),
    }
}
