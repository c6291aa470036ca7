//! Owns arithmetic on points and quantities: checked, and within what JSON readers keep exact.

use serde::{Deserialize, Serialize};

/// A number of points; may be negative. At most 2^53−1 either way, so that every JSON reader keeps it exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Points(i64);

/// A number of points left its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("points must stay between -9007199254740991 and 9007199254740991")]
pub struct PointsOverflow;

impl Points {
    /// No points.
    pub const ZERO: Self = Self(0);
    /// The most points there can be: 2^53−1.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// That many points.
    ///
    /// # Errors
    /// [`PointsOverflow`] beyond ±[`Points::MAX`].
    pub const fn new(points: i64) -> Result<Self, PointsOverflow> {
        if points.unsigned_abs() <= Self::MAX.0.unsigned_abs() { Ok(Self(points)) } else { Err(PointsOverflow) }
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `self + other`.
    ///
    /// # Errors
    /// [`PointsOverflow`] when the sum leaves the bounds.
    pub const fn plus(self, other: Self) -> Result<Self, PointsOverflow> {
        // Two numbers of 53 bits can't overflow 64.
        Self::new(self.0 + other.0)
    }

    /// `self − other`.
    ///
    /// # Errors
    /// [`PointsOverflow`] when the difference leaves the bounds.
    pub const fn minus(self, other: Self) -> Result<Self, PointsOverflow> {
        Self::new(self.0 - other.0)
    }

    /// `self × quantity`.
    ///
    /// # Errors
    /// [`PointsOverflow`] when the product leaves the bounds.
    pub const fn times(self, quantity: Quantity) -> Result<Self, PointsOverflow> {
        match self.0.checked_mul(quantity.0 as i64) {
            Some(product) => Self::new(product),
            None => Err(PointsOverflow),
        }
    }
}

impl TryFrom<i64> for Points {
    type Error = PointsOverflow;

    fn try_from(points: i64) -> Result<Self, PointsOverflow> {
        Self::new(points)
    }
}

impl From<Points> for i64 {
    fn from(points: Points) -> Self {
        points.0
    }
}

impl std::fmt::Display for Points {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How many of an item are handed in at once: 1 to [`Quantity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u32);

impl Quantity {
    /// The most of an item that one submission may hold.
    pub const MAX: u32 = 1_000_000;

    /// That many, or `None` outside 1 to [`Quantity::MAX`].
    #[must_use]
    pub fn new(quantity: i64) -> Option<Self> {
        u32::try_from(quantity).ok().filter(|n| (1..=Self::MAX).contains(n)).map(Self)
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_exact_or_refuse() {
        let quantity = |n| Quantity::new(n).unwrap();
        for (value, count, want) in [
            (50, 3, Ok(150)),
            (-50, 3, Ok(-150)),
            (9_007_199_254, 1_000_000, Ok(9_007_199_254_000_000)),
            (9_007_199_255, 1_000_000, Err(PointsOverflow)),
            (Points::MAX.get(), 2, Err(PointsOverflow)),
        ] {
            let got = Points::new(value).unwrap().times(quantity(count)).map(Points::get);
            assert_eq!(got, want, "{value} × {count}");
        }
        assert_eq!(Points::MAX.plus(Points(1)), Err(PointsOverflow));
        assert_eq!(Points::ZERO.minus(Points::MAX).unwrap().minus(Points(1)), Err(PointsOverflow));
        assert_eq!(Points::new(i64::MIN), Err(PointsOverflow));
    }

    #[test]
    fn quantities_are_one_to_a_million() {
        for (n, want) in
            [(0, None), (-1, None), (1, Some(1)), (1_000_000, Some(1_000_000)), (1_000_001, None), (i64::MAX, None)]
        {
            assert_eq!(Quantity::new(n).map(Quantity::get), want, "{n}");
        }
    }
}
