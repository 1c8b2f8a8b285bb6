//! A file of nodes in either of its forms, and the ring that it describes.

use std::fmt;
use std::path::Path;

use delian_core::ring::{Eligible, Member, Place, PointsPerUnit, Ring, Weight};

use super::{list, table};
use crate::scenario::ScenarioError;
use crate::scenario::file::load;
use crate::scenario::words::nearest;

/// A file of nodes, as a ring.
#[derive(Clone, Debug)]
pub struct NodeList {
    /// The file, as errors name it.
    pub path: String,
    /// How it is written.
    pub form: Form,
    /// All nodes, those that are not eligible too: they keep their points.
    pub ring: Ring,
    /// Who of them may be asked.
    pub eligible: Eligible,
}

/// How a file of nodes is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// TOML, with a `[[node]]` for each node.
    Toml,
    /// One name on each line.
    List,
}

/// What a file says, before it is a ring.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) points_per_unit: PointsPerUnit,
    pub(super) nodes: Vec<Listed>,
}

/// One node of a file.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) member: Member,
    pub(super) is_eligible: bool,
}

impl Listed {
    /// Returns a node of which no more than the name is said.
    pub(super) fn new(name: &str) -> Self {
        Self { member: Member { weight: Weight::UNIT, ..Member::new(name, Place::new("", "", "")) }, is_eligible: true }
    }
}

impl Form {
    /// Returns the form of a file: TOML where its path ends in `.toml` or its first line with a word is TOML's.
    pub fn of(text: &str, path: &str) -> Self {
        if path.to_lowercase().ends_with(".toml") {
            return Self::Toml;
        }
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
        // A name may be `[::1]:7000`, so one bracket proves nothing.
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let is_toml = first.starts_with("[[") || first.split_once('=').is_some_and(|(key, _)| is_key(key.trim_end()));
        if is_toml { Self::Toml } else { Self::List }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Toml => "TOML",
            Self::List => "a list of names",
        })
    }
}

impl NodeList {
    /// Reads a list of nodes from the text of a file, in either form; `path` appears in errors.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the text.
    ///
    /// ```
    /// use delian_sim::placement::NodeList;
    ///
    /// let list = NodeList::from_text("ada\nbob\n", "nodes.txt")?;
    /// assert_eq!(list.ring.len(), 2);
    ///
    /// let error = NodeList::from_text("[[node]]\nname = \"ada\"\nweight = 0\n", "nodes.toml").unwrap_err();
    /// assert!(error.to_string().starts_with("nodes.toml:3:10: weight is 0, but must be from 0.001 to 1000"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_text(text: &str, path: &str) -> Result<Self, ScenarioError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let form = Form::of(text, path);
        let draft = match form {
            Form::Toml => table::read(text, path)?,
            Form::List => list::read(text, path)?,
        };
        if draft.nodes.is_empty() {
            let mend = match form {
                Form::Toml => "add a [[node]] with name = \"…\"",
                Form::List => "write one name on each line",
            };
            return Err(ScenarioError::of_file(path, format!("there is no node in it: {mend}")));
        }
        let away: Vec<_> =
            draft.nodes.iter().filter(|node| !node.is_eligible).map(|node| node.member.name.clone()).collect();
        let ring = Ring::build(draft.points_per_unit, draft.nodes.into_iter().map(|node| node.member))
            .map_err(|error| ScenarioError::of_file(path, error.to_string()))?;
        let mut eligible = Eligible::all(&ring);
        for slot in away.iter().filter_map(|name| ring.slot(name)) {
            eligible.exclude(&ring, slot);
        }
        Ok(Self { path: path.to_string(), form, ring, eligible })
    }

    /// Reads one file.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        load(path, Self::from_text)
    }

    /// Makes a node ineligible.
    ///
    /// # Errors
    ///
    /// Returns that there is no such node, and which one may be meant.
    pub fn leave_out(&mut self, name: &str) -> Result<(), String> {
        let Some(slot) = self.ring.slot(name) else {
            let names: Vec<_> = self.ring.slots().map(|slot| &**self.ring.name(slot)).collect();
            let mend = nearest(name, names).map_or_else(String::new, |other| format!(": did you mean `{other}`?"));
            return Err(format!("there is no node `{name}` in {}{mend}", self.path));
        };
        self.eligible.exclude(&self.ring, slot);
        Ok(())
    }

    /// Returns of how many tokens each node serves the keys, by slot, while those that are not eligible are walked past;
    /// nothing if that is nobody or everybody.
    pub fn served(&self) -> Option<Vec<u64>> {
        if self.eligible.is_empty() || self.eligible.len() == self.ring.len() {
            return None;
        }
        // Walking past a node leads where the ring without it does.
        let members = self.eligible.slots().map(|slot| self.ring.member(slot));
        let serving = Ring::build(self.ring.points_per_unit(), members).expect("fewer members of a ring form one");
        let mut served = vec![0; self.ring.len()];
        for (slot, tokens) in self.eligible.slots().zip(serving.shares()) {
            served[slot.index()] = tokens;
        }
        Some(served)
    }
}

/// Says what is wrong with a name, in words that follow "but".
pub(super) fn wrong_with_name(name: &str) -> Option<String> {
    let most = delian_core::ring::NAME_BYTES_MAX;
    if name.is_empty() {
        Some("must not be empty".to_string())
    } else if name.len() > most {
        Some(format!("must have at most {most} bytes, and has {}", name.len()))
    } else if name.chars().any(char::is_control) {
        Some("must not contain control characters".to_string())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use delian_core::ring::{Rule, Slot};
    use proptest::prelude::*;

    use super::*;

    const RACKS: &str = "\
# Two racks.
points_per_weight = 10
[[node]]
name = \"ada\"
weight = 1.5
rack = \"r1\"
datacenter = \"zrh1\"
region = \"eu\"
[[node]]
name = \"bob\"
weight = 2
eligible = false
";

    fn refusal(text: &str, path: &str) -> String {
        NodeList::from_text(text, path).expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_file_says_weights_places_and_who_may_be_asked() {
        let NodeList { ring, eligible, form, .. } = NodeList::from_text(RACKS, "-").unwrap();
        let (ada, bob) = (ring.slot("ada").unwrap(), ring.slot("bob").unwrap());
        assert_eq!((form, ring.points_per_unit().get(), ring.point_count()), (Form::Toml, 10, 35));
        assert_eq!((ring.weight(ada).thousandths(), ring.weight(bob).thousandths()), (1500, 2000));
        assert_eq!((ring.place(ada).to_string(), ring.place(bob).to_string()), ("eu/zrh1/r1".into(), "//".into()));
        assert_eq!((eligible.contains(ada), eligible.contains(bob)), (true, false));
    }

    #[test]
    fn a_list_has_comments_blank_lines_and_names_that_look_like_brackets() {
        let NodeList { ring, form, .. } = NodeList::from_text("# ours\n\n [::1]:7000 \r\nnode#1\n", "nodes").unwrap();
        assert_eq!((form, ring.len()), (Form::List, 2));
        assert!(ring.slot("[::1]:7000").is_some() && ring.slot("node#1").is_some());
    }

    #[test]
    fn the_form_follows_from_the_ending_or_from_the_first_words() {
        for (text, path, form) in [
            ("ada", "nodes.TOML", Form::Toml),
            ("ada", "-", Form::List),
            ("\n# x\n[[node]]\n", "-", Form::Toml),
            ("points_per_weight=1", "nodes.txt", Form::Toml),
            ("=ada", "-", Form::List),
            ("a b = c", "-", Form::List),
        ] {
            assert_eq!(Form::of(text, path), form, "{text:?} in {path}");
        }
    }

    #[test]
    fn each_fault_is_told_with_its_place_its_value_and_the_mend() {
        for (text, told) in [
            ("", "n.toml:1:1: a file of nodes needs `node`"),
            ("node = []", "n.toml: there is no node in it: add a [[node]]"),
            ("[node]\nname = \"a\"", "n.toml:1:1: node is [node], but must be a list, such as [[node]]"),
            ("[[node]]\nname = \"a\"\nwieght = 2", "n.toml:3:1: a [[node]] has no `wieght`: did you mean `weight`?"),
            ("[[node]]\nweight = 2", "n.toml:1:1: a [[node]] needs `name`"),
            ("[[node]]\nname = \"\"", "n.toml:2:8: name is \"\", but must not be empty"),
            ("[[node]]\nname = 7", "n.toml:2:8: name is 7, but must be text in quotes"),
            ("[[node]]\nname = \"a\\u0007\"", "but must not contain control characters"),
            (
                "[[node]]\nname = \"a\"\nweight = 1.0005",
                "n.toml:3:10: weight is 1.0005, but must be from 0.001 to 1000",
            ),
            ("[[node]]\nname = \"a\"\nweight = -1", "n.toml:3:10: weight is -1, but"),
            ("[[node]]\nname = \"a\"\nweight = nan", "n.toml:3:10: weight is nan, but"),
            ("[[node]]\nname = \"a\"\nweight = \"1\"", "n.toml:3:10: weight is \"1\", but"),
            ("[[node]]\nname = \"a\"\nweight = 1001", "n.toml:3:10: weight is 1001, but"),
            ("[[node]]\nname = \"a\"\neligible = 1", "n.toml:3:12: eligible is 1, but must be true or false"),
            ("[[node]]\nname = \"a\"\nrack = 1", "n.toml:3:8: rack is 1, but must be text in quotes"),
            ("[[node]]\nname = \"a\"\n[[node]]\nname = \"a\"", "n.toml:4:8: name is \"a\", but line 2 has it already"),
            (
                "points_per_weight = 0\n[[node]]\nname = \"a\"",
                "n.toml:1:21: points_per_weight is 0, but must be from 1",
            ),
            ("[[node]\nname = \"a\"", "n.toml:1:"),
        ] {
            assert!(refusal(text, "n.toml").contains(told), "{text:?} gives\n{}", refusal(text, "n.toml"));
        }
        for (text, told) in [
            ("", "n: there is no node in it: write one name on each line"),
            ("a\nb\na\n", "n:3:1: `a` is on line 1 already"),
            ("ok\nnode-1 2.0\n", "n:2:7: a name in a list has no spaces"),
            ("a\u{1}b", "n:1:1: a name must not contain control characters"),
        ] {
            assert!(refusal(text, "n").contains(told), "{text:?} gives\n{}", refusal(text, "n"));
        }
        let long = format!("{}\n", "n".repeat(256));
        assert!(refusal(&long, "n").contains("must have at most 255 bytes, and has 256"));
    }

    #[test]
    fn keys_are_served_by_whom_the_walk_leads_to() {
        let names = (0..9).map(|node| format!("node-{node}\n")).collect::<Vec<_>>().concat();
        let mut list = NodeList::from_text(&names, "names").unwrap();
        assert_eq!(list.served(), None);
        for name in ["node-2", "node-7"] {
            list.leave_out(name).unwrap();
        }
        let mut walked = vec![0; 9];
        for (range, _) in list.ring.arcs() {
            let eligible = |slot: &Slot| list.eligible.contains(*slot);
            let mut replicas = [Slot::new(0); 9];
            list.ring.replicas_at(range.through, Rule::Nodes, None, &mut replicas).unwrap();
            walked[replicas.into_iter().find(eligible).unwrap().index()] += range.tokens();
        }
        assert_eq!(list.served(), Some(walked));
        let told = list.leave_out("nod-3").unwrap_err();
        assert_eq!(told, "there is no node `nod-3` in names: did you mean `node-3`?");
    }

    #[test]
    fn more_points_than_a_ring_takes_are_refused_before_they_are_placed() {
        let heavy =
            (0..7).map(|node| format!("[[node]]\nname = \"n{node}\"\nweight = 1000\n")).collect::<Vec<_>>().concat();
        let told = refusal(&format!("points_per_weight = 10000\n{heavy}"), "n.toml");
        assert_eq!(told, "n.toml: 70000000 points are above the limit of 67108864: lower weights or points per unit");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[\\[node\\]\\]|name|weight|=|\"|\n| |[a-c0-9.#]|\\PC){0,40}", toml in any::<bool>()) {
            drop(NodeList::from_text(&text, if toml { "n.toml" } else { "n" }));
        }
    }
}
