//! Rings and picks of Delian, of its peers, and of plain designs, slice by slice in one thread.
//!
//! `WORK NAME=NUMBER …` does one piece of work and prints one line of `name=number` words: for each contender the
//! picoseconds of CPU time of one operation as the median over its slices, as `best-NAME` in the best slice, and as
//! `of-NAME` how many thousandths of the limit it took. Right before each slice of a contender one of the limit is
//! measured.

mod picks;
mod race;
mod rings;
mod works;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        value.unwrap_or_else(|| panic!("{name}=NUMBER is missing"))
    };
    let peers = if number("peers") == 0 { race::Peers::Without } else { race::Peers::With };
    let nodes = number("nodes");
    let said = match words.first().map_or("", String::as_str) {
        "owner" => works::owner(nodes, number("key") as usize, peers),
        "replicas" => works::replicas(nodes, peers),
        "walk" => works::walk(nodes, number("out"), peers),
        "join" => works::join(nodes, peers),
        "weighted" => picks::weighted(nodes, peers),
        "ewma" => picks::ewma(nodes, peers),
        "table" => picks::table(nodes, peers),
        work => panic!("{work:?} is no work"),
    };
    println!("{said}");
}
