//! `delian store`: what a node keeps on disk, for whoever looks at it while the node does not run.
//!
//! Nothing is changed and nothing is asked of a running federation.

mod arguments;

pub(crate) use self::arguments::{EXAMPLES, StoreArguments};

use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use delian_shell::store::{Care, Repair, StoreError, Survey};
use delian_sim::report::human::{bytes, grouped, plural};
use serde_json::{Value, json};

use self::arguments::{ExportArguments, LookArguments, StoreCommand};
use crate::answer::{Answer, Problem};
use crate::screen::{self, Screen};

/// The width of the words before what is told.
const LABEL_WIDTH: usize = 10;

pub(crate) fn run(arguments: &StoreArguments) -> Result<Answer, Problem> {
    match &arguments.command {
        StoreCommand::Inspect(arguments) => inspect(arguments),
        StoreCommand::Verify(arguments) => verify(arguments),
        StoreCommand::Export(arguments) => export(arguments),
    }
}

fn inspect(arguments: &LookArguments) -> Result<Answer, Problem> {
    let survey = match found(Survey::of(&arguments.path, Care::Records), arguments)? {
        Ok(survey) => survey,
        Err(answer) => return Ok(answer),
    };
    if arguments.json {
        screen::say(&format!("{:#}\n", survey.document()))?;
    } else {
        let mut rows = vec![("file", format!("{}, {}", survey.place.display(), bytes(survey.file_bytes)))];
        rows.extend(told(&survey));
        say(&rows)?;
    }
    Ok(Answer::Yes)
}

fn verify(arguments: &LookArguments) -> Result<Answer, Problem> {
    let survey = match found(Survey::of(&arguments.path, Care::Pages), arguments)? {
        Ok(survey) => survey,
        Err(answer) => return Ok(answer),
    };
    if arguments.json {
        let mut document = survey.document();
        document["ok"] = json!(true);
        document["why"] = Value::Null;
        screen::say(&format!("{document:#}\n"))?;
    } else {
        let screen = Screen::of_output();
        screen::say(&format!("{} is {}\n\nchecked:\n", survey.place.display(), screen.good("whole")))?;
        let pages = "every page in use fits its checksum, and the account of pages fits the pages".to_owned();
        let mut rows = vec![("pages", pages)];
        rows.extend(told(&survey));
        say(&rows)?;
    }
    Ok(Answer::Yes)
}

fn export(arguments: &ExportArguments) -> Result<Answer, Problem> {
    let survey = match Survey::of(&arguments.path, Care::Records) {
        Ok(survey) => survey,
        Err(error) => return unreadable(&error),
    };
    let Some(to) = &arguments.to else {
        let written = write_lines(&survey, io::stdout().lock()).map(|_| ());
        screen::forgive(written).map_err(|error| Problem::new(format!("cannot write to standard output: {error}")))?;
        return Ok(Answer::Yes);
    };
    let mut options = OpenOptions::new();
    options.write(true);
    if arguments.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let file = options.open(to).map_err(|error| unwritten(to, &error))?;
    let records = write_lines(&survey, file).map_err(|error| unwritten(to, &error))?;
    if arguments.json {
        screen::say(&format!("{:#}\n", json!({ "to": to.display().to_string(), "records": records })))?;
    } else {
        screen::say(&format!("{} in {}\n", plural(records, "record"), to.display()))?;
    }
    Ok(Answer::Yes)
}

fn write_lines(survey: &Survey, output: impl Write) -> io::Result<u64> {
    let mut output = BufWriter::new(output);
    let mut records = 0;
    for document in survey.documents() {
        writeln!(output, "{document}")?;
        records += 1;
    }
    output.flush()?;
    Ok(records)
}

fn unwritten(to: &Path, error: &io::Error) -> Problem {
    if error.kind() == ErrorKind::AlreadyExists {
        return Problem::new(format!("{} exists: name another file, or say --force", to.display()));
    }
    Problem::new(format!("cannot write {}: {error}", to.display()))
}

/// Returns what was found, or what to answer when that is damage.
fn found(survey: Result<Survey, StoreError>, arguments: &LookArguments) -> Result<Result<Survey, Answer>, Problem> {
    match survey {
        Ok(survey) => Ok(Ok(survey)),
        Err(StoreError::Damaged { place, why }) if arguments.json => {
            screen::say(&format!("{:#}\n", json!({ "ok": false, "place": place, "why": why })))?;
            Ok(Err(Answer::No))
        }
        Err(error) => unreadable(&error).map(Err),
    }
}

/// Says why a store cannot be read: damage is a finding, all else is a question that could not be asked.
fn unreadable(error: &StoreError) -> Result<Answer, Problem> {
    match error {
        StoreError::Damaged { .. } => {
            screen::complain(&format!("damaged: {error}"));
            Ok(Answer::No)
        }
        StoreError::Io { .. }
        | StoreError::Held { .. }
        | StoreError::Exists { .. }
        | StoreError::Absent { .. }
        | StoreError::Version { .. }
        | StoreError::Foreign { .. } => Err(Problem::new(error.to_string())),
    }
}

/// Returns what a store holds, a row for each part.
fn told(survey: &Survey) -> Vec<(&'static str, String)> {
    let recovered = &survey.recovered;
    let hard_state = &recovered.hard_state;
    let vote = hard_state.voted_for.map_or_else(|| "no vote".to_owned(), |node| format!("a vote for {node}"));
    let memory = hard_state.incarnation.map_or_else(|| "no memory".to_owned(), |memory| format!("memory {memory}"));
    let dropped = recovered.dropped.index;
    let last = dropped.advanced_by(recovered.entries.len());
    let log = if recovered.entries.is_empty() {
        format!("no entries after {dropped}")
    } else {
        let entries = grouped(recovered.entries.len() as u64);
        let noun = if recovered.entries.len() == 1 { "entry" } else { "entries" };
        format!("{} to {last}, {entries} {noun}, {}", dropped.next(), bytes(survey.entry_bytes))
    };
    let mut rows = vec![
        ("owner", format!("{} of {:?}, format {}", survey.owner.id, survey.owner.cluster, survey.format)),
        ("hard state", format!("term {}, {vote}, boot {}, {memory}", hard_state.term, hard_state.boot)),
    ];
    if let Some(snapshot) = &recovered.snapshot {
        let size = format!("{} in {}", bytes(survey.snapshot_bytes), plural(survey.snapshot_chunks, "chunk"));
        rows.push(("snapshot", format!("at {}, {size}, level {}", snapshot.last, snapshot.level)));
        let names = |nodes: Vec<String>| if nodes.is_empty() { "nobody".to_owned() } else { nodes.join(", ") };
        let voters = names(snapshot.configuration.all_voters().map(|node| node.to_string()).collect());
        let learners = names(snapshot.configuration.learners.iter().map(ToString::to_string).collect());
        rows.push(("members", format!("{voters} vote; {learners} learn")));
    } else {
        rows.push(("snapshot", "none".to_owned()));
    }
    let state = match survey.repair {
        Repair::Nothing => "closed".to_owned(),
        Repair::AtNextStart => "not closed: its node repairs it at the next start, and loses nothing".to_owned(),
    };
    rows.extend([("log", log), ("state", state)]);
    rows
}

fn say(rows: &[(&'static str, String)]) -> Result<(), Problem> {
    let width = Screen::of_output().width();
    let rows: Vec<String> = rows.iter().map(|(label, text)| screen::row(label, LABEL_WIDTH, text, width)).collect();
    screen::say(&rows.concat())
}
