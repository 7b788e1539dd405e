//! Another server under the same clients: for comparison on one machine.

use std::time::Duration;

use anyhow::ensure;
use vaca_benches::drive::{Drive, Driven, Task, count};
use vaca_benches::figures::millis;
use vaca_benches::processes;

use crate::PostArguments;

/// Of the time that is measured, so much goes by before.
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) async fn run(arguments: &PostArguments) -> anyhow::Result<()> {
    drive(arguments, WARM_UP).await?;
    let before = processes::cpu(arguments.pid)?;
    let driven = drive(arguments, Duration::from_secs(arguments.seconds)).await?;
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

async fn drive(arguments: &PostArguments, time: Duration) -> anyhow::Result<Driven> {
    let drive = Drive {
        address: arguments.address,
        task: Task::Post {
            path: arguments.path.clone(),
            json: std::fs::read_to_string(&arguments.body)?,
        },
        times: usize::MAX,
        time,
        connections: arguments.connections,
    };
    drive.run().await
}
