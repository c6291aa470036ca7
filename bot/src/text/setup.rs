//! What `/setup` tells officers: where notices go, and what is in the way.

use domain::ChannelId;
use messages::{
    api::{EffectView, Settings},
    effect::EffectKind,
};

use super::{clip, escape, relative};

/// How many obstacles are shown.
pub(crate) const SHOWN: usize = 10;

/// The state of the set-up.
pub(crate) fn setup_report(
    settings: &Settings,
    may_manage_roles: Option<bool>,
    parked: &[EffectView],
    more: bool,
) -> String {
    let channel = |channel: Option<ChannelId>| channel.map_or_else(|| "not set".into(), |id| format!("<#{id}>"));
    let mut lines = vec![
        format!("🛠️ Officer channel: {}", channel(settings.officer_channel_id)),
        format!("📣 Announcement channel: {}", channel(settings.announcement_channel_id)),
    ];
    match may_manage_roles {
        Some(true) => lines.push("✅ I may manage roles.".into()),
        Some(false) => lines.push("⚠️ I need the permission **Manage Roles** to give ranks' roles.".into()),
        None => {}
    }
    if parked.is_empty() {
        lines.push("✅ Nothing is stuck.".into());
    } else {
        lines.push("⚠️ Stuck, and going on by itself once the cause is gone:".into());
        lines.extend(parked.iter().take(SHOWN).map(stuck));
        if more || parked.len() > SHOWN {
            lines.push("… and more.".into());
        }
    }
    lines.join("\n")
}

fn stuck(effect: &EffectView) -> String {
    let target = match effect.kind {
        EffectKind::Roles => format!("roles of <@{}>", escape(&effect.target)),
        EffectKind::Message => format!("message to <#{}>", escape(&effect.target)),
    };
    let cause = match effect.reason.as_deref() {
        Some("role_above_bot") => "move my role above the roles I give, and allow me Manage Roles",
        Some("unknown_role") => "the role no longer exists",
        Some("member_gone") => "the member left the server",
        Some("unknown_channel") => "the channel no longer exists; set another with `/setup`",
        Some("channel_closed") => "I may not write in that channel",
        _ => "Discord refused",
    };
    let detail = effect.detail.as_ref().map_or_else(String::new, |detail| format!(" ({})", clip(&escape(detail), 80)));
    format!("• {target}: {cause}{detail}, {}", relative(effect.updated_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::EffectId;
    use messages::effect::EffectState;

    #[test]
    fn officers_read_what_is_in_the_way() {
        let effect = EffectView {
            id: EffectId::new(uuid::Uuid::nil()),
            kind: EffectKind::Roles,
            target: "20".into(),
            version: 1,
            state: EffectState::Parked,
            reason: Some("role_above_bot".into()),
            detail: Some("Champion".into()),
            updated_at: "2026-09-01T00:00:00Z".parse().unwrap(),
        };
        let settings = Settings { officer_channel_id: ChannelId::new(5).ok(), announcement_channel_id: None };
        let report = setup_report(&settings, Some(false), std::slice::from_ref(&effect), false);
        let want = "🛠️ Officer channel: <#5>\n📣 Announcement channel: not set\n\
                    ⚠️ I need the permission **Manage Roles** to give ranks' roles.\n\
                    ⚠️ Stuck, and going on by itself once the cause is gone:\n\
                    • roles of <@20>: move my role above the roles I give, and allow me Manage Roles (Champion), <t:1788220800:R>";
        assert_eq!(report, want);
        let many = vec![effect; 11];
        let longest = setup_report(&settings, Some(true), &many, true);
        assert!(longest.ends_with("… and more.") && longest.chars().count() < 2_000, "{}", longest.len());
        assert!(setup_report(&settings, Some(true), &[], false).ends_with("✅ Nothing is stuck."));
    }
}
