// Java's opinion of a population: PKIX with revocation lists of every level, offline. Arguments: the folder.
// Prints the name of each certificate that it takes.

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

public class Judge {
    static final CertificateFactory FACTORY = factory();

    static CertificateFactory factory() {
        try {
            return CertificateFactory.getInstance("X.509");
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    static X509Certificate certificate(Path path) throws Exception {
        try (InputStream stream = Files.newInputStream(path)) {
            return (X509Certificate) FACTORY.generateCertificate(stream);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        X509Certificate issuing = certificate(folder.resolve("issuing.pem"));
        TrustAnchor root = new TrustAnchor(certificate(folder.resolve("root.pem")), null);
        PKIXParameters parameters = new PKIXParameters(Set.of(root));
        parameters.setRevocationEnabled(true);
        try (InputStream stream = Files.newInputStream(folder.resolve("all.crl"))) {
            var lists = new CollectionCertStoreParameters(FACTORY.generateCRLs(stream));
            parameters.addCertStore(CertStore.getInstance("Collection", lists));
        }
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        List<Path> files = new ArrayList<>();
        try (var found = Files.newDirectoryStream(folder.resolve("leaves"), "*.pem")) {
            found.forEach(files::add);
        }
        for (Path file : files) {
            X509Certificate leaf = certificate(file);
            // The path algorithm does not ask for the purpose; TLS does.
            if (!leaf.getExtendedKeyUsage().contains("1.3.6.1.5.5.7.3.2")) continue;
            try {
                validator.validate(FACTORY.generateCertPath(List.of(leaf, issuing)), parameters);
                System.out.println(file.getFileName().toString().replace(".pem", ""));
            } catch (CertPathValidatorException error) {
                // Revoked, or something that nobody expects: the others know.
                System.err.println(file.getFileName() + ": " + error.getMessage());
            }
        }
    }
}
