use super::*;
use crate::{BookId, GuildId, MemberId, SeasonId, UserId, ladder::OnFall, name::Name, permit::Scope};
use uuid::Uuid;

fn at(second: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(second, 0).unwrap()
}

fn user(n: u64) -> UserId {
    UserId::new(n).unwrap()
}

fn season(review: bool) -> Season {
    Season {
        id: SeasonId::new(Uuid::from_u128(1)),
        guild: GuildId::new(1).unwrap(),
        book: BookId::new(Uuid::from_u128(2)),
        number: 1,
        name: Name::new("Autumn").unwrap(),
        starts_at: at(100),
        ends_at: at(200),
        review,
        on_fall: OnFall::Keep,
        closed_at: None,
    }
}

fn member(status: MemberStatus) -> Member {
    Member {
        id: MemberId::new(Uuid::from_u128(3)),
        guild: GuildId::new(1).unwrap(),
        user: user(3),
        name: Name::new("Bram").unwrap(),
        game_id: None,
        status,
        admin: false,
    }
}

fn actor(id: u64, officer: bool) -> Actor {
    Actor { user: user(id), root: false, member: Some((MemberStatus::Verified, officer)), scopes: Scope::ALL.to_vec() }
}

fn handed<'a>(season: &'a Season, member: &'a Member, quantity: i64) -> Handed<'a> {
    Handed {
        id: SubmissionId::new(Uuid::from_u128(4)),
        season,
        member,
        item: ItemId::new(Uuid::from_u128(5)),
        value: Some(ItemValue { version: 1, points: Points::new(50).unwrap() }),
        quantity,
        note: None,
        voided: false,
    }
}

fn nothing() -> Standing {
    Standing::joined(at(0))
}

fn counted(quantity: i64) -> (Submission, Standing) {
    let (season, member, actor) = (season(false), member(MemberStatus::Verified), actor(3, false));
    let deed = Deed { actor: &actor, accepted_at: at(150) };
    let decision = submit(deed, handed(&season, &member, quantity), nothing()).unwrap();
    (decision.submission, decision.entry.unwrap().1)
}

#[test]
fn three_of_an_item_worth_fifty_are_a_hundred_and_fifty() {
    let (submission, standing) = counted(3);
    assert_eq!((submission.state, submission.points.get()), (SubmissionState::Counted, 150));
    assert_eq!((standing.points.get(), standing.seq, standing.reached_at), (150, 1, at(150)));
}

#[test]
fn a_submission_is_refused_with_its_reason() {
    let verified = member(MemberStatus::Verified);
    let open = season(false);
    let cases: [(&str, i64, i64, MemberStatus, Actor, Rejection); 9] = [
        ("quantity 0", 150, 0, MemberStatus::Verified, actor(3, false), Rejection::Quantity),
        ("quantity over the maximum", 150, 1_000_001, MemberStatus::Verified, actor(3, false), Rejection::Quantity),
        ("before the start", 99, 1, MemberStatus::Verified, actor(3, false), Rejection::SeasonNotStarted),
        ("at the exact end", 200, 1, MemberStatus::Verified, actor(3, false), Rejection::SeasonEnded),
        ("after the end", 201, 1, MemberStatus::Verified, actor(3, false), Rejection::SeasonEnded),
        ("a pending member", 150, 1, MemberStatus::Pending, actor(9, true), Rejection::MemberNotVerified),
        ("a banned member", 150, 1, MemberStatus::Banned, actor(9, true), Rejection::MemberBanned),
        ("somebody else's name", 150, 1, MemberStatus::Verified, actor(9, false), Rejection::NotOfficer),
        (
            "a pending actor",
            150,
            1,
            MemberStatus::Pending,
            Actor { member: Some((MemberStatus::Pending, false)), ..actor(3, false) },
            Rejection::NotVerified,
        ),
    ];
    for (what, second, quantity, status, actor, want) in cases {
        let member = Member { status, ..verified.clone() };
        let deed = Deed { actor: &actor, accepted_at: at(second) };
        assert_eq!(submit(deed, handed(&open, &member, quantity), nothing()), Err(want), "{what}");
    }
    let actor = actor(3, false);
    let deed = Deed { actor: &actor, accepted_at: at(150) };
    let unknown = Handed { value: None, ..handed(&open, &verified, 1) };
    assert_eq!(submit(deed, unknown, nothing()), Err(Rejection::UnknownItem));
    let voided = Handed { voided: true, ..handed(&open, &verified, 1) };
    assert_eq!(submit(deed, voided, nothing()), Err(Rejection::Voided));
    let rich = Standing { points: Points::MAX, ..nothing() };
    assert_eq!(submit(deed, handed(&open, &verified, 1), rich), Err(Rejection::PointsOverflow));
}

#[test]
fn review_is_for_members_own_submissions_and_counts_from_when_they_came() {
    let (season, bram) = (season(true), member(MemberStatus::Verified));
    let (own, officer) = (actor(3, false), actor(9, true));
    let by_officer =
        submit(Deed { actor: &officer, accepted_at: at(150) }, handed(&season, &bram, 2), nothing()).unwrap();
    assert_eq!(by_officer.submission.state, SubmissionState::Counted);

    let waiting = submit(Deed { actor: &own, accepted_at: at(150) }, handed(&season, &bram, 2), nothing()).unwrap();
    assert_eq!((waiting.submission.state, waiting.entry), (SubmissionState::Pending, None));

    let late = Deed { actor: &officer, accepted_at: at(900) };
    let approved = review(late, &waiting.submission, &bram, 1, Verdict::Approve, nothing()).unwrap();
    assert_eq!((approved.submission.state, approved.submission.version), (SubmissionState::Counted, 2));
    assert_eq!((approved.entry.unwrap().1.points.get(), approved.counts_from), (100, at(150)));
    let again = review(late, &approved.submission, &bram, 2, Verdict::Approve, nothing());
    assert_eq!(again, Err(Rejection::NotPending));

    let verdict = || Verdict::Refuse("blurry screenshot".into());
    let refused = review(late, &waiting.submission, &bram, 1, verdict(), nothing()).unwrap();
    assert_eq!(refused.submission.reason.as_deref(), Some("blurry screenshot"));
    assert_eq!(refused.entry, None);
    assert_eq!(review(late, &waiting.submission, &bram, 7, verdict(), nothing()), Err(Rejection::VersionConflict));
    let own_officer = Actor { member: Some((MemberStatus::Verified, true)), ..own };
    let own_deed = Deed { actor: &own_officer, accepted_at: at(900) };
    assert_eq!(
        review(own_deed, &waiting.submission, &bram, 1, Verdict::Approve, nothing()),
        Err(Rejection::OwnSubmission)
    );
}

#[test]
fn a_correction_moves_the_total_by_the_difference_at_the_value_it_was_given() {
    let (submission, standing) = counted(3);
    let (season, bram) = (season(true), member(MemberStatus::Verified));
    let officer = actor(9, true);
    let deed = Deed { actor: &officer, accepted_at: at(160) };
    let correct = |deed, submission: &Submission, version, quantity, standing| {
        correct(deed, submission, &season, &bram, version, quantity, standing)
    };
    let more = correct(deed, &submission, 1, 5, standing).unwrap();
    let (posting, after) = more.entry.unwrap();
    assert_eq!((posting.kind, posting.points.get(), after.points.get()), (EntryKind::Correction, 100, 250));
    assert_eq!(correct(deed, &more.submission, 1, 5, after), Err(Rejection::VersionConflict));
    assert_eq!(correct(deed, &more.submission, 2, 0, after), Err(Rejection::Quantity));
    assert_eq!(correct(deed, &more.submission, 2, 5, after).unwrap().entry, None);
    // An officer may lower their own, but not raise it, where others are reviewed.
    let own = actor(3, true);
    let own = Deed { actor: &own, accepted_at: at(160) };
    assert_eq!(correct(own, &submission, 1, 4, standing), Err(Rejection::OwnSubmission));
    assert!(correct(own, &submission, 1, 2, standing).is_ok());
}

#[test]
fn void_takes_back_exactly_what_counted_and_absorbs() {
    let (submission, standing) = counted(3);
    let officer = actor(9, true);
    let deed = Deed { actor: &officer, accepted_at: at(160) };
    let gone = void(deed, &submission, Some(1), None, standing).unwrap();
    let (posting, after) = gone.entry.unwrap();
    assert_eq!((posting.kind, posting.points.get()), (EntryKind::Void, -150));
    assert_eq!((after.points, after.peak.get()), (Points::ZERO, 150));
    assert_eq!(void(deed, &gone.submission, None, None, after), Err(Rejection::Voided));
    let (season, bram) = (season(false), member(MemberStatus::Verified));
    assert_eq!(correct(deed, &gone.submission, &season, &bram, 2, 1, after), Err(Rejection::NotCounted));
}
