//! What must be true of the page, one function per fact, named after it.

use serde_json::Value;

use super::Place;
use super::driver::{Browser, DOWN, ENTER, ESCAPE, TAB};
use crate::Problem;

/// What a check needs.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    /// Any node that answers without a token, with at least one registered node.
    AnyNode,
    /// A mock with these options.
    Mock(&'static [&'static str]),
}

/// A fact.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) run: fn(&Browser, &Place) -> Result<(), Problem>,
}

macro_rules! checks {
    ($($stage:expr => $name:ident),* $(,)?) => {
        &[$(Check { name: stringify!($name), stage: $stage, run: $name }),*]
    };
}

pub(crate) const CHECKS: &[Check] = checks![
    Stage::AnyNode => every_part_of_the_page_is_filled,
    Stage::AnyNode => everything_is_reached_by_the_keyboard,
    Stage::AnyNode => the_page_fits_every_width,
    Stage::AnyNode => a_shared_link_shows_the_same_view,
    Stage::Mock(&[]) => a_killed_leader_is_seen_without_a_reload,
    Stage::Mock(&[]) => the_events_can_be_paused_and_filtered,
    Stage::Mock(&[]) => a_dead_node_is_said_to_be_dead_and_seen_to_return,
    Stage::Mock(&[]) => a_reset_and_a_cut_are_told_and_survived,
    Stage::Mock(&["--token", "sesame"]) => a_token_is_asked_for_and_used,
    Stage::Mock(&["--nodes", "3000"]) => thousands_of_rows_cost_a_screenful,
];

const LIVE: &str = "document.getElementById('phase').textContent === 'live'";
const FILLED: &str = "document.querySelectorAll('#nodes tr[data-id]').length > 0";

fn every_part_of_the_page_is_filled(browser: &Browser, _: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait(FILLED)?;
    for id in ["leader", "epoch", "registered", "asked", "log-hint", "ring-hint"] {
        browser.wait(&format!("!['', '–'].includes(document.getElementById('{id}').textContent)"))?;
    }
    for drawn in ["#map .cell", "#log tbody tr", "#ring .bars", "#spark path", "#density svg", "#events li"] {
        browser.wait(&format!("document.querySelector('{drawn}') !== null"))?;
    }
    for landmark in ["header", "main", "form[role=search]", "[aria-live=polite]", "table caption", "th[scope=col]"] {
        browser.wait(&format!("document.querySelector('{landmark}') !== null"))?;
    }
    expect_silence(browser)
}

fn everything_is_reached_by_the_keyboard(browser: &Browser, _: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait(FILLED)?;
    browser.press("/")?;
    browser.wait("document.activeElement.id === 'find'")?;
    browser.press("no such node anywhere")?;
    browser.wait("document.querySelector('#nodes tr.none') !== null")?;
    browser.wait("location.hash.includes('q=no')")?;
    browser.press(&ESCAPE.to_string())?;
    browser.wait(FILLED)?;
    // From the search the tab key comes to one cell of the map, and past it to the head of the table and one row.
    browser.press(&TAB.to_string())?;
    browser.wait("document.activeElement.matches('.cell')")?;
    for _ in 0..10 {
        browser.press(&TAB.to_string())?;
    }
    browser.wait("document.activeElement.matches('#nodes tbody button')")?;
    let many = browser.ask("document.querySelectorAll('#nodes tr[data-id]').length > 1")? == Value::Bool(true);
    let first = browser.ask("document.activeElement.textContent")?;
    browser.press(&DOWN.to_string())?;
    if many {
        browser.wait(&format!("document.activeElement.textContent !== {first}"))?;
    }
    browser.press(&ENTER.to_string())?;
    browser.wait("document.activeElement.id === 'why-title' && document.querySelector('#why .lines li') !== null")?;
    browser.wait("document.querySelector('#why svg') !== null")?;
    browser.press(&ESCAPE.to_string())?;
    browser.wait("document.getElementById('why').hidden && document.activeElement.matches('#nodes tbody button')")?;
    expect_silence(browser)
}

fn the_page_fits_every_width(browser: &Browser, _: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait(FILLED)?;
    for width in [360, 640, 1024, 1440, 1920, 2560] {
        browser.resize(width, 900)?;
        browser.wait(&format!("innerWidth === {width} && document.documentElement.scrollWidth <= {width}"))?;
    }
    for scheme in ["light", "dark"] {
        browser.prefer(scheme)?;
        browser.wait(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"))?;
    }
    expect_silence(browser)
}

fn a_shared_link_shows_the_same_view(browser: &Browser, place: &Place) -> Result<(), Problem> {
    browser.wait(FILLED)?;
    let found = browser.ask("document.querySelector('#nodes tr[data-id]').dataset.id")?;
    let id = found.as_str().ok_or("a row has no identity")?;
    browser.open("about:blank")?;
    browser.open(&format!("{}/#q=id:{id}&sort=name&dir=up&node={id}", place.url()))?;
    browser.wait(&format!("document.querySelector('#why small').textContent === '{id}'"))?;
    browser.wait("document.querySelector('.c-name[aria-sort=ascending]') !== null")?;
    browser.wait(&format!("document.querySelector('#nodes tr.open').dataset.id === '{id}'"))?;
    browser.wait(&format!("document.getElementById('find').value === 'id:{id}'"))
}

fn a_killed_leader_is_seen_without_a_reload(browser: &Browser, place: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait("document.getElementById('leader').textContent === 'naxos'")?;
    browser.ask("void (window.loadedOnce = true)")?;
    place.act("kill-leader")?;
    browser.wait("document.getElementById('leader').textContent === 'paros'")?;
    browser.wait("document.getElementById('leader-more').textContent.includes('term 8')")?;
    browser.wait("document.querySelector('.cell[data-id=n2] .mark').dataset.condition === 'unreachable'")?;
    browser.wait("document.querySelector('#nodes tr[data-id=n2] .c-pool').textContent === 'dead'")?;
    browser.wait("document.querySelector('#events li').textContent.includes('naxos (n2) failed')")?;
    browser.ask("document.querySelector('.cell[data-id=n2]').click()")?;
    browser
        .wait("document.querySelector('#why .verdict').textContent.includes('the failure detector holds it dead')")?;
    place.act("recover?node=n2")?;
    browser.wait("document.querySelector('.cell[data-id=n2] .mark').dataset.condition === 'healthy'")?;
    place.act("remove?node=n30")?;
    browser.wait("document.querySelector('.cell[data-id=n30]') === null")?;
    browser.wait("window.loadedOnce === true")?;
    expect_silence(browser)
}

fn the_events_can_be_paused_and_filtered(browser: &Browser, place: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait("document.querySelectorAll('#events li').length > 3")?;
    browser.ask("document.getElementById('pause').click()")?;
    place.act("silence?node=n9")?;
    browser.wait("document.getElementById('pause').textContent === 'Go on, 2 new ones'")?;
    browser.wait("!document.getElementById('events').textContent.includes('thasos')")?;
    browser.ask("document.getElementById('pause').click()")?;
    browser.wait("document.getElementById('events').textContent.includes('thasos (n9) failed')")?;
    let choose = "(() => { const level = document.getElementById('level'); level.value = 'error'; \
                  level.dispatchEvent(new Event('change')); })()";
    browser.ask(choose)?;
    browser.wait("[...document.querySelectorAll('#events li')].every((row) => row.dataset.severity === 'error')")?;
    browser.wait("location.hash.includes('level=error')")?;
    expect_silence(browser)
}

fn a_dead_node_is_said_to_be_dead_and_seen_to_return(browser: &Browser, place: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait(FILLED)?;
    expect_silence(browser)?;
    place.act("die?for=6")?;
    browser.wait("document.getElementById('phase').textContent === 'disconnected'")?;
    browser.wait("document.getElementById('main').dataset.stale === 'true'")?;
    browser.wait("document.getElementById('notices').textContent.includes('delos does not answer.')")?;
    browser.wait("document.querySelectorAll('#notices a').length === 3")?;
    browser.wait(LIVE)?;
    browser.wait("document.getElementById('main').dataset.stale === 'false'")?;
    browser.wait("document.getElementById('notices').textContent === ''")?;
    browser.wait("document.querySelector('#events .gap').textContent.includes('started anew')")?;
    browser.wait("document.getElementById('events').textContent.includes('boot 2')")
}

fn a_reset_and_a_cut_are_told_and_survived(browser: &Browser, place: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait("document.querySelectorAll('#events li').length > 3")?;
    for (act, told) in [("reset", "may be missing"), ("cut", "cut the watch")] {
        place.act(act)?;
        let gaps = "[...document.querySelectorAll('#events .gap')]";
        browser.wait(&format!("{gaps}.some((gap) => gap.textContent.includes('{told}'))"))?;
        browser.wait(LIVE)?;
    }
    place.act("degrade?node=n9")?;
    browser.wait("document.getElementById('events').textContent.includes('thasos (n9) is degraded')")?;
    let twice =
        "[...document.querySelectorAll('#events li')].filter((row) => row.textContent.includes('leads term 7'))";
    browser.wait(&format!("{twice}.length === 1"))?;
    expect_silence(browser)
}

fn a_token_is_asked_for_and_used(browser: &Browser, _: &Place) -> Result<(), Problem> {
    browser.wait("document.activeElement.id === 'token-field'")?;
    browser.wait("document.getElementById('phase').textContent === 'token needed'")?;
    browser.press("wrong")?;
    browser.press(&ENTER.to_string())?;
    browser.wait("document.getElementById('token-said').textContent !== ''")?;
    browser.ask("document.getElementById('token-field').focus()")?;
    browser.press("sesame")?;
    browser.press(&ENTER.to_string())?;
    browser.wait(LIVE)?;
    browser.wait(FILLED)?;
    browser.wait("document.getElementById('token').hidden && sessionStorage.getItem('delian-token') === 'sesame'")
}

fn thousands_of_rows_cost_a_screenful(browser: &Browser, _: &Place) -> Result<(), Problem> {
    browser.wait(LIVE)?;
    browser.wait("document.querySelectorAll('.cell').length === 3000")?;
    browser.wait("document.querySelectorAll('#nodes tr[data-id]').length < 100")?;
    browser.ask("void (document.getElementById('nodes').scrollTop = 1e9)")?;
    browser.wait("document.querySelector('#nodes tr[aria-rowindex=\"3001\"]') !== null")?;
    browser.wait("document.querySelectorAll('#nodes tr[data-id]').length < 100")?;
    browser.press("/")?;
    browser.press("name:naxos region:us")?;
    browser.wait("/^[0-9]+ of 3,000 nodes$/.test(document.getElementById('found').textContent)")?;
    expect_silence(browser)
}

/// Requires that the console was told nothing that is wrong, what the policy forbids included.
fn expect_silence(browser: &Browser) -> Result<(), Problem> {
    let loud: Vec<String> = browser
        .console()?
        .into_iter()
        .filter(|line| line.starts_with("SEVERE") || line.starts_with("WARNING"))
        .collect();
    if loud.is_empty() { Ok(()) } else { Err(format!("the console was told: {}", loud.join("; "))) }
}
