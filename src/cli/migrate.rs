//! `vaca migrate`.

use anyhow::Context as _;

use crate::config::Config;
use crate::store::migrate;

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let database = &config.database;
    let version = migrate::run(&config.database)
        .await
        .with_context(|| format!("cannot migrate {database}"))?;
    println!("{database}: schema version {version}");
    Ok(())
}
