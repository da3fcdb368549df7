//! Dates of the Gregorian calendar and microseconds since 1970, in integers: without a limit on years.

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// Days since 1970 of a date. The month is from 1, the day too.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year, month and day of a day since 1970.
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = ((shifted + 2) % 12 + 1, of_year - (153 * shifted + 2) / 5 + 1);
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A time that many months later; a day that the month does not have becomes its last one.
pub(super) fn later(time: i64, months: i64) -> i64 {
    let (year, month, day) = date(time.div_euclid(DAY));
    let month = year * 12 + month - 1 + months;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
    let first = days(year, month, 1);
    (first + (day - 1).min(next - first - 1)) * DAY + time.rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_there_and_back() {
        for (year, month, day, expected) in
            [(1970, 1, 1, 0), (2000, 2, 29, 11_016), (1969, 12, 31, -1), (9999, 12, 31, 2_932_896), (1, 1, 1, -719_162)]
        {
            assert_eq!(days(year, month, day), expected);
            assert_eq!(date(expected), (year, month, day));
        }
        (-800_000..3_000_000).step_by(13).for_each(|day| {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        });
    }

    #[test]
    fn months_end_where_they_end() {
        let at = |year, month, day| days(year, month, day) * DAY + 5;
        assert_eq!(later(at(2023, 12, 31), 2), at(2024, 2, 29));
        assert_eq!(later(at(2024, 2, 29), -12), at(2023, 2, 28));
        assert_eq!(later(at(9998, 12, 1), 12), at(9999, 12, 1));
    }
}
