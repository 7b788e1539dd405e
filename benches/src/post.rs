//! Another server under the same clients: for comparison on one machine.

use std::time::Duration;

use anyhow::ensure;
use hyper::body::Bytes;
use vaca::clock::{Clock as _, SystemClock};
use vaca_benches::connection;
use vaca_benches::drive::{Bodies, Drive, Driven, Task, count};
use vaca_benches::figures::millis;
use vaca_benches::processes;
use vaca_benches::tokens::TokenMaker;

use crate::PostArguments;

/// Of the time that is measured, so much goes by before.
const WARM_UP: Duration = Duration::from_secs(1);
/// What stands in the body in a token's place.
const PLACE: &str = "ONE_TIME_TOKEN";

pub(crate) async fn run(arguments: &PostArguments) -> anyhow::Result<()> {
    // All of them before any of the clock's time, so that nothing is made between the two stretches.
    let warm_up = bodies(arguments, "warm-up")?;
    let measured = bodies(arguments, "measured")?;
    drive(arguments, warm_up, WARM_UP).await?;
    let before = processes::cpu(arguments.pid)?;
    let driven = drive(arguments, measured, Duration::from_secs(arguments.seconds)).await?;
    let cpu = processes::cpu(arguments.pid)?.saturating_sub(before);
    let answers = driven.latencies.len();
    println!(
        "| {} | {} | {answers} | {:.0} | {} | {} | {} |",
        arguments.name,
        arguments.connections,
        driven.rate(),
        millis(driven.percentile(50)),
        millis(driven.percentile(99)),
        millis(cpu.div_f64(count(answers.max(1)))),
    );
    ensure!(driven.errors.is_empty(), "errors: {:?}", driven.errors);
    Ok(())
}

/// `stretch` tells its tokens from those of the other: a server takes none twice.
fn bodies(arguments: &PostArguments, stretch: &str) -> anyhow::Result<Bodies> {
    let json = std::fs::read_to_string(&arguments.body)?;
    let (Some(key), Some(claims)) = (&arguments.token_key, &arguments.token_claims) else {
        return Ok(Bodies::Same(Bytes::from(json)));
    };
    ensure!(json.contains(PLACE), "no {PLACE} in the body");
    let now = SystemClock::new().now();
    let maker = TokenMaker::read(key, claims, now)?;
    let run = format!("{now}/{}/{stretch}", std::process::id());
    let made = (0..arguments.tokens).map(|number| {
        let token = maker.token(&format!("{run}/{number}"))?;
        Ok(Bytes::from(json.replace(PLACE, &token)))
    });
    Ok(Bodies::Once(made.collect::<anyhow::Result<_>>()?))
}

async fn drive(
    arguments: &PostArguments,
    bodies: Bodies,
    time: Duration,
) -> anyhow::Result<Driven> {
    let drive = Drive {
        address: arguments.address,
        tls: arguments
            .roots
            .as_deref()
            .map(connection::tls)
            .transpose()?,
        times: bodies.times(),
        task: Task::Post {
            path: arguments.path.clone(),
            bodies,
        },
        time,
        connections: arguments.connections,
    };
    drive.run().await
}
