//! Nodes that are killed and stopped while others ask them for things.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::federation::{Federation, PATIENCE, registration};

#[test]
fn the_leader_is_killed_under_load_and_nothing_that_was_answered_is_lost() {
    let mut federation = Federation::found("kill-the-leader", 3);
    let leader = federation.leader_among(&[1, 2, 3]);
    let others: Vec<_> = (1..=3).filter(|number| *number != leader).collect();
    let (over, (done, heard)) = (AtomicBool::new(false), mpsc::channel());
    let apis: Vec<_> = others.iter().map(|number| federation.api(*number)).collect();
    let acknowledged: Vec<u64> = thread::scope(|scope| {
        let clients: Vec<_> = apis
            .iter()
            .zip(0_u64..)
            .map(|(api, client)| {
                let (done, over) = (done.clone(), &over);
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    for number in (1000 + client * 1000)..(1999 + client * 1000) {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let answer = api.put(&format!("/v1/nodes/n{number}"), &registration(&format!("g-{number}")));
                        if answer.is_some_and(|answer| answer.status == 200) {
                            acknowledged.push(number);
                            // At the end nobody counts any more.
                            let _ = done.send(());
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let twenty_more = || {
            // Those from before do not count.
            heard.try_iter().for_each(drop);
            for _ in 0..20 {
                heard.recv_timeout(PATIENCE).expect("the clients get on");
            }
        };
        twenty_more();
        federation.kill(leader);
        twenty_more();
        over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("the client does not panic")).collect()
    });
    assert!(acknowledged.len() >= 40, "the others took over: {}", acknowledged.len());
    federation.join(leader);
    federation.leader_among(&[1, 2, 3]);
    for number in acknowledged {
        let path = format!("/v1/nodes/n{number}?consistency=quorum");
        federation.api(leader).get(&path).expect("the node is back").with(200);
    }
}

#[test]
fn who_is_killed_again_and_again_comes_back_each_time() {
    let mut federation = Federation::found("kill-again", 3);
    for round in 0..6_u64 {
        let victim = 1 + round % 3;
        federation.kill(victim);
        let others: Vec<_> = (1..=3).filter(|other| *other != victim).collect();
        let leader = federation.leader_among(&others);
        let path = format!("/v1/nodes/n{}", 800 + round);
        federation.api(leader).put(&path, &registration(&format!("guest-{round}"))).expect("it answers").with(200);
        federation.join(victim);
        federation.wait(victim, "it has caught up", |status| status["members"].as_u64() >= Some(4 + round));
    }
}
