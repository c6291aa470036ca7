//! Owns `guildhall dead-letters`: list, show, redrive.

use anyhow::bail;
use broker::{Broker, DeadLetter, Queue, Redrive};
use uuid::Uuid;

use crate::{cli::DeadLetterAction, config::Settings, engines};

/// How many dead letters of one queue are looked at.
const LIMIT: usize = 1_000;

/// Does it.
///
/// # Errors
/// When the queue can't be read, or no message has that id.
pub async fn run(settings: &Settings, action: DeadLetterAction) -> anyhow::Result<()> {
    engines::must_exist(&settings.engines)?;
    let broker = engines::broker(&settings.engines).await?;
    let result = act(&broker, action).await;
    broker.close().await;
    result
}

async fn act(broker: &Broker, action: DeadLetterAction) -> anyhow::Result<()> {
    match action {
        DeadLetterAction::List => {
            let letters = all(broker).await?;
            for letter in &letters {
                println!(
                    "{}  {}  {}  {}  attempt {}  {}",
                    letter.id,
                    letter.died_at.to_rfc3339(),
                    letter.queue.name(),
                    letter.kind,
                    letter.attempt,
                    letter.why
                );
            }
            println!("{} dead letters", letters.len());
        }
        DeadLetterAction::Show { id } => {
            let Some(letter) = all(broker).await?.into_iter().find(|letter| letter.id == id) else {
                bail!("no dead letter has the id {id}");
            };
            show(&letter);
        }
        DeadLetterAction::Redrive { id, .. } => {
            let sent = redrive(broker, id).await?;
            if sent == 0
                && let Some(id) = id
            {
                bail!("no dead letter has the id {id}");
            }
            println!("{sent} sent again");
        }
    }
    Ok(())
}

async fn all(broker: &Broker) -> anyhow::Result<Vec<DeadLetter>> {
    let mut letters = Vec::new();
    for queue in Queue::ALL {
        letters.extend(broker.dead_letters(queue, LIMIT).await?);
    }
    letters.sort_by_key(|letter| letter.died_at);
    Ok(letters)
}

async fn redrive(broker: &Broker, id: Option<Uuid>) -> anyhow::Result<usize> {
    let mut sent = 0;
    for queue in Queue::ALL {
        sent += broker.redrive(queue, id.map_or(Redrive::All, Redrive::Id)).await?;
    }
    Ok(sent)
}

fn show(letter: &DeadLetter) {
    println!("id       {}", letter.id);
    println!("queue    {}", letter.queue.name());
    println!("type     {}", letter.kind);
    println!("key      {}", letter.key);
    println!("died at  {}", letter.died_at.to_rfc3339());
    println!("attempt  {}", letter.attempt);
    println!("why      {}", letter.why);
    println!("body     {}", String::from_utf8_lossy(&letter.body));
}
