//! Everything the bot logs while the tests run, to see that no secret is in it.

use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};

use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Captures what this process logs from now on: ours in detail, the libraries' as an operator would see it.
pub fn captured() -> &'static Logs {
    static LOGS: OnceLock<Logs> = OnceLock::new();
    LOGS.get_or_init(|| {
        let logs = Logs::default();
        let filter = format!("info,guildhall_bot=trace,guildhall_client=trace,{}", guildhall_bot::LOG_DIRECTIVES);
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            // Each span tells what it holds, also when nothing is logged inside.
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(logs.clone())
            .init();
        logs
    })
}

impl Logs {
    /// What was logged so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// serenity warns of an event it can't read with the whole of it, tokens included.
#[test]
fn unreadable_events_are_not_logged() {
    let logs = Logs::default();
    let filter = tracing_subscriber::EnvFilter::new(format!("info,{}", guildhall_bot::LOG_DIRECTIVES));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(logs.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(target: "serenity::gateway::ws", "Err deserializing text: why; text: a token");
        tracing::warn!(target: "serenity::gateway::bridge::shard_queuer", "Err starting shard");
        tracing::info!(target: "serenity::gateway::shard", "a span's worth");
    });
    let text = logs.text();
    assert!(text.contains("Err starting shard") && !text.contains("a token") && !text.contains("span"), "{text}");
}
