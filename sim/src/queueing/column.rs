//! The settings that policies are compared in: a column of the table each.

use std::time::Duration;

/// How many service times a request to a dead server takes to be given up.
pub(super) const TIMEOUT: u32 = 100;
/// For how many service times those who rejoin are away.
pub(super) const AWAY: u32 = 200;
/// Within how many service times they are warm again.
pub(super) const COLD: u32 = 1_000;

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// How many balancers share the requests.
    pub balancers: usize,
    /// How many servers there are.
    pub servers: usize,
    /// How much of what all servers could serve is asked for, in percent.
    pub load_percent: u32,
    /// After how many service times each server reports again.
    pub report_every: u32,
    /// How many of the servers take twice as long.
    pub half_speed: usize,
    /// What is wrong with some of the servers.
    pub sickness: Sickness,
    /// What is around the policies.
    pub guards: Guards,
}

/// What is wrong with some servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sickness {
    /// Nothing.
    None,
    /// So many answer at once, and always with an error.
    Failing(usize),
    /// So many die when the measured part begins, and nobody is told: requests time out and reports end.
    Dying(usize),
    /// So many leave when the measured part begins, and come back cold after a while: slow at first.
    Rejoining(usize),
}

/// What is around the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// Nothing: a policy shows what it does by itself.
    Off,
    /// A balancer's, as they are by default.
    Default,
    /// The same but for slow start.
    WithoutSlowStart,
}

/// 100 equal servers, ten balancers, a load of .7, reports every 100 service times.
const PLAIN: Column = Column {
    name: "equal-70",
    about: "100 equal servers, 10 balancers, load .7, reports every 100 service times",
    balancers: 10,
    servers: 100,
    load_percent: 70,
    report_every: 100,
    half_speed: 0,
    sickness: Sickness::None,
    guards: Guards::Off,
};

/// All settings, in the order of the table.
pub const COLUMNS: [Column; 12] = [
    PLAIN,
    Column {
        name: "equal-85",
        about: "100 equal servers, 10 balancers, load .85, reports every 100 service times",
        load_percent: 85,
        ..PLAIN
    },
    Column {
        name: "equal-85-stale",
        about: "100 equal servers, 10 balancers, load .85, reports every 1,000 service times",
        load_percent: 85,
        report_every: 1_000,
        ..PLAIN
    },
    Column {
        name: "half-speed-70",
        about: "100 servers, 20 of which take twice as long, 10 balancers, load .7",
        half_speed: 20,
        ..PLAIN
    },
    Column {
        name: "half-speed-85",
        about: "100 servers, 20 of which take twice as long, 10 balancers, load .85",
        half_speed: 20,
        load_percent: 85,
        ..PLAIN
    },
    Column {
        name: "half-speed-70-many",
        about: "100 servers, 20 of which take twice as long, 100 balancers that see a hundredth each, load .7",
        half_speed: 20,
        balancers: 100,
        ..PLAIN
    },
    Column {
        name: "failing",
        about: "as equal-70, and one server answers at once with an error",
        sickness: Sickness::Failing(1),
        ..PLAIN
    },
    Column {
        name: "failing-guarded",
        about: "as failing, behind a balancer's default guards",
        sickness: Sickness::Failing(1),
        guards: Guards::Default,
        ..PLAIN
    },
    Column {
        name: "dying",
        about: "as equal-70, and 5 servers die in silence; requests to them time out after 100 service times",
        sickness: Sickness::Dying(5),
        ..PLAIN
    },
    Column {
        name: "dying-guarded",
        about: "as dying, behind a balancer's default guards",
        sickness: Sickness::Dying(5),
        guards: Guards::Default,
        ..PLAIN
    },
    Column {
        name: "rejoining",
        about: "as equal-70, and 10 servers leave for 200 service times and come back cold: services take five times as \
                long and warm up within 1,000 service times; behind the default guards without slow start",
        sickness: Sickness::Rejoining(10),
        guards: Guards::WithoutSlowStart,
        ..PLAIN
    },
    Column {
        name: "rejoining-slowly",
        about: "as rejoining, with slow start over 30 s (3,000 service times of 10 ms), as is the default",
        sickness: Sickness::Rejoining(10),
        guards: Guards::Default,
        ..PLAIN
    },
];

impl Column {
    /// Returns the setting of this name.
    pub fn named(name: &str) -> Option<Self> {
        COLUMNS.into_iter().find(|column| column.name == name)
    }

    /// Returns whether all servers are equal and well.
    pub fn is_equal(&self) -> bool {
        self.half_speed == 0 && self.sickness == Sickness::None
    }

    /// Returns the mean time in the system under uniform draws, if all servers are equal: each is an M/M/1 queue.
    pub fn mean_of_random(&self) -> Option<f64> {
        self.is_equal().then(|| 1.0 / (1.0 - f64::from(self.load_percent) / 100.0))
    }

    /// Returns the mean time between two requests, in nanoseconds.
    pub(super) fn arrival_nanos(&self, service: Duration) -> u64 {
        // Half-speed servers count half, so all is counted in halves.
        let halves = (2 * self.servers - self.half_speed) as u64;
        crate::random::nanos(service).saturating_mul(200) / (u64::from(self.load_percent) * halves)
    }

    /// Returns whether a server takes twice as long: they are spread evenly.
    pub(super) fn is_half_speed(&self, server: usize) -> bool {
        self.half_speed > 0 && server.is_multiple_of(self.servers / self.half_speed)
    }

    /// Returns how many servers are sick; the first ones are.
    pub(super) fn sick(&self) -> usize {
        match self.sickness {
            Sickness::None => 0,
            Sickness::Failing(count) | Sickness::Dying(count) | Sickness::Rejoining(count) => count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_speed_servers_are_as_many_as_said_and_the_load_is_of_what_all_could_serve() {
        for column in COLUMNS {
            let slow = (0..column.servers).filter(|server| column.is_half_speed(*server)).count();
            assert_eq!(slow, column.half_speed, "{}", column.name);
        }
        let second = Duration::from_secs(1);
        // .7 of 100 servers is 70 requests in a service time, of 80 and 20 half ones 63.
        assert_eq!(COLUMNS[0].arrival_nanos(second), 1_000_000_000 / 70);
        assert_eq!(COLUMNS[3].arrival_nanos(second), 1_000_000_000 / 63);
    }
}
