//! Owns the data folder of the embedded engines: its lock, its files, and the secrets made for it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::TryRngCore;
use serde::{Deserialize, Serialize};

/// A data folder that this process alone serves.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Held until the process ends.
    _lock: File,
}

/// Secrets made at the first start.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys {
    /// What the bot shows the API.
    pub bot_key: String,
    /// What signs personal tokens.
    pub jwt_secret: String,
}

impl DataFolder {
    /// Opens the folder, makes it when absent, and takes its lock.
    ///
    /// # Errors
    /// When another process serves it, or the file system refuses.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut folder = DirBuilder::new();
        // The store holds what members wrote, the queue what Discord trusts the bot with for a while.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .recursive(true)
            .create(path)
            .with_context(|| format!("the data folder {} can't be made", path.display()))?;
        let lock = path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .with_context(|| format!("{} can't be opened", lock.display()))?;
        if file.try_lock().is_err() {
            bail!("another guildhall process serves the data folder {}; one folder, one process", path.display());
        }
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    /// Where the file of that name is.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder's secrets, made when absent.
    ///
    /// # Errors
    /// When they can't be read or written.
    pub fn keys(&self) -> anyhow::Result<Keys> {
        let path = self.file("keys.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let keys = Keys { bot_key: random()?, jwt_secret: random()? };
                self.write_private("keys.json", &serde_json::to_vec_pretty(&keys)?)?;
                Ok(keys)
            }
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    /// Writes a file that only this user may read, whole or not at all.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.file(name);
        let draft = self.file(&format!("{name}.new"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft).with_context(|| format!("{} can't be written", draft.display()))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &path).with_context(|| format!("{} can't be written", path.display()))
    }
}

/// The store's file in a data folder.
#[must_use]
pub fn store_file(data: &Path) -> PathBuf {
    data.join("guildhall.db")
}

/// The queue's file in a data folder.
#[must_use]
pub fn queue_file(data: &Path) -> PathBuf {
    data.join("queue.db")
}

fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).context("the system has no randomness")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_one_process_and_keys_that_stay() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let refused = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("another guildhall process"), "{refused}");
        let keys = first.keys().unwrap();
        assert_eq!(first.keys().unwrap().bot_key, keys.bot_key);
        assert_ne!(keys.bot_key, keys.jwt_secret);
        drop(first);
        assert_eq!(DataFolder::open(folder.path()).unwrap().keys().unwrap().jwt_secret, keys.jwt_secret);
    }
}
