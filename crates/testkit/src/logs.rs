//! Owns the program's logs as tests read them.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// The log files of a stack, one per process of the program.
#[derive(Debug, Clone)]
pub struct Logs {
    pub(crate) files: Vec<(String, PathBuf)>,
}

impl Logs {
    /// The text of each process's log, of those that ran.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        let read = |path| Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned());
        self.files.iter().filter_map(|(name, path)| Some((name.clone(), read(path)?))).collect()
    }

    /// The events that all processes logged, as JSON; lines of another form are left out.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let texts = self.texts();
        let lines = texts.iter().flat_map(|(_, text)| text.lines());
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Lines that tell of a panic.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        let texts = self.texts();
        let lines = texts.iter().flat_map(|(name, text)| text.lines().map(move |line| (name, line)));
        lines.filter(|(_, line)| line.contains("panicked")).map(|(name, line)| format!("{name}: {line}")).collect()
    }

    /// What a person wants to read after a failure: each process's last warnings and errors.
    #[must_use]
    pub fn tail(&self) -> String {
        const LINES: usize = 15;
        let mut out = String::new();
        for (name, path) in &self.files {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
            let telling = |line: &&str| {
                ["WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word)) || !line.starts_with('{')
            };
            let lines: Vec<&str> = text.lines().filter(telling).collect();
            out.push_str(&format!("---- {name} ({}), the end of it:\n", path.display()));
            for line in &lines[lines.len().saturating_sub(LINES)..] {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }
}
