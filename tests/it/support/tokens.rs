//! Operators' tokens.

use vaca::access::issue::{IssuedToken, TokenOffice, TokenOrder};
use vaca::clock::Clock as _;
use vaca::config::Config;
use vaca::model::actor::Actor;
use vaca::model::role::Role;
use vaca::random::SystemRandom;
use vaca::secrets::DeploymentKey;

use super::TestCa;

impl TestCa {
    /// The key of the test's deployment.
    pub fn deployment_key(&self) -> DeploymentKey {
        let config = Config::load(&self.configuration_file()).unwrap();
        vaca::server::load_deployment_key(&config.deployment_key_file).unwrap()
    }

    /// A token as the command line makes it, by the test's clock.
    pub async fn issue_token(&self, order: &TokenOrder) -> IssuedToken {
        let office = TokenOffice {
            store: &self.store,
            key: &self.deployment_key(),
            random: &SystemRandom,
            now: self.clock.now(),
        };
        office
            .issue(order, &Actor::CommandLine, None)
            .await
            .unwrap()
    }

    /// The text of a token of this role.
    pub async fn token(&self, role: Role) -> String {
        let order = TokenOrder::new(role.as_str(), role, None).unwrap();
        self.issue_token(&order).await.text().to_owned()
    }
}
