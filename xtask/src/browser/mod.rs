//! `cargo xtask browser`: does the dashboard show what a node tells, in a real browser?
//!
//! Without `--url` the API is played by `tests/browser/mock.py`, whose trouble is asked for. With it, any node is looked
//! at by the checks that need no trouble. Chromium, its driver and Python are nobody's duty: where one is missing, the
//! command says so and is content.

mod checks;
mod driver;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driver::Browser;

use crate::process::{self, Running};
use crate::{Answer, Problem};

/// A mock that nobody ended ends by itself after so many seconds.
const MOCK_LIFETIME: &str = "600";

/// What `cargo xtask browser` accepts.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the checks whose names hold this
    #[arg(default_value = "", hide_default_value = true)]
    named: String,
    /// The node to look at, such as `http://127.0.0.1:7001` [default: a mock]
    #[arg(long)]
    url: Option<String>,
    /// Where to keep a picture of each check's end, as a PNG
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// The driver
    #[arg(long, default_value = "chromedriver")]
    driver: String,
    /// The browser, by its path
    #[arg(long, default_value = "/usr/bin/chromium")]
    browser: String,
    /// What runs the mock
    #[arg(long, default_value = "python3")]
    python: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let mut needed = vec![&arguments.driver, &arguments.browser];
    if arguments.url.is_none() {
        needed.push(&arguments.python);
    }
    for program in needed {
        if !process::answers(Command::new(program).arg("--version")) {
            println!("skipped: {program} is not here");
            return Ok(Answer::Yes);
        }
    }
    if let Some(folder) = &arguments.pictures {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut answer = Answer::Yes;
    for check in checks::CHECKS.iter().filter(|check| check.name.contains(&arguments.named)) {
        let outcome = match (&arguments.url, check.stage) {
            (Some(url), checks::Stage::AnyNode) => judge(arguments, check, &Place { url: url.clone(), _mock: None }),
            (Some(_), checks::Stage::Mock(_)) => continue,
            (None, checks::Stage::AnyNode) => mock(arguments, &[]).and_then(|place| judge(arguments, check, &place)),
            (None, checks::Stage::Mock(options)) => {
                mock(arguments, options).and_then(|place| judge(arguments, check, &place))
            }
        };
        match outcome {
            Ok(()) => println!("{}: yes", check.name),
            Err(why) => {
                println!("{}: no\n    {why}", check.name);
                answer = Answer::No;
            }
        }
    }
    Ok(answer)
}

/// What a check looks at.
pub(crate) struct Place {
    url: String,
    /// Ends the mock, if it is one.
    _mock: Option<Running>,
}

impl Place {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks the mock for trouble.
    pub(crate) fn act(&self, act: &str) -> Result<(), Problem> {
        let address = format!("{}/mock/{act}", self.url);
        ureq::post(&address).send_empty().map(drop).map_err(|error| format!("{address}: {error}"))
    }
}

fn mock(arguments: &Arguments, options: &[&str]) -> Result<Place, Problem> {
    let script = process::root().join("tests/browser/mock.py");
    let mut command = Command::new(&arguments.python);
    command.arg(script).args(["--lifetime", MOCK_LIFETIME]).args(options).stderr(Stdio::null());
    let (running, url) = Running::start(&mut command, |line| line.starts_with("http").then(|| line.to_owned()))?;
    Ok(Place { url, _mock: Some(running) })
}

fn judge(arguments: &Arguments, check: &checks::Check, place: &Place) -> Result<(), Problem> {
    let browser = Browser::start(&arguments.driver, &arguments.browser)?;
    browser.resize(1440, 1000)?;
    browser.prefer("dark")?;
    browser.open(&place.url)?;
    let outcome = (check.run)(&browser, place);
    if let Some(folder) = &arguments.pictures {
        keep(folder, check.name, &browser.picture()?)?;
    }
    outcome
}

fn keep(folder: &Path, name: &str, picture: &[u8]) -> Result<(), Problem> {
    let path = folder.join(format!("{name}.png"));
    fs::write(&path, picture).map_err(|error| format!("{}: {error}", path.display()))
}
