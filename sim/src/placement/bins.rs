//! Multiples of fair shares, counted in bins of one width that is a round number.

/// How many bins there are at most.
const BINS_MAX: i64 = 16;

/// Round widths, in thousandths of the fair share; beyond them widths double.
const WIDTHS: [i64; 10] = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500];

/// Blocks of one to eight eighths of a letter's width.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    /// Where the first bin begins, in thousandths of the fair share.
    pub least: i64,
    /// How wide each bin is, likewise.
    pub width: i64,
    /// How many members each bin has.
    pub counts: Vec<u64>,
}

impl Bins {
    /// Counts multiples of fair shares; values that no share has are left out.
    pub fn of(relative: &[f64]) -> Self {
        let thousandths: Vec<i64> =
            relative.iter().filter(|it| it.is_finite()).map(|it| (it * 1000.0).floor() as i64).collect();
        let (Some(least), Some(most)) = (thousandths.iter().min().copied(), thousandths.iter().max().copied()) else {
            return Self { least: 0, width: WIDTHS[0], counts: Vec::new() };
        };
        let doubled = std::iter::successors(Some(1000), |width: &i64| width.checked_mul(2));
        let bins = |width: i64| most.div_euclid(width) - least.div_euclid(width) + 1;
        let width = WIDTHS.into_iter().chain(doubled).find(|width| bins(*width) <= BINS_MAX).unwrap_or(i64::MAX);
        let first = least.div_euclid(width);
        let mut counts = vec![0; bins(width).unsigned_abs() as usize];
        for value in thousandths {
            counts[(value.div_euclid(width) - first).unsigned_abs() as usize] += 1;
        }
        Self { least: first * width, width, counts }
    }

    /// Returns where each bin begins and ends, as multiples of the fair share, and its count.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        let begin = |place: i64| (self.least + place * self.width) as f64 / 1000.0;
        self.counts.iter().zip(0..).map(move |(count, place)| (begin(place), begin(place + 1), *count))
    }

    /// Draws a bar for each bin, as wide as the text may be.
    pub fn to_text(&self, width: usize) -> String {
        let rows: Vec<(String, u64)> =
            self.iter().map(|(begin, end, count)| (format!("{begin:.3} to {end:.3}"), count)).collect();
        let labels = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let most = self.counts.iter().max().copied().unwrap_or(0);
        let room = width.saturating_sub(labels + 4 + most.to_string().len()).clamp(8, 60) as u64;
        let line = |(label, count): &(String, u64)| {
            // In eighths of a letter, rounded up, so that a single member shows.
            let eighths = (count * room * 8).div_ceil(most.max(1)) as usize;
            let mut bar = EIGHTHS[7].to_string().repeat(eighths / 8);
            bar.extend((eighths % 8).checked_sub(1).map(|rest| EIGHTHS[rest]));
            let gap = if bar.is_empty() { "" } else { " " };
            format!("{label:>labels$}  {bar}{gap}{count}\n")
        };
        rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bars_are_in_proportion_and_a_single_member_shows() {
        let mut relative = vec![0.951; 80];
        relative.extend([1.021, 1.149, 1.149]);
        let bins = Bins::of(&relative);
        assert_eq!((bins.least, bins.width, bins.counts[0]), (940, 20, 80));
        let text = bins.to_text(40);
        let first = text.lines().next().unwrap();
        assert_eq!(first, format!("0.940 to 0.960  {} 80", "█".repeat(20)));
        assert_eq!(text.lines().last().unwrap(), "1.140 to 1.160  ▌ 2");
    }

    #[test]
    fn nobody_and_everybody_alike_are_drawn_too() {
        assert_eq!(Bins::of(&[]).to_text(80), "");
        assert_eq!(Bins::of(&[1.0; 3]).counts, [3]);
    }

    proptest! {
        #[test]
        fn every_member_is_in_the_bin_of_its_share(relative in prop::collection::vec(0.0..1000.0_f64, 1..50)) {
            let bins = Bins::of(&relative);
            prop_assert!(bins.counts.len() <= BINS_MAX as usize);
            prop_assert_eq!(bins.counts.iter().sum::<u64>(), relative.len() as u64);
            for (begin, end, count) in bins.iter() {
                let inside = relative.iter().filter(|it| (begin..end).contains(*it)).count() as u64;
                prop_assert_eq!(inside, count, "from {} to {}", begin, end);
            }
        }
    }
}
