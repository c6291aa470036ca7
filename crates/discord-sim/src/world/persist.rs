//! Keeping the world in a file: written whole, atomically (temporary file, fsync, rename), read at start.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::World;
use crate::ids::ApplicationId;

#[derive(Serialize, Deserialize)]
struct Saved<W> {
    version: u32,
    world: W,
}

const VERSION: u32 = 1;

impl World {
    /// The world as it goes into the file. Ephemeral messages belong to interactions and are left out, as these are.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>> {
        let mut world = self.clone();
        for channel in world.channels.values_mut() {
            channel.messages.retain(|_, message| message.visible_to.is_none() && !message.is_loading());
        }
        Ok(serde_json::to_vec(&Saved { version: VERSION, world })?)
    }

    /// The world kept in a file, if the file exists.
    pub(crate) fn load(path: &Path, application: ApplicationId) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let saved: Saved<Self> = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} does not hold a simulated Discord", path.display()))?;
        ensure!(saved.version == VERSION, "{} is of version {}, not {VERSION}", path.display(), saved.version);
        let kept = saved.world.application_id;
        ensure!(kept == application, "{} belongs to application {kept}, not {application}", path.display());
        Ok(Some(saved.world))
    }
}

/// Replaces `path` by `bytes`; a crash leaves either the old file or the new one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = folder.join(name);
    let mut file = File::create(&temporary).with_context(|| format!("cannot write {}", temporary.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path).with_context(|| format!("cannot replace {}", path.display()))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
