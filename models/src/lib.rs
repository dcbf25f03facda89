//! Models of Parlor's delivery, in which a checker tries out every order of events. They are of the design, not of the
//! code: what they show is that each guard is needed and that together they are enough.

pub mod delivery;
pub mod membership;
