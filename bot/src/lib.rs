//! guildhall-bot.
