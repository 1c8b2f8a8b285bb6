//! A browser that is driven by `WebDriver` (W3C recommendation, 2018), as far as the checks need it.
//!
//! Whatever is waited for is waited for inside the page, by a script that looks again until a limit, so nothing here
//! sleeps. Who drops a [`Browser`] ends it, and the driver with it.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;

use crate::Problem;
use crate::process::Running;

/// How long the page may take to become what is waited for: long, for it is a sign of failure and no measure of speed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the driver may take to answer, the time that it waits inside the page included.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// The keys that `WebDriver` has no letters for (section 17.4.2).
pub(crate) const ENTER: char = '\u{E007}';
pub(crate) const ESCAPE: char = '\u{E00C}';
pub(crate) const TAB: char = '\u{E004}';
pub(crate) const DOWN: char = '\u{E015}';

/// A session in a headless browser.
pub(crate) struct Browser {
    agent: Agent,
    session: String,
    /// Ends the driver; the session has ended by then.
    _driver: Running,
}

impl Browser {
    /// Starts the driver and a browser by it.
    pub(crate) fn start(driver: &str, browser: &str) -> Result<Browser, Problem> {
        let mut command = std::process::Command::new(driver);
        command.arg("--port=0").stderr(Stdio::null());
        let (driver, port) = Running::start(&mut command, |line| {
            let port: String = line.split(" on port ").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
            (port != "0" && !port.is_empty()).then_some(port)
        })?;
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_TIMEOUT))
            .proxy(None)
            .build()
            .into();
        let base = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {
                "binary": browser,
                // Continuous integration runs as root in a container, where the sandbox of the browser cannot start.
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": PATIENCE.as_millis() * 3 / 2},
        }}});
        let told = post(&agent, &base, &wanted)?;
        let id = told["sessionId"].as_str().ok_or_else(|| format!("the driver gave no session: {told}"))?;
        Ok(Browser { agent, session: format!("{base}/{id}"), _driver: driver })
    }

    /// Opens an address.
    pub(crate) fn open(&self, address: &str) -> Result<(), Problem> {
        self.post("url", &json!({"url": address})).map(drop)
    }

    /// Sets the size of the page, in CSS pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) -> Result<(), Problem> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", &metrics).map(drop)
    }

    /// Prefers `dark` or `light`.
    pub(crate) fn prefer(&self, scheme: &str) -> Result<(), Problem> {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", &features).map(drop)
    }

    /// Returns what an expression of JavaScript is in the page.
    pub(crate) fn ask(&self, expression: &str) -> Result<Value, Problem> {
        self.post("execute/sync", &json!({"script": format!("return {expression};"), "args": []}))
    }

    /// Waits until an expression is true. What throws is not true yet.
    pub(crate) fn wait(&self, expression: &str) -> Result<(), Problem> {
        let script = format!(
            "const done = arguments[0], end = performance.now() + {};\n\
             const look = () => {{ try {{ if ({expression}) return done(true); }} catch {{}}\n\
             if (performance.now() > end) done(false); else setTimeout(look, 50); }};\nlook();",
            PATIENCE.as_millis()
        );
        let came = self.post("execute/async", &json!({"script": script, "args": []}))?;
        if came == Value::Bool(true) {
            return Ok(());
        }
        let shown = self.ask("document.body.innerText.slice(0, 600)")?;
        Err(format!("waited in vain for `{expression}`; the page shows: {}", shown.as_str().unwrap_or("nothing")))
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) -> Result<(), Problem> {
        let presses: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": presses}]});
        self.post("actions", &actions).map(drop)
    }

    /// Returns what the console was told since the last question, each as `level source: message`.
    pub(crate) fn console(&self) -> Result<Vec<String>, Problem> {
        let told = self.post("se/log", &json!({"type": "browser"}))?;
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("?").to_owned();
        let line =
            |entry: &Value| format!("{} {}: {}", text(entry, "level"), text(entry, "source"), text(entry, "message"));
        Ok(told.as_array().map(|entries| entries.iter().map(line).collect()).unwrap_or_default())
    }

    /// Returns a picture of what is seen, as a PNG.
    pub(crate) fn picture(&self) -> Result<Vec<u8>, Problem> {
        let told = self.command("Page.captureScreenshot", &json!({"format": "png"}))?;
        let text = told["data"].as_str().ok_or("the browser gave no picture")?;
        STANDARD.decode(text).map_err(|error| format!("the browser gave no picture: {error}"))
    }

    fn command(&self, name: &str, parameters: &Value) -> Result<Value, Problem> {
        self.post("goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        post(&self.agent, &format!("{}/{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver is killed next. A browser that outlives it would be nobody's, so it is asked to end first.
        let _ended = self.agent.delete(&self.session).call();
    }
}

fn post(agent: &Agent, address: &str, body: &Value) -> Result<Value, Problem> {
    let told: Value = agent
        .post(address)
        .send_json(body)
        .and_then(|mut answer| answer.body_mut().read_json())
        .map_err(|error| format!("{address}: {error}"))?;
    match told["value"]["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", told["value"]["message"].as_str().unwrap_or("no more was said"))),
        None => Ok(told["value"].clone()),
    }
}
