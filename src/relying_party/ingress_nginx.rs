//! ingress-nginx: what its annotations can say. No test runs it.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::IngressNginx;
const RELOAD: &str = "kubectl apply -f ingress.yaml; the controller sees it by itself.";
const STEPS: [&str; 2] = [
    "In ingress.yaml, name the namespace, here and in auth-tls-secret, in apply the same, and the application's service.",
    "kubectl apply -f ingress.yaml. Then ask without a certificate, and with a revoked one: no test of ours has done it.",
];

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let ingress = fill!("relying_party/ingress-nginx/ingress.yaml", site)?;
    let purpose = "Lets in who has a certificate of the CA, and tells the application who it is.";
    folder.own("ingress.yaml", purpose, &ingress);
    let apply = fill!("relying_party/ingress-nginx/apply", site)?;
    let purpose = "Puts the root and the lists into the Secret that ingress.yaml names.";
    folder.push(folder.file("apply", purpose, &apply).executable());
    folder.certificates();
    folder.refresh(Refresh {
        service: "the controller",
        layout: Layout::One,
        reload: &format!(" {}/apply", site.place.folder),
    })?;
    let certificate = format!(
        "Put the server's own certificate, with the chain behind it, and its key into the Secret vaca-{}-server: kubectl create secret tls. They come from a CA that the clients trust for servers, never from vaca.",
        site.profile
    );
    let mut steps = vec![certificate];
    steps.extend(STEPS.map(str::to_owned));
    steps.extend(folder.refresh_steps());
    folder.install_by(
        "ingress-nginx lets in who has a certificate of the CA. Rendered, and not run in any test.",
        &steps,
    )
}
