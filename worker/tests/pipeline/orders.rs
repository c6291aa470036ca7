//! Commands on one submission in any order, each three times: every end must be one that some serial order gives.

use std::collections::BTreeSet;

use domain::{
    GuildId, ItemId, MemberId, SubmissionId,
    decide::{self, Deed, Handed, Verdict},
    ledger::Standing,
    member::{Member, MemberStatus},
    name::Name,
    permit::Actor,
    season::Season,
    submission::{ItemValue, Submission, SubmissionState},
};
use messages::command::{Command, CommandEnvelope, CorrectV1, ReviewV1, VerdictV1, VoidV1};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::world::{World, root, submission, user};

/// The commands of one scenario, as serial orders know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Submit,
    Approve,
    Correct,
    Void,
}

const OPS: [Op; 4] = [Op::Submit, Op::Approve, Op::Correct, Op::Void];

/// Where a submission may end: state, version and points; `None` when it never came to be.
type End = Option<(SubmissionState, i32, i64)>;

/// What a scenario leaves out, by its number: some have no void, some no review, so that commuting ones are among them.
fn ops_of(scenario: usize) -> Vec<Op> {
    let left_out = [None, Some(Op::Void), Some(Op::Correct), Some(Op::Approve)][scenario % 4];
    OPS.into_iter().filter(|op| Some(*op) != left_out).collect()
}

fn command(world: &World, scenario: usize, op: Op, item: ItemId) -> CommandEnvelope {
    let of = format!("s{scenario}");
    let submission_id = submission(&of);
    let act = |command| world.command(&format!("{op:?} {scenario}"), Some(root()), command);
    match op {
        Op::Submit => world.submit(&of, user(1_000 + scenario as u64), item, 3),
        Op::Approve => {
            act(Command::Review(ReviewV1 { submission_id, expected_version: 1, verdict: VerdictV1::Approve }))
        }
        Op::Correct => act(Command::Correct(CorrectV1 { submission_id, expected_version: 2, quantity: 5 })),
        Op::Void => act(Command::Void(VoidV1 { submission_id, expected_version: None, reason: None })),
    }
}

/// Every end that a serial order of these commands gives, by the rules alone.
fn ends(ops: &[Op], season: &Season, item: ItemId) -> BTreeSet<String> {
    let mut orders = Vec::new();
    permute(&mut ops.to_vec(), 0, &mut orders);
    orders.iter().map(|order| format!("{:?}", serially(order, season, item))).collect()
}

fn permute(ops: &mut Vec<Op>, from: usize, into: &mut Vec<Vec<Op>>) {
    if from == ops.len() {
        return into.push(ops.clone());
    }
    for at in from..ops.len() {
        ops.swap(from, at);
        permute(ops, from + 1, into);
        ops.swap(from, at);
    }
}

fn serially(order: &[Op], season: &Season, item: ItemId) -> End {
    let member = Member {
        id: MemberId::new(uuid::Uuid::from_u128(1)),
        guild: GuildId::new(1).unwrap(),
        user: user(1_000),
        name: Name::new("Model").unwrap(),
        game_id: None,
        status: MemberStatus::Verified,
        admin: false,
    };
    let officer = Actor::through_bot(root(), Some(root()), None);
    let own = Actor::through_bot(member.user, Some(root()), Some(&member));
    let at = season.starts_at;
    let mut standing = Standing::joined(at);
    let mut now: Option<Submission> = None;
    let mut voided = false;
    for op in order {
        let deed = Deed { actor: if *op == Op::Submit { &own } else { &officer }, accepted_at: at };
        let decision = match (op, &now) {
            (Op::Submit, _) => decide::submit(
                deed,
                Handed {
                    id: SubmissionId::new(uuid::Uuid::from_u128(2)),
                    season,
                    member: &member,
                    item,
                    value: Some(ItemValue { version: 1, points: domain::Points::new(50).unwrap() }),
                    quantity: 3,
                    note: None,
                    voided,
                },
                standing,
            ),
            (Op::Void, None) => {
                voided = true;
                continue;
            }
            (_, None) => continue,
            (Op::Approve, Some(known)) => decide::review(deed, known, &member, 1, Verdict::Approve, standing),
            (Op::Correct, Some(known)) => decide::correct(deed, known, season, &member, 2, 5, standing),
            (Op::Void, Some(known)) => decide::void(deed, known, None, None, standing),
        };
        if let Ok(decision) = decision {
            standing = decision.entry.map_or(standing, |(_, after)| after);
            now = Some(decision.submission);
        }
    }
    now.map(|submission| (submission.state, submission.version, standing.points.get()))
}

pub async fn any_order_ends_where_some_serial_order_does(mut world: World) {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let scenarios: usize = number("TEST_ORDERS", 200);
    let seed = number("TEST_SEED", uuid::Uuid::now_v7().as_u128() as u32 as usize) as u64;
    println!("{scenarios} orders, TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);

    let season = world.season(true, domain::ladder::OnFall::Keep).await;
    let item = world.item(&season, "Iron Ore", 50).await;
    let people: Vec<_> = (0..scenarios).map(|n| (1_000 + n as u64, format!("Member {n}"))).collect();
    let members = world.members(&people).await;
    let mut commands: Vec<CommandEnvelope> = Vec::new();
    for scenario in 0..scenarios {
        for op in ops_of(scenario) {
            let command = command(&world, scenario, op, item);
            commands.extend([command.clone(), command.clone(), command]);
        }
    }
    commands.shuffle(&mut rng);
    world.publish_all(&commands).await;
    world.work();
    world.work();
    for command in &commands {
        world.outcome(command.id).await;
    }
    world.quiet().await;

    let mut tx = world.store.read().await.unwrap();
    let mut found: Vec<BTreeSet<String>> = vec![BTreeSet::new(); 4];
    for (scenario, member) in members.iter().enumerate() {
        let id = submission(&format!("s{scenario}"));
        let there = store::submissions::load(&mut tx, &[id]).await.unwrap().remove(&id);
        let entries = store::entries::of_members(&mut tx, season.book, &[*member]).await.unwrap();
        let points: i64 = entries.iter().map(|entry| entry.points.get()).sum();
        let end: End = there.map(|submission| (submission.state, submission.version, points));
        let end = format!("{end:?}");
        let may = ends(&ops_of(scenario), &season, item);
        assert!(may.contains(&end), "scenario {scenario} (TEST_SEED={seed}) ended {end}, not in {may:?}");
        found[scenario % 4].insert(end);
    }
    drop(tx);
    println!("ends found: {found:#?}");
    world.end().await;
}
