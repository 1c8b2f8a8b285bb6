//! Members of a pool, Delian's and foca's, in one simulated world, with the same faults and the same oracle.
//!
//! `CONTENDER WORK NAME=NUMBER …` does one piece of work and prints one line of `name=number` words. Both contenders put
//! their packets into bytes and read them again, as they would on a network. Their probes are not
//! in step: ours draws when its first one is due, and foca, whose first comes a second after it began, begins at a drawn
//! instant.

mod contender;
mod delian;
mod foca_member;
mod process;
mod works;

use delian_core::swim::Roster;
use delian_sim::pool::SharedView;

use crate::delian::Delian;
use crate::foca_member::FocaMember;
use crate::works::run;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let contender = words.first().map_or("", String::as_str);
    let said = match contender {
        "delian" => run::<Delian<Roster>>(&words[1..]),
        "delian-shared" => run::<Delian<SharedView>>(&words[1..]),
        "foca" => run::<FocaMember>(&words[1..]),
        _ => panic!("{contender:?} is no contender: say delian, delian-shared or foca"),
    };
    println!("{said}");
}
