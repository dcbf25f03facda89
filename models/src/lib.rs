//! Models of Parlor's delivery, for a checker that tries every order of events. They model the
//! design, not the code. They show that each guard is needed and that together the guards are
//! enough.

pub mod delivery;
pub mod membership;
